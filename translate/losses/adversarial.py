"""The adversarial game: how samples are judged in each player's turn, and the losses of a judgement.

Two halves that can be used alone. `judge_frozen` (the generator's turn) and `judge_both` (the discriminator's
turn) run a discriminator so that gradients reach exactly the player whose turn it is. `AdversarialLoss` turns
the judgements into losses. A game that needs only the loss calls `.generator` and `.discriminator`; one
that also matches features or classifies domains judges once and shares the judgement among its terms:

    judgement = judge_frozen(discriminator, fake)
    yield "generator", {
        "adversarial": adversarial.generator_term(judgement),
        "features": feature_matching(judge_frozen(discriminator, real), judgement),
    }
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from translate.losses.judgement import Judgement, mixes_samples

# --- Judging ----------------------------------------------------------------------------------------------


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Freeze the weights of `module` inside the block; gradients still flow through it.

    Parameters that were frozen before stay so afterwards. Unlike `torch.no_grad`, the inputs stay
    differentiable, and autocast caches no weight without its gradient.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def judge_frozen(discriminator: nn.Module, fake: Tensor, *condition: Any) -> Judgement:
    """Judge in the generator's turn: gradients flow to `fake`, but not into the discriminator's weights.

    Real samples need no gradient, so judging them this way builds no graph (feature matching).

    Args:
        discriminator: network called as `discriminator(fake, *condition)`.
        fake: generated samples (B, C, *S).
        condition: further inputs of the discriminator: float vectors (B, K), an image (B, C, *S), ...
    """
    with frozen(discriminator):
        return _check(discriminator(fake, *condition), discriminator)


def judge_both(
    discriminator: nn.Module, real: Tensor, fake: Tensor, *condition: Any
) -> tuple[Judgement, Judgement]:
    """Judge in the discriminator's turn, real and fake under the same condition; see `judge_together`.

    Args:
        real: real samples (B, C, *S).
        fake: generated samples (B, C, *S); another batch or size costs a second pass.
        condition: further inputs of the discriminator: tensors start with B; anything else is passed on unchanged.
    """
    return judge_together(discriminator, (real, *condition), (fake, *condition))


def judge_together(
    discriminator: nn.Module, real: Sequence[Any], fake: Sequence[Any]
) -> tuple[Judgement, Judgement]:
    """Judge two sets of inputs in the discriminator's turn: `discriminator(*real)`, `discriminator(*fake)`.

    All inputs are detached: no gradient reaches a generator or an encoder of conditions. Where all shapes match, both
    sets are judged in ONE pass, concatenated along the batch, unless the discriminator mixes the samples of a batch
    (`mixes_samples`: batch norm would mix the statistics of real and fake); then in two.
    """
    real, fake = [_detach(value) for value in real], [_detach(value) for value in fake]
    fit = all(_shape(a) == _shape(b) for a, b in zip(real, fake, strict=True))
    if not fit or mixes_samples(discriminator):
        return tuple(_check(discriminator(*inputs), discriminator) for inputs in (real, fake))  # type: ignore[return-value]
    both = [torch.cat([a, b]) if isinstance(a, Tensor) else a for a, b in zip(real, fake, strict=True)]
    return _check(discriminator(*both), discriminator).split(len(real[0]))


def _check(judgement: Any, discriminator: nn.Module) -> Judgement:
    if not hasattr(judgement, "logits"):
        name, kind = type(discriminator).__name__, type(judgement).__name__
        raise TypeError(f"{name} returned a {kind}; expected a Judgement, with a tensor of logits per scale")
    return judgement


def _detach(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _shape(value: Any) -> torch.Size | None:
    return value.shape if isinstance(value, Tensor) else None


# --- Losses -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """The loss terms of one logit d, elementwise."""

    real: Callable[[Tensor], Tensor]        # term of the discriminator, real sample
    fake: Callable[[Tensor], Tensor]        # term of the discriminator, generated sample
    generator: Callable[[Tensor], Tensor]   # term of the generator, its sample


# With D = sigmoid(d): softplus(-d) = -log D and softplus(d) = -log(1 - D), exact however large d is.
TERMS = {
    #                       real                        fake                       generator
    "saturating":    Terms(lambda d: softplus(-d),     lambda d: softplus(d),     lambda d: -softplus(d)),
    "nonsaturating": Terms(lambda d: softplus(-d),     lambda d: softplus(d),     lambda d: softplus(-d)),
    "lsgan":         Terms(lambda d: (d - 1).square(), lambda d: d.square(),      lambda d: (d - 1).square()),
    "wgan":          Terms(lambda d: -d,               lambda d: d,               lambda d: -d),
    "hinge":         Terms(lambda d: relu(1 - d),      lambda d: relu(1 + d),     lambda d: -d),
}


@dataclass(frozen=True)
class AdversarialLoss:
    """One of five adversarial losses between a generator G and a discriminator with logits d, D = sigmoid(d).

    Both players minimise; the discriminator's loss is E[real(d(x))] + E[fake(d(G))]:

    | kind          | real      | fake        | generator  | source                                         |
    |---------------|-----------|-------------|------------|------------------------------------------------|
    | saturating    | -log D    | -log(1 - D) | log(1 - D) | Goodfellow et al. 2014, eq. 1 (minimax)        |
    | nonsaturating | -log D    | -log(1 - D) | -log D     | Goodfellow et al. 2014, section 3              |
    | lsgan         | (d - 1)^2 | d^2         | (d - 1)^2  | Mao et al. 2017, eq. 9, without its halves     |
    | wgan          | -d        | d           | -d         | Arjovsky et al. 2017, eq. 2 and 3              |
    | hinge         | (1 - d)_+ | (1 + d)_+   | -d         | Lim and Ye 2017; Miyato et al. 2018, eq. 16-17 |

    lsgan has no sigmoid and sums its two halves, as in the CycleGAN-VC papers; where a paper halves the
    discriminator's loss (pix2pix, CycleGAN), its weight is 0.5. wgan needs a Lipschitz critic (`penalties`).

    Expectations average over the samples and patches of a scale, then over scales: a scale counts the same
    whatever its number of patches. Losses are 0-dim and float32 under any autocast, and finite for any
    logit whose square float32 can hold.
    """

    kind: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"]

    def __post_init__(self) -> None:
        if self.kind not in TERMS:
            raise ValueError(f"adversarial loss {self.kind!r}: expected one of {', '.join(TERMS)}")

    def generator(self, discriminator: nn.Module, fake: Tensor, *condition: Any) -> Tensor:
        """Return the generator's loss on `fake` (B, C, *S), by the frozen discriminator (`judge_frozen`)."""
        return self.generator_term(judge_frozen(discriminator, fake, *condition))

    def discriminator(self, discriminator: nn.Module, real: Tensor, fake: Tensor, *condition: Any) -> Tensor:
        """Return the discriminator's loss on real (B, C, *S) and detached fake, in one pass (`judge_both`)."""
        return self.discriminator_term(*judge_both(discriminator, real, fake, *condition))

    def generator_term(self, judgement: Judgement) -> Tensor:
        """Return the generator's loss from the judgement of its samples."""
        return _average(TERMS[self.kind].generator, judgement)

    def discriminator_term(self, real_judgement: Judgement, fake_judgement: Judgement) -> Tensor:
        """Return the discriminator's loss from its judgements of real and of generated samples."""
        terms = TERMS[self.kind]
        return _average(terms.real, real_judgement) + _average(terms.fake, fake_judgement)


def _average(term: Callable[[Tensor], Tensor], judgement: Judgement) -> Tensor:
    return torch.stack([term(logits.float()).mean() for logits in judgement.logits]).mean()
