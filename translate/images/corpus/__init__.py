"""Corpora of images: layouts, checks, sampling."""
