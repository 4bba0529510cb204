"""Converters in a row, by stand-ins for networks."""

import numpy as np
import pytest
import torch
from bare_models import BareSpeech
from torch import nn

from translate.config import DataConfig, StftConfig, WaveConfig, WorldConfig
from translate.errors import UserError
from translate.games.base import Translator
from translate.speech.analysis.statistics import Statistics
from translate.speech.analysis.world import World, synthesise_difference
from translate.speech.conversion.chain import Chain
from translate.speech.conversion.open import make_converter

RATE = 16000
WORLD = WorldConfig(sample_rate=RATE, f0="dio", codec="sptk", dimensions=25)
OTHER = WorldConfig(sample_rate=RATE, f0="dio", codec="sptk", dimensions=20)
STFT = StftConfig(sample_rate=RATE)
WAVE = WaveConfig(sample_rate=22050)
SIZES = {"stft": 513, "wave": 1}


class StandIn(Translator):
    """Adds an amount to all but the first coefficient; remembers what it was asked."""

    def __init__(self, amount):
        super().__init__({"generator": nn.ModuleDict()}, {})
        self.amount, self.calls = amount, []

    def training_step(self, batch, step):
        yield from ()  # it is never trained

    def translate(self, x, source, target):
        self.calls.append((source, target))
        return torch.cat([x[:, :1], x[:, 1:] + self.amount], dim=1)


class Noisy(StandIn):
    def translate(self, x, source, target, seed=None):
        self.calls.append(seed)
        return x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed or 0))


class Silent(StandIn):
    def translate(self, x, source, target):
        return 0 * x


def make(
    features=WORLD, amount=0.0, domains=("synthetic", "natural"), batches="paired", kind=StandIn, pitch=(5.0, 5.0)
):
    config = BareSpeech(features=features, data=DataConfig(domains=list(domains), batches=batches))
    size = features.dimensions if isinstance(features, WorldConfig) else SIZES[features.kind]
    domain_pitch = dict(zip(domains, pitch, strict=True))
    statistics = {d: Statistics(np.zeros(size), np.ones(size), p, 0.2, 1000, 800) for d, p in domain_pitch.items()}
    return make_converter(kind(amount), config, statistics, torch.device("cpu"))


def make_voice(**options):
    return make(domains=("low", "high"), batches="unpaired", pitch=(4.8, 5.5), **options)


