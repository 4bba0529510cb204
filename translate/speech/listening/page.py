"""Write a page to listen with: one index.html, its sounds beside it, and of a blind page the key."""

import json
import logging
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from translate.errors import UserError
from translate.folders import replace_folder
from translate.names import below
from translate.speech.analysis.wave import check_wave, read_wave, resample, write_wave
from translate.speech.listening.baselines import Baselines, open_baselines
from translate.speech.listening.loudness import equalise, measure_loudness
from translate.speech.listening.systems import Sentence, find_sentences, title_runs
from translate.speech.listening.trials import REFERENCE, list_comparisons, make_key, plan_test
from translate.speech.options import ListeningPage

log = logging.getLogger("translate")

SOURCE, VOCODED, TARGET = "source", "source through the vocoder", "natural target"
MEAN_VARIANCE, LINEAR = "mean-variance", "linear map"
MOST_RUNS = 20
AUDIBLE = 0.5                                                       # LU that a sound may lack
MOST_WARNINGS = 5
LONGEST = 60.0                                                      # seconds of a sound
AUDIO = "audio"                                                     # folder of the sounds, beside index.html


class Player:
    """Makes the sounds of a page, all at one rate and loudness.

    Args:
        baselines: makes the baselines; None where there are none.
        sample_rate: Hz.
        loudness: LKFS.
    """

    def __init__(self, baselines: Baselines | None, sample_rate: int, loudness: float):
        self.baselines, self.sample_rate, self.loudness = baselines, sample_rate, loudness
        self.softer: dict[str, float] = {}                          # LU, by what they were made of

    def make(self, sentence: Sentence, system: str) -> tuple[np.ndarray, float]:
        """Return the sound of a system, samples (N,), and the gain in dB that it got.

        Raises:
            UserError: it cannot be read, is silent, or too short or too long for a page.
        """
        wave, rate, name = self._find(sentence, system)
        wave = resample(wave, rate, self.sample_rate)
        check_wave(wave, self.sample_rate, name)
        if len(wave) > LONGEST * self.sample_rate:
            seconds = len(wave) / self.sample_rate
            raise UserError(f"{name}: {seconds:.0f} s; at most {LONGEST:g} s are played on a page")
        if not np.isfinite(measure_loudness(wave, self.sample_rate)):
            raise UserError(f"{name}: too quiet, below -70 LKFS throughout")
        sound = equalise(wave, self.sample_rate, self.loudness)
        if sound.missing > AUDIBLE:
            self.softer[name] = sound.missing
        return sound.wave, sound.gain

    def _find(self, sentence: Sentence, system: str) -> tuple[np.ndarray, int, str]:
        if system in sentence.converted:
            path: Path | None = sentence.converted[system]
        else:
            path = {TARGET: sentence.spoken, REFERENCE: sentence.reference}.get(system, sentence.natural)
        assert path is not None                                     # a system is on the page where its waves are
        if system == VOCODED and self.baselines is not None:
            return *self.baselines.resynthesise(path), f"{path}, through the vocoder"
        if system == MEAN_VARIANCE and self.baselines is not None:
            return *self.baselines.convert(path, sentence.source, sentence.target), f"{path}, {system}"
        if system == LINEAR and self.baselines is not None:
            wave, rate = self.baselines.convert(path, sentence.source, sentence.target, linear=True)
            return wave, rate, f"{path}, {system}"
        return *read_wave(path), str(path)


