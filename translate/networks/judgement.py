"""What a discriminator says."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Judgement:
    """Everything the losses may ask of a discriminator, with one entry per scale.

    Attributes:
        logits: per scale (B, ...) of any further shape; no sigmoid has been applied.
        features: per scale the activations of each layer, for feature matching; may be empty.
        classes: (B, domains) logits of a domain classifier, where there is one.
    """

    logits: list[Tensor]
    features: list[list[Tensor]] = field(default_factory=list)
    classes: Tensor | None = None

    def split(self, size: int) -> tuple["Judgement", "Judgement"]:
        """The first `size` samples of the batch and the others."""
        return self._take(slice(None, size)), self._take(slice(size, None))

    def _take(self, part: slice) -> "Judgement":
        return Judgement(
            logits=[logit[part] for logit in self.logits],
            features=[[layer[part] for layer in scale] for scale in self.features],
            classes=None if self.classes is None else self.classes[part],
        )
