"""The Python interface: what `import translate` offers. It is stable; everything behind it may change.

    load         a trained model by its folder
    convert      waves, images, features, or lists of them, by a model
    analyse      a wave to features: F0, mel-cepstrum, aperiodicity, ...
    synthesise   features to a wave
    generate     samples from noise, by a model that makes them
    stream       a wave chunk by chunk, as it is recorded
    train        a model from a folder of recordings or images
    evaluate     a model on recordings or images that it has not seen

Arrays in, arrays out; tensors in, tensors out on their device. Rates are in Hz, waves float in [-1, 1] or integer PCM.
Bad input raises `translate.UserError` with one line that says what to do. Several threads may use one model at once.

>>> import numpy as np, translate
>>> model = translate.load("pretrained/cyclegan_vc2-SF1-TM1")
>>> model.domains, model.sample_rate
(['SF1', 'TM1'], 16000)

From a folder of recordings to a trained and measured model; a real run leaves `small` out and takes longer:

>>> from translate.speech.corpus.mini import make_speech
>>> make_speech(folder / "voices", sentences=2, evaluation=1)               # two synthetic voices, low and high
>>> small = {"train.steps": 2, "network.channels": 4, "network.blocks": 1, "features.f0": "dio"}
>>> model = translate.train("cyclegan_vc2", folder / "voices", folder / "run", ["low", "high"], small, jobs=1)
>>> model.directions
[('low', 'high'), ('high', 'low')]
>>> results = translate.evaluate(folder / "run", jobs=1)
>>> [f"{pair['source']} to {pair['target']}, {pair['n']} sentence" for pair in results["pairs"]]
['high to low, 1 sentence', 'low to high, 1 sentence']
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from translate.config import FeatureConfig, Section, WorldConfig, merge, parse_overrides, validate
from translate.errors import UserError
from translate.jobs.load import load, load_converter, load_maker
from translate.jobs.modality import Converter, Maker
from translate.models import NAMES
from translate.models.base import Model as Settings
from translate.speech.analysis.front_end import make_front_end
from translate.speech.analysis.wave import check_wave, mix_down, resample
from translate.speech.conversion.converter import to_samples
from translate.speech.conversion.features import FeatureConverter
from translate.speech.streaming.stream import Stream, stream

__all__ = [
    "Converter", "Maker", "Stream", "analyse", "convert", "evaluate", "generate", "load", "stream", "synthesise",
    "train",
]  # fmt: skip

Model = str | os.PathLike[str] | Converter
FrontEnd = FeatureConverter[Any] | FeatureConfig


def convert(
    model: Model,
    given: Any,
    sample_rate: int | None = None,
    source: str | None = None,
    target: str | None = None,
    **options: Any,
) -> Any:
    """Convert speech, images or features from the domain `source` to the domain `target`.

    Args:
        model: result of `load`, or an argument of `load`.
        given: input, one of
            - a wave (N,) or (N, channels) with its `sample_rate`,
            - an image: PIL image, whole numbers (H, W[, C]) or floats in [-1, 1], ([B,] C, H, W),
            - features as `analyse` gives them with the model's front end,
            - a list of these, of any lengths and sizes.
        sample_rate: rate of waves in Hz.
        source, target: domains; may be left out where one direction is left, see the model's `directions`.
        options: options of `translate convert`: for speech amount, semitones, difference, energy, variance, seed (see
            `translate.speech.options`); for images style, instances, attributes, tile, overlap, grid (see
            `translate.images.options`).

    Returns:
        A wave and its rate; an image of the kind given; features; or a list of them.

    Raises:
        UserError: input that the model cannot convert, or an unknown domain.

    >>> model = translate.load("pretrained/cyclegan_vc2-SF1-TM1")
    >>> wave = 0.2 * (200 * np.arange(8000) / 16000 % 1 - 0.5)              # half a second of a buzz
    >>> converted, rate = translate.convert(model, wave, 16000, target="TM1")
    >>> converted.shape, rate
    ((8000,), 16000)
    >>> [len(wave) for wave, rate in translate.convert(model, [wave, wave[:4000]], 16000, target="TM1")]
    [8000, 4000]
    """
    model = _open(model)
    if not hasattr(model, "convert_any"):
        name = getattr(getattr(model, "config", None), "model", type(model).__name__)
        raise UserError(f"`{name}` does not translate from one domain to another; it makes samples: generate")
    if isinstance(given, list | tuple):
        return [convert(model, one, sample_rate, source, target, **options) for one in given]
    return model.convert_any(given, sample_rate, source, target, **options)


def generate(model: str | os.PathLike[str] | Maker, count: int = 64, **options: Any) -> np.ndarray:
    """Make samples from noise.

    Args:
        model: result of `load`, or an argument of `load`.
        count: number of samples.
        options: options of `translate generate`: seed, label, truncation, between, steps, latents (see
            `translate.images.options.ImageGeneration`). A sample depends on the seed and on its own number, not on
            `count`.

    Returns:
        Pictures (N, H, W, C) uint8.

    Raises:
        UserError: a model that translates, an unknown option or label, or a value out of its range.
    """
    if isinstance(model, str | os.PathLike):
        model = load_maker(model)
    if not hasattr(model, "generate"):
        name = getattr(getattr(model, "config", None), "model", type(model).__name__)
        raise UserError(f"`{name}` does not begin with noise, it translates from one domain to another: convert")
    return model.generate(count, **options)


def analyse(wave: np.ndarray | Tensor, sample_rate: int, front_end: FrontEnd | None = None) -> Any:
    """Analyse speech into features.

    Args:
        wave: samples (N,) or (N, channels), any length from 0.1 s.
        sample_rate: rate in Hz.
        front_end: a model, whose analysis is used (the wave is resampled to its rate); or a section `features`, such as
            `WorldConfig(sample_rate=16000, f0="dio")`. None: WORLD at the wave's rate, the rest as by default.

    Returns:
        `WorldFeatures` (f0 (T,) in Hz, 0 where unvoiced; mcep (T, Q); aperiodicity (T, F); samples), `StftFeatures`
        (log_magnitude and phase (T, F); samples), or the samples (N',), by the kind of the front end.

    Raises:
        UserError: a wave that is silent, not finite or too short; a rate out of 8000 to 48000 Hz.

    >>> wave = 0.2 * (200 * np.arange(8000) / 16000 % 1 - 0.5)              # a buzz of 200 Hz
    >>> features = translate.analyse(wave, 16000)
    >>> features.mcep.shape, features.f0.shape, features.aperiodicity.shape
    ((101, 36), (101,), (101, 513))
    >>> round(float(np.median(features.f0)))
    200
    """
    used = _make_front_end(front_end, sample_rate)
    samples = resample(mix_down(to_samples(wave)), sample_rate, used.sample_rate)
    check_wave(samples, used.sample_rate, "the wave")
    # A model analyses F0 in the ranges of its voices.
    return front_end.analyse(samples) if isinstance(front_end, FeatureConverter) else used.analyse(samples)


def synthesise(features: Any, front_end: FrontEnd | int) -> tuple[np.ndarray, int]:
    """Synthesise a wave from features, the inverse of `analyse`.

    Args:
        features: features from `analyse`, perhaps changed: F0 scaled, mel-cepstra converted, ...
        front_end: the one given to `analyse`; where none was given there, the wave's rate in Hz.

    Returns:
        (N,) float64 wave and its rate.

    >>> wave = 0.2 * (200 * np.arange(8000) / 16000 % 1 - 0.5)              # a buzz of 200 Hz
    >>> features = translate.analyse(wave, 16000)
    >>> features.f0 *= 2                                                    # an octave higher
    >>> higher, rate = translate.synthesise(features, 16000)
    >>> higher.shape, rate
    ((8000,), 16000)
    """
    rate = front_end if isinstance(front_end, int) else 0
    used = _make_front_end(None if isinstance(front_end, int) else front_end, rate)
    return used.synthesise(features), used.sample_rate


def train(
    config: str | os.PathLike[str] | Mapping[str, Any] | Settings,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    domains: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    layout: str = "auto",
    jobs: int = -1,
) -> Any:
    """Train a model; the same call resumes a run that was cut.

    Args:
        config: name of a model (`translate models`), a YAML file, its content, or a resolved configuration.
        data: folder of recordings or images by domain, which is prepared in `out`/data and `out`/features; or the
            output of `translate prepare` (images) or `translate extract` (speech).
        out: folder of the run.
        domains: source and target, or all domains of a model of many; None: as configured, else all of the corpus.
        settings: overrides of the configuration by dotted keys: {"train.steps": 2000}.
        layout: layout of images, see `translate prepare --help`.
        jobs: number of processes of the extraction; -1: one per core.

    Returns:
        The trained model.

    Raises:
        UserError: an unknown model or setting, unfit data, another run in `out`.
    """
    from translate.jobs.from_corpus import train_from

    file, given = None, parse_overrides([f"{key}={json.dumps(value)}" for key, value in (settings or {}).items()])
    if isinstance(config, Settings):
        given = merge(config.model_dump(), given)
    elif isinstance(config, Mapping):
        given = merge(dict(config), given)
    elif str(config) in NAMES:
        given = merge({"model": str(config)}, given)
    else:
        file = str(config)
    train_from(Path(data), Path(out), file, given, domains, layout, jobs)
    return load(out)


def evaluate(
    run: str | os.PathLike[str],
    evaluation: str | os.PathLike[str] | None = None,
    training: str | os.PathLike[str] | None = None,
    jobs: int = -1,
) -> dict[str, Any]:
    """Convert the recordings or images of a manifest in every direction, or generate some, and measure the result.

    Args:
        run: folder of a run; converted/ (of a model of noise generated/), results.md, results.json and pictures/ are
            written to it.
        evaluation, training: manifests of `translate prepare`; None: those that `train` made from a corpus.
        jobs: number of processes; -1: one per core.

    Returns:
        The content of results.json.

    Raises:
        UserError: no such run or manifest, or recordings that cannot be converted.
    """
    from translate.jobs.from_corpus import convert_and_evaluate

    first, second = (None if path is None else Path(path) for path in (evaluation, training))
    return convert_and_evaluate(Path(run), first, second, jobs)


def _open(model: Model) -> Converter:
    return load_converter(model) if isinstance(model, str | os.PathLike) else model


def _make_front_end(front_end: FrontEnd | None, sample_rate: int) -> Any:
    if front_end is None:
        front_end = validate(WorldConfig, {"sample_rate": int(sample_rate)}, "sample_rate")
    return make_front_end(front_end) if isinstance(front_end, Section) else front_end.front_end
