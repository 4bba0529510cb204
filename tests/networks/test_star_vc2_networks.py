"""StarGAN-VC2's networks and the conditional norm: sizes, shapes, formulas, and what a code reaches."""

import numpy as np
import pytest
import torch
from torch import nn

from translate.layers.conditional_norm import ConditionalInstanceNorm, join_code
from translate.networks.star_vc2 import StarVc2Discriminator, StarVc2Generator


def count(module):
    return sum(p.numel() for p in module.parameters())


def remove_norms(network):
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.GroupNorm):
            network.set_submodule(name, nn.Identity())
    return network


def make_codes(batch, domains, codes, seed=0):
    order = torch.randperm(domains, generator=torch.Generator().manual_seed(seed))
    eye = torch.eye(domains)
    return [eye[torch.arange(batch) % domains], eye[order][torch.arange(batch) % domains]][2 - codes :]


# --- the conditional norm ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3, 40), (2, 3, 6, 10)])
def test_conditional_norm_follows_its_formula(shape):
    torch.manual_seed(0)
    layer, x, code = ConditionalInstanceNorm(3, 5), 4 * torch.randn(shape) + 1, torch.rand(2, 5)
    weight, bias = (p.detach().numpy() for p in (layer.modulate.weight, layer.modulate.bias))
    rows, modulation = x.flatten(2).numpy(), code.numpy() @ weight.T + bias
    scale, shift = modulation[:, :3, None], modulation[:, 3:, None]
    normed = (rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(x, code).flatten(2).detach().numpy(), scale * normed + shift, atol=1e-5)


def test_a_fresh_conditional_norm_is_nearly_the_plain_one():
    torch.manual_seed(0)
    layer, x = ConditionalInstanceNorm(64, 4), torch.randn(4, 64, 50)
    difference = layer(x, torch.eye(4)) - layer.norm(x)
    assert 0.02 < difference.std() < 0.3


def test_modulations_of_a_mixture_are_mixed():
    layer, x = ConditionalInstanceNorm(3, 2), torch.randn(1, 3, 20)
    one, other, both = (layer(x, torch.tensor([code])) for code in ([1.0, 0.0], [0.0, 1.0], [0.5, 0.5]))
    torch.testing.assert_close(both, (one + other) / 2)


def test_joined_codes_are_constant_planes():
    x, code = torch.randn(2, 3, 4, 5), torch.tensor([[1.0, 0.0], [0.2, 0.8]])
    joined = join_code(x, code)
    assert joined.shape == (2, 5, 4, 5)
    assert torch.equal(joined[:, :3], x)
    assert torch.equal(joined[:, 3:, 2, 1], code)
    assert (joined[:, 3:] == joined[:, 3:, :1, :1]).all()


# --- the generator ----------------------------------------------------------------------------------------


def test_parameter_counts_at_the_papers_size():
    """For four speakers, added up from the paper's table by hand: weights, biases, two per channel of each norm."""

    def convolve(inputs, outputs, taps, norm=0):
        return inputs * outputs * taps + outputs + 2 * norm

    generator = (
        convolve(1, 128, 75) + convolve(64, 256, 25, 256) + convolve(128, 512, 25, 512)
        + convolve(2304, 256, 1, 256) + 9 * (convolve(256, 512, 5) + (8 + 1) * 2 * 512) + convolve(256, 2304, 1, 2304)
        + convolve(256, 1024, 25, 256) + convolve(128, 512, 25, 128) + convolve(64, 1, 75)
    )  # fmt: skip
    layers = [(1, 128, 9), (64, 256, 9), (128, 512, 9), (256, 1024, 9), (512, 1024, 5)]
    discriminator = sum(convolve(*layer) for layer in layers) + convolve(512, 1, 1) + 8 * 512
    with torch.device("meta"):
        assert count(StarVc2Generator(36, 4)) == generator == 17_432_257
        assert count(StarVc2Discriminator(4)) == discriminator


