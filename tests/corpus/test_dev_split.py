"""The development set: which sentences it takes, and that no sentence is in two splits."""

import logging
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner

from translate.cli import app
from translate.corpus.development import set_aside
from translate.corpus.manifest import Entry, read_manifest, scan_folders
from translate.errors import UserError


@pytest.fixture
def prepare(tmp_path):
    """`translate prepare` on the folder `corpus`; returns {split: {domain: ids}} of the manifests it leaves."""

    def call(*words, corpus="corpus"):
        result = CliRunner().invoke(app, ["prepare", str(tmp_path / corpus), str(tmp_path / "data"), *words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return read_splits(tmp_path / "data")

    return call


def read_splits(folder):
    splits = {}
    for path in sorted(folder.glob("*.jsonl")):
        domains = defaultdict(list)
        for entry in read_manifest(path):
            assert entry.split == path.stem
            domains[entry.domain].append(entry.id)
        splits[path.stem] = dict(domains)
    return splits


def check_apart(splits):
    """Check that no sentence (the corpora here call it alike in all domains) is in two splits, whatever the domain."""
    sentences = {split: {id for ids in domains.values() for id in ids} for split, domains in splits.items()}
    for one, other in combinations(sentences, 2):
        assert not sentences[one] & sentences[other], (one, other)


def make(folder: Path, **domains):
    for domain, names in domains.items():
        (folder / domain).mkdir(parents=True)
        for name in names:
            (folder / domain / f"{name}.wav").touch()


def number(count, prefix="s"):
    return [f"{prefix}{i:03d}" for i in range(1, count + 1)]


def test_every_tenth_sentence_of_the_parallel_ones(tmp_path, prepare):
    make(tmp_path / "corpus", A=[*number(60), *number(9, "a")], B=number(60), C=[*number(60), "z"])
    splits = prepare("--eval", "s05[1-9],s060")
    tenths = ["s010", "s020", "s030", "s040", "s050"]
    assert splits["dev"] == {domain: tenths for domain in "ABC"}
    assert len(splits["train"]["A"]) == 60 + 9 - 10 - 5
    check_apart(splits)


@pytest.mark.parametrize(("count", "expected"), [(19, 0), (20, 2), (39, 3), (160, 16), (500, 16)])
def test_how_many(tmp_path, prepare, caplog, count, expected):
    """The corpora are of two voices that share all sentences; one more is for evaluation."""
    make(tmp_path / "corpus", A=[*number(count), "eval"], B=[*number(count), "eval"])
    with caplog.at_level(logging.INFO, "translate"):
        splits = prepare("--eval", "eval")
    check_apart(splits)
    assert splits.get("dev", {"A": []})["A"] == splits.get("dev", {"B": []})["B"]
    assert len(splits.get("dev", {"A": []})["A"]) == expected
    told = [line for line in caplog.messages if line.startswith("no development set: `A` has 19 training sentences")]
    assert len(told) == (count == 19)


def test_the_rule_draws_nothing(tmp_path):
    make(tmp_path, A=number(45), B=number(45))
    entries = scan_folders(tmp_path)
    first = set_aside(entries, None)
    assert set_aside(list(reversed(entries)), None) == list(reversed(first))


def test_domains_without_common_sentences_give_their_own(tmp_path, prepare):
    make(tmp_path / "corpus", A=number(30, "a"), B=number(50, "b"))
    splits = prepare()
    assert [len(splits["dev"][domain]) for domain in "AB"] == [2, 4]
    assert all(id[0] == domain.lower() for domain in "AB" for id in splits["dev"][domain])
    check_apart(splits)


def test_partly_parallel_domains_hold_out_a_sentence_together(tmp_path, prepare):
    """A and B share sentences, C has none of them: what one holds out, the other must not train on."""
    make(tmp_path / "corpus", A=number(60), B=number(45), C=number(30, "c"))
    splits = prepare()
    check_apart(splits)
    assert all(splits[split][domain] for split in ("train", "dev", "eval") for domain in "ABC")


def test_patterns(tmp_path, prepare):
    make(tmp_path / "corpus", A=number(30), B=number(30))
    splits = prepare("--train", "s00*,s01*", "--dev", "s01[89],s02[0-4]", "--eval", "s02*")
    assert splits["dev"]["A"] == splits["dev"]["B"] == ["s018", "s019"]         # evaluation wins
    assert splits["train"]["A"] == [f"s{i:03d}" for i in range(1, 18)]
    check_apart(splits)
    with pytest.raises(UserError, match=r"corpus/A: no file for split `dev` matches \['x\*'\]"):
        prepare("--dev", "x*")


def test_none_turns_it_off_and_removes_what_is_stale(tmp_path, prepare):
    make(tmp_path / "corpus", A=number(40), B=number(40))
    assert set(prepare()) == {"train", "dev", "eval"}
    splits = prepare("--dev", "none")
    assert set(splits) == {"train", "eval"}
    assert len(splits["train"]["A"]) == 36


def test_a_dev_manifest_of_other_recordings_stays(tmp_path, prepare):
    make(tmp_path / "corpus", A=number(40))
    make(tmp_path / "others", A=number(20, "x"))
    prepare(corpus="corpus")
    (tmp_path / "data/dev.jsonl").write_text(
        f'{{"id": "x001", "path": "{tmp_path}/others/A/x001.wav", "domain": "A", "split": "dev"}}\n'
    )
    assert prepare("--dev", "none")["dev"] == {"A": ["x001"]}


def test_a_domain_must_keep_sentences():
    entries = [Entry("1", Path("a"), "A", "dev", "1"), Entry("2", Path("b"), "A", "train"),
               Entry("1", Path("c"), "B", "train", "1")]  # fmt: skip
    with pytest.raises(UserError, match="domain `B`: no sentence is left for training, because other domains say"):
        set_aside(entries, ())


@pytest.fixture
def kaldi(tmp_path):
    """Two speakers with 40 common utterances."""
    folder = tmp_path / "kaldi"
    folder.mkdir()
    names = [f"{speaker}-{i:03d}" for speaker in ("p1", "p2") for i in range(1, 41)]
    for name in names:
        (tmp_path / f"{name}.wav").touch()
    (folder / "wav.scp").write_text("".join(f"{name} {tmp_path}/{name}.wav\n" for name in names))
    (folder / "utt2spk").write_text("".join(f"{name} {name[:2]}\n" for name in names))
    return folder


def test_kaldi_folders_have_one_too(kaldi, prepare):
    splits = prepare(corpus="kaldi")
    assert splits["dev"] == {p: [f"{p}-{i:03d}" for i in (10, 20, 30, 40)] for p in ("p1", "p2")}
    assert len(splits["train"]["p1"]) == 36
    assert not {id[3:] for id in splits["dev"]["p1"]} & {id[3:] for id in splits["train"]["p2"]}


def test_kaldi_folders_by_patterns(kaldi, prepare):
    splits = prepare("--dev", "p1-00[12]", corpus="kaldi")
    assert splits["dev"] == {"p1": ["p1-001", "p1-002"], "p2": ["p2-001", "p2-002"]}   # the same sentences
    assert set(prepare("--dev", "none", corpus="kaldi")) == {"train"}
    with pytest.raises(UserError, match=r"no training sentence matches q\* \(--dev\)"):
        prepare("--dev", "q*", corpus="kaldi")


def test_kaldi_folders_for_evaluation_give_none(kaldi, prepare):
    assert set(prepare("--kaldi-split", "eval", corpus="kaldi")) == {"eval"}
    with pytest.raises(UserError, match="--dev: its sentences are set aside from `train`; leave it out for `eval`"):
        prepare("--kaldi-split", "eval", "--dev", "p1*", corpus="kaldi")


def test_pictures_have_none(tmp_path, prepare):
    (tmp_path / "corpus" / "trainA").mkdir(parents=True)
    (tmp_path / "corpus" / "trainA" / "1.png").touch()
    with pytest.raises(UserError, match="--dev: pictures have no development set; leave it out"):
        prepare("--layout", "unpaired", "--dev", "1*")
