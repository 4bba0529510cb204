"""The metrics by which training chooses its best step: `train.metric`.

    mcd      mel-cepstral distortion, dB, of mel-cepstra before synthesis; needs parallel sentences
    listen   what the listening instruments hear in converted waves, with MCD and MSD, joined to one score

What does not change from one evaluation to the next (analyses, references) is computed once.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from joblib import Parallel, delayed

from translate.config import WorldConfig
from translate.errors import UserError
from translate.models.base import SpeechModel
from translate.speech.analysis.levels import find_span, find_speech, measure_levels
from translate.speech.analysis.mcep import default_alpha, spectrum_to_mcep
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World
from translate.speech.conversion.features import FeatureConverter
from translate.speech.conversion.steps import convert_features
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.development import Development, Sentence
from translate.speech.measures.instruments import (
    HOW,
    PhoneError,
    SpeakerSimilarity,
    check_installed,
    decode_phones,
    embed_voice,
    find_missing,
    load_models,
    predict_quality,
)
from translate.speech.measures.mcd import mel_cepstral_distortion
from translate.speech.measures.score import join_score
from translate.speech.measures.trajectories import Trajectories, average_distance
from translate.speech.options import SpeechConversion

log = logging.getLogger("translate")

DIMENSIONS = 25                                                     # compared mel-cepstral coefficients, c0 included
WINDOW = 9.05                                                       # seconds; DNSMOS repeats shorter waves
GROUP = "evaluation"                                                # first part of the names in the log


class Metric(Protocol):
    """A metric of a model in training.

    Attributes:
        name: the value of `measure` that chooses; lower is better.
    """

    name: str

    def measure(self, converter: FeatureConverter[Any]) -> dict[str, float]:
        """Measure a converter; return values by their names in the log."""


def choose_metric(config: SpeechModel, development: Development) -> Metric | None:
    """Make the metric that `train.metric` names.

    For `auto` it is `listen` where the instruments are installed, else `mcd`, or None where that is impossible: with a
    line in both cases.

    Raises:
        UserError: a metric is asked for by name that is not possible here.
    """
    wanted, missing = config.train.metric, find_missing()
    if development.trained:
        log.warning("train.evaluate_every: no speech of %s is held out; what trains chooses the best step (prepare "
                    "with --dev)", " and ".join(f"`{domain}`" for domain in development.trained))  # fmt: skip
    sentences = development.choose(config.train.evaluate_sentences)
    if wanted == "listen":
        check_installed()
    if wanted == "listen" or (wanted == "auto" and not missing):
        return Hearing(development, sentences)
    why_not = _why_no_distortion(config, development)
    if wanted == "mcd" and why_not:
        raise UserError(f"train.metric is mcd: {why_not}; take train.metric=listen, or train.evaluate_every=0")
    if why_not:
        log.warning("train.evaluate_every: nothing is evaluated. There is no MCD, since %s, and the listening "
                    "instruments need %s: %s", why_not, missing, HOW)  # fmt: skip
        return None
    if wanted == "auto":
        log.info("train.metric: mcd; the listening instruments, which choose better, need %s: %s", missing, HOW)
    return Distortion(development, sentences)


def _why_no_distortion(config: SpeechModel, development: Development) -> str:
    if not config.features.vocoder:
        return "this model has no mel-cepstra"
    return "" if development.parallel else "no held-out sentence is spoken by both domains of every direction"


class Distortion:
    """Mean MCD (dB, 24 dimensions, DTW) of the mel-cepstra that the network gives out."""

    name = f"{GROUP}/mcd"

    def __init__(self, development: Development, sentences: Sequence[Sentence]):
        self.development, self.sentences = development, sentences

    def measure(self, converter: FeatureConverter[Any]) -> dict[str, float]:
        assert isinstance(converter, VoiceConverter)                # ensured by `choose_metric`
        scores = []
        for one in self.sentences:
            assert one.natural is not None                          # likewise
            frames = self.development.held_out[one.source][one.row]
            converted = decode_mcep(converter.world, converter.convert_frames(frames, one.source, one.target))
            natural = decode_mcep(converter.world, self.development.references[one.target][one.natural])
            scores.append(mel_cepstral_distortion(converted, natural) if np.isfinite(converted).all() else np.nan)
        return {self.name: float(np.mean(scores))}


class Heard(NamedTuple):
    """What the instruments hear in a converted wave: the worst there is in one that they refuse, such as silence."""

    naturalness: float = 1.0
    similarity: float = 0.0
    phone_error: float | None = 1.0                                 # None where nothing is recognised in the source


class Hearing:
    """The joined score of `translate.speech.measures.score` and its parts: means over sentences, then directions."""

    name = f"{GROUP}/score"

    def __init__(self, development: Development, sentences: Sequence[Sentence]):
        self.development, self.sentences = development, sentences
        self._mceps: dict[str, np.ndarray] = {}                     # mel-cepstra of natural recordings
        self._sources: dict[tuple[str, int], Any] = {}              # features of sources

    def measure(self, converter: FeatureConverter[Any]) -> dict[str, float]:
        converted = [self._convert(converter, one) for one in self.sentences]
        voices, errors = self._references                           # before the threads, which all need them
        heard = _in_threads(
            lambda task: _hear(task[1][0], converter.sample_rate, voices[task[0].target], errors[_key(task[0])]),
            list(zip(self.sentences, converted, strict=True)),
        )
        by_direction: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, one in enumerate(self.sentences):
            by_direction[one.source, one.target].append(number)
        parts: dict[str, list[float]] = defaultdict(list)           # name -> mean of each direction
        for numbers in by_direction.values():
            for name in Heard._fields:
                values = [value for n in numbers if (value := getattr(heard[n], name)) is not None]
                if values:
                    parts[name].append(float(np.mean(values)))
            mceps, ones = [converted[n][1] for n in numbers], [self.sentences[n] for n in numbers]
            for name, value in self._compare(converter, ones, mceps).items():
                parts[name].append(value)
        means = {name: float(np.mean(values)) for name, values in parts.items()}
        return {self.name: join_score(means), **{f"{GROUP}/{name}": value for name, value in means.items()}}

    def _convert(self, converter: FeatureConverter[Any], one: Sentence) -> tuple[np.ndarray, np.ndarray]:
        """Convert a sentence: the wave (N,), and the mel-cepstrum (T, 25) of its speech; zeros and NaN if it fails."""
        key = _key(one)
        if key not in self._sources:
            path = self.development.held_out[one.source].paths[one.row]
            self._sources[key] = converter.analyse(read_wave(path, converter.sample_rate)[0])
        options = SpeechConversion(seed=0 if converter.takes_seed else None)
        after = convert_features(converter.plan(one.source, one.target), self._sources[key], options)
        if isinstance(converter, VoiceConverter) and not np.isfinite(after.mcep).all():
            return np.zeros(after.samples), np.full((1, DIMENSIONS), np.nan)
        wave = converter.synthesise(after)
        return wave, analyse_speech(wave, converter.sample_rate)

    def _compare(
        self, converter: FeatureConverter[Any], sentences: Sequence[Sentence], mceps: Sequence[np.ndarray]
    ) -> dict[str, float]:
        """Compare the mel-cepstra of a direction with parallel recordings, else with the target's training ones."""
        development, target = self.development, sentences[0].target
        if not all(np.isfinite(mcep).all() for mcep in mceps):
            return {"modulation": np.nan}
        if development.parallel:
            of, rows = development.references[target], [one.natural for one in sentences if one.natural is not None]
        else:
            of, rows = development.used[target], development.find_natural(target)
        natural = [self._read_mcep(of.paths[row], converter.sample_rate) for row in rows]
        distances = Trajectories.measure(mceps).modulation_distances(Trajectories.measure(natural))
        measures = {"modulation": average_distance(distances)}
        if development.parallel:
            scores = [mel_cepstral_distortion(a, b) for a, b in zip(mceps, natural, strict=True)]
            measures["mcd"] = float(np.mean(scores))
        return measures

    def _read_mcep(self, path: str, rate: int) -> np.ndarray:
        if path not in self._mceps:
            self._mceps[path] = analyse_speech(read_wave(path, rate)[0], rate)
        return self._mceps[path]

    @cached_property
    def _references(self) -> tuple[dict[str, SpeakerSimilarity], dict[tuple[str, int], PhoneError]]:
        """Hear the targets' training recordings, and the sources of all sentences."""
        began = time.perf_counter()
        load_models()                                               # once for all threads
        development = self.development
        voices = {}
        for target in dict.fromkeys(one.target for one in self.sentences):
            paths = [development.used[target].paths[row] for row in development.find_natural(target)]
            embeddings = [e for e in _in_threads(lambda path: _try(embed_voice, path), paths) if e is not None]
            if not embeddings:
                raise UserError(f"train.metric: the instruments can hear no training recording of `{target}`")
            voices[target] = SpeakerSimilarity(embeddings)
        sources = list(dict.fromkeys(_key(one) for one in self.sentences))
        paths = [development.held_out[source].paths[row] for source, row in sources]
        phones = _in_threads(lambda path: _try(decode_phones, path) or (), paths)
        log.info("evaluation: the instruments have heard the references in %.1f s", time.perf_counter() - began)
        return voices, dict(zip(sources, map(PhoneError, phones), strict=True))


