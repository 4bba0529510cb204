"""Measures of converted images."""
