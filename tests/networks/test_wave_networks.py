"""Networks on waveforms: lengths, sizes, what a sample of the output depends on, and mirrored frequencies."""

import numpy as np
import pytest
import torch

from translate.networks.wave import PlainGenerator, ResamplingGenerator, WaveConvolution, WaveDiscriminator, reflect
from translate.speech.measures.aliasing import measure_aliasing


def count(module):
    return sum(p.numel() for p in module.parameters())


def convert_with(generator):
    def convert(wave):
        with torch.no_grad():
            return generator(torch.tensor(wave, dtype=torch.float32)[None, None])[0, 0].double().numpy()

    return convert


def test_sizes_at_the_defaults():
    """By hand: taps * inputs * outputs and biases, twice for the gate; instance norm's and weight norm's parameters."""
    gated = 2 * (15 * 128 * 128 + 128)
    assert count(PlainGenerator()) == (15 * 256 + 2 * 256) + 12 * (gated + 256) + (15 * 128 + 2)
    ends = 2 * (15 * 32 + 32) + 15 * 32 + 1
    down = 2 * (15 * 32 * 64 + 3 * 64) + 2 * (15 * 64 * 128 + 3 * 128)
    up = 4 * (15 * 128 * 64 + 64) + 4 * 64 + 4 * (15 * 64 * 32 + 32) + 4 * 32
    assert count(ResamplingGenerator()) == ends + down + 12 * (gated + 512) + up


@pytest.mark.parametrize("length", [8, 9, 31, 63, 1000, 4098])
@pytest.mark.parametrize("make", [
    lambda: ResamplingGenerator(4, 1), lambda: ResamplingGenerator(4, 1, kernel=5, skip=True),
    lambda: PlainGenerator(4), lambda: PlainGenerator(4, [1, 3], kernel=5, skip=True),
])  # fmt: skip
def test_generators_keep_any_length(make, length):
    x = torch.randn(2, 1, length)
    y = make()(x)
    assert y.shape == x.shape
    assert y.isfinite().all()


@pytest.mark.parametrize("make", [lambda: ResamplingGenerator(4, 1), lambda: PlainGenerator(4, [1, 2])])
def test_every_parameter_of_a_generator_matters(make):
    generator = make()
    generator(torch.randn(1, 1, 256)).square().sum().backward()
    assert [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_plain_convolution_is_torchs():
    """The fast form for one channel, the weight norm and the reflection change nothing."""
    x = torch.randn(2, 1, 50)
    for outputs, norm in ((6, None), (6, "weight"), (1, None)):
        layer = WaveConvolution(1, outputs, 7, norm=norm, gated=False)
        weight, bias = layer.convolution.weight.squeeze(2), layer.convolution.bias
        expected = torch.nn.functional.conv1d(torch.nn.functional.pad(x, (3, 3), mode="reflect"), weight, bias)
        torch.testing.assert_close(layer(x), expected)
    with pytest.raises(ValueError, match="odd number of taps"):
        WaveConvolution(1, 2, 4)


def test_reflection_of_anything():
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert reflect(x, 2).flatten().tolist() == [3, 2, 1, 2, 3, 2, 1]
    assert reflect(x, 4).flatten().tolist() == [3, 3, 3, 2, 1, 2, 3, 2, 1, 1, 1]
    assert reflect(x[..., :1], 2).flatten().tolist() == [1] * 5
    assert reflect(x, 0) is x


# --- context ----------------------------------------------------------------------------------------------


def test_context_is_what_a_sample_depends_on():
    generator = PlainGenerator(6, [1, 2, 4], kernel=5)
    assert generator.context == 2 * (2 + 2 * 7)
    x = torch.randn(1, 1, 201, requires_grad=True)
    (gradient,) = torch.autograd.grad(generator(x)[0, 0, 100], x)
    seen = gradient[0, 0].nonzero().flatten()
    assert (seen.min().item(), seen.max().item()) == (100 - generator.context, 100 + generator.context)
    assert PlainGenerator(1).context == 7 * (2 + 2 * 63)
    assert ResamplingGenerator(2, 1).context is None


@pytest.mark.parametrize("skip", [False, True])
def test_chunks_with_context_equal_the_whole(skip):
    generator = PlainGenerator(8, [1, 2, 4, 8], kernel=7, skip=skip)
    x, context, chunk = torch.randn(1, 1, 2500), generator.context, 600
    with torch.no_grad():
        whole, parts = generator(x), []
        for start in range(0, 2500, chunk):
            first, last = max(start - context, 0), min(start + chunk + context, 2500)
            parts.append(generator(x[..., first:last])[..., start - first : start - first + chunk])
    parts = torch.cat(parts, dim=-1)
    assert parts.shape == whole.shape
    assert (parts - whole).abs().max() < 1e-5


# --- mirrored frequencies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_sine_through_v2_has_no_mirrored_component_where_v1_does(seed):
    torch.manual_seed(seed)
    for skip in (False, True):
        assert measure_aliasing(convert_with(PlainGenerator(16, [1, 2, 4], 7, skip)), 22050) < -100
    assert measure_aliasing(convert_with(ResamplingGenerator(8, 2, 7)), 22050) > -20


def test_v2_commutes_with_any_shift_and_v1_with_multiples_of_four():
    torch.manual_seed(0)
    wave = torch.sin(2 * np.pi * 0.043 * torch.arange(600.0))[None, None]

    def compare(generator, shift):
        """Difference of the shifted output and the output of the shifted, away from the ends."""
        with torch.no_grad():
            y, shifted = generator(wave[..., :512]), generator(wave[..., shift : 512 + shift])
        middle = slice(200, 300)
        return ((y[..., 200 + shift : 300 + shift] - shifted[..., middle]).norm() / y[..., middle].norm()).item()

    plain = PlainGenerator(8, [1, 2, 4], 7)
    assert max(compare(plain, shift) for shift in (1, 2, 3, 4)) < 1e-5
    assert compare(ResamplingGenerator(8, 1, 7), 1) > 0.05


# --- discriminator ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["instance", "weight"])
def test_the_discriminator_judges_stretches(norm):
    discriminator = WaveDiscriminator(4, norm=norm)
    x = torch.randn(3, 1, 4096)
    judgement = discriminator(x)
    assert discriminator.hop == 256
    assert judgement.logits[0].shape == (3, 1, 16)
    assert [f.shape[1:] for f in judgement.features[0]] == [(4, 4096), (8, 1024), (16, 256), (32, 64), (64, 16)]
    torch.testing.assert_close(discriminator(x[1:2]).logits[0], judgement.logits[0][1:2], rtol=1e-3, atol=1e-5)
    assert discriminator(x[..., : discriminator.shortest]).logits[0].shape == (3, 1, 8)


@pytest.mark.parametrize("make", [ResamplingGenerator, PlainGenerator])
def test_with_a_skip_the_untrained_network_hardly_changes_the_wave(make):
    torch.manual_seed(0)
    x = torch.randn(1, 1, 2000)
    plain, skipping = make(channels=4, kernel=5)(x), make(channels=4, kernel=5, skip=True)(x)
    assert 0 < (skipping - x).abs().mean() < 0.02
    assert (plain - x).abs().mean() > 0.2
