"""What starts quickly stays so, and `tools/bench.py` measures what it says."""

import importlib
import importlib.util
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from translate.models import NAMES

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["torch", "numpy", "scipy", "gradio"]
TELL = f"import json, sys; print(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr)"


@pytest.fixture(scope="module", autouse=True)
def tools():
    """The folder of the benchmarks on the path, and off it again."""
    sys.path.insert(0, str(ROOT / "tools"))
    yield
    sys.path.remove(str(ROOT / "tools"))
    for name in [name for name in sys.modules if name.split(".")[0] in ("bench", "bench_stream")]:
        del sys.modules[name]


def load(name):
    return importlib.import_module(f"bench.{name}")


def start(code):
    """(seconds of the processor, heavy modules that were imported, standard output) of a fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, json.loads(done.stderr.splitlines()[-1]), done.stdout


def test_help_is_there_at_once():
    code = f"import atexit, sys; atexit.register(lambda: exec({TELL!r})); sys.argv = ['translate', '--help']; "
    runs = [start(code + "from translate.cli import main; main()") for _ in range(2)]
    assert all("convert" in said for _, _, said in runs)
    assert all(heavy == [] for _, heavy, _ in runs)
    assert min(spent for spent, _, _ in runs) < 0.5


def test_import_is_there_at_once():
    spent, heavy, _ = start(f"import translate; translate.UserError; {TELL}")
    assert heavy == []
    assert spent < 0.5
    assert start(f"import translate; translate.load; {TELL}")[1] != []      # the modules are seen where they are


# --- the benchmarks themselves ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vgg(tools, tmp_path_factory):
    return load("models").write_vgg(tmp_path_factory.mktemp("vgg") / "vgg19.pt")


@pytest.mark.parametrize("model", [name for name in NAMES if name != "linear_vc"])  # which has nothing to train
def test_every_model_can_be_weighed(model, vgg):
    """Batches of the right shapes, and nothing in a step that needs values."""
    models = load("models")
    config = models.configure(model, True, vgg)
    assert config.network.channels < models.configure(model, False).network.channels
    if hasattr(config.network, "blocks"):
        config.network.blocks = 1
    size = 2 if config.data.batches == "labelled" else 1
    operations, fixed, kept = models.weigh(config, size, models.find_step(config))
    assert operations > (1e6 if model == "gan" else 1e7)            # whose networks are fully connected
    assert min(fixed, kept) > 1e5


def test_operations_are_those_of_the_formula():
    models, layer = load("models"), torch.nn.Conv1d(3, 5, 7)
    with models.Operations() as counted:
        layer(torch.randn(2, 3, 20))
    assert counted.total == 2 * 2 * 5 * (20 - 6) * 3 * 7


def test_the_row_of_a_model(vgg):
    common, steps = load("common"), load("steps")
    options = common.Options(small=True, steps=1, seconds=5.0)
    row, clock = steps.measure_model("mse_vc", vgg, options)
    titles = dict(zip(steps.TITLES[1:], row, strict=True))
    assert titles["batch"] == "8"
    assert float(titles["float32, ms"]) > 0
    assert float(titles["examples/s"]) == pytest.approx(8000 / float(titles["float32, ms"]), rel=0.1)
    assert titles["graph, ms"] == "-"                               # on a CPU
    assert [part[0] for part in clock] == ["generator"]
    row, clock = steps.measure_model("spade", vgg, common.Options(small=True, seconds=1e-3))
    assert row[0] == "1 of 32"
    assert "not tried" in row[2]
    assert clock == []


def test_the_clock_changes_nothing(vgg):
    models, steps, common = load("models"), load("steps"), load("common")
    config = models.configure("cyclegan_vc", True)
    config.network.blocks = 1
    batch = models.make_batch(config, 2, common.CPU)
    plain, clocked = (models.Played(config, common.CPU) for _ in range(2))
    torch.manual_seed(3)
    plain.run(batch, 0)()
    torch.manual_seed(3)
    parts = steps.play_by_the_clock(clocked, batch, 0)
    after = clocked.translator.state_dict()
    for name, value in plain.translator.state_dict().items():
        assert torch.equal(value, after[name]), name
    assert [part[0] for part in parts] == ["generator", "discriminator"]
    assert all(float(value) >= 0 for part in parts for value in part[1:])
    assert any(float(value) > 0 for part in parts for value in part[1:])


def test_runs_are_timed_as_often_as_they_fit():
    common, calls = load("common"), []
    for most, seconds, expected in ((3, 100.0, 4), (3, 0.0, 2)):    # one more, to warm up
        calls.clear()
        assert common.time_runs(lambda: calls.append(1), common.CPU, most, seconds) >= 0
        assert len(calls) == expected


def test_tracks_of_f0_are_compared():
    harvest = np.array([0.0, 100.0, 100.0, 100.0, 0.0])
    dio = np.array([100.0, 100.0, 200.0, 100.0, 0.0])
    row = load("speech").compare(dio, harvest, {"harvest": 2.0, "dio": 0.5}, 4.0)
    rmse = f"{1200 / 3**0.5:.0f}"
    assert row == ["4.0", "60 %", "0.0", rmse, "33.3 %", "20.0 %", "0.500", "0.125", "4.0 x"]


def test_memory_is_that_of_the_command_alone():
    processes, held = load("processes"), np.ones(2**23)             # 64 MiB here
    bare, filled = (
        processes.run([sys.executable, "-S", "-c", code], 1)[2] for code in ("pass", "x = b'1' * (100 * 2**20)")
    )
    assert bare < 40 < held.nbytes / 2**20
    assert 90 < filled - bare < 120
    with pytest.raises(SystemExit, match="ended with 3"):
        processes.run([sys.executable, "-c", "import sys; sys.exit(3)"], 1)


def test_the_command_prints_and_writes(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TRANSLATE_DATA", raising=False)
    specification = importlib.util.spec_from_file_location("bench_command", ROOT / "tools" / "bench.py")
    command = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(command)
    threads = torch.get_num_threads()
    out = tmp_path / "x.md"
    given = ["bench.py", "--only", "f0", "--threads", f"{threads}", "--out", f"{out}"]
    monkeypatch.setattr(sys, "argv", given)
    command.main()
    written = out.read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == written.strip()
    assert [line.split()[1] for line in written.splitlines() if line.startswith(("| low", "| high"))] == ["low", "high"]
    monkeypatch.setattr(sys, "argv", ["bench.py"])
    with pytest.raises(SystemExit):
        command.main()
    assert "--all" in capsys.readouterr().err
    assert [name for name in command.SECTIONS if f"    {name} " not in command.__doc__] == []
