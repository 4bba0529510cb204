"""StarGAN-VC's networks: codes against plain concatenation, sizes, any length, receptive fields."""

import pytest
import torch
from torch.nn import functional

from translate.layers.steady_norm import measure_context
from translate.networks.star_vc import (
    CodedConvolution,
    StarVcClassifier,
    StarVcDiscriminator,
    StarVcGenerator,
)
from translate.speech.conversion.chunks import translate_chunks


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(network):
    return sum(p.numel() for p in network.parameters())


# --- codes ------------------------------------------------------------------------------------------------

KERNELS = [((3, 9), 1, (1, 4)), ((4, 8), 2, (1, 3)), ((9, 5), (9, 1), (0, 2)), ((3, 6), (1, 2), (1, 2))]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), KERNELS)
def test_a_code_is_planes_beside_the_channels(kernel, stride, padding, transposed):
    layer = CodedConvolution(2, 5, 3, kernel, stride, padding, transposed)
    x, code = torch.randn(4, 2, 18, 20), torch.rand(4, 3)
    joint = torch.cat([x, code[:, :, None, None].expand(-1, -1, 18, 20)], dim=1)
    if transposed:
        weight, convolve = torch.cat([layer.convolution.weight, layer.code]), functional.conv_transpose2d
    else:
        weight, convolve = torch.cat([layer.convolution.weight, layer.code.transpose(0, 1)], dim=1), functional.conv2d
    expected = convolve(joint, weight, layer.convolution.bias, stride=stride, padding=padding)
    torch.testing.assert_close(layer(x, code), expected, rtol=1e-4, atol=1e-5)


def test_one_hot_codes_are_exact_however_many_domains_there_are():
    """What other domains know must not change the last bit of a conversion."""
    layer, larger = (CodedConvolution(2, 5, domains, (3, 9), 1, (1, 4)) for domains in (2, 9))
    larger.convolution.load_state_dict(layer.convolution.state_dict())
    with torch.no_grad():
        larger.code[4], larger.code[7] = layer.code[0], layer.code[1]
    x = torch.randn(2, 2, 8, 30)
    assert torch.equal(layer(x, torch.eye(2)), larger(x, torch.eye(9)[[4, 7]]))


