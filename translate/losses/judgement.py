"""The output of a discriminator, and whether it judges every sample independently of its batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@dataclass
class Judgement:
    """The output of a discriminator, with one entry per scale.

    Attributes:
        logits: per scale (B, 1, *S), one logit per patch, or (B, 1) for the whole sample; no sigmoid has been applied.
        features: per scale the activations (B, C, *S) of each layer, for feature matching; may be empty.
        classes: logits (B, K) or (B, K, *S) of a domain classifier, where there is one.
    """

    logits: list[Tensor]
    features: list[list[Tensor]] = field(default_factory=list)
    classes: Tensor | None = None

    def split(self, size: int) -> tuple[Judgement, Judgement]:
        """Split into the judgement of the first `size` samples and that of the others."""
        return self._take(slice(None, size)), self._take(slice(size, None))

    def _take(self, part: slice) -> Judgement:
        return Judgement(
            logits=[logit[part] for logit in self.logits],
            features=[[layer[part] for layer in scale] for scale in self.features],
            classes=None if self.classes is None else self.classes[part],
        )


def mixes_samples(network: nn.Module) -> bool:
    """Tell whether a sample's output depends on the other samples of its batch, so that two batches cannot be joined.

    True for batch norm of any rank, and for modules with an attribute `mixes_samples = True`, such as a deviation over
    the minibatch. False for instance, group and layer norms, with running statistics or without.
    """
    return any(isinstance(m, _BatchNorm) or getattr(m, "mixes_samples", False) is True for m in network.modules())
