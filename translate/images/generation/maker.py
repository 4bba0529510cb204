"""Pictures from noise: from seeds and numbers, or from latent vectors that were kept."""

import difflib
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from translate.config.options import read_options
from translate.errors import UserError
from translate.files import load_arrays
from translate.games.noise import NoiseGame
from translate.images.arrays import to_uint8
from translate.images.options import ImageGeneration
from translate.models.base import ImageModel

LATENTS = "latents.safetensors"                                     # file of latent vectors
BATCH = 64                                                          # pictures that the network makes at once


class Order(NamedTuple):
    """The latent vectors (N, Z) and the labels (N, K) of a part of the pictures; K is 0 without labels.

    `truncation` is that of styles (StyleGAN); that of noise is in the vectors.
    """

    latents: Tensor
    codes: Tensor
    truncation: float | None = None


class ImageMaker:
    """A trained model that makes pictures from noise; made by `translate.load`.

    A picture depends on the seed, on its own number and on its label: number 57 is the same one among 60 and among a
    million. Several threads may use one maker.

    Args:
        game: game with trained weights.
        config: configuration of the run.
        device: device of the network.
    """

    def __init__(self, game: NoiseGame, config: ImageModel, device: torch.device):
        self.game = game.to(device).eval()
        self.config, self.device = config, device
        self._lock = threading.Lock()

    precision = "float32"                                           # precision of the network; or bfloat16

    @property
    def labels(self) -> list[str]:
        """Return the names of the labels; empty where the model knows none."""
        return self.game.domains

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (C, H, W) of a picture."""
        height, width = self.config.train.crop, round(self.config.train.crop * self.config.images.aspect)
        return self.config.images.target_channels, height, width

    def generate(self, count: int = 64, **options: Any) -> np.ndarray:
        """Make pictures.

        Args:
            count: number of pictures; those of `between` are `steps`.
            options: options seed, label, truncation, between, steps, latents, see
                `translate.images.options.ImageGeneration`.

        Returns:
            (N, H, W, C) uint8.

        Raises:
            UserError: an unknown option or label, or a value out of its range.
        """
        chosen = read_options(ImageGeneration, {"count": count, **options})
        return np.concatenate([self.make(order) for order in self.plan(chosen)[1]])

    def plan(self, options: ImageGeneration) -> tuple[int, Iterator[Order]]:
        """Return the number of pictures, and their latent vectors and labels, up to `BATCH` at a time.

        Raises:
            UserError: an unknown label, an option that this model does not take, or a file of something else.
        """
        latent, label, ends = self.game.latent, self._find_label(options.label), options.read_between()
        self.game.check_truncation(options.truncation)
        of_noise, of_styles = options.truncation, None
        if self.game.truncates == "w":
            of_noise, of_styles = of_styles, of_noise
        if options.latents is not None:
            return self._cut(self.read_latents(Path(options.latents))._replace(truncation=of_styles))
        if ends is not None:
            first, last = latent.sample(options.seed, ends, of_noise)
            path = latent.between(first, last, options.steps)
            codes = self._code([label if label is not None else ends[0]] * len(path))
            return self._cut(Order(path, codes, of_styles))

        def draw() -> Iterator[Order]:
            for begin in range(0, options.count, BATCH):
                numbers = range(begin, min(begin + BATCH, options.count))
                places = numbers if label is None else [label] * len(numbers)
                yield Order(latent.sample(options.seed, numbers, of_noise), self._code(places), of_styles)

        return options.count, draw()

    @staticmethod
    def _cut(order: Order) -> tuple[int, Iterator[Order]]:
        parts = zip(order.latents.split(BATCH), order.codes.split(BATCH), strict=True)
        return len(order.latents), (Order(*part, order.truncation) for part in parts)

    def read_latents(self, path: Path) -> Order:
        """Read the vectors of a file latents.safetensors; raise `UserError` for anything else."""
        if not path.is_file():
            raise UserError(f"latents={path}: no such file; `translate generate` writes {LATENTS}")
        found = load_arrays(path)
        if set(found) != {"latents", "labels"} or any(value.dtype != np.float32 for value in found.values()):
            raise UserError(f"latents={path}: expected the float32 tensors `latents` and `labels`")
        order = Order(torch.from_numpy(found["latents"]), torch.from_numpy(found["labels"]))
        self.check_sizes(order.latents, order.codes, where=f"latents={path}")
        if not len(order.latents) or len(order.latents) != len(order.codes) or not order.latents.isfinite().all():
            raise UserError(f"latents={path}: expected one or more vectors, all of them finite, and as many labels")
        return order

    def make(self, order: Order) -> np.ndarray:
        """Make the pictures of up to any number of latent vectors: (N, H, W, C) uint8."""
        made = []
        truncated = {} if order.truncation is None else {"truncation": order.truncation}
        for latents, codes in zip(order.latents.split(BATCH), order.codes.split(BATCH), strict=True):
            self.check_sizes(latents, codes)
            mixed = self.precision == "bfloat16"
            lower = torch.autocast(self.device.type, torch.bfloat16) if mixed else nullcontext()
            with self._lock, torch.inference_mode(), lower:
                code = codes.to(self.device) if self.labels else None
                pictures = self.game.generate(latents.to(self.device), code, **truncated)
            made.append(to_uint8(pictures.float().movedim(1, -1).cpu().numpy()))
        return np.concatenate(made)

    def check_sizes(self, latents: Tensor, codes: Tensor, where: str = "latents") -> None:
        """Raise `UserError` unless vectors are those of this model."""
        expected = (self.game.latent.size, len(self.labels))
        if latents.dim() != 2 or codes.dim() != 2 or (latents.shape[1], codes.shape[1]) != expected:
            raise UserError(
                f"{where}: expected latents (N, {expected[0]}) and labels (N, {expected[1]}), found "
                f"{tuple(latents.shape)} and {tuple(codes.shape)}; are they of another model?"
            )

    def _code(self, numbers: Sequence[int]) -> Tensor:
        """Return one-hot labels (N, K); number n has label n mod K."""
        count = len(self.labels)
        if not count:
            return torch.zeros(len(numbers), 0)
        return torch.eye(count)[[number % count for number in numbers]]

    def _find_label(self, label: str | int | None) -> int | None:
        if label is None:
            return None
        if not self.labels:
            raise UserError(f"label={label}: this model knows no labels; leave it out")
        if str(label) not in self.labels:
            nearest = difflib.get_close_matches(str(label), self.labels, n=1)
            hint = f"did you mean `{nearest[0]}`?" if nearest else f"this model knows {', '.join(self.labels)}"
            raise UserError(f"label={label}: unknown; {hint}")
        return self.labels.index(str(label))
