"""Compiling networks with `torch.compile`, or saying why they are not compiled."""

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
    """Compile the networks in place, one after the other; keep each compiled only if steps still work.

    Compilation happens when a network is first used, so only trials show whether it works: forward and backward passes
    without an update, one for each pattern of the next steps, so that losses computed in some steps only are covered. A
    discriminator with a gradient penalty, which differentiates it twice, stays uncompiled; the generators are compiled
    all the same. The log says which networks run uncompiled, and why.

    The keys of `state_dict` stay the same; the sampler, random numbers, weights, buffers and memory are afterwards as
    before.

    Args:
        game: game in training mode.
        sampler, step: source of the trials' batches, and number of the next step.
        autocast: factory of the context that sets the precision of the networks.
        options: the section `train` of the settings.
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
            except Exception as error:  # compilers and their back ends raise anything
                network._compiled_call_impl = None  # torch has no call that undoes `Module.compile`
                log.warning("train.compile: %s runs without it (%s)", name, _explain(error))
    finally:
        sampler.seek(position)
        before.restore()


def _list_networks(game: Game) -> list[tuple[str, nn.Module]]:
    """List all networks with their names as in `own.networks`."""
    return [
        (f"{player}.{name}" if name else player, network)
        for player in game.players
        for name, network in game.networks(player).items()
    ]


def _find_trials(game: Game, sampler: Sampler, step: int, options: TrainConfig) -> Iterator[tuple[int, Batch]]:
    """Yield the first step of every pattern within the next `HORIZON` steps, with a micro-batch of its stage."""
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
    """Return the first line of the error."""
    cause = getattr(error, "inner_exception", error)
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
