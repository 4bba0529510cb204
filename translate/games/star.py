"""One generator for many domains: StarGAN on images, StarGAN-VC and StarGAN-VC2 on sequences."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from translate.config import LossWeight
from translate.errors import UserError
from translate.games.base import Batch, Turn, measure_change
from translate.games.graph import Graph, Kind
from translate.games.vectors import Coded, VectorGame, check_domains
from translate.losses.adversarial import AdversarialLoss, judge_frozen, judge_together
from translate.losses.consistency import l1
from translate.losses.domain import attribute_classification, domain_classification, tell_domains
from translate.losses.judgement import Judgement, mixes_samples
from translate.losses.penalties import gradient_penalty, r1_penalty, refuse_batch_norm
from translate.networks.linear import Fit, FromLinearMaps

__all__ = ["StarGame", "check_domains"]


class StarGame(VectorGame):
    """Translation among many domains by one generator G(x, c') that takes the wanted domain (Choi et al. 2018).

    A sample's domain is a float vector c (B, K). In training the wanted vectors c' are the batch's own, shuffled, so
    that they are as frequent as in the data. The generator takes a turn after every `discriminator_steps` turns of the
    others. Its losses, of which a model uses those that its weights name:

        adversarial       D judges G(x, c')                                 (Choi et al. 2018, eq. 1 and 8)
        classification    the classifier should find c' in G(x, c')         (eq. 3)
        cycle             |G(G(x, c'), c) - x|                              (eq. 4)
        identity          |G(x, c) - x|                                     (Kameoka et al. 2018, sec. 3)

    Losses of the discriminator:

        adversarial       D judges x and G(x, c')                           (Choi et al. 2018, eq. 1 and 8)
        gradient_penalty  that of WGAN-GP, between real samples and G(x, c')  (eq. 8)
        r1                half the squared gradient of D at real samples    (Mescheder et al. 2018, eq. 9)

    Loss of the classifier, a player of its own or else a part of the discriminator, which then has this loss:

        classification    it should find c in x                             (eq. 2)

    Several data sets: see `VectorGame`. Classification then counts labelled domains only, and wanted vectors are
    shuffled within each set.

    Args:
        domains: names of the entries of a vector.
        generator: network called with samples (B, C, *S) and the codes that `codes` names.
        discriminator: network called with samples and the vectors (B, K) that `game` names; without a `classifier`, its
            judgement has `classes`.
        weights: loss weights by player, see `Game`.
        exclusive: whether a sample has exactly one domain (cross entropy), or any number (binary cross entropies).
        adversarial: kind of adversarial loss.
        discriminator_steps: number of turns of the discriminator and the classifier per turn of the generator.
        sets, exclusive_groups: as for `VectorGame`.
        classifier: network called with samples; returns a judgement that has nothing but `classes`, logits (B, K) or,
            per position, (B, K, *S). None: the discriminator classifies.
        game: inputs of the discriminator, see `tell_domains`: plain D(x), target D(x, c), source_target D(x, c', c).
            With the last two, the gradient penalty is taken between G(x, c') and a real sample of c', both under the
            fake's condition.
        codes: code input of the generator: target, G(x, c'), or source_target, G(x, [c, c']) with twice the entries.

    Raises:
        UserError: domains are missing or there twice; a set or a group does not fit them; a penalty has a weight, and
            the discriminator has batch norm.
    """

    def __init__(
        self,
        domains: Sequence[str],
        generator: nn.Module,
        discriminator: nn.Module,
        weights: Mapping[str, Mapping[str, LossWeight]],
        exclusive: bool,
        adversarial: str = "wgan",
        discriminator_steps: int = 5,
        sets: Sequence[Sequence[str]] = (),
        exclusive_groups: Sequence[Sequence[str]] = (),
        classifier: nn.Module | None = None,
        game: Literal["plain", "target", "source_target"] = "plain",
        codes: Literal["target", "source_target"] = "target",
    ):
        players = {"generator": {"map": generator}, "discriminator": {"judge": discriminator}}
        if classifier is not None:
            players["classifier"] = {"judge": classifier}
        modules = {player: nn.ModuleDict(networks) for player, networks in players.items()}
        super().__init__(modules, weights, domains, exclusive, sets, exclusive_groups)
        refuse_batch_norm(discriminator, weights.get("discriminator", {}), "gradient_penalty", "r1")
        self.adversarial = AdversarialLoss(adversarial)  # type: ignore[arg-type]
        self.discriminator_steps, self.game, self.codes = discriminator_steps, game, codes
        self.teacher = "discriminator" if classifier is None else "classifier"  # the player that learns the domains

    @property
    def map(self) -> nn.Module:
        """Return the generator: samples and codes to samples."""
        return self.players["generator"]["map"]  # type: ignore[index]

    def prepare(self, fit: Fit) -> None:
        if isinstance(self.map, FromLinearMaps):
            self.map.fit(fit)

    def generate(self, x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Apply G to `x` (B, C, *S) with the code (B, K [+ sets]) of its target, or those of its source and target."""
        return self.map(x, target if self.codes == "target" else torch.cat([source, target], dim=1))

    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, mask = batch["source"], batch["mask"].float()
        if len(x) < 2:
            raise UserError(
                "`train.batch_size`: expected 2 or more per process and micro-batch; wanted domains are those of the "
                "batch"
            )
        domain = batch["domain"].float() * mask
        code = self.encode(domain, domain if self.exclusive else mask)
        order = self.shuffle(code)
        of_real, of_fake = tell_domains(self.game, domain, domain[order])
        judge, teacher = (self.players[player]["judge"] for player in ("discriminator", self.teacher))  # type: ignore[index]
        generators_turn = self._is_generators_turn(step)
        # Skip the discriminator where the generator's adversarial weight is 0.
        game, classifies = (self._plays("generator", name, step) for name in ("adversarial", "classification"))
        teaches = classifies and self._plays(self.teacher, "classification", step)

        with torch.set_grad_enabled(generators_turn):
            fake = self.generate(x, code, code[order])
        self.fakes = {"target": fake}
        self.monitors["change"] = measure_change(x, fake)
        losses: dict[str, Tensor] = {}
        if game and self._plays("discriminator", "adversarial", step):
            real_judgement, fake_judgement = judge_together(judge, (x, *of_real), (fake, *of_fake))
            losses["adversarial"] = self.adversarial.discriminator_term(real_judgement, fake_judgement)
            if self._plays("discriminator", "gradient_penalty", step):
                real = x if self.game == "plain" else x[order]
                losses["gradient_penalty"] = gradient_penalty(judge, real, fake, *of_fake)
            if self._plays("discriminator", "r1", step):
                losses["r1"] = r1_penalty(judge, x, *of_real)
        if teaches and teacher is judge:
            real_judgement = real_judgement if losses else judge(x, *of_real)
            losses["classification"] = self.classify(real_judgement, domain, mask)
        yield "discriminator", losses
        if teacher is not judge:
            yield "classifier", {"classification": self.classify(teacher(x), domain, mask)} if teaches else {}

        if not generators_turn:
            return
        losses = {}
        if game or (classifies and teacher is judge):
            judgement = judge_frozen(judge, fake, *of_fake)
        if game:
            losses["adversarial"] = self.adversarial.generator_term(judgement)
        if classifies:
            found = judgement if teacher is judge else judge_frozen(teacher, fake)
            losses["classification"] = self.classify(found, domain[order], mask[order])
        cycle, identity = (self._plays("generator", name, step) for name in ("cycle", "identity"))
        if cycle and identity and not mixes_samples(self.map):
            codes = torch.cat([code[order], code]), torch.cat([code, code])
            back, same = self.generate(torch.cat([fake, x]), *codes).chunk(2)
        else:
            back = self.generate(fake, code[order], code) if cycle else x
            same = self.generate(x, code, code) if identity else x
        if cycle:
            losses["cycle"] = l1(back, x)
        if identity:
            losses["identity"] = l1(same, x)
        yield "generator", losses

    def turn(self, player: str, step: int) -> int:
        return step // self.discriminator_steps if player == "generator" else step

    def pattern(self, step: int) -> Hashable:
        return super().pattern(step), self._is_generators_turn(step)

    def classify(self, judgement: Judgement, domain: Tensor, mask: Tensor) -> Tensor:
        """Return the error of the judgement's classes against `domain` (B, K), where `mask` (B, K) is 1."""
        classes = judgement.classes
        if classes is None:
            raise ValueError(f"StarGame: expected a {self.teacher} whose judgement has `classes`")
        if not self.exclusive:
            return attribute_classification(classes, domain, mask)
        # Each set has its own softmax; samples of the others have a row of zeros there, whose loss is 0.
        parts = zip(classes.split(self.sizes, dim=1), domain.split(self.sizes, dim=1), strict=True)
        return torch.stack([domain_classification(*part) for part in parts]).sum()

    def translate(self, x: Tensor, source: str | Tensor, target: str | Tensor, **condition: Any) -> Tensor:
        """Map `x` (B, C, *S) to `target`.

        Args:
            source: as `target` where the generator takes it (`codes`); else it is ignored.
            target: name that `vector` takes, or a float tensor (K,) or (B, K), or with the set's one-hot (B, K + sets).
                With several sets, a row of (B, K) belongs to the set in which it is not 0.

        Raises:
            UserError: an unknown name; with several sets, names of none of them or of two.
            ValueError: a tensor of another shape.
        """
        code = self.read_code(target, x, "target")
        return self.generate(x, code if self.codes == "target" else self.read_code(source, x, "source"), code)

    def graph(self, source: str, target: str) -> Graph:
        """Return one graph for all domains: the generator's codes are inputs."""
        kinds: dict[str, Kind] = {"target": "code"} if self.codes == "target" else {"source": "code", "target": "code"}
        sets = len(self.sizes) if len(self.sizes) > 1 else 0
        return Graph(Coded(self), kinds, self.draw_codes, facts={"sets": sets})

    def _is_generators_turn(self, step: int) -> bool:
        return (step + 1) % self.discriminator_steps == 0

    def _plays(self, player: str, loss: str, step: int) -> bool:
        return loss in self.weights[player] and self.active(player, loss, step)
