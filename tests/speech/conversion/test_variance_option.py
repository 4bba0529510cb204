"""The option `variance` of a conversion."""

import numpy as np
import pytest
import torch
from torch import nn

from translate.config import WorldConfig
from translate.errors import UserError
from translate.games.base import Translator
from translate.models import resolve
from translate.speech.analysis.levels import find_speech
from translate.speech.analysis.statistics import Statistics, moments
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.conversion.waveform import WaveformConverter
from translate.speech.corpus.mini import make_speech

RATE = 16000
FEATURES = {"sample_rate": RATE, "f0": "dio", "codec": "sptk", "dimensions": 25}


class Muffling(Translator):
    """A map that halves every movement."""

    def __init__(self):
        super().__init__({"generator": nn.Identity()}, {})

    def training_step(self, batch, step):
        yield from ()  # it is never trained

    def translate(self, x, source, target):
        return 0.5 * x


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A converter, a wave of its source, and the mask of its speech."""
    folder = tmp_path_factory.mktemp("speech")
    make_speech(folder, sentences=1, evaluation=0, sample_rate=RATE)
    waves = {domain: read_wave(folder / domain / "train_001.wav")[0] for domain in ("low", "high")}
    config = resolve({"model": "cyclegan_vc2", "data": {"domains": ["low", "high"]}, "features": FEATURES}, "test")
    world = World(WorldConfig(**FEATURES))
    analysed = {domain: world.analyse_frames(wave) for domain, wave in waves.items()}
    statistics = {d: Statistics.from_moments(moments(*one), world.dimensions) for d, one in analysed.items()}
    features = world.analyse(waves["low"])
    speech = find_speech(10 * np.log10(world.measure_power(features.mcep, features.f0)))
    return VoiceConverter(Muffling(), config, statistics, torch.device("cpu")), waves["low"], speech


def test_the_targets_deviation_over_speech(case):
    converter, wave, speech = case
    plain, half, full = (
        converter.convert_in_detail(wave, RATE, "low", "high", variance=amount).converted.mcep for amount in (0, 0.5, 1)
    )
    wanted = converter.statistics["high"].deviation
    assert (plain[speech].std(axis=0) < 0.8 * wanted)[1:].all()
    np.testing.assert_allclose(full[speech].std(axis=0)[2:], wanted[2:], rtol=1e-5)  # c1: more than a factor of 3
    np.testing.assert_allclose(half[:, 1:], ((plain + full) / 2)[:, 1:], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(full[speech].mean(axis=0)[1:], plain[speech].mean(axis=0)[1:], rtol=1e-5, atol=1e-6)


def test_the_power_stays_that_of_the_source(case):
    converter, wave, speech = case
    result = converter.convert_in_detail(wave, RATE, "low", "high", variance=1.0)
    powers = [converter.world.measure_power(one.mcep, one.f0)[speech] for one in (result.source, result.converted)]
    np.testing.assert_allclose(powers[1], powers[0], rtol=1e-4)


def test_refusals(case):
    converter, wave, _ = case
    with pytest.raises(UserError, match="variance"):
        converter.convert(wave, RATE, "low", "high", variance=1.5)
    values = {"model": "wavecyclegan2", "data": {"domains": ["low", "high"]}, "features": {"sample_rate": RATE}}
    config = resolve(values, "test")
    waves = WaveformConverter(Muffling(), config, {}, torch.device("cpu"))
    with pytest.raises(UserError, match="variance: only a model on mel-cepstra"):
        waves.convert(wave, RATE, "low", "high", variance=1)
