"""Generators as ONNX: the same pictures for any number of latent vectors, and the metadata of a runner."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from tiny_runs import configure, make_run

from translate.errors import UserError
from translate.export import noise as module
from translate.export.noise import export_generator
from translate.images.generation.maker import ImageMaker
from translate.jobs.export import export_run


def make(model, **sections):
    config = configure(model, sections)
    torch.manual_seed(0)
    game = config.build()
    for weight in game.players["generator"].parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, 0, weight[0].numel() ** -0.5)
    return ImageMaker(game, config, torch.device("cpu"))


SLOW = [
    ("dcgan", "told"), ("sngan", "told"), ("sagan", "told"), ("biggan", "told"), ("biggan", "none"),
    ("progan", "asked"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "labels"), [
    ("gan", "none"), ("stylegan", "told"), *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW),
])  # fmt: skip
def test_a_graph_gives_the_same_pictures(model, labels):
    # Pixel norm of four channels, all of which may be near 0, multiplies rounding errors.
    network = {"labels": labels} | ({"channels": 32} if model == "progan" else {})
    maker = make(model, network=network)
    exported = export_generator(maker)
    assert exported.name == "noise"
    assert 0 <= exported.difference < 1e-4
    session = onnxruntime.InferenceSession(exported.data, providers=["CPUExecutionProvider"])
    latents = maker.game.latent.sample(5, range(7))
    inputs = {"latent": latents.numpy()}
    if labels != "none":
        inputs["label"] = np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1, 0]]
    (pictures,) = session.run(None, inputs)
    made = np.rint((np.moveaxis(pictures, 1, -1).clip(-1, 1) + 1) * 127.5)
    assert np.abs(made - maker.generate(7, seed=5)).max() <= 1
    assert pictures.std() > 0.01
    described = json.loads(session.get_modelmeta().custom_metadata_map["translate"])
    assert described == {
        "format": 1, "system": model, "kind": "noise", "inputs": list(inputs), "noise": maker.game.latent.kind,
        "labels": ["low", "high"] if labels != "none" else [], "shape": list(maker.shape),
    }  # fmt: skip


def test_a_graph_that_differs_is_not_written(monkeypatch, tmp_path):
    make_run(tmp_path / "run", "dcgan")
    monkeypatch.setattr(module, "_compare", lambda data, maker: 2e-4)
    with pytest.raises(UserError, match=r"noise: the graph differs from PyTorch by 2\.0e-04; not written"):
        export_run(tmp_path / "run", tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


def test_the_verb_writes_one_file_and_knows_no_directions(tmp_path):
    make_run(tmp_path / "run", "dcgan")
    (written,) = export_run(tmp_path / "run", tmp_path / "onnx")
    assert written.path == tmp_path / "onnx/noise.onnx"
    assert written.path.stat().st_size == written.size
    with pytest.raises(UserError, match="--from and --to: this model makes samples from noise"):
        export_run(tmp_path / "run", tmp_path / "onnx", "low", "high")
