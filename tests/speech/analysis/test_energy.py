"""The power of frames: what a mel-cepstrum says and what WORLD makes of it."""

import numpy as np
import pytest

from translate.config import WorldConfig
from translate.speech.analysis.energy import match_level
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
