"""What the listening instruments hear in an evaluation: every recording once, then means by pair and over all pairs."""

import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from translate.errors import UserError
from translate.speech.analysis.wave import read_wave
from translate.speech.measures.comparison import confidence
from translate.speech.measures.instruments import (
    HOW,
    LANGUAGE_WEIGHT,
    PEAK,
    RATE,
    SHORTEST,
    PhoneError,
    SpeakerSimilarity,
    check_installed,
    decode_phones,
    embed_voice,
    find_missing,
    load_models,
    predict_quality,
    prepare_wave,
)
from translate.speech.measures.recordings import PairTask

log = logging.getLogger("translate")

VOICE_LIMIT = 100                                                   # training recordings of a speaker, evenly spaced

INSTRUMENTS = {                                                     # measure -> its title in results.md
    "naturalness": "Naturalness, DNSMOS overall, 1 to 5 (higher is better)",
    "naturalness_signal": "Naturalness of the speech alone, DNSMOS, 1 to 5 (higher is better)",
    "naturalness_background": "Absence of background noise, DNSMOS, 1 to 5 (higher is better)",
    "similarity": "Speaker similarity to the target, cosine (higher is better)",
    "phone_error": "Phone error rate against the source recording, English (lower is better)",
}

Row = dict[str, dict[str, float | None]]                            # measure -> column -> value of one utterance


@dataclass(frozen=True, eq=False)
class Heard:
    """What the instruments heard in one recording."""

    embedding: np.ndarray                                           # (256,)
    quality: Mapping[str, float]                                    # empty for training recordings
    phones: tuple[str, ...]                                         # likewise


@dataclass(frozen=True)
class Listening:
    """What they heard in all recordings of an evaluation."""

    heard: Mapping[Path, Heard]                                     # without those left out
    left_out: int
    voices: Mapping[str, Sequence[np.ndarray]]                      # domain -> embeddings of its training recordings

    def measure_pair(self, task: PairTask) -> tuple[dict[str, Any], list[tuple[str, Row]]]:
        """Return the measures of a pair of domains, and by id those of its utterances, for `average_rows`."""
        target = self.voices.get(task.target)
        similarity = SpeakerSimilarity(target) if target else None
        rows = []
        for item in task.items:
            heard = {"source": self.heard.get(item.source), "converted": self.heard.get(item.converted)}
            heard["target"] = self.heard.get(item.target) if item.target else None
            rows.append((item.id, _measure_utterance(heard, similarity)))
        measures = average_rows(rows)
        others = [e for domain, voices in self.voices.items() if domain != task.target for e in voices]
        cosines = [similarity.measure(embedding) for embedding in others] if similarity else []
        measures["similarity"] |= {"other": _mean(cosines), "other_ci": _interval(cosines)}
        return measures, rows

    def describe(self) -> dict[str, Any]:
        """Return every choice behind the numbers, as the protocol in results.json keeps it."""
        return {
            "waves": f"{RATE} Hz, peak {PEAK:g}; `converted` is the system's wave",
            "naturalness": "DNSMOS (speechmos): overall, speech alone, background; of windows of 9.01 s, shorter waves "
            "repeated",
            "similarity": f"cosine of the resemblyzer embedding to the mean of the target's training recordings "
            f"({', '.join(f'{domain} {len(voices)}' for domain, voices in self.voices.items())}); references: the "
            "target's natural evaluation recordings, and training recordings of the other domains",
            "phone_error": "Levenshtein distance of pocketsphinx phones (all-phone search, en-us, "
            f"lw {LANGUAGE_WEIGHT:g}, without silences) from those of the source recording, over the number of the "
            "latter; English only; a vocoder alone costs about 0.3",
            "interval": "utterances of one id, converted to several targets, are averaged first",
            "heard": len(self.heard),
            "left_out": self.left_out,
        }


def choose_listening(wanted: bool | None) -> bool:
    """Return whether to listen: as wanted, or for None where the packages are installed, with a line where not.

    Raises:
        UserError: wanted, but not installed.
    """
    if wanted:
        check_installed()
    elif wanted is None and (missing := find_missing()):
        log.info("evaluation: without the listening instruments, which need %s: %s", missing, HOW)
        return False
    return wanted is not False


