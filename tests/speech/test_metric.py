"""The metrics of a model in training, with stand-ins for the instruments, on two synthetic voices."""

import logging
from collections import defaultdict

import numpy as np
import pytest
import torch
from tiny_runs import configure

from translate.corpus.manifest import scan_folders
from translate.errors import UserError
from translate.speech import metric as module
from translate.speech.analysis.wave import read_wave
from translate.speech.batches import find_batches
from translate.speech.conversion.open import make_converter
from translate.speech.corpus.features import FeatureStore, extract
from translate.speech.corpus.mini import make_speech
from translate.speech.development import Development
from translate.speech.material import open_voices
from translate.speech.measures.instruments import HOW
from translate.speech.measures.mcd import mel_cepstral_distortion
from translate.speech.measures.score import join_score
from translate.speech.metric import Distortion, Hearing, analyse_speech, choose_metric, decode_mcep

FEATURES = {"sample_rate": 16000, "f0": "dio", "codec": "sptk", "dimensions": 25}
KINDS = {
    "world": ("cyclegan_vc2", FEATURES),
    "stft": ("stft_postfilter", {"sample_rate": 16000, "fft_size": 256}),
    "wave": ("wavecyclegan2", {"sample_rate": 16000}),
}
PARTS = {"naturalness", "similarity", "phone_error", "modulation", "mcd"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    make_speech(folder, sentences=5, evaluation=1)
    return folder


@pytest.fixture(scope="module")
def stores(corpus, tmp_path_factory):
    """Features of every kind; two sentences of five are dev."""
    found = {}
    entries = scan_folders(corpus, None, "train_*", "eval_*", dev="train_00[45]")
    for kind, (model, features) in KINDS.items():
        config, folder = configure(model, {"features": features}), tmp_path_factory.mktemp(kind)
        extract([e for e in entries if e.split != "eval"], config.features, folder, jobs=1, progress=False)
        found[kind] = folder
    return found


class Bench:
    """A model of small, untrained networks, its development set and its converter."""

    def __init__(self, folder, kind, **values):
        model, features = KINDS[kind]
        self.config = configure(model, {"features": features}, values)
        self.store = FeatureStore(folder)
        utterances = {d: self.store.open("train", d) for d in ("low", "high")}
        used = find_batches(self.config).select(self.config, utterances)
        self.statistics = {d: u.statistics() for d, u in used.items()}
        self.development = Development.open(self.config, self.store, used)
        torch.manual_seed(0)
        self.translator = self.config.build()

    def converter(self):
        return make_converter(self.translator, self.config, self.statistics, torch.device("cpu"))


@pytest.fixture
def bench(stores):
    return lambda kind="world", **values: Bench(stores[kind], kind, **values)


@pytest.fixture
def instruments(monkeypatch):
    """Stand-ins: what they hear is a function of the wave; returns the calls."""
    calls = {"quality": [], "voice": [], "phones": []}

    def hear(name, answer):
        def instrument(wave, rate):
            if not np.abs(wave).max() > 0:
                raise UserError("silent")
            calls[name].append((len(wave), rate))
            return answer(np.asarray(wave, np.float64), rate)

        return instrument

    def embed(wave, rate):
        bands = np.array_split(np.abs(np.fft.rfft(wave))[: 4000 * len(wave) // rate], 256)
        power = np.array([band.mean() for band in bands])
        return power / np.linalg.norm(power)

    monkeypatch.setattr(module, "find_missing", lambda: None)
    monkeypatch.setattr(module, "check_installed", lambda: None)
    monkeypatch.setattr(module, "load_models", lambda: None)
    monkeypatch.setattr(module, "predict_quality", hear("quality", lambda wave, rate: {"overall": 3.0}))
    monkeypatch.setattr(module, "embed_voice", hear("voice", embed))
    monkeypatch.setattr(module, "decode_phones", hear("phones", lambda wave, rate: ("A", "B") * (len(wave) // 8000)))
    return calls


# --- the choice -------------------------------------------------------------------------------------------


def test_auto_listens_where_it_can(bench, instruments):
    assert isinstance(choose_metric(bench().config, bench().development), Hearing)
    mcd = bench(train={"metric": "mcd"})
    assert isinstance(choose_metric(mcd.config, mcd.development), Distortion)


def test_auto_without_the_instruments_says_how_to_get_them(bench, caplog):
    with caplog.at_level(logging.INFO, "translate"):
        assert isinstance(choose_metric(bench().config, bench().development), Distortion)
    assert caplog.messages == [
        f"train.metric: mcd; the listening instruments, which choose better, need what this test leaves out: {HOW}"
    ]


def test_what_is_asked_for_and_missing_is_an_error(bench, monkeypatch):
    monkeypatch.setattr("translate.speech.measures.instruments.PACKAGES", ("no_such_package",))
    wanted = bench(train={"metric": "listen"})
    with pytest.raises(UserError, match=r"the listening instruments need no_such_package: bash tools/setup.sh listen"):
        choose_metric(wanted.config, wanted.development)
    for kind in ("stft", "wave"):
        wanted = bench(kind, train={"metric": "mcd"})
        with pytest.raises(UserError, match=r"train.metric is mcd: this model has no mel-cepstra; take train"):
            choose_metric(wanted.config, wanted.development)
    wanted = bench(train={"metric": "mcd"})
    wanted.development.pairs["low", "high"] = []
    with pytest.raises(UserError, match="no held-out sentence is spoken by both domains of every direction"):
        choose_metric(wanted.config, wanted.development)


def test_where_nothing_can_be_measured_training_goes_on_with_a_line(stores, caplog):
    config = Bench(stores["stft"], "stft", train={"evaluate_every": 1, "crop": 64}).config
    with caplog.at_level(logging.WARNING, "translate"):
        watch = open_voices(config, stores["stft"], torch.device("cpu")).watch
    assert watch.evaluate is None
    assert "nothing is evaluated. There is no MCD, since this model has no mel-cepstra, and the list" in caplog.text


def test_no_metric_is_chosen_where_nothing_is_evaluated(stores, instruments):
    config = Bench(stores["world"], "world").config
    watch = open_voices(config, stores["world"], torch.device("cpu")).watch
    assert watch.evaluate is None
    config = Bench(stores["world"], "world", train={"evaluate_every": 5, "crop": 64}).config
    watch = open_voices(config, stores["world"], torch.device("cpu")).watch
    assert watch.metric == "evaluation/score"
    assert not any(instruments.values())                            # nothing is heard before the first evaluation


def test_speech_that_trains_is_no_development_set(bench, instruments, caplog):
    one = bench()
    one.development.held_out["high"] = one.development.used["high"]
    with caplog.at_level(logging.WARNING, "translate"):
        choose_metric(one.config, one.development)
    assert "no speech of `high` is held out; what trains chooses the best step (prepare with --dev)" in caplog.text


# --- what is measured -------------------------------------------------------------------------------------


def test_distortion_is_that_of_the_converted_frames(bench):
    one = bench()
    converter, sentences = one.converter(), one.development.choose(1)
    values = Distortion(one.development, sentences).measure(converter)
    assert list(values) == ["evaluation/mcd"]
    scores = []
    for sentence in sentences:
        source, target = one.development.held_out[sentence.source], one.development.held_out[sentence.target]
        frames = converter.convert_frames(source[sentence.row], sentence.source, sentence.target)
        natural = target[target.pairs.index(source.pairs[sentence.row])]
        scores.append(mel_cepstral_distortion(*(decode_mcep(converter.world, x) for x in (frames, natural))))
    assert values["evaluation/mcd"] == pytest.approx(np.mean(scores), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_hearing_measures_everything_of_every_kind_of_model(bench, instruments, kind):
    one = bench(kind)
    metric = choose_metric(one.config, one.development)
    values = metric.measure(one.converter())
    assert set(values) == {"evaluation/score", *(f"evaluation/{part}" for part in PARTS)}
    assert values["evaluation/score"] == pytest.approx(join_score({p: values[f"evaluation/{p}"] for p in PARTS}))
    assert values["evaluation/naturalness"] == 3.0
    assert 0 < values["evaluation/similarity"] < 1
    assert metric.measure(one.converter()) == values
    directions = len(one.development.pairs)
    assert len(metric.sentences) == 2 * directions


def test_mel_cepstra_are_those_of_the_waves(bench, instruments):
    """The distortion before synthesis differs; that of the waves is measured here once more."""
    one = bench()
    sentences, converter = one.development.choose(None), one.converter()
    heard = Hearing(one.development, sentences).measure(converter)["evaluation/mcd"]
    scores = defaultdict(list)
    for sentence in sentences:
        paths = (one.development.held_out[sentence.source].paths[sentence.row],
                 one.development.references[sentence.target].paths[sentence.natural])  # fmt: skip
        wave, natural = (read_wave(path, converter.sample_rate)[0] for path in paths)
        wave, rate = converter.convert(wave, converter.sample_rate, sentence.source, sentence.target)
        scores[sentence.source].append(
            mel_cepstral_distortion(analyse_speech(wave, rate), analyse_speech(natural, rate))
        )
    assert heard == pytest.approx(np.mean([np.mean(rows) for rows in scores.values()]), rel=1e-3)
    assert heard != pytest.approx(Distortion(one.development, sentences).measure(converter)["evaluation/mcd"], rel=1e-3)


def test_references_are_heard_once(bench, instruments):
    one = bench()
    metric = choose_metric(one.config, one.development)
    metric.measure(one.converter())
    first = {name: len(calls) for name, calls in instruments.items()}
    metric.measure(one.converter())
    sentences, sources = len(metric.sentences), 4
    assert first == {"quality": sentences, "voice": sentences + 3, "phones": sentences + sources}   # 3 train
    assert {name: len(calls) - first[name] for name, calls in instruments.items()} == dict.fromkeys(first, sentences)
    rate = one.converter().sample_rate
    assert {call for call in instruments["quality"]} == {(int(9.05 * rate), rate)}              # one window each


def test_a_voice_that_is_the_targets_is_similar_and_keeps_the_phones(bench, instruments, monkeypatch):
    """A converter that gives the target's recording is better in all that it changes than one that gives the source."""
    one = bench()
    metric = choose_metric(one.config, one.development)

    def give(of):
        def convert(self, converter, sentence):
            domain, rows = (sentence.source, one.development.held_out) if of == "source" else (
                sentence.target, one.development.references)  # fmt: skip
            row = sentence.row if of == "source" else sentence.natural
            wave, rate = read_wave(rows[domain].paths[row], converter.sample_rate)
            return wave, analyse_speech(wave, rate)

        monkeypatch.setattr(Hearing, "_convert", convert)
        return metric.measure(one.converter())

    source, target = give("source"), give("target")
    assert source["evaluation/phone_error"] == 0
    assert target["evaluation/mcd"] == target["evaluation/modulation"] == 0
    assert target["evaluation/similarity"] > source["evaluation/similarity"] + 0.01
    assert target["evaluation/score"] < source["evaluation/score"]


def test_dev_sentences_that_are_not_parallel(bench, instruments):
    """There is no MCD; the modulation is that of the target's training recordings."""
    one = bench()
    one.development.pairs = {direction: [] for direction in one.development.pairs}
    values = choose_metric(one.config, one.development).measure(one.converter())
    assert set(values) == {"evaluation/score", *(f"evaluation/{part}" for part in PARTS - {"mcd"})}
    assert np.isfinite(values["evaluation/score"])


def test_silence_is_the_worst(bench, instruments, monkeypatch):
    one = bench()
    real = Hearing._convert
    monkeypatch.setattr(Hearing, "_convert", lambda self, *arguments: (np.zeros(16000), real(self, *arguments)[1]))
    values = choose_metric(one.config, one.development).measure(one.converter())
    assert [values[f"evaluation/{part}"] for part in ("naturalness", "similarity", "phone_error")] == [1, 0, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_gives_no_numbers_is_never_the_best(bench, instruments, kind):
    one = bench(kind)
    one.translator.translate = lambda x, source, target: torch.full_like(x, torch.nan)
    assert not choose_metric(one.config, one.development).measure(one.converter())["evaluation/score"] < np.inf
    if kind == "world":
        values = Distortion(one.development, one.development.choose(None)).measure(one.converter())
        assert np.isnan(values["evaluation/mcd"])


def test_phones_that_are_not_recognised_in_any_source_do_not_count(bench, instruments, monkeypatch):
    monkeypatch.setattr(module, "decode_phones", lambda wave, rate: ())
    one = bench()
    values = choose_metric(one.config, one.development).measure(one.converter())
    assert "evaluation/phone_error" not in values
    assert np.isfinite(values["evaluation/score"])


def test_a_target_that_cannot_be_heard_is_told(bench, instruments, monkeypatch):
    def refuse(wave, rate):
        raise UserError("too short")

    monkeypatch.setattr(module, "embed_voice", refuse)
    one = bench()
    with pytest.raises(UserError, match=r"train.metric: the instruments can hear no training recording of `high`"):
        choose_metric(one.config, one.development).measure(one.converter())


def test_training_follows_the_score(bench, instruments, stores, tmp_path, caplog):
    """A whole training: log, best step, and conversion with it."""
    import json

    from translate.checkpoints.store import find_checkpoint
    from translate.jobs.train import train_system

    config = bench(train={"steps": 2, "evaluate_every": 1, "crop": 64, "device": "cpu", "sample_every": 0}).config
    train_system(config, stores["world"], tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    scores = {line["step"]: line["evaluation/score"] for line in lines if "evaluation/score" in line}
    assert list(scores) == [0, 1, 2]
    named = {f"evaluation/{part}" for part in (*PARTS, "seconds")}
    assert all(named <= set(line) for line in lines if "evaluation/mcd" in line)
    best = min(scores, key=scores.get)
    assert find_checkpoint(tmp_path / "run").name == f"step_{best:08d}"
