"""The Python interface: its documented examples, tensors and lists, features both ways, threads."""

import doctest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import translate
import translate.api
from translate.config import StftConfig, WorldConfig
from translate.errors import UserError
from translate.speech.analysis.wave import read_wave
from translate.speech.corpus.mini import make_speech

ROOT = Path(__file__).resolve().parents[1]
VOICE = ROOT / "pretrained" / "cyclegan_vc2-SF1-TM1"
PICTURE = ROOT / "pretrained" / "pix2pix-drawing"


@pytest.fixture(scope="module")
def wave(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    make_speech(folder, sentences=1, evaluation=0, voices=("high",))
    return read_wave(folder / "high" / "train_001.wav")[0]


@pytest.fixture(scope="module")
def model():
    return translate.load(VOICE)


def test_the_documented_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {"np": np, "translate": translate, "folder": tmp_path}
    result = doctest.testmod(translate.api, extraglobs=names)
    assert result.attempted > 15
    assert result.failed == 0


def test_the_interface_is_what_it_says():
    for name in translate.__all__:
        assert getattr(translate, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = translate.nothing


def test_tensors_come_back_as_tensors(model, wave):
    expected, rate = translate.convert(model, wave, 16000, target="TM1")
    assert isinstance(expected, np.ndarray)
    converted, again = translate.convert(model, torch.from_numpy(wave), 16000, target="TM1")
    assert rate == again == 16000
    assert converted.dtype == torch.float32
    np.testing.assert_allclose(converted.numpy(), expected, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensors_stay_on_their_device(model, wave):
    converted, _ = translate.convert(model, torch.from_numpy(wave).cuda(), 16000, target="TM1")
    assert converted.device.type == "cuda"


def test_features_convert_as_waves_do(model, wave):
    features = translate.analyse(wave, 16000, model)
    converted = translate.convert(model, features, source="SF1")
    again, rate = translate.synthesise(converted, model)
    expected, _ = translate.convert(model, wave, 16000, source="SF1")
    np.testing.assert_array_equal(again, expected)
    assert rate == 16000


def test_analysis_and_synthesis_with_a_section(wave):
    stft, world = StftConfig(sample_rate=16000), WorldConfig(sample_rate=16000, f0="dio")
    again, _ = translate.synthesise(translate.analyse(wave, 16000, stft), stft)
    np.testing.assert_allclose(again, wave, atol=1e-3)
    features = translate.analyse(wave, 16000, world)
    vocoded, rate = translate.synthesise(features, world)
    assert (rate, vocoded.shape) == (16000, wave.shape)
    loudness = [np.log(np.convolve(w**2, np.ones(400), "same") + 1e-6) for w in (wave, vocoded)]
    assert np.corrcoef(loudness)[0, 1] > 0.95  # the phases are the vocoder's, the envelope is the wave's


def test_the_amount_leads_from_the_source_to_its_conversion(model, wave):
    features = translate.analyse(wave, 16000, model)
    plain, _ = translate.synthesise(features, model)
    none, half, full = (model.convert_in_detail(wave, 16000, "SF1", "TM1", amount=a) for a in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(none.wave, plain, atol=1e-9)
    middle = (none.converted.mcep + full.converted.mcep) / 2
    np.testing.assert_allclose(half.converted.mcep[:, 1:], middle[:, 1:], atol=1e-9)  # c0 keeps the level
    voiced = full.converted.f0 > 0
    expected = np.sqrt(none.converted.f0 * full.converted.f0)
    np.testing.assert_allclose(half.converted.f0[voiced], expected[voiced], rtol=1e-9)


def test_features_take_the_options_of_waves(model, wave):
    features = translate.analyse(wave, 16000, model)
    full, half, up = (
        translate.convert(model, features, None, "SF1", "TM1", **options)
        for options in ({}, {"amount": np.float32(0.5)}, {"semitones": 12})
    )
    np.testing.assert_allclose(half.mcep[:, 1:], (features.mcep + full.mcep)[:, 1:] / 2, atol=1e-9)
    np.testing.assert_allclose(up.f0, 2 * full.f0)
    with pytest.raises(translate.UserError, match="options: unknown key `amuont`; did you mean `amount`"):
        translate.convert(model, features, None, "SF1", "TM1", amuont=1)


def test_semitones_shift_the_converted_f0(model, wave):
    plain, up = (model.convert_in_detail(wave, 16000, "SF1", "TM1", semitones=s) for s in (0, 12))
    np.testing.assert_allclose(up.converted.f0, 2 * plain.converted.f0)
    np.testing.assert_array_equal(up.converted.mcep[:, 1:], plain.converted.mcep[:, 1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"amount": 1.5}, "options: `amount` is 1.5: it should be less than or equal to 1"),
        ({"amount": float("nan")}, "options: `amount` is NaN: it should be a finite number"),
        ({"semitones": 40}, "options: `semitones` is 40: it should be less than or equal to 24"),
        ({"semitones": 1, "difference": True}, "keeps the source's F0"),
    ],
)
def test_options_out_of_range_are_one_line(model, wave, options, message):
    with pytest.raises(UserError) as error:
        model.convert(wave, 16000, target="TM1", **options)
    assert message in str(error.value)


def test_bfloat16_is_near(wave):
    exact, near = (translate.load(VOICE, precision=p) for p in ("float32", "bfloat16"))
    frames = exact.analyse(wave).mcep
    one, other = (model.convert_frames(frames, "SF1", "TM1") for model in (exact, near))
    assert 0 < np.abs(one - other).mean() < 0.05 * np.abs(one - frames).mean()
    with pytest.raises(UserError, match="expected float32 or bfloat16"):
        translate.load(VOICE, precision="float16")


def test_threads_share_a_model(model, wave):
    pieces = [wave[start : start + 8000] for start in range(0, 32000, 4000)]
    expected = [translate.convert(model, piece, 16000, target="TM1")[0] for piece in pieces]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda piece: translate.convert(model, piece, 16000, target="TM1")[0], pieces))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not PICTURE.exists(), reason="no such model in pretrained/")
def test_threads_share_a_model_that_draws_random_numbers():
    """pix2pix keeps its dropout on: every conversion must draw the numbers that it would alone."""
    model, random = translate.load(PICTURE), np.random.default_rng(0)
    pictures = list(random.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8))
    expected = translate.convert(model, pictures)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.convert, pictures))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_mistakes_are_one_line(model, wave, tmp_path):
    for call, message in (
        (lambda: translate.convert(model, wave, target="TM1"), "a wave needs its rate"),
        (lambda: translate.convert(model, wave, 16000, target="TM2"), "unknown domain `TM2`"),
        (lambda: translate.analyse(np.zeros(16000), 16000), "silent"),
        (lambda: translate.analyse(wave, 4000), "sample_rate"),
        (lambda: translate.train("cyclegan_vc3", tmp_path, tmp_path / "run"), "cyclegan_vc3"),
        (lambda: translate.train("cyclegan_vc2", tmp_path / "none", tmp_path / "run"), "no such folder"),
        (lambda: translate.evaluate(VOICE), "no such manifest"),
    ):
        with pytest.raises(UserError) as error:
            call()
        assert message in str(error.value)
        assert "\n" not in str(error.value)
