"""Networks that make and judge pictures: sizes, parameter counts, labels, norms, ranges."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from translate.layers.conditional_norm import ConditionalBatchNorm
from translate.losses.judgement import mixes_samples
from translate.losses.penalties import orthogonal_penalty
from translate.networks.biggan import BigganDiscriminator, BigganGenerator, ProjectedBatchNorm, SharedEmbedding
from translate.networks.dcgan import DcganDiscriminator, DcganGenerator
from translate.networks.dense import DenseDiscriminator, DenseGenerator, Maxout
from translate.networks.residual import ResidualDiscriminator, ResidualGenerator
from translate.networks.sagan import SaganDiscriminator, SaganGenerator


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(network):
    return sum(p.numel() for p in network.parameters())


MAKERS = {
    "dense": lambda planes, size, entries: DenseGenerator(8, (planes, *size), 16, entries=entries),
    "dcgan": lambda planes, size, entries: DcganGenerator(8, planes, size, 4, 2, entries),
    "residual": lambda planes, size, entries: ResidualGenerator(8, planes, size, 4, 2, entries),
    "sagan": lambda planes, size, entries: SaganGenerator(8, planes, size, 4, 2, 1, entries),
    "biggan": lambda planes, size, entries: BigganGenerator(8, planes, size, 4, 1, 0, entries, 6),
}
JUDGES = {
    "dense": lambda planes, size, entries: DenseDiscriminator((planes, *size), 8, entries=entries),
    "dcgan": lambda planes, size, entries: DcganDiscriminator(planes, size, 4, 2, entries=entries),
    "residual": lambda planes, size, entries: ResidualDiscriminator(planes, 4, told=entries),
    "sagan": lambda planes, size, entries: SaganDiscriminator(planes, 4, 2, 1, told=entries),
    "biggan": lambda planes, size, entries: BigganDiscriminator(planes, 4, 2, 1, told=entries),
}
SIZES = [(1, (8, 8)), (3, (16, 16)), (5, (12, 20))]                        # not only squares and powers of two


@pytest.mark.parametrize("entries", [0, 3])
@pytest.mark.parametrize(("planes", "size"), SIZES)
@pytest.mark.parametrize("kind", MAKERS)
def test_pictures_of_any_size_and_channels(kind, planes, size, entries):
    maker, judge = MAKERS[kind](planes, size, entries), JUDGES[kind](planes, size, entries)
    condition = (torch.eye(3)[[0, 1, 2, 0]],) if entries else ()
    pictures = maker(torch.randn(4, 8), *condition)
    assert pictures.shape == (4, planes, *size)
    assert pictures.abs().max() <= 1
    judgement = judge(pictures, *condition)
    assert [logits.shape for logits in judgement.logits] == [(4, 1)]
    judgement.logits[0].sum().backward()
    assert all(p.grad is not None for p in [*maker.parameters(), *judge.parameters()])


@pytest.mark.parametrize("kind", MAKERS)
def test_labels_matter(kind):
    maker, judge = MAKERS[kind](1, (8, 8), 3).eval(), JUDGES[kind](1, (8, 8), 3).eval()
    for module in maker.modules():
        if isinstance(module, ConditionalBatchNorm):                        # which begins without an effect
            nn.init.normal_(module.modulate.weight)
    latent, (one, other) = torch.randn(2, 8), torch.eye(3)[:2, None].expand(-1, 2, -1)
    pictures = maker(latent, one)
    assert not torch.allclose(pictures, maker(latent, other))
    assert not torch.equal(judge(pictures, one).logits[0], judge(pictures, other).logits[0])


def test_published_sizes():
    """DCGAN: what pytorch/examples, dcgan/main.py prints. SN-GAN: summed by hand from table 4 of its paper."""
    assert count(DcganGenerator(100, 3, (64, 64))) == 3_576_704
    assert count(DcganDiscriminator(3, (64, 64))) == 2_765_568
    block = 2 * (256 * 256 * 9 + 256) + 256 * 256 + 256 + 2 * 2 * 256
    assert count(ResidualGenerator(128, 3, (32, 32))) == 129 * 4096 + 3 * block + 2 * 256 + 256 * 27 + 3 == 4_276_739
    convolution, shortcut = 128 * 128 * 9 + 128, 128 * 128 + 128
    first = 3 * 128 * 9 + 128 + convolution + 3 * 128 + 128
    expected = first + 2 * convolution + shortcut + 2 * 2 * convolution + 129
    assert count(ResidualDiscriminator(3)) == expected == 1_053_825


def test_sizes_of_sagan():
    """At 128 pixels with 1000 labels, summed by hand: the widths of the paper's code, attention of C / 8 and C / 2."""
    with torch.device("meta"):
        maker, judge = SaganGenerator(128, 3, (128, 128), entries=1000), SaganDiscriminator(3, told=1000)

    def residual(n, m):                                                     # two convolutions, and the shortcut's
        return 9 * n * m + m + 9 * m * m + m + n * m + m

    widths = [1024, 1024, 512, 256, 128, 64]
    blocks = sum(residual(n, m) + 2000 * (n + m) for n, m in pairwise(widths))
    attention = 2 * 256 * 32 + 2 * 256 * 128 + 1
    assert count(maker) == 129 * 16 * 1024 + blocks + attention + 2 * 64 + 64 * 27 + 3 == 42_078_852
    widths = [3, 64, 128, 256, 512, 1024]
    same = 2 * (9 * 1024 * 1024 + 1024)
    attention = 2 * 128 * 16 + 2 * 128 * 64 + 1
    blocks = sum(residual(n, m) for n, m in pairwise(widths)) + same
    assert count(judge) == blocks + attention + 1025 + 1000 * 1024 == 39_463_618


