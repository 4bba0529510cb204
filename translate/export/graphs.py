"""Graphs of a trained converter: modules that take and return tensors only, for any batch and any size.

    SpeechGraph    features to features, not normalised: the statistics are inside
    ImageGraph     images in [-1, 1], or planes of a label map, to images in [-1, 1]

The game's other inputs (`Game.graph`) keep their names: noise, the codes of many domains, styles.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from translate.errors import UserError
from translate.games.base import Game, Translator
from translate.games.graph import Graph, Kind
from translate.images.conversion.converter import ImageConverter
from translate.layers.padding import extend
from translate.layers.steady_norm import Choice, ChosenNorm, copy_with
from translate.names import ANY
from translate.speech.analysis.statistics import Statistics
from translate.speech.conversion.chunks import SHORTEST
from translate.speech.conversion.features import FeatureConverter
from translate.speech.conversion.norms import find_norms

Side = tuple[Tensor, Tensor]                                        # mean and deviation
SomeGame = TypeVar("SomeGame", bound=Game)
Axes = dict[str, dict[int, str]]                                    # axes of any size by input: {number: name}
FRAMES, PIXELS, VECTOR = {0: "batch", 1: "length"}, {0: "batch", 2: "height", 3: "width"}, {0: "batch"}
SIDES = ("source", "target")


class SpeechGraph(nn.Module):
    """A graph from frames (B, T, Q), or waves (B, T), to those of the target, not normalised, for any B and T.

    Inputs of the kind "map" are (B, T, N) here. Codes also choose the statistics; mixed codes mix them.

    Args:
        graph: graph of the game, on normalised features (B, Q, T).
        source, target: statistics of the domains; where codes choose, those of every domain.
        wave: whether the frames are samples.
    """

    means: Tensor                                                   # (2, K, Q), of source and target
    deviations: Tensor

    def __init__(self, graph: Graph, source: Sequence[Statistics], target: Sequence[Statistics], wave: bool):
        super().__init__()
        self.network, self.kinds, self.wave = graph.network, dict(graph.inputs), wave
        self.inputs = name_inputs(graph, speech=True)
        chosen = (module.choice for module in graph.network.modules() if isinstance(module, ChosenNorm))
        self.choice = next(chosen, None)
        for name, field in (("means", "mean"), ("deviations", "deviation")):
            values = [[getattr(one, field).tolist() for one in side] for side in (source, target)]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32))

    def forward(self, frames: Tensor, *others: Tensor) -> Tensor:
        given = dict(zip(self.inputs, others, strict=True))
        source, target = (self._find_side(number, given.get(side)) for number, side in enumerate(SIDES))
        if self.choice is not None:                                 # statistics of the norms, by source and target
            count = self.means.shape[1]
            ours, theirs = (given[side][:, :count] for side in SIDES)
            self.choice.weights = (ours.unsqueeze(2) * theirs.unsqueeze(1)).flatten(1)
        x = frames.unsqueeze(2) if self.wave else frames
        normalised = extend(((x - source[0]) / source[1]).transpose(1, 2), [SHORTEST])  # norms need a few frames
        besides = [
            extend(given[name].transpose(1, 2), [SHORTEST]) if kind == "map" else given[name]
            for name, kind in self.kinds.items()
        ]
        y = self.network(normalised, *besides).transpose(1, 2)[:, : x.shape[1]]
        y = y * target[1] + target[0]
        return y.squeeze(2) if self.wave else y

    def _find_side(self, number: int, code: Tensor | None) -> Side:
        """Return mean and deviation: (1, Q) of the one domain, or (B, 1, Q) of those in a code (B, K)."""
        if code is None:
            return self.means[number], self.deviations[number]
        return (code @ self.means[number]).unsqueeze(1), (code @ self.deviations[number]).unsqueeze(1)


class ImageGraph(nn.Module):
    """A graph from images (B, C, H, W) in [-1, 1], or planes of a label map, to images `scale` times as large.

    Args:
        graph: graph of the game, on images, in [0, 1] where `scale` is above 1.
        scale: size of the result over size of the input.
    """

    def __init__(self, graph: Graph, scale: int = 1):
        super().__init__()
        self.network, self.scale = graph.network, scale

    def forward(self, picture: Tensor, *others: Tensor) -> Tensor:
        return self.network((picture + 1) / 2 if self.scale > 1 else picture, *others)


# --- from a converter to a graph --------------------------------------------------------------------------


def make_graph(
    converter: FeatureConverter[Any] | ImageConverter, source: str, target: str
) -> tuple[nn.Module, Axes]:
    """Make the module of one direction, and the variable axes of its inputs in their order, {name: {axis: name}}.

    Raises:
        UserError: a game of many domains whose graph does not take their codes.
    """
    graph = simplify(find_steady(converter, source, target)).graph(source, target)
    if converter.between.many and "code" not in graph.inputs.values():
        game = type(converter.translator).__name__
        raise UserError(
            f"{converter.config.model}: {game} cannot be exported: of many domains, its `graph` must take their codes"
        )
    speech = isinstance(converter, FeatureConverter)
    every = FRAMES if speech else PIXELS
    axes = {name_samples(converter): every}
    axes |= {name: every if kind == "map" else VECTOR for name, kind in name_inputs(graph, speech).items()}
    if isinstance(converter, ImageConverter):
        return ImageGraph(graph, converter.images.scale).eval(), axes
    sides = find_statistics(converter, source), find_statistics(converter, target)
    return SpeechGraph(graph, *sides, wave="wave" in axes).eval(), axes


def find_steady(converter: FeatureConverter[Any] | ImageConverter, source: str, target: str) -> Translator:
    """Return the game of a converter, with the stored statistics of its norms if it has any."""
    if isinstance(converter, ImageConverter) or not converter.norms:
        return converter.translator
    if source != ANY:
        return converter.find_game(source, target)[0]
    domains, choice = converter.domains, Choice()

    def find(source: str, target: str, name: str) -> Tensor | None:
        sources = [source] if source != target else domains         # a voice to itself: as from all the others
        known = [find_norms(converter.norms, one, target).get(name) for one in sources]
        values = [value for value in known if value is not None]
        return torch.stack(values).mean(dim=0) if values else None

    def make(name: str, norm: nn.GroupNorm) -> nn.Module:
        found = [find(source, target, name) for source in domains for target in domains]
        if any(value is None for value in found):
            return norm
        return ChosenNorm(norm, torch.stack([value for value in found if value is not None], dim=1), choice)

    return copy_with(converter.translator, make)


def name_samples(converter: FeatureConverter[Any] | ImageConverter) -> str:
    """Return the name of the first input, the samples."""
    if isinstance(converter, ImageConverter):
        return "picture" if converter.images.labels is None else "labels"
    return "frames" if converter.config.features.analysed else "wave"


def name_inputs(graph: Graph, speech: bool) -> Mapping[str, Kind]:
    """Return the kinds of the other inputs by name; for speech with the codes of both sides, for the statistics."""
    both: dict[str, Kind] = dict.fromkeys(SIDES, "code") if speech and "code" in graph.inputs.values() else {}
    return both | dict(graph.inputs)


def find_statistics(converter: FeatureConverter[Any], domain: str) -> list[Statistics]:
    """Return the statistics of one domain, or of every domain in their order."""
    return [converter.statistics[name] for name in (converter.domains if domain == ANY else [domain])]


def simplify(game: SomeGame) -> SomeGame:
    """Copy a game in evaluation mode with the generator only, and with plain weights."""
    plain = copy.copy(game)
    plain._modules = dict(plain._modules)                           # the copy leaves out the other players
    plain.players = nn.ModuleDict({"generator": game.players["generator"]})
    plain = copy.deepcopy(plain).eval()
    for module in list(plain.modules()):
        if is_parametrized(module):                                 # spectral and weight norm
            settle(module)
    return plain


def settle(module: nn.Module) -> None:
    """Replace the parametrised parameters of a copied module by plain ones with the same values.

    PyTorch's own `remove_parametrizations` changes the class, which the copy shares with the original.
    """
    values = {name: getattr(module, name).detach() for name in module.parametrizations}  # type: ignore[union-attr]
    module.__class__ = type_before_parametrizations(module)
    del module.parametrizations
    for name, value in values.items():
        module.register_parameter(name, nn.Parameter(value))
