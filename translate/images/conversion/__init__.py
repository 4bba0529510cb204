"""Conversion of images."""
