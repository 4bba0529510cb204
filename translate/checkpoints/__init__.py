"""Checkpoints: storing, finding, trusting and sharing them."""
