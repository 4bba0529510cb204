"""What the modalities share about corpora: manifests, directions, conversion tasks, the order of sampling."""
