"""Networks through `torch.compile`, or the reason why they stay as they are."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch

from translate.games.base import Game
from translate.training.resume import Sampler

log = logging.getLogger("translate")


def compile_networks(
    game: Game, sampler: Sampler, step: int, autocast: Callable[[], AbstractContextManager]
) -> None:
    """Compile every network in place and try one step forwards and backwards, without learning from it.

    Names of weights and what `state_dict` gives stay the same. Compilation happens when a network is first used, so
    that only a trial tells whether it works; the trial leaves the sampler, random numbers, memory and gradients as
    they were. Where it fails the networks stay as they are, and one line of the log tells why.

    Args:
        game: in training mode.
        sampler, step: where the trial step takes its batch.
        autocast: makes the context of the networks' precision.
    """
    networks = [network for player in game.players for network in game.networks(player).values()]
    memory, random, position = game.memory(), torch.get_rng_state(), sampler.position()
    log.info("train.compile: compiling, which takes a minute or two")
    for network in networks:
        network.compile()
    try:
        _try_step(game, sampler, step, autocast)
    except Exception as error:  # whatever a compiler, its back end or the C++ compiler behind it may raise
        for network in networks:
            network._compiled_call_impl = None  # torch has no call that undoes `Module.compile`
        cause = getattr(error, "inner_exception", error)
        reason = next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
        log.warning("train.compile: failed, the networks run without it (%s)", reason)
    finally:
        game.zero_grad(set_to_none=True)
        game.recall(memory)
        torch.set_rng_state(random)
        sampler.seek(position)


def _try_step(
    game: Game, sampler: Sampler, step: int, autocast: Callable[[], AbstractContextManager]
) -> None:
    turns = game.play(sampler.next(), step)
    while True:
        with autocast():
            turn = next(turns, None)
        if turn is None:
            return
        player, losses = turn
        if losses:
            weights = [p for p in game.players[player].parameters() if p.requires_grad]
            torch.stack(list(losses.values())).sum().backward(inputs=weights)
