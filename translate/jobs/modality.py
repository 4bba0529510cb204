"""The interface between verbs and a kind of data: speech, images, or one of your own.

A verb finds the modality of a configuration or of files and calls it; no verb knows one by name. A modality is a class
without state, imported on first use, whose heavy imports are inside its methods. Others may be added to `MODALITIES`:

    MODALITIES["video"] = "my_package.my_module.Video"
"""

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from translate.config import Section
from translate.errors import UserError

if TYPE_CHECKING:
    import torch

    from translate.checkpoints.opening import Opened
    from translate.corpus.directions import Directions
    from translate.corpus.manifest import Entry
    from translate.models.base import Model
    from translate.models.description import Description
    from translate.training.material import Material

MODALITIES: dict[str, str] = {                                      # class of every modality; the first is taken
    "speech": "translate.speech.modality.Speech",                   # for files that say nothing
    "images": "translate.images.modality.Images",
}  # fmt: skip


class Report(Protocol):
    """The findings of the doctor."""

    @property
    def errors(self) -> Sequence[Any]:
        """Return the problems that make a corpus unusable."""

    def print(self) -> None:
        """Print the report on the terminal."""


class Converter(Protocol):
    """A trained model, ready to convert; made by `translate.load`.

    Attributes:
        config: the configuration of its run.
        between: its domains and directions.
        precision: precision of its networks, float32 or bfloat16.
        no_stream: reason why it cannot convert while the input arrives; empty where it can.
    """

    config: "Model"
    between: "Directions"
    precision: str
    no_stream: str

    @property
    def domains(self) -> list[str]:
        """Return the names of the domains."""

    @property
    def directions(self) -> list[tuple[str, str]]:
        """Return every (source, target)."""

    def name_domains(self, source: str | None, target: str | None) -> tuple[str, str]:
        """Check the names and complete them, see `Directions.name`."""

    def convert_any(
        self, given: Any, sample_rate: int | None, source: str | None, target: str | None, **options: Any
    ) -> Any:
        """Convert any input of `translate.convert`."""


class Maker(Protocol):
    """A trained model that makes samples from noise; made by `translate.load`.

    Attributes:
        config: the configuration of its run.
        precision: precision of its networks, float32 or bfloat16.
    """

    config: "Model"
    precision: str

    @property
    def labels(self) -> list[str]:
        """Return the names of the labels; empty where the model knows none."""

    def generate(self, count: int = 64, **options: Any) -> Any:
        """Make samples, as arrays."""


