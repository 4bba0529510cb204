"""THE loop: every model of this toolkit is trained by `train`.

A game yields `(player, losses)`; that `Player` weights the losses, back-propagates, averages over processes,
clips and steps its optimiser. Nothing in a step waits for the device: losses are read only when a log line is due. The
game's stage is asked for before the batch is drawn (`Game.begin`).
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from translate.checkpoints.store import locate_checkpoint, save_checkpoint
from translate.checkpoints.trust import remember_code
from translate.config import TrainConfig
from translate.errors import UserError
from translate.games.base import Game, Stage
from translate.models.base import Model
from translate.training import distributed
from translate.training.compiling import compile_networks
from translate.training.graph import make_step
from translate.training.history import History
from translate.training.interrupt import Interrupt
from translate.training.log import Log
from translate.training.player import Player, averaged, collect_averages
from translate.training.resume import Sampler, collect_state, gather_private, resume
from translate.training.schedule import rate_factor


@dataclass
class Watch:
    """Functions that monitor a run, called with the averaged weights in place.

    Attributes:
        sample: function that writes images and sounds of a game to the log, called every `train.sample_every` steps.
        evaluate: function that measures, and returns values by their names in the log; called before the first step,
            every `train.evaluate_every` steps, and after the last.
        metric: name of the value that chooses the best step; lower is better.
        gather: function that returns further statistics of a game for its checkpoint, such as those of its norms.
    """

    sample: Callable[[Any, int, Log], None] | None = None           # Any: each watch knows the class of its game
    evaluate: Callable[[Any], Mapping[str, float]] | None = None
    metric: str = "metric"
    gather: Callable[[Any], Mapping[str, np.ndarray]] | None = None


def train(
    game: Game,
    config: Model,
    sampler: Sampler,
    statistics: Mapping[str, np.ndarray],
    folder: Path,
    watch: Watch | None = None,
) -> Path:
    """Train to `config.train.steps`, from the newest checkpoint in `folder` if there is one.

    With `train.patience` training ends earlier, after so many evaluations without a better one.

    Args:
        game: game with fresh weights, on the device.
        config: settings of the run; `config.players` configures the optimisers.
        sampler: source of the batches.
        statistics: statistics of the training data, keys `<domain>/...`; they travel in the checkpoint.
        folder: folder of the run: checkpoints, `log.jsonl`, `tensorboard/`.
        watch: monitor that shows images and sounds and measures a metric while training.

    Returns:
        The last checkpoint.

    Raises:
        UserError: a loss or a weight is not finite, the folder belongs to another configuration or other data, the
            disk or the GPU's memory is full, or another process has ended.
    """
    options, watch = config.train, watch or Watch()
    device = next(game.parameters()).device
    check_players(game, config)
    for every in game.stages():                                     # not after the weeks of those before
        _find_batch_size(every, options)
    remember_code(config)
    distributed.broadcast(game)
    players = {
        name: Player(name, module, config.players[name])
        for name, module in game.players.items()
        if any(parameter.requires_grad for parameter in module.parameters())  # else the data determine it
    }
    evaluates = bool(distributed.compare(watch.evaluate is not None and options.evaluate_every > 0)[0])
    metric = watch.metric if evaluates else None
    begun, ranking = resume(folder, config, game, players, sampler, statistics, metric)
    step = saved = begun or 0
    stage = game.begin(max(step - 1, 0))                            # stage of the checkpoint
    game.train()

    def autocast() -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bfloat16")

    if options.compile and step < options.steps:
        compile_networks(game, sampler, step, autocast, options)
    play = make_step(options, game, players, autocast)
    folder.mkdir(parents=True, exist_ok=True)
    log = Log(folder, begun, options.steps) if distributed.rank() == 0 else None
    history = History(folder)

    def look(log: Log, sample: bool, evaluate: bool) -> bool:
        """Call the watch; return whether the evaluation is the best so far."""
        values: Mapping[str, float] = {}
        with averaged(game, players), _uncompiled(options):
            if watch.sample and sample:
                watch.sample(game, step, log)
            if watch.evaluate and evaluate:
                began = time.perf_counter()
                values = watch.evaluate(game)
                log.write(step, {**values, "evaluation/seconds": time.perf_counter() - began})
        return bool(values) and ranking.add(values[watch.metric])

    def save(private: list[dict[str, Any]], better: bool = False) -> None:
        nonlocal saved
        state = collect_state(step, ranking, players, sampler, private)
        weights, average = game.state_dict(), collect_averages(players)
        history.check_weights(step - 1, weights)
        gathered: Mapping[str, np.ndarray] = {}
        if watch.gather:
            with averaged(game, players), _uncompiled(options):
                gathered = watch.gather(game)
        known = {**statistics, **gathered}
        save_checkpoint(folder, step, config, weights, average, known, state, options.keep, better)
        saved = step

    def has_waited() -> bool:
        """Return whether `train.patience` is over, by what the first process has measured."""
        if not (evaluates and options.patience):
            return False
        return bool(distributed.compare(ranking.waited >= options.patience)[0])

    interrupt = Interrupt()
    try:
        if evaluates and begun is None:                             # the start may be better than all that follows
            private = gather_private(game)
            if log and look(log, sample=False, evaluate=True):
                save(private, better=True)
        over = has_waited()
        while step < options.steps and not over:
            if interrupt.asked:
                if saved < step:                                    # else Ctrl-C came while this step was saved
                    save(gather_private(game))
                raise KeyboardInterrupt
            before, stage = stage, game.begin(step)
            if stage.number != before.number:
                play.restart()
            sampler.take(_find_batch_size(stage, options))
            rate = stage.rate * rate_factor(step, options.steps, options.decay_from)
            for group, values in play(sampler.next(), step, rate):
                history.add(step, group, values)
            step += 1

            due = {name: every > 0 and step % every == 0 for name, every in _intervals(options).items()}
            last = step == options.steps
            due["evaluate"] = evaluates and (due["evaluate"] or last)
            if any(due[name] for name in ("log", "save", "evaluate")) or last:
                history.check()
            if (due["log"] or last) and log:
                log.write(step, history.means())
                history.warn_of_identity(log, step)
                history.warn_of_idle_weights(log, step, game.weights)
            if due["log"]:
                history.clear()
            if last:
                _finish(game, players, sampler)
            private = gather_private(game) if due["save"] or due["evaluate"] or last else []
            better = False
            if log and (due["sample"] or due["evaluate"]):          # the first process looks and saves
                better = look(log, due["sample"], due["evaluate"])
            over = due["evaluate"] and has_waited()
            if over and not last:
                _finish(game, players, sampler)
                if log and not due["log"]:
                    log.write(step, history.means())
            if log and (due["save"] or last or better or over):
                save(private, better)
        if log and over and step < options.steps:
            log.say(f"training ends after step {step}: {ranking.waited} evaluations were no better (train.patience)")
    except torch.OutOfMemoryError:
        raise UserError(
            "the memory of the GPU is full: lower train.batch_size or train.crop, or set train.precision=bfloat16"
        ) from None
    finally:
        interrupt.release()
        if log:
            log.close()
    distributed.wait()                                              # until the first process has written
    return locate_checkpoint(folder / "latest")


def check_batch_size(size: int, accumulate: int, key: str = "train.batch_size") -> None:
    """Raise `UserError`, naming `key`, unless a batch of this size divides among processes and micro-batches."""
    processes = distributed.processes()
    if size % (processes * accumulate):
        sharing = [f"the {processes} processes"] if processes > 1 else []
        sharing += [f"train.accumulate={accumulate}"] if accumulate > 1 else []
        raise UserError(f"{key} is {size}: it must be a multiple of {' times '.join(sharing)}")


def _find_batch_size(stage: Stage, options: TrainConfig) -> int:
    """Return the batch size of a stage; raise `UserError` unless it divides among processes and micro-batches."""
    if stage.batch_size is None:
        size, key = options.batch_size, "train.batch_size"
    else:
        size, key = stage.batch_size, f"the batch size of stage {stage.number}"
    check_batch_size(size, options.accumulate, key)
    return size


def _finish(game: Game, players: Mapping[str, Player], sampler: Sampler) -> None:
    """Let the game gather what it needs from the training data; the sampler's position is restored."""
    position = sampler.position()
    with averaged(game, players):
        game.finish(iter(sampler.next, None))
    sampler.seek(position)


