"""The features beside a converted wave: exact, whole, and of that very wave."""

import numpy as np
import pytest

from translate.errors import UserError
from translate.speech.analysis.mcep import mcep_to_spectrum, spectrum_to_mcep
from translate.speech.analysis.wave import write_wave
from translate.speech.measures.converted import COEFFICIENTS, load_features, save_features

RATE, ALPHA = 16000, 0.42


@pytest.fixture
def power() -> np.ndarray:
    mcep = np.random.default_rng(0).normal(size=(30, 60)) / np.arange(1, 61)
    return mcep_to_spectrum(mcep, ALPHA, 1024)


@pytest.fixture
def wave(tmp_path):
    write_wave(tmp_path / "a.b.wav", np.linspace(-1, 1, 2400), RATE)
    return tmp_path / "a.b.wav"


@pytest.mark.parametrize("dimensions", [1, 24, 34, 40])
def test_a_shorter_mel_cepstrum_is_the_beginning_of_a_longer_one(power, dimensions):
    longest = spectrum_to_mcep(power, COEFFICIENTS, ALPHA)
    np.testing.assert_allclose(
        longest[:, : dimensions + 1], spectrum_to_mcep(power, dimensions + 1, ALPHA), rtol=0, atol=1e-13
    )


def test_round_trip(power, wave):
    f0 = np.linspace(0, 200, 30)
    save_features(wave, power, f0, 5.0, RATE)
    assert sorted(path.name for path in wave.parent.iterdir()) == ["a.b.npz", "a.b.wav"]
    features = load_features(wave.with_suffix(".npz"))
    assert features.mcep.shape == (30, 41)
    assert features.mcep.dtype == features.f0.dtype == np.float32
    np.testing.assert_allclose(features.mcep, spectrum_to_mcep(power, 41, ALPHA), rtol=0, atol=1e-6)
    np.testing.assert_allclose(features.f0, f0, rtol=1e-6)
    assert (features.hop_ms, features.sample_rate) == (5.0, RATE)
    assert features.why_unusable(wave, RATE, 40) is None


def test_why_unusable(power, wave):
    save_features(wave, power, np.zeros(30), 5.0, RATE)
    features = load_features(wave.with_suffix(".npz"))
    assert "16000 Hz, not 22050 Hz" in features.why_unusable(wave, 22050, 24)
    assert "40 dimensions, not 41" in features.why_unusable(wave, RATE, 41)
    write_wave(wave, np.linspace(-1, 0.9, 2400), RATE)
    assert "a.b.npz belongs to another wave than a.b.wav" in features.why_unusable(wave, RATE, 24)


@pytest.mark.parametrize("damage", ["absent", "empty", "text", "cut", "a key less", "NaN", "pickled"])
def test_anything_else_is_refused(power, wave, damage):
    path = wave.with_suffix(".npz")
    save_features(wave, power, np.zeros(30), 5.0, RATE)
    content = path.read_bytes()
    with np.load(path) as arrays:
        values = dict(arrays)
    if damage == "absent":
        path.unlink()
    elif damage == "a key less":
        np.savez(path, **{key: value for key, value in values.items() if key != "wave"})
    elif damage == "NaN":
        values["mcep"][3, 3] = np.nan
        np.savez(path, **values)
    elif damage == "pickled":
        np.savez(path, **{**values, "mcep": np.array([{}], dtype=object)})
    else:
        path.write_bytes({"empty": b"", "text": b"hello", "cut": content[: len(content) // 2]}[damage])
    with pytest.raises(UserError, match=r"a\.b\.npz: "):
        load_features(path)
