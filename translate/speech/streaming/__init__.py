"""Conversion of speech while it is being spoken."""