def make_page(runs: Sequence[Path], out: Path, evaluation: Path | None, options: ListeningPage) -> str:
    """Write a page on which the systems can be heard side by side, or a blind test of them.

    Args:
        runs: folders of runs, with `converted/<source>-<target>/<id>.wav`.
        out: folder of the page, which must not be there yet, or be empty.
        evaluation: manifest with the natural recordings; None: only the models are heard.
        options: options of the page.

    Returns:
        A line on what was written.

    Raises:
        UserError: `out` holds files; too many runs; as `find_sentences` and `plan_test`; or a sound that cannot be
            played. Nothing is written then.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out}: is there already; name another folder, or delete it")
    if not 1 <= len(runs) <= MOST_RUNS:
        raise UserError(f"{len(runs)} runs: expected 1 to {MOST_RUNS}")
    named = dict(zip(title_runs(runs, (SOURCE, VOCODED, MEAN_VARIANCE, TARGET)), runs, strict=True))
    sentences = find_sentences(named, evaluation, options)
    baselines = open_baselines(runs) if evaluation else None
    systems = _list_systems(sentences, list(named), baselines)
    rate = options.sample_rate or max(read_wave(path)[1] for path in sentences[0].converted.values())
    player = Player(baselines, rate, options.loudness)
    out = Path(os.path.abspath(out))
    draft = out.with_name(f".{out.name}.{os.getpid()}.draft")
    try:
        if options.blind:
            content = _write_test(draft, sentences, systems, list(named), player, options)
        else:
            content = _write_comparison(draft, sentences, systems, player)
        (draft / "index.html").write_text(_fill("test" if options.blind else "compare", content), encoding="utf-8")
        with suppress(FileNotFoundError):
            out.rmdir()                                             # empty, as was checked
        replace_folder(draft, out)
    except OSError as error:
        raise UserError(f"{out}: cannot write ({error.strerror or error})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    for name, missing in list(player.softer.items())[:MOST_WARNINGS]:
        log.warning("%s: %.1f LU softer than the others, because its peaks would clip; lower `loudness`", name, missing)
    what = f"{len(content['trials'])} blind trials" if options.blind else f"{len(systems)} systems"
    return f"{out / 'index.html'}: {len(sentences)} sentences, {what}, at {options.loudness:g} LKFS and {rate} Hz"


def _list_systems(sentences: Sequence[Sentence], models: Sequence[str], baselines: Baselines | None) -> list[str]:
    """Return the titles of all that can be heard of every sentence, the source first and the target last."""
    directions = [(sentence.source, sentence.target) for sentence in sentences]
    there = {
        SOURCE: sentences[0].natural is not None,
        VOCODED: baselines is not None,
        MEAN_VARIANCE: baselines is not None and baselines.converts(directions),
        LINEAR: baselines is not None and baselines.maps_linearly(directions),
        **dict.fromkeys(models, True),
        TARGET: all(sentence.spoken for sentence in sentences),
    }
    if missing := [title for title, found in there.items() if not found]:
        log.info("not on the page, for want of recordings or of a model's analysis: %s", ", ".join(missing))
    return [title for title, found in there.items() if found]


def _write_comparison(
    draft: Path, sentences: Sequence[Sentence], systems: Sequence[str], player: Player
) -> dict[str, Any]:
    rows = []
    for row, sentence in enumerate(sentences, start=1):
        sounds = []
        for column, system in enumerate(systems, start=1):
            wave, gain = player.make(sentence, system)
            file = f"{AUDIO}/{row:03d}_{column:02d}.wav"
            write_wave(below(draft, file), wave, player.sample_rate)
            sounds.append({"file": file, "gain": round(gain, 1)})
        rows.append({"title": sentence.title, "sounds": sounds})
    return {"systems": list(systems), "sentences": rows, "loudness": player.loudness}


def _write_test(
    draft: Path,
    sentences: Sequence[Sentence],
    systems: Sequence[str],
    models: Sequence[str],
    player: Player,
    options: ListeningPage,
) -> dict[str, Any]:
    titles = [sentence.title for sentence in sentences]
    baseline = next((title for title in (LINEAR, MEAN_VARIANCE) if title in systems), None)
    natural = TARGET if TARGET in systems else None
    references = all(sentence.reference for sentence in sentences)
    test = plan_test(list_comparisons(models, baseline, natural), systems, references, titles, options)
    for number, sounds in groupby(test.sounds, key=lambda sound: sound.sentence):
        made: dict[str, np.ndarray] = {}
        for sound in sounds:
            if sound.system not in made:
                made[sound.system], _ = player.make(sentences[number], sound.system)
            path = below(draft, f"{AUDIO}/{sound.name}.wav")
            write_wave(path, made[sound.system], player.sample_rate)
            os.utime(path, (0, 0))                                  # when it was written would tell the sentence
    key = json.dumps(make_key(test, systems), indent=1, ensure_ascii=False)
    (draft / "key.json").write_text(key + "\n", encoding="utf-8")
    return {"page": test.page, "trials": test.trials}


def _fill(kind: str, content: Mapping[str, Any]) -> str:
    """Return the page with style, script and content inside."""
    folder = Path(__file__).parent
    style, player, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("style.css", "player.js", f"{kind}.js")
    )
    parts = {
        "title": "Listening test" if kind == "test" else "Systems side by side",
        "style": style,
        # What a name holds cannot end the script.
        "content": json.dumps(content, ensure_ascii=False).replace("<", "\\u003c"),
        "script": player + script,
    }
    template = (folder / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
