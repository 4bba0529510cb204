"""Published sizes, shapes, any size in and out of the generator, one size into the discriminator."""

import pytest
import torch

from translate.networks.star import StarDiscriminator, StarGenerator


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameter_counts_at_128_pixels():
    """Choi et al. 2018, Table 3: 53.2 M in all."""
    with torch.device("meta"):
        generator, discriminator = StarGenerator(3, 5), StarDiscriminator(3, 5, 128)
    assert count(generator) == 8_430_528
    assert count(discriminator) == 44_762_048
    assert round((count(generator) + count(discriminator)) / 1e6, 1) == 53.2


def test_layer_shapes_of_the_generator():
    """Table 4, for 128 x 128 pixels."""
    shapes = []
    with torch.device("meta"):
        generator = StarGenerator(3, 5)
        for module in (*generator.down, *generator.convert, *generator.up):
            if not isinstance(module, (torch.nn.ReLU, torch.nn.GroupNorm, torch.nn.Tanh)):
                module.register_forward_hook(lambda m, i, o: shapes.append(tuple(o.shape[1:])))
        generator(torch.empty(1, 3, 128, 128), torch.empty(1, 5))
    assert shapes == [
        (64, 128, 128), (128, 64, 64), (256, 32, 32),
        *[(256, 32, 32)] * 6,
        (128, 64, 64), (64, 128, 128), (3, 128, 128),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(128, 128), (37, 50), (8, 9), (5, 6)])
def test_the_generator_keeps_any_size(size):
    y = StarGenerator(3, 2, channels=4, blocks=1)(torch.randn(2, 3, *size), torch.eye(2))
    assert y.shape == (2, 3, *size)
    assert y.abs().max() <= 1


def test_padding_changes_nothing_but_the_border():
    """Without its norms the generator is local: far from the border a larger picture gives the same."""
    torch.manual_seed(0)
    generator = StarGenerator(1, 1, channels=4, blocks=1)
    for name, module in list(generator.named_modules()):
        if isinstance(module, torch.nn.GroupNorm):
            generator.set_submodule(name, torch.nn.Identity())
    x = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        whole, part = generator(x, torch.ones(1, 1)), generator(x[..., :62, :61], torch.ones(1, 1))
    torch.testing.assert_close(whole[..., :32, :32], part[..., :32, :32])
    assert not torch.allclose(whole[..., :62, :61], part)


def test_the_vector_belongs_to_its_sample():
    torch.manual_seed(0)
    generator = StarGenerator(3, 2, channels=4, blocks=1)
    x = torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1)
    both = generator(x, torch.eye(2))
    assert not torch.allclose(both[0], both[1])
    torch.testing.assert_close(both[1:], generator(x[1:], torch.tensor([[0.0, 1.0]])))
    vector = torch.tensor([[0.3, 0.7]], requires_grad=True)                     # soft domains are allowed
    generator(x[:1], vector).square().sum().backward()
    assert (vector.grad != 0).all()


@pytest.mark.parametrize(("size", "layers", "positions"), [(32, 4, 2), (64, 5, 2), (128, 6, 2), (256, 6, 4)])
def test_the_discriminator_at_every_size(size, layers, positions):
    judgement = StarDiscriminator(3, 5, size, channels=2)(torch.randn(2, 3, size, size))
    assert judgement.logits[0].shape == (2, 1, positions, positions)
    assert judgement.classes.shape == (2, 5)
    assert [f.shape[1] for f in judgement.features[0]] == [2 * 2**layer for layer in range(layers)]


@pytest.mark.parametrize("size", [0, 16, 33, 48, 96, 100])
def test_the_discriminator_names_the_sizes_it_takes(size):
    with pytest.raises(ValueError, match=f"expected crops of a power of two from 32, got {size}"):
        StarDiscriminator(3, 5, size)


@pytest.mark.parametrize("shape", [(64, 64), (32, 64), (64, 32)])
def test_the_discriminator_refuses_other_crops(shape):
    with pytest.raises(ValueError, match=rf"crops of 32 x 32 pixels, got {shape[0]} x {shape[1]}"):
        StarDiscriminator(3, 5, 32, channels=2)(torch.randn(1, 3, *shape))


def test_samples_of_a_batch_do_not_see_one_another():
    torch.manual_seed(0)
    discriminator, x = StarDiscriminator(3, 4, 32, channels=4), torch.randn(3, 3, 32, 32)
    together, alone = discriminator(x), discriminator(x[1:2])
    torch.testing.assert_close(together.logits[0][1:2], alone.logits[0])
    torch.testing.assert_close(together.classes[1:2], alone.classes)


def test_every_parameter_matters():
    generator, discriminator = StarGenerator(3, 2, channels=4, blocks=2), StarDiscriminator(3, 2, 32, channels=4)
    judgement = discriminator(generator(torch.randn(2, 3, 32, 32), torch.eye(2)))
    (judgement.logits[0].sum() + judgement.classes.square().sum()).backward()
    for network in (generator, discriminator):
        assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
