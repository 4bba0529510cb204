"""One map learned from pairs: pix2pix, pix2pixHD, SPADE, SRResNet, SRGAN, GAN postfilters."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from translate.config import LossWeight
from translate.games.base import Batch, Translator, Turn
from translate.losses.adversarial import AdversarialLoss, judge_both, judge_frozen
from translate.losses.consistency import l1, l2
from translate.losses.features import feature_matching

Distance = Callable[[Tensor, Tensor], Tensor]


class PairedGame(Translator):
    """Translation where every source x has its target y (Isola et al. 2017).

    Losses of the generator, of which a model uses those that its weights name:

        adversarial  D judges (x, G(x))                             (Isola et al. 2017, eq. 1)
        l1, l2       |G(x) - y|, (G(x) - y)^2                       (Isola et al. 2017, eq. 3; Ledig et al. 2017, eq. 4)
        perceptual   distance of G(x) and y in the features of VGG  (Ledig et al. 2017, eq. 5; Johnson et al. 2016)
        features     distance in the discriminator's features       (Wang et al. 2018, eq. 4)

    Losses of the discriminator: adversarial. A game with a style or with phases overrides `generate`.

    Args:
        domains: names of the source and the target domain.
        generator: networks of the player `generator` by name, with "map" among them.
        discriminator: network called with the sample and, if `conditional`, the source; None: no adversarial loss.
        weights: loss weights by player, see `Game`.
        adversarial: kind of adversarial loss.
        conditional: whether the discriminator sees the source beside the sample, D(x, source), or the sample alone.
        distances: further losses between G(x) and y, by name, such as "perceptual".
    """

    batches = "paired"

    def __init__(
        self,
        domains: tuple[str, str],
        generator: Mapping[str, nn.Module],
        discriminator: nn.Module | None,
        weights: Mapping[str, Mapping[str, LossWeight]],
        adversarial: str = "nonsaturating",
        conditional: bool = True,
        distances: Mapping[str, Distance] | None = None,
    ):
        if "map" not in generator:
            raise ValueError(f"generator: expected a network named map among them, got {', '.join(generator)}")
        players: dict[str, nn.Module] = {"generator": nn.ModuleDict(generator)}
        if discriminator is not None:
            players["discriminator"] = nn.ModuleDict({"judge": discriminator})
        super().__init__(players, weights)
        self.domains, self.conditional = domains, conditional
        self.adversarial = AdversarialLoss(adversarial)  # type: ignore[arg-type]
        known = {"l1": l1, "l2": l2, **(distances or {})}
        self.distances = {name: distance for name, distance in known.items() if name in weights["generator"]}

    @property
    def generator(self) -> nn.ModuleDict:
        """Return the networks of the generator; "map" takes the source."""
        return self.players["generator"]  # type: ignore[return-value]

    def generate(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Return source, target and fake of this step, and the generator losses that the subclass adds."""
        x, y = batch["source"], batch["target"]
        return x, y, self.generator["map"](x), {}

    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, y, fake, losses = self.generate(batch, step)
        self.fakes = {"target": fake}
        condition = (x,) if self.conditional else ()
        game = self._plays("adversarial", step)
        for name, distance in self.distances.items():
            if self.active("generator", name, step):
                losses[name] = distance(fake, y)
        if game or self._plays("features", step):
            judge = self.players["discriminator"]["judge"]  # type: ignore[index]
            judgement = judge_frozen(judge, fake, *condition)
            if game:
                losses["adversarial"] = self.adversarial.generator_term(judgement)
            if self._plays("features", step):
                losses["features"] = feature_matching(judge_frozen(judge, y, *condition), judgement)
        yield "generator", losses

        if game and self.active("discriminator", "adversarial", step):
            judgements = judge_both(judge, y, fake, *condition)
            yield "discriminator", {"adversarial": self.adversarial.discriminator_term(*judgements)}

    def translate(self, x: Tensor, source: str, target: str, **condition: Any) -> Tensor:
        self.check_direction(source, target)
        return self.generator["map"](x)

    def check_direction(self, source: str, target: str) -> None:
        """Raise `ValueError` unless the map goes from `source` to `target`."""
        if (source, target) != self.domains:
            raise ValueError(f"this model translates {' to '.join(self.domains)}, not {source} to {target}")

    def _plays(self, loss: str, step: int) -> bool:
        return loss in self.weights["generator"] and self.active("generator", loss, step)
