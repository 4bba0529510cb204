"""Evaluations with and without the listening instruments."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from translate import demo
from translate.cli import main
from translate.corpus.manifest import Entry, write_manifest
from translate.errors import UserError
from translate.jobs.evaluate import evaluate_run
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.measures import instruments, listening, report
from translate.speech.measures.comparison import Utterance
from translate.speech.measures.instruments import RATE
from translate.speech.measures.listening import INSTRUMENTS, listen_to_all
from translate.speech.measures.recordings import Item, PairTask

EXAMPLES = Path(demo.__file__).parent / "examples"
TRAINING = {"female": "female-morning", "male": "male-numbers"}
EVALUATED = {"female": "female-question", "male": "male-river"}
MADE = {"source_vocoder", "mean_variance", "linear", "target_vocoder"}
listens = pytest.mark.skipif(instruments.find_missing() is not None, reason="needs the extra `listen`")


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(report, "_draw", lambda *arguments, **options: None)  # takes long
    monkeypatch.setattr("translate.speech.evaluate._draw", lambda *arguments: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose system says everything with the target's own recording, and its manifests."""
    folder = tmp_path_factory.mktemp("run")
    for split, names in (("train", TRAINING), ("eval", EVALUATED)):
        entries = [Entry(split, EXAMPLES / f"{name}.flac", domain, split, pair=split) for domain, name in names.items()]
        write_manifest(folder / f"{split}.jsonl", entries)
    for source, target in (("female", "male"), ("male", "female")):
        wave, rate = read_wave(EXAMPLES / f"{EVALUATED[target]}.flac")
        write_wave(folder / "converted" / f"{source}-{target}" / "eval.wav", wave, rate)
    return folder


def evaluate(run, **options):
    return evaluate_run(run, run / "eval.jsonl", run / "train.jsonl", jobs=1, dimensions=12, **options)


def test_without_the_packages(run, monkeypatch, caplog):
    monkeypatch.setattr(instruments, "PACKAGES", ("no_such_package",))
    with caplog.at_level(logging.INFO, "translate"):
        results = evaluate(run)
    assert f"without the listening instruments, which need no_such_package: {instruments.HOW}" in caplog.text
    assert not set(INSTRUMENTS) & {*results["overall"], *results["pairs"][0]}
    assert "instruments" not in results["protocol"]
    assert "Naturalness" not in (run / "results.md").read_text(encoding="utf-8")
    with pytest.raises(UserError, match="the listening instruments need no_such_package: bash tools"):
        evaluate(run, listen=True)


def test_unwanted(run, monkeypatch, caplog):
    monkeypatch.setattr(report, "listen_to_all", None)
    with caplog.at_level(logging.INFO, "translate"):
        results = evaluate(run, listen=False)
    assert "listening" not in caplog.text
    assert not set(INSTRUMENTS) & set(results["overall"])


@listens
def test_with_the_packages(run):
    plain, results = evaluate(run, listen=False), evaluate(run)
    written = json.loads((run / "results.json").read_text(encoding="utf-8"))
    assert written == results
    for pair in results["pairs"]:
        for measure in ("naturalness", "naturalness_signal", "naturalness_background"):
            assert pair[measure]["resynthesised"] == pytest.approx(pair[measure]["target"], abs=0.02)  # the same wave
        similarity = pair["similarity"]
        assert similarity["resynthesised"] == pytest.approx(similarity["target"], abs=0.01)
        assert similarity["resynthesised"] > max(similarity["source"], similarity["other"]) + 0.1
        assert pair["phone_error"]["resynthesised"] > 0.5               # other words
    forth, back = (pair["naturalness"] for pair in results["pairs"])
    assert forth["source"] == back["target"]
    text = (run / "results.md").read_text(encoding="utf-8")
    for title in INSTRUMENTS.values():
        assert f"## {title}" in text
    assert "- Listening instruments: 16000 Hz, peak 0.7" in text
    for pair in results["pairs"]:
        (utterance,) = pair["utterances"].values()
        for measure in INSTRUMENTS:
            assert set(utterance[measure]) == {*MADE, "source", "resynthesised", "target"} - (
                {"source"} if measure == "phone_error" else set()
            )
            assert utterance[measure]["resynthesised"] == pair[measure]["resynthesised"]
        assert pair["phone_error"]["source_vocoder"] < pair["phone_error"]["target"]  # the same words
    for part in ("overall", "protocol"):                            # nothing else changes
        kept = {key: value for key, value in results[part].items() if key not in {*INSTRUMENTS, "instruments"}}
        assert kept == plain[part]


@pytest.fixture
def fakes(monkeypatch):
    """Instruments that hear the wave's mean size, noting what they hear."""
    heard = {"predict_quality": [], "embed_voice": [], "decode_phones": []}

    def fake(name, answer):
        def hear(wave, rate):
            assert rate == RATE
            size = round(float(np.abs(wave).mean()), 3)
            heard[name].append(size)
            return answer(size)

        monkeypatch.setattr(listening, name, hear)

    monkeypatch.setattr(listening, "load_models", lambda: None)
    fake("predict_quality", lambda size: {"overall": 10 * size, "signal": 4.0, "background": 5.0})
    fake("embed_voice", lambda size: np.array([size, 1 - size]))
    fake("decode_phones", lambda size: ("AA",) * round(20 * size))
    return heard


