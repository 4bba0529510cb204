"""What all tests share."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "2")

pytest_plugins = ["recipe_runs", "tiny_training"]                   # of tests/helpers

# What trainings note of code of one's own; tests leave the user's alone.
_state = tempfile.TemporaryDirectory()
os.environ["XDG_STATE_HOME"] = _state.name


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real speech and images that TRANSLATE_DATA names."""
    folder = os.environ.get("TRANSLATE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TRANSLATE_DATA does not name a folder with real data")
    return Path(folder)
