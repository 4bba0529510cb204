"""`train.graph`: steps recorded as CUDA graphs and replayed, without Python's overhead.

A step is thousands of small operations, which Python starts one by one. Steps of one *pattern* (`Game.pattern`, and the
shapes of the batch) are the same operations on the same memory. The first of them is recorded, with forward and
backward passes, clipping, optimisers and averages; the others replay it. What differs from step to step lies in tensors
that are
filled before each replay: the batch and what `Player.schedule` sets.
"""

import contextlib
import logging
import warnings
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from translate.config import TrainConfig
from translate.errors import UserError
from translate.games.base import Batch, Game
from translate.training import distributed
from translate.training.player import Player
from translate.training.snapshot import Snapshot
from translate.training.step import Step, StepLog

log = logging.getLogger("translate")

MOST = 16                                                           # patterns; with more, recording does not pay
Result = TypeVar("Result")


class Recorder(Protocol):
    """The device-specific half: warm up and record."""

    def warm_up(self, function: Callable[[], Any]) -> None:
        """Call `function` until the library has chosen its kernels and allocated its memory."""

    def record(self, function: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        """Record the operations of `function`; return a function that replays them, and the result of `function`.

        Every replay overwrites the results of the one before.
        """

    def forget(self) -> None:
        """Release all recordings; none is replayed after this."""


class CudaRecorder:
    """A recorder of CUDA graphs, all in one pool of memory.

    They can share it: no two are replayed at a time, and only weights, optimisers, averages and losses, which stay
    allocated, outlive a replay.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.pool, self.side = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)

    def warm_up(self, function: Callable[[], Any]) -> None:
        self._call_aside(function)
        mode = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")                         # torch warns that this mode is a prototype
            torch.cuda.set_sync_debug_mode("error")                 # an operation that waits would break the recording
        try:
            self._call_aside(function)
        finally:
            torch.cuda.set_sync_debug_mode(mode)

    def record(self, function: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        graph, random = torch.cuda.CUDAGraph(), torch.cuda.get_rng_state(self.device)
        torch.cuda.synchronize(self.device)
        torch.cuda.empty_cache()
        with torch.cuda.stream(self.side):
            # thread_local: other threads, which fetch images, are not restricted
            graph.capture_begin(pool=self.pool, capture_error_mode="thread_local")
            try:
                result = function()
                graph.capture_end()
            except Exception:
                with contextlib.suppress(RuntimeError):             # the first error is the one to report
                    graph.capture_end()
                # The random generator would stay in its recording state.
                fresh = torch.Generator(self.device)
                fresh.set_state(random)
                torch.cuda.default_generators[self.device.index].graphsafe_set_state(fresh)
                raise
        return graph.replay, result

    def forget(self) -> None:
        self.pool = torch.cuda.graph_pool_handle()                  # the old pool lives as long as its recordings

    def _call_aside(self, function: Callable[[], Any]) -> None:
        """Call `function` on a separate stream, as CUDA graphs require for their warm-up."""
        self.side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.side):
            function()
        torch.cuda.current_stream(self.device).wait_stream(self.side)


RECORDERS: dict[str, Callable[[torch.device], Recorder]] = {"cuda": CudaRecorder}  # by type of device


def make_step(
    options: TrainConfig,
    game: Game,
    players: Mapping[str, Player],
    autocast: Callable[[], AbstractContextManager],
) -> Step:
    """Make the `Step` of a run, recorded under `train.graph`; where that is impossible, log why and make a plain one.
    """
    if not options.graph:
        return Step(game, players, autocast, options.accumulate)
    device = next(game.parameters()).device
    reason = None
    if device.type not in RECORDERS:
        reason = f"the device is {device.type}, and CUDA graphs need a GPU"
    elif distributed.processes() > 1:
        reason = "several processes average their gradients"
    elif torch.is_anomaly_enabled():
        reason = "torch's search for anomalies looks at every operation"
    elif any(player.config.optimizer == "rmsprop" for player in players.values()):
        reason = "torch's RMSprop reads its learning rate on the processor"
    if reason is None:
        return GraphStep(game, players, autocast, RECORDERS[device.type](device), options.accumulate)
    if distributed.rank() == 0:
        log.warning("train.graph: steps are not recorded (%s)", reason)
    return Step(game, players, autocast, options.accumulate)


@dataclass
class Recording:
    """A recorded step: `replay` plays it and leaves its losses in `values`; `names` holds their players and names."""

    replay: Callable[[], None]
    names: list[tuple[str, list[str]]]
    values: Tensor                                                  # (losses and monitors,) float32

    def __call__(self) -> StepLog:
        self.replay()
        values = iter(self.values.clone().unbind())                 # the next replay overwrites them
        return [(group, {name: next(values) for name in names}) for group, names in self.names]


class GraphStep(Step):
    """A `Step` that records each pattern at its first step and replays it; where recording fails, it plays plain steps.

    Args:
        game, players, autocast, accumulate: as for `Step`.
        recorder: the recorder of the device.
    """

    def __init__(
        self,
        game: Game,
        players: Mapping[str, Player],
        autocast: Callable[[], AbstractContextManager],
        recorder: Recorder,
        accumulate: int = 1,
    ):
        super().__init__(game, players, autocast, accumulate)
        self.recorder: Recorder | None = recorder
        self.buffers: dict[Hashable, Batch] = {}                    # input batches of the recordings, by shapes
        self.recordings: dict[Hashable, Recording] = {}             # by shapes and pattern
        for player in players.values():
            player.use_tensors()

    def __call__(self, batch: Batch, step: int, rate: float) -> StepLog:
        if self.recorder is None:
            return super().__call__(batch, step, rate)
        shapes = tuple((name, value.shape, value.dtype) for name, value in batch.items())
        pattern = (shapes, self.game.pattern(step))
        for player in self.players.values():
            player.schedule(step, rate)
        buffers = self.buffers.setdefault(shapes, {name: torch.empty_like(value) for name, value in batch.items()})
        for name, value in batch.items():
            buffers[name].copy_(value)
        if pattern not in self.recordings:
            try:
                self.recordings[pattern] = self._record(self.recorder, buffers, step)
            except UserError:
                raise
            except Exception as error:  # CUDA, or a game that reads values, may raise anything
                self._give_up(error)
                return super().__call__(batch, step, rate)
        return self.recordings[pattern]()

    def restart(self) -> None:
        super().restart()
        self.recordings.clear()                                     # they refer to the optimisers' former memory
        self.buffers.clear()
        if self.recorder:
            self.recorder.forget()

    def _record(self, recorder: Recorder, buffers: Batch, step: int) -> Recording:
        """Record the step on `buffers`, leaving the weights and states as they were."""
        if len(self.recordings) == MOST:
            raise RuntimeError(f"there are more than {MOST} kinds of steps, or of shapes")
        names: list[tuple[str, list[str]]] = []

        def play() -> Tensor:
            played = self.play(buffers, step)
            names[:] = [(group, list(values)) for group, values in played]
            return torch.stack([value.detach().float() for _, values in played for value in values.values()])

        before = Snapshot(self.game, self.players)
        try:
            recorder.warm_up(play)
            before.check_host()
            before.restore()
            replay, values = recorder.record(play)
        finally:
            before.restore()
        return Recording(replay, names, values)

    def _give_up(self, error: Exception) -> None:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        log.warning("train.graph: steps are not recorded (%s)", reason)
        self.recorder = None
        self.recordings.clear()
        self.buffers.clear()
        for player in self.players.values():
            player.use_tensors(False)
