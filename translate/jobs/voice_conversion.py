"""Convert recordings with a checkpoint."""

import json
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

from translate.data.manifest import AUDIO
from translate.errors import UserError
from translate.evaluation.converted import save_features
from translate.features.wave import read_wave, replacing, write_wave
from translate.inference.speech import SpeechConverter
from translate.jobs.conversion_tasks import Kind, find_tasks

log = logging.getLogger("translate")

RECORDINGS = Kind("recording", AUDIO, ".wav")


def convert_every_direction(converter: SpeechConverter, given: Path, out: Path, **options: Any) -> dict[str, float]:
    """`convert_recordings` of a manifest in every direction that the system has, each into `out`/<source>-<target>.

    Returns:
        The sums of what the conversion.json hold.

    Raises:
        UserError: `given` is no manifest; or as `convert_recordings`.
    """
    if given.suffix.lower() != ".jsonl":
        raise UserError(f"{given}: --all needs a .jsonl manifest, which tells whose recordings are whose")
    total: dict[str, float] = defaultdict(float)
    for source, target in converter.directions:
        for stage, spent in convert_recordings(
            converter, given, out / f"{source}-{target}", source, target, **options
        ).items():
            total[stage] += spent
    return dict(total)


def convert_recordings(
    converter: SpeechConverter,
    given: Path,
    out: Path,
    source: str | None = None,
    target: str | None = None,
    difference: bool = False,
    features: bool = False,
    seed: int | None = None,
) -> dict[str, float]:
    """Convert a file, a folder, a text list of files or a manifest.

    Args:
        converter: as `translate.load` gives it, or a `Chain`.
        given, out: see `find_tasks`; unless `given` is one recording, `out` also gets `conversion.json`: the seconds
            of audio and of each stage.
        source, target: domains; may be left out where there is no choice.
        difference: differential-spectrum synthesis.
        features: write `<name>.npz` beside each wave, see `translate.evaluation.converted`; nothing is written where
            no vocoder makes the wave, because its own analysis says all.
        seed: of the noise of systems that draw some.

    Returns:
        What conversion.json holds.

    Raises:
        UserError: nothing to convert, an option that the system does not have, an output that would overwrite a
            recording or another output; or files that cannot be converted, all named at the end (the others are done).
    """
    source, target = converter.name_domains(source, target)
    converter.check_options(difference, seed)
    tasks, single = find_tasks(given, out, RECORDINGS, [source])
    seconds: dict[str, float] = defaultdict(float)
    failed = []
    for entry, destination in tasks:
        path = entry.path
        try:
            wave, rate = read_wave(path)
            result = converter.convert_in_detail(wave, rate, source, target, difference, path, seed)
            write_wave(destination, result.wave, result.sample_rate)
            if features and converter.world:
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
