"""The sections of `tools/bench.py`, one module each."""