def measure_effects(norm):
    """Measure how much other codes change the output of each decoder layer, far from the edges, by its deviation."""
    torch.manual_seed(0)
    generator, effects = StarVcGenerator(36, 4, norm=norm), []
    codes = torch.eye(4)[torch.arange(8) % 4]
    hidden = generator.encode(torch.randn(8, 1, 36, 128))
    for layer in generator.decode:
        output, other = layer(hidden, codes), layer(hidden, codes.roll(1, 0))
        inside = (..., *(slice(size // 4, size - size // 4) for size in output.shape[2:]))
        effects.append(((output - other)[inside].square().mean().sqrt() / output[inside].std()).item())
        hidden = output.detach()
    return effects


def test_batch_norm_lets_every_decoder_layer_hear_the_code():
    """Instance norm takes constants out; what strides leave of them in later layers are their own patterns."""
    batch, instance = (measure_effects(norm) for norm in ("batch", "instance"))
    assert instance[1] < 0.06 < 0.25 < batch[1]
    assert all(with_batch > 0.95 * with_instance for with_batch, with_instance in zip(batch, instance, strict=True))
    assert min(batch) > 0.2


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_the_generator_hears_the_code(norm):
    """By far more than what zero padding lets through at the ends: an instance norm takes constants out."""
    generator = StarVcGenerator(36, 4, channels=8, norm=norm)
    x = torch.randn(1, 36, 128)
    first, second = (generator(x, torch.eye(4)[place : place + 1]) for place in (0, 1))
    difference = (first - second)[..., 40:88].square().mean().sqrt()
    assert difference > 0.2 * first.std()


# --- sizes ------------------------------------------------------------------------------------------------


def count_gate(inputs, outputs, taps, entries=0, norm=True):
    """Parameters of a gated layer: value and gate, biases, codes, scale and shift."""
    return 2 * outputs * ((inputs + entries) * taps + 1) + 2 * (2 * outputs) * norm


def test_sizes_of_the_paper():
    """36 coefficients, 4 voices; layer by layer as the paper's figure has them."""
    k = 4
    encoder = [(1, 32, 27), (32, 64, 32), (64, 128, 32), (128, 64, 15), (64, 5, 45)]
    decoder = [(5, 64, 45), (64, 128, 15), (128, 64, 32), (64, 32, 32)]
    last = (32 + k) * 27 + 1
    expected = sum(count_gate(*layer) for layer in encoder) + sum(count_gate(*layer, k) for layer in decoder) + last
    assert count(StarVcGenerator(36, k)) == count(StarVcGenerator(36, k, norm="instance")) == expected == 1_929_003
    layers = [(1, 32, 27), (32, 32, 24), (32, 32, 24), (32, 32, 18)]
    for norm, size in ((True, 167_953), (False, 167_441)):
        expected = sum(count_gate(*layer, k, norm=norm) for layer in layers) + (32 + k) * 36 * 5 + 1
        assert count(StarVcDiscriminator(36, k, norm=norm)) == expected == size
    layers = [(1, 8, 16), (8, 16, 16), (16, 32, 16), (32, 16, 12)]
    for norm, size in ((True, 33_716), (False, 33_428)):
        expected = sum(count_gate(*layer, norm=norm) for layer in layers) + k * (16 * 4 + 1)
        assert count(StarVcClassifier(k, norm=norm)) == expected == size


@pytest.mark.parametrize("frames", [8, 9, 37, 64])
@pytest.mark.parametrize("dimensions", [5, 13, 25, 36])
def test_any_length_and_any_number_of_coefficients(dimensions, frames):
    x, code = torch.randn(2, dimensions, frames), torch.eye(3)[:2]
    assert StarVcGenerator(dimensions, 3, 4)(x, code).shape == x.shape
    judgement = StarVcDiscriminator(dimensions, 3, 4)(x, code)
    assert judgement.logits[0].shape == (2, 1, 1, (frames + 7) // 8)
    assert StarVcClassifier(3, 4)(x).classes.shape == (2, 3, (frames + 31) // 32)


def test_the_middle_is_narrow():
    """Five numbers per four frames at the paper's size."""
    hidden = StarVcGenerator(36, 4).encode(torch.randn(1, 1, 36, 64))
    assert hidden.shape == (1, 5, 1, 16)


# --- what they see ----------------------------------------------------------------------------------------


def find_seen(output, x):
    """The frames and the coefficients on which `output` depends."""
    (gradient,) = torch.autograd.grad(output, x)
    return gradient[0].any(0).nonzero().flatten().tolist(), gradient[0].any(1).nonzero().flatten().tolist()


def test_receptive_field_of_the_discriminator():
    network, x = StarVcDiscriminator(12, 3, 4).eval(), torch.randn(1, 12, 240, requires_grad=True)
    for place, start in ((15, 83), (16, 91)):
        frames, coefficients = find_seen(network(x, torch.eye(3)[:1]).logits[0][0, 0, 0, place], x)
        assert frames == list(range(start, start + 82))
        assert coefficients == list(range(12))


def test_receptive_field_of_the_classifier():
    network, x = StarVcClassifier(3, 4).eval(), torch.randn(1, 12, 320, requires_grad=True)
    frames, coefficients = find_seen(network(x).classes[0, 0, 4], x)
    assert frames == list(range(frames[0], frames[0] + 94))
    assert coefficients == list(range(8))


def test_receptive_field_of_the_generator():
    """Bounded with batch norm, whose statistics are fixed in evaluation mode: chunks give what the whole gives."""
    network, code = StarVcGenerator(12, 3, 4), torch.eye(3)[:1]
    network(torch.randn(4, 12, 64), torch.eye(3)[[0, 1, 2, 0]])             # its statistics are no longer 0 and 1
    network.eval()
    assert measure_context(lambda x: network(x, code), 12, 4) == (network.context, network.context)
    x = torch.randn(1, 12, 1009)
    parts = translate_chunks(lambda part: network(part, code), x, 100, 0, network.context)
    torch.testing.assert_close(parts, network(x, code), rtol=1e-4, atol=1e-5)
    assert StarVcGenerator(12, 3, 4, norm="instance").context is None
