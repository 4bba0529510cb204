"""Front ends: from waves to frames of features, and back."""
