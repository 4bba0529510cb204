"""Networks that turn label maps into photographs: SPADE's, pix2pixHD's, and the styles of objects."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from translate.errors import UserError
from translate.layers.spade import Spade, SpadeResidual
from translate.networks.coarse_to_fine import CoarseToFine, ObjectEncoder, ObjectStyles, find_objects, halve
from translate.networks.spade import SpadeGenerator, StyleEncoder

NORMS = ["batch", "instance"]


def count_millions(module):
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def one_hot(classes, count):
    """(B, H, W) numbers to (B, count, H, W) planes."""
    return functional.one_hot(classes, count).movedim(-1, 1).float()


def randomise(module):
    """Weights large enough that every layer is heard."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0, 0.3)


def normalise(x, norm):
    dims = (0, 2, 3) if norm == "batch" else (2, 3)
    return (x - x.mean(dims, keepdim=True)) / (x.var(dims, keepdim=True, correction=0) + 1e-5).sqrt()


# --- sizes ------------------------------------------------------------------------------------------------


def test_sizes_of_the_papers():
    """Park et al.'s generators for COCO-Stuff, ADE20K and Cityscapes, and the global one of Wang et al."""
    with torch.device("meta"):
        assert [round(count_millions(SpadeGenerator(planes)), 1) for planes in (184, 151, 36)] == [97.5, 96.5, 93.0]
        assert round(count_millions(CoarseToFine(36, 3, enhancers=0)), 1) == 182.5
        two = CoarseToFine(36, 3, enhancers=2)
    assert [enhancer.down[0][0].out_channels for enhancer in two.enhancers] == [32, 16]
    assert [len(enhancer.convert) for enhancer in two.enhancers] == [3, 3]
    assert len(list(two.enhancers[0].picture.parameters())) == 0


