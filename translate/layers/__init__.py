"""Building blocks of networks: they know shapes, not systems."""
