"""The generator of a model of noise as an ONNX file, compared with PyTorch before it is written."""

import json
import warnings

import numpy as np
import torch
from torch import Tensor, nn

from translate.errors import UserError
from translate.export.graphs import simplify
from translate.export.write import KEY, LARGEST_DIFFERENCE, OPSET, Exported, import_packages
from translate.games.noise import NoiseGame
from translate.images.generation.maker import ImageMaker
from translate.layers.exporting import export_mode

NAME = "noise"                                                      # the file's, without its suffix
FORMAT = 1                                                          # the metadata's
CHECKED = (1, 5)                                                    # batches of the comparison


class NoiseGraph(nn.Module):
    """A graph from z (B, Z) and, with labels, y (B, K) to pictures (B, C, H, W) in [-1, 1], for any B."""

    def __init__(self, game: NoiseGame):
        super().__init__()
        self.game = game

    def forward(self, latent: Tensor, *label: Tensor) -> Tensor:
        return self.game.generate(latent, *label)


def export_generator(maker: ImageMaker) -> Exported:
    """Export the generator on the CPU.

    The metadata, JSON under the key `translate`, hold `format`, `system` (the model), `kind` (noise), `inputs`,
    `labels` (their names, in the order of the entries of y), `noise` (normal or uniform) and `shape` (C, H, W).

    Raises:
        UserError: a package is missing, the network cannot be exported, or its graph gives different numbers.
    """
    import_packages()
    inputs = _draw_inputs(maker, 2, np.random.default_rng(0))
    graph = NoiseGraph(simplify(maker.game)).eval()
    axes = [{0: "batch"} for _ in inputs]
    try:
        with warnings.catch_warnings(), export_mode():
            warnings.simplefilter("ignore")                         # harmless warnings of the exporter
            program = torch.onnx.export(
                graph,
                tuple(inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=["picture"],
                dynamic_shapes=(axes[0], *([tuple(axes[1:])] if axes[1:] else [])),
                verbose=False,
            )
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "torch":
            raise
        reason = (str(error.__cause__ or error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{maker.config.model}: the exporter of PyTorch failed ({reason})") from None
    assert program is not None
    model = program.model_proto
    entry = model.metadata_props.add()
    described = {
        "format": FORMAT, "system": maker.config.model, "kind": "noise", "inputs": list(inputs),
        "labels": maker.labels, "noise": maker.game.latent.kind, "shape": list(maker.shape),
    }  # fmt: skip
    entry.key, entry.value = KEY, json.dumps(described, ensure_ascii=False)
    data = model.SerializeToString()
    difference = _compare(data, maker)
    if not difference < LARGEST_DIFFERENCE:                         # NaN, too
        raise UserError(f"{NAME}: the graph differs from PyTorch by {difference:.1e}; not written")
    return Exported(NAME, data, difference)


def _draw_inputs(maker: ImageMaker, size: int, random: np.random.Generator) -> dict[str, Tensor]:
    drawn = {"latent": random.standard_normal((size, maker.game.latent.size))}
    if count := len(maker.labels):
        drawn["label"] = np.eye(count)[random.integers(count, size=size)]
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in drawn.items()}


def _compare(data: bytes, maker: ImageMaker) -> float:
    """Return the largest difference of the graph's pictures from PyTorch's."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    random, worst = np.random.default_rng(1), 0.0
    for size in CHECKED:
        inputs = _draw_inputs(maker, size, random)
        (found,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        with torch.inference_mode():
            expected = maker.game.generate(*inputs.values()).numpy()
        if found.shape != expected.shape:
            return float("nan")
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst
