"""One utterance, by numbers that can be counted: what is cut, and what is left of it."""

import numpy as np
import pytest

from translate.speech.analysis.levels import find_speech
from translate.speech.measures.comparison import Utterance, average, average_pairs, measure_utterance
from translate.speech.measures.mcd import DISTORTION_DB, Analysis

PAUSE, SPEECH = 20, 60


def make(mcep, quiet=-70.0, f0=100.0):
    """Speech between two pauses."""
    level = np.concatenate([np.full(PAUSE, quiet), np.full(SPEECH, -20.0), np.full(PAUSE, quiet)])
    return Analysis(mcep, np.full(len(mcep), f0), level, find_speech(level))


@pytest.fixture
def natural():
    """Frames far from each other, so that the path stays on the diagonal."""
    mcep = np.zeros((2 * PAUSE + SPEECH, 4))
    mcep[:, 1] = 100 * np.arange(len(mcep))
    return mcep


def test_all_columns_are_cut_by_the_source(natural):
    """The converted wave has loud pauses, full of nonsense; the features have none of their own."""
    shifted = natural + np.array([0, 0, 0.1, 0])
    shifted[:PAUSE, 2] += 50
    shifted[-PAUSE:, 2] -= 50
    loud = make(shifted, quiet=-21.0)
    assert loud.speech.all()
    columns = {"source": make(natural), "converted": loud, "resynthesised": loud}
    scores, mceps = measure_utterance(columns, make(natural))
    assert scores["mcd"] == {
        "source": 0,
        "converted": pytest.approx(0.1 * DISTORTION_DB),
        "resynthesised": pytest.approx(0.1 * DISTORTION_DB),
    }
    assert scores["silence"]["resynthesised"] == 0
    assert {len(mcep) for mcep in mceps.values()} == {SPEECH}


def test_pauses_inside_are_silence_and_no_speech(natural):
    source, target = make(natural), make(natural + np.array([0, 0, 0.2, 0]))
    for one in (source, target):
        one.level[40:52] = -70
    source, target = (Analysis(one.mcep, one.f0, one.level, find_speech(one.level)) for one in (source, target))
    target.mcep[40:52, 2] += 1.8
    scores, _ = measure_utterance({"source": source}, target)
    assert scores["silence"]["source"] == pytest.approx(12 / SPEECH)
    assert scores["mcd_speech"]["source"] == pytest.approx(0.2 * DISTORTION_DB)
    assert scores["mcd"]["source"] == pytest.approx((0.2 * 48 + 2.0 * 12) / 60 * DISTORTION_DB)


def test_the_target_through_the_vocoder_is_cut_as_the_target(natural):
    target = make(natural)
    copy = make(natural, quiet=-22.0)                               # a vocoder that fills the pauses
    longer = np.concatenate([natural, natural[-30:] + 1e4])
    source = Analysis(longer, np.full(130, 100.0), np.full(130, -20.0), np.ones(130, bool))
    scores, mceps = measure_utterance({"source": source, "target_vocoder": copy}, target)
    assert scores["mcd"]["target_vocoder"] == 0
    assert (len(mceps["source"]), len(mceps["target_vocoder"])) == (130, SPEECH)


def utterances(*values):
    return [
        Utterance(f"{number}", sentence, {"mcd": {"source": 9.0, "resynthesised": value}})
        for number, (sentence, value) in enumerate(values)
    ]


def test_the_interval_of_all_pairs_is_by_sentence():
    """Both directions of two sentences say nearly the same; as four independent values they would seem precise."""
    there, back = utterances(("a", 7.0), ("b", 8.0)), utterances(("a", 7.0), ("b", 8.2))
    pairs = [{"source": "x", "target": "y", "n": 2, **average(one)} for one in (there, back)]
    overall = average_pairs(pairs, there + back)
    assert overall["mcd"]["resynthesised"] == pytest.approx((7.5 + 7.6) / 2)
    # two sentences, 7.0 and 8.1: t = 12.7062 with one degree of freedom
    assert overall["mcd"]["resynthesised_ci"] == pytest.approx(12.7062 * (1.1 / 2**0.5) / 2**0.5, abs=1e-3)
    assert overall["mcd"]["change_from_source"] == pytest.approx(-1.45)
    assert overall["mcd"]["change_from_source_ci"] == overall["mcd"]["resynthesised_ci"]
    assert overall["mcd"]["source_ci"] == 0
