"""From a checkpoint to converted speech and pictures."""
