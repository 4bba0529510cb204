"""A package, so that its fixtures end with its last test: Playwright occupies the main thread's event loop."""
