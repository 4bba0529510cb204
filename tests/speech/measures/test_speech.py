"""Each measure against an analytic case or a direct formula."""

import os
from pathlib import Path

import numpy as np
import pytest

from translate.errors import UserError
from translate.speech.analysis.alignment import LONGEST, align
from translate.speech.analysis.statistics import Statistics, moments
from translate.speech.analysis.wave import write_wave
from translate.speech.measures.comparison import confidence, convert_trivially
from translate.speech.measures.mcd import (
    Analysis,
    analyse_for_evaluation,
    f0_errors,
    find_speech,
    mel_cepstral_distortion,
)

TO_DB = 10 / np.log(10) * np.sqrt(2)


@pytest.fixture
def mcep() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(90, 25))


def test_distortion_of_an_offset_in_one_coefficient(mcep):
    shifted = mcep.copy()
    shifted[:, 3] += 0.1
    assert mel_cepstral_distortion(mcep, shifted, aligned=True) == pytest.approx(TO_DB * 0.1)
    # Frames this far from each other leave the path on the diagonal.
    assert mel_cepstral_distortion(mcep, shifted) == pytest.approx(TO_DB * 0.1)


def test_distortion_leaves_c0_out(mcep):
    louder = mcep.copy()
    louder[:, 0] += np.linspace(-5, 5, len(mcep))
    assert mel_cepstral_distortion(mcep, louder) == 0
    assert mel_cepstral_distortion(mcep, louder, aligned=True) == 0


def test_alignment_undoes_stretching(mcep):
    stretched = np.repeat(mcep, np.random.default_rng(1).integers(1, 4, len(mcep)), axis=0)
    assert mel_cepstral_distortion(mcep, stretched) == 0
    path = align(mcep, stretched)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [len(mcep) - 1, len(stretched) - 1]
    assert {tuple(step) for step in np.diff(path, axis=0)} <= {(1, 1), (0, 1), (1, 0)}


def test_alignment_is_the_cheapest_path():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(9, 4)), rng.normal(size=(7, 4))
    cost = np.linalg.norm(a[:, None, 1:] - b[None, :, 1:], axis=-1)
    total = np.full((10, 8), np.inf)
    total[0, 0] = 0
    for i in range(9):
        for j in range(7):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    path = align(a, b)
    assert cost[path[:, 0], path[:, 1]].sum() == pytest.approx(total[-1, -1])


def test_alignment_of_single_frames(mcep):
    assert align(mcep[:1], mcep[:1]).tolist() == [[0, 0]]
    assert len(align(mcep[:1], mcep)) == len(mcep)


def test_distortion_refuses_what_cannot_be_compared(mcep):
    with pytest.raises(UserError, match=r"aligned mel-cepstra of shapes \(90, 25\) and \(89, 25\)"):
        mel_cepstral_distortion(mcep, mcep[1:], aligned=True)
    with pytest.raises(UserError, match=r"\(90, 24\)"):
        mel_cepstral_distortion(mcep, mcep[:, 1:])
    with pytest.raises(UserError, match="into sentences"):
        align(np.zeros((LONGEST + 1, 2)), mcep)


def test_f0_of_an_octave_and_voicing_counted_by_hand():
    f0 = np.array([0, 200, 220, 240, 0, 100.0])
    reference = np.array([0, 100, 110, 120, 90, 0.0])
    assert f0_errors(f0, reference) == (pytest.approx(1200), pytest.approx(2 / 6))


def test_f0_without_common_voiced_frames():
    assert f0_errors(np.array([100.0, 0]), np.array([0, 100.0])) == (None, 1.0)
    assert f0_errors(np.zeros(3), np.zeros(3)) == (None, 0.0)


def test_find_speech_keeps_what_is_within_60_db():
    level = np.array([-90, -70.1, -69, -10, -80, -9.5, -60, -75])
    assert find_speech(level) == slice(2, 7)
    assert find_speech(np.full(4, -30.0)) == slice(0, 4)


