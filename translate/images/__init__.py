"""All that knows pixels: reading and writing, corpora, conversion, measures."""
