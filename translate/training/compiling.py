"""Networks through `torch.compile`, or the reason why they stay as they are."""

import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import nn

from translate.config import TrainConfig
from translate.games.base import Batch, Game
from translate.training.resume import Sampler
from translate.training.snapshot import Snapshot
from translate.training.step import cut_batch

log = logging.getLogger("translate")

HORIZON = 100                                                       # steps in which every loss should have had a turn


def compile_networks(
    game: Game,
    sampler: Sampler,
    step: int,
    autocast: Callable[[], AbstractContextManager],
    options: TrainConfig,
) -> None:
    """Compile the networks in place, one after the other, each only if steps still work with it.

    Compilation happens when a network is first used, so that only trials tell whether it works: steps forwards and
    backwards from which nobody learns, one of each pattern that comes soon, so that no loss is forgotten that is
    computed in some steps alone. A gradient penalty, which differentiates its discriminator twice, leaves that
    discriminator as it is; the generators are compiled all the same. One line of the log tells of each network that
    runs without, and why.

    Names of weights and what `state_dict` gives stay the same; sampler, random numbers, weights, buffers and memory
    are afterwards as before.

    Args:
        game: in training mode.
        sampler, step: where the trials take their batches, and the step that is played next.
        autocast: makes the context that sets the precision of the networks.
        options: section `train` of the settings.
    """
    before, position = Snapshot(game, {}), sampler.position()
    log.info("train.compile: compiling, which takes a minute or two")
    try:
        trials = list(_find_trials(game, sampler, step, options))
        for name, network in _list_networks(game):
            network.compile()
            try:
                for number, batch in trials:
                    _try_step(game, batch, number, autocast)
            except Exception as error:  # whatever a compiler, its back end or the C++ compiler behind it may raise
                network._compiled_call_impl = None  # torch has no call that undoes `Module.compile`
                log.warning("train.compile: %s runs without it (%s)", name, _explain(error))
    finally:
        sampler.seek(position)
        before.restore()


def _list_networks(game: Game) -> list[tuple[str, nn.Module]]:
    """Name all networks as `own.networks` does."""
    return [
        (f"{player}.{name}" if name else player, network)
        for player in game.players
        for name, network in game.networks(player).items()
    ]


def _find_trials(game: Game, sampler: Sampler, step: int, options: TrainConfig) -> Iterator[tuple[int, Batch]]:
    """Yield the first step of every pattern that comes soon, with a micro-batch of its stage."""
    seen: set[Hashable] = set()
    for number in range(step, min(step + HORIZON, options.steps)):
        stage = game.begin(number)
        pattern = stage.number, stage.batch_size, game.pattern(number)
        if pattern not in seen:
            seen.add(pattern)
            sampler.take(options.batch_size if stage.batch_size is None else stage.batch_size)
            yield number, cut_batch(sampler.next(), options.accumulate)[0]


def _try_step(game: Game, batch: Batch, step: int, autocast: Callable[[], AbstractContextManager]) -> None:
    game.begin(step)
    turns = game.play(batch, step)
    while True:
        with autocast():
            turn = next(turns, None)
        if turn is None:
            return
        player, losses = turn
        if losses:
            weights = [p for p in game.players[player].parameters() if p.requires_grad]
            torch.stack(list(losses.values())).sum().backward(inputs=weights)


def _explain(error: Exception) -> str:
    """Return the first line of what went wrong."""
    cause = getattr(error, "inner_exception", error)
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
