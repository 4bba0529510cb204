"""Writing trained converters as ONNX files, each compared with PyTorch before it is written.

A file needs onnxruntime and NumPy to run: `docs/export.md` has runners. Other facts for runners are JSON in the file's
`metadata_props`, under the key `translate`; see `translate.export.metadata`.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from translate.errors import UserError
from translate.export.check import draw_inputs, make_reference, measure_difference
from translate.export.graphs import make_graph
from translate.export.metadata import describe
from translate.images.conversion.converter import ImageConverter
from translate.layers.exporting import export_mode
from translate.names import ANY
from translate.speech.conversion.features import FeatureConverter

OPSET = 18
LARGEST_DIFFERENCE = 1e-4                                           # for outputs that are normalised, or in [-1, 1]
KEY = "translate"                                                   # key of the metadata

# Sizes of the example: odd, and odd again however often they are halved, so that no size is taken for a constant.
EXAMPLE = {"length": 97, "height": 193, "width": 225}
CHECKS: list[dict[str, int]] = [                                    # batches and sizes of the comparison
    {"batch": 1, "length": 128, "height": 64, "width": 48},
    {"batch": 3, "length": 61, "height": 41, "width": 70},
]


@dataclass
class Exported:
    """One graph, compared with PyTorch.

    Attributes:
        name: name of its file without the suffix: `<source>-<target>`, or `all` for a model of many domains.
        data: content of the file.
        difference: largest |ONNX - PyTorch|, where outputs are normalised or in [-1, 1].
    """

    name: str
    data: bytes
    difference: float


def export_onnx(
    converter: FeatureConverter[Any] | ImageConverter,
    directions: Sequence[tuple[str, str]] | None = None,
    checks: Sequence[dict[str, int]] = CHECKS,
) -> list[Exported]:
    """Export a converter on the CPU, from `translate.load`.

    Args:
        converter: converter of speech or images.
        directions: (source, target) of a model between two domains; None: all. A model of many domains has one graph,
            whose inputs choose the domains.
        checks: sizes at which the graph is compared, see `CHECKS`.

    Returns:
        A graph for each direction.

    Raises:
        UserError: a package is missing, the network cannot be exported, or its graph gives different numbers.
    """
    import_packages()
    many = converter.between.many
    reference = make_reference(converter)
    exported = []
    for source, target in [(ANY, ANY)] if many else directions or converter.directions:
        name = ANY if many else f"{source}-{target}"
        model = _convert(reference, source, target)
        graph_inputs = [value.name for value in model.graph.input]
        entry = model.metadata_props.add()
        entry.key, entry.value = KEY, json.dumps(describe(reference, source, target, graph_inputs), ensure_ascii=False)
        data = model.SerializeToString()
        difference = _check(data, reference, source, target, checks)
        if not difference < LARGEST_DIFFERENCE:                     # NaN, too
            raise UserError(
                f"{name}: the graph differs from PyTorch by {difference:.1e}; expected below {LARGEST_DIFFERENCE:g}: "
                "not written"
            )
        exported.append(Exported(name, data, difference))
    return exported


def import_packages() -> None:
    """Raise `UserError` unless the packages of the extra `export` are installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        how = "bash tools/setup.sh export, or pip install -e '.[export]', in the repository"
        raise UserError(f"translate export needs {error.name}: {how}") from None


def _convert(converter: FeatureConverter[Any] | ImageConverter, source: str, target: str) -> Any:
    """Convert the graph of one direction to an `onnx.ModelProto`."""
    module, axes = make_graph(converter, source, target)
    recurrent = {type(part).__name__ for part in module.modules() if isinstance(part, nn.RNNBase)}
    if recurrent:
        raise UserError(
            f"{converter.config.model}: {' and '.join(sorted(recurrent))} cannot be exported for any length, which is "
            "PyTorch's limit; see docs/export.md"
        )
    inputs = draw_inputs(converter, {"batch": 2, **EXAMPLE}, np.random.default_rng(0))
    first, *others = axes.values()                                  # the others form one tuple: `*others`
    try:
        with warnings.catch_warnings(), export_mode():
            warnings.simplefilter("ignore")                         # harmless warnings of the exporter
            program = torch.onnx.export(
                module,
                tuple(torch.from_numpy(inputs[name]) for name in axes),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(axes),
                output_names=["converted"],
                dynamic_shapes=(first, *([tuple(others)] if others else [])),
                verbose=False,
            )
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "torch":
            raise
        cause = error.__cause__ or error                            # the exporter's own words are advice on itself
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise UserError(
            f"{converter.config.model}: the exporter of PyTorch failed ({reason}); its networks must not branch on "
            "sizes, see docs/export.md"
        ) from None
    assert program is not None
    return program.model_proto


def _check(
    data: bytes,
    converter: FeatureConverter[Any] | ImageConverter,
    source: str,
    target: str,
    checks: Sequence[dict[str, int]],
) -> float:
    """Return the largest difference from the converter's own output, at all sizes of `checks`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    random, differences = np.random.default_rng(1), []
    for sizes in checks:
        inputs = draw_inputs(converter, sizes, random)
        (found,) = session.run(None, inputs)
        differences.append(measure_difference(converter, inputs, found, source, target))
    return max(differences) if all(np.isfinite(differences)) else float("nan")