# --- SPADE ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_spade_with_one_label_is_a_plain_modulated_norm(norm):
    torch.manual_seed(0)
    layer = Spade(4, 3, hidden=8, norm=norm)
    randomise(layer)
    x = 2 + 3 * torch.randn(2, 4, 12, 10)
    labels = one_hot(torch.full((2, 5, 5), 1), 3)
    hidden = functional.relu(layer.shared[0].weight.sum((2, 3))[:, 1] + layer.shared[0].bias)
    gamma, beta = (c.weight.sum((2, 3)) @ hidden + c.bias for c in (layer.gamma, layer.beta))
    expected = normalise(x, norm) * (1 + gamma[:, None, None]) + beta[:, None, None]
    inner = (..., slice(2, -2), slice(2, -2))  # the two convolutions pad the label map's rim with zeros
    torch.testing.assert_close(layer(x, labels)[inner], expected[inner], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm", NORMS)
def test_spade_without_modulation_is_its_norm(norm):
    layer = Spade(4, 3, hidden=8, norm=norm)
    for convolution in (layer.gamma, layer.beta):
        nn.init.zeros_(convolution.weight)
    x = 5 * torch.randn(2, 4, 9, 9) - 1
    torch.testing.assert_close(layer(x, torch.rand(2, 3, 18, 18)), normalise(x, norm), atol=1e-4, rtol=1e-4)
    assert not list(layer.norm.parameters())


def test_an_edited_label_changes_spade_only_around_it():
    torch.manual_seed(0)
    layer = Spade(4, 3, hidden=8)
    randomise(layer)
    x, classes = torch.randn(1, 4, 16, 16), torch.randint(3, (1, 16, 16))
    edited = classes.clone()
    edited[0, 7, 8] = (edited[0, 7, 8] + 1) % 3
    changed = (layer(x, one_hot(classes, 3)) != layer(x, one_hot(edited, 3))).any(dim=1)[0]
    expected = torch.zeros(16, 16, dtype=torch.bool)
    expected[5:10, 6:11] = True
    assert torch.equal(changed, expected)


def test_spade_takes_the_nearest_label():
    layer = Spade(2, 3, hidden=4)
    x, classes = torch.randn(1, 2, 8, 8), torch.randint(3, (1, 4, 4))
    finer = classes.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(layer(x, one_hot(classes, 3)), layer(x, one_hot(finer, 3)))


def test_batch_norm_keeps_its_statistics_for_the_test():
    layer = Spade(2, 3, hidden=4)
    labels = torch.rand(4, 3, 8, 8)
    for _ in range(100):
        layer(3 + 2 * torch.randn(4, 2, 8, 8), labels)
    layer.eval()
    assert layer.norm.running_mean.tolist() == pytest.approx([3, 3], abs=0.2)
    x = torch.randn(2, 2, 8, 8)
    torch.testing.assert_close(layer(x, labels[:2])[:1], layer(x[:1], labels[:1]))  # no look at the neighbours


@pytest.mark.parametrize(("outputs", "learned"), [(4, False), (6, True), (2, True)])
def test_residual_learns_its_shortcut_where_channels_change(outputs, learned):
    torch.manual_seed(0)
    block = SpadeResidual(4, outputs, planes=3, hidden=8)
    x, labels = torch.randn(2, 4, 8, 8), torch.rand(2, 3, 16, 16)
    assert block(x, labels).shape == (2, outputs, 8, 8)
    assert hasattr(block, "shortcut") == learned
    convolutions = [block.first, block.second, *([block.shortcut] if learned else [])]
    for convolution in convolutions:
        largest = torch.linalg.matrix_norm(convolution.weight.flatten(1), 2)
        assert largest.item() == pytest.approx(1, abs=0.05)
    if not learned:  # the shortcut is what stays when the second norm gives nothing
        block.second_norm.gamma.bias.data.fill_(-1)
        nn.init.zeros_(block.second_norm.gamma.weight)
        nn.init.zeros_(block.second_norm.beta.weight)
        torch.testing.assert_close(block(x, labels), x)


@pytest.mark.parametrize("style", [None, 8])
@pytest.mark.parametrize("norm", NORMS)
def test_spade_generator_makes_any_size(norm, style):
    torch.manual_seed(0)
    network = SpadeGenerator(5, 3, 2, norm, style, crop=(64, 96)).eval()
    for height, width in [(64, 96), (1, 1), (32, 32), (33, 70), (20, 130)]:
        z = None if style is None else torch.randn(2, style)
        picture = network(torch.rand(2, 5, height, width), z)
        assert picture.shape == (2, 3, height, width)
        assert picture.abs().max() <= 1


def test_spade_generator_follows_labels_and_style():
    torch.manual_seed(0)
    network = SpadeGenerator(3, 3, 2, style=4, crop=(64, 64)).eval()
    randomise(network)
    classes, style = torch.zeros(1, 64, 64, dtype=torch.long), torch.randn(1, 4)
    edited = classes.clone()
    edited[:, 16:48, 16:48] = 1
    before, after = (network(one_hot(c, 3), style) for c in (classes, edited))
    assert (before - after).abs()[..., 16:48, 16:48].mean() > 1e-3
    assert (before - network(one_hot(classes, 3), style + 1)).abs().mean() > 1e-3


@pytest.mark.parametrize(("crop", "side", "layers"), [(256, 256, 6), (1024, 256, 6), (100, 64, 4), (16, 16, 2)])
def test_style_encoder_brings_pictures_to_one_size(crop, side, layers):
    encoder = StyleEncoder(3, channels=2, style=5, crop=crop)
    assert encoder.size == side
    assert sum(isinstance(layer, nn.Conv2d) for layer in encoder.layers) == layers
    mean, logvar = encoder(torch.randn(2, 3, 40, 24))
    assert mean.shape == logvar.shape == (2, 5)
    assert not torch.equal(mean, logvar)


# --- coarse to fine ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("enhancers", [0, 1, 2])
def test_coarse_to_fine_makes_any_size(enhancers):
    torch.manual_seed(0)
    network = CoarseToFine(3, 2, channels=8, blocks=1, downs=2, enhancers=enhancers, local_blocks=1)
    scale = 2**enhancers
    for height, width in [(32, 48), (5, 3), (33, 50), (1, 40)]:
        x = torch.rand(1, 3, height, width)
        assert network(x).shape == network(x, phase=2).shape == (1, 2, height, width)
        assert network(x, phase=1).shape == (1, 2, -(-height // scale), -(-width // scale))


def test_phase_one_is_the_global_generator_on_the_coarser_picture():
    torch.manual_seed(0)
    network = CoarseToFine(3, 2, channels=8, blocks=1, downs=2, enhancers=2)
    x = torch.rand(1, 3, 32, 64)
    torch.testing.assert_close(network(x, phase=1), network.coarse(halve(halve(x))))
    assert halve(torch.rand(1, 3, 5, 8)).shape == (1, 3, 3, 4)
    torch.testing.assert_close(halve(torch.ones(1, 1, 5, 5)), torch.ones(1, 1, 3, 3))  # the rim is no darker


@pytest.mark.parametrize("phase", [1, 2, 3])
def test_gradients_reach_what_the_phase_trains(phase):
    network = CoarseToFine(3, 2, channels=8, blocks=1, downs=2, enhancers=2, local_blocks=1)
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(network(x, phase=2), network(x, phase=3))
    network(x, phase).square().sum().backward()
    reached = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    coarse, finer = ({n for n, _ in network.named_parameters() if n.startswith(p)} for p in ("coarse", "enhancers"))
    picture = {name for name in coarse if name.startswith("coarse.picture")}
    assert reached == {1: coarse, 2: finer, 3: (coarse - picture) | finer}[phase]


# --- objects ----------------------------------------------------------------------------------------------


def make_maps():
    """Two pictures of 6 x 8: the same ids and classes in both; one id that covers two classes."""
    ids = torch.zeros(2, 1, 6, 8)
    ids[:, :, :3, :4] = 7
    ids[1, :, 4:, :] = 9
    classes = torch.zeros(2, 6, 8, dtype=torch.long)
    classes[:, :3, :4] = 2
    classes[:, :, 7] = 1
    return one_hot(classes, 3), ids


def test_objects_are_pixels_of_one_picture_class_and_id():
    labels, ids = make_maps()
    objects = find_objects(labels, ids)
    classes = labels.argmax(1)
    pictures = torch.arange(2)[:, None, None].expand_as(classes)
    triples = torch.stack([pictures, classes, ids[:, 0].long()], -1).reshape(-1, 3)
    assert len(objects.ids) == len(triples.unique(dim=0)) == 8
    assert torch.equal(objects.classes[objects.number].flatten(), triples[:, 1])
    assert torch.equal(objects.ids[objects.number].flatten(), triples[:, 2])
    without = find_objects(labels)
    assert without.ids.tolist() == without.classes.tolist() == [0, 1, 2] * 2
    with pytest.raises(ValueError, match="do not fit"):
        find_objects(labels, ids[..., :-1])


def test_objects_average_and_paint():
    torch.manual_seed(0)
    objects = find_objects(*make_maps())
    x = torch.randn(2, 5, 6, 8, requires_grad=True)
    means, areas = objects.average(x)
    for number in range(len(objects.ids)):
        picture, row, column = (objects.number == number).nonzero().T
        torch.testing.assert_close(means[number], x[picture, :, row, column].mean(0))
        assert areas[number] == len(row)
    painted = objects.paint(means)
    torch.testing.assert_close(painted[1, :, 5, 0], means[objects.number[1, 5, 0]])
    painted.square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * painted.detach())


def test_encoder_describes_each_object_by_its_own_mean():
    torch.manual_seed(0)
    encoder = ObjectEncoder(3, 2, channels=4, blocks=0, downs=2)
    picture = torch.randn(2, 3, 6, 8)
    objects = find_objects(*make_maps())
    vectors, areas = encoder.describe(picture, objects)
    assert vectors.shape == (8, 2)
    assert areas.sum() == 96
    torch.testing.assert_close(vectors, objects.average(encoder(picture))[0])


@pytest.fixture
def styles():
    """Class 0 has three clear clusters, class 1 a single vector, class 2 nothing."""
    random = np.random.default_rng(0)
    centres = np.array([[0.0, 0.5], [-0.8, 0.0], [0.9, -0.9]])
    points = centres[np.repeat([0, 1, 2], [10, 30, 20])] + 0.01 * random.normal(size=(60, 2))
    vectors = torch.tensor(np.concatenate([points, [[0.3, 0.3]] * 4]), dtype=torch.float32)
    classes = torch.tensor([0] * 60 + [1] * 4)
    areas = torch.tensor([60] * 10 + [10] * 30 + [5] * 20 + [1] * 4)
    book = ObjectStyles(3, features=2, clusters=3)
    book.fit(vectors, classes, areas)
    return book


def test_styles_are_clusters_by_area(styles):
    expected = torch.tensor([[0.0, 0.5], [-0.8, 0.0], [0.9, -0.9]])
    torch.testing.assert_close(styles.centres[0], expected, atol=0.02, rtol=0)
    assert styles.shares[0].tolist() == pytest.approx([0.6, 0.3, 0.1])
    assert styles.shares[1].tolist() == [1, 0, 0]
    assert styles.centres[1, 0].tolist() == pytest.approx([0.3, 0.3])
    assert not styles.shares[2].any()
    assert set(styles.state_dict()) == {"centres", "shares"}


def test_styles_are_chosen_per_object(styles):
    classes = torch.tensor([[[0, 0, 1, 2]]])
    ids = torch.tensor([[[[4, 5, 6, 7]]]]).float()
    objects = find_objects(one_hot(classes, 3), ids)
    usual = styles.choose(objects)
    assert torch.equal(usual, styles.centres[objects.classes, 0])

    chosen = styles.choose(objects, {5: 2, 6: [0.1, 0.2]})
    assert torch.equal(chosen[objects.ids == 5][0], styles.centres[0, 2])
    assert chosen[objects.ids == 6][0].tolist() == pytest.approx([0.1, 0.2])
    others = (objects.ids == 4) | (objects.ids == 7)
    assert torch.equal(chosen[others], usual[others])


def test_styles_are_drawn_by_share_and_by_object(styles):
    ids = torch.arange(2000.0).view(1, 1, 40, 50)
    objects = find_objects(one_hot(torch.zeros(1, 40, 50, dtype=torch.long), 3), ids)
    drawn = styles.choose(objects, 3)
    shares = [(drawn == centre).all(1).float().mean().item() for centre in styles.centres[0]]
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.05)
    assert torch.equal(drawn, styles.choose(objects, 3))
    assert not torch.equal(drawn, styles.choose(objects, 4))
    corner = find_objects(one_hot(torch.zeros(1, 4, 5, dtype=torch.long), 3), ids[..., :4, :5])
    kept = torch.isin(objects.ids, corner.ids)
    assert torch.equal(styles.choose(corner, 3), drawn[kept])  # whatever else there is
    fresh = ObjectStyles(3, features=2, clusters=3)
    assert not fresh.choose(objects, -1).any()


@pytest.mark.parametrize(("style", "words"), [
    ({8: 0}, "no object has the instance id 8; the picture has 4, 6, 7"),
    ({4: 3}, "cluster 3 for the object 4; it has 0 to 2"),
    ({6: 1}, "cluster 1 for the object 6; it has 0 to 0"),
    ({7: 0}, "it has none: its class was not among the training pictures"),
    ({4: [1.0]}, r"got a vector of shape \(1,\); expected 2 numbers, or a cluster's number"),
])  # fmt: skip
def test_styles_that_do_not_fit(styles, style, words):
    objects = find_objects(one_hot(torch.tensor([[[0, 1, 2]]]), 3), torch.tensor([[[[4, 6, 7]]]]).float())
    with pytest.raises(UserError, match=words):
        styles.choose(objects, style)
