"""Models that make samples from noise, one file each."""
