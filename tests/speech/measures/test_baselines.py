"""The baselines against what defines them: moments, power, timing, and waves that are not made twice."""

import numpy as np
import pytest

from translate.config import WorldConfig
from translate.speech.analysis.linear_map import fit_linear_map
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.analysis.world import World, WorldFeatures
from translate.speech.corpus.mini import make_speech
from translate.speech.measures import baselines
from translate.speech.measures.baselines import Order, Voice, convert_features, keeps_timing, make_baselines
from translate.speech.measures.mcd import analyse_for_evaluation, configure_analysis
from translate.speech.measures.recordings import Item, PairTask

RATE = 16000
CONFIG = configure_analysis(RATE, 24)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    make_speech(folder, sentences=2, evaluation=1, sample_rate=RATE)
    return folder


def analyse(paths):
    return {path: analyse_for_evaluation(path, RATE, 24).trimmed() for path in paths}


@pytest.fixture(scope="module")
def training(corpus):
    return {voice: analyse(sorted((corpus / voice).glob("train_*.wav"))) for voice in ("low", "high")}


@pytest.mark.parametrize("column", ["mean_variance", "linear", "scaled"])
def test_conversions_keep_the_power_and_aperiodicity(corpus, training, column):
    voices = tuple(Voice.of(list(training[name].values())) for name in ("low", "high"))
    world = World(CONFIG)
    wave, _ = read_wave(corpus / "low" / "eval_001.wav", RATE)
    features = world.analyse(wave)
    linear = fit_linear_map(voices[0].statistics, voices[1].statistics, world.config)
    converted = convert_features(world, features, wave, Order(column, corpus, ("low", "high"), voices, linear))
    assert isinstance(converted, WorldFeatures)
    before, after = (world.measure_power(one.mcep, one.f0) for one in (features, converted))
    speech = before > 1e-4 * before.max()
    np.testing.assert_allclose(after[speech], before[speech], rtol=1e-6)
    assert converted.aperiodicity is features.aperiodicity
    voiced = features.f0 > 0
    ratio = np.median(converted.f0[voiced] / features.f0[voiced])
    assert ratio == 1 if column == "scaled" else ratio > 1.2


def make(tasks, training, folder, aligned=()):
    return make_baselines(tasks, aligned, training, CONFIG, folder, jobs=1)


def test_waves_are_made_once(corpus, training, tmp_path, monkeypatch):
    paths = {voice: corpus / voice / "eval_001.wav" for voice in ("low", "high")}
    there, back = (Item("eval_001", paths[a], paths[b], paths[b]) for a, b in (("low", "high"), ("high", "low")))
    tasks = [PairTask("low", "high", [there]), PairTask("high", "low", [back])]
    made = make(tasks, training, tmp_path)
    assert set(made[there]) == {"source_vocoder", "mean_variance", "linear", "target_vocoder"}
    assert made[there]["target_vocoder"] == made[back]["source_vocoder"] == tmp_path / "vocoder/high/eval_001.wav"
    assert made[there]["linear"] == tmp_path / "linear/low-high/eval_001.wav"
    assert len({path for of_item in made.values() for path in of_item.values()}) == 6
    for column, path in made[there].items():
        like = paths["high" if column == "target_vocoder" else "low"]
        assert len(read_wave(path)[0]) == len(read_wave(like)[0])
    asked = []
    monkeypatch.setattr(baselines, "_make", lambda path, config, orders: asked.extend(orders))
    assert make(tasks, training, tmp_path) == made
    assert asked == []
    made[there]["linear"].unlink()
    make(tasks, training, tmp_path)
    assert [order.column for order in asked] == ["linear"]
    asked.clear()
    fewer = {"low": training["low"], "high": dict(list(training["high"].items())[:1])}
    make(tasks, fewer, tmp_path)
    assert sorted(order.column for order in asked) == ["linear", "linear", "mean_variance", "mean_variance"]


def test_recordings_of_the_same_name_keep_apart(corpus, training, tmp_path):
    wave, _ = read_wave(corpus / "low" / "eval_001.wav")
    items = []
    for folder in ("a", "b"):
        write_wave(tmp_path / folder / "x.wav", wave[:8000], RATE)
        items.append(Item(f"{folder}/x", tmp_path / folder / "x.wav", None, tmp_path / folder / "x.wav"))
    made = make([PairTask("low", "high", items)], training, tmp_path / "out")
    names = [made[item]["source_vocoder"].name for item in items]
    assert names == ["x.wav", "x-2.wav"]
    assert "target_vocoder" not in made[items[0]]


def test_variance_scaling_where_the_timing_is_kept(corpus, training, tmp_path):
    low, high = (corpus / voice / "eval_001.wav" for voice in ("low", "high"))
    same, other = Item("eval_001", low, low, low), Item("eval_001", low, high, low)
    analyses = analyse([low]) | analyse([high])
    assert keeps_timing([same], analyses)
    assert not keeps_timing([same, other], analyses)
    assert not keeps_timing([Item("eval_001", low, None, low)], analyses)
    task = PairTask("low", "high", [same])
    assert "scaled" in make([task], training, tmp_path, [task])[same]


def test_the_analysis_is_that_of_the_evaluation():
    assert WorldConfig(sample_rate=RATE, hop_ms=5.0, f0="dio", codec="sptk", dimensions=25) == CONFIG
