"""A trained converter as graphs: modules of tensors alone, for any batch and any size.

    SpeechGraph    frames as analysed in, frames as analysed out: the statistics are inside
    PictureGraph   pictures in [-1, 1], or planes of a label map, to pictures in [-1, 1]

What a network takes besides becomes an input: noise, the codes of many domains, styles.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from translate.errors import UserError
from translate.games.base import Translator
from translate.games.coarse_to_fine import CoarseToFineGame
from translate.games.postfilter import PostfilterGame
from translate.games.star import StarGame
from translate.games.styled import StyledGame
from translate.images.conversion.converter import ImageConverter
from translate.layers.padding import extend
from translate.names import ANY
from translate.speech.analysis.statistics import Statistics
from translate.speech.conversion.chunks import SHORTEST
from translate.speech.conversion.features import FeatureConverter

Side = tuple[Tensor, Tensor]                                        # mean and deviation
# Axes of any size, by their numbers.
FRAMES, PIXELS, VECTOR = {0: "batch", 1: "length"}, {0: "batch", 2: "height", 3: "width"}, {0: "batch"}

# --- networks, called with x (B, C, *S) and what they take besides -----------------------------------------


class Direct(nn.Module):
    """What `translate` does with a sample and two names."""

    def __init__(self, translator: Translator, source: str, target: str):
        super().__init__()
        self.translator, self.source, self.target = translator, source, target

    def forward(self, x: Tensor) -> Tensor:
        return self.translator.translate(x, self.source, self.target)


class Noisy(nn.Module):
    """A postfilter with its noise (B, Q, T) from N(0, 1)."""

    def __init__(self, translator: PostfilterGame):
        super().__init__()
        self.translator = translator

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return torch.lerp(x, self.translator.generator["map"](x, noise), self.translator.strength)


class Coded(nn.Module):
    """One generator for many domains with the codes (B, K [+ sets]) of source and target."""

    def __init__(self, translator: StarGame):
        super().__init__()
        self.translator = translator

    def forward(self, x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        return self.translator.generate(x, source, target)


class Styled(nn.Module):
    """SPADE with the style (B, Z) of a picture."""

    def __init__(self, translator: StyledGame):
        super().__init__()
        self.translator = translator

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return self.translator.generator["map"](x, style)


class Painted(nn.Module):
    """pix2pixHD with the style of every pixel's object, (B, numbers, H, W)."""

    def __init__(self, translator: CoarseToFineGame):
        super().__init__()
        self.translator, self.phase = translator, int(translator.phase)
        self.coarse = self.phase == 1 and bool(translator.enhancers)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        planes = x if style is None else torch.cat([x, style], dim=1)
        y = self.translator.generator["map"](planes, self.phase)
        return interpolate(y, size=x.shape[-2:], mode="bilinear") if self.coarse else y


# --- graphs -----------------------------------------------------------------------------------------------


class SpeechGraph(nn.Module):
    """Frames (B, T, Q), or waves (B, T), as analysed to those of the target, any B and T.

    Args:
        network: called with normalised features (B, Q, T).
        source, target: statistics of the domains; where codes choose, those of every domain.
        wave: whether the frames are samples.
    """

    means: Tensor                                                   # (2, K, Q) of the source's and the target's domains
    deviations: Tensor

    def __init__(self, network: nn.Module, source: Sequence[Statistics], target: Sequence[Statistics], wave: bool):
        super().__init__()
        self.network, self.wave = network, wave
        for name, field in (("means", "mean"), ("deviations", "deviation")):
            values = [[getattr(one, field).tolist() for one in side] for side in (source, target)]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32))

    def forward(self, frames: Tensor) -> Tensor:
        return self.run(frames, *self.sides())

    def sides(self) -> tuple[Side, Side]:
        """Mean and deviation (1, Q) of the one source and of the one target."""
        return (self.means[0], self.deviations[0]), (self.means[1], self.deviations[1])

    def run(self, frames: Tensor, source: Side, target: Side, *condition: Tensor) -> Tensor:
        """Normalise by the source's mean and deviation, (1, Q) or (B, 1, Q), translate, undo the target's."""
        x = frames.unsqueeze(2) if self.wave else frames
        normalised = extend(((x - source[0]) / source[1]).transpose(1, 2), [SHORTEST])  # norms need a few frames
        y = self.network(normalised, *condition).transpose(1, 2)[:, : x.shape[1]]
        y = y * target[1] + target[0]
        return y.squeeze(2) if self.wave else y


class NoisySpeechGraph(SpeechGraph):
    """With noise (B, T, Q) from N(0, 1)."""

    def forward(self, frames: Tensor, noise: Tensor) -> Tensor:  # type: ignore[override]
        return self.run(frames, *self.sides(), extend(noise.transpose(1, 2), [SHORTEST]))


