"""Published sizes, receptive fields, any size in and out, and what changes at test time."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from translate.networks.patch import MultiScale, PatchGan
from translate.networks.resnet import ResidualBlock, ResNet, make_upsampling
from translate.networks.unet import PolicyDropout, PolicyNorm, UNet

ODD_SIZES = [(100, 77), (64, 64), (31, 129), (3, 5)]


def millions(make):
    with torch.device("meta"):
        return sum(p.numel() for p in make().parameters()) / 1e6


def make_pictures(*size, seed=1):
    return torch.rand(*size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_sizes_of_the_papers():
    assert millions(lambda: UNet(3, 3)) == pytest.approx(54.41, abs=0.01)
    assert millions(lambda: UNet(3, 3, depth=7)) == pytest.approx(41.83, abs=0.01)
    assert millions(lambda: ResNet(3, 3)) == pytest.approx(11.37, abs=0.01)
    assert millions(lambda: ResNet(3, 3, blocks=6)) == pytest.approx(7.83, abs=0.01)
    assert millions(lambda: PatchGan(6)) == pytest.approx(2.77, abs=0.01)
    assert millions(lambda: PatchGan(3, norm="instance")) == pytest.approx(2.76, abs=0.01)


# --- PatchGAN -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "expected"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_field_of_a_logit(layers, expected):
    """The pixels that move the middle logit: a square of 70 for the paper's three layers."""
    side = 2 * expected
    x = make_pictures(1, 3, side, side).double().requires_grad_()
    logits = PatchGan(3, 4, layers, norm="none").double()(x).logits[0]
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], x)
    seen = gradient.abs().sum(dim=(0, 1)) > 0                               # (H, W)
    for line in (seen.any(dim=0), seen.any(dim=1)):
        (indices,) = line.nonzero(as_tuple=True)
        assert (len(indices), int(indices[-1] - indices[0]) + 1) == (expected, expected)


@pytest.mark.parametrize(("padding", "side", "sides"), [(1, 30, [128, 64, 32, 31]), (2, 35, [129, 65, 33, 34])])
def test_logits_and_features(padding, side, sides):
    judgement = PatchGan(3, 2, padding=padding)(make_pictures(1, 3, 256, 256))
    assert judgement.logits[0].shape == (1, 1, side, side)
    assert [tuple(f.shape[1:]) for f in judgement.features[0]] == [
        (width, side, side) for width, side in zip([2, 4, 8, 16], sides, strict=True)
    ]


def test_conditions_come_before_the_picture():
    discriminator = PatchGan(6, 4)
    x, first, second = make_pictures(1, 3, 32, 32), make_pictures(1, 2, 32, 32, seed=2), make_pictures(1, 1, 32, 32)
    judged = discriminator(x, first, second).logits[0]
    assert torch.equal(judged, discriminator(torch.cat([first, second, x], dim=1)).logits[0])
    assert not torch.equal(judged, discriminator(x, -first, second).logits[0])


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_pictures_of_a_batch_do_not_meet_without_batch_norm(norm):
    discriminator, x = PatchGan(3, 4, norm=norm), make_pictures(2, 3, 48, 40)
    both = discriminator(x).logits[0]
    assert torch.allclose(both[:1], discriminator(x[:1]).logits[0], atol=1e-6)
    assert not any("1.weight" in name for name, _ in discriminator.named_parameters())     # no affine map


def test_spectral_norm_is_on_the_inner_convolutions():
    discriminator = PatchGan(3, 4, norm="instance", spectral=True)
    for _ in range(30):
        discriminator(make_pictures(1, 3, 32, 32))
    with torch.no_grad():
        largest = [
            torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item()
            for layer in [*(sequence[0] for sequence in discriminator.layers), discriminator.head]
        ]
    assert largest[1:-1] == pytest.approx([1, 1, 1], abs=0.05)
    assert max(largest[0], largest[-1]) < 0.6