def analyse_speech(wave: np.ndarray, rate: int) -> np.ndarray:
    """Analyse a wave (N,) as a listener hears it: the mel-cepstrum (T, 25) of its speech; NaN for no numbers."""
    if not (np.isfinite(wave).all() and wave.any()):
        return np.full((1, DIMENSIONS), np.nan)
    world = World(WorldConfig(sample_rate=rate, f0="dio", codec="sptk", dimensions=DIMENSIONS))
    mcep, _ = world.analyse_frames(wave)
    return mcep[find_span(find_speech(measure_levels(wave, rate, len(mcep))))]


def decode_mcep(world: World, frames: np.ndarray) -> np.ndarray:
    """Turn a model's frames (T, Q) into true mel-cepstra (T, 25), c0 included."""
    alpha = default_alpha(world.sample_rate)
    return spectrum_to_mcep(world.decode(np.asarray(frames, np.float64)), DIMENSIONS, alpha)


def _key(one: Sentence) -> tuple[str, int]:
    return one.source, one.row


def _hear(wave: np.ndarray, rate: int, voice: SpeakerSimilarity, error: PhoneError) -> Heard:
    try:
        # One window of DNSMOS instead of up to nine, whose mean takes as many times as long.
        quality = predict_quality(np.resize(wave, int(WINDOW * rate)), rate)
        embedding, phones = embed_voice(wave, rate), decode_phones(wave, rate)
    except UserError:
        return Heard()
    return Heard(quality["overall"], voice.measure(embedding), error.measure(phones))


def _try(instrument: Callable[[np.ndarray, int], Any], path: str) -> Any:
    """Let an instrument hear a recording; return None where it refuses it."""
    try:
        return instrument(*read_wave(path))
    except UserError:
        return None


def _in_threads(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    return Parallel(n_jobs=-1, prefer="threads")(delayed(function)(item) for item in items)
