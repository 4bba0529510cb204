"""Taking up a run where it was cut, so that it ends as the uncut one would: bit for bit on the CPU.

What every process has alike, such as weights, is saved once. What each has for itself, its *share*, is gathered: the
image pools and the random numbers.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from translate.checkpoints.steps import find_latest, mend_latest
from translate.checkpoints.store import load_averages, load_state, load_weights
from translate.config import read_yaml, validate
from translate.errors import UserError
from translate.files import load_arrays
from translate.games.base import Translator
from translate.models.base import Model
from translate.training import distributed
from translate.training.player import Player

log = logging.getLogger("translate")

# What may change between the parts of a run: nothing that decides a weight. (train.steps may, with a word.)
FREE = {
    "train.log_every", "train.save_every", "train.keep", "train.sample_every", "train.evaluate_every", "train.device",
    "train.graph",
}  # fmt: skip


class Sampler(Protocol):
    """Where batches come from; from the same position come the same batches."""

    def next(self) -> dict[str, Tensor]: ...

    def position(self) -> dict[str, Any]: ...

    def seek(self, position: Mapping[str, Any]) -> None: ...


def gather_shares(translator: Translator) -> list[dict[str, Any]]:
    """The share of every process, for the first of them; all must call it at the same step."""
    on_gpu = next(translator.parameters()).device.type == "cuda"
    return distributed.gather({
        "translator": {name: value.cpu() for name, value in translator.memory().items()},
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state() if on_gpu else None,
    })  # fmt: skip


def collect_state(
    step: int, best: float, players: Mapping[str, Player], sampler: Sampler, shares: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """All that `resume` needs besides the weights; tensors and plain values only."""
    return {
        "step": step,
        "best": best,
        "optimizers": {name: player.state() for name, player in players.items()},
        "sampler": sampler.position(),
        **shares[0],
        "others": list(shares[1:]),
    }


def resume(
    folder: Path,
    config: Model,
    translator: Translator,
    players: Mapping[str, Player],
    sampler: Sampler,
    statistics: Mapping[str, np.ndarray],
) -> tuple[int, float]:
    """Take up the newest checkpoint in `folder`; returns its step and the best metric so far (0, inf without one).

    Raises:
        UserError: the checkpoint was trained with another configuration or other data, or is damaged or missing; or
            the processes see different ones.
    """
    latest = folder / "latest"
    checkpoint = whole = find_latest(folder, resuming=True)
    if not whole and os.path.lexists(latest):
        if not latest.exists():
            raise UserError(
                f"{latest}: points at {latest.readlink()}, which is missing, and no other step is whole; remove the "
                "link to begin again"
            )
        checkpoint = latest.resolve()                               # what is wrong with it is told when it is read
    newest = checkpoint.name if checkpoint else "none"
    if len(seen := set(distributed.compare(newest))) > 1:
        raise UserError(
            f"{folder}: the newest checkpoint is {' for one process, for another '.join(sorted(seen))}; "
            "the folder of a run must be the same for all machines"
        )
    if not checkpoint:
        begin_share(config.train.seed, 0)
        return 0, float("inf")
    check_same_run(checkpoint, config)
    check_same_data(checkpoint, statistics)
    load_weights(checkpoint, translator, average=False)
    state = load_state(checkpoint)
    averages = load_averages(checkpoint)
    for name, player in players.items():
        player.optimizer.load_state_dict(state["optimizers"][name])
        for key, value in player.average.items():
            value.copy_(averages[key])
    sampler.seek(state["sampler"])
    recall_share(translator, config.train.seed, state)
    distributed.wait()                                              # all have read it
    if whole and distributed.rank() == 0:
        mend_latest(folder, whole)
    return state["step"], state["best"]


def begin_share(seed: int, step: int) -> None:
    """Random numbers of its own for every process but the first, which keeps those that drew the weights."""
    if number := distributed.rank():
        torch.manual_seed(int(np.random.SeedSequence([seed, number, step]).generate_state(1)[0]))


def recall_share(translator: Translator, seed: int, state: Mapping[str, Any]) -> None:
    """Give this process its share of a checkpoint; one that the run did not have before begins a new one."""
    shares = [state, *state.get("others", [])]                      # younger than the first checkpoints
    number, now = distributed.rank(), distributed.processes()
    if now != len(shares):
        log.info(
            "the number of processes changes from %d to %d: those that were there before keep their image pools and "
            "random numbers, new ones begin their own", len(shares), now,
        )  # fmt: skip
    if number >= len(shares):
        begin_share(seed, state["step"])
        return
    share = shares[number]
    translator.recall(share["translator"])
    torch.set_rng_state(share["random"])
    if next(translator.parameters()).device.type == "cuda" and share["random_cuda"] is not None:
        torch.cuda.set_rng_state(share["random_cuda"])


def check_same_run(checkpoint: Path, config: Model) -> None:
    """Raise `UserError` naming the first key in which the checkpoint's configuration differs."""
    path = checkpoint / "config.yaml"
    values = read_yaml(path)
    if values.get("model") == config.model:                         # keys that are younger than it have their defaults
        values = validate(type(config), values, str(path)).model_dump()
    old, new = _flatten(values), _flatten(config.model_dump())
    for key in ["model", *sorted(old.keys() | new.keys())]:
        if key == "train.steps" and old.get(key) != new.get(key):
            log.info(
                "%s: train.steps changes from %s to %s; the decay of the learning rate follows the new number",
                checkpoint.parent, old.get(key), new.get(key),
            )  # fmt: skip
        elif key not in FREE and old.get(key) != new.get(key):
            raise UserError(
                f"{checkpoint.parent}: was trained with {key}={old.get(key)}, not {new.get(key)}; "
                "give the new run another folder (--out; in recipes --tag), or delete the old one"
            )


def check_same_data(checkpoint: Path, statistics: Mapping[str, np.ndarray]) -> None:
    """Raise `UserError` when the statistics of a domain (`<domain>/...`) differ from the checkpoint's."""
    old = load_arrays(checkpoint / "statistics.safetensors")
    for key, now in statistics.items():
        if key not in old or not np.array_equal(old[key], now):
            raise UserError(
                f"{checkpoint.parent}: was trained on other data of the domain `{key.rpartition('/')[0]}`; "
                "give the new run another folder (--out; in recipes --tag), or delete the old one"
            )


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
