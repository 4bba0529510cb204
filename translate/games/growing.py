"""Games of noise whose networks grow, from coarse pictures to fine ones: ProGAN, StyleGAN."""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from translate.errors import UserError
from translate.games.base import Batch, Stage, Turn
from translate.games.noise import NoiseGame
from translate.layers.progressive import double, halve


@dataclass(frozen=True)
class Phase:
    """A phase of the growth: a level is faded in, or trained as it is.

    Attributes:
        level: level of the pictures; each doubles the height and width of the one before.
        fades: whether the weight of the level's own layers rises from 0 to 1.
        begins: number of its first step.
        steps: number of its steps; None: to the end of the training.
        batch_size: examples in a batch, over all processes.
        rate: factor on the learning rates.
    """

    level: int
    fades: bool
    begins: int
    steps: int | None
    batch_size: int
    rate: float = 1.0

    def alpha(self, step: int) -> float:
        """Return the weight of the level's own layers at a step: 0 in the first of a fade, then linear in the steps."""
        return (step - self.begins) / self.steps if self.fades and self.steps else 1.0


def plan_growth(
    start: int,
    last: int,
    hold: int,
    fade: int,
    batch_sizes: Sequence[int],
    rates: Sequence[float] = (1.0,),
) -> list[Phase]:
    """Plan the phases from level `start` to level `last` (Karras et al. 2018, appendix A.1).

    The first level is trained for `hold` examples; each further one is faded in during `fade` examples, then trained
    for `hold`, the last one to the end. Phases last whole steps.

    Args:
        start, last: first and last level.
        hold, fade: examples of a phase.
        batch_sizes, rates: batch size and factor on the learning rates of every level from 0 on; further levels have
            the last one's.
    """
    phases: list[Phase] = []
    begins = 0
    for level in range(start, last + 1):
        size, rate = (values[min(level, len(values) - 1)] for values in (batch_sizes, rates))
        size = int(size)
        if level > start and fade:
            steps = math.ceil(fade / size)
            phases.append(Phase(level, True, begins, steps, size, rate))
            begins += steps
        steps = math.ceil(hold / size)
        phases.append(Phase(level, False, begins, steps if level < last else None, size, rate))
        begins += steps
    return phases


class GrowingGame(NoiseGame):
    """A game of noise in phases, as its networks grow (Karras et al. 2018, section 2).

    Every phase is a stage of the trainer's, with its batch size and learning rates; the optimisers start afresh where
    one begins. Real pictures come at full size and are averaged to the level's. While a level fades in, they fade from
    what the level below can show of them, as the generated ones do (section 2; in the public code: loss.py). Both
    networks have `grow(level, alpha)`, see `translate.networks.progan`.

    `generate` enlarges pictures of a network that is not fully grown to full size.

    Args:
        arguments, options: as for `NoiseGame`.
        phases: phases of the growth, see `plan_growth`.
        layers: the highest level.
        afresh: whether optimisers start afresh at the border of two phases.
    """

    def __init__(self, *arguments: Any, phases: Sequence[Phase], layers: int, afresh: bool = True, **options: Any):
        super().__init__(*arguments, **options)
        self.phases, self.layers, self.afresh = list(phases), layers, afresh

    def begin(self, step: int) -> Stage:
        phase = self.find_phase(step)
        for player, name in (("generator", "map"), ("discriminator", "judge")):
            self.players[player][name].grow(phase.level, phase.alpha(step))  # type: ignore[index]
        return self._stage(phase)

    def stages(self) -> list[Stage]:
        return [self._stage(phase) for phase in self.phases]

    def find_phase(self, step: int) -> Phase:
        """Return the phase of a step."""
        return next(phase for phase in reversed(self.phases) if phase.begins <= step)

    def play(self, batch: Batch, step: int) -> Iterator[Turn]:
        """Yield the turns of `training_step` on real pictures of the level; own losses see these, too."""
        return super().play({**batch, "target": self.shrink(batch["target"])}, step)

    def pattern(self, step: int) -> Hashable:
        phase = self.find_phase(step)
        return super().pattern(step), phase.level, phase.fades

    def generate(self, latent: Tensor, code: Tensor | None = None) -> Tensor:
        return self._enlarge(super().generate(latent, code))

    def shrink(self, x: Tensor) -> Tensor:
        """Average pictures (B, C, H, W) of full size to the level's; in a fade, mix in what the level below shows."""
        network = self.players["generator"]["map"]  # type: ignore[index]
        x = avg_pool2d(x, 2 ** (self.layers - network.level)) if network.level < self.layers else x
        return network.fade(double(halve(x)), x) if network.fading else x

    def _make_fakes(self, count: int, device: torch.device, code: Tensor | None) -> Tensor:
        return super().generate(self.latent.draw(count, device), code)

    def _enlarge(self, pictures: Tensor) -> Tensor:
        missing = self.layers - self.players["generator"]["map"].level  # type: ignore[index]
        return interpolate(pictures, scale_factor=2**missing, mode="nearest") if missing else pictures

    def _stage(self, phase: Phase) -> Stage:
        number = self.phases.index(phase) if self.afresh else 0
        return Stage(number, phase.batch_size, phase.rate)


class StyleGame(GrowingGame):
    """A growing game whose generator has a space W of styles: mixed in training, truncated in generating (StyleGAN).

    A sample of a step takes, with the probability `mixing`, its styles from two latent vectors: from one up to a random
    layer, from the other behind it (Karras et al. 2019, section 3.1).

    Args:
        arguments, options: as for `GrowingGame`.
        mixing: probability of two latent vectors, 0 to 1.
    """

    truncates = "w"

    def __init__(self, *arguments: Any, mixing: float = 0.9, **options: Any):
        super().__init__(*arguments, **options)
        self.mixing = mixing

    def generate(self, latent: Tensor, code: Tensor | None = None, truncation: float | None = None) -> Tensor:
        """Make samples as `GrowingGame` does.

        `truncation` is psi (0 to 1, or more): styles come so near to their mean; 0: all samples are alike.
        """
        network = self.players["generator"]["map"]  # type: ignore[index]
        code = code if self.labels != "none" else None
        return self._enlarge(network(latent, code, truncation=truncation))

    def check_truncation(self, truncation: float | None) -> None:
        if truncation is not None and not self.players["generator"]["map"].styles:  # type: ignore[index]
            raise UserError(f"truncation={truncation}: the model has no styles (network.styles=false); leave it out")

    def _make_fakes(self, count: int, device: torch.device, code: Tensor | None) -> Tensor:
        network = self.players["generator"]["map"]  # type: ignore[index]
        latent = self.latent.draw(count, device)
        if not self.mixing:
            return network(latent, code)
        other, layers = self.latent.draw(count, device), network.count
        begins = torch.randint(1, layers, (count, 1), device=device)  # first layer of the second style
        begins = torch.where(torch.rand(count, 1, device=device) < self.mixing, begins, layers)
        return network(latent, code, other, torch.arange(layers, device=device) >= begins)
