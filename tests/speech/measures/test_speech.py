"""Each measure against an analytic case or a direct formula."""

import os
from pathlib import Path

import numpy as np
import pytest

from translate.errors import UserError
from translate.speech.analysis.alignment import LONGEST, align
from translate.speech.analysis.levels import find_span, find_speech, find_threshold
from translate.speech.analysis.wave import write_wave
from translate.speech.measures.intervals import average_sentences, confidence, confidence_by_sentence
from translate.speech.measures.mcd import Analysis, analyse_for_evaluation, mel_cepstral_distortion

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


def levels(speech, pauses, silence=0, seed=0):
    """Levels in dB of frames of speech around -20, of pauses around -70 and of digital silence."""
    rng = np.random.default_rng(seed)
    quiet = rng.normal(-70, 2, pauses)
    return np.concatenate([quiet, rng.uniform(-38, -10, speech), quiet, np.full(silence, -146.0)])


def test_speech_lies_within_40_db_of_the_loudest_frame():
    level = np.array([-90, -50.1, -49, -10, -80, -9.9, -49, -75])
    assert find_threshold(level) == pytest.approx(-49.9)
    assert find_speech(level).tolist() == [False, False, True, True, False, True, True, False]
    assert find_span(find_speech(level)) == slice(2, 7)


def test_speech_lies_above_the_noise():
    rng = np.random.default_rng(0)
    level = np.concatenate([rng.uniform(-46, -44, 50), rng.uniform(-30, -10, 200), rng.uniform(-46, -44, 50)])
    floor = np.percentile(level, 5)
    assert -46 < floor < -44
    assert find_threshold(level) == pytest.approx(floor + 6)        # 40 dB below the loudest would keep all
    assert find_span(find_speech(level)) == slice(50, 250)


def test_digital_silence_is_no_noise_floor():
    for silence in (0, 500):
        assert find_span(find_speech(levels(100, 30, silence))) == slice(30, 130)
    assert find_speech(np.full(3, -146.0)).all()


def test_speech_without_pauses_is_all_speech():
    level = np.random.default_rng(0).uniform(-35, -10, 300)
    assert find_speech(level).all()
    assert find_speech(np.full(4, -30.0)).all()


def analysis(mcep, level=None, f0=None):
    level = np.full(len(mcep), -20.0) if level is None else level
    return Analysis(mcep, np.zeros(len(mcep)) if f0 is None else f0, level, find_speech(level))


def test_columns_are_cut_as_their_source():
    mcep = np.arange(160.0)[:, None] * np.ones(3)
    source = analysis(mcep, levels(100, 30))
    other = np.full(160, -20.0)
    other[:40] = -100
    assert analysis(mcep, other).trimmed().mcep[0, 0] == 40
    for length in (159, 160, 161):                                  # resampling may cost a frame, or add one
        column = analysis(np.resize(mcep, (length, 3)), np.resize(other, length)).cut_as(source)
        assert column.mcep[:, 0].tolist() == list(range(30, 130))
        assert column.speech.all()
    assert analysis(mcep[:100], other[:100]).cut_as(source).mcep[0, 0] == 40  # another timing: its own speech


def test_confidence_is_students():
    # 4 values, 3 degrees of freedom: t = 3.1824463; their deviation is sqrt(5 / 3)
    assert confidence([1, 2, 3, 4]) == pytest.approx(3.1824463 * np.sqrt(5 / 3) / 2)
    assert confidence([1.0]) is None
    assert confidence([]) is None


def test_sentences_are_averaged_before_the_interval():
    values = [("a", 1.0), ("b", 4.0), ("a", 3.0), ("b", 4.0), ("c", None), ("c", 9.0), ("d", None)]
    assert average_sentences(values) == {"a": 2, "b": 4, "c": 9}
    # 3 sentences, 2 degrees of freedom: t = 4.3026527; their deviation is sqrt(13)
    assert confidence_by_sentence(values) == pytest.approx(4.3026527 * np.sqrt(13 / 3))
    # Both directions of a sentence say the same: the interval is not narrower than that of one direction.
    twice = [(sentence, value) for sentence, value in zip("abab", [1, 2, 1, 2], strict=True)]
    assert confidence_by_sentence(twice) == pytest.approx(confidence([1, 2]))


def test_analysis_of_a_wave_file(tmp_path):
    time = np.arange(16000) / 16000
    tone = 0.1 * sum(np.cos(2 * np.pi * 150 * k * time) / k for k in range(1, 20))
    write_wave(tmp_path / "a.wav", np.concatenate([np.zeros(4000), tone, np.zeros(8000)]), 16000)
    analysis = analyse_for_evaluation(tmp_path / "a.wav", 16000)
    assert analysis.mcep.shape == (28000 // 80 + 1, 25)
    assert len(analysis) == len(analysis.level) == 351
    assert analysis.peak == pytest.approx(20 * np.log10(np.abs(tone).max()), abs=0.01)
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


@pytest.mark.parametrize(("source", "target", "expected"), [("SF1", "TM1", 9.23), ("SM1", "TF1", 9.31)])
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
