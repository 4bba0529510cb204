"""What a step of every system does: passes of networks, waits for the device, operations. None of it may grow.

A step is counted in which every loss has its turn, the second of two, when optimisers and buffers are there.
"""

import warnings
from collections import Counter

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from translate.config import merge
from translate.models import SYSTEMS, build, resolve
from translate.training.player import Player
from translate.training.step import Step

VOICE = {"features": {"dimensions": 12}, "train": {"crop": 16}}
SPECTRA = {"features": {"fft_size": 256}, "train": {"crop": 16}}
WAVE = {"train": {"crop": 3072}}
IMAGE = {"train": {"crop": 32}}
LABELS = {"images": {"labels": 3, "unknown": None, "instances": False, "size": None}}
NO_VGG = {"players": {"generator": {"losses": {"perceptual": 0}}}}
SMALL, NARROW = {"network": {"channels": 4, "blocks": 1}}, {"network": {"channels": 4}}
LOW = {"network": {"channels": 4, "blocks": 1, "discriminator_channels": 4}}
COARSE = {"network": {"channels": 4, "blocks": 1, "downs": 2, "discriminators": 1, "phases": [0, 0]}}

# System: tiny sections; passes of generators, and of discriminators and classifiers; waits; operations that are no
# views (torch 2.11, CPU). Fakes are made once for both players, real and fake are judged in one pass.
TABLE = {
    "cyclegan_vc": ([VOICE, SMALL], 6, 4, 0, 651),
    "cyclegan_vc2": ([VOICE, SMALL], 6, 8, 0, 1323),
    "mse_vc": ([VOICE, SMALL], 1, 0, 0, 68),
    "gan_vc": ([VOICE, SMALL], 1, 3, 0, 220),
    "gan_postfilter": ([VOICE, NARROW], 1, 2, 0, 129),
    "stargan_vc": ([VOICE, NARROW], 2, 4, 0, 653),
    "stargan_vc2": ([VOICE, SMALL], 2, 2, 0, 444),
    "stft_postfilter": ([SPECTRA, NARROW], 1, 2, 0, 414),
    "wavecyclegan": ([WAVE, SMALL], 6, 4, 0, 1307),
    "wavecyclegan2": ([WAVE, NARROW], 6, 4, 0, 2233),
    "pix2pix": ([IMAGE, {"network": {"channels": 4, "depth": 5}}], 1, 3, 0, 254),
    "pix2pixhd": ([IMAGE, LABELS, COARSE, NO_VGG], 1, 3, 0, 313),
    "spade": ([IMAGE, LABELS, NARROW, NO_VGG], 1, 3, 0, 1525),
    "srresnet": ([IMAGE, SMALL], 1, 0, 0, 64),
    "srgan": ([IMAGE, LOW, NO_VGG], 1, 3, 0, 333),
    "cyclegan": ([IMAGE, SMALL], 6, 4, 0, 593),
    "stargan": ([IMAGE, SMALL], 2, 3, 0, 336),
}  # fmt: skip

WAITS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::_unique2", "aten::unique_dim", "aten::masked_select"}


class Counts(TorchDispatchMode):
    """Counts operations; views are free."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        schema = function._schema
        places = tree_leaves(args[1:]) if schema.name == "aten::index" else []
        self.found["waits"] += schema.name in WAITS or any(t is not None and t.dtype is torch.bool for t in places)
        view = any(output.alias_info and not output.alias_info.is_write for output in schema.returns)
        self.found["operations"] += not view
        return function(*args, **(kwargs or {}))


def build_tiny(model, **sections):
    domains = ["a", "b", "c"] if model.startswith("stargan") else ["a", "b"]
    values = {"model": model, "data": {"domains": domains}, "train": {"batch_size": 2}}
    for part in [*TABLE[model][0], sections]:
        values = merge(values, part)
    torch.manual_seed(0)
    config = resolve(values, "test")
    return config, build(config).train()


def make_batch(config, translator):
    crop = config.train.crop
    if hasattr(config, "images"):
        images = config.images
        low = crop // images.scale
        source = torch.rand(2, images.source_planes, low, low)
        target = torch.rand(2, images.target_channels, crop, crop)
        if images.labels:
            source = functional.one_hot(torch.randint(images.labels, (2, low, low))).permute(0, 3, 1, 2).float()
    else:
        features = config.features
        size = {"world": lambda: features.dimensions, "stft": lambda: features.fft_size // 2 + 1, "wave": lambda: 1}
        source, target = torch.randn(2, 2, size[features.kind](), crop)
    if translator.batches == "labelled":
        return {"source": source, "domain": torch.eye(3)[:2], "mask": torch.ones(2, 3)}
    return {"source": source, "target": target}


def count(model):
    """(passes of generators, of others, waits, operations) of one step."""
    config, translator = build_tiny(model)
    players = {name: Player(name, p, getattr(config.players, name)) for name, p in translator.players.items()}
    step = Step(translator, players, lambda: torch.autocast("cpu", torch.bfloat16, enabled=False))
    batch, number = make_batch(config, translator), getattr(config.network, "discriminator_steps", 1) - 1
    step(batch, number, 1.0)
    passes = Counter()
    for player, networks in translator.players.items():
        for network in networks.children():                                 # their first layers: not all are called
            layer = next(m for m in network.modules() if next(m.parameters(recurse=False), None) is not None)
            layer.register_forward_hook(lambda *_, player=player: passes.update([player == "generator"]))
    with Counts() as counts:
        heard = step(batch, number, 1.0)
    named = {name for losses in translator.weights.values() for name, weight in losses.items() if weight.at(number)}
    assert named == {name for group, values in heard if group != "monitor" for name in values}
    return passes[True], passes[False], counts.found["waits"], counts.found["operations"]


@pytest.mark.parametrize("model", SYSTEMS)
def test_a_step_does_no_more_than_it_did(model):
    names = ["passes of generators", "passes of discriminators", "waits for the device", "operations"]
    found, allowed = count(model), TABLE[model][1:]
    if not torch.__version__.startswith("2.11."):                           # other versions split operations otherwise
        names.pop()
    for name, now, before in zip(names, found, allowed, strict=False):
        assert now <= before, f"{model}: {now} {name} in a step, {before} so far"
        if now < before:
            warnings.warn(f"{model}: {now} {name} in a step, {before} so far: lower the table", stacklevel=1)


def test_waits_are_seen():
    with Counts() as counts:
        x = torch.arange(4.0)
        x[x > 1] + x.sum().item()
        x.nonzero()
        x[torch.tensor([0, 1])].view(2, 1)
    assert counts.found["waits"] == 3
