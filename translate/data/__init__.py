"""What trains: manifests, extracted features on disk, and the built-in corpora."""
