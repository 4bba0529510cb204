"""What docs/scaling.md reckons is what tools/scaling.py prints."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from translate.speech.shards.sampling import SHUFFLED

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def scaling():
    specification = importlib.util.spec_from_file_location("scaling", ROOT / "tools" / "scaling.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["scaling"] = module                                 # dataclasses look it up
    specification.loader.exec_module(module)
    return module


def test_the_page_shows_what_the_script_prints(scaling):
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    for given in ({}, {"analysis": 0.027, "cores": 512}):
        assert scaling.make_table(scaling.list_corpora(given)) in page


def test_the_formulas(scaling):
    plan = scaling.Plan(hours=1, domains=2, cores=4, analysis=0.2, step_ms=100, steps=36_000)
    assert plan.frames() == 720_000
    assert plan.dump_bytes() == 720_000 * 37 * 4
    assert plan.extraction_hours() == pytest.approx(0.05)
    assert plan.training_hours() == 1
    assert plan.heard_hours() == pytest.approx(36_000 * 128 * 0.005 / 3600)
    assert plan.shard_memory() == 32 * 720 + 800 * 2                # of two domains with 360 utterances each
    assert plan.shuffled == SHUFFLED


def test_the_command_takes_a_corpus(scaling):
    command = [sys.executable, str(ROOT / "tools" / "scaling.py"), "--hours", "100", "--domains", "3"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines()[2:] == [scaling.make_table([("given", scaling.Plan(100, 3))]).splitlines()[2]]