def check_players(game: Game, config: Model) -> None:
    """Raise an error where settings and game do not fit, or two players own one parameter.

    Networks of one player may share layers. Two players may not share trainable parameters: two optimisers would step
    them. Give the shared part to one of them, and its own additions to the other.

    Raises:
        ValueError: players that differ from the settings', or a parameter of two players.
        UserError: the wrong kind of batches.
    """
    networks, weights = set(game.players), set(game.weights)
    sections = set(config.players)
    if not networks == weights == sections:
        raise ValueError(
            f"players differ: networks of {sorted(networks)}, weights of {sorted(weights)}, "
            f"settings in `players` of {sorted(sections)}"
        )
    owners: dict[nn.Parameter, str] = {}
    for player, module in game.players.items():
        for name, parameter in module.named_parameters():
            if parameter.requires_grad and owners.setdefault(parameter, player) != player:
                raise ValueError(
                    f"the players `{owners[parameter]}` and `{player}` share `{name}`: two optimisers would step it; "
                    "let it belong to one of them"
                )
    if game.batches not in (None, config.data.batches):
        raise UserError(
            f"`data.batches` is {config.data.batches}: {type(game).__name__} needs {game.batches} ones"
        )


def _uncompiled(options: TrainConfig) -> AbstractContextManager:
    """Switch compiled networks off inside: every length of speech would be compiled anew."""
    return torch.compiler.set_stance("force_eager") if options.compile else nullcontext()


def _intervals(options: TrainConfig) -> dict[str, int]:
    return {name: getattr(options, f"{name}_every") for name in ("log", "save", "sample", "evaluate")}