def test_scales_see_halved_pictures():
    discriminator = MultiScale(lambda: PatchGan(5, 2, layers=2, norm="instance", padding=2), 3)
    x, condition = make_pictures(2, 3, 50, 61), make_pictures(2, 2, 50, 61)
    judgement = discriminator(x, condition)
    assert [len(features) for features in judgement.features] == [3, 3, 3]
    for logits, features, one in zip(judgement.logits, judgement.features, discriminator.scales, strict=True):
        alone = one(x, condition)
        assert torch.equal(logits, alone.logits[0])
        assert all(torch.equal(a, b) for a, b in zip(features, alone.features[0], strict=True))
        x, condition = (avg_pool2d(z, 3, 2, 1, count_include_pad=False) for z in (x, condition))
    first, rest = judgement.split(1)
    assert [len(part.logits) for part in (first, rest)] == [3, 3]


def test_halving_keeps_a_constant_up_to_the_edge():
    seen = []
    one = PatchGan(3, 2, padding=2)
    one.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    MultiScale(lambda: one, 2)(torch.full((1, 3, 33, 32), 0.25))
    assert seen[1].shape == (1, 3, 17, 16)
    assert torch.allclose(seen[1], torch.tensor(0.25))


# --- U-Net ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [4, 8])
@pytest.mark.parametrize("size", [*ODD_SIZES, (300, 20)])
def test_the_unet_keeps_any_size(size, depth):
    generator = UNet(5, 2, 2, depth)
    for mode in (True, False):
        picture = generator.train(mode)(make_pictures(1, 5, *size))
        assert picture.shape == (1, 2, *size)
        assert picture.abs().max() <= 1


def test_levels_of_the_unet():
    """256 pixels become one; the decoder gets both halves of every skip connection."""
    generator, shapes = UNet(3, 3, 2), []
    for layer in (*generator.down, *reversed(generator.up)):
        layer.register_forward_hook(lambda m, i, o: shapes.append((i[0].shape[1], o.shape[1], o.shape[-1])))
    generator(make_pictures(1, 3, 256, 256))
    assert shapes == [
        (3, 2, 128), (2, 4, 64), (4, 8, 32), (8, 16, 16), (16, 16, 8), (16, 16, 4), (16, 16, 2), (16, 16, 1),
        (16, 16, 2), (32, 16, 4), (32, 16, 8), (32, 16, 16), (32, 8, 32), (16, 4, 64), (8, 2, 128), (4, 3, 256),
    ]  # fmt: skip


def test_norms_and_dropout_of_the_unet():
    generator = UNet(3, 3, 2)

    def where(levels, kind):
        return [level for level, layers in enumerate(levels) if any(isinstance(layer, kind) for layer in layers)]

    assert where(generator.down, PolicyNorm) == [1, 2, 3, 4, 5, 6]
    assert where(generator.up, PolicyNorm) == [1, 2, 3, 4, 5, 6, 7]
    assert where(generator.up, PolicyDropout) == [5, 6, 7]
    assert where(UNet(3, 3, 2, dropout=False).up, PolicyDropout) == []


def test_fresh_weights_follow_the_paper():
    generator = UNet(3, 3, 16)
    weights = torch.cat([p.flatten() for n, p in generator.named_parameters() if p.dim() == 4])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    scales = torch.cat([p for n, p in generator.named_parameters() if p.dim() == 1 and p.mean() > 0.5])
    assert scales.mean().item() == pytest.approx(1, abs=0.01)


def test_dropout_at_test_time():
    """On, as in the paper: the random numbers decide, and a seed repeats them. Off: nothing is random."""
    x = make_pictures(1, 3, 64, 64)
    on, off = UNet(3, 3, 8, 5, test_dropout=True).eval(), UNet(3, 3, 8, 5, test_dropout=False)
    first, second = on(x), on(x)
    assert not torch.equal(first, second)
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(on(x))
    assert torch.equal(*results)
    assert not torch.equal(off(x), off(x))                                  # in training it is always on
    off.eval()
    assert torch.equal(off(x), off(x))


def train_norms(generator):
    """Gather running statistics of pictures that are unlike those of the test."""
    for seed in range(20):
        generator.train()(0.3 * make_pictures(4, 3, 32, 32, seed=seed) + 0.5)
    return generator.eval()


