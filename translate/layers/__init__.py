"""Building blocks of networks: they depend on shapes, not on models."""
