"""From noise to data: GAN, DCGAN, LSGAN, WGAN, WGAN-GP, SN-GAN, and their variants that know labels."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from translate.config import LossWeight
from translate.errors import UserError
from translate.games.base import Batch, Game, Turn
from translate.games.latent import Latent
from translate.losses.adversarial import AdversarialLoss, judge_both, judge_frozen
from translate.losses.penalties import (
    clip_weights,
    drift_penalty,
    gradient_penalty,
    orthogonal_penalty,
    r1_penalty,
    refuse_batch_norm,
)

Labels = Literal["none", "told", "asked"]

STANDING = 32                                                       # batches from which batch norms take statistics


class NoiseGame(Game):
    """A generator G(z) that turns noise into samples, against a discriminator D (Goodfellow et al. 2014, algorithm 1).

    A step is a turn of the discriminator; the generator takes one after every `discriminator_steps` of them. Losses of
    the generator, of which a model uses those that its weights name:

        adversarial       D judges G(z)                             (Goodfellow et al. 2014, eq. 1, and its variants)
        classification    D's classifier should find y in G(z, y)   (Odena et al. 2017, eq. 3)
        orthogonal        filters of G orthogonal to one another    (Brock et al. 2019, eq. 3)

    Losses of the discriminator:

        adversarial       D judges real samples and G(z)
        classification    its classifier should find y in real samples          (Odena et al. 2017, eq. 3; on real
                          samples only)
        gradient_penalty  (|grad D| - 1)^2 between real samples and G(z)        (Gulrajani et al. 2017, eq. 3)
        r1, r2            half the squared gradient at real samples, at G(z)    (Mescheder et al. 2018, eq. 9)
        drift             the squared logits of real samples                    (Karras et al. 2018, appendix A.1)
        orthogonal        as for the generator

    Labels y are float vectors (B, K), those of the batch's real samples, so that they are as frequent as in the data:

        none      G(z), D(x)
        told      G(z, y), D(x, y)                                  (Mirza and Osindero 2014, eq. 2)
        asked     G(z, y), D(x), whose judgement has `classes`      (Odena et al. 2017: AC-GAN)

    Args:
        generator: network called with z (B, Z), and with labels `told` or `asked` with y.
        discriminator: network called with samples (B, C, *S), and with labels `told` with y.
        weights: loss weights by player, see `Game`.
        latent: distribution of z.
        domains: names of the K labels; ignored where `labels` is none.
        labels: use of the labels, see above.
        adversarial: kind of adversarial loss.
        discriminator_steps: turns of the discriminator per turn of the generator (n_critic).
        generator_batch: size of the generator's batch over the discriminator's, a whole number.
        clip: bound of the discriminator's weights after its turn (Arjovsky et al. 2017, algorithm 1, line 7); None:
            they are free.

    Raises:
        UserError: fewer than two labels where they are used, or a penalty on gradients with batch norm.
    """

    batches = "single"
    truncates: Literal["z", "w"] = "z"                              # whether truncation is of noise, or of styles

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        weights: Mapping[str, Mapping[str, LossWeight]],
        latent: Latent,
        domains: Sequence[str] = (),
        labels: Labels = "none",
        adversarial: str = "nonsaturating",
        discriminator_steps: int = 1,
        generator_batch: int = 1,
        clip: float | None = None,
    ):
        check_labels(labels, domains)
        players = {"generator": {"map": generator}, "discriminator": {"judge": discriminator}}
        super().__init__({name: nn.ModuleDict(networks) for name, networks in players.items()}, weights)
        refuse_batch_norm(discriminator, weights["discriminator"], "gradient_penalty", "r1", "r2")
        self.latent, self.labels = latent, labels
        self.domains = list(domains) if labels != "none" else []
        self.adversarial = AdversarialLoss(adversarial)  # type: ignore[arg-type]
        self.discriminator_steps, self.generator_batch, self.clip = discriminator_steps, generator_batch, clip

    def generate(self, latent: Tensor, code: Tensor | None = None) -> Tensor:
        """Make samples (B, C, *S) of z (B, Z) and, where the game has labels, y (B, K) float: one-hot, or mixed."""
        network = self.players["generator"]["map"]  # type: ignore[index]
        return network(latent) if self.labels == "none" else network(latent, code)

    def check_truncation(self, truncation: float | None) -> None:
        """Raise `UserError` for a truncation that this game does not take when it generates."""
        self.latent.check_truncation(truncation)

    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["target"]
        code = batch["domain"].float() if self.labels != "none" else None
        judge = self.players["discriminator"]["judge"]  # type: ignore[index]
        generators_turn = self._is_generators_turn(step)
        many = self.generator_batch if generators_turn else 1
        codes = code.repeat(many, 1) if code is not None else None
        game, classifies = (self._plays("generator", name, step) for name in ("adversarial", "classification"))

        # The fakes of the generator's turn are those of the discriminator's, and more where its batch is larger.
        with torch.set_grad_enabled(generators_turn):
            fake = self._make_fakes(many * len(x), x.device, codes)
        self.fakes = {"target": fake}
        yield "discriminator", self._train_judge(x, fake[: len(x)], code, step, game, classifies)
        if self.clip is not None:
            clip_weights(judge, self.clip)
        if not generators_turn:
            return

        losses: dict[str, Tensor] = {}
        if game or classifies:
            judgement = judge_frozen(judge, fake, *self._tell(codes))
        if game:
            losses["adversarial"] = self.adversarial.generator_term(judgement)
        if classifies:
            losses["classification"] = self._classify(judgement.classes, codes)
        if self._plays("generator", "orthogonal", step):
            losses["orthogonal"] = orthogonal_penalty(self.players["generator"])
        yield "generator", losses

    def _train_judge(
        self, x: Tensor, fake: Tensor, code: Tensor | None, step: int, game: bool, classifies: bool
    ) -> dict[str, Tensor]:
        """Return the discriminator's losses; none where no loss of the generator heeds it."""
        judge, told = self.players["discriminator"]["judge"], self._tell(code)  # type: ignore[index]
        losses: dict[str, Tensor] = {}

        def plays(loss: str) -> bool:
            return self._plays("discriminator", loss, step)

        if not (game or classifies):
            return losses
        real_judgement, fake_judgement = judge_both(judge, x, fake, *told)
        if game and plays("adversarial"):
            losses["adversarial"] = self.adversarial.discriminator_term(real_judgement, fake_judgement)
        if classifies and plays("classification"):
            losses["classification"] = self._classify(real_judgement.classes, code)
        if plays("gradient_penalty"):
            losses["gradient_penalty"] = gradient_penalty(judge, x, fake, *told)
        if plays("r1"):
            losses["r1"] = r1_penalty(judge, x, *told)
        if plays("r2"):
            losses["r2"] = r1_penalty(judge, fake, *told)
        if plays("drift"):
            losses["drift"] = drift_penalty(real_judgement)
        if plays("orthogonal"):
            losses["orthogonal"] = orthogonal_penalty(judge)
        return losses

    def turn(self, player: str, step: int) -> int:
        return step // self.discriminator_steps if player == "generator" else step

    def pattern(self, step: int) -> Hashable:
        return super().pattern(step), self._is_generators_turn(step)

    def finish(self, batches: Iterator[Batch]) -> None:
        """Let the generator's batch norms take their statistics from `STANDING` batches of fresh noise.

        Those of training trail behind the weights, and belong to other ones than their moving averages (Brock et al.
        2019, sec. 3.1: standing statistics). The noise has a seed of its own: the random numbers of a run that goes on
        stay as they are.
        """
        generator = self.players["generator"]
        norms = [module for module in generator.modules() if isinstance(module, _BatchNorm)]
        if not norms:
            return
        momenta = [norm.momentum for norm in norms]
        device = next(generator.parameters()).device
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(0)
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None                                # the mean over all batches
                norm.train()
            for _ in range(STANDING):
                batch = next(batches)
                code = batch["domain"].float() if self.labels != "none" else None
                self.generate(self.latent.draw(len(batch["target"]), device), code)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.train(generator.training)

    def _make_fakes(self, count: int, device: torch.device, code: Tensor | None) -> Tensor:
        """Make samples of fresh noise for a step of the training."""
        return self.generate(self.latent.draw(count, device), code)

    def _tell(self, code: Tensor | None) -> tuple[Tensor, ...]:
        """Return what the discriminator is told beside the samples."""
        return (code,) if self.labels == "told" and code is not None else ()

    def _classify(self, classes: Tensor | None, code: Tensor | None) -> Tensor:
        """Return the cross entropy of the classifier's logits (B, K) to y (B, K); no softmax is applied before it."""
        if classes is None or code is None:
            raise ValueError("NoiseGame: classification needs labels `asked` and a discriminator with `classes`")
        return cross_entropy(classes.float(), code)

    def _is_generators_turn(self, step: int) -> bool:
        return (step + 1) % self.discriminator_steps == 0

    def _plays(self, player: str, loss: str, step: int) -> bool:
        return loss in self.weights[player] and self.active(player, loss, step)


def check_labels(labels: Labels, domains: Sequence[str]) -> None:
    """Raise `UserError` where labels are used and there are fewer than two, or one is there twice."""
    if labels == "none":
        return
    if len(domains) < 2 or len(set(domains)) != len(domains):
        raise UserError(
            f"`data.domains` is [{', '.join(domains)}]: labels that are {labels} need two or more different names; "
            "give --domains, or set network.labels=none"
        )
