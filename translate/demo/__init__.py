"""The browser demo: try trained models on one's own recordings and pictures. Needs the extra `demo` (Gradio)."""
