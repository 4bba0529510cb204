"""Corpora of speech: extraction of features, sampling, checks, synthetic voices."""
