"""What only a GPU can show; skipped without one."""

import json
import logging

import pytest
import torch

from translate.checkpoints.store import load_state
from translate.training.graph import CudaRecorder, Recording
from translate.training.trainer import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def losses_and_gradients(run):
    translator, precision = run.translator, run.config.train.precision
    values, gradients = {}, {}
    turns = translator.training_step(run.sampler.next(), 0)
    while True:
        with torch.autocast(run.config.train.device, torch.bfloat16, enabled=precision == "bfloat16"):
            turn = next(turns, None)
        if turn is None:
            return values, gradients
        name, losses = turn
        values |= {f"{name}/{key}": loss.item() for key, loss in losses.items()}
        assert {loss.dtype for loss in losses.values()} == {torch.float32}
        parameters = list(translator.players[name].parameters())
        torch.stack(list(losses.values())).sum().backward(inputs=parameters)
        gradients[name] = torch.cat([p.grad.float().flatten().cpu() for p in parameters])


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.1)])
def test_one_step_equals_the_cpus(make_run, monkeypatch, precision, tolerance):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    options = ("network.channels=16", "train.batch_size=2", "train.crop=32")
    on_cpu, gradients_cpu = losses_and_gradients(make_run(*options))
    on_gpu, gradients_gpu = losses_and_gradients(
        make_run(*options, "train.device=cuda", f"train.precision={precision}")
    )
    assert on_gpu == pytest.approx(on_cpu, rel=tolerance)
    for name, expected in gradients_cpu.items():
        assert (gradients_gpu[name] - expected).norm() < 3 * tolerance * expected.norm()


def test_a_run_with_a_pool_resumes(tmp_path, make_run):
    """Weights, averages, optimisers and the pool of fakes come back to the device."""
    options = ("train.steps=4", "train.save_every=2", "network.pool=2", "players.generator.average=0.9")
    run = make_run(*options, "train.device=cuda")
    next_batch = iter([run.sampler.next(), run.sampler.next()]).__next__
    run.sampler.next = next_batch                                           # ends with StopIteration
    with pytest.raises(StopIteration):
        train(*run.arguments(tmp_path))
    state = load_state(train(*make_run(*options, "train.device=cuda").arguments(tmp_path)))
    assert state["step"] == 4
    assert state["translator"]["source"].shape[0] == 2


def test_a_run_moves_from_the_gpu_to_the_cpu(tmp_path, make_run):
    options = ("train.steps=4", "train.save_every=2", "network.pool=2", "players.generator.average=0.9")
    train(*make_run(*options, "train.device=cuda").arguments(tmp_path))
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to("step_00000002")
    assert train(*make_run(*options).arguments(tmp_path)).name == "step_00000004"


# --- recorded steps ---------------------------------------------------------------------------------------

RECORDED = (
    "train.steps=8", "train.batch_size=2", "train.device=cuda", "players.generator.average=0.9",
    "players.generator.clip=1", 'players.generator.losses.identity={"weight": 5, "until": 4}',
)  # fmt: skip


@pytest.fixture
def replays(monkeypatch):
    """The replays of recorded steps."""
    found, real = [], Recording.__call__
    monkeypatch.setattr(Recording, "__call__", lambda recording: found.append(recording) or real(recording))
    return found


def read_losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "steps_per_second"} for line in lines]


@pytest.fixture
def _exact(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.usefixtures("_exact")
def test_recorded_steps_equal_played_ones(tmp_path, make_run, replays, caplog):
    """Each pattern is recorded once, with the identity loss and without."""
    plain = make_run(*RECORDED)
    train(*plain.arguments(tmp_path / "plain"))
    recorded = make_run(*RECORDED, "train.graph=true")
    train(*recorded.arguments(tmp_path / "recorded"))
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    assert (len(replays), len({id(recording) for recording in replays})) == (8, 2)
    for ours, theirs in zip(*(read_losses(tmp_path / name) for name in ("recorded", "plain")), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    for (name, ours), theirs in zip(recorded.translator.named_parameters(), plain.translator.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3), name


@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize(("first", "then"), [("true", "false"), ("false", "true"), ("true", "true")])
def test_runs_with_and_without_recording_take_one_another_up(tmp_path, make_run, replays, first, then):
    whole = make_run(*RECORDED)
    train(*whole.arguments(tmp_path / "whole"))
    train(*make_run(*RECORDED, f"train.graph={first}").arguments(tmp_path / "parts"))
    (tmp_path / "parts" / "latest").unlink()
    (tmp_path / "parts" / "latest").symlink_to("step_00000006")
    replays.clear()
    resumed = make_run(*RECORDED, f"train.graph={then}")
    train(*resumed.arguments(tmp_path / "parts"))
    assert len(replays) == (2 if then == "true" else 0)
    for (name, ours), theirs in zip(resumed.translator.named_parameters(), whole.translator.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3), name


def test_a_model_that_waits_is_played(tmp_path, make_run, replays, caplog):
    """The warm-up finds it out, before a recording could break."""
    run = make_run(*RECORDED, "train.graph=true")
    generator = run.translator.maps["to_target"]
    generator.register_forward_hook(lambda network, inputs, output: output * (1.0 if output.mean().item() < 9 else 0.5))
    assert train(*run.arguments(tmp_path / "run")).name == "step_00000008"
    lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert "synchronizing" in lines[0]
    assert replays == []


def test_a_broken_recording_does_no_harm():
    recorder, x = CudaRecorder(torch.device("cuda", 0)), torch.ones(3, device="cuda")
    torch.manual_seed(3)
    expected = torch.rand(3, device="cuda")
    torch.manual_seed(3)
    with pytest.raises(RuntimeError):
        recorder.record(lambda: torch.rand(3, device="cuda").sum().item())
    assert torch.equal(torch.rand(3, device="cuda"), expected)
    replay, result = CudaRecorder(torch.device("cuda", 0)).record(lambda: 2 * x)
    x.fill_(4.0)
    replay()
    assert result.tolist() == [8.0, 8.0, 8.0]
