"""The training steps: one game for every model of the same idea, whatever the tensors hold."""
