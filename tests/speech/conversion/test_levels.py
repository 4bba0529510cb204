"""Levels follow the source: pauses stay as quiet and speech as loud as they were recorded, in files and in streams."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from translate.api import convert, stream
from translate.config import WorldConfig
from translate.errors import UserError
from translate.games.base import Translator
from translate.jobs.load import load
from translate.models import resolve
from translate.speech.analysis.statistics import Statistics
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World
from translate.speech.conversion.chain import Chain
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.conversion.waveform import WaveformConverter
from translate.speech.corpus.mini import make_speech

RATE = 16000
FEATURES = {"sample_rate": RATE, "f0": "dio", "codec": "sptk", "dimensions": 25}
PRETRAINED = Path(__file__).parents[3] / "pretrained"


class Shouting(Translator):
    """A map that makes everything as loud as speech is, as norms over a pause do, and changes the timbre."""

    def __init__(self):
        super().__init__({"generator": nn.Identity()}, {})

    def training_step(self, batch, step):
        yield from ()  # it is never trained

    def translate(self, x, source, target):
        y = 0.5 * x
        y[:, 0] = 2 + 0.1 * x[:, 1]
        return y


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    make_speech(folder, sentences=1, evaluation=0, sample_rate=RATE)
    return {domain: read_wave(folder / domain / "train_001.wav")[0] for domain in ("low", "high")}


@pytest.fixture(scope="module")
def converter(voices):
    config = resolve({"model": "cyclegan_vc2", "data": {"domains": ["low", "high"]}, "features": FEATURES}, "test")
    world = World(WorldConfig(**FEATURES))
    statistics = {}
    for domain, wave in voices.items():
        mcep, f0 = world.analyse_frames(wave)
        log_f0 = np.log(f0[f0 > 0])
        counts = len(mcep), len(log_f0)
        statistics[domain] = Statistics(mcep.mean(axis=0), mcep.std(axis=0), log_f0.mean(), log_f0.std(), *counts)
    return VoiceConverter(Shouting(), config, statistics, torch.device("cpu"))


def measure(wave, rate):
    """Return the level (T,) in dB of every 100 ms."""
    size = rate // 10
    pieces = wave[: len(wave) // size * size].reshape(-1, size)
    return 10 * np.log10((pieces**2).mean(axis=1) + 1e-20)


def measure_speech(wave, rate):
    levels = measure(wave, rate)
    return 10 * np.log10((10 ** (levels[levels > np.sort(levels)[-5] - 20] / 10)).mean())


def run(model, wave, rate, **options):
    under_way = stream(model, model.directions[0][1], model.directions[0][0], sample_rate=rate, **options)
    parts = [under_way.push(wave[start : start + 3000]) for start in range(0, len(wave), 3000)]
    return np.concatenate([*parts, under_way.flush()])


def make_cases(speech, rate=RATE):
    """Recordings by name, and the seconds of a pause in each."""
    random, long = np.random.default_rng(0), len(speech) / rate

    def rest(seconds, level):
        return 10 ** (level / 20) * random.standard_normal(round(seconds * rate))

    click = rest(6, -75)
    click[rate] = 0.9
    hum = 0.003 * np.sin(2 * np.pi * 100 * np.arange(6 * rate) / rate) + rest(6, -80)
    return {
        "a long pause": (np.concatenate([speech, rest(12, -70), speech]), (long, long + 12)),
        "a short pause": (np.concatenate([speech, rest(1.2, -60), speech]), (long, long + 1.2)),
        "room noise first": (np.concatenate([rest(4, -65), speech]), (0, 4)),
        "a noisy room": (np.concatenate([speech, rest(4, -45), speech]), (long, long + 4)),
        "digital zeros": (np.concatenate([speech, np.zeros(4 * rate), speech]), (long, long + 4)),
        "zeros first": (np.concatenate([np.zeros(3 * rate), speech]), (0, 3)),
        "hum": (np.concatenate([speech, hum, speech]), (long, long + 6)),
        "a click": (np.concatenate([speech, click, speech]), (long + 1.6, long + 6)),
        "a soft recording": (0.01 * np.concatenate([speech, rest(4, -60), speech]), (long, long + 4)),
    }


CASES = list(make_cases(np.zeros(1)))


def check(model, wave, rate, pause, converted):
    quiet = slice(round(10 * pause[0]) + 5, round(10 * pause[1]) - 5)
    before, after = measure(wave, rate)[quiet], measure(converted, model.sample_rate)[quiet]
    assert (after < np.maximum(before + 5, -90)).all()
    assert abs(measure_speech(converted, model.sample_rate) - measure_speech(wave, rate)) < 1.5


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", ["file", "stream"])
def test_pauses_stay_quiet_and_speech_keeps_its_level(converter, voices, case, way):
    wave, pause = make_cases(voices["low"])[case]
    converted = converter.convert(wave, RATE, "low", "high")[0] if way == "file" else run(converter, wave, RATE)
    check(converter, wave, RATE, pause, converted)


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("cyclegan_vc2-SF1-TM1", "a long pause"),
        ("cyclegan_vc2-SF1-TM1", "a short pause"),
        ("cyclegan_vc2-SM1-TF1", "a soft recording"),
        ("cyclegan_vc2-SM1-TF1", "hum"),
        ("stargan_vc2-fsdd", "a click"),
    ],
)
def test_trained_voices_keep_levels(real_data, name, case):
    model = load(PRETRAINED / name)
    rate = 8000 if "fsdd" in name else 48000 if case == "a short pause" else RATE
    voice = "fsdd/george/0_george_0.wav" if "fsdd" in name else f"vcc2016/{name[-7:-4]}/100001.wav"
    paths = sorted((real_data / "fsdd/george").glob("*_george_0.wav")) if "fsdd" in name else [real_data / voice]
    speech = np.concatenate([read_wave(path, rate)[0] for path in paths])
    wave, pause = make_cases(speech, rate)[case]
    for converted in (model.convert(wave, rate, *model.directions[0])[0], run(model, wave, rate)):
        check(model, wave, rate, pause, converted)


def test_a_softer_half_stays_softer(converter, voices):
    wave = np.tile(voices["low"], 8)
    half = len(wave) // 2
    wave[half:] *= 10 ** (-30 / 20)
    for converted in (converter.convert(wave, RATE, "low", "high")[0], run(converter, wave, RATE)):
        loud, soft = (np.sqrt((part**2).mean()) for part in (converted[:half], converted[half:]))
        assert 25 < 20 * np.log10(loud / soft) < 35
        assert abs(measure_speech(converted[:half], RATE) - measure_speech(wave[:half], RATE)) < 1


def test_the_networks_own_power_comes_back(converter, voices):
    wave = np.concatenate([voices["low"], np.zeros(RATE)])
    options = {"energy": "converted"}
    whole = converter.convert(wave, RATE, "low", "high", **options)[0]
    for converted in (whole, run(converter, wave, RATE, **options)):
        assert measure(converted, RATE)[-5] > -45                   # the map shouts
    order = converter.order("low", "high", energy="converted")
    blocks = np.concatenate(list(converter.convert_blocks([wave], RATE, order)))
    assert np.array_equal(blocks, whole)


@pytest.mark.parametrize("options", [{}, {"difference": True}, {"amount": 0.5}, {"semitones": 7}])
def test_frames_have_the_sources_power(converter, voices, options):
    world = converter.world
    result = converter.convert_in_detail(voices["low"], RATE, "low", "high", **options)
    before, after = (world.measure_power(of.mcep, of.f0) for of in (result.source, result.converted))
    np.testing.assert_allclose(after, before, rtol=1e-6)
    assert np.abs(result.converted.mcep[:, 1:] - result.source.mcep[:, 1:]).max() > 0.1
    again = convert(converter, result.source, None, "low", "high", **options)
    np.testing.assert_allclose(again.mcep, result.converted.mcep, atol=1e-9)
    chain = Chain([converter, converter]).convert_in_detail(voices["low"], RATE, "low", "high", **options)
    after = world.measure_power(chain.converted.mcep, chain.converted.f0)
    np.testing.assert_allclose(after, before, rtol=1e-6)


def test_nothing_converted_is_nothing_changed(converter, voices):
    result = converter.convert_in_detail(voices["low"], RATE, "low", "high", amount=0)
    assert np.array_equal(result.converted.mcep, result.source.mcep)


def test_models_without_a_vocoder_have_no_choice():
    config = resolve({"model": "wavecyclegan2", "data": {"domains": ["low", "high"]}}, "test")
    nothing = dict.fromkeys(("low", "high"), Statistics(np.zeros(1), np.ones(1), 5.0, 0.2, 1000, 800))
    converter = WaveformConverter(Shouting(), config, nothing, torch.device("cpu"))
    with pytest.raises(UserError, match="energy: only a model on mel-cepstra"):
        converter.check_options(energy="converted")
    with pytest.raises(UserError, match="energy"):
        converter.check_options(energy="both")
