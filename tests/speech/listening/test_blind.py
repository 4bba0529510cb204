"""Blind pages of tiny runs: what they hide, how their trials are balanced, and whether the key is right."""

import json
import re
from collections import Counter

import numpy as np
import pytest
from listening_pages import BASELINES, MODELS, SYSTEMS, list_files, read_content, resemble

from translate.jobs.listen import write_listening_page
from translate.speech.analysis.wave import read_wave


@pytest.fixture(scope="module")
def blind(runs, corpus, tmp_path_factory):
    """A blind page and its key."""
    page = tmp_path_factory.mktemp("pages") / "blind"
    write_listening_page(runs, page, corpus, {"blind": True, "seed": 3})
    return page, json.loads((page / "key.json").read_text(encoding="utf-8"))


def test_a_blind_page_names_no_system(blind):
    page, _ = blind
    text = (page / "index.html").read_text(encoding="utf-8") + " ".join(list_files(page))
    for name in (*MODELS, *BASELINES[1:], "natural target", "low", "high", "eval_00"):
        assert not re.search(rf"\b{name}\b", re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)), name
    for name in (*MODELS, "eval_00", "mean-variance", "vocoder"):
        assert name not in text
    assert {path.stat().st_mtime for path in (page / "audio").iterdir()} == {0}


def test_trials_are_balanced(blind):
    page, key = blind
    trials = read_content(page)["trials"]
    assert key["page"] == read_content(page)["page"]
    assert key["systems"] == SYSTEMS
    assert {trial["id"]: trial["test"] for trial in trials} == {id: t["test"] for id, t in key["trials"].items()}
    abx = [trial for trial in key["trials"].values() if trial["test"] == "abx"]
    pairs = Counter(tuple(sorted((trial["a"], trial["b"]))) for trial in abx)
    assert len(pairs) == 5                                          # the models, each with linear map and target
    assert set(pairs.values()) == {3}                               # as many as there are sentences
    assert abs(sum(1 if trial["x"] == "A" else -1 for trial in abx)) == 1
    rated = Counter(trial["system"] for trial in key["trials"].values() if trial["test"] == "mos")
    assert rated == dict.fromkeys(SYSTEMS, 3)


def test_the_key_is_right(blind, runs, corpus):
    """X and the sounds that are rated are what the key says; the reference is another sentence."""
    page, key = blind
    roles = ("a", "b", "x", "sound", "reference")
    named = [trial[role] for trial in read_content(page)["trials"] for role in roles if role in trial]
    assert len(named) == len(set(named))                            # no file in two trials
    assert list_files(page / "audio") == sorted(f"{name}.wav" for name in named)
    waves = {name: read_wave(page / "audio" / f"{name}.wav")[0] for name in named}
    for trial in read_content(page)["trials"]:
        facts = key["trials"][trial["id"]]
        id = facts["sentence"].rpartition(" ")[2]
        if trial["test"] == "abx":
            assert np.array_equal(waves[trial["x"]], waves[trial["a"]]) == (facts["x"] == "A")
            assert np.array_equal(waves[trial["x"]], waves[trial["b"]]) == (facts["x"] == "B")
            sounds = {facts["a"]: trial["a"], facts["b"]: trial["b"]}
        else:
            sounds = {facts["system"]: trial["sound"]}
            natural = read_wave(corpus.parent / f"high/{id}.wav")[0]
            assert not resemble(waves[trial["reference"]], natural)
        for system, name in sounds.items():
            if system in MODELS:
                run = runs[MODELS.index(system)]
                assert resemble(waves[name], read_wave(run / f"converted/low-high/{id}.wav")[0])


def test_the_seed_decides_all(blind, runs, corpus, tmp_path):
    page, _ = blind
    write_listening_page(runs, tmp_path / "same", corpus, {"blind": True, "seed": 3})
    write_listening_page(runs, tmp_path / "other", corpus, {"blind": True, "seed": 4})
    assert list_files(tmp_path / "same") == list_files(page)
    assert (tmp_path / "same/index.html").read_bytes() == (page / "index.html").read_bytes()
    assert read_content(tmp_path / "other")["page"] != read_content(page)["page"]
    assert not set(list_files(tmp_path / "other/audio")) & set(list_files(page / "audio"))


def test_one_test_alone(runs, corpus, tmp_path):
    options = {"blind": True, "tests": "mos", "trials": 15}
    write_listening_page(runs, tmp_path / "page", corpus, options)
    trials = read_content(tmp_path / "page")["trials"]
    assert Counter(trial["test"] for trial in trials) == {"mos": 14}  # two of each of seven systems
    write_listening_page(runs, tmp_path / "models", None, {"blind": True})
    trials = read_content(tmp_path / "models")["trials"]
    assert Counter(trial["test"] for trial in trials) == {"abx": 3, "mos": 6}
    assert not any("reference" in trial for trial in trials)        # there is no recording of the target
