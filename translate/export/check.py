"""What an exported graph is compared with: the converter itself, on inputs drawn at any size."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from translate.export.graphs import find_statistics
from translate.export.metadata import count_style
from translate.games.coarse_to_fine import CoarseToFineGame
from translate.games.postfilter import PostfilterGame
from translate.games.vectors import VectorGame
from translate.images.conversion.converter import ImageConverter
from translate.networks.unet import PolicyDropout
from translate.speech.conversion.features import FeatureConverter

SEED = 0                                                            # of the noise that postfilters draw
BLOCK = 8                                                           # pixels of the squares of a drawn label map

AnyConverter = FeatureConverter[Any] | ImageConverter
Inputs = Mapping[str, np.ndarray]


def make_reference(converter: AnyConverter) -> AnyConverter:
    """The converter, or one without the dropout that stays on at test time: a graph has none."""
    if not any(isinstance(module, PolicyDropout) and module.test for module in converter.translator.modules()):
        return converter
    reference = copy.copy(converter)
    reference.translator = copy.deepcopy(converter.translator)
    for module in reference.translator.modules():
        if isinstance(module, PolicyDropout):
            module.test = False
    return reference


# --- inputs -----------------------------------------------------------------------------------------------


def draw_inputs(
    converter: AnyConverter, sizes: Mapping[str, int], random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Random inputs of the graph, by name in its order.

    Args:
        converter: whose graph it is.
        sizes: "batch", and "length" or "height" and "width".
        random: where they come from.
    """
    drawn = (
        _draw_picture(converter, sizes, random)
        if isinstance(converter, ImageConverter)
        else _draw_speech(converter, sizes, random)
    )
    return {name: np.asarray(value, np.float32) for name, value in drawn.items()}


def _draw_speech(
    converter: FeatureConverter[Any], sizes: Mapping[str, int], random: np.random.Generator
) -> dict[str, np.ndarray]:
    batch, length, dimensions = sizes["batch"], sizes["length"], converter.front_end.dimensions
    one = next(iter(converter.statistics.values()))
    frames = one.mean + one.deviation * random.normal(size=(batch, length, dimensions))
    if converter.config.features.kind == "wave":  # type: ignore[attr-defined]
        return {"wave": frames[..., 0]}
    drawn = {"frames": frames}
    if isinstance(converter.translator, PostfilterGame):
        noise = torch.randn(1, dimensions, length, generator=torch.Generator().manual_seed(SEED))  # as `translate` does
        drawn["noise"] = np.repeat(noise.numpy().transpose(0, 2, 1), batch, axis=0)
    elif isinstance(converter.translator, VectorGame):
        domains = len(converter.domains)
        places = np.stack([random.permutation(domains)[:2] for _ in range(batch)], axis=1)
        drawn["source"], drawn["target"] = np.eye(domains)[places]
    return drawn


def _draw_picture(
    converter: ImageConverter, sizes: Mapping[str, int], random: np.random.Generator
) -> dict[str, np.ndarray]:
    images, translator = converter.images, converter.translator
    batch, height, width = sizes["batch"], sizes["height"], sizes["width"]
    if images.labels is None:
        drawn = {"picture": random.uniform(-1, 1, (batch, images.source_planes, height, width))}
    else:
        squares = random.integers(images.source_planes - images.instances, size=(batch, height, width))
        classes = squares[:, ::BLOCK, ::BLOCK].repeat(BLOCK, 1).repeat(BLOCK, 2)[:, :height, :width]
        planes = np.moveaxis(np.eye(images.source_planes, dtype=np.float32)[classes], 3, 1)
        if images.instances:
            planes[:, -1] = random.integers(2, size=(batch, height, width))
        drawn = {"labels": planes.astype(np.float64)}
    if isinstance(translator, VectorGame):
        drawn["target"] = random.uniform(size=(batch, len(converter.domains)))
        if len(translator.sizes) > 1:
            drawn["target"] = np.concatenate([drawn["target"], np.eye(len(translator.sizes))[[0] * batch]], axis=1)
    elif numbers := count_style(translator):
        if isinstance(translator, CoarseToFineGame):                 # every class has one style in the whole batch
            vectors = random.uniform(-1, 1, (translator.classes, numbers))
            drawn["style"] = np.moveaxis(vectors[drawn["labels"][:, : translator.classes].argmax(axis=1)], 3, 1)
        else:
            drawn["style"] = random.normal(size=(batch, numbers))
    return drawn


# --- what PyTorch gives -----------------------------------------------------------------------------------


def measure_difference(converter: AnyConverter, inputs: Inputs, found: np.ndarray, source: str, target: str) -> float:
    """The largest |difference| of the graph's output `found` from the converter's, normalised or in [-1, 1]."""
    if isinstance(converter, ImageConverter):
        return _compare(_translate(converter, inputs, source, target), found)
    worst = 0.0
    wave = "wave" in inputs
    for number, frames in enumerate(inputs["wave"][..., None] if wave else inputs["frames"]):
        one = found[number][:, None] if wave else found[number]
        if "source" in inputs:
            source, target = (converter.domains[inputs[side][number].argmax()] for side in ("source", "target"))
        seed = SEED if "noise" in inputs else None
        expected = converter.convert_frames(frames.astype(np.float64), source, target, seed)
        deviation = find_statistics(converter, target)[0].deviation
        worst = max(worst, _compare(expected / deviation, one / deviation))
    return worst


def _translate(converter: ImageConverter, inputs: Inputs, source: str, target: str) -> np.ndarray:
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    x = tensors["labels"] if "labels" in tensors else tensors["picture"]
    x = (x + 1) / 2 if converter.images.scale > 1 else x
    wanted = tensors.get("target", target)
    condition: dict[str, Any] = {}
    if "style" in tensors:
        condition["style"] = tensors["style"]
        if isinstance(converter.translator, CoarseToFineGame):       # as people give it: a vector for each object
            classes = x[:, : converter.translator.classes].argmax(dim=1)
            condition["style"] = {
                int(one): tensors["style"].movedim(1, -1)[classes == one][0].tolist() for one in classes.unique()
            }
    return converter.translate_tensor(x, source, wanted, **condition).numpy()


def _compare(expected: np.ndarray, found: np.ndarray) -> float:
    return float(np.abs(expected - found).max()) if expected.shape == found.shape else float("inf")
