"""Which domain is it? Classification losses, and the source-and-target game that does without them.

Domains and attributes are float vectors (B, K): one-hot, soft or mixed. A classifier's logits are (B, K), or
(B, K, *S) where it decides per patch; then the loss averages over patches.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from translate.losses.adversarial import AdversarialLoss, judge_together


def domain_classification(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of exclusive domains: -E[sum_k target_k log softmax(logits)_k].

    The classifier minimises it on real samples with their domain, the generator on fakes with the wanted
    one. A row of zeros (unknown domain, as where several data sets are joined) costs nothing.

    Choi et al. 2018 (StarGAN), eq. 2 and 3; Kameoka et al. 2018 (StarGAN-VC).

    Args:
        logits: (B, K) or (B, K, *S).
        target: (B, K) probabilities.

    Returns:
        0-dim float32, in nats.

    Raises:
        ValueError: the shapes do not fit.
    """
    return -(_spread(target, logits) * logits.float().log_softmax(dim=1)).sum(dim=1).mean()


def attribute_classification(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Binary cross entropy of independent attributes, *summed* over attributes, averaged over the batch.

    E[sum_k mask_k (-target_k log s_k - (1 - target_k) log(1 - s_k))] with s = sigmoid(logits).

    Choi et al. 2018 (StarGAN), eq. 2 and 3, section 3.2 (several data sets); the sum is that of its code.

    Args:
        logits: (B, K) or (B, K, *S).
        target: (B, K) in [0, 1].
        mask: (B, K), 1 where the sample's data set labels the attribute, else 0; None: all are labelled.

    Returns:
        0-dim float32, in nats.

    Raises:
        ValueError: the shapes do not fit.
    """
    weight = None if mask is None else _spread(mask, logits)
    errors = F.binary_cross_entropy_with_logits(
        logits.float(), _spread(target, logits), weight=weight, reduction="none"
    )
    return errors.sum(dim=1).mean()


def _spread(vectors: Tensor, logits: Tensor) -> Tensor:
    """Vectors (B, K) at every position of logits (B, K, *S), in float32."""
    if vectors.shape != logits.shape[:2]:
        raise ValueError(
            f"classification: expected vectors {tuple(logits.shape[:2])} for logits {tuple(logits.shape)}, "
            f"got {tuple(vectors.shape)}"
        )
    return vectors.float().reshape(*vectors.shape, *[1] * (logits.dim() - 2)).expand_as(logits)


@dataclass(frozen=True)
class SourceTargetLoss:
    """The source-and-target conditional game of StarGAN-VC2, in any kind of `AdversarialLoss`.

    The discriminator is called with (sample, source, target), the latter two (B, K). For x of domain c and
    its translation G(x, c, c'), it judges the fake as what it is, (G(x, c, c'), c, c'), against the real one
    as if translated the other way, (x, c', c). So a sample must fit its target *given* its source, and no
    classifier is needed.

    Kaneko et al. 2019 (StarGAN-VC2), section 3.1, L_st-adv.
    """

    adversarial: AdversarialLoss

    def generator(self, discriminator: nn.Module, fake: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """The generator's loss on fake (B, C, *S), made from `source` (B, K) to be `target` (B, K)."""
        return self.adversarial.generator(discriminator, fake, source, target)

    def discriminator(
        self, discriminator: nn.Module, real: Tensor, fake: Tensor, source: Tensor, target: Tensor
    ) -> Tensor:
        """The discriminator's loss on real (B, C, *S) of domain `source` and its translation to `target`."""
        judgements = judge_together(discriminator, (real, target, source), (fake, source, target))
        return self.adversarial.discriminator_term(*judgements)
