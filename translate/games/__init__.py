"""The training steps: one translator for every system of the same idea, whatever the tensors hold."""
