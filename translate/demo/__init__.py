"""The browser demo: try trained systems on one's own recordings and pictures. Needs the extra `demo` (Gradio)."""
