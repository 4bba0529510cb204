"""Converters of speech: from a wave to its conversion."""
