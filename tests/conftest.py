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


LONG = ("test_recipes", "test_elastic", "test_speech_recipes", "test_image_recipes", "test_killed_saves")


def pytest_collection_modifyitems(items):
    """Begin with the longest files: each stays in one process, and none shall be alone at the end."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(autouse=True)
def quick_evaluations(request, monkeypatch):
    """Let evaluations go without the listening instruments, which take seconds and have tests of their own."""
    if request.path.stem not in ("test_instruments", "test_listening"):
        for module in ("translate.speech.measures.listening", "translate.speech.metric"):
            monkeypatch.setattr(f"{module}.find_missing", lambda: "what this test leaves out")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real speech and images that TRANSLATE_DATA names."""
    folder = os.environ.get("TRANSLATE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TRANSLATE_DATA does not name a folder with real data")
    return Path(folder)