def test_layer_shapes_for_a_crop_of_the_paper():
    shapes = []
    with torch.device("meta"):
        generator = StarVc2Generator(36, 4)
        modules = [generator.first, *generator.down, generator.flatten, *generator.blocks, generator.unflatten]
        for module in (*modules, *generator.up):
            module.register_forward_hook(lambda m, i, o: shapes.append(tuple(o.shape[1:])))
        generator(torch.empty(1, 36, 256), torch.empty(1, 8))
    assert shapes == [
        (64, 36, 256), (128, 18, 128), (256, 9, 64), (256, 64), *[(256, 64)] * 9, (2304, 64),
        (128, 18, 128), (64, 36, 256), (1, 36, 256),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(36, 128), (25, 131), (24, 9), (13, 8)])
@pytest.mark.parametrize("condition", ["modulation", "channels"])
@pytest.mark.parametrize("codes", [1, 2])
def test_the_generator_keeps_any_size(size, condition, codes):
    generator = StarVc2Generator(size[0], 3, codes, channels=4, blocks=2, condition=condition)
    y = generator(torch.randn(2, *size), torch.cat(make_codes(2, 3, codes), dim=1))
    assert y.shape == (2, *size)
    assert y.isfinite().all()


def test_the_receptive_field_is_that_of_the_kernels():
    """Norms aside, a frame sees half a second on each side: 101 to 107 frames, by its place within four frames."""
    torch.manual_seed(0)
    generator = remove_norms(StarVc2Generator(8, 2, channels=4)).double()
    code = torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    for frame in range(200, 204):
        x = torch.randn(1, 8, 400, dtype=torch.float64, requires_grad=True)
        generator(x, code)[0, :, frame].sum().backward()
        seen = x.grad.abs().sum(dim=(0, 1)).nonzero()[:, 0].tolist()
        expected = []
        for side in (-1, 1):                                        # out, up twice, nine blocks, down twice, first
            place = (((frame + 7 * side) // 2 + 2 * side) // 2 + 2 * side) + 9 * 2 * side
            expected.append(2 * (2 * place + 2 * side) + 2 * side + 7 * side)
        assert [seen[0], seen[-1]] == expected
        assert min(frame - seen[0], seen[-1] - frame) >= 101


@pytest.mark.parametrize("condition", ["modulation", "channels"])
def test_source_and_target_both_matter_everywhere(condition):
    """Not at the edges alone, where zero padding shows a constant plane to an instance norm."""
    torch.manual_seed(0)
    generator = StarVc2Generator(12, 2, channels=8, blocks=2, condition=condition)
    x, eye = torch.randn(1, 12, 256), torch.eye(2)

    def convert(source, target):
        return generator(x, torch.cat([eye[source], eye[target]])[None])[..., 120:136]

    with torch.no_grad():
        outputs = [convert(s, t) for s in range(2) for t in range(2)]
    for number, one in enumerate(outputs):
        for other in outputs[:number]:
            assert (one - other).std() > 0.003 * one.std()


@pytest.mark.parametrize("condition", ["modulation", "channels"])
def test_the_code_belongs_to_its_sample(condition):
    torch.manual_seed(0)
    generator = StarVc2Generator(12, 3, channels=8, blocks=2, condition=condition)
    x, code = torch.randn(3, 12, 32), torch.cat(make_codes(3, 3, 2), dim=1)
    torch.testing.assert_close(generator(x, code)[1:2], generator(x[1:2], code[1:2]), atol=1e-5, rtol=1e-4)


def test_residual_blocks_add_to_their_input():
    torch.manual_seed(0)
    plain = StarVc2Generator(12, 2, channels=8, blocks=2)
    residual = StarVc2Generator(12, 2, channels=8, blocks=2, residual=True)
    residual.load_state_dict(plain.state_dict())
    x, code = torch.randn(1, 12, 32), torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    assert not torch.allclose(plain(x, code), residual(x, code))
    seen = []
    residual.unflatten.register_forward_pre_hook(lambda m, inputs: seen.append(inputs[0]))
    residual.flatten.register_forward_hook(lambda m, i, o: seen.append(o))
    for block in residual.blocks:                                   # gates that are shut pass nothing
        nn.init.zeros_(block.norm.modulate.weight)
        nn.init.zeros_(block.norm.modulate.bias)
    residual(x, code)
    assert torch.equal(*seen)


# --- the discriminator ------------------------------------------------------------------------------------


@pytest.mark.parametrize("codes", [0, 1, 2])
def test_the_logit_is_a_projection_of_the_sum(codes):
    """w phi + b + (E c) phi, phi summed over all positions (Miyato and Koyama 2018)."""
    torch.manual_seed(0)
    discriminator = StarVc2Discriminator(3, codes, channels=4, classes=True)
    x, told = torch.randn(2, 20, 45), make_codes(2, 3, codes)
    judgement = discriminator(x, *told)
    phi = judgement.features[0][-1].detach().numpy().sum(axis=(2, 3))  # (B, 16)
    row = discriminator.head.weight.detach().numpy() + np.zeros((2, 1))
    if codes:
        row = row + torch.cat(told, 1).numpy() @ discriminator.embed.weight.detach().numpy().T
    expected = (row * phi).sum(1, keepdims=True) + discriminator.head.bias.item()
    np.testing.assert_allclose(judgement.logits[0].detach().numpy(), expected, rtol=1e-4, atol=1e-6)
    assert [f.shape[1:] for f in judgement.features[0]] == [
        (2, 20, 45), (4, 10, 23), (8, 5, 12), (16, 3, 6), (16, 3, 6),
    ]  # fmt: skip
    assert judgement.classes.shape == (2, 3)


def test_the_order_of_source_and_target_matters():
    torch.manual_seed(0)
    discriminator, x = StarVc2Discriminator(3, channels=8), torch.randn(2, 12, 32)
    c, other = make_codes(2, 3, 2)
    assert not torch.allclose(discriminator(x, c, other).logits[0], discriminator(x, other, c).logits[0])


def test_the_discriminator_refuses_other_numbers_of_codes():
    with pytest.raises(ValueError, match="judges under 2 codes, got 1"):
        StarVc2Discriminator(3, channels=4)(torch.randn(1, 8, 16), torch.eye(3)[:1])


def test_samples_of_a_batch_do_not_see_one_another():
    torch.manual_seed(0)
    discriminator, x = StarVc2Discriminator(3, channels=4), torch.randn(3, 12, 32)
    c, other = make_codes(3, 3, 2)
    alone = discriminator(x[1:2], c[1:2], other[1:2]).logits[0]
    torch.testing.assert_close(discriminator(x, c, other).logits[0][1:2], alone)


# --- both -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["modulation", "channels"])
@pytest.mark.parametrize("codes", [1, 2])
def test_every_parameter_matters(condition, codes):
    torch.manual_seed(0)
    generator = StarVc2Generator(12, 2, codes, channels=8, blocks=2, condition=condition)
    discriminator, told = StarVc2Discriminator(2, codes, channels=4, classes=True), make_codes(2, 2, codes)
    judgement = discriminator(generator(torch.randn(2, 12, 32), torch.cat(told, 1)), *told)
    (judgement.logits[0].sum() + judgement.classes.square().sum()).backward()
    for network in (generator, discriminator):
        assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("make", [
    lambda k: StarVc2Generator(12, k, 2, 4, 2), lambda k: StarVc2Generator(12, k, 1, 4, 2),
    lambda k: StarVc2Generator(12, k, 2, 4, 2, "channels"), lambda k: StarVc2Generator(12, k, 1, 4, 2, "channels"),
    lambda k: StarVc2Discriminator(k, 2, 4), lambda k: StarVc2Discriminator(k, 1, 4),
    lambda k: StarVc2Discriminator(k, 0, 4, classes=True),
])  # fmt: skip
def test_domain_axes_name_all_that_grows_with_the_domains(make):
    with torch.device("meta"):
        small, large = make(3), make(5)
    shapes = {name: value.shape for name, value in large.state_dict().items()}
    grown = {name: value.shape for name, value in small.state_dict().items() if value.shape != shapes[name]}
    axes = small.domain_axes()
    assert axes == large.domain_axes()
    assert axes.keys() == grown.keys()
    for name, (axis, blocks) in axes.items():
        assert [b - a for a, b in zip(grown[name], shapes[name], strict=True)] == [
            2 * blocks * (place == axis) for place in range(len(grown[name]))
        ]
