"""The noise from which a generator makes samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from translate.errors import UserError

SMALLEST_TRUNCATION = 0.01                                          # below it, resampling takes too many draws


@dataclass(frozen=True)
class Latent:
    """The distribution of the generator's input z (B, size).

    Attributes:
        size: number of entries.
        kind: `normal`, N(0, 1), or `uniform`, on [-1, 1], for every entry independently.
    """

    size: int
    kind: Literal["normal", "uniform"] = "normal"

    def draw(self, count: int, device: torch.device) -> Tensor:
        """Draw (count, size) for training, from torch's random numbers, which a checkpoint keeps for every process."""
        if self.kind == "normal":
            return torch.randn(count, self.size, device=device)
        return 2 * torch.rand(count, self.size, device=device) - 1

    def sample(self, seed: int, numbers: Sequence[int], truncation: float | None = None) -> Tensor:
        """Draw the samples of these numbers, (N, size) float32 on the CPU.

        A sample depends on the seed and on its own number only, so that number 57 is the same one among 60 and among
        a million.

        Args:
            seed: 0 or more.
            numbers: numbers of the samples, 0 or more.
            truncation: entries of a larger magnitude are drawn again (Brock et al. 2019, sec. 3.1); None: all stay.

        Raises:
            UserError: a truncation of uniform noise, or one below 0.01.
        """
        self.check_truncation(truncation)
        rows = [self._sample_one(np.random.default_rng([seed, number]), truncation) for number in numbers]
        return torch.from_numpy(np.stack(rows).astype(np.float32))

    def check_truncation(self, truncation: float | None) -> None:
        """Raise `UserError` for a truncation that this noise does not take."""
        if truncation is None:
            return
        if self.kind != "normal":
            raise UserError(f"truncation={truncation}: this model's noise is uniform, only normal noise has tails; "
                            "leave it out")  # fmt: skip
        if truncation < SMALLEST_TRUNCATION:
            raise UserError(f"truncation={truncation}: expected {SMALLEST_TRUNCATION} or more")

    def between(self, first: Tensor, last: Tensor, steps: int) -> Tensor:
        """Interpolate from one latent vector (size,) to another in equal steps, both included: (steps, size).

        Normal vectors lie near a sphere, which a straight line leaves; they are interpolated along the great circle,
        and their lengths linearly (White 2016, arXiv 1609.04468, there of unit vectors). Uniform ones go straight.
        """
        places = torch.linspace(0, 1, steps).unsqueeze(1)
        straight = torch.lerp(first, last, places)
        if self.kind != "normal":
            return straight
        lengths = torch.lerp(first.norm(), last.norm(), places)
        one, other = (x / x.norm().clamp_min(1e-12) for x in (first, last))
        angle = torch.acos((one @ other).clamp(-1, 1))
        if angle.sin() < 1e-4:                                      # parallel: the circle is not determined
            return straight
        turned = (torch.sin((1 - places) * angle) * one + torch.sin(places * angle) * other) / angle.sin()
        return lengths * turned

    def _sample_one(self, random: np.random.Generator, truncation: float | None) -> np.ndarray:
        if self.kind == "uniform":
            return random.uniform(-1, 1, self.size)
        row = random.standard_normal(self.size)
        while truncation is not None and (outside := np.abs(row) > truncation).any():
            row[outside] = random.standard_normal(outside.sum())
        return row
