"""Losses, blind to the kind of data: tensors are (B, C, *S), whether S is time, pixels or empty.

Every loss returns a 0-dim float32 tensor, unweighted: the trainer weights, sums and back-propagates. A
*judgement* is what a discriminator returns (`judgement.Judgement`). Nothing here imports from the rest of
`translate` but `translate.errors` (in `perceptual`, whose weights may be missing), so that these functions can be used
without the toolkit.
"""

from translate.losses.adversarial import (
    AdversarialLoss,
    frozen,
    judge_both,
    judge_frozen,
    judge_together,
)
from translate.losses.consistency import l1, l2
from translate.losses.domain import attribute_classification, domain_classification, tell_domains
from translate.losses.features import feature_matching
from translate.losses.judgement import Judgement, mixes_samples
from translate.losses.penalties import (
    clip_weights,
    drift_penalty,
    gradient_penalty,
    orthogonal_penalty,
    r1_penalty,
)

__all__ = [
    "AdversarialLoss",
    "Judgement",
    "attribute_classification",
    "clip_weights",
    "domain_classification",
    "drift_penalty",
    "feature_matching",
    "frozen",
    "gradient_penalty",
    "judge_both",
    "judge_frozen",
    "judge_together",
    "l1",
    "l2",
    "mixes_samples",
    "orthogonal_penalty",
    "r1_penalty",
    "tell_domains",
]
