"""ProGAN's networks: sizes, levels, fading, what enters and what comes out."""

import numpy as np
import pytest
import torch

from translate.layers.progressive import double, halve, leak
from translate.networks.progan import ProganDiscriminator, ProganGenerator, find_widths

SIZE, LAYERS = (16, 24), 3                                          # from 2 x 3


def make_generator(**options):
    torch.manual_seed(0)
    return ProganGenerator(5, 2, SIZE, LAYERS, 6, 96, **options)


def make_discriminator(**options):
    torch.manual_seed(0)
    return ProganDiscriminator(2, SIZE, LAYERS, 6, 96, **options)


def test_widths_of_the_paper():
    """Table 2: 512 up to 32 pixels, then half at every level, 16 at 1024."""
    assert find_widths(8, 8192, 512) == [512, 512, 512, 512, 256, 128, 64, 32, 16]


def test_parameters_at_1024_pixels():
    """Table 2: 23.1 million each."""
    with torch.device("meta"):
        networks = ProganGenerator(512, 3, (1024, 1024)), ProganDiscriminator(3, (1024, 1024))
    for network in networks:
        assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(23.1, abs=0.05)


@pytest.mark.parametrize("level", range(LAYERS + 1))
@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_every_level_has_its_size(level, alpha):
    if level == 0 and alpha < 1:
        return                                                      # the first level never fades in
    generator, discriminator = make_generator(), make_discriminator()
    generator.grow(level, alpha)
    discriminator.grow(level, alpha)
    pictures = generator(torch.randn(4, 5))
    assert pictures.shape == (4, 2, 2 * 2**level, 3 * 2**level)
    assert discriminator(pictures).logits[0].shape == (4, 1)


def test_a_fade_begins_with_the_level_below_and_ends_with_the_new_one():
    """To the bit: alpha 0 gives the enlarged old picture, and the judgement of the halved one; alpha 1 the new one."""
    generator, discriminator = make_generator(), make_discriminator()
    z, x = torch.randn(4, 5), torch.randn(4, 2, 8, 12)
    generator.grow(1, 1.0)
    old = generator(z)
    discriminator.grow(1, 1.0)
    judged = discriminator(halve(x)).logits[0]
    for network in (generator, discriminator):
        network.grow(2, 0.0)
    assert torch.equal(generator(z), double(old))
    assert torch.equal(discriminator(x).logits[0], judged)
    for network in (generator, discriminator):
        network.grow(2, 1.0)
    new, judged = generator(z), discriminator(x).logits[0]
    for network in (generator, discriminator):                      # the end of a fade, by its own operation
        network.grow(2, 0.5)
        network.growth[1] = 1.0
        assert network.fading
    assert torch.equal(generator(z), new)
    assert torch.equal(discriminator(x).logits[0], judged)
    generator.grow(2, 0.25)
    torch.testing.assert_close(generator(z), 0.75 * double(old) + 0.25 * new)


def test_a_fading_discriminator_mixes_behind_its_new_block():
    discriminator, x = make_discriminator(), torch.randn(4, 2, 4, 6)
    discriminator.grow(1, 0.25)
    new = discriminator.blocks[0](leak(discriminator.pictures[1](x)))
    old = leak(discriminator.pictures[0](halve(x)))
    torch.testing.assert_close(discriminator(x).logits[0], discriminator.head(0.75 * old + 0.25 * new))


def test_a_level_uses_its_own_layers_alone():
    generator = make_generator()
    generator.grow(1, 0.5)
    generator(torch.randn(2, 5)).sum().backward()
    used = {name for name, p in generator.named_parameters() if p.grad is not None}
    assert {name for name in used if name.startswith("blocks")} == {
        f"blocks.0.convolutions.{n}.{kind}" for n in (0, 1) for kind in ("weight", "bias")
    }
    assert {name.split(".")[1] for name in used if name.startswith("pictures")} == {"0", "1"}


def test_a_loaded_network_works_at_the_level_that_was_saved():
    """And with the fade's weight: a resumed run that forgot it would go on from another picture."""
    network = make_generator()
    network.grow(2, 0.3)
    z = torch.randn(2, 5)
    again = make_generator()
    assert (again.level, again.fading) == (LAYERS, False)           # a fresh one is fully grown
    again.load_state_dict(network.state_dict())
    assert (again.level, again.fading) == (2, True)
    assert torch.equal(again(z), network(z))
    network.grow(1, 1.0)
    again.load_state_dict(network.state_dict())
    assert (again.level, again.fading) == (1, False)


def test_the_first_layer_by_hand():
    """z to the length sqrt(Z), then weights times sqrt(2) / 4 / sqrt(Z)."""
    generator, z = make_generator(), torch.randn(3, 5)
    found = []
    generator.second.register_forward_pre_hook(lambda layer, inputs: found.append(inputs[0].detach().numpy()))
    generator(z)
    normal = z.numpy() / np.sqrt((z.numpy() ** 2).mean(axis=1, keepdims=True))
    x = (normal @ generator.first.weight.detach().numpy().T * np.sqrt(2 / 5) / 4).reshape(3, 6, 2, 3)
    x = np.where(x > 0, x, 0.2 * x)
    x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(found[0], x, rtol=1e-3, atol=1e-5)


def test_the_length_of_the_noise_does_not_matter():
    generator, z = make_generator(), torch.randn(3, 5)
    torch.testing.assert_close(generator(7 * z), generator(z), rtol=1e-3, atol=1e-4)


def test_pictures_are_not_bounded():
    """There is no tanh: twice the last layer's weights, twice the picture."""
    generator, z = make_generator(), torch.randn(3, 5)
    picture = generator(z)
    with torch.no_grad():
        generator.pictures[LAYERS].weight.mul_(100)
    torch.testing.assert_close(generator(z), 100 * picture, rtol=1e-4, atol=1e-3)
    assert generator(z).abs().max() > 1


def test_labels_enter_the_generator_and_are_asked_for():
    generator, discriminator = make_generator(entries=3), make_discriminator(asked=3)
    z = torch.randn(1, 5).expand(3, -1)
    pictures = generator(z, torch.eye(3))
    assert (pictures[0] - pictures[1]).abs().max() > 1e-3
    judgement = discriminator(pictures)
    assert (judgement.logits[0].shape, judgement.classes.shape) == ((3, 1), (3, 3))
    assert make_discriminator()(pictures).classes is None


def test_a_told_discriminator_takes_the_logit_of_the_label():
    discriminator, x = make_discriminator(told=3), torch.randn(1, 2, *SIZE).expand(4, -1, -1, -1)
    of_each = discriminator(x[:3], torch.eye(3)).logits[0]
    assert of_each.shape == (3, 1)
    assert of_each.std() > 1e-3
    mixed = discriminator(x, torch.tensor([[0.5, 0.5, 0]]).expand(4, -1)).logits[0]
    torch.testing.assert_close(mixed[0], of_each[:2].mean(dim=0))


def test_the_deviation_sees_that_all_samples_are_alike():
    """The discriminator tells four times one picture from four pictures, sample by sample; without it, it cannot."""
    for group, told in ((4, True), (0, False)):
        discriminator, x = make_discriminator(group=group), torch.randn(4, 2, *SIZE)
        alone = discriminator(x[:1].expand(4, -1, -1, -1)).logits[0][0]
        assert (abs(alone - discriminator(x).logits[0][0]).item() > 1e-4) == told
