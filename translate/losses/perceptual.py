"""Distance in the features of VGG19 (Simonyan and Zisserman 2015), a network trained on photographs.

    SRGAN      {"relu5_4": 1.0}, distance "l2", scale 1 / 12.75          Ledig et al. 2017, eq. 5 and section 3.2
    pix2pixHD  {"relu1_1": 1 / 32, "relu2_1": 1 / 16, "relu3_1": 1 / 8, "relu4_1": 1 / 4, "relu5_1": 1.0}, "l1"
                                                                       Wang et al. 2018, section 3.5, and its code

`conv5_4` is the activation before the rectifier, `relu5_4` after it: SRGAN's phi_5,4; ESRGAN uses `conv5_4`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from translate.errors import UserError

_BLOCKS = {1: (2, 64), 2: (2, 128), 3: (4, 256), 4: (4, 512), 5: (4, 512)}  # convolutions and channels
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's colours in [0, 1]
_ADVICE = "give vgg.weights=FILE (`--vgg FILE`), or set the weight of the loss `perceptual` to 0"


class PerceptualLoss:
    """The sum over layers of weight * distance(scale * phi(estimate), scale * phi(reference)).

    Not a module, on purpose: its weights are not trained and belong in no checkpoint. They are loaded at the first call
    and moved to the device of the images. Gradients reach the estimate only.

    Args:
        layers: weights by layer: `conv<block>_<number>` or `relu<block>_<number>`, such as `relu5_4`.
        weights: "download" (torchvision's, about 550 MB, once), or a file with the state dict of torchvision's `vgg19`,
            the whole or only its `features`.
        distance: mean absolute ("l1") or squared ("l2") difference.
        scale: factor on the features.

    Raises:
        ValueError: unknown layers.
    """

    def __init__(
        self,
        layers: Mapping[str, float],
        weights: str = "download",
        distance: Literal["l1", "l2"] = "l1",
        scale: float = 1.0,
    ):
        self.places = {_LAYERS[name]: weight for name, weight in layers.items() if name in _LAYERS}
        if len(self.places) != len(layers) or not layers:
            raise ValueError(f"layers {', '.join(layers) or '(none)'}: expected some of {', '.join(_LAYERS)}")
        self.weights, self.scale = weights, scale
        self.power = 1 if distance == "l1" else 2
        self._network: nn.Sequential | None = None

    def __call__(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Return the distance of two batches of images.

        Args:
            estimate: images (B, 3, H, W) in [-1, 1], at least 16 x 16 with a layer of block 5; or gray, (B, 1, H, W).
            reference: images of the same shape.

        Returns:
            0-dim float32.

        Raises:
            UserError: the weights cannot be had, or are not VGG19's.
            ValueError: the shapes differ, or the images have another number of channels.
        """
        if estimate.shape != reference.shape or estimate.shape[1] not in (1, 3):
            shapes = f"{tuple(estimate.shape)} and {tuple(reference.shape)}"
            raise ValueError(f"estimate and reference: expected one shape (B, 3, H, W), got {shapes}")
        network = self._load(estimate.device)
        with torch.no_grad():
            expected = self._describe(network, reference)
        found = self._describe(network, estimate)
        terms = [
            weight * (self.scale * (a.float() - b.float())).abs().pow(self.power).mean()
            for weight, a, b in zip(self.places.values(), found, expected, strict=True)
        ]
        return torch.stack(terms).sum()

    def _describe(self, network: nn.Sequential, x: Tensor) -> list[Tensor]:
        """Return the activations of the layers, in the order of `places`."""
        x = ((x.expand(-1, 3, -1, -1) + 1) / 2 - network.get_buffer("mean")) / network.get_buffer("deviation")
        features = {}
        for place, layer in enumerate(network):
            x = layer(x)
            if place in self.places:
                features[place] = x
        return [features[place] for place in self.places]

    def _load(self, device: torch.device) -> nn.Sequential:
        if self._network is None:
            depth = max(self.places) + 1
            with torch.device("meta"):
                network = nn.Sequential(*list(make_vgg19_features())[:depth])
            network.load_state_dict(_read_weights(self.weights, network), assign=True)
            network.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1))
            network.register_buffer("deviation", torch.tensor(_DEVIATION).view(3, 1, 1))
            self._network = network.eval().requires_grad_(False)
        self._network = self._network.to(device)
        return self._network


def make_vgg19_features() -> nn.Sequential:
    """Make the convolutions of VGG19, numbered as in torchvision's `vgg19().features`; no rectifier works in place."""
    layers: list[nn.Module] = []
    channels = 3
    for count, width in _BLOCKS.values():
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def _name_layers() -> dict[str, int]:
    """Return the indices in `make_vgg19_features()` by name."""
    places, place = {}, 0
    for block, (count, _) in _BLOCKS.items():
        for number in range(1, count + 1):
            places[f"conv{block}_{number}"], places[f"relu{block}_{number}"] = place, place + 1
            place += 2
        place += 1  # the pooling
    return places


_LAYERS = _name_layers()


def _read_weights(source: str, network: nn.Module) -> dict[str, Tensor]:
    """Return the state dict of `network`, from the weights of torchvision's VGG19."""
    if source == "download":
        loaded = _download()
    else:
        if not Path(source).is_file():
            raise UserError(f"vgg.weights: there is no file `{source}`; {_ADVICE}")
        try:
            loaded = torch.load(source, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file raises anything, from EOFError to UnpicklingError
            raise UserError(f"vgg.weights: cannot read `{source}` ({type(error).__name__}); {_ADVICE}") from None
    chosen = {}
    known = loaded if isinstance(loaded, Mapping) else {}
    for key, expected in network.state_dict().items():
        value = known.get(f"features.{key}", known.get(key))
        if not isinstance(value, Tensor) or value.shape != expected.shape:
            raise UserError(
                f"vgg.weights: `{source}` has no fitting `features.{key}` {tuple(expected.shape)}; "
                "expected the state dict of torchvision's vgg19"
            )
        chosen[key] = value.float()
    return chosen


def _download() -> dict[str, Tensor]:
    try:
        from torchvision.models import VGG19_Weights

        return VGG19_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True, map_location="cpu", progress=False)
    except (ImportError, OSError, RuntimeError) as error:  # no torchvision; no network; a broken download
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"cannot download the weights of VGG19 ({reason}); {_ADVICE}") from None