def test_norm_by_the_pictures_own_statistics():
    generator = train_norms(UNet(3, 3, 4, 5, dropout=False, test_norm="batch"))
    x = make_pictures(3, 3, 32, 32)
    together = generator(x)
    alone = torch.cat([generator(picture[None]) for picture in x])
    in_training = torch.cat([generator.train()(picture[None]) for picture in x])
    assert torch.allclose(together, alone, atol=1e-5)                       # neighbours do not matter
    assert torch.allclose(together, in_training, atol=1e-5)                 # a test batch of one, as in the paper


def test_norm_by_the_statistics_of_the_training():
    generator = train_norms(UNet(3, 3, 4, 5, dropout=False, test_norm="running"))
    x = make_pictures(3, 3, 32, 32)
    together, state = generator(x), {key: value.clone() for key, value in generator.state_dict().items()}
    assert torch.allclose(together, torch.cat([generator(picture[None]) for picture in x]), atol=1e-5)
    by_itself = UNet(3, 3, 4, 5, dropout=False, test_norm="batch").eval()
    by_itself.load_state_dict(state)                                        # the policy can change after training
    assert not torch.allclose(together, by_itself(x), atol=1e-3)
    assert all(torch.equal(value, generator.state_dict()[key]) for key, value in state.items())


# --- ResNet ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upsample", ["transposed", "resize", "pixelshuffle"])
@pytest.mark.parametrize("size", ODD_SIZES)
def test_the_resnet_keeps_any_size(size, upsample):
    generator = ResNet(1, 4, 2, 1, upsample)
    picture = generator(make_pictures(1, 1, *size))
    assert picture.shape == (1, 4, *size)
    assert picture.abs().max() <= 1
    assert generator.features(make_pictures(1, 1, *size)).shape == (1, 2, *size)


def test_layers_of_the_resnet():
    generator, shapes = ResNet(3, 3, 4, 9), []
    for layer in (*generator.down, *generator.convert, *generator.up, generator.picture):
        layer.register_forward_hook(lambda m, i, o: shapes.append(tuple(o.shape[1:])))
    generator(make_pictures(1, 3, 64, 64))
    assert shapes == [
        (4, 64, 64), (8, 32, 32), (16, 16, 16), *[(16, 16, 16)] * 9, (8, 32, 32), (4, 64, 64), (3, 64, 64),
    ]  # fmt: skip
    assert sum(isinstance(layer, ResidualBlock) for layer in generator.modules()) == 9


def test_features_are_what_the_picture_is_made_of():
    generator, x = ResNet(3, 3, 4, 1, downs=3, affine=True), make_pictures(1, 3, 32, 48)
    assert torch.equal(generator.picture(generator.features(x)), generator(x))
    assert any(isinstance(m, nn.GroupNorm) and m.affine for m in generator.modules())


@pytest.mark.parametrize("upsample", ["transposed", "resize", "pixelshuffle"])
def test_checkerboards_of_fresh_upsampling(upsample):
    """From a flat plane, transposed convolutions make a pattern of period 2; the two others stay flat."""
    layers = (ResNet(3, 3, 4, 1, upsample).up[0])[:-2]                      # without norm and ReLU
    plane = layers(torch.ones(1, 8 * 2, 8, 8))[..., 2:-2, 2:-2]
    pattern = (plane[..., ::2, ::2] - plane[..., 1::2, 1::2]).abs().max().item()
    assert (pattern > 1e-2) == (upsample == "transposed")
    assert upsample == "transposed" or pattern < 1e-6


@pytest.mark.parametrize("upsample", ["transposed", "resize", "pixelshuffle"])
def test_upsampling_doubles(upsample):
    assert nn.Sequential(*make_upsampling(upsample, 6, 4))(torch.randn(2, 6, 5, 7)).shape == (2, 4, 10, 14)


@pytest.mark.parametrize("make", [
    lambda: UNet(3, 3, 2, 5), lambda: ResNet(3, 3, 2, 2), lambda: ResNet(3, 3, 2, 2, "pixelshuffle"),
])  # fmt: skip
def test_every_parameter_of_a_generator_matters(make):
    generator = make()
    generator(make_pictures(2, 3, 32, 32)).pow(2).sum().backward()
    assert [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()] == []
