"""What converters of speech share, and the kinds of features, by stand-ins for networks."""

import logging

import numpy as np
import pytest
import torch
from bare_models import BareSpeech
from tiny_runs import configure
from torch import nn

from translate.config import DataConfig, StftConfig, WaveConfig, WorldConfig
from translate.corpus.directions import Directions
from translate.errors import UserError
from translate.games.base import Translator
from translate.models import list_models
from translate.networks.wave import PlainGenerator, ResamplingGenerator
from translate.speech.analysis.statistics import Statistics
from translate.speech.conversion.open import make_converter

RATE = 16000
WORLD = WorldConfig(sample_rate=RATE, f0="dio", codec="sptk", dimensions=25)
STFT = StftConfig(sample_rate=RATE)
WAVE = WaveConfig(sample_rate=RATE)
DIMENSIONS = {"world": 25, "stft": 513, "wave": 1}


class StandIn(Translator):
    """Any map in place of the networks."""

    def __init__(self, network):
        super().__init__({"generator": nn.ModuleDict({"map": network})}, {})
        self.seen = []                                              # frames per call

    def training_step(self, batch, step):
        yield from ()  # it is never trained

    def translate(self, x, source, target):
        self.seen.append(x.shape[-1])
        return self.players["generator"]["map"](x)


class Noisy(StandIn):
    def translate(self, x, source, target, seed=None):
        generator = torch.Generator().manual_seed(seed or 0)
        return x + 0.1 * torch.randn(x.shape, generator=generator)


def make(features, network=None, domains=("a", "b"), kind=StandIn, statistics=None, **data):
    config = BareSpeech(features=features, data=DataConfig(domains=list(domains), **data))
    size = features.dimensions if isinstance(features, WorldConfig) else DIMENSIONS[features.kind]
    flat = Statistics(np.zeros(size), np.ones(size), 5.0, 0.2, 1000, 800)
    statistics = statistics or dict.fromkeys(domains, flat)
    return make_converter(kind(network or nn.Identity()), config, statistics, torch.device("cpu"))


