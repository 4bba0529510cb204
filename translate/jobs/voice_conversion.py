"""Convert recordings with a checkpoint."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from translate.data.manifest import AUDIO, read_manifest
from translate.errors import UserError
from translate.evaluation.converted import save_features
from translate.features.wave import read_wave, replacing, write_wave
from translate.inference.voice import VoiceConverter

log = logging.getLogger("translate")


def convert_recordings(
    converter: VoiceConverter,
    given: Path,
    out: Path,
    source: str | None = None,
    target: str | None = None,
    difference: bool = False,
    features: bool = False,
) -> dict[str, float]:
    """Convert a file, a folder, a text list of files or a manifest.

    Args:
        converter: as `translate.load` gives it.
        given: an audio file, a folder (searched through), a `.txt` list (one path per line, relative to the current
            folder) or a `.jsonl` manifest (its entries of the source domain).
        out: when `given` is an audio file, a `.wav` file or an existing folder; else a folder that mirrors `given`,
            with `conversion.json`: the seconds of audio and of each stage.
        source, target: domains; either may be left out when the model has two.
        difference: differential-spectrum synthesis.
        features: write `<name>.npz` beside each wave, see `translate.evaluation.converted`.

    Returns:
        What conversion.json holds.

    Raises:
        UserError: nothing to convert, an output that would overwrite a recording or another output; or files that
            cannot be converted, all named at the end (the others are done).
    """
    source, target = converter.name_domains(source, target)
    single = given.is_file() and given.suffix.lower() not in (".jsonl", ".txt")
    tasks = [_name_output(given, out)] if single else list(_list_tasks(given, out, source))
    _check(tasks, given, source)
    seconds: dict[str, float] = defaultdict(float)
    failed = []
    for path, destination in tasks:
        try:
            wave, rate = read_wave(path)
            result = converter.convert_in_detail(wave, rate, source, target, difference, name=path)
            write_wave(destination, result.wave, result.sample_rate)
            if features:
                power = converter.world.decode(result.converted.mcep)
                hop_ms = converter.world.config.hop_ms
                save_features(destination, power, result.converted.f0, hop_ms, result.sample_rate)
        except UserError as error:
            failed.append(str(error))
            continue
        seconds["audio"] += result.audio_seconds
        for stage, spent in result.seconds.items():
            seconds[stage] += spent
        log.info("%s to %s: %s -> %s", source, target, path, destination)
    if not single:
        with replacing(out / "conversion.json") as temporary:
            temporary.write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")
    if failed:
        raise UserError(f"{len(failed)} of {len(tasks)} files were not converted: {'; '.join(failed)}")
    return dict(seconds)


def _name_output(given: Path, out: Path) -> tuple[Path, Path]:
    """A single recording and where its conversion goes."""
    if out.is_dir():
        return given, out / f"{given.stem}.wav"
    if out.suffix.lower() != ".wav":
        raise UserError(f"{out}: expected a name that ends in .wav, or an existing folder")
    return given, out


def _list_tasks(given: Path, out: Path, source: str) -> Iterator[tuple[Path, Path]]:
    """Pairs of a recording and where its conversion goes."""
    if not given.exists():
        raise UserError(f"{given}: no such file or folder")
    if out.is_file():
        raise UserError(f"{out}: is a file; {given} needs a folder for its conversions")
    if given.is_dir():
        for path in sorted(given.rglob("*")):
            inside = path.relative_to(given)
            earlier = out.resolve() != given.resolve() and path.resolve().is_relative_to(out.resolve())
            hidden = any(part.startswith(".") for part in inside.parts)
            if path.suffix.lower() in AUDIO and path.is_file() and not hidden and not earlier:
                yield path, (out / inside).with_suffix(".wav")
    elif given.suffix.lower() == ".jsonl":
        for entry in read_manifest(given):
            if entry.domain == source:
                yield entry.path, out / f"{entry.id}.wav"
    else:
        for line in _read_list(given):
            yield Path(line), out / f"{Path(line).stem}.wav"


def _check(tasks: list[tuple[Path, Path]], given: Path, source: str) -> None:
    if not tasks:
        raise UserError(f"{given}: no audio to convert (for a manifest: no entry of the domain `{source}`)")
    recordings = {path.resolve() for path, _ in tasks}
    by_output: dict[Path, Path] = {}
    for path, destination in tasks:
        if destination.resolve() in recordings:
            raise UserError(f"{destination}: the conversion would overwrite a recording; take another output")
        if other := by_output.get(destination):
            raise UserError(f"{destination}: would be the conversion of both {other} and {path}; rename one of them")
        by_output[destination] = path


def _read_list(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: cannot read the list; expected one path per line in UTF-8") from None
    return [line for line in lines if line]