class CodedSpeechGraph(SpeechGraph):
    """With codes (B, K) of source and target, which choose the statistics, too; mixed ones mix them."""

    def forward(self, frames: Tensor, source: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        return self.run(frames, self.pick(source, 0), self.pick(target, 1), source, target)

    def pick(self, code: Tensor, side: int) -> Side:
        """Mean and deviation (B, 1, Q) of what a code says."""
        return (code @ self.means[side]).unsqueeze(1), (code @ self.deviations[side]).unsqueeze(1)


class PictureGraph(nn.Module):
    """Pictures (B, C, H, W) in [-1, 1], or planes of a label map, to pictures `scale` times as large.

    Args:
        network: called with the picture, in [0, 1] where `scale` is above 1.
        scale: of the system.
    """

    def __init__(self, network: nn.Module, scale: int = 1):
        super().__init__()
        self.network, self.scale = network, scale

    def forward(self, picture: Tensor) -> Tensor:
        return self.network((picture + 1) / 2 if self.scale > 1 else picture)


class StyledPictureGraph(PictureGraph):
    """With a style, of the whole picture or of every pixel."""

    def forward(self, picture: Tensor, style: Tensor) -> Tensor:  # type: ignore[override]
        return self.network(picture, style)


class CodedPictureGraph(PictureGraph):
    """With the code (B, K [+ sets]) of the target."""

    def forward(self, picture: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        return self.network(picture, target, target)  # no system of pictures asks for the source


# --- from a converter to a graph --------------------------------------------------------------------------


def make_graph(
    converter: FeatureConverter[Any] | ImageConverter, source: str, target: str
) -> tuple[nn.Module, dict[str, dict[int, str]]]:
    """The module of one direction, and the axes of any size of its inputs, {name: {axis: name}}, in their order.

    Raises:
        UserError: a system of many domains that is not a `StarGame`.
    """
    translator = simplify(converter.translator)
    if converter.config.data.batches == "labelled" and not isinstance(translator, StarGame):
        raise UserError(f"{converter.config.model}: of systems with many domains only a StarGame can be exported")
    if isinstance(converter, ImageConverter):
        graph, extra = _make_picture_graph(translator, converter.images.scale, source, target)
        first, axes = "picture" if converter.images.labels is None else "labels", PIXELS
    else:
        graph, extra = _make_speech_graph(translator, converter, source, target)
        first, axes = "wave" if converter.config.features.kind == "wave" else "frames", FRAMES  # type: ignore[attr-defined]
    return graph.eval(), {first: axes} | extra


def _make_picture_graph(
    translator: Translator, scale: int, source: str, target: str
) -> tuple[nn.Module, dict[str, dict[int, str]]]:
    if isinstance(translator, StarGame):
        return CodedPictureGraph(Coded(translator), scale), {"target": VECTOR}
    if isinstance(translator, CoarseToFineGame):
        if translator.styles is None:
            return PictureGraph(Painted(translator)), {}
        return StyledPictureGraph(Painted(translator)), {"style": PIXELS}
    if isinstance(translator, StyledGame) and translator.style:
        return StyledPictureGraph(Styled(translator)), {"style": VECTOR}
    return PictureGraph(Direct(translator, source, target), scale), {}


def _make_speech_graph(
    translator: Translator, converter: FeatureConverter[Any], source: str, target: str
) -> tuple[nn.Module, dict[str, dict[int, str]]]:
    sides = find_statistics(converter, source), find_statistics(converter, target)
    wave = converter.config.features.kind == "wave"  # type: ignore[attr-defined]
    if isinstance(translator, StarGame):
        return CodedSpeechGraph(Coded(translator), *sides, wave), {"source": VECTOR, "target": VECTOR}
    if isinstance(translator, PostfilterGame):
        return NoisySpeechGraph(Noisy(translator), *sides, wave), {"noise": FRAMES}
    return SpeechGraph(Direct(translator, source, target), *sides, wave), {}


def find_statistics(converter: FeatureConverter[Any], domain: str) -> list[Statistics]:
    """Those of one domain, or of every domain in their order."""
    return [converter.statistics[name] for name in (converter.domains if domain == ANY else [domain])]


def simplify(translator: Translator) -> Translator:
    """A copy in evaluation mode with the generator alone, its weights as they are used."""
    plain = copy.copy(translator)
    plain._modules = dict(plain._modules)                           # the copy leaves out the other players
    plain.players = nn.ModuleDict({"generator": translator.players["generator"]})
    plain = copy.deepcopy(plain).eval()
    for module in list(plain.modules()):
        if is_parametrized(module):                                 # spectral and weight norm
            settle(module)
    return plain


def settle(module: nn.Module) -> None:
    """Make what the parametrisations of a copied module give its plain parameters.

    PyTorch's own `remove_parametrizations` changes the class, which a copy shares with the module that it is a copy of.
    """
    values = {name: getattr(module, name).detach() for name in module.parametrizations}  # type: ignore[union-attr]
    module.__class__ = type_before_parametrizations(module)
    del module.parametrizations
    for name, value in values.items():
        module.register_parameter(name, nn.Parameter(value))
