"""DIO with StoneMask against Harvest: on speech whose F0 is known, and on recordings against each other."""

import numpy as np
import pytest
import pyworld

from translate.config import WorldConfig, validate
from translate.speech.analysis.f0 import choose_range, estimate_f0, find_range
from translate.speech.analysis.wave import read_wave
from translate.speech.measures.prosody import f0_errors

RATE = 16000
METHODS = ("harvest", "dio")


def estimate(wave, method):
    return estimate_f0(wave, RATE, validate(WorldConfig, {"sample_rate": RATE, "f0": method}, "test"))[0]


def median_cents(f0, reference):
    both = (f0 > 0) & (reference > 0)
    return np.median(np.abs(1200 * np.log2(f0[both] / reference[both])))


@pytest.fixture(scope="module")
def known():
    """(wave, F0 (T,)): a gliding vowel, a breath of noise, and the vowel again; a vibrato of a quarter tone."""
    frames = 300
    times = np.arange(frames) * 0.005
    f0 = 140 * 2 ** (0.5 * np.sin(2 * np.pi * 0.5 * times) + 0.02 * np.sin(2 * np.pi * 5 * times))
    f0[120:160] = 0
    bins = pyworld.get_cheaptrick_fft_size(RATE) // 2 + 1
    hz = np.linspace(0, RATE / 2, bins)
    power = 1e-4 / (1 + (hz / 700) ** 2) * (1 + 20 * np.exp(-(((hz - 700) / 150) ** 2)))
    spectrum = np.tile(power, (frames, 1))
    noisy = np.full((frames, bins), 0.01)
    noisy[120:160] = 0.999
    return pyworld.synthesize(f0, spectrum, noisy, RATE), f0


@pytest.mark.parametrize("method", METHODS)
def test_known_f0_is_found(known, method):
    wave, f0 = known
    found = estimate(wave, method)[: len(f0)]
    f0 = f0[: len(found)]
    assert median_cents(found, f0) < 5
    assert f0_errors(found, f0)[1] < 0.12                           # voiced in only one of the two
    assert (found[130:150] == 0).mean() > 0.5                       # the middle of the breath


@pytest.mark.parametrize("speaker", ["SF1", "TM1"])
def test_the_methods_agree_on_recordings(real_data, speaker):
    path = real_data / "vcc2016" / speaker / "100001.wav"
    if not path.is_file():
        pytest.skip(f"no {path}")
    wave = read_wave(path, RATE)[0]
    harvest, dio = (estimate(wave, method) for method in METHODS)
    assert len(harvest) == len(dio)
    assert median_cents(dio, harvest) < 10
    assert f0_errors(dio, harvest)[1] < 0.25


def test_a_range_is_an_octave_around_the_median():
    config = WorldConfig(sample_rate=16000)
    assert find_range(np.full(50, 200.0), config) == (100, 400)
    assert find_range(np.full(50, 100.0), config) == (71, 284)      # within the range of the analysis
    assert find_range(np.full(50, 700.0), config) == (200, 800)
    assert find_range(np.full(19, 200.0), config) is None


def test_octave_errors_are_outside_of_a_voices_range():
    """A voice of 300 Hz every second period of which is weaker, as creaky voices have it, is taken for 150 Hz."""
    rate, config = 16000, WorldConfig(sample_rate=16000, f0="harvest")
    time = np.arange(rate) / rate
    wave = sum(np.cos(2 * np.pi * 300 * k * time) / k for k in range(1, 12))
    wave = 0.1 * (wave + 1.5 * sum(np.cos(2 * np.pi * 150 * k * time) / k for k in range(1, 22, 2)))
    wide, _ = estimate_f0(wave, rate, config)
    narrow, _ = estimate_f0(wave, rate, config, (200.0, 600.0))
    assert np.median(wide[wide > 0]) == pytest.approx(150, rel=0.03)
    assert (narrow[narrow > 0] >= 200).all()


def test_a_recording_of_another_voice_is_analysed_in_the_whole_range():
    rate, config = 16000, WorldConfig(sample_rate=16000)
    time = np.arange(rate) / rate
    low, high = (0.1 * sum(np.cos(2 * np.pi * f * k * time) / k for k in range(1, 10)) for f in (110, 220))
    assert choose_range(high, rate, config, [(110.0, 440.0), (71.0, 230.0)]) == (110.0, 440.0)
    assert choose_range(low, rate, config, [(110.0, 440.0)]) is None
    assert choose_range(low, rate, config, []) is None