@pytest.mark.parametrize(("attention", "side"), [(2, 32), (1, 64), (4, 8)])
def test_attention_of_sagan_is_at_one_size(attention, side):
    """32 x 32 of 128 x 128, in both networks; with 0 there is none."""
    maker, judge = SaganGenerator(8, 1, (128, 128), 1, 5, attention), SaganDiscriminator(1, 1, 5, attention)
    seen = []
    for network in (maker, judge):
        network.attention.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[1:])))
    judge(maker(torch.randn(1, 8)))
    assert seen == [(2**attention, side, side), (2 ** (attention - 1), side, side)]
    assert SaganGenerator(8, 1, (8, 8), 1, 1, 0).attention is None
    assert SaganDiscriminator(1, 1, 1, 0).attention is None


def test_attention_of_sagan_matters_once_it_has_a_gain():
    maker, judge = SaganGenerator(8, 1, (16, 16), 4, 2, 1).eval(), SaganDiscriminator(1, 4, 2, 1).eval()
    z, x = torch.randn(2, 8), torch.randn(2, 1, 16, 16)
    before = maker(z), judge(x).logits[0]
    for network in (maker, judge):
        nn.init.ones_(network.attention.gain)
    assert not torch.allclose(maker(z), before[0])
    assert not torch.allclose(judge(x).logits[0], before[1])


def test_sizes_of_biggan():
    """At 128 pixels with 1000 labels and 96 channels: the paper's 70.4 M and 88 M, summed by hand."""
    with torch.device("meta"):
        maker = BigganGenerator(120, 3, (128, 128), entries=1000)
        judge = BigganDiscriminator(3, 96, 5, 1, told=1000)

    def residual(n, m):                                                     # two convolutions, and the shortcut's
        return 9 * n * m + m + 9 * m * m + m + n * m + m

    widths = [1536, 1536, 768, 384, 192, 96]
    blocks = sum(residual(n, m) + 2 * (20 + 128) * (n + m) for n, m in pairwise(widths))
    attention = 2 * 192 * 24 + 2 * 192 * 96 + 1
    expected = 1000 * 128 + 21 * 16 * 1536 + blocks + attention + 2 * 96 + 96 * 27 + 3
    assert count(maker) == expected == 70_433_988
    widths = [3, 96, 192, 384, 768, 1536]
    same = 2 * (9 * 1536 * 1536 + 1536)
    attention = 2 * 96 * 12 + 2 * 96 * 48 + 1
    expected = sum(residual(n, m) for n, m in pairwise(widths)) + same + attention + 1537 + 1000 * 1536
    assert count(judge) == expected == 87_982_370
    assert count(maker) == pytest.approx(70.4e6, rel=0.01)
    assert count(judge) == pytest.approx(88e6, rel=0.01)


def test_attention_of_biggan_is_at_half_the_size():
    maker, judge = BigganGenerator(12, 1, (32, 48), 1, 3, 1), BigganDiscriminator(1, 1, 3, 1)
    seen = []
    for network in (maker, judge):
        network.attention.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[1:])))
    judge(maker(torch.randn(1, 12)))
    assert seen == [(2, 16, 24), (1, 16, 24)]


