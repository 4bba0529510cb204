"""From a checkpoint to converted speech."""