def test_confidence_is_students():
    # 4 values, 3 degrees of freedom: t = 3.1824463; their deviation is sqrt(5 / 3)
    assert confidence([1, 2, 3, 4]) == pytest.approx(3.1824463 * np.sqrt(5 / 3) / 2)
    assert confidence([1.0]) is None
    assert confidence([]) is None


def test_trivial_converter_has_the_targets_moments():
    rng = np.random.default_rng(3)
    level = np.zeros(500)
    source = Analysis(rng.normal(2, 3, (500, 5)), 100 * np.exp(0.1 * rng.normal(size=500)), level)
    target = Analysis(rng.normal(-1, 0.5, (500, 5)), 200 * np.exp(0.3 * rng.normal(size=500)), level)
    source.f0[::3] = 0
    of_source, of_target = (Statistics.from_moments(moments(a.mcep, a.f0)) for a in (source, target))
    converted = convert_trivially(source, of_source, of_target)
    np.testing.assert_allclose(converted.mcep.mean(axis=0), target.mcep.mean(axis=0))
    np.testing.assert_allclose(converted.mcep.std(axis=0), target.mcep.std(axis=0))
    np.testing.assert_array_equal(converted.f0 > 0, source.f0 > 0)
    voiced = np.log(converted.f0[converted.f0 > 0])
    assert voiced.mean() == pytest.approx(np.log(target.f0).mean())
    assert voiced.std() == pytest.approx(np.log(target.f0).std())


def test_analysis_of_a_wave_file(tmp_path):
    time = np.arange(16000) / 16000
    tone = 0.1 * sum(np.cos(2 * np.pi * 150 * k * time) / k for k in range(1, 20))
    write_wave(tmp_path / "a.wav", np.concatenate([np.zeros(4000), tone, np.zeros(8000)]), 16000)
    analysis = analyse_for_evaluation(tmp_path / "a.wav", 16000)
    assert analysis.mcep.shape == (28000 // 80 + 1, 25)
    assert len(analysis) == len(analysis.level) == 351
    trimmed = analysis.trimmed()
    assert len(trimmed) == pytest.approx(200, abs=6)                # the tone and half a window at its ends
    assert np.median(trimmed.f0) == pytest.approx(150, rel=0.01)
    assert trimmed.level.max() == pytest.approx(10 * np.log10((tone**2).mean()), abs=0.5)
    assert analyse_for_evaluation(tmp_path / "a.wav", 8000, dimensions=12).mcep.shape == (351, 13)


def test_analysis_refuses_bad_input(tmp_path):
    write_wave(tmp_path / "silent.wav", np.zeros(16000), 16000)
    write_wave(tmp_path / "short.wav", np.full(160, 0.1), 16000)
    with pytest.raises(UserError, match=r"silent\.wav: silent"):
        analyse_for_evaluation(tmp_path / "silent.wav", 16000)
    with pytest.raises(UserError, match=r"short\.wav: too short"):
        analyse_for_evaluation(tmp_path / "short.wav", 16000)
    with pytest.raises(UserError, match=r"none\.wav: no such"):
        analyse_for_evaluation(tmp_path / "none.wav", 16000)
    with pytest.raises(UserError, match="evaluation: `sample_rate` is 4000"):
        analyse_for_evaluation(tmp_path / "short.wav", 4000)


@pytest.mark.parametrize(("source", "target", "expected"), [("SF1", "TM1", 8.64), ("SM1", "TF1", 8.69)])
def test_distortion_of_unconverted_speech_on_real_data(source, target, expected):
    corpus = Path(os.environ.get("TRANSLATE_DATA", "")) / "vcc2016"
    if not os.environ.get("TRANSLATE_DATA") or not corpus.is_dir():
        pytest.skip("set TRANSLATE_DATA to the folder that holds vcc2016")
    distortions = []
    for number in range(200001, 200006):
        a, b = (
            analyse_for_evaluation(corpus / domain / f"{number}.wav", 16000).trimmed().mcep
            for domain in (source, target)
        )
        distortions.append(mel_cepstral_distortion(a, b))
    assert np.mean(distortions) == pytest.approx(expected, abs=0.05)
