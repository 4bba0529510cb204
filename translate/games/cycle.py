"""Two maps tied by cycle consistency: CycleGAN, CycleGAN-VC, CycleGAN-VC2, WaveCycleGAN, WaveCycleGAN2."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from translate.config import LossWeight
from translate.games.base import Batch, Translator, Turn, measure_change
from translate.games.pool import FakePool
from translate.losses.adversarial import AdversarialLoss
from translate.losses.consistency import l1
from translate.losses.penalties import r1_penalty, refuse_batch_norm
from translate.networks.linear import Fit, FromLinear


class CycleGame(Translator):
    """Unpaired translation between a source and a target domain (Zhu et al. 2017).

    Losses of the generator, each summed over both directions:

        adversarial         D_Y judges G(x), D_X judges F(y)                    (Zhu et al. 2017, eq. 1)
        second_adversarial  D'_X judges F(G(x)), D'_Y judges G(F(y))            (Kaneko et al. 2019, eq. 4)
        cycle               |F(G(x)) - x| + |G(F(y)) - y|                       (Zhu et al. 2017, eq. 2)
        identity            |G(y) - y| + |F(x) - x|                             (Zhu et al. 2017, sec. 5.2)
                            of generators that start from linear maps A, B: |G(x) - A(x)| + |F(y) - B(y)|

    Losses of the discriminator: adversarial, second_adversarial, and, where its weights name it,

        r1                  half the squared gradient of every discriminator at real samples, summed over them
                                                                                (Mescheder et al. 2018, eq. 9)

    Args:
        domains: names of the source and the target domain.
        make_generator: factory of the generators; called twice.
        make_discriminator: factory of the discriminators; called once or twice per domain.
        weights: loss weights by player, see `Game`.
        adversarial: kind of adversarial loss.
        adversarial_steps: 1, or 2 to let discriminators judge the cycled output, too (CycleGAN-VC2).
        discriminators: number per domain: 2 gives the cycled output its own discriminators D', as CycleGAN-VC2 does;
            with 1 the discriminator of the domain judges both.
        pool: number of older fakes kept for the discriminators; 0 shows them the newest only.

    Raises:
        UserError: r1 has a weight, and the discriminators have batch norm.
    """

    batches = "unpaired"

    def __init__(
        self,
        domains: tuple[str, str],
        make_generator: Callable[[], nn.Module],
        make_discriminator: Callable[[], nn.Module],
        weights: Mapping[str, Mapping[str, LossWeight]],
        adversarial: str = "lsgan",
        adversarial_steps: int = 1,
        discriminators: int = 2,
        pool: int = 0,
    ):
        generators = nn.ModuleDict({"to_target": make_generator(), "to_source": make_generator()})
        judges = nn.ModuleDict({"source": make_discriminator(), "target": make_discriminator()})
        if adversarial_steps == 2 and discriminators == 2:
            judges.update({"source_cycled": make_discriminator(), "target_cycled": make_discriminator()})
        super().__init__({"generator": generators, "discriminator": judges}, weights)
        refuse_batch_norm(judges, weights["discriminator"], "r1")
        self.domains = domains
        self.adversarial_steps = adversarial_steps
        self.adversarial = AdversarialLoss(adversarial)  # type: ignore[arg-type]
        self.pools = {name: FakePool(pool) for name in ("source", "target", "source_cycled", "target_cycled")}

    @property
    def maps(self) -> nn.ModuleDict:
        """Return the generators `to_target` and `to_source`."""
        return self.players["generator"]  # type: ignore[return-value]

    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, y = batch["source"], batch["target"]
        to_y, to_x = self.maps["to_target"], self.maps["to_source"]
        judge_x, judge_y, judge_cycled_x, judge_cycled_y = self._discriminators()
        adversarial = self.active("generator", "adversarial", step)
        second = self.adversarial_steps == 2 and self.active("generator", "second_adversarial", step)
        cycle = self.active("generator", "cycle", step)
        fool, unmask = self.adversarial.generator, self.adversarial.discriminator
        losses: dict[str, Tensor] = {}

        fake_y, fake_x = to_y(x), to_x(y)
        self.fakes = {"target": fake_y, "source": fake_x}
        if adversarial:
            losses["adversarial"] = fool(judge_y, fake_y) + fool(judge_x, fake_x)
        if second or cycle:
            cycled_x, cycled_y = to_x(fake_y), to_y(fake_x)
        if second:
            losses["second_adversarial"] = fool(judge_cycled_x, cycled_x) + fool(judge_cycled_y, cycled_y)
        if cycle:
            losses["cycle"] = l1(cycled_x, x) + l1(cycled_y, y)
        if self.active("generator", "identity", step):
            losses["identity"] = self._change(to_y, x, fake_y, y) + self._change(to_x, y, fake_x, x)
        self.monitors["change"] = measure_change(x, fake_y)
        yield "generator", losses

        # Skip the discriminators where the generators' adversarial weight is 0.
        losses = {}
        past = self.pools
        if adversarial and self.active("discriminator", "adversarial", step):
            losses["adversarial"] = unmask(judge_x, x, past["source"].query(fake_x)) + unmask(
                judge_y, y, past["target"].query(fake_y)
            )
        if second and self.active("discriminator", "second_adversarial", step):
            losses["second_adversarial"] = unmask(
                judge_cycled_x, x, past["source_cycled"].query(cycled_x)
            ) + unmask(judge_cycled_y, y, past["target_cycled"].query(cycled_y))
        if adversarial and "r1" in self.weights["discriminator"] and self.active("discriminator", "r1", step):
            losses["r1"] = r1_penalty(judge_x, x) + r1_penalty(judge_y, y)
            if second and judge_cycled_x is not judge_x:
                losses["r1"] = losses["r1"] + r1_penalty(judge_cycled_x, x) + r1_penalty(judge_cycled_y, y)
        yield "discriminator", losses

    def prepare(self, fit: Fit) -> None:
        for generator, direction in zip(self.maps.values(), (self.domains, self.domains[::-1]), strict=True):
            if isinstance(generator, FromLinear):
                generator.fit(fit, *direction)

    @staticmethod
    def _change(generator: nn.Module, source: Tensor, fake: Tensor, target: Tensor) -> Tensor:
        """Return how far the generator is from the map that changes least: the identity, or its linear map."""
        if isinstance(generator, FromLinear):
            return l1(fake, generator.start(source))
        return l1(generator(target), target)

    def translate(self, x: Tensor, source: str, target: str, **condition: Any) -> Tensor:
        if (source, target) not in (self.domains, self.domains[::-1]):
            raise ValueError(f"this model translates between {' and '.join(self.domains)}, not {source} to {target}")
        return self.maps["to_target" if source == self.domains[0] else "to_source"](x)

    def memory(self) -> dict[str, Tensor]:
        return {name: torch.stack(pool.kept) for name, pool in self.pools.items() if pool.kept}

    def recall(self, memory: dict[str, Tensor]) -> None:
        device = next(self.parameters()).device
        for name, pool in self.pools.items():
            pool.kept = list(memory[name].to(device)) if name in memory else []

    def _discriminators(self) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module]:
        judges: nn.ModuleDict = self.players["discriminator"]  # type: ignore[assignment]
        x, y = judges["source"], judges["target"]
        if "source_cycled" in judges:
            return x, y, judges["source_cycled"], judges["target_cycled"]
        return x, y, x, y
