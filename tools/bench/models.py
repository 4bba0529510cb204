"""Every model with the numbers of its paper and random batches of the right shapes, ready to play steps."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from translate.config import merge
from translate.games.base import Batch
from translate.losses.perceptual import make_vgg19_features
from translate.models import build, resolve
from translate.models.base import Model
from translate.training.compiling import compile_networks
from translate.training.graph import make_step
from translate.training.player import Player

DOMAINS = ["a", "b", "c", "d"]
SHRINK = 4                                                          # width of the paper over that of --small
OPTIMISER = 16                                                      # bytes per parameter: weight, gradient, two moments


def configure(model: str, small: bool, vgg: Path | None = None) -> Any:
    """The paper's configuration, or a quarter of its widths; `vgg` holds weights of VGG19."""
    config: Any = resolve({"model": model}, "benchmark")
    count = 4 if config.data.batches == "labelled" else 2
    values: dict[str, Any] = {"model": model, "data": {"domains": DOMAINS[:count]}, "network": {}}
    if small:
        widths = {k: v for k, v in config.network.model_dump().items() if k.endswith("channels")}
        values["network"] = {name: max(4, width // SHRINK) for name, width in widths.items()}
    if vgg and hasattr(config, "vgg"):
        values["vgg"] = {"weights": str(vgg)}
    return resolve(merge(merge(config.model_dump(), dict(config.at_once)), values), "benchmark")


def write_vgg(path: Path) -> Path:
    """Random weights in the place of VGG19's: as fast, and nothing to download."""
    torch.save(make_vgg19_features().state_dict(), path)
    return path


def make_batch(config: Model, size: int, device: torch.device) -> Batch:
    """`size` random examples as the sampler would give them, the same in every call."""
    torch.manual_seed(0)
    return config.example_batch(size, device)


def find_step(config: Any) -> int:
    """Number of a step in which every loss has its turn, generators that wait for their discriminators, too."""
    return int(getattr(config.network, "discriminator_steps", 1)) - 1


class Same:
    """A sampler of one batch."""

    def __init__(self, batch: Batch):
        self.batch = batch

    def next(self) -> Batch:
        return self.batch

    def take(self, batch_size: int) -> None:
        pass

    def position(self) -> dict[str, Any]:
        return {}

    def seek(self, position: Mapping[str, Any]) -> None:
        pass


class Played:
    """A model in training: the trainer's own step, with its players.

    Args:
        config: with `train.precision`, `train.compile` and `train.graph`.
        device: where it trains.
    """

    def __init__(self, config: Any, device: torch.device):
        torch.manual_seed(0)
        self.config: Model = config
        self.translator = build(config).to(device).train()
        self.players = {
            name: Player(name, networks, config.players[name])
            for name, networks in self.translator.players.items()
        }
        self.device = device

    def autocast(self) -> torch.autocast:
        chosen = self.config.train.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=chosen)

    def run(self, batch: Batch, step: int) -> Callable[[], object]:
        """What plays one step on `batch`."""
        if self.config.train.compile:
            compile_networks(self.translator, Same(batch), step, self.autocast, self.config.train)
        play = make_step(self.config.train, self.translator, self.players, self.autocast)
        return lambda: play(batch, step, 1.0)


def weigh(config: Any, size: int, step: int) -> tuple[int, int, int]:
    """What a step on `size` examples would take, estimated on the device "meta", whose tensors have no values.

    Returns:
        floating-point operations, forward and backward; bytes of weights, gradients and moments; bytes that the larger
        turn keeps for its backward pass.
    """
    kept: dict[int, int] = {}                                       # bytes by storage

    def keep(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return x

    most, meta = 0, torch.device("meta")
    translator = build(config).train().to(meta)
    parameters = sum(p.numel() for p in translator.players.parameters())
    with (
        meta,
        patch("torch.autocast", lambda *_, **__: nullcontext()),    # which does not know this device
        Operations() as counted,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x),
    ):
        for player, losses in translator.play(make_batch(config, size, meta), step):
            most = max(most, sum(kept.values()))
            weights = [p for p in translator.players[player].parameters() if p.requires_grad]
            if losses:
                torch.stack(list(losses.values())).sum().backward(inputs=weights)
            kept.clear()
    return counted.total, OPTIMISER * parameters, most


class Operations(TorchDispatchMode):
    """Counts what torch has formulas for: convolutions and matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if formula := flop_registry.get(function._overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result
