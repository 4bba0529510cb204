"""StyleGAN's generator: size, styles, mixing, truncation, noise, blur, its parts that can be switched off."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from translate.layers.progressive import blur, double
from translate.networks.stylegan import StyleGenerator, modulate

SIZE, LAYERS, Z, W = (16, 24), 3, 5, 7                              # from 2 x 3


def make(**options):
    """In evaluation, with noise and biases that count: a fresh network has none."""
    torch.manual_seed(0)
    network = StyleGenerator(Z, 2, SIZE, LAYERS, 6, 96, units=W, depth=2, **options).eval()
    for name, parameter in network.named_parameters():
        if name.endswith(("strength", "bias")):
            torch.nn.init.normal_(parameter, 0, 0.3)
    return network


def draw(count=3):
    torch.manual_seed(1)
    return torch.randn(count, Z)


def test_parameters_at_1024_pixels():
    """Table 1 and section 2: 26.2 million, 18 layers."""
    with torch.device("meta"):
        network = StyleGenerator(512, 3, (1024, 1024))
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(26.2, abs=0.05)
    assert network.count == len(network.layers) == 18


@pytest.mark.parametrize("level", range(LAYERS + 1))
@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_every_level_has_its_size_and_fades(level, alpha):
    if level == 0 and alpha < 1:
        return                                                      # the first level never fades in
    network, z = make(), draw()
    network.grow(level, alpha)
    picture = network(z)
    assert picture.shape == (3, 2, 2 * 2**level, 3 * 2**level)
    if alpha < 1:
        network.grow(level, 1.0)
        new = network(z)
        network.grow(level - 1, 1.0)
        old = double(network(z))
        torch.testing.assert_close(picture, 0.6 * old + 0.4 * new)
        network.grow(level, 0.0)
        assert torch.equal(network(z), old)


# --- styles -------------------------------------------------------------------------------------------------


def test_mean_and_deviation_are_those_of_the_style():
    torch.manual_seed(0)
    x, style = 3 + 5 * torch.randn(4, 6, 9, 8), torch.randn(4, 12)
    y = modulate(x, style)
    torch.testing.assert_close(y.mean(dim=(2, 3)), style[:, 6:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(y.std(dim=(2, 3), unbiased=False), (style[:, :6] + 1).abs(), atol=1e-4, rtol=1e-4)


def test_a_picture_with_its_own_style_stays():
    """AdaIN(c, c) = c."""
    x = 3 + 5 * torch.randn(4, 6, 9, 8)
    own = torch.cat([x.std(dim=(2, 3), unbiased=False) - 1, x.mean(dim=(2, 3))], dim=1)
    torch.testing.assert_close(modulate(x, own), x, atol=1e-4, rtol=1e-4)


def test_the_mapping_by_hand():
    """z normalised, then layers whose weights are scaled by 0.01 sqrt(2 / fan-in) and biases by 0.01."""
    network, z = make(), draw()
    w = z.numpy() / np.sqrt((z.numpy() ** 2).mean(axis=1, keepdims=True) + 1e-8)
    for layer in network.mapping:
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        w = w @ (0.01 * np.sqrt(2 / weight.shape[1]) * weight).T + 0.01 * bias
        w = np.where(w > 0, w, 0.2 * w)
    np.testing.assert_allclose(network.map(z).detach().numpy(), w, rtol=1e-4, atol=1e-5)
    assert network.mapping[0].weight.std().item() == pytest.approx(100, rel=0.3)


def test_every_layer_takes_its_own_style():
    """The style of one layer changes what is behind it, not what is before."""
    network = make()
    found = {}
    for place, layer in enumerate(network.layers):
        layer.register_forward_hook(lambda module, inputs, output, place=place: found.update({place: output}))
    styles = torch.randn(1, network.count, W)
    network.synthesise(styles)
    before = dict(found)
    other = styles.clone()
    other[:, 3] += 1
    network.synthesise(other)
    assert [torch.equal(before[place], found[place]) for place in range(network.count)] == [True] * 3 + [False] * 5


def test_mixing_takes_styles_from_two_vectors():
    network, z = make(), draw(4)
    other = z.flip(0)
    layers = network.count
    begins = torch.tensor([[1], [3], [layers - 1], [layers]])       # the last: no layer takes the second
    mixed = torch.arange(layers) >= begins
    made = network(z, None, other, mixed)
    first, second = network.map(z), network.map(other)
    for row, begin in enumerate(begins.flatten().tolist()):
        styles = torch.stack([first[row]] * begin + [second[row]] * (layers - begin))
        torch.testing.assert_close(made[row], network.synthesise(styles[None])[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(made[3], network(z)[3], atol=1e-4, rtol=1e-4)
    assert (made[0] - network(z)[0]).abs().max() > 1e-2


def test_the_mean_of_w_is_followed_in_training_alone():
    network, z = make(), draw(50)
    network(z)
    assert not network.average.any()
    network.train()
    for _ in range(2):
        network(z)
    torch.testing.assert_close(network.average, (1 - 0.995**2) * network.map(z).mean(dim=0))
    for _ in range(2000):
        with torch.no_grad():
            network.average.lerp_(network.map(z).mean(dim=0), 0.005)
    assert "average" in network.state_dict()                        # a resumed run goes on with it


def test_truncation_moves_styles_to_their_mean():
    network, z = make(), draw()
    network.average.copy_(torch.randn(W))
    whole, w = network(z), network.map(z)
    assert torch.equal(network(z, truncation=1.0), whole)
    none = network(z, truncation=0.0)
    torch.testing.assert_close(none, none[:1].expand(3, -1, -1, -1), atol=1e-4, rtol=1e-4)  # one picture for all
    assert (none - whole).abs().max() > 1e-2
    half = network.average + 0.5 * (w - network.average)
    expected = network.synthesise(half.unsqueeze(1).expand(-1, network.count, -1))
    torch.testing.assert_close(network(z, truncation=0.5), expected, atol=1e-4, rtol=1e-4)


def test_truncation_of_the_coarse_layers_alone():
    network, z = make(truncated=3), draw()
    w = network.map(z)
    styles = torch.cat([network.average.expand(3, 3, -1), w.unsqueeze(1).expand(-1, 5, -1)], dim=1)
    torch.testing.assert_close(network(z, truncation=0.0), network.synthesise(styles), atol=1e-4, rtol=1e-4)


def test_labels_enter_the_mapping():
    network = make(entries=3)
    made = network(draw(1).expand(3, -1), torch.eye(3))
    assert (made[0] - made[1]).abs().max() > 1e-3
    network.train()
    latent, other, mixed = draw(), draw().flip(0), torch.ones(3, network.count, dtype=torch.bool)
    assert network(latent, torch.eye(3), other, mixed).shape == (3, 2, *SIZE)


# --- noise, input, blur -------------------------------------------------------------------------------------


def test_noise_is_new_in_training_and_fixed_in_evaluation():
    network, z = make(), draw()
    assert torch.equal(network(z), network(z))
    torch.testing.assert_close(network(z)[1:2], network(z[1:2]))    # a picture does not depend on the others
    network.train()
    assert not torch.equal(network(z), network(z))
    again = make()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(z), network.eval()(z))


def test_fresh_networks_do_not_hear_noise():
    """Its weights begin at 0."""
    torch.manual_seed(0)
    network = StyleGenerator(Z, 2, SIZE, LAYERS, 6, 96, units=W, depth=2)
    assert torch.equal(network(draw()), network(draw()))
    assert torch.equal(network.constant, torch.ones(6, 2, 3))


def test_noise_is_one_plane_with_a_weight_per_channel():
    network = make()
    layer, x, w = network.layers[3], torch.randn(1, 6, 4, 6), torch.randn(1, W)
    found = []
    layer.style.register_forward_pre_hook(lambda *_: found.append(None))
    bare = layer.convolution(x)
    layer.style = None                                              # pixel norm instead, which shows what came before
    y = bare + layer.strength * layer.noise + layer.bias
    y = torch.nn.functional.leaky_relu(y, 0.2)
    expected = y / (y.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
    torch.testing.assert_close(layer(x, w, doubles=False, blurs=True), expected)
    assert layer.noise.shape == (1, 1, 4, 6)
    assert layer.strength.shape == (6, 1, 1)


def test_doubling_with_blur_is_bilinear():
    """Away from the edges, where zeros are mixed in."""
    x = torch.randn(1, 3, 6, 7)
    smooth = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(blur(double(x))[:, :, 1:-1, 1:-1], smooth[:, :, 1:-1, 1:-1])


# Table 1, from the bottom to the top.
CONFIGURATIONS = {
    "F, E": {},
    "D": {"noisy": False},
    "C": {"noisy": False, "constant": False},
    "B": {"noisy": False, "constant": False, "styles": False},
    "A": {"noisy": False, "constant": False, "styles": False, "blurs": False},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_of_table_1(name):
    options = CONFIGURATIONS[name]
    network, z = make(**options).train(), draw()
    picture = network(z)
    assert picture.shape == (3, 2, *SIZE)
    assert (picture[0] - picture[1]).abs().max() > 1e-3             # the noise z enters somewhere
    picture.square().sum().backward()
    unused = tuple(f"pictures.{level}." for level in range(LAYERS))  # of the levels below
    named = {name: p for name, p in network.named_parameters() if not name.startswith(unused)}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in named.values())
    parts = " ".join(named)
    assert ("mapping" in parts, "style" in parts) == (options.get("styles", True),) * 2
    assert ("constant" in parts) == options.get("constant", True)
    assert ("strength" in parts) == options.get("noisy", True)
    assert torch.equal(network(z), picture) == (not options.get("noisy", True))


def test_configuration_a_is_progans_generator():
    """With the same weights the same pictures, but for the convolution of the coarsest level that ProGAN has twice."""
    from translate.networks.progan import ProganGenerator

    torch.manual_seed(0)
    network = make(**CONFIGURATIONS["A"])
    progan = ProganGenerator(Z, 2, SIZE, LAYERS, 6, 96)
    with torch.no_grad():
        progan.first.weight.copy_(network.first.weight)
        progan.first_bias.copy_(network.layers[0].bias)
        targets = [progan.second, *(c for block in progan.blocks for c in block.convolutions)]
        for mine, theirs in zip(network.layers[1:], targets, strict=True):
            theirs.weight.copy_(mine.convolution.weight)
            theirs.bias.copy_(mine.bias.flatten())
        progan.pictures.load_state_dict(network.pictures.state_dict())
    torch.testing.assert_close(network(draw()), progan(draw()), atol=1e-4, rtol=1e-3)
