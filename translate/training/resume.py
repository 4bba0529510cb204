"""Resuming a run where it was cut, so that it ends as the uncut one would: bit for bit on the CPU.

What all processes have alike, such as weights, is saved once. What each has for itself, its *private state*, is
gathered: image pools and random numbers.
"""

import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from translate.checkpoints.steps import find_latest, mend_latest
from translate.checkpoints.store import load_averages, load_state, load_weights
from translate.config import read_yaml
from translate.errors import UserError
from translate.files import load_arrays
from translate.games.base import Game
from translate.models import Model, resolve_saved
from translate.training import distributed
from translate.training.player import Player

log = logging.getLogger("translate")

# Keys that may change when a run is resumed: those that affect no weight. (train.steps may, with a message.)
FREE = {
    "train.log_every", "train.save_every", "train.keep", "train.sample_every", "train.evaluate_every",
    "train.evaluate_sentences", "train.metric", "train.patience", "train.device", "train.graph",
}  # fmt: skip


FIRST_METRIC = "evaluation/mcd"                                     # metric of checkpoints that do not name theirs


@dataclass
class Ranking:
    """The evaluations of a run so far.

    Attributes:
        metric: name of the metric; the values of another one do not compare. None: nothing is evaluated.
        best: lowest value.
        waited: number of evaluations since.
    """

    metric: str | None = None
    best: float = math.inf
    waited: int = 0

    def add(self, value: float) -> bool:
        """Add an evaluation; return whether it is the best. NaN never is."""
        better = value < self.best
        self.best, self.waited = (value, 0) if better else (self.best, self.waited + 1)
        return better


class Sampler(Protocol):
    """A source of batches; the same position gives the same batches."""

    def next(self) -> dict[str, Tensor]: ...

    def take(self, batch_size: int) -> None:
        """Make batches of this size, over all processes, from the next one on; called before every batch."""

    def position(self) -> dict[str, Any]: ...

    def seek(self, position: Mapping[str, Any]) -> None: ...


def gather_private(game: Game) -> list[dict[str, Any]]:
    """Gather each process's private state (image pools, random numbers) on the first. Collective."""
    on_gpu = next(game.parameters()).device.type == "cuda"
    return distributed.gather({
        "translator": {name: value.cpu() for name, value in game.memory().items()},
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state() if on_gpu else None,
    })  # fmt: skip


def collect_state(
    step: int, ranking: Ranking, players: Mapping[str, Player], sampler: Sampler, private: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Collect all that `resume` needs besides the weights; tensors and plain values only.

    `private` is the result of `gather_private`. Keys never change, and new ones have defaults, so that older
    checkpoints resume.
    """
    return {
        "step": step,
        "best": ranking.best,
        "metric": ranking.metric,
        "waited": ranking.waited,
        "optimizers": {name: player.state() for name, player in players.items()},
        "sampler": sampler.position(),
        **private[0],
        "others": list(private[1:]),
    }


def resume(
    folder: Path,
    config: Model,
    game: Game,
    players: Mapping[str, Player],
    sampler: Sampler,
    statistics: Mapping[str, np.ndarray],
    metric: str | None = None,
) -> tuple[int | None, Ranking]:
    """Load the newest checkpoint in `folder`; return its step, None without one, and the evaluations so far.

    They begin again where `metric` is another one than theirs, and are kept where it is None.

    Raises:
        UserError: the checkpoint was trained with another configuration or other data, or is damaged or missing; or the
        processes see different checkpoints.
    """
    latest = folder / "latest"
    checkpoint = whole = find_latest(folder, resuming=True)
    if not whole and os.path.lexists(latest):
        if not latest.exists():
            raise UserError(
                f"{latest}: points at {latest.readlink()}, which is missing, and no other step is whole; remove the "
                "link to begin again"
            )
        checkpoint = latest.resolve()                               # a damaged one is reported when it is read
    newest = checkpoint.name if checkpoint else "none"
    if len(seen := set(distributed.compare(newest))) > 1:
        raise UserError(
            f"{folder}: the newest checkpoint is {' for one process, for another '.join(sorted(seen))}; "
            "the folder of a run must be the same for all machines"
        )
    if not checkpoint:
        begin_private(config.train.seed, 0)
        return None, Ranking(metric)
    check_same_run(checkpoint, config)
    check_same_data(checkpoint, statistics)
    load_weights(checkpoint, game, average=False)
    state = load_state(checkpoint)
    averages = load_averages(checkpoint)
    for name, player in players.items():
        player.optimizer.load_state_dict(state["optimizers"][name])
        for key, value in player.average.items():
            value.copy_(averages[key])
    sampler.seek(state["sampler"])
    recall_private(game, config.train.seed, state)
    distributed.wait()                                              # all have read it
    if whole and distributed.rank() == 0:
        mend_latest(folder, whole)
    return state["step"], _read_ranking(state, metric, folder)


def _read_ranking(state: Mapping[str, Any], metric: str | None, folder: Path) -> Ranking:
    evaluated = state["best"] < math.inf
    ranking = Ranking(state.get("metric", FIRST_METRIC if evaluated else None), state["best"], state.get("waited", 0))
    if metric in (None, ranking.metric):
        return ranking
    if evaluated:
        log.info("%s: the metric changes from %s to %s; the best step is chosen anew", folder, ranking.metric, metric)
    return Ranking(metric)


def begin_private(seed: int, step: int) -> None:
    """Seed every process but the first, each differently; the first keeps the random state that drew the weights."""
    if number := distributed.rank():
        torch.manual_seed(int(np.random.SeedSequence([seed, number, step]).generate_state(1)[0]))


def recall_private(game: Game, seed: int, state: Mapping[str, Any]) -> None:
    """Restore this process's private state from a checkpoint; a new process starts with fresh state."""
    private = [state, *state.get("others", [])]                     # the first checkpoints have no "others"
    number, now = distributed.rank(), distributed.processes()
    if now != len(private):
        log.info(
            "the number of processes changes from %d to %d: those that were there before keep their image pools and "
            "random numbers, new ones begin their own", len(private), now,
        )  # fmt: skip
    if number >= len(private):
        begin_private(seed, state["step"])
        return
    own = private[number]
    game.recall(own["translator"])
    torch.set_rng_state(own["random"])
    if next(game.parameters()).device.type == "cuda" and own["random_cuda"] is not None:
        torch.cuda.set_rng_state(own["random_cuda"])


def check_same_run(checkpoint: Path, config: Model) -> None:
    """Raise `UserError` naming the first key in which the checkpoint's configuration differs."""
    path = checkpoint / "config.yaml"
    values = read_yaml(path)
    if values.get("model") == config.model:                         # it may be older than some keys
        values = resolve_saved(values, str(path)).model_dump()
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
