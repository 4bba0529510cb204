"""Convert recordings with a checkpoint."""

import json
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

from translate.corpus.manifest import AUDIO
from translate.corpus.tasks import Kind, find_tasks
from translate.errors import UserError
from translate.files import replacing
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.analysis.wave_blocks import read_blocks, write_blocks
from translate.speech.conversion.converter import Order, SpeechConverter
from translate.speech.measures.converted import save_features

log = logging.getLogger("translate")

RECORDINGS = Kind("recording", AUDIO, ".wav")


def convert_recordings(
    converter: SpeechConverter,
    given: Path,
    out: Path,
    source: str | None = None,
    target: str | None = None,
    features: bool = False,
    **options: Any,
) -> dict[str, float]:
    """Convert a file, a folder, a text list of files or a manifest, in memory that does not grow with their length.

    Args:
        converter: converter from `translate.load`, or a `Chain`.
        given, out: input and output paths, see `find_tasks`; unless `given` is one recording, `out` also gets
            `conversion.json`: the seconds of audio and of each stage.
        source, target: domains; may be left out if there is only one choice.
        features: whether to write `<name>.npz` beside each wave, see `translate.speech.measures.converted`. Recordings
            are then converted as a whole. Models without a vocoder write none: an analysis of the wave says the same.
        options: see `SpeechConversion`.

    Returns:
        The content of conversion.json.

    Raises:
        UserError: nothing to convert, an option that the model does not have, an output that would overwrite a
            recording or another output; or files that cannot be converted, all named at the end (the others are done).
    """
    order = converter.order(source, target, **options)
    tasks, single = find_tasks(given, out, RECORDINGS, [order.source])
    convert = _convert_with_features if features and converter.world else _convert_in_blocks
    seconds: dict[str, float] = defaultdict(float)
    failed = []
    for entry, destination in tasks:
        try:
            spent = convert(converter, entry.path, destination, order)
        except UserError as error:
            failed.append(str(error))
            continue
        for stage, value in spent.items():
            seconds[stage] += value
        log.info("%s to %s: %s -> %s", order.source, order.target, entry.path, destination)
    if not single:
        with replacing(out / "conversion.json") as temporary:
            temporary.write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")
    if failed:
        raise UserError(f"{len(failed)} of {len(tasks)} files were not converted: {'; '.join(failed)}")
    return dict(seconds)


def _convert_in_blocks(converter: SpeechConverter, path: Path, destination: Path, order: Order) -> dict[str, float]:
    """Write the conversion of one recording; return its seconds and those of each stage."""
    seconds: dict[str, float] = {}
    blocks, rate = read_blocks(path)
    parts = converter.convert_blocks(blocks, rate, order, path, seconds)
    return {"audio": write_blocks(destination, parts, converter.sample_rate) / converter.sample_rate, **seconds}


def _convert_with_features(
    converter: SpeechConverter, path: Path, destination: Path, order: Order
) -> dict[str, float]:
    """Convert like `_convert_in_blocks`, but the whole at once, and write the features beside the wave."""
    wave, rate = read_wave(path)
    result = converter.convert_whole(wave, rate, order, path)
    write_wave(destination, result.wave, result.sample_rate)
    assert converter.world is not None
    power = converter.world.decode(result.converted.mcep)
    save_features(destination, power, result.converted.f0, converter.world.config.hop_ms, result.sample_rate)
    return {"audio": result.audio_seconds, **result.seconds}
