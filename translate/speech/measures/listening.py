"""What the listening instruments hear in an evaluation: every recording once, then means by pair and over all pairs."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from translate.errors import UserError
from translate.speech.analysis.wave import read_wave
from translate.speech.measures.columns import order_columns
from translate.speech.measures.comparison import Scores, Utterance
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
from translate.speech.measures.intervals import confidence, confidence_by_sentence
from translate.speech.measures.recordings import Item, PairTask

log = logging.getLogger("translate")

VOICE_LIMIT = 100                                                   # training recordings of a speaker, evenly spaced

INSTRUMENTS = {                                                     # measure -> its title in results.md
    "naturalness": "Naturalness, DNSMOS overall, 1 to 5 (higher is better)",
    "naturalness_signal": "Naturalness of the speech alone, DNSMOS, 1 to 5 (higher is better)",
    "naturalness_background": "Absence of background noise, DNSMOS, 1 to 5 (higher is better)",
    "similarity": "Speaker similarity to the target, cosine (higher is better)",
    "phone_error": "Phone error rate against the source recording, English (lower is better)",
}



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
    made: Mapping[Item, Mapping[str, Path]]                         # utterance -> column -> wave of a baseline

    def measure_pair(self, task: PairTask, utterances: Sequence[Utterance]) -> dict[str, Any]:
        """Return the measures of a pair of domains, and add to its utterances, in the order of the items, their own."""
        target = self.voices.get(task.target)
        similarity = SpeakerSimilarity(target) if target else None
        for item, utterance in zip(task.items, utterances, strict=True):
            paths = {**self.made.get(item, {}), "source": item.source, "resynthesised": item.converted}
            paths |= {"another_take": item.another} if item.another else {}
            heard = {column: self.heard.get(path) for column, path in paths.items()}
            heard["target"] = self.heard.get(item.target) if item.target else None
            utterance.scores.update(_measure_utterance(heard, similarity))
        measures = average_rows(utterances)
        others = [e for domain, voices in self.voices.items() if domain != task.target for e in voices]
        cosines = [similarity.measure(embedding) for embedding in others] if similarity else []
        measures["similarity"] |= {"other": _mean(cosines), "other_ci": _interval(cosines)}
        return measures

    def describe(self) -> dict[str, Any]:
        """Return every choice behind the numbers, as the protocol in results.json keeps it."""
        return {
            "waves": f"{RATE} Hz, peak {PEAK:g}",
            "naturalness": "DNSMOS (speechmos): overall, speech alone, background; of windows of 9.01 s, shorter waves "
            "repeated",
            "similarity": f"cosine of the resemblyzer embedding to the mean of the target's training recordings "
            f"({', '.join(f'{domain} {len(voices)}' for domain, voices in self.voices.items())}); references: the "
            "target's natural evaluation recordings, and training recordings of the other domains",
            "phone_error": "Levenshtein distance of pocketsphinx phones (all-phone search, en-us, "
            f"lw {LANGUAGE_WEIGHT:g}, without silences) from those of the source recording, over the number of the "
            "latter; English only; a vocoder alone costs about 0.3",
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


def listen_to_all(
    tasks: Sequence[PairTask],
    made: Mapping[Item, Mapping[str, Path]],
    training: Mapping[str, Sequence[Path]],
    jobs: int,
) -> Listening:
    """Let the instruments hear every distinct recording once.

    What they cannot hear, such as waves shorter than 0.5 s, is left out with a line that tells how many.

    Args:
        tasks: all of them heard by every instrument.
        made: the baselines' waves by utterance and column, heard likewise.
        training: domain -> natural recordings; at most 100 of a domain are used, for their embeddings.
        jobs: threads; -1: one per core.
    """
    began = time.perf_counter()
    chosen = {domain: _spread(paths) for domain, paths in training.items()}
    items = [item for task in tasks for item in task.items]
    given = [path for item in items for path in (item.source, item.target, item.converted, item.another)]
    fully = {path for path in (*given, *(path for of in made.values() for path in of.values())) if path is not None}
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
    return Listening(heard, len(errors), voices, made)


def average_rows(utterances: Sequence[Utterance]) -> dict[str, dict[str, float | None]]:
    """Return measure -> column -> mean over utterances, and column_ci -> half of its 95 % interval by sentence."""
    averages: dict[str, dict[str, float | None]] = {}
    for measure in INSTRUMENTS:
        averages[measure] = {}
        for column in order_columns({column for one in utterances for column in one.scores[measure]}):
            values = [(one.sentence, one.scores[measure].get(column)) for one in utterances]
            averages[measure][column] = _mean([value for _, value in values])
            half_width = confidence_by_sentence(values)
            averages[measure][f"{column}_ci"] = None if half_width is None else round(half_width, 4)
    return averages


def average_instruments(
    pairs: Sequence[Mapping[str, Any]], utterances: Sequence[Utterance]
) -> dict[str, dict[str, float | None]]:
    """Return the means over pairs, with the intervals over the sentences of all of them."""
    overall = average_rows(utterances)
    for measure, values in overall.items():
        for column in [key for key in pairs[0][measure] if not key.endswith("_ci")]:
            values[column] = _mean([pair[measure].get(column) for pair in pairs])
    return overall


def explain_listening(protocol: Mapping[str, Any]) -> list[str]:
    """Return the lines of results.md about the instruments."""
    left_out = f", {protocol['left_out']} left out (shorter than {SHORTEST:g} s)" if protocol["left_out"] else ""
    return [
        f"- Listening instruments: {protocol['waves']}; {protocol['heard']} recordings heard{left_out}.",
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


def _measure_utterance(heard: Mapping[str, Heard | None], similarity: SpeakerSimilarity | None) -> Scores:
    row: Scores = {
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
