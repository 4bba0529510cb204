"""Losses in the feature space of a network."""

import torch
from torch import Tensor

from translate.losses.consistency import l1
from translate.losses.judgement import Judgement


def feature_matching(real_judgement: Judgement, fake_judgement: Judgement) -> Tensor:
    """Match D's activations on real and fake: the mean over scales k and layers i of E|D_k^i(x) - D_k^i(G)|.

    Gradients flow to the fake only. Judge both with `judge_frozen`: then the discriminator takes none either.

    Wang et al. 2018 (pix2pixHD), eq. 4. The paper *sums* over layers and scales, with weight 10; its code
    multiplies the sum by 10 * 4 / (layers + 1) / scales, and layers + 1 is the number of features (4 by
    default). This is 40 times the mean taken here, for any depth: weight 40 gives pix2pixHD's code, and
    that of SPADE (10 / scales times the sum) with its 4 features.

    Args:
        real_judgement: judgement of the real sample.
        fake_judgement: judgement of the generator's sample; features of the same shapes.

    Returns:
        0-dim float32.

    Raises:
        ValueError: the judgements differ in scales, layers or shapes, or have no features.
    """
    scales = [
        torch.stack([l1(fake, real.detach()) for real, fake in zip(reals, fakes, strict=True)]).mean()
        for reals, fakes in zip(real_judgement.features, fake_judgement.features, strict=True)
        if reals
    ]
    if not scales:
        raise ValueError("feature matching: the discriminator returned no features")
    return torch.stack(scales).mean()
