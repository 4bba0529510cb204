"""DIO with StoneMask against Harvest: on speech whose F0 is known, and on recordings against each other."""

import numpy as np
import pytest
import pyworld

from translate.config import WorldConfig, validate
from translate.speech.analysis.f0 import estimate_f0
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
