"""Shapes, published sizes, any length in and out."""

import pytest
import torch

from translate.networks.cnn1d import Generator1d
from translate.networks.cnn212 import Generator2d
from translate.networks.spectral import FullDiscriminator, PatchDiscriminator


def millions(module):
    return sum(p.numel() for p in module.parameters()) / 1e6


def test_parameter_counts_of_cyclegan_vc2():
    """16 M for 80 mel bands as published; one reading of the gate gives it (the other: 23.1 M)."""
    assert millions(Generator2d(36)) == pytest.approx(15.00, abs=0.01)
    assert millions(Generator2d(80)) == pytest.approx(16.45, abs=0.01)
    assert millions(PatchDiscriminator()) == pytest.approx(5.73, abs=0.01)


def test_layer_shapes_of_cyclegan_vc2():
    """The table of the paper for 36 x 128, after the gates."""
    generator, shapes = Generator2d(36).eval(), []
    for module in (*generator.down, *generator.convert, *generator.up):
        module.register_forward_hook(lambda m, i, o: shapes.append(tuple(o.shape[1:])))
    with torch.no_grad():
        generator(torch.randn(1, 36, 128))
    assert shapes == [
        (64, 36, 128), (128, 18, 64), (256, 9, 32),
        *[(256, 32)] * 7, (2304, 32),
        (128, 18, 64), (64, 36, 128), (1, 36, 128),
    ]  # fmt: skip


@pytest.mark.parametrize("make", [
    lambda q: Generator1d(q, 8, 1), lambda q: Generator2d(q, 8, 1), lambda q: Generator2d(q, 8, 1, middle=2),
])  # fmt: skip
@pytest.mark.parametrize("size", [(36, 128), (25, 131), (24, 9), (35, 5)])
def test_generators_keep_any_size(make, size):
    x = torch.randn(2, *size)
    assert make(size[0])(x).shape == x.shape


@pytest.mark.parametrize("make", [lambda: Generator1d(24, 8, 1), lambda: Generator2d(24, 8, 1)])
def test_every_parameter_of_a_generator_matters(make):
    generator = make()
    generator(torch.randn(1, 24, 32)).pow(2).sum().backward()
    assert [n for n, p in generator.named_parameters() if p.grad is None] == []


def test_patch_discriminator_judges_patches():
    judgement = PatchDiscriminator(8)(torch.randn(2, 36, 128))
    assert judgement.logits[0].shape == (2, 1, 5, 16)
    assert [f.shape[1] for f in judgement.features[0]] == [4, 8, 16, 32, 32]


def test_full_discriminator_gives_one_number_per_crop():
    discriminator = FullDiscriminator(35, 128, 4)
    judgement = discriminator(torch.randn(3, 35, 128))
    assert judgement.logits[0].shape == (3, 1)
    assert judgement.features[0][-1].shape == (3, 32, 1, 8)
    assert FullDiscriminator(35, 128, 4, padded=True)(torch.randn(3, 35, 128)).features[0][-1].shape == (3, 32, 9, 8)
    with pytest.raises(ValueError, match="crops of 128 frames"):
        discriminator(torch.randn(1, 35, 64))


def test_layer_shapes_of_the_discriminator_of_cyclegan_vc():
    """24 x 128 as in the paper: the 6x3 kernel is as high as what is left, and then there is one row."""
    discriminator = FullDiscriminator(24, 128)
    judgement = discriminator(torch.randn(1, 24, 128))
    assert [tuple(layer.shape[1:]) for layer in judgement.features[0]] == [
        (128, 24, 64), (256, 12, 32), (512, 6, 16), (1024, 1, 8),
    ]  # fmt: skip
    assert discriminator.layers[3][1].convolution.kernel_size == (6, 3)
    assert discriminator.head.in_features == 8 * 1024
    padded = FullDiscriminator(24, 128, padded=True)
    assert padded.layers[3][1].convolution.weight.shape == discriminator.layers[3][1].convolution.weight.shape
    assert padded.head.in_features == 8 * 1024 * 6


@pytest.mark.parametrize("size", [(13, 17), (35, 128), (4, 40)])
def test_the_full_discriminator_sees_every_coefficient_and_frame(size):
    x = torch.randn(1, *size, requires_grad=True)
    (gradient,) = torch.autograd.grad(FullDiscriminator(*size, 4)(x).logits[0], x)
    assert (gradient[0] != 0).all()


def test_judgements_split_along_the_batch():
    judgement = PatchDiscriminator(8)(torch.randn(5, 16, 16))
    first, rest = judgement.split(2)
    assert torch.equal(torch.cat([first.logits[0], rest.logits[0]]), judgement.logits[0])
    assert [f.shape[0] for f in rest.features[0]] == [3] * 5
    assert first.classes is None
