"""Speech front ends: from waves to features and back. NumPy only; nothing here imports torch."""
