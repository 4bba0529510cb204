"""The losses since the last line of the log, kept on the device until they are due."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from translate.checkpoints.steps import find_latest
from translate.config import LossWeight
from translate.errors import UserError
from translate.training.log import Log

IDENTITY_CHANGE = 0.05                                              # relative change; below it, an identity
IDENTITY_PATIENCE = 2_000                                           # steps after which a warning is given
IDLE_PATIENCE = 100                                                 # steps in which every loss should have occurred


class History:
    """The losses of several steps, collected without reading them: reading waits for the device.

    Args:
        folder: folder of the run, whose last checkpoint error messages name.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.values: dict[str, list[Tensor]] = defaultdict(list)
        self.steps: dict[str, list[int]] = defaultdict(list)
        self._unchanged_from: int | None = None                     # step since which the generator returns its input
        self._warned = False
        self._known: set[str] = set()                               # names of all losses so far
        self._counted = False

    def add(self, step: int, group: str, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._known.add(f"{group}/{name}")
            self.values[f"{group}/{name}"].append(value.detach().float())
            self.steps[f"{group}/{name}"].append(step)

    def clear(self) -> None:
        self.values.clear()
        self.steps.clear()

    def means(self) -> dict[str, float]:
        """Return the mean of every loss over the steps in which it was computed."""
        return {name: float(torch.stack(values).mean()) for name, values in self.values.items()}

    def check(self) -> None:
        """Raise `UserError` for the first value that is not finite."""
        broken = []
        for name, values in self.values.items():
            finite = torch.stack(values).isfinite().tolist()
            if not all(finite):
                broken.append((self.steps[name][finite.index(False)], name))
        if broken:
            step, name = min(broken, key=lambda found: found[0])     # the first in that step
            self._refuse(step, f"the loss `{name}`")

    def check_weights(self, step: int, weights: Mapping[str, Tensor]) -> None:
        """Raise `UserError` for the first weight that is not finite: the last update may have broken it."""
        finite = torch.stack([weight.isfinite().all() for weight in weights.values()]).tolist()
        if not all(finite):
            self._refuse(step, f"the weight `{list(weights)[finite.index(False)]}`")

    def _refuse(self, step: int, what: str) -> None:
        good = find_latest(self.folder)
        where = f"the last good checkpoint is {good}" if good else "there is no checkpoint yet"
        raise UserError(
            f"step {step + 1}: {what} is not finite; {where}. Try a smaller learning rate, "
            "players.generator.clip=1, or train.precision=float32"
        )

    def warn_of_idle_weights(self, log: Log, step: int, weights: Mapping[str, Mapping[str, LossWeight]]) -> None:
        """Warn once of losses that have a weight but were never computed: the game does not yield them."""
        if self._counted or step < IDLE_PATIENCE:
            return
        self._counted = True
        for player, of_player in weights.items():
            for loss, weight in of_player.items():
                lately = range(max(step - weight.every, 0), step)   # with `every`, it has a weight in one of these
                if any(weight.at(one) > 0 for one in lately) and f"{player}/{loss}" not in self._known:
                    key = f"players.{player}.losses.{loss}"
                    log.say(f"warning: {key} has had no effect in {step} steps: the game yields no such loss")

    def warn_of_identity(self, log: Log, step: int) -> None:
        """Warn once when the generator has long returned its input, the most common failure of these models."""
        change = self.means().get("monitor/change")
        if change is None or change > IDENTITY_CHANGE or self._warned:
            self._unchanged_from = None
            return
        if self._unchanged_from is None:
            self._unchanged_from = min(self.steps["monitor/change"])
        if step - self._unchanged_from >= IDENTITY_PATIENCE:
            self._warned = True
            log.say(
                f"warning: for {step - self._unchanged_from} steps the generator has returned its input (relative "
                f"change {change:.3f}): nothing is being converted. Lower the weights of what holds it to its input "
                "(players.generator.losses: cycle), or end the identity loss earlier "
                "(players.generator.losses.identity.until)"
            )
