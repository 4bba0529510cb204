"""Making pictures from noise with a trained model."""