def test_every_part_of_the_latent_vector_of_biggan_reaches_its_block_with_the_label():
    maker = BigganGenerator(12, 1, (16, 16), 2, 3, 1, 3, 5).eval()
    conditions = []
    for block in maker.blocks:
        block.register_forward_pre_hook(lambda _, inputs: conditions.append(inputs[1].detach()))
    z, code = torch.randn(2, 12), torch.tensor([[1.0, 0, 0], [0, 0.25, 0.75]])
    pictures = maker(z, code)
    label = code @ maker.embedding.weight                                   # one embedding for all blocks
    for number, condition in enumerate(conditions, 1):
        torch.testing.assert_close(condition, torch.cat([label, z[:, 3 * number : 3 * number + 3]], dim=1))
    assert len(conditions) == 3
    for entry in range(12):
        moved = z.clone()
        moved[:, entry] += 2
        assert not torch.allclose(maker(moved, code), pictures)
    with pytest.raises(ValueError, match="expected a multiple of 4 entries of z, got 10"):
        BigganGenerator(10, 1, (16, 16), 2, 3)


def test_biggan_begins_orthogonal_with_spectral_norm_everywhere_but_in_the_embedding():
    maker, judge = BigganGenerator(12, 3, (16, 16), 4, 3, 1, 3, 6), BigganDiscriminator(3, 4, 3, 1, 3)
    for network in (maker, judge):
        layers = {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
        assert all(map(is_parametrized, layers.values()))
        for name, layer in layers.items():
            raw = layer.parametrizations.weight.original.detach().flatten(1)
            small = raw @ raw.T if len(raw) <= raw.shape[1] else raw.T @ raw
            torch.testing.assert_close(small, torch.eye(len(small)), atol=1e-5, rtol=0, msg=name)
            assert layer.bias is None or not layer.bias.any()
    embedding = maker.embedding.weight.detach()                             # 3 labels of 6 entries
    torch.testing.assert_close(embedding @ embedding.T, torch.eye(3), atol=1e-5, rtol=0)
    assert not is_parametrized(maker.embedding)


def test_the_orthogonal_penalty_leaves_the_shared_embedding_out():
    maker = BigganGenerator(12, 3, (16, 16), 4, 3, 1, 3, 6).eval()
    orthogonal_penalty(maker).backward()
    assert {n for n, p in maker.named_parameters() if p.grad is None and p.dim() > 1} == {"embedding.weight"}


def test_projected_batch_norm_in_numpy():
    norm = ProjectedBatchNorm(4, 3).train()
    x, code = torch.randn(5, 4, 3, 2), torch.randn(5, 3)
    value, c = x.numpy(), code.numpy()
    normed = (value - value.mean(axis=(0, 2, 3), keepdims=True)) / np.sqrt(
        value.var(axis=(0, 2, 3), keepdims=True) + 1e-5
    )
    scale, shift = (c @ f.weight.detach().numpy().T for f in (norm.scale, norm.shift))
    expected = normed * (1 + scale)[:, :, None, None] + shift[:, :, None, None]
    np.testing.assert_allclose(norm(x, code).detach(), expected, atol=1e-5)


def test_a_soft_label_is_the_mean_of_embeddings():
    embedding = SharedEmbedding(3, 4)
    one, other = embedding(torch.eye(3)[:2])
    assert torch.equal(one, embedding.weight[0])
    torch.testing.assert_close(embedding(torch.tensor([[0.5, 0.5, 0]]))[0], (one + other) / 2)


def test_dcgan_has_norms_where_the_paper_has_them():
    maker, judge = DcganGenerator(100, 3, (64, 64)), DcganDiscriminator(3, (64, 64))
    assert [len([m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]) for net in (maker, judge)] == [4, 3]
    weights = torch.cat([m.weight.flatten() for m in maker.modules() if isinstance(m, nn.ConvTranspose2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert mixes_samples(judge)
    assert not mixes_samples(DcganDiscriminator(3, (64, 64), norm=False))


def test_sizes_that_cannot_be_halved_are_named():
    with pytest.raises(ValueError, match="expected sides that are multiples of 8, got 20 x 16"):
        DcganGenerator(8, 1, (20, 16), 4, 3)


def test_maxout_takes_the_largest_of_neighbours():
    assert Maxout(3)(torch.tensor([[1.0, 5, 2, -3, -1, -2]])).tolist() == [[5, -1]]


def test_spectral_norm_is_on_every_layer_that_judges_and_on_no_classifier():
    judge = ResidualDiscriminator(3, 4, told=3, asked=3)
    layers = {n: m for n, m in judge.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert {name for name, layer in layers.items() if not is_parametrized(layer)} == {"classes"}
    assert not any(is_parametrized(m) for m in ResidualDiscriminator(3, 4, spectral=False).modules())
    assert not mixes_samples(judge)


def test_sagan_has_spectral_norm_in_both_networks_but_not_in_the_norms():
    maker, judge = SaganGenerator(8, 3, (16, 16), 4, 2, 1, 3), SaganDiscriminator(3, 4, 2, 1, 3)
    plain = [
        name
        for network in (maker, judge)
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not is_parametrized(module)
    ]
    assert plain == [f"blocks.{block}.norms.{norm}.modulate" for block in range(2) for norm in range(2)]
    for network in (maker, judge):                                          # 15 iterations, and those of some passes
        for _ in range(30):
            judge(maker(torch.randn(2, 8), torch.eye(3)[:2]), torch.eye(3)[:2])
        layers = [m for m in network.eval().modules() if is_parametrized(m)]
        largest = [torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item() for layer in layers]
        assert largest == pytest.approx([1.0] * len(layers), abs=0.02)
        network.train()


@pytest.mark.parametrize(("pooling", "factor"), [("sum", 16.0), ("mean", 1.0)])
def test_pooling(pooling, factor):
    """Four times the height and the width of the same constant: sums grow, means do not."""
    judge = ResidualDiscriminator(1, 4, 1, pooling, spectral=False)
    nn.init.zeros_(judge.last.bias)
    for block in judge.blocks:                                              # without the borders' zeros
        for convolution in block.convolutions:
            convolution.padding_mode = "circular"
            convolution._reversed_padding_repeated_twice = [1, 1, 1, 1]
    small, large = (judge(torch.full((1, 1, size, size), 0.7)).logits[0] for size in (8, 32))
    torch.testing.assert_close(large, factor * small)


def test_projection_of_sagan_is_an_inner_product_in_numpy():
    judge = SaganDiscriminator(1, 4, 2, 1, told=3).eval()
    nn.init.normal_(judge.last.bias)
    seen = []
    judge.last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numpy()))
    code = np.float32([[1, 0, 0], [0.2, 0.3, 0.5]])
    with torch.no_grad():
        logits = judge(torch.randn(2, 1, 16, 16), torch.from_numpy(code)).logits[0].numpy()
    psi, bias, v = (p.detach().numpy() for p in (judge.last.weight, judge.last.bias, judge.projection.weight))
    expected = seen[0] @ psi[0] + bias + (code @ v.T * seen[0]).sum(axis=1)
    np.testing.assert_allclose(logits[:, 0], expected, rtol=1e-5)


def test_projection_is_an_inner_product_with_the_pooled_features():
    judge = ResidualDiscriminator(1, 4, 1, told=3, spectral=False)
    x, code = torch.randn(2, 1, 8, 8), torch.tensor([[1.0, 0, 0], [0, 0.5, 0.5]])
    pooled = torch.relu(judge.blocks(x)).sum(dim=(2, 3))
    expected = judge.last(pooled) + ((judge.projection.weight @ code.T).T * pooled).sum(1, keepdim=True)
    torch.testing.assert_close(judge(x, code).logits[0], expected)


def test_conditional_batch_norm_selects_rows_and_mixes_them():
    norm = ConditionalBatchNorm(4, 3).eval()
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(norm(x, torch.eye(3)[:2]), norm.norm(x))     # no effect before it has learned
    nn.init.normal_(norm.modulate.weight)
    one, other = (norm(x, torch.eye(3)[[n, n]]) for n in (0, 1))
    scale, shift = norm.modulate.weight[:, 0].chunk(2)
    torch.testing.assert_close(one, norm.norm(x) * (1 + scale)[:, None, None] + shift[:, None, None])
    torch.testing.assert_close(norm(x, torch.tensor([[0.5, 0.5, 0]] * 2)), (one + other) / 2)