class Modality(Protocol):
    """A kind of data.

    Attributes:
        name: name, as in `Model.modality`.
        suffixes: suffixes of its files, in lower case.
        noun: noun for the data in messages, such as `pictures`.
        material: option of `translate train` for its training data: features or data.
        chains: whether its converters can be chained.
        pipes: whether its data can come through pipes.
        conversion: options of `translate convert`.
        generation: options of `translate generate`.
        evaluation: options of `translate evaluate`.
        measured: options of a conversion that is to be evaluated.
    """

    name: str
    suffixes: frozenset[str]
    noun: str
    material: str
    chains: bool
    pipes: bool
    conversion: type[Section]
    generation: type[Section]
    evaluation: type[Section]
    measured: Section

    def list_layouts(self) -> Sequence[str]:
        """List the layouts of a corpus for `translate prepare --layout`."""

    def scan(
        self,
        corpus: Path,
        domains: Sequence[str] | None,
        layout: str,
        train: Sequence[str],
        evaluation: Sequence[str] | None,
        split: str,
        dev: Sequence[str] | None,
    ) -> list["Entry"]:
        """Find the files of a corpus, as `translate prepare` writes them into manifests.

        Args:
            corpus: folder of the corpus.
            domains: names of the domains; None: those of the layout.
            layout: one of `list_layouts`, or auto.
            train, evaluation: patterns of file names; None: chosen here.
            split: name of the split where the corpus has only one.
            dev: patterns of file names; None: chosen here, where the modality has a development set; empty: none.
        """

    def examine(self, folder: Path, layout: str, jobs: int) -> Report:
        """Check every file of a corpus, or of a manifest."""

    def extract(self, entries: Sequence["Entry"], config: "Model", out: Path, jobs: int, cluster: str) -> None:
        """Write the features of recordings to `out`; raise `UserError` where the modality has none to extract."""

    def open(self, config: "Model", data: Path, device: "torch.device") -> "Material":
        """Open the training data of a model."""

    def check(self, checkpoint: Path, config: "Model") -> None:
        """Raise `UserError` unless a checkpoint has what conversion needs besides its networks."""

    def converter(self, opened: "Opened") -> Any:
        """Make a `Converter` from a checkpoint; raise `UserError` where its game does not translate."""

    def maker(self, opened: "Opened") -> Any:
        """Make a `Maker` from a checkpoint; raise `UserError` where its game does not begin with noise."""

    def generate(self, maker: Any, out: Path, options: Section) -> dict[str, float]:
        """Write samples into the folder `out`; return the seconds of each stage and the amount of data.

        Args:
            maker: maker from `maker`.
            out: output folder, which appears whole or not at all.
            options: section `generation`.
        """

    def chain(self, converters: Sequence[Any]) -> Any:
        """Make a `Converter` from several, each of which converts the output of the one before."""

    def convert(
        self, converter: Any, given: Path, out: Path, source: str | None, target: str | None, options: Section
    ) -> dict[str, float]:
        """Convert a file, a folder, a list or a manifest; return the seconds of each stage and the amount of data.

        Args:
            converter: converter from `converter` or `chain`.
            given, out: input and output, see `translate.corpus.tasks.find_tasks`.
            source, target: domains; None where they may be left out.
            options: section `conversion`.
        """

    def pipe(
        self,
        converter: Any,
        given: BinaryIO,
        out: BinaryIO,
        source: str | None,
        target: str | None,
        options: Section,
        **how: Any,
    ) -> str:
        """Convert from one pipe to another; return a line about amount and time. `how` holds options of pipes only."""

    def summarise(self, seconds: Mapping[str, float]) -> str:
        """Summarise the result of `convert`, or of `generate`, in one line."""

    def evaluate(
        self, run: Path, config: "Model | None", evaluation: Path, training: Path, options: Section, jobs: int
    ) -> dict[str, Any]:
        """Measure the conversions of a run; write results and return them.

        Args:
            run: folder with converted/.
            config: configuration of its checkpoint; None where there is none.
            evaluation, training: manifests.
            options: section `evaluation`.
            jobs: number of processes; -1: one per core.
        """

    def tabulate(self, results: Mapping[str, Any]) -> str:
        """Format the headline of `evaluate`'s results for the terminal."""

    def describe(self, config: "Model") -> "Description":
        """Return the texts about a run for cards and the demo."""


def find_modality(of: "Model | str | Path") -> Modality:
    """Return the modality of a configuration, of files, or of a name.

    Args:
        of: a configuration; a key of `MODALITIES`; or the path of a file, a manifest or a folder.

    Raises:
        UserError: no modality of that name, or no such file.
    """
    if isinstance(of, Path):
        return _recognise(of)
    name = of if isinstance(of, str) else of.modality
    if name not in MODALITIES:
        raise UserError(f"modality `{name}`: expected one of {', '.join(MODALITIES)}")
    module, _, last = MODALITIES[name].rpartition(".")
    return getattr(importlib.import_module(module), last)()


def list_modalities() -> list[Modality]:
    """Return every modality."""
    return [find_modality(name) for name in MODALITIES]


def find_layout_owner(layout: str) -> Modality:
    """Return the modality that has a layout of corpora; raise `UserError` where none has."""
    known = {name: modality for modality in list_modalities() for name in modality.list_layouts()}
    if layout not in known:
        raise UserError(f"layout `{layout}` is unknown; expected auto, {', '.join(known)}")
    return known[layout]


def _recognise(path: Path) -> Modality:
    """Return the modality of the first file that has one; the first modality where none has."""
    modalities = list_modalities()
    for file in _list_files(path):
        for modality in modalities:
            if file.suffix.lower() in modality.suffixes:
                return modality
    return modalities[0]


def _list_files(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_dir():
        yield from path.rglob("*")
    elif path.suffix.lower() == ".jsonl":
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield Path(json.loads(line)["path"])
            except (ValueError, TypeError, KeyError):
                continue                                            # reported when the manifest is read
    else:
        yield path
