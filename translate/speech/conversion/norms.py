"""Statistics of instance norms over the training material: gathered at a checkpoint, used by every conversion.

In training a norm sees a crop, and in conversion it would see whatever the recording holds: silence in front of a
sentence would change the sentence, and a piece of a recording would be converted unlike the whole. With the statistics
of the training material a frame depends on its neighbours alone.

They are stored beside the statistics of the domains, as `norms/<source>/<target>/<norm>`: mean and variance (2, C). Of
many domains only each target's are stored, over all sources, with an empty `<source>`.
"""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from translate.corpus.order import reflect
from translate.errors import UserError
from translate.files import load_arrays
from translate.games.base import Translator
from translate.games.vectors import VectorGame
from translate.layers.steady_norm import StoredNorm, copy_with, gather, list_norms, steady

if TYPE_CHECKING:
    from translate.speech.conversion.features import FeatureConverter

Direction = tuple[str, str]                                         # source ("": any), target
Norms = Mapping[Direction, Mapping[str, Tensor]]                    # by name in the game: mean and variance (2, C)

KEY = "norms"                                                       # first part of the keys in the file
CROPS = 64                                                          # crops of a direction,
VALUES = 2**17                                                      # or as many as have so many frames together,
FEWEST = 8                                                          # but not fewer
PAIRS = 64                                                          # directions up to which each has its statistics


class Recordings(Protocol):
    """Features (T, Q) of recordings by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> np.ndarray: ...


def gather_norms(converter: "FeatureConverter[Any]", recordings: Mapping[str, Recordings]) -> Norms:
    """Gather the statistics of all instance norms of a converter's generators, for all its directions.

    Args:
        converter: converter with the averaged weights.
        recordings: training features (T, Q) by domain. The same crops are taken of them each time.

    Returns:
        The statistics; empty if the generators have no instance norm.
    """
    game = converter.translator
    if not has_norms(game):
        return {}
    crop = converter.config.train.crop
    count = min(CROPS, max(FEWEST, VALUES // crop))
    pairs, domains = converter.directions, converter.domains
    found: dict[Direction, dict[str, Tensor]] = {}
    if len(pairs) <= PAIRS:
        for source, target in pairs:
            drawn = _draw(converter, recordings, [source], crop, count)
            found[source, target] = _gather(converter, drawn, source, target)
    elif isinstance(game, VectorGame):
        drawn = _draw(converter, recordings, domains, crop, count)
        places = [number % len(domains) for number in range(count)]
        for target in domains:
            found["", target] = _gather(converter, drawn, torch.eye(len(domains))[places], target)
    return found


def has_norms(game: Translator) -> bool:
    """Return whether the generators have instance norms."""
    return any(list_norms(network) for network in game.networks("generator").values())


def _draw(
    converter: "FeatureConverter[Any]",
    recordings: Mapping[str, Recordings],
    domains: Sequence[str],
    crop: int,
    count: int,
) -> tuple[Tensor, Tensor]:
    """Draw crops of the domains in turn: normalised (B, Q, T), and their frames that are speech (B, T)."""
    random, taken = np.random.default_rng(0), []
    for number in range(count):
        domain = domains[number % len(domains)]
        turn, given = number // len(domains), recordings[domain]
        # Every recording has its turn; of many, some that are evenly spread.
        frames = np.asarray(given[(turn * max(1, len(given) // count)) % len(given)], dtype=np.float64)
        first = int(random.integers(max(len(frames) - crop, 0) + 1))
        inside = reflect(np.arange(first, first + crop), len(frames))
        taken.append((converter.statistics[domain].normalise(frames[inside]).T, converter.find_speech(frames)[inside]))
    crops, speech = (np.stack(parts).astype(np.float32) for parts in zip(*taken, strict=True))
    return torch.from_numpy(crops), torch.from_numpy(speech)


@torch.no_grad()
def _gather(
    converter: "FeatureConverter[Any]", drawn: tuple[Tensor, Tensor], source: str | Tensor, target: str
) -> dict[str, Tensor]:
    """Gather the statistics of one direction from normalised crops (B, Q, T) and their frames of speech (B, T)."""
    twin, norms = steady(converter.translator)
    x, speech = drawn
    gather(norms.values(), speech if speech.any() else torch.ones_like(speech))
    twin.translate(x.to(converter.device), source, target)  # type: ignore[arg-type]
    return {name: norm.read().float().cpu() for name, norm in norms.items() if norm.count}


def pack_norms(norms: Norms) -> dict[str, np.ndarray]:
    """Return the statistics as arrays with keys `norms/<source>/<target>/<norm>`."""
    return {
        f"{KEY}/{source}/{target}/{name}": value.numpy()
        for (source, target), of_direction in norms.items()
        for name, value in of_direction.items()
    }


def read_norms(path: str | os.PathLike[str], game: Translator) -> Norms:
    """Read the statistics for the instance norms of a game; empty where the file has none, as older ones.

    Raises:
        UserError: statistics that do not fit the norms.
    """
    known, found = list_norms(game), dict[Direction, dict[str, Tensor]]()
    for key, value in load_arrays(path).items():
        if key.count("/") < 3 or not key.startswith(f"{KEY}/"):
            continue
        _, source, target, name = key.split("/", 3)
        fits = name in known and value.shape == (2, known[name].num_channels) and value.dtype.kind == "f"
        if not (fits and np.isfinite(value).all() and (value[1] >= 0).all()):
            raise UserError(f"{path}: `{key}` is no statistics of a norm of this model; take another checkpoint")
        found.setdefault((source, target), {})[name] = torch.from_numpy(value).float()
    return found


def find_norms(norms: Norms, source: str, target: str) -> Mapping[str, Tensor]:
    """Return the statistics for a direction; empty where there are none."""
    return norms.get((source, target)) or norms.get(("", target)) or {}


def store(game: Translator, norms: Mapping[str, Tensor]) -> Translator:
    """Copy a game with the statistics of one direction in the norms that have some."""
    return copy_with(game, lambda name, norm: StoredNorm(norm, norms[name]) if name in norms else norm)
