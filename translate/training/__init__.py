"""The training loop, with players, schedules, resuming, logs and several processes."""
