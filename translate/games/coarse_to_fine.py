"""Pairs learned coarse to fine, with a style per object: pix2pixHD."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from translate.config import LossWeight
from translate.errors import UserError
from translate.games.base import Batch
from translate.games.graph import Graph
from translate.games.paired import Distance, PairedGame
from translate.networks.coarse_to_fine import Objects, ObjectStyles, Style, find_objects, halve


class CoarseToFineGame(PairedGame):
    """A `PairedGame` that trains in phases, coarse to fine, with a style per object where there is an encoder.

    Losses as in `PairedGame`. The discriminator sees the label map, but no styles.

    Args:
        domains, discriminator, weights, adversarial, distances: as for `PairedGame`.
        map_: generator, called with label planes and styles, concatenated, and the phase: 1 trains the global
            generator, 2 the enhancers, 3 all.
        encoder: encoder of a photograph's objects into styles; None: no styles.
        phases: numbers of steps of the first and the second phase.
        enhancers: number of enhancers; each doubles the size.
        classes: number of a label map's planes that are classes.
        styles: clusters of styles by class; None: no styles.
        style_batches: number of batches whose objects are clustered after the training.
    """

    phase: Tensor                                                   # the last step's phase, also of a run that was cut

    def __init__(
        self,
        domains: tuple[str, str],
        map_: nn.Module,
        encoder: nn.Module | None,
        discriminator: nn.Module,
        weights: Mapping[str, Mapping[str, LossWeight]],
        adversarial: str,
        distances: Mapping[str, Distance],
        phases: Sequence[int],
        enhancers: int,
        classes: int,
        styles: ObjectStyles | None,
        style_batches: int,
    ):
        generator = {"map": map_} | ({"encoder": encoder} if encoder is not None else {})
        super().__init__(domains, generator, discriminator, weights, adversarial, distances=distances)
        self.steps, self.enhancers, self.style_batches = phases, enhancers, style_batches
        self.register_buffer("phase", torch.tensor(1))
        self.classes, self.styles = classes, styles

    def generate(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        x, y = batch["source"], batch["target"]
        phase = self._find_phase(step)
        self.phase.fill_(phase)
        planes = x
        if self.styles:
            objects = self.find_objects(x, batch.get("instances"))
            with torch.set_grad_enabled(torch.is_grad_enabled() and phase != 2):
                vectors, _ = self.generator["encoder"].describe(y, objects)  # type: ignore[operator]
            planes = torch.cat([x, objects.paint(vectors)], dim=1)
        if phase == 1:
            for _ in range(self.enhancers):
                x = halve(x)
            y = adaptive_avg_pool2d(y, x.shape[-2:])  # type: ignore[arg-type]
        return x, y, self.generator["map"](planes, phase), {}

    def pattern(self, step: int) -> Hashable:
        return super().pattern(step), self._find_phase(step)

    def translate(
        self,
        x: Tensor,
        source: str,
        target: str,
        instances: Tensor | None = None,
        style: Style | Tensor = None,
        **condition: Any,
    ) -> Tensor:
        """Return a photograph (B, C, H, W) in [-1, 1] for the label map `x` (B, planes, H, W) of any size.

        Args:
            x: label planes, and the plane of boundaries between instances if trained with it.
            source, target: the domains.
            instances: (B, 1, H, W) ids; None: each class is one object, and its number the id.
            style: style of the objects, see `ObjectStyles.choose`; or a photograph of the size of `x`, from which the
                style of each object is taken.

        Raises:
            UserError: a style that does not fit, or any style where the model has no encoder.
        """
        self.check_direction(source, target)
        planes = x
        if self.styles:
            objects = self.find_objects(x, instances)
            planes = torch.cat([x, objects.paint(self._describe(objects, style))], dim=1)
        elif style is not None:
            raise UserError("style: this model has none; train it with network.encoder=true")
        y = self.generator["map"](planes, phase := int(self.phase))
        return interpolate(y, size=x.shape[-2:], mode="bilinear") if phase == 1 and self.enhancers else y

    def graph(self, source: str, target: str) -> Graph:
        """Return the graph; with styles, the style of every pixel's object, (B, numbers, H, W), is an input."""
        if self.styles is None:
            return Graph(Painted(self))
        centres, shares = self.styles.centres, self.styles.shares
        facts = {"style": centres.shape[2], "styles": {"centres": centres.tolist(), "shares": shares.tolist()}}
        return Graph(Painted(self), {"style": "map"}, self._draw_styles, self._ask_for_styles, facts)

    def _draw_styles(self, x: Tensor, random: np.random.Generator) -> dict[str, Tensor]:
        """Draw a style for each class, the same in the whole batch, and paint the pixels with it."""
        vectors = random.uniform(-1, 1, (self.classes, self.styles.centres.shape[2]))  # type: ignore[union-attr]
        return {"style": torch.from_numpy(vectors).float()[self._find_classes(x)].movedim(-1, 1)}

    def _ask_for_styles(self, x: Tensor, given: Mapping[str, Tensor]) -> dict[str, Any]:
        """Return the arguments of `translate` for painted styles: a vector for each class of objects."""
        classes, style = self._find_classes(x), given["style"].movedim(1, -1)
        return {"style": {int(one): style[classes == one][0].tolist() for one in classes.unique()}}

    def _find_classes(self, x: Tensor) -> Tensor:  # label planes (B, planes, H, W) -> (B, H, W)
        return x[:, : self.classes].argmax(dim=1)

    @torch.no_grad()
    def finish(self, batches: Iterator[Batch]) -> None:
        """Cluster the styles of the objects in the training images."""
        if not self.styles:
            return
        found: list[tuple[Tensor, ...]] = []                        # vectors, classes and areas, batch by batch
        for batch in islice(batches, self.style_batches):
            objects = self.find_objects(batch["source"], batch.get("instances"))
            vectors, areas = self.generator["encoder"].describe(batch["target"], objects)  # type: ignore[operator]
            found.append((vectors.cpu(), objects.classes.cpu(), areas.cpu()))
        self.styles.fit(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    def find_objects(self, x: Tensor, instances: Tensor | None = None) -> Objects:
        """Find the objects, each of which takes a style.

        Args:
            x: label maps (B, planes, H, W).
            instances: instance ids (B, 1, H, W).
        """
        return find_objects(x[:, : self.classes], instances)

    def _describe(self, objects: Objects, style: Style | Tensor) -> Tensor:
        if not isinstance(style, Tensor):
            return self.styles.choose(objects, style)  # type: ignore[union-attr]
        if style.ndim != 4 or style.shape[-2:] != objects.number.shape[1:]:
            height, width = objects.number.shape[1:]
            raise UserError(f"style: a photograph must be as large as the label map, {width} x {height} pixels")
        return self.generator["encoder"].describe(style.expand(len(objects.number), -1, -1, -1), objects)[0]  # type: ignore[operator]

    def _find_phase(self, step: int) -> int:
        alone, fixed = self.steps
        return 1 if step < alone or not self.enhancers else 2 if step < alone + fixed else 3


class Painted(nn.Module):
    """pix2pixHD with the style of every pixel's object, (B, numbers, H, W)."""

    def __init__(self, game: CoarseToFineGame):
        super().__init__()
        self.game, self.phase = game, int(game.phase)
        self.coarse = self.phase == 1 and bool(game.enhancers)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        planes = x if style is None else torch.cat([x, style], dim=1)
        y = self.game.generator["map"](planes, self.phase)
        return interpolate(y, size=x.shape[-2:], mode="bilinear") if self.coarse else y
