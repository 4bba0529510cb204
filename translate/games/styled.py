"""Pairs with a style for the whole image, from a variational encoder: SPADE."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from translate.config import LossWeight
from translate.errors import UserError
from translate.games.base import Batch
from translate.games.graph import Graph
from translate.games.paired import Distance, PairedGame


class StyledGame(PairedGame):
    """A `PairedGame` from label maps to photographs, with a style where there is an encoder.

    Losses as in `PairedGame`, and with an encoder, for the generator:

        kl  divergence of the style's distribution from N(0, 1), in nats    (Park et al. 2019, appendix A)

    Args:
        domains, discriminator, weights, adversarial, distances: as for `PairedGame`.
        map_: generator, called with label planes, and with styles (B, style).
        encoder: encoder of photographs into the style's mean and log variance, (B, style) each; None: no styles.
        style: length of a style vector; None: no styles.
    """

    def __init__(
        self,
        domains: tuple[str, str],
        map_: nn.Module,
        encoder: nn.Module | None,
        discriminator: nn.Module,
        weights: Mapping[str, Mapping[str, LossWeight]],
        adversarial: str,
        distances: Mapping[str, Distance],
        style: int | None,
    ):
        generator = {"map": map_} | ({"encoder": encoder} if encoder is not None else {})
        super().__init__(domains, generator, discriminator, weights, adversarial, distances=distances)
        self.style = style

    def generate(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        if not self.style:
            return super().generate(batch, step)
        x, y = batch["source"], batch["target"]
        mean, logvar = (moment.float() for moment in self.generator["encoder"](y))  # (B, style)
        style = mean + (logvar / 2).exp() * torch.randn_like(mean)
        losses = {}
        if self.active("generator", "kl", step):
            losses["kl"] = measure_divergence(mean, logvar)
        return x, y, self.generator["map"](x, style), losses

    def translate(
        self, x: Tensor, source: str, target: str, style: int | Tensor | None = None, **condition: Any
    ) -> Tensor:
        """Return a photograph (B, C, H, W) in [-1, 1] for the label map `x` (B, planes, H, W) of any size.

        Args:
            x: label planes, and the plane of boundaries between instances if trained with it.
            source, target: the domains.
            style: None for the mean style, 0; a seed, from which one style is drawn for the whole batch; photographs (B
                or 1, C, H, W) of any size in [-1, 1], whose style is taken; or vectors (B or 1, style) or (style,).

        Raises:
            UserError: a style that does not fit, or any style where the model has no encoder.
        """
        self.check_direction(source, target)
        return self.generator["map"](x, self._find_style(style, x))

    def graph(self, source: str, target: str) -> Graph:
        """Return the graph; the style (B, Z) of the whole image is an input."""
        if not self.style:
            return super().graph(source, target)
        return Graph(
            Styled(self),
            {"style": "vector"},
            draw=self._draw_style,
            ask=lambda x, given: {"style": given["style"]},
            facts={"style": self.style},
        )

    def _draw_style(self, x: Tensor, random: np.random.Generator) -> dict[str, Tensor]:
        return {"style": torch.from_numpy(random.normal(size=(len(x), int(self.style or 0)))).float()}

    def _find_style(self, style: int | Tensor | None, x: Tensor) -> Tensor | None:
        if not self.style:
            if style is not None:
                raise UserError("style: this model has none; train it with network.encoder=true")
            return None
        if style is None:
            return x.new_zeros(len(x), self.style)
        if isinstance(style, int):
            drawn = torch.randn(1, self.style, generator=torch.Generator().manual_seed(style))
            return drawn.to(x).expand(len(x), -1)
        if isinstance(style, Tensor) and style.ndim == 4:
            style = self.generator["encoder"](style.to(x))[0]
        vectors = torch.as_tensor(style).to(x)
        if tuple(vectors.shape) not in {(self.style,), (1, self.style), (len(x), self.style)}:
            raise UserError(
                f"style: got the shape {tuple(vectors.shape)}; expected a number, a photograph, or {self.style} numbers"
            )
        return vectors.expand(len(x), -1)


class Styled(nn.Module):
    """SPADE with the style (B, Z) of the image as an input."""

    def __init__(self, game: StyledGame):
        super().__init__()
        self.game = game

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return self.game.generator["map"](x, style)


def measure_divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mean, exp(logvar)) || N(0, 1)) in nats: sums over the dimensions of (B, Z), averaged over the batch.

    Kingma and Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(dim=1).mean()
