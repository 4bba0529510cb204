"""How threads of OpenMP wait is set before torch is imported, unless the user has set it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
TELL = f"import json, os; print(json.dumps({{name: os.environ.get(name) for name in {VARIABLES}}}))"
WORKERS = """
import json, os
from translate.speech.corpus.cluster import work
print(json.dumps({"OMP_WAIT_POLICY": next(work(os.getenv, [("OMP_WAIT_POLICY",)] * 2, jobs=2))}))
"""
# The command, and a module of it that stands for the training: it tells what torch would see when it is imported.
COMMAND = """
import sys, types
assert "torch" not in sys.modules
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            {tell}
            sys.stdout.flush()
            os._exit(0)
sys.meta_path.insert(0, Finder())
sys.argv = ["translate", "models"]
{start}
"""
STARTS = {
    "command": "from translate.cli import main; main()",
    "module": "import runpy; runpy.run_module('translate', run_name='__main__')",
    "import": "import translate; translate.load",
}


def run(code, **variables):
    """What a new Python prints, as JSON, where of `VARIABLES` only `variables` are set."""
    environment = {key: value for key, value in os.environ.items() if key not in VARIABLES} | variables
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("start", STARTS)
def test_threads_sleep_while_they_wait(start):
    code = COMMAND.format(tell=TELL, start=STARTS[start])
    assert run(code) == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": None, "KMP_BLOCKTIME": None}


@pytest.mark.parametrize(("name", "value"), [
    ("OMP_WAIT_POLICY", "ACTIVE"), ("OMP_WAIT_POLICY", ""), ("GOMP_SPINCOUNT", "100000"), ("KMP_BLOCKTIME", "200"),
])  # fmt: skip
@pytest.mark.parametrize("start", STARTS)
def test_what_the_user_has_set_stays(start, name, value):
    code = COMMAND.format(tell=TELL, start=STARTS[start])
    assert run(code, **{name: value}) == dict.fromkeys(VARIABLES) | {name: value}


def test_it_is_left_alone_where_torch_is_there_already():
    code = f"import sys, types; sys.modules['torch'] = types.ModuleType('torch'); import translate; {TELL}"
    assert run(code) == dict.fromkeys(VARIABLES)


def test_worker_processes_inherit_it():
    assert run(WORKERS) == {"OMP_WAIT_POLICY": "PASSIVE"}
