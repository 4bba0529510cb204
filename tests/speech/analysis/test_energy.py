"""The power of frames: what a mel-cepstrum says and what WORLD makes of it."""

import numpy as np
import pytest

from translate.config import WorldConfig
from translate.speech.analysis.energy import SpeechFinder, find_active, match_level
from translate.speech.analysis.world import World, WorldFeatures

CONFIG = WorldConfig(sample_rate=16000, f0="dio", codec="sptk", dimensions=20)


@pytest.mark.parametrize("codec", ["sptk", "world"])
def test_every_frame_gets_the_other_ones_power(codec):
    world = World(CONFIG.model_copy(update={"codec": codec}))
    rng = np.random.default_rng(0)
    scale = 0.2 if codec == "sptk" else 1.0
    mcep, natural = (rng.normal(0, scale, (7, 20)) + np.eye(1, 20) * -3 for _ in range(2))
    f0, other = np.array([0, 0, 100.0, 100, 200, 500, 0]), np.array([0, 0, 100.0, 300, 100, 90, 0])
    matched = match_level(world, mcep, f0, natural, other)
    np.testing.assert_array_equal(matched[:, 1:], mcep[:, 1:])
    np.testing.assert_allclose(world.measure_power(matched, f0), world.measure_power(natural, other), rtol=1e-3)
    assert np.array_equal(match_level(world, mcep, f0, mcep, f0), mcep)  # to the bit
    assert world.measure_power(mcep, f0)[0] == pytest.approx(world.decode(mcep)[0].sum())


@pytest.mark.parametrize("f0", [0.0, 80.0, 150.0, 300.0, 450.0])
def test_power_is_that_of_the_wave(f0):
    """A flat envelope with a fall at low frequencies, where partials of a low voice are and those of a high one not."""
    world, frames = World(CONFIG), 400
    mcep = np.tile(np.eye(1, 20) * -4 - 0.5 * np.eye(1, 20, 1), (frames, 1))
    voice = np.full(frames, f0)
    aperiodicity = np.full((frames, world.fft_size // 2 + 1), 1.0 if f0 == 0 else 1e-3)
    samples = round((frames - 1) * world.hop)
    wave = world.synthesise(WorldFeatures(voice, mcep, aperiodicity, samples))[4000:-4000]
    power = world.measure_power(mcep, voice)[0] * 2 / world.fft_size  # both halves of the spectrum
    assert 10 * np.log10((wave**2).mean() / power) == pytest.approx(0, abs=0.5)


# --- speech and pauses ------------------------------------------------------------------------------------

RATE = 200                                                          # frames per second


def make_levels(*parts):
    """Power and F0 of parts (seconds, dB, Hz), with the fluctuations of noise."""
    random = np.random.default_rng(0)
    level = np.concatenate([random.normal(dB, 2, round(seconds * RATE)) for seconds, dB, _ in parts])
    return 10 ** (level / 10), np.concatenate([np.full(round(seconds * RATE), f0) for seconds, _, f0 in parts])


SPEECH = [(0.4, -20, 120.0), (0.1, -45, 0.0), (0.3, -25, 110.0)] * 4  # 3.2 s


@pytest.mark.parametrize("gain", [0, -30, -60])
@pytest.mark.parametrize("noise", [-110, -75, -62])
def test_speech_is_found_at_any_level(gain, noise):
    power, f0 = make_levels((3, noise, 0), *SPEECH, (10, noise, 0), *SPEECH)
    active = find_active(power * 10 ** (gain / 10), RATE, f0)
    assert not active[:550].any()
    assert active[600:1240].all()
    assert not active[1300:3180].any()
    assert active[3240:].all()


def test_speech_beside_clicks_hum_and_zeros():
    power, f0 = make_levels((2, -70, 0), *SPEECH, (5, -65, 100.0), *SPEECH)  # a hum has an F0 as well
    power[100:108] = 10.0                                           # a click 30 dB above speech
    active = find_active(power, RATE, f0)
    assert not active[150:350].any()                                # but near the click
    assert active[400:1040].all()
    assert not active[1100:1980].any()
    power, f0 = make_levels((5, -200, 0), *SPEECH)
    active = find_active(np.where(power < 1e-15, 0, power), RATE, f0)
    assert not active[:950].any()
    assert active[1000:].all()


def test_whispers_and_noise_alone_count_as_speech():
    power, f0 = make_levels((2, -70, 0.0), (3, -40, 0.0))
    active = find_active(power, RATE, f0)
    assert active[400:].all()
    assert not active[:340].any()
    assert find_active(make_levels((3, -70, 0))[0], RATE).mean() > 0.9
    assert find_active(np.zeros(50), RATE).shape == (50,)
    assert find_active(np.ones(1), RATE).tolist() == [True]


def test_samples_are_looked_at_on_a_grid():
    power, _ = make_levels((2, -70, 0), *SPEECH)
    active = find_active(np.repeat(power, 80), 16000)
    assert active.shape == (80 * len(power),)
    assert np.array_equal(active[::80], find_active(power, RATE))


@pytest.mark.parametrize("size", [4, 40, 333, 10_000])
def test_a_stream_finds_speech_and_notes_that_it_erred(size):
    power, f0 = make_levels((3, -70, 0), *SPEECH, (4, -70, 0), *SPEECH)
    finder, found, erred = SpeechFinder(RATE), [], []
    for start in range(0, len(power), size):
        found.append(finder.push(power[start : start + size], f0[start : start + size]))
        erred.append(finder.erred)
    found = np.concatenate(found)
    assert found.shape == power.shape
    assert sum(erred) == (size < 600)                               # first the noise was all that there was
    assert found[700:1240].all()
    assert not found[1300:1990].any()
    assert found[2100:].mean() > 0.9