def write(path, size, seconds=1.0):
    """A wave of peak 0.7, of whose samples 99 in 100 have the size."""
    wave = np.full(int(seconds * RATE), size)
    wave[::100] = 0.7
    wave *= 1 - 2 * (np.arange(len(wave)) % 2)
    write_wave(path, wave, RATE)
    return path


def test_means_and_intervals(tmp_path, fakes, caplog):
    """Every recording is heard once, training recordings by the embedding alone; a short one is left out."""
    sizes = {"a": 0.2, "b": 0.3, "c": 0.4, "d": 0.5, "e": 0.1}
    paths = {name: write(tmp_path / f"{name}.wav", size) for name, size in sizes.items()}
    short = write(tmp_path / "short.wav", 0.2, seconds=0.4)
    items = [Item("1", paths["a"], paths["b"], paths["c"]), Item("2", paths["a"], None, paths["d"])]
    items.append(Item("3", short, paths["b"], paths["d"]))
    made = {items[0]: {"linear": paths["b"]}}
    tasks = [PairTask("x", "y", items), PairTask("x", "z", [Item("1", paths["a"], None, paths["b"])])]
    training = {"x": [paths["a"]], "y": [paths["b"], paths["e"]], "z": [short]}
    with caplog.at_level(logging.WARNING, "translate"):
        listens = listen_to_all(tasks, made, training, jobs=1)
    assert f"leave out 1 of 6 recordings: {short}: 0.4 s are too short" in caplog.text
    real = {name: round(0.99 * size + 0.007, 3) for name, size in sizes.items()}
    assert sorted(fakes["embed_voice"]) == sorted(real.values())
    evaluated = sorted(size for name, size in real.items() if name != "e")
    assert sorted(fakes["predict_quality"]) == sorted(fakes["decode_phones"]) == evaluated

    rows = [Utterance(item.id, item.said, {}) for item in items]
    measures = listens.measure_pair(tasks[0], rows)
    quality = measures["naturalness"]
    columns = ("source", "linear", "resynthesised", "target")
    assert set(quality) == {f"{c}{end}" for c in columns for end in ("", "_ci")}
    assert quality["linear"] == pytest.approx(10 * real["b"])
    assert [one.scores["naturalness"]["target"] for one in rows] == [10 * real["b"], None, 10 * real["b"]]
    assert quality["source"] == pytest.approx(10 * real["a"])
    converted = [10 * real["c"], 10 * real["d"], 10 * real["d"]]
    assert quality["resynthesised"] == pytest.approx(np.mean(converted), abs=1e-4)
    # Student's t with two degrees of freedom: 4.3027
    assert quality["resynthesised_ci"] == pytest.approx(4.3027 * np.std(converted, ddof=1) / 3**0.5, abs=1e-3)
    assert quality["target"] == pytest.approx(10 * real["b"])
    assert measures["similarity"]["other_ci"] is None               # one recording alone
    lengths = {name: round(20 * size) for name, size in real.items()}
    errors = [(lengths[name] - lengths["a"]) / lengths["a"] for name in ("c", "d")]
    assert measures["phone_error"]["resynthesised"] == pytest.approx(np.mean(errors), abs=1e-4)
    assert "source" not in measures["phone_error"]

    more = [Utterance("1", "1", {})]
    other = listens.measure_pair(tasks[1], more)
    assert other["similarity"]["resynthesised"] is None                 # no voice of z
    assert other["naturalness"]["target"] is None
    overall = listening.average_instruments([measures, other], rows + more)
    both = (quality["resynthesised"] + 10 * real["b"]) / 2
    assert overall["naturalness"]["resynthesised"] == pytest.approx(both, abs=1e-3)
    sentences = [np.mean([converted[0], 10 * real["b"]]), *converted[1:]]
    half_width = 4.3027 * np.std(sentences, ddof=1) / 3**0.5
    assert overall["naturalness"]["resynthesised_ci"] == pytest.approx(half_width, abs=1e-3)
    assert overall["similarity"]["other"] == measures["similarity"]["other"]


def test_training_recordings_are_bounded(tmp_path, fakes):
    paths = [write(tmp_path / f"{n}.wav", 0.2) for n in range(3)]
    copies = []
    for n in range(150):
        copies.append(tmp_path / f"copy{n}.wav")
        shutil.copy(paths[0], copies[-1])
    tasks = [PairTask("x", "y", [Item("1", *paths)])]
    listens = listen_to_all(tasks, {}, {"x": copies, "y": copies[:2]}, jobs=1)
    assert {domain: len(voices) for domain, voices in listens.voices.items()} == {"x": 100, "y": 2}
    assert len(fakes["predict_quality"]) == 3


@pytest.mark.parametrize(
    ("flags", "options"), [([], {}), (["--listen"], {"listen": True}), (["--no-listen"], {"listen": False})]
)
def test_flags(monkeypatch, capsys, caplog, flags, options):
    caplog.set_level(logging.INFO, "translate")                     # as it was, afterwards
    given = []

    def evaluate(*files, **more):
        given.append(more)
        return "table"

    monkeypatch.setattr("translate.jobs.evaluate.evaluate_and_format", evaluate)
    monkeypatch.setattr("sys.argv", ["translate", "evaluate", "run", "--eval", "e.jsonl", "--train", "t.jsonl", *flags])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == "table\n"
    assert given == [options]
