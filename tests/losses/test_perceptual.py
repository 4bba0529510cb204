"""Perceptual distance against torchvision's VGG19 with random weights; nothing is downloaded."""

from urllib.error import URLError

import pytest
import torch
import torchvision

from translate.errors import UserError
from translate.losses.perceptual import PerceptualLoss, make_vgg19_features

LAYERS = {"conv1_2": 0.5, "relu2_1": 2.0}
ADVICE = r"give vgg\.weights=FILE \(`--vgg FILE`\), or set the weight of the loss `perceptual` to 0"


@pytest.fixture(scope="module")
def state():
    """Weights of the first two blocks, named as in torchvision's whole network."""
    torch.manual_seed(0)
    return {f"features.{key}": value for key, value in make_vgg19_features()[:10].state_dict().items()}


@pytest.fixture
def file(state, tmp_path):
    torch.save(state, tmp_path / "vgg.pth")
    return str(tmp_path / "vgg.pth")


def describe(state, x):
    """conv1_2 and relu2_1 by torchvision's layers and its published normalisation of pictures."""
    layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"])[:7]
    layers.load_state_dict({k.removeprefix("features."): v for k, v in state.items() if int(k.split(".")[1]) < 7})
    x = torchvision.transforms.functional.normalize((x + 1) / 2, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    before = layers[:3](x)
    return before.clone(), layers[3:](before)  # the clone: torchvision's rectifiers overwrite their input


def test_layers_are_those_of_torchvision():
    with torch.device("meta"):
        ours, theirs = make_vgg19_features(), torchvision.models.vgg19(weights=None).features
    assert [type(layer) for layer in ours] == [type(layer) for layer in theirs]
    shapes = [{key: value.shape for key, value in network.state_dict().items()} for network in (ours, theirs)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(("distance", "power"), [("l1", 1), ("l2", 2)])
def test_equals_its_definition(state, file, distance, power):
    torch.manual_seed(1)
    x, y = torch.rand(2, 2, 3, 24, 20) * 2 - 1
    (a1, a2), (b1, b2) = describe(state, x), describe(state, y)
    expected = 0.5 * (0.3 * (a1 - b1)).abs().pow(power).mean() + 2 * (0.3 * (a2 - b2)).abs().pow(power).mean()
    loss = PerceptualLoss(LAYERS, file, distance, scale=0.3)(x, y)
    assert (loss.dtype, loss.shape) == (torch.float32, ())
    torch.testing.assert_close(loss, expected)


def test_gradients_reach_the_estimate_only(file):
    x, y = torch.rand(1, 3, 16, 16, requires_grad=True), torch.rand(1, 3, 16, 16, requires_grad=True)
    loss = PerceptualLoss(LAYERS, file)
    loss(x, y).backward()
    assert x.grad.abs().sum() > 0
    assert y.grad is None
    assert all(p.grad is None and not p.requires_grad for p in loss._network.parameters())
    assert loss(y, y) == 0


def test_gray_counts_as_three_equal_colours(file):
    x, y = torch.rand(2, 1, 1, 16, 16)
    loss = PerceptualLoss(LAYERS, file)
    torch.testing.assert_close(loss(x, y), loss(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1)))


def test_it_is_in_no_state_dict_and_needs_no_weights_before_its_first_call():
    holder = torch.nn.Module()
    holder.distance = PerceptualLoss(LAYERS, "nowhere.pth")
    assert not holder.state_dict()
    assert not list(holder.parameters())


def test_loads_once_and_no_deeper_than_needed(file, monkeypatch):
    loss = PerceptualLoss({"relu1_1": 1.0}, file)
    x, y = torch.rand(2, 1, 3, 8, 8)
    first = loss(x, y)
    assert len(loss._network) == 2
    monkeypatch.setattr(torch, "load", None)
    assert loss(x, y) == first


def test_computes_in_lower_precision_and_returns_float32(file):
    x, y = torch.rand(2, 1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        low = PerceptualLoss(LAYERS, file)(x, y)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, PerceptualLoss(LAYERS, file)(x, y), rtol=0.05, atol=0.0)


def test_a_file_with_the_features_alone(state, file, tmp_path):
    torch.save({key.removeprefix("features."): value for key, value in state.items()}, tmp_path / "features.pth")
    x, y = torch.rand(2, 1, 3, 16, 16)
    assert PerceptualLoss(LAYERS, str(tmp_path / "features.pth"))(x, y) == PerceptualLoss(LAYERS, file)(x, y)


@pytest.mark.parametrize(("content", "words"), [
    (None, r"vgg\.weights: there is no file `.*vgg\.pth`; " + ADVICE),
    (b"no weights", r"vgg\.weights: cannot read `.*vgg\.pth` \(\w+\); " + ADVICE),
    ({"classifier.0.weight": torch.zeros(2)}, r"no fitting `features\.0\.weight` \(64, 3, 3, 3\); expected the state"),
    ({"0.weight": torch.zeros(2)}, r"no fitting `features\.0\.weight`"),
    ([torch.zeros(2)], r"no fitting `features\.0\.weight`"),
])  # fmt: skip
def test_weights_that_are_not_there(tmp_path, content, words):
    path = tmp_path / "vgg.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(UserError, match=words) as error:
        PerceptualLoss(LAYERS, str(path))(*torch.rand(2, 1, 3, 16, 16))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("error", [URLError("no route"), RuntimeError("invalid hash value\nof the file")])
def test_a_download_that_fails(monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(torchvision.models.VGG19_Weights, "get_state_dict", fail)
    words = r"cannot download the weights of VGG19 \(.*(no route|invalid hash).*\); "
    with pytest.raises(UserError, match=words + ADVICE) as told:
        PerceptualLoss(LAYERS)(*torch.rand(2, 1, 3, 16, 16))
    assert "\n" not in str(told.value)


def test_a_download_that_succeeds(monkeypatch, state, file):
    monkeypatch.setattr(torchvision.models.VGG19_Weights, "get_state_dict", lambda *args, **kwargs: state)
    x, y = torch.rand(2, 1, 3, 16, 16)
    assert PerceptualLoss(LAYERS)(x, y) == PerceptualLoss(LAYERS, file)(x, y)


@pytest.mark.parametrize("layers", [{}, {"relu6_1": 1.0}, {"conv1_1": 1.0, "pool1": 1.0}])
def test_unknown_layers(layers):
    with pytest.raises(ValueError, match=r"expected some of conv1_1, relu1_1, "):
        PerceptualLoss(layers)


@pytest.mark.parametrize("shapes", [((1, 3, 8, 8), (1, 3, 8, 9)), ((1, 4, 8, 8), (1, 4, 8, 8))])
def test_bad_shapes(file, shapes):
    with pytest.raises(ValueError, match=r"expected one shape \(B, 3, H, W\)"):
        PerceptualLoss(LAYERS, file)(*(torch.zeros(shape) for shape in shapes))
