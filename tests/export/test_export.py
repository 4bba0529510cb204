"""Every model as an ONNX graph: the same numbers as PyTorch at sizes that the exporter never saw."""

import builtins
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tiny_runs import configure
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from translate.errors import UserError
from translate.export import write as module
from translate.export.check import draw_inputs, make_reference
from translate.export.write import CHECKS, EXAMPLE, export_onnx
from translate.images.conversion.converter import ImageConverter
from translate.models import list_models
from translate.speech.analysis.statistics import Statistics
from translate.speech.conversion.open import make_converter

SWITCHES = {                                                        # what reaches a graph in no other way
    "gan_postfilter": {"network": {"strength": 0.7}},
    "pix2pixhd": {"images": {"instances": True}, "network": {"phases": [0, 1]}, "train": {"steps": 9}},
    "spade": {"images": {"instances": True}, "network": {"channels": 1}},  # wider takes minutes
}
# One of each kind of inputs; the others take minutes. Frames alone: tests/jobs/test_export_job.py.
QUICK = {"gan_postfilter", "wavecyclegan2", "srresnet", "stargan"}
SHORT = {"batch": 2, "length": 9, "height": 9, "width": 7}


def make(model, **sections):
    """A small converter whose weights let signals through as they are, so that outputs are no constants."""
    config = configure(model, SWITCHES.get(model, {}), sections)
    torch.manual_seed(0)
    translator = config.build()
    for weight in translator.players["generator"].parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, 0, weight[0].numel() ** -0.5)
    for layer in translator.players["generator"].modules():
        if is_parametrized(layer):                                  # spectral norm finds its largest singular value
            for _ in range(20):
                _ = layer.weight
    if model == "stargan_vc":                                       # running statistics, as after training
        for layer in translator.players["generator"].modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = 1.0
        translator.translate(3 * config.example_batch(8)["source"], *config.data.domains[:2])
    device = torch.device("cpu")
    if hasattr(config, "images"):
        return ImageConverter(translator, config, device)
    random, size = np.random.default_rng(0), config.features.frame_size
    statistics = {
        name: Statistics(random.normal(size=size), random.uniform(0.5, 2, size), 5.0, 0.2, 100, 80)
        for name in config.data.domains
    }
    return make_converter(translator, config, statistics, device)


