"""What only a GPU can show; skipped without one."""

import pytest
import torch

from translate.training.checkpoint import load_state
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
