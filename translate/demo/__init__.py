"""The browser demo: try trained models on your own recordings and images. Needs the extra `demo` (Gradio)."""
