"""The steps from a wave to its conversion: analysis, one network after the other, synthesis."""

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from translate.speech.analysis.wave import check_wave, resample
from translate.speech.options import SpeechConversion

if TYPE_CHECKING:
    from translate.speech.conversion.features import FeatureConverter


@dataclass
class Conversion:
    """A converted wave together with its inputs.

    Attributes:
        wave: (N,) float64.
        sample_rate: rate of `wave` and `original` in Hz.
        original: (N,) source wave as analysed: mono, resampled.
        source, converted: features before and after, in the model's type (`WorldFeatures`, `StftFeatures`, or the
            samples). A chain gives those after its first analysis and those before its last synthesis. Differential
            synthesis keeps the source's F0.
        seconds: processing time by stage: analysis, network, synthesis.
    """

    wave: np.ndarray
    sample_rate: int
    original: np.ndarray
    source: Any
    converted: Any
    seconds: dict[str, float]

    @property
    def audio_seconds(self) -> float:
        return len(self.wave) / self.sample_rate


class Step(NamedTuple):
    """The part of one model in a conversion."""

    converter: "FeatureConverter[Any]"
    source: str
    target: str


def convert_group(
    group: list[Step], wave: np.ndarray, sample_rate: int, options: SpeechConversion, name: str
) -> Conversion:
    """Analyse a wave, convert its features by the steps of a group, and synthesise."""
    head = group[0].converter
    wave, rate = resample(wave, sample_rate, head.sample_rate), head.sample_rate
    check_wave(wave, rate, name)
    times = [time.perf_counter()]
    features = head.analyse(wave)
    times.append(time.perf_counter())
    converted = convert_features(group, features, options)
    times.append(time.perf_counter())
    filtered = options.difference
    result = head.filter_wave(wave, features, converted) if filtered else head.synthesise(converted)
    times.append(time.perf_counter())
    spent = [end - begin for begin, end in pairwise(times)]
    seconds = dict(zip(("analysis", "network", "synthesis"), spent, strict=True))
    return Conversion(result, rate, wave, features, converted, seconds)


def convert_features(group: list[Step], features: Any, options: SpeechConversion) -> Any:
    """Convert features by the steps of a group; `amount`, `semitones` and `variance` apply to the first.

    A level says how far the speaker was from the microphone, nothing about the voice. So frames keep the power that
    they have in the source, unless `energy` asks for the networks'.
    """
    converted = features
    for number, (converter, source, target) in enumerate(group):
        seed = options.seed if converter.takes_seed else None
        converted = converter.convert_features(converted, source, target, seed, options.difference)
        if number == 0 and options.amount < 1:
            converted = converter.mix(features, converted, options.amount)
        if number == 0 and options.semitones:
            converted = converter.shift(converted, options.semitones)
        if number == 0 and options.variance:
            converted = converter.scale_variance(features, converted, target, options.variance)
    return group[0].converter.keep_level(features, converted) if options.energy == "source" else converted


def group_steps(steps: list[Step]) -> list[list[Step]]:
    """Group consecutive steps with the same analysis, within which features are passed on directly."""
    groups = [steps[:1]]
    for before, step in pairwise(steps):
        a, b = before.converter, step.converter
        if type(a) is type(b) and a.front_end.config == b.front_end.config:
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups
