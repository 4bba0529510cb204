"""What a step of every model does: passes of networks, and no wait for the device.

A step is counted in which every loss has its turn, the second of two, when optimisers and buffers are there.
"""

from collections import Counter

import pytest
import torch
from tiny_runs import configure
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from translate.games.cycle import CycleGame
from translate.games.noise import NoiseGame
from translate.games.star import StarGame
from translate.losses.judgement import mixes_samples
from translate.models import NAMES, build
from translate.training.player import Player
from translate.training.step import Step


def allow(translator, step):
    """Passes of generators, and of discriminators and classifiers, that the losses of a step need.

    Fakes are made once for both players; real and fake are judged in one pass unless the network mixes samples.
    """
    def plays(player, loss):
        return loss in translator.weights.get(player, {}) and translator.active(player, loss, step)

    if isinstance(translator, CycleGame):
        return 6, 4 * translator.adversarial_steps                          # to and fro, identity; fake, then both
    if isinstance(translator, StarGame):
        own = "classifier" in translator.players
        apart = [mixes_samples(translator.players[player]) for player in ("generator", "discriminator")]
        # Cycle and identity are one pass, as real and fake are, unless they would mix.
        return 2 + apart[0], 2 + apart[1] + plays("discriminator", "gradient_penalty") + 2 * own
    if isinstance(translator, NoiseGame):
        both = 2 if mixes_samples(translator.players["discriminator"]) else 1
        return 1, 1 + both + plays("discriminator", "gradient_penalty") + plays("discriminator", "r1")
    if not plays("generator", "adversarial"):
        return 1, 0
    judge = translator.players["discriminator"]["judge"]
    return 1, 1 + plays("generator", "features") + (2 if mixes_samples(judge) else 1)


WAITS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::_unique2", "aten::unique_dim", "aten::masked_select"}


class Counts(TorchDispatchMode):
    """Counts operations that wait for the device."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        schema = function._schema
        places = tree_leaves(args[1:]) if schema.name == "aten::index" else []
        self.found["waits"] += schema.name in WAITS or any(t is not None and t.dtype is torch.bool for t in places)
        return function(*args, **(kwargs or {}))


WITHOUT_STYLES = {"pix2pixhd": {"network": {"encoder": False}}}           # which are of objects, and those are counted


def build_tiny(model, **sections):
    torch.manual_seed(0)
    config = configure(model, {"train": {"batch_size": 2}}, WITHOUT_STYLES.get(model, {}), sections)
    return config, build(config).train()


@pytest.mark.parametrize("model", [name for name in NAMES if name != "linear_vc"])  # which has nothing to train
def test_a_step_does_no_more_than_its_losses_need(model):
    config, translator = build_tiny(model)
    players = {name: Player(name, p, config.players[name]) for name, p in translator.players.items()}
    step = Step(translator, players, lambda: torch.autocast("cpu", torch.bfloat16, enabled=False))
    batch, number = config.example_batch(2), getattr(config.network, "discriminator_steps", 1) - 1
    step(batch, number, 1.0)
    passes = Counter()
    for player, networks in translator.players.items():
        for name, network in networks.items():
            if name != "encoder":                                           # it sees the photograph, beside the map
                layer = next(m for m in network.modules() if next(m.parameters(recurse=False), None) is not None)
                layer.register_forward_hook(lambda *_, player=player: passes.update([player == "generator"]))
    with Counts() as counts:
        log = step(batch, number, 1.0)
    named = {name for losses in translator.weights.values() for name, weight in losses.items() if weight.at(number)}
    assert named == {name for group, values in log if group != "monitor" for name in values}
    assert (passes[True], passes[False]) == allow(translator, number)
    assert counts.found["waits"] == 0


def test_waits_are_seen():
    with Counts() as counts:
        x = torch.arange(4.0)
        x[x > 1] + x.sum().item()
        x.nonzero()
        x[torch.tensor([0, 1])].view(2, 1)
    assert counts.found["waits"] == 3
