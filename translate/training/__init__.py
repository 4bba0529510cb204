"""The loop, and what it needs: checkpoints, schedules, logs, several processes."""
