import os
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from translate.config import WorldConfig
from translate.errors import UserError
from translate.speech.analysis.f0 import estimate_f0
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World, synthesise_difference


def vowel(rate, f0=120.0, seconds=0.5):
    """Pulses through four resonances: an /a/ whose pitch is known."""
    phase = np.cumsum(np.full(int(seconds * rate), f0 / rate))
    wave = np.diff(np.floor(phase), prepend=0.0)
    for hz, bandwidth in [(700, 80), (1200, 100), (2500, 150), (3400, 200)]:
        r = np.exp(-np.pi * bandwidth / rate)
        wave = lfilter([1 - r], [1, -2 * r * np.cos(2 * np.pi * hz / rate), r * r], wave)
    wave += 1e-4 * np.random.default_rng(0).standard_normal(len(wave)) * np.abs(wave).max()
    return 0.5 * wave / np.abs(wave).max()


def envelope_distance(world, a, b):
    """Mean distance of the envelopes below 5 kHz, in dB, away from the ends."""
    bins = int(min(5000 / world.config.sample_rate, 0.5) * world.fft_size)
    ratio = world.decode(world.analyse_frames(a)[0]) / world.decode(world.analyse_frames(b)[0])
    return np.abs(10 * np.log10(ratio[20:-20, :bins])).mean()


