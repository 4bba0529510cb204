"""Features of speech as shards, to be streamed."""
