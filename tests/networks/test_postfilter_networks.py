"""The networks of the postfilters: sizes, receptive fields, the linear residual, noise, and what passes through."""

import pytest
import torch

from translate.networks.postfilter import PostfilterDiscriminator, PostfilterGenerator


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def reached(network, place, size):
    """How far an input changes the output: rows and columns of the output that have a gradient at `place`."""
    x = torch.randn(1, *size, requires_grad=True)
    output = network(x)
    (gradient,) = torch.autograd.grad(output[(slice(None), *place)].sum(), x)
    rows, columns = gradient[0].abs().sum(1).nonzero(), gradient[0].abs().sum(0).nonzero()
    return tuple(int(where.max() - where.min() + 1) for where in (rows, columns))


def test_parameters_of_the_paper():
    """5x5 layers of 2, 129, 257 and 129 inputs and 128, 256, 128 and 1 outputs; the discriminator likewise."""
    generator = sum(25 * i * o + o for i, o in [(2, 128), (129, 256), (257, 128), (129, 1)])
    assert count(PostfilterGenerator()) == generator == 1_658_138
    discriminator = sum(25 * i * o + o for i, o in [(1, 64), (64, 128), (128, 256)]) + 9 * 256 + 1
    assert count(PostfilterDiscriminator()) == discriminator == 1_028_353


@pytest.mark.parametrize("frames", [1, 8, 9, 37])
@pytest.mark.parametrize(("coefficients", "keep"), [(25, 1), (7, 0), (5, 4)])
def test_any_size_in_the_same_size_out(coefficients, keep, frames):
    x = torch.randn(2, coefficients, frames)
    assert PostfilterGenerator(4, keep)(x).shape == x.shape
    judgement = PostfilterDiscriminator(4, keep)(x)
    rows, columns = -(-(coefficients - keep) // 8), -(-frames // 8)
    assert [logits.shape for logits in judgement.logits] == [(2, 1, rows, columns)]
    assert [feature.shape[1] for feature in judgement.features[0]] == [4, 8, 16]


def test_receptive_fields():
    """Four layers of width 5 see 17; strides 2, 2, 2 and a 3 see 5 + 2 * 4 + 4 * 4 + 8 * 2 = 45."""
    generator = PostfilterGenerator(2)
    torch.nn.init.normal_(generator.head.weight)
    assert reached(generator, (25, 25), (51, 51)) == (17, 17)
    discriminator = PostfilterDiscriminator(2)
    assert reached(lambda x: discriminator(x).logits[0][:, 0], (5, 5), (88, 88)) == (45, 45)


def test_kept_coefficients_pass_through_unseen():
    generator, discriminator = PostfilterGenerator(4, keep=2), PostfilterDiscriminator(4, keep=2)
    x, noise = torch.randn(2, 12, 16), torch.randn(2, 12, 16)
    other = torch.cat([torch.randn(2, 2, 16), x[:, 2:]], dim=1)
    filtered = generator(x, noise)
    assert torch.equal(filtered[:, :2], x[:, :2])
    assert not torch.equal(filtered[:, 2:], x[:, 2:])
    assert torch.equal(generator(other, noise)[:, 2:], filtered[:, 2:])
    assert torch.equal(discriminator(other).logits[0], discriminator(x).logits[0])


def test_the_residual_is_linear_in_the_last_layer():
    """No squashing: twice the last weights give twice the residual, of either sign and beyond 1."""
    generator = PostfilterGenerator(4)
    x, noise = torch.randn(1, 9, 16), torch.randn(1, 9, 16)
    with torch.no_grad():
        generator.head.bias.zero_()
        generator.head.weight.normal_()
        residual = generator(x, noise) - x
        generator.head.weight.mul_(2)
        twice = generator(x, noise) - x
    torch.testing.assert_close(twice, 2 * residual, rtol=1e-4, atol=1e-5)
    assert residual.min() < -1
    assert residual.max() > 1


def test_an_untrained_postfilter_hardly_changes_its_input():
    x = torch.randn(2, 25, 64)
    assert (PostfilterGenerator(128, keep=1)(x) - x).abs().max() < 0.1


def test_noise_is_drawn_from_the_global_random_numbers():
    generator, x = PostfilterGenerator(4), torch.randn(1, 9, 16)
    torch.manual_seed(1)
    one, other = generator(x), generator(x)
    torch.manual_seed(1)
    assert torch.equal(generator(x), one)
    assert not torch.equal(one, other)
    torch.manual_seed(1)
    assert torch.equal(generator(x, torch.randn_like(x)), one)


def test_a_condition_is_a_plane_of_its_own():
    discriminator = PostfilterDiscriminator(4, planes=2)
    x, y = torch.randn(1, 9, 16), torch.randn(1, 9, 16)
    assert discriminator.layers[0][0].in_channels == 2
    assert not torch.equal(discriminator(x, y).logits[0], discriminator(x, x).logits[0])