def make_vowel(samples=RATE // 2, f0=120.0, rate=RATE):
    """Harmonics of a constant F0 with a falling spectrum, and a little noise."""
    time = np.arange(samples) / rate
    partials = [np.sin(2 * np.pi * f0 * k * time + k) / k**1.5 for k in range(1, int(0.45 * rate / f0))]
    return 0.1 * np.sum(partials, axis=0) + 1e-3 * np.random.default_rng(0).normal(size=samples)


@pytest.fixture(scope="module")
def vowel():
    return make_vowel()


# --- names ------------------------------------------------------------------------------------------------


def test_between_two_domains_one_name_is_enough():
    converter = make(WAVE)
    assert converter.domains == ["a", "b"]
    for given in (("a", None), (None, "b"), ("a", "b")):
        assert converter.name_domains(*given) == ("a", "b")
    for given in (("b", None), (None, "a")):
        assert converter.name_domains(*given) == ("b", "a")
    with pytest.raises(UserError, match=r"name the target domain \(--to, or target=\.\.\.\); this model knows a, b"):
        converter.name_domains(None, None)


def test_pairs_have_one_direction():
    converter = make(WAVE, batches="paired")
    for given in ((None, None), ("a", None), (None, "b"), ("a", "b")):
        assert converter.name_domains(*given) == ("a", "b")
    for given in (("b", None), (None, "a"), ("b", "a")):
        with pytest.raises(UserError, match="this model translates a to b only; train another for the way back"):
            converter.name_domains(*given)


def test_many_domains_need_both_names():
    converter = make(WAVE, domains=("a", "b", "c"), batches="labelled")
    assert converter.name_domains("c", "a") == ("c", "a")
    for given in ((None, None), ("a", None), (None, "b")):
        with pytest.raises(UserError, match=r"the source and the target domain \(--from and .*\); .* knows a, b, c"):
            converter.name_domains(*given)


@pytest.mark.parametrize("batches", ["unpaired", "paired", "labelled"])
def test_wrong_names(batches):
    converter = make(WAVE, batches=batches)
    for given in (("SF1", None), (None, "SF1"), ("a", "SF1")):
        with pytest.raises(UserError, match="unknown domain `SF1`; this model knows a, b"):
            converter.name_domains(*given)
    with pytest.raises(UserError, match="source and target are both `a`"):
        converter.name_domains("a", "a")


# --- kinds of features ------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [WORLD, STFT, WAVE], ids=lambda features: features.kind)
@pytest.mark.parametrize("samples", [1600, 1601, 3333])
def test_every_kind_keeps_the_length(features, samples):
    result = make(features).convert_in_detail(make_vowel(samples), RATE, "a")
    assert result.wave.shape == result.original.shape == (samples,)
    assert result.wave.dtype == np.float64
    assert result.sample_rate == RATE
    assert list(result.seconds) == ["analysis", "network", "synthesis"]
    assert all(spent >= 0 for spent in result.seconds.values())
    assert np.isfinite(result.wave).all()


@pytest.mark.parametrize("features", [WORLD, STFT, WAVE], ids=lambda features: features.kind)
def test_every_kind_refuses_what_it_cannot_analyse(features):
    for wave, message in ((np.zeros(RATE), "x.wav: silent"), (np.ones(99), "x.wav: too short")):
        with pytest.raises(UserError, match=message):
            make(features).convert_in_detail(wave, RATE, "a", name="x.wav")


def test_spectrograms_keep_the_phase(vowel):
    output, rate = make(STFT).convert(vowel, RATE, "a")
    assert rate == RATE
    np.testing.assert_allclose(output, vowel, atol=1e-5)
    louder = make(STFT, Add(np.log(2))).convert(vowel, RATE, "a")[0]
    np.testing.assert_allclose(louder, 2 * vowel, atol=1e-5)
    result = make(STFT, Add(1.0)).convert_in_detail(vowel, RATE, "a")
    np.testing.assert_allclose(result.converted.log_magnitude, result.source.log_magnitude + 1, atol=1e-5)


class Add(nn.Module):
    def __init__(self, amount):
        super().__init__()
        self.amount = amount

    def forward(self, x):
        return x + self.amount


def test_spectrograms_by_griffin_lim(vowel):
    config = StftConfig(sample_rate=RATE, phase="griffin_lim")
    result = make(config, Add(np.log(2))).convert_in_detail(vowel, RATE, "a")
    assert result.wave.shape == vowel.shape
    assert 0.5 < np.std(result.wave) / np.std(2 * vowel) < 1.5


def test_waves_are_frames_of_one_sample(vowel):
    np.testing.assert_allclose(make(WAVE).convert(vowel, RATE, "a")[0], vowel, atol=1e-7)
    domains = {
        "a": Statistics(np.array([0.1]), np.array([0.5]), 0.0, 0.0, 10, 0),
        "b": Statistics(np.array([-0.2]), np.array([2.0]), 0.0, 0.0, 10, 0),
    }
    moved = make(WAVE, statistics=domains).convert(0.2 * vowel, RATE, "a", "b")[0]
    np.testing.assert_allclose(moved, (0.2 * vowel - 0.1) / 0.5 * 2.0 - 0.2, atol=1e-6)


def test_a_long_wave_in_chunks_is_the_whole():
    torch.manual_seed(0)
    wave = make_vowel(3 * RATE)
    converter = make(WAVE, PlainGenerator(channels=4, dilations=(1, 4)))
    whole = converter.convert(wave, RATE, "a")[0]
    assert converter.translator.seen == [len(wave) // 2 + 7 * (2 + 2 * 5)] * 2
    converter.bounded_chunk = 10**6
    converter.translator.seen.clear()
    np.testing.assert_allclose(converter.convert(wave, RATE, "a")[0], whole, atol=1e-5)
    assert converter.translator.seen == [len(wave)]


def test_a_long_wave_under_a_norm_fades():
    torch.manual_seed(0)
    wave = make_vowel(2 * RATE)
    converter = make(WAVE, ResamplingGenerator(channels=2, blocks=1))
    whole = converter.convert(wave, RATE, "a")[0]
    assert converter.translator.seen == [len(wave)]
    converter.chunk = 10_000
    output = converter.convert(wave, RATE, "a")[0]
    assert len(converter.translator.seen) > 4
    assert output.shape == wave.shape
    assert np.corrcoef(output, whole)[0, 1] > 0.95


def test_any_rate_becomes_that_of_the_model(vowel):
    for features in (STFT, WAVE):
        output, rate = make(features).convert(make_vowel(22050, rate=44100), 44100, "a")
        assert rate == RATE
        assert abs(len(output) - RATE // 2) <= 1


# --- F0 ---------------------------------------------------------------------------------------------------


def test_f0_of_one_voice_stays(vowel, caplog):
    domains = {
        "a": Statistics(np.zeros(25), np.ones(25), np.log(120), 0.1, 1000, 800),
        "b": Statistics(np.zeros(25), np.ones(25), np.log(240), 0.1, 1000, 0),
    }
    with caplog.at_level(logging.WARNING, "translate"):
        result = make(WORLD, statistics=domains, normalise="target").convert_in_detail(vowel, RATE, "a", "b")
    assert (result.source.f0 > 0).any()
    assert np.array_equal(result.converted.f0, result.source.f0)
    assert not caplog.records                                       # of statistics without a voiced frame
    with caplog.at_level(logging.WARNING, "translate"):
        make(WORLD, statistics=domains).convert(vowel, RATE, "a", "b")
    assert "no voiced frame in the statistics" in caplog.text


# --- options ----------------------------------------------------------------------------------------------


def test_options_that_a_model_does_not_have(vowel):
    for features in (STFT, WAVE):
        with pytest.raises(UserError, match=r"^difference: only a model on mel-cepstra"):
            make(features).convert(vowel, RATE, "a", difference=True)
    for features in (WORLD, STFT, WAVE):
        with pytest.raises(UserError, match=r"^seed: this model draws no noise"):
            make(features).convert(vowel, RATE, "a", seed=0)


@pytest.mark.parametrize("features", [WORLD, STFT, WAVE], ids=lambda features: features.kind)
def test_another_seed_is_another_sample(features, vowel):
    converter = make(features, kind=Noisy)
    assert converter.takes_seed
    first, again, other = (converter.convert(vowel, RATE, "a", seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4
    assert np.array_equal(converter.convert(vowel, RATE, "a")[0], converter.convert(vowel, RATE, "a", seed=0)[0])


# --- models -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("model", [name for name, model in list_models().items() if model.modality == "speech"])
def test_models(model, vowel):
    config = configure(model, features={"sample_rate": RATE})
    source, target = Directions.of(config).pairs[0]
    torch.manual_seed(0)
    translator = config.build()
    size = config.features.frame_size
    flat = Statistics(np.zeros(size), np.ones(size), 5.0, 0.2, 1000, 800)
    converter = make_converter(translator, config, dict.fromkeys(config.data.domains, flat), torch.device("cpu"))
    output, rate = converter.convert(vowel, RATE, source, target)
    assert (rate, len(output)) == (RATE, len(vowel))
    assert np.isfinite(output).all()
    assert np.array_equal(output, converter.convert(vowel, RATE, source, target)[0])
    assert converter.takes_seed == ("postfilter" in model)
    if converter.takes_seed:
        assert not np.array_equal(output, converter.convert(vowel, RATE, source, target, seed=7)[0])
