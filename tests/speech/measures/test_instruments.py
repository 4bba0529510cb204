"""The listening instruments: what they say of natural, spoilt and other voices."""

from pathlib import Path

import numpy as np
import pytest

from translate import demo
from translate.errors import UserError
from translate.speech.analysis.wave import read_wave
from translate.speech.measures import instruments
from translate.speech.measures.instruments import (
    PhoneError,
    SpeakerSimilarity,
    decode_phones,
    embed_voice,
    predict_quality,
    prepare_wave,
)

listens = pytest.mark.skipif(instruments.find_missing() is not None, reason="needs the extra `listen`")
RATE = 16000


@pytest.fixture(scope="module")
def waves():
    """The recordings to try, by name."""
    return {path.stem: read_wave(path, RATE)[0] for path in (Path(demo.__file__).parent / "examples").glob("*.flac")}


def add_noise(wave, deviation):
    return wave + deviation * np.abs(wave).max() * np.random.default_rng(0).normal(size=len(wave))


@pytest.mark.parametrize("instrument", [predict_quality, embed_voice, decode_phones])
def test_without_the_packages(monkeypatch, instrument):
    monkeypatch.setattr(instruments, "PACKAGES", ("numpy", "no_such_package"))
    for loader in (instruments._load_dnsmos, instruments._load_encoder):
        loader.cache_clear()
    with pytest.raises(UserError) as error:
        instrument(add_noise(np.ones(RATE), 0.1), RATE)
    assert str(error.value) == (
        "the listening instruments need no_such_package: bash tools/setup.sh listen, or pip install -e '.[listen]' and "
        "pip install --no-deps resemblyzer==0.1.4, in the repository"
    )


def test_what_they_hear():
    time = np.arange(8000) / 8000
    heard = prepare_wave(0.1 * np.sin(2 * np.pi * 440 * time), 8000)
    assert len(heard) == RATE
    assert np.abs(heard).max() == pytest.approx(0.7)
    middle = slice(2000, 14000)
    np.testing.assert_allclose(
        heard[middle], 0.7 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)[middle], atol=0.01
    )


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.ones(7999), "mine.wav: 0.5 s are too short for the listening instruments; at least 0.5 s are needed"),
        (np.ones(4800), "mine.wav: 0.3 s are too short for the listening instruments; at least 0.5 s are needed"),
        (np.ones(160), "mine.wav: too short, 0.01 s; at least 0.1 s are needed"),
        (np.zeros(RATE), "mine.wav: silent, no sample above 0.0001; leave the file out"),
    ],
)
def test_unusable_waves(wave, message):
    with pytest.raises(UserError) as error:
        prepare_wave(wave, RATE, "mine.wav")
    assert str(error.value) == message


def test_similarity_of_vectors():
    similarity = SpeakerSimilarity([np.array([1.0, 0.0]), np.array([0.0, 1.0])])
    assert similarity.measure(np.array([2.0, 2.0])) == pytest.approx(1)
    assert similarity.measure(np.array([1.0, 0.0])) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize(
    ("phones", "error"),
    [("W AH N", 0), ("W AH", 1 / 3), ("W AA N", 1 / 3), ("W AH N D", 1 / 3), ("AH N W", 2 / 3), ("", 1), ("T " * 9, 3)],
)
def test_phone_error(phones, error):
    """A phone left out, swapped or put in counts one each."""
    assert PhoneError(("W", "AH", "N")).measure(phones.split()) == pytest.approx(error)


def test_phone_error_of_silence():
    assert PhoneError(()).measure(("W",)) is None


@listens
def test_quality(waves):
    for name in ("female-morning", "male-river"):
        natural, noisy = (predict_quality(wave, RATE) for wave in (waves[name], add_noise(waves[name], 0.1)))
        assert 2.8 < natural["overall"] < 3.2
        assert natural["overall"] > noisy["overall"] + 0.5
        assert natural["background"] > noisy["background"] + 1
        assert natural["signal"] > noisy["signal"]


@listens
def test_voices(waves):
    voices = {name: embed_voice(wave, RATE) for name, wave in waves.items()}
    for sex, (heard, known) in {"female": ("question", "morning"), "male": ("river", "numbers")}.items():
        similarity = SpeakerSimilarity([voices[f"{sex}-{known}"]])
        same = similarity.measure(voices[f"{sex}-{heard}"])
        others = [similarity.measure(voice) for name, voice in voices.items() if not name.startswith(sex)]
        assert same > 0.75
        assert max(others) < 0.65


@listens
def test_a_wave_without_speech_has_a_voice():
    voice = embed_voice(add_noise(np.full(RATE, 1e-3), 0.01), RATE)
    assert np.linalg.norm(voice) == pytest.approx(1, abs=1e-5)


@listens
def test_phones(waves):
    wave = waves["female-morning"]
    phones = decode_phones(wave, RATE)
    assert {"L", "ER", "IY"} < set(phones)
    assert not [phone for phone in phones if phone == "SIL" or not phone.isalpha()]
    error = PhoneError(phones)
    assert error.measure(decode_phones(0.5 * wave, RATE)) == 0
    assert error.measure(decode_phones(add_noise(0 * wave + 1e-3, 100), RATE)) > 0.9
    assert 0.2 < error.measure(decode_phones(add_noise(wave, 0.02), RATE)) < 1


@listens
def test_the_same_again(waves):
    """Whatever was heard in between."""
    noisy = add_noise(waves["female-morning"], 0.1)

    def listen():
        return predict_quality(noisy, RATE), decode_phones(noisy, RATE), embed_voice(noisy, RATE).tolist()

    first = listen()
    for instrument in (predict_quality, decode_phones, embed_voice):
        instrument(waves["male-river"], RATE)
    assert listen() == first
