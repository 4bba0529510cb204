"""Whole generators and discriminators, named by architecture."""