@pytest.fixture(scope="module")
def vowel():
    time = np.arange(RATE // 2) / RATE
    partials = [np.sin(2 * np.pi * 120 * k * time + k) / k**1.5 for k in range(1, 60)]
    return 0.1 * np.sum(partials, axis=0) + 1e-3 * np.random.default_rng(0).normal(size=len(time))


@pytest.fixture
def counts(monkeypatch):
    """How often WORLD analysed and synthesised."""
    calls = {"analyse": 0, "synthesise": 0}
    for name in calls:
        original = getattr(World, name)

        def count(self, *arguments, name=name, original=original):
            calls[name] += 1
            return original(self, *arguments)

        monkeypatch.setattr(World, name, count)
    return calls


def test_a_chain_of_one_is_its_converter(vowel):
    converter = make_voice(amount=0.1)
    chain = Chain([converter])
    assert (chain.domains, chain.sample_rate, chain.world) == (converter.domains, RATE, converter.world)
    expected = converter.convert_in_detail(vowel, RATE, "low")
    result = chain.convert_in_detail(vowel, RATE, None, "high")
    assert np.array_equal(result.wave, expected.wave)
    assert np.array_equal(result.original, expected.original)
    assert np.array_equal(chain.convert(vowel, RATE, "low")[0], expected.wave)


def test_mel_cepstra_pass_on_without_a_vocoder(vowel, counts):
    first, second = make_voice(amount=0.1), make(amount=0.2)
    own = {"energy": "converted"}
    result = Chain([first, second]).convert_in_detail(vowel, RATE, "high", "low", **own)
    assert counts == {"analyse": 1, "synthesise": 1}
    assert first.translator.calls == [("high", "low")]
    assert second.translator.calls == [("synthetic", "natural")]
    np.testing.assert_allclose(result.converted.mcep[:, 1:], result.source.mcep[:, 1:] + 0.3, atol=1e-5)
    np.testing.assert_allclose(result.converted.mcep[:, 0], result.source.mcep[:, 0], atol=1e-5)
    together = make_voice(amount=0.3).convert_in_detail(vowel, RATE, "high", "low", **own)
    np.testing.assert_allclose(result.converted.f0, together.converted.f0)
    np.testing.assert_allclose(result.wave, together.wave, atol=1e-4)


def test_other_analyses_take_the_wave(vowel, counts):
    first, second, vowel = make_voice(amount=0.1), make(OTHER, amount=0.2), 0.3 * vowel
    chain = Chain([first, second])
    result = chain.convert_in_detail(vowel, RATE, "low")
    assert counts == {"analyse": 2, "synthesise": 2}
    assert chain.world is second.world
    assert result.source.mcep.shape[1] == 25
    assert result.converted.mcep.shape[1] == 20
    step = first.convert(vowel, RATE, "low")[0]
    assert np.array_equal(result.wave, second.convert(step, RATE)[0])


def test_rates_and_kinds_may_differ(vowel):
    converters = [make_voice(), make(STFT, amount=0.1), make(WAVE, batches="unpaired")]
    chain = Chain(converters)
    result = chain.convert_in_detail(vowel, RATE, "low", "high")
    assert (chain.sample_rate, chain.world) == (22050, None)
    assert result.sample_rate == 22050
    assert abs(len(result.wave) - 11025) <= 1
    assert abs(len(result.original) - 11025) <= 1
    assert np.isfinite(result.wave).all()
    assert list(result.seconds) == ["analysis", "network", "synthesis"]
    assert converters[2].translator.calls == [("synthetic", "natural")]
    assert abs(result.audio_seconds - 0.5) < 1e-3


def test_names_are_those_of_the_first():
    chain = Chain([make_voice(), make()])
    assert chain.domains == ["low", "high"]
    assert chain.name_domains("high", None) == ("high", "low")
    with pytest.raises(UserError, match="unknown domain `natural`; this model knows low, high"):
        chain.name_domains(None, "natural")


def test_what_cannot_be_chained():
    with pytest.raises(UserError, match="at least one converter"):
        Chain([])
    many = make(domains=("a", "b", "c"), batches="labelled", pitch=(5.0, 5.0, 5.0))
    with pytest.raises(UserError, match="converter 2 of the chain knows a, b, c: one of many domains"):
        Chain([make_voice(), many])
    assert Chain([many, make()]).name_domains("c", "a") == ("c", "a")


def test_differential_synthesis_spans_the_first_analysis(vowel):
    first, second, third = make_voice(amount=0.01), make(amount=0.02), make(OTHER, amount=0.0)
    chain = Chain([first, second])
    result = chain.convert_in_detail(vowel, RATE, "low", difference=True)
    assert np.array_equal(result.converted.f0, result.source.f0)
    expected = synthesise_difference(vowel, result.source.mcep, result.converted.mcep, first.world)
    np.testing.assert_allclose(result.wave, expected, atol=1e-12)
    longer = Chain([first, second, third]).convert(vowel, RATE, "low", difference=True)[0]
    assert np.array_equal(longer, third.convert(result.wave, RATE)[0])
    with pytest.raises(UserError, match=r"^difference: only"):
        Chain([make(WAVE), first]).convert(vowel, RATE, difference=True)


def test_a_seed_goes_to_those_who_draw(vowel):
    chain = Chain([make_voice(), make(kind=Noisy), make(WAVE)])
    outputs = [chain.convert(vowel, RATE, "low", seed=seed)[0] for seed in (None, 3, 4)]
    assert chain.converters[1].translator.calls == [None, 3, 4]
    assert np.abs(outputs[1] - outputs[2]).max() > 1e-4
    with pytest.raises(UserError, match=r"^seed: this model draws no noise"):
        Chain([make_voice(), make(WAVE)]).convert(vowel, RATE, "low", seed=3)


def test_a_converter_that_falls_silent_is_told_of(vowel):
    with pytest.raises(UserError, match=r"^x.wav, converted: silent"):
        Chain([make(WAVE, kind=Silent), make()]).convert_in_detail(vowel, RATE, name="x.wav")
