"""Convert files, or data from a pipe, with a checkpoint; its modality does the work."""

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from translate.config import Section
from translate.errors import UserError
from translate.jobs.modality import Converter, Modality, find_modality, list_modalities
from translate.jobs.options import foresee_conversion, read_conversion
from translate.names import name_directions


def convert_files(
    checkpoint: Path,
    given: Path,
    out: Path,
    source: str | None = None,
    target: str | None = None,
    device: str = "cpu",
    then: Sequence[Path] = (),
    precision: str = "float32",
    all: bool = False,
    **options: Any,
) -> dict[str, float]:
    """Convert a file, a folder, a text list of files or a manifest.

    Args:
        checkpoint: checkpoint, see `translate.load`.
        given, out: input and output, see `translate.corpus.tasks.find_tasks`; unless `given` is one file, `out` also
            gets `conversion.json`.
        source, target: domains; may be left out where there is no choice.
        device, precision: device and precision of the networks.
        then: further checkpoints, each of which converts the output of the one before.
        all: whether to convert the entries of a manifest in every direction, each into `out`/<source>-<target>.
        options: options of the modality, see `translate.speech.options` and `translate.images.options`.

    Returns:
        The content of `conversion.json`, or its sums: seconds of audio or number of images, and seconds of each stage.

    Raises:
        UserError: an option that the model does not have, models that cannot be chained, nothing to convert, an
            output that would overwrite a file; or files that cannot be converted, all named at the end (the others are
            done).
    """
    return _convert(checkpoint, given, out, source, target, device, then, precision, all, options)[1]


def convert_and_summarise(
    checkpoint: Path,
    given: Path,
    out: Path,
    source: str | None,
    target: str | None,
    device: str,
    then: Sequence[Path],
    precision: str,
    all: bool,
    options: Mapping[str, Any],
) -> str:
    """Call `convert_files`; return a line about the amount and the time."""
    modality, seconds = _convert(checkpoint, given, out, source, target, device, then, precision, all, options)
    return modality.summarise(seconds)


def _convert(
    checkpoint: Path,
    given: Path,
    out: Path,
    source: str | None,
    target: str | None,
    device: str,
    then: Sequence[Path],
    precision: str,
    all: bool,
    options: Mapping[str, Any],
) -> tuple[Modality, dict[str, float]]:
    foresee_conversion(options)
    if all and (source or target):
        raise UserError("--all goes through every direction: leave --from and --to out")
    converter, modality, chosen = _open(checkpoint, device, precision, then, options)
    if all:
        return modality, convert_every_direction(converter, modality, given, out, chosen)
    return modality, modality.convert(converter, given, out, source, target, chosen)


def convert_every_direction(
    converter: Converter, modality: Modality, given: Path, out: Path, options: Section
) -> dict[str, float]:
    """Convert the entries of a manifest in every direction, each into `out`/<source>-<target>.

    Returns:
        The sums over all conversion.json.

    Raises:
        UserError: `given` is no manifest, two directions have the same folder; or as `convert_files`.
    """
    if given.suffix.lower() != ".jsonl":
        raise UserError(f"{given}: --all needs a .jsonl manifest, which tells the domain of every file")
    total: dict[str, float] = defaultdict(float)
    for (source, target), folder in name_directions(out, converter.directions).items():
        for stage, spent in modality.convert(converter, given, folder, source, target, options).items():
            total[stage] += spent
    return dict(total)


def convert_pipe(
    checkpoint: Path,
    given: BinaryIO,
    out: BinaryIO,
    source: str | None = None,
    target: str | None = None,
    device: str = "cpu",
    then: Sequence[Path] = (),
    options: Mapping[str, Any] | None = None,
    **how: Any,
) -> str:
    """Convert the data from `given` and write it to `out`; return a line about the length and the time.

    Args:
        checkpoint, source, target, device, then: as for `convert_files`.
        given, out: binary streams, `out` not buffered.
        options: options of the modality.
        how: options raw, streaming, reference, chunk_ms and lookahead_ms, see `translate.speech.streaming.pipe`.

    Raises:
        UserError: unreadable input, the reader of the output is gone, an option that does not fit, or a checkpoint that
            takes no pipe.
    """
    foresee_conversion(options or {})
    converter, modality, chosen = _open(checkpoint, device, "float32", then, options or {})
    if not modality.pipes:
        nouns = " and ".join(other.noun for other in list_modalities() if other.pipes)
        raise UserError(f"{checkpoint} converts {modality.noun}; only {nouns} goes through pipes")
    return modality.pipe(converter, given, out, source, target, chosen, **how)


@contextmanager
def open_pipes() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Yield standard input and standard output; inside the block, anything printed goes to standard error."""
    sys.stdout.flush()
    with open(os.dup(1), "wb", buffering=0) as out:
        os.dup2(2, 1)
        try:
            yield sys.stdin.buffer, out
        finally:
            sys.stdout.flush()
            os.dup2(out.fileno(), 1)


def _open(
    checkpoint: Path, device: str, precision: str, then: Sequence[Path], options: Mapping[str, Any]
) -> tuple[Converter, Modality, Section]:
    """Load a converter, or a chain of several, and read the options by the modality of the first."""
    from translate.jobs.load import load_converter

    converters = [load_converter(path, device, precision) for path in (checkpoint, *then)]
    modality = find_modality(converters[0].config)
    chosen = read_conversion(modality, options, checkpoint)
    if not then:
        return converters[0], modality, chosen
    for path, converter in zip((checkpoint, *then), converters, strict=True):
        if not (other := find_modality(converter.config)).chains:
            nouns = " and ".join(one.noun for one in list_modalities() if one.chains)
            raise UserError(f"--then: {path} converts {other.noun}; only converters of {nouns} can be chained")
    return modality.chain(converters), modality, chosen