@pytest.mark.parametrize("codec", ["world", "sptk"])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 48000])
def test_analysis_and_synthesis_keep_length_pitch_and_envelope(rate, codec):
    world = World(WorldConfig(sample_rate=rate, codec=codec, f0="dio"))
    wave = vowel(rate)
    features = world.analyse(wave)
    frames = int(len(wave) / world.hop) + 1
    assert features.mcep.shape == (frames, 36)
    assert features.f0.shape == (frames,)
    assert features.aperiodicity.shape == (frames, world.fft_size // 2 + 1)
    again = world.synthesise(features)
    assert again.shape == wave.shape
    for f0 in (features.f0, world.analyse_frames(again)[1]):
        voiced = f0[20:-20]
        assert (voiced > 0).mean() > 0.95
        assert np.median(voiced[voiced > 0]) == pytest.approx(120, rel=0.01)
    assert envelope_distance(world, again, wave) < 2.0              # dB
    assert again.std() == pytest.approx(wave.std(), rel=0.2)


@pytest.mark.parametrize("method", ["harvest", "dio"])
def test_f0_is_found_within_its_range(method):
    wave = vowel(16000, 210.0)
    f0, times = estimate_f0(wave, 16000, WorldConfig(sample_rate=16000, f0=method, hop_ms=10.0))
    assert np.median(f0[f0 > 0]) == pytest.approx(210, rel=0.01)
    np.testing.assert_allclose(times, np.arange(51) * 0.01)
    lower, _ = estimate_f0(wave, 16000, WorldConfig(sample_rate=16000, f0=method, f0_ceil=150.0))
    assert lower.max() <= 150 * 1.15                                # WORLD's own tolerance


@pytest.mark.parametrize("method", ["harvest", "dio"])
@pytest.mark.parametrize("samples", [1, 7, 79, 80, 81, 700, 2001])
@pytest.mark.parametrize("rate", [8000, 22050])
def test_any_length(rate, samples, method):
    world = World(WorldConfig(sample_rate=rate, f0=method, dimensions=24))
    wave = vowel(rate)[1000 : 1000 + samples]
    features = world.analyse(wave)
    frames = int(samples / world.hop) + 1
    assert len(features.f0) == len(features.mcep) == len(features.aperiodicity) == frames
    assert np.isfinite(features.mcep).all()
    again = world.synthesise(features)
    assert again.shape == (samples,)
    assert np.isfinite(again).all()


def test_without_aperiodicity_the_rest_is_the_same():
    world = World(WorldConfig(sample_rate=16000, f0="dio"))
    features = world.analyse(vowel(16000))
    mcep, f0 = world.analyse_frames(vowel(16000).astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(mcep, features.mcep, atol=1e-3)
    np.testing.assert_allclose(f0, features.f0, atol=1e-2)


@pytest.mark.parametrize("codec", ["world", "sptk"])
def test_digital_silence_is_finite(codec):
    world = World(WorldConfig(sample_rate=16000, codec=codec, f0="dio"))
    assert np.isfinite(world.encode(np.zeros((3, 513)))).all()
    wave = np.concatenate([np.zeros(4000), vowel(16000), np.zeros(4000)])
    features = world.analyse(wave)
    assert np.isfinite(features.mcep).all()
    assert np.abs(world.synthesise(features)[:3000]).max() < 1e-3


@pytest.mark.parametrize("codec", ["world", "sptk"])
def test_codec_keeps_a_smooth_envelope(codec):
    world = World(WorldConfig(sample_rate=16000, codec=codec, dimensions=36))
    hz = np.linspace(0, 8000, 513)
    power = 1e-3 * np.exp(-hz / 1500 + 2 * np.cos(hz / 900))[None]
    back = world.decode(world.encode(power).astype(np.float32))     # as training stores it
    assert back.shape == power.shape
    assert np.abs(10 * np.log10(back / power))[:, 5:-5].mean() < 0.5


def test_bad_input_is_told():
    with pytest.raises(UserError, match=r"f0_floor is 300 Hz and features.f0_ceil 200 Hz"):
        World(WorldConfig(f0_floor=300.0, f0_ceil=200.0))
    world = World(WorldConfig(sample_rate=16000))
    for shape in [(0,), (100, 2)]:
        with pytest.raises(UserError, match=r"expected a mono wave"):
            world.analyse(np.zeros(shape))


@pytest.mark.parametrize("rate", [16000, 22050])                    # 22050: the hop is a fraction of a sample
def test_difference_of_nothing_is_the_wave_itself(rate):
    world = World(WorldConfig(sample_rate=rate, f0="dio"))
    wave = vowel(rate, seconds=1.5)                                 # more than one block of frames
    mcep, _ = world.analyse_frames(wave)
    np.testing.assert_allclose(synthesise_difference(wave, mcep, mcep, world), wave, atol=1e-6)


@pytest.mark.parametrize("rate", [16000, 22050])
def test_a_constant_difference_is_that_filter(rate):
    # exp(c z~^-1) with the all-pass z~^-1 is a stable minimum-phase filter: its impulse response by the FFT.
    world = World(WorldConfig(sample_rate=rate, codec="sptk", f0="dio"))
    wave = vowel(rate, seconds=1.5)
    mcep, _ = world.analyse_frames(wave)
    target = mcep.copy()
    target[:, 0] += np.log(2)
    target[:, 1] += 0.4
    z = np.exp(-2j * np.pi * np.arange(4096) / 4096)
    warped = (z - world.alpha) / (1 - world.alpha * z)
    impulse = np.fft.ifft(2 * np.exp(0.4 * warped)).real
    expected = np.convolve(wave, impulse)[: len(wave)]
    np.testing.assert_allclose(synthesise_difference(wave, mcep, target, world), expected, atol=1e-6)


def test_a_difference_of_other_frames_is_refused():
    world = World(WorldConfig(sample_rate=16000))
    with pytest.raises(UserError, match=r"expected both of the wave's 51 frames"):
        synthesise_difference(np.zeros(4000), np.zeros((50, 36)), np.zeros((50, 36)), world)


@pytest.mark.skipif("TRANSLATE_DATA" not in os.environ, reason="needs TRANSLATE_DATA/vcc2016")
@pytest.mark.parametrize("codec", ["world", "sptk"])
def test_real_speech_survives_analysis_and_synthesis(codec):
    world = World(WorldConfig(sample_rate=16000, codec=codec, f0="dio"))
    wave, _ = read_wave(Path(os.environ["TRANSLATE_DATA"]) / "vcc2016" / "SF1" / "200001.wav", 16000)
    features = world.analyse(wave)
    again = world.synthesise(features)
    assert again.shape == wave.shape
    assert envelope_distance(world, again, wave) < 4.0
    assert np.median(features.f0[features.f0 > 0]) == pytest.approx(220, rel=0.2)