def check_graph(converter, exported):
    """Every input of the graph matters, and so does every sample of a batch, at sizes of its own."""
    session = onnxruntime.InferenceSession(exported.data, providers=["CPUExecutionProvider"])
    sizes = {"batch": 2, "length": 33, "height": 35, "width": 52}
    inputs = draw_inputs(make_reference(converter), sizes, np.random.default_rng(5))
    (whole,) = session.run(None, inputs)
    assert np.isfinite(whole).all()
    assert np.std(whole) > 0.01
    assert np.abs(whole[0] - whole[1]).max() > 1e-3
    for name in inputs:
        others = draw_inputs(make_reference(converter), sizes, np.random.default_rng(6))
        changed = inputs | {name: others[name] + (0.5 if name == "noise" else 0)}
        assert np.abs(session.run(None, changed)[0] - whole).max() > 1e-3, name
    single = {name: value[1:] for name, value in inputs.items()}
    np.testing.assert_allclose(session.run(None, single)[0], whole[1:], atol=1e-4)
    return session


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name, model in list_models().items()
        if model.translates                                         # the others: test_noise_export.py
    ],
)
def test_a_graph_gives_the_same_numbers(model):
    converter = make(model)
    direction = converter.directions[-1]              # of two ways, the way back
    (exported,) = export_onnx(converter, [direction], [*CHECKS, SHORT])
    assert 0 < exported.difference < 1e-4
    session = check_graph(converter, exported)
    many = converter.config.data.batches == "labelled"
    assert exported.name == ("all" if many else "-".join(direction))
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["translate"])
    assert metadata["system"] == model
    assert metadata["domains"] == converter.domains
    assert metadata["inputs"] == [value.name for value in session.get_inputs()]
    assert (metadata["source"], metadata["target"]) == (("all", "all") if many else direction)
    assert ("images" in metadata) == isinstance(converter, ImageConverter)
    graph = onnx.load_from_string(exported.data)
    assert max(entry.version for entry in graph.opset_import if not entry.domain) >= 18
    assert not [name for name in graph.graph.initializer if "discriminator" in name.name]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "sections"), [
    ("cyclegan_vc2", {"network": {"generator": "1d"}}),
    ("cyclegan_vc2", {"network": {"generator": "2d"}}),
    ("cyclegan_vc2", {"network": {"start": "nearest"}}),
    ("linear_vc", {"network": {"nearest": 0.3}}),
    ("stargan_vc2", {"network": {"condition": "channels", "loss": "target"}}),
    ("stargan_vc2", {"network": {"residual": True}}),
    ("stargan_vc", {"network": {"norm": "instance"}}),
    ("pix2pix", {"network": {"depth": 7, "test_norm": "running"}, "train": {"crop": 128}}),
    ("pix2pixhd", {"network": {"encoder": False, "enhancers": 0, "phases": [0, 0]}}),
    ("pix2pixhd", {"network": {"phases": [4, 1]}}),
    ("pix2pixhd", {"network": {"enhancers": 2, "upsample": "resize"}}),
    ("spade", {"network": {"encoder": False, "norm": "instance"}}),
    ("srresnet", {
        "network": {"norm": "none", "upsample": "direct", "skip": "bicubic"}, "images": {"scale": 3},
        "train": {"crop": 36},
    }),
    ("cyclegan", {"network": {"upsample": "pixelshuffle"}}),
    ("stargan", {"network": {"sets": [["low", "middle"], ["high"]]}}),
    ("gan_postfilter", {"network": {"keep": 3}}),
    ("wavecyclegan", {"network": {"skip": True}}),
    ("wavecyclegan2", {"network": {"skip": True}}),
], ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v["network"])))  # fmt: skip
def test_every_switch_of_a_generator_exports(model, sections):
    converter = make(model, **sections)
    (exported,) = export_onnx(converter, [converter.directions[0]], [*CHECKS, SHORT])
    check_graph(converter, exported)


def test_dropout_is_off_in_the_reference_alone():
    converter = make("pix2pix")
    inputs = draw_inputs(converter, {"batch": 1, **EXAMPLE}, np.random.default_rng(0))
    x = torch.from_numpy(inputs["picture"])
    with torch.inference_mode():
        first, second = (make_reference(converter).translator.translate(x, "low", "high") for _ in range(2))
        noisy, other = (converter.translator.translate(x, "low", "high") for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(noisy, other)


def test_a_graph_with_other_numbers_is_refused(monkeypatch):
    converter, make_graph = make("srresnet"), module.make_graph

    def make_wrong_graph(*arguments):
        graph, axes = make_graph(*arguments)
        with torch.no_grad():
            next(graph.parameters()).mul_(1.01)
        return graph, axes

    monkeypatch.setattr(module, "make_graph", make_wrong_graph)
    with pytest.raises(UserError, match=r"low-high: the graph differs from PyTorch by .*: not written"):
        export_onnx(converter)


def test_a_missing_package_is_named(monkeypatch):
    real = builtins.__import__

    def refuse(name, *others, **named):
        if name == "onnxscript":
            raise ImportError("gone", name=name)
        return real(name, *others, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match=r"translate export needs onnxscript: bash tools/setup\.sh export, or pip"):
        export_onnx(make("srresnet"))


def swap_network(converter, network):
    converter.translator.players["generator"]["map"] = network
    return converter


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(4, 4)

    def forward(self, x):
        return x


def test_recurrent_layers_are_named_before_the_exporter_fails():
    with pytest.raises(UserError, match=r"^srresnet: GRU cannot be exported for any length, .*; see docs/export\.md$"):
        export_onnx(swap_network(make("srresnet"), Recurrent()))


def test_the_exporters_reason_is_that_of_the_network():
    with pytest.raises(UserError, match=r"^srresnet: the exporter of PyTorch failed") as error:
        export_onnx(swap_network(make("srresnet"), Branching()))
    assert "Could not guard on data-dependent expression" in str(error.value)
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)
