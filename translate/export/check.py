"""Comparing an exported graph with the converter, on random inputs of any size."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.export.graphs import find_statistics, name_inputs, name_samples
from translate.games.graph import Graph
from translate.images.conversion.converter import ImageConverter
from translate.names import ANY
from translate.networks.unet import PolicyDropout
from translate.speech.conversion.features import FeatureConverter

BLOCK = 8                                                           # pixels; side of the squares of a random label map

AnyConverter = FeatureConverter[Any] | ImageConverter
Inputs = Mapping[str, np.ndarray]


def make_reference(converter: AnyConverter) -> AnyConverter:
    """Return a copy of the converter that does as a graph can.

    It has no dropout that stays on at test time, and norms without stored statistics take those of all their input.
    """
    reference = copy.copy(converter)
    if isinstance(reference, FeatureConverter):
        reference.gathers = False
    if not any(isinstance(module, PolicyDropout) and module.test for module in converter.translator.modules()):
        return reference
    reference.translator = copy.deepcopy(converter.translator)
    for module in reference.translator.modules():
        if isinstance(module, PolicyDropout):
            module.test = False
    return reference


def find_graph(converter: AnyConverter) -> Graph:
    """Return the graph of a converter's game; its other inputs are the same in all directions."""
    return converter.translator.graph(*((ANY, ANY) if converter.between.many else converter.directions[0]))


# --- inputs -----------------------------------------------------------------------------------------------


def draw_inputs(
    converter: AnyConverter, sizes: Mapping[str, int], random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw random inputs of the graph, by name in its order.

    Args:
        converter: converter of the graph.
        sizes: sizes "batch", and "length" or "height" and "width".
        random: random generator.
    """
    graph = find_graph(converter)
    if isinstance(converter, ImageConverter):
        samples = _draw_images(converter, sizes, random)
        given = graph.draw(torch.from_numpy(samples), random)
    else:
        samples = _draw_frames(converter, sizes, random)
        given = graph.draw(torch.from_numpy(np.swapaxes(samples, 1, 2)), random)
        samples = samples[..., 0] if name_samples(converter) == "wave" else samples
    drawn = {name_samples(converter): samples}
    for name, kind in name_inputs(graph, isinstance(converter, FeatureConverter)).items():
        turned = kind == "map" and isinstance(converter, FeatureConverter)
        drawn[name] = (given[name].transpose(1, 2) if turned else given[name]).numpy()
    return {name: np.ascontiguousarray(value, np.float32) for name, value in drawn.items()}


def _draw_frames(
    converter: FeatureConverter[Any], sizes: Mapping[str, int], random: np.random.Generator
) -> np.ndarray:  # (B, T, Q)
    one = next(iter(converter.statistics.values()))
    shape = sizes["batch"], sizes["length"], converter.front_end.dimensions
    return (one.mean + one.deviation * random.normal(size=shape)).astype(np.float32)


def _draw_images(
    converter: ImageConverter, sizes: Mapping[str, int], random: np.random.Generator
) -> np.ndarray:  # (B, C, H, W)
    images, batch, height, width = converter.images, sizes["batch"], sizes["height"], sizes["width"]
    if images.labels is None:
        return random.uniform(-1, 1, (batch, images.source_planes, height, width)).astype(np.float32)
    squares = random.integers(images.source_planes - images.instances, size=(batch, height, width))
    classes = squares[:, ::BLOCK, ::BLOCK].repeat(BLOCK, 1).repeat(BLOCK, 2)[:, :height, :width]
    planes = np.moveaxis(np.eye(images.source_planes, dtype=np.float32)[classes], 3, 1)
    if images.instances:
        planes[:, -1] = random.integers(2, size=(batch, height, width))
    return np.ascontiguousarray(planes)


# --- comparison with PyTorch --------------------------------------------------------------------------------


def measure_difference(converter: AnyConverter, inputs: Inputs, found: np.ndarray, source: str, target: str) -> float:
    """Return the largest |difference| of the graph's output `found` from the converter's, normalised or in [-1, 1]."""
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    if isinstance(converter, ImageConverter):
        return _compare(_translate(converter, tensors, source, target), found)
    graph, worst, wave = find_graph(converter), 0.0, "wave" in inputs
    x = tensors["wave"].unsqueeze(2) if wave else tensors["frames"]
    for number, frames in enumerate(x):
        one = found[number][:, None] if wave else found[number]
        if "source" in inputs:
            source, target = (converter.domains[inputs[side][number].argmax()] for side in ("source", "target"))
        given = {
            name: tensors[name][number : number + 1].transpose(1, 2) if kind == "map" else tensors[name][number][None]
            for name, kind in graph.inputs.items()
        }
        condition = graph.ask(frames.T[None], given)
        expected = converter.convert_frames(frames.double().numpy(), source, target, **condition)
        deviation = find_statistics(converter, target)[0].deviation
        worst = max(worst, _compare(expected / deviation, one / deviation))
    return worst


def _translate(converter: ImageConverter, tensors: Mapping[str, Tensor], source: str, target: str) -> np.ndarray:
    graph, x = find_graph(converter), tensors[name_samples(converter)]
    x = (x + 1) / 2 if converter.images.scale > 1 else x
    condition = graph.ask(x, {name: tensors[name] for name in graph.inputs})
    sides: Any = [tensors.get(side, name) for side, name in (("source", source), ("target", target))]
    return converter.translate_tensor(x, *sides, **condition).numpy()


def _compare(expected: np.ndarray, found: np.ndarray) -> float:
    return float(np.abs(expected - found).max()) if expected.shape == found.shape else float("inf")
