"""One generator for many domains: StarGAN, and StarGAN-VC on sequences."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from translate.config import LossWeight
from translate.errors import UserError
from translate.losses.adversarial import AdversarialLoss, judge_both, judge_frozen
from translate.losses.consistency import l1
from translate.losses.domain import attribute_classification, domain_classification
from translate.losses.penalties import gradient_penalty
from translate.networks.judgement import Judgement
from translate.translators.base import Batch, Translator, Turn, measure_change


class StarTranslator(Translator):
    """Translation among many domains by one generator G(x, c) that is told the wanted domain (Choi et al. 2018).

    A sample's domain is a float vector c (B, K): one-hot of exclusive classes, or 0/1 of attributes. In training the
    wanted vectors c' are the batch's own in another order, so that they are as frequent as in the data. Losses of the
    generator, which takes a turn after every `discriminator_steps` turns of the discriminator; a system has those that
    its weights name:

        adversarial       D judges G(x, c')                                 (Choi et al. 2018, eq. 1 and 8)
        classification    D's classifier shall find c' in G(x, c')          (eq. 3)
        reconstruction    |G(G(x, c'), c) - x|                              (eq. 4)

    and of the discriminator:

        adversarial       D judges x and G(x, c')                           (eq. 1 and 8)
        classification    its classifier shall find c in x                  (eq. 2)
        gradient_penalty  of WGAN-GP, between x and G(x, c')                (eq. 8)

    Several data sets (sec. 3.3): domains that are labelled together make a *set*; `sets` cuts `domains` into them. A
    sample belongs to the set that labels it: for exclusive classes the one where its domain is, for attributes the
    one where the batch's "mask" is 1. The generator then gets [c, m] (eq. 7), c being 0 wherever it is unknown and m
    the one-hot of the set; classification counts labelled domains only; and wanted vectors are shuffled within each
    set, as though its samples made a batch of their own.

    Args:
        domains: names of the entries of a vector.
        generator: called with samples (B, C, *S) and vectors, (B, K) or of several sets (B, K + sets).
        discriminator: called with samples; its judgement has `classes`.
        weights: loss weights by player, see `Translator`.
        exclusive: a sample has exactly one domain (cross entropy); else any of them (binary cross entropies).
        adversarial: kind of adversarial loss.
        discriminator_steps: turns of the discriminator per turn of the generator.
        sets: lists of domains, one after the other as in `domains`; empty: all are one set.
        exclusive_groups: attributes of which a sample has one, such as colours of hair; see `edit`.

    Raises:
        UserError: domains are missing or there twice; a set or a group does not fit them.
    """

    batches = "labelled"

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
    ):
        check_domains(domains, exclusive, sets, exclusive_groups)
        players = {"generator": {"map": generator}, "discriminator": {"judge": discriminator}}
        super().__init__({player: nn.ModuleDict(networks) for player, networks in players.items()}, weights)
        self.domains, self.exclusive, self.discriminator_steps = list(domains), exclusive, discriminator_steps
        self.adversarial = AdversarialLoss(adversarial)  # type: ignore[arg-type]
        self.sizes = [len(names) for names in sets] or [len(domains)]
        self.exclusive_groups = [list(names) for names in exclusive_groups]

    @property
    def map(self) -> nn.Module:
        """The generator: samples and vectors (as `encode` gives them) to samples."""
        return self.players["generator"]["map"]  # type: ignore[index]

    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, mask = batch["source"], batch["mask"].float()
        domain = batch["domain"].float() * mask
        code = self.encode(domain, domain if self.exclusive else mask)
        order = self.shuffle(code)
        judge = self.players["discriminator"]["judge"]  # type: ignore[index]
        generators_turn = (step + 1) % self.discriminator_steps == 0
        # A discriminator that no generator heeds is not trained either.
        game, classifies = (self._plays("generator", name, step) for name in ("adversarial", "classification"))

        with torch.set_grad_enabled(generators_turn):
            fake = self.map(x, code[order])
        self.monitors["change"] = measure_change(x, fake)
        losses: dict[str, Tensor] = {}
        classifier = classifies and self._plays("discriminator", "classification", step)
        if game and self._plays("discriminator", "adversarial", step):
            real_judgement, fake_judgement = judge_both(judge, x, fake)
            losses["adversarial"] = self.adversarial.discriminator_term(real_judgement, fake_judgement)
            if self._plays("discriminator", "gradient_penalty", step):
                losses["gradient_penalty"] = gradient_penalty(judge, x, fake)
        elif classifier:
            real_judgement = judge(x)
        if classifier:
            losses["classification"] = self.classify(real_judgement, domain, mask)
        yield "discriminator", losses

        if not generators_turn:
            return
        losses = {}
        if game or classifies:
            judgement = judge_frozen(judge, fake)
        if game:
            losses["adversarial"] = self.adversarial.generator_term(judgement)
        if classifies:
            losses["classification"] = self.classify(judgement, domain[order], mask[order])
        if self._plays("generator", "reconstruction", step):
            losses["reconstruction"] = l1(self.map(fake, code), x)
        yield "generator", losses

    def encode(self, domain: Tensor, labelled: Tensor) -> Tensor:
        """The generator's vector: `domain` (B, K) and, of several sets, the one-hot of the set -> (B, K [+ sets]).

        `labelled` (B, K) is above 0 in the sample's set.
        """
        if len(self.sizes) == 1:
            return domain
        members = [(part > 0).any(dim=1, keepdim=True) for part in labelled.split(self.sizes, dim=1)]
        return torch.cat([domain, *(member.to(domain.dtype) for member in members)], dim=1)

    def shuffle(self, code: Tensor) -> Tensor:
        """A random order (B,) of the batch; of several sets, one that leaves every place to its set."""
        if len(self.sizes) == 1:
            return torch.randperm(len(code), device=code.device)
        kind = code[:, -len(self.sizes) :].argmax(dim=1)
        drawn = kind + torch.rand(len(kind), device=code.device, dtype=torch.float64)  # sorts by set, then by chance
        return torch.empty_like(kind).scatter(0, kind.argsort(stable=True), drawn.argsort())

    def classify(self, judgement: Any, domain: Tensor, mask: Tensor) -> Tensor:
        """The error of the judgement's classes against `domain` (B, K), where `mask` (B, K) is 1."""
        classes = cast(Judgement, judgement).classes
        if classes is None:
            raise ValueError("StarTranslator: expected a discriminator whose judgement has `classes`")
        if not self.exclusive:
            return attribute_classification(classes, domain, mask)
        # Each set has its own softmax; samples of the others have a row of zeros there, which costs nothing.
        parts = zip(classes.split(self.sizes, dim=1), domain.split(self.sizes, dim=1), strict=True)
        return torch.stack([domain_classification(*part) for part in parts]).sum()

    def translate(self, x: Tensor, source: str, target: str | Tensor, **condition: Any) -> Tensor:
        """Map `x` (B, C, *S) to `target`.

        Args:
            source: is not asked for; any name will do.
            target: a name that `vector` takes, or a float tensor (K,) or (B, K), or with the set's one-hot
                (B, K + sets). Of several sets, (B, K) belongs to those in which it is not 0.

        Raises:
            UserError: an unknown name; of several sets, names of none or of two.
            ValueError: a tensor of another shape.
        """
        code, entries, sets = target, len(self.domains), len(self.sizes)
        if isinstance(code, str):
            code = self.vector(code)
            if sets > 1 and sum(bool(part.any()) for part in code.split(self.sizes)) != 1:
                raise UserError(f"target `{target}`: expected domains of one data set; they are {self._show_sets()}")
        if code.shape[-1] not in (entries, entries + (sets if sets > 1 else 0)) or code.dim() > 2:
            raise ValueError(f"target: expected vectors of {entries} domains, got shape {tuple(code.shape)}")
        code = code.to(x.device, torch.float32).expand(len(x), -1)
        return self.map(x, self.encode(code, code) if code.shape[1] == entries else code)

    def vector(self, target: str) -> Tensor:
        """The vector (K,) of a domain, or of attributes joined by "+" (those are 1, all others 0; "": none).

        Raises:
            UserError: an unknown name, or several of exclusive domains.
        """
        names = [target] if target in self.domains or self.exclusive else [n for n in target.split("+") if n]
        vector = torch.zeros(len(self.domains))
        for name in names:
            vector[self._find(name)] = 1.0
        return vector

    def edit(self, vector: Tensor, attribute: str) -> Tensor:
        """Vectors (..., K) of samples with one attribute changed, to translate them to.

        An attribute is toggled; one of an exclusive group is set and the others of its group are cleared, as the
        paper's figures do it: hair becomes blond, men women and women men. Of exclusive domains all make one group.

        Raises:
            UserError: an unknown attribute.
        """
        place, edited = self._find(attribute), vector.clone()
        groups = [self.domains] if self.exclusive else self.exclusive_groups
        group = next((names for names in groups if attribute in names), None)
        if group is None:
            edited[..., place] = 1 - vector[..., place]
            return edited
        edited[..., [self.domains.index(name) for name in group]] = 0.0
        edited[..., place] = 1.0
        return edited

    def _plays(self, player: str, loss: str, step: int) -> bool:
        return loss in self.weights[player] and self.active(player, loss, step)

    def _find(self, name: str) -> int:
        if name in self.domains:
            return self.domains.index(name)
        nearest = difflib.get_close_matches(name, self.domains, n=1, cutoff=0.4)
        hint = f"did you mean `{nearest[0]}`?" if nearest else f"known: {', '.join(self.domains)}"
        raise UserError(f"unknown domain `{name}`; {hint}")

    def _show_sets(self) -> str:
        names = iter(self.domains)
        return "; ".join(", ".join(next(names) for _ in range(size)) for size in self.sizes)


def check_domains(
    domains: Sequence[str], exclusive: bool, sets: Sequence[Sequence[str]], groups: Sequence[Sequence[str]]
) -> None:
    """Raise `UserError` unless the domains can be told apart and the sets and groups fit them."""
    least, shown = 2 if exclusive else 1, ", ".join(domains)
    if len(domains) < least or len(set(domains)) != len(domains):
        raise UserError(f"`data.domains` is [{shown}]: expected {least} or more different names; give --domains")
    if sets and ([name for names in sets for name in names] != list(domains) or not all(sets)):
        raise UserError(
            f"`network.sets` is {[list(names) for names in sets]}: "
            f"expected lists that joined give `data.domains` in its order ({shown})"
        )
    grouped = [name for names in groups for name in names]
    unknown = [name for name in grouped if name not in domains]
    if unknown:
        raise UserError(f"`network.exclusive_groups` names `{unknown[0]}`, which `data.domains` lacks ({shown})")
    if len(set(grouped)) != len(grouped):
        raise UserError("`network.exclusive_groups`: expected every attribute in one group only")