def listen_to_all(tasks: Sequence[PairTask], training: Mapping[str, Sequence[Path]], jobs: int) -> Listening:
    """Let the instruments hear every distinct recording once.

    What they cannot hear, such as waves shorter than 0.5 s, is left out with a line that tells how many.

    Args:
        tasks: all of them heard by every instrument.
        training: domain -> natural recordings; at most 100 of a domain are used, for their embeddings.
        jobs: threads; -1: one per core.
    """
    began = time.perf_counter()
    chosen = {domain: _spread(paths) for domain, paths in training.items()}
    items = [item for task in tasks for item in task.items]
    fully = {path for item in items for path in (item.source, item.target, item.converted) if path is not None}
    paths = sorted(fully | {path for of_domain in chosen.values() for path in of_domain})
    log.info("evaluation: listening to %d recordings", len(paths))
    load_models()                                                   # once for all threads; processes would each do it
    results = Parallel(n_jobs=jobs, prefer="threads")(delayed(_listen)(path, path in fully) for path in paths)
    heard = {path: result for path, result in zip(paths, results, strict=True) if isinstance(result, Heard)}
    errors = [result for result in results if isinstance(result, str)]
    if errors:
        log.warning("evaluation: the instruments leave out %d of %d recordings: %s", len(errors), len(paths), errors[0])
    log.info("evaluation: listened for %.1f s", time.perf_counter() - began)
    voices = {
        domain: [heard[path].embedding for path in of_domain if path in heard] for domain, of_domain in chosen.items()
    }
    return Listening(heard, len(errors), voices)


def average_rows(rows: Sequence[tuple[str, Row]]) -> dict[str, dict[str, float | None]]:
    """Return measure -> column -> mean, and column_ci -> half-width of its 95 % interval, over utterances.

    Utterances of one id count as one, their mean, in the interval: the same sentence to several targets.
    """
    averages: dict[str, dict[str, float | None]] = {}
    for measure in INSTRUMENTS:
        averages[measure] = {}
        for column in rows[0][1][measure]:
            by_id = defaultdict(list)
            for id, row in rows:
                if (value := row[measure][column]) is not None:
                    by_id[id].append(value)
            averages[measure][column] = _mean([value for values in by_id.values() for value in values])
            averages[measure][f"{column}_ci"] = _interval([float(np.mean(values)) for values in by_id.values()])
    return averages


def average_instruments(
    pairs: Sequence[Mapping[str, Any]], rows: Sequence[tuple[str, Row]]
) -> dict[str, dict[str, float | None]]:
    """Return the means over pairs, with the intervals of all utterances together."""
    overall = average_rows(rows)
    for measure, values in overall.items():
        for column in [key for key in pairs[0][measure] if not key.endswith("_ci")]:
            values[column] = _mean([pair[measure][column] for pair in pairs])
    return overall


def explain_listening(protocol: Mapping[str, Any]) -> list[str]:
    """Return the lines of results.md about the instruments."""
    left_out = f", {protocol['left_out']} left out (shorter than {SHORTEST:g} s)" if protocol["left_out"] else ""
    return [
        f"- Listening instruments: {protocol['waves']}; {protocol['heard']} recordings heard{left_out}. "
        f"Intervals: {protocol['interval']}.",
        f"- Naturalness: {protocol['naturalness']}.",
        f"- Speaker similarity: {protocol['similarity']}.",
        f"- Phone error: {protocol['phone_error']}.",
    ]


def _listen(path: Path, fully: bool) -> Heard | str:
    try:
        wave = prepare_wave(*read_wave(path), path)
        if not fully:
            return Heard(embed_voice(wave, RATE), {}, ())
        return Heard(embed_voice(wave, RATE), predict_quality(wave, RATE), decode_phones(wave, RATE))
    except UserError as error:
        return str(error)


def _measure_utterance(heard: Mapping[str, Heard | None], similarity: SpeakerSimilarity | None) -> Row:
    row: Row = {
        measure: {column: None if of is None else of.quality[quality] for column, of in heard.items()}
        for measure, quality in (
            ("naturalness", "overall"),
            ("naturalness_signal", "signal"),
            ("naturalness_background", "background"),
        )
    }
    row["similarity"] = {
        column: None if of is None or similarity is None else similarity.measure(of.embedding)
        for column, of in heard.items()
    }
    error = None if heard["source"] is None else PhoneError(heard["source"].phones)
    row["phone_error"] = {
        column: None if of is None or error is None else error.measure(of.phones)
        for column, of in heard.items()
        if column != "source"                                       # 0 by definition
    }
    return row


def _spread(paths: Sequence[Path]) -> list[Path]:
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), VOICE_LIMIT)).round().astype(int)
    return [paths[place] for place in chosen]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 4) if known else None


def _interval(values: Sequence[float]) -> float | None:
    half_width = confidence(values)
    return None if half_width is None else round(half_width, 4)
