"""Networks of super-resolution: published size, any picture, any crop."""

import pytest
import torch
from torch.nn import functional

from translate.networks.srresnet import SrDiscriminator, SRResNet


def count(module):
    return sum(p.numel() for p in module.parameters()) / 1e6


def test_published_sizes():
    """1.5 M as published for x4; the dense layer of the discriminator has most of its weights."""
    assert count(SRResNet()) == pytest.approx(1.55, abs=0.005)
    assert count(SrDiscriminator()) == pytest.approx(23.56, abs=0.01)


@pytest.mark.parametrize("upsample", ["steps", "direct"])
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_any_size_becomes_larger(scale, upsample):
    network = SRResNet(1, 3, scale, channels=4, blocks=1, upsample=upsample, skip="none").eval()
    for size in [(7, 10), (1, 1)]:
        assert network(torch.rand(2, 1, *size)).shape == (2, 3, scale * size[0], scale * size[1])


def test_the_skip_is_the_interpolated_source():
    network = SRResNet(scale=2, channels=4, blocks=1, skip="bicubic")
    torch.nn.init.zeros_(network.last[-1].weight)
    torch.nn.init.zeros_(network.last[-1].bias)
    x = torch.rand(1, 3, 6, 8)
    enlarged = functional.interpolate(x, scale_factor=2, mode="bicubic")
    torch.testing.assert_close(network(x), 2 * enlarged - 1)


def test_norm_is_optional():
    kinds = {norm: SRResNet(channels=4, blocks=2, norm=norm) for norm in ("batch", "none")}
    norms = {norm: sum(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules()) for norm, net in kinds.items()}
    assert norms == {"batch": 5, "none": 0}


def test_in_evaluation_a_picture_does_not_depend_on_its_batch():
    torch.manual_seed(0)
    network = SRResNet(channels=4, blocks=1)
    network(torch.rand(4, 3, 8, 8))
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(network.eval()(x)[:1], network(x[:1]))


@pytest.mark.parametrize("size", [(96, 96), (48, 64), (17, 33)])
def test_the_discriminator_takes_any_crop(size):
    judgement = SrDiscriminator(3, 4)(torch.rand(2, 3, *size))
    assert [logit.shape for logit in judgement.logits] == [(2, 1)]
    strides = [1, 2, 2, 4, 4, 8, 8, 16]
    assert [feature.shape[1:] for feature in judgement.features[0]] == [
        (channels, *(-(-side // stride) for side in size))
        for channels, stride in zip([4, 4, 8, 8, 16, 16, 32, 32], strides, strict=True)
    ]


def test_crops_of_the_paper_are_not_pooled():
    judge = SrDiscriminator(3, 4)
    last = judge(torch.rand(2, 3, 96, 96)).features[0][-1]
    assert torch.equal(judge.dense[0](last), last)
