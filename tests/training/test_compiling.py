"""`train.compile`: the same training, or a line that says why not."""

import logging

import pytest
import torch

from translate.checkpoints.store import load_weights
from translate.training.trainer import Watch, train

OPTIONS = (
    "train.steps=4", "train.save_every=2", "network.pool=2", "train.batch_size=2", "players.generator.average=0.9",
)  # fmt: skip


def use_backend(monkeypatch, backend):
    """A back end that needs no C++ compiler, through the same call."""
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, *args, **kwargs: real(function, backend=backend))


@pytest.fixture(autouse=True)
def _fresh_compiler():
    yield
    torch.compiler.reset()


def test_compiled_training_equals_plain_training(tmp_path, make_run, monkeypatch, read_tensors):
    plain = read_tensors(train(*make_run(*OPTIONS).arguments(tmp_path / "plain")))
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    use_backend(monkeypatch, backend)
    run = make_run(*OPTIONS, "train.compile=true")
    checkpoint = train(*run.arguments(tmp_path / "compiled"))
    compiled = read_tensors(checkpoint)
    assert len(graphs) >= 4                                                 # generators and discriminators, with and
    assert plain.keys() == compiled.keys()                                  # without gradients
    for key, value in plain.items():
        if isinstance(value, torch.Tensor):
            assert torch.allclose(value.double(), compiled[key].double(), atol=1e-5), key
    load_weights(checkpoint, run.config.build())


def test_compiled_training_resumes(tmp_path, make_run, monkeypatch, differing):
    use_backend(monkeypatch, "eager")
    options = (*OPTIONS, "train.compile=true")
    whole = train(*make_run(*options).arguments(tmp_path / "whole"))
    (tmp_path / "parts").mkdir()
    (tmp_path / "whole" / "step_00000002").rename(tmp_path / "parts" / "step_00000002")
    (tmp_path / "parts" / "latest").symlink_to("step_00000002")
    assert differing(whole, train(*make_run(*options).arguments(tmp_path / "parts"))) == []


def test_looking_is_not_compiled(tmp_path, make_run, monkeypatch):
    """Sentences have many lengths; each would be compiled anew."""
    compiled, looking = [], []

    def backend(graph, inputs):
        compiled.append(bool(looking))
        return graph.forward

    def sample(translator, step, log):
        looking.append(step)
        for length in (20, 33):
            translator.translate(torch.zeros(1, 12, length), "low", "high")
        looking.clear()

    use_backend(monkeypatch, backend)
    train(*make_run(*OPTIONS, "train.compile=true", "train.sample_every=1").arguments(tmp_path / "run"), Watch(sample))
    assert compiled
    assert not any(compiled)


@pytest.mark.parametrize("fails_in", ["forward", "backward"])
def test_a_failure_is_one_line_and_the_run_goes_on(tmp_path, make_run, monkeypatch, caplog, differing, fails_in):
    plain = train(*make_run(*OPTIONS).arguments(tmp_path / "plain"))

    def forward_backend(graph, inputs):
        raise RuntimeError("No working C++ compiler found\nin many\nlines")

    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise RuntimeError("the C++ compiler crashed\nin many\nlines")

    def backward_backend(graph, inputs):
        return lambda *args: tuple(Broken.apply(x) if x.requires_grad else x for x in graph.forward(*args))

    use_backend(monkeypatch, forward_backend if fails_in == "forward" else backward_backend)
    with caplog.at_level(logging.INFO, "translate"):
        last = train(*make_run(*OPTIONS, "train.compile=true").arguments(tmp_path / "fallen"))
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert warnings[0].startswith("train.compile: failed, the networks run without it")
    assert "compiler" in warnings[0]
    assert "\n" not in warnings[0]
    assert differing(plain, last) == []                                     # the trial left no trace
