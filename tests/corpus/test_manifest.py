import json

import numpy as np
import pytest

from translate.corpus.manifest import Entry, import_kaldi, make_disjoint, read_manifest, scan_folders, write_manifest
from translate.errors import UserError


@pytest.fixture
def corpus(tmp_path):
    """Two speakers with ten common sentences; and one file of its own each."""
    for domain in ("A", "B"):
        for number in range(10):
            path = tmp_path / domain / "part" / f"{number:02d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / domain / f"solo{domain}.flac").touch()
        (tmp_path / domain / ".hidden.wav").touch()
        (tmp_path / domain / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def lines(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


ROW = {"id": "1", "path": "a.wav", "domain": "A", "split": "train"}


def test_entries_survive_writing_and_reading_and_the_folder_can_move(corpus):
    entries = scan_folders(corpus)
    write_manifest(corpus / "all.jsonl", entries)
    assert read_manifest(corpus / "all.jsonl") == entries
    moved = corpus.rename(corpus.with_name("moved"))
    again = read_manifest(moved / "all.jsonl")
    assert [e.id for e in again] == [e.id for e in entries]
    assert all(e.path.is_absolute() and e.path.is_relative_to(moved) for e in again)


def test_files_outside_keep_absolute_paths(corpus):
    entries = scan_folders(corpus)
    write_manifest(corpus / "lists" / "all.jsonl", entries)
    assert read_manifest(corpus / "lists" / "all.jsonl") == entries


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{broken", ":2: not valid JSON"),
        ("[1]", ":2: expected a JSON object, found list"),
        ({k: v for k, v in ROW.items() if k != "domain"}, ":2: `domain` is missing; expected text"),
        (ROW | {"id": 7}, ":2: `id` is 7; expected text"),
        (ROW | {"id": "2", "pair": 3}, ":2: `pair` is 3"),
        (ROW | {"id": "2", "path": "b.wav"}, ":2: no such file: .*b.wav"),
        (ROW | {"id": "2", "domain": "../A"}, ":2: `domain` is '../A'"),
        (ROW, ":2: id `1` is on line 1 already"),
    ],
)
def test_bad_lines_are_named(tmp_path, row, message):
    (tmp_path / "a.wav").touch()
    with pytest.raises(UserError, match=r"m.jsonl" + message):
        read_manifest(lines(tmp_path / "m.jsonl", ROW, row))


def test_the_same_id_may_be_in_another_domain_or_split(tmp_path):
    (tmp_path / "a.wav").touch()
    rows = [ROW, ROW | {"domain": "B"}, "", ROW | {"split": "eval", "pair": "x", "extra": 1}]
    assert [e.pair for e in read_manifest(lines(tmp_path / "m.jsonl", *rows))] == [None, None, "x"]


def test_no_manifest_or_an_empty_one(tmp_path):
    with pytest.raises(UserError, match=r"cannot read the manifest"):
        read_manifest(tmp_path / "absent.jsonl")
    with pytest.raises(UserError, match=r"the manifest is empty"):
        read_manifest(lines(tmp_path / "m.jsonl", "", ""))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"not UTF-8"):
        read_manifest(tmp_path / "binary")


def test_scan_by_share_holds_out_the_same_sentences(corpus):
    entries = scan_folders(corpus, share=0.2)
    assert {e.domain for e in entries} == {"A", "B"}
    held_out = {d: [e.id for e in entries if e.split == "eval" and e.domain == d] for d in "AB"}
    assert held_out["A"] == held_out["B"] == ["part/08", "part/09"]
    assert len(entries) == 22
    assert {e.id for e in entries if e.pair is None} == {"soloA", "soloB"}
    assert all(e.pair == e.id for e in entries if e.pair)


def test_scan_by_globs(corpus):
    entries = scan_folders(corpus, ["B", "A"], train=["00", "01"], evaluation="0[89]")
    assert [(e.domain, e.id, e.split) for e in entries if e.domain == "B"] == [
        ("B", "part/00", "train"),
        ("B", "part/01", "train"),
        ("B", "part/08", "eval"),
        ("B", "part/09", "eval"),
    ]
    assert entries[0].domain == "B"
    overlapping = scan_folders(corpus, train="*", evaluation="0[89]")
    assert sum(e.split == "eval" for e in overlapping) == 4
    assert len(overlapping) == 22


def test_domains_without_common_sentences_hold_out_their_own(tmp_path):
    for domain in "AB":
        (tmp_path / domain).mkdir()
        for number in range(20):
            (tmp_path / domain / f"{domain}{number:02d}.wav").touch()
    entries = scan_folders(tmp_path)
    assert [e.id for e in entries if e.split == "eval"] == ["A18", "A19", "B18", "B19"]
    assert all(e.pair is None for e in entries)


def test_scan_errors(corpus):
    with pytest.raises(UserError, match=r"no such folder"):
        scan_folders(corpus / "absent")
    with pytest.raises(UserError, match=r"no folder with audio"):
        scan_folders(corpus / "empty")
    with pytest.raises(UserError, match=r"no audio of domain `C`"):
        scan_folders(corpus, ["A", "C"])
    with pytest.raises(UserError, match=r"no file for split `eval` matches 'x\*'"):
        scan_folders(corpus, evaluation="x*")
    with pytest.raises(UserError, match=r"share is 1.5"):
        scan_folders(corpus, share=1.5)
    (corpus / "A" / "soloA.wav").touch()
    with pytest.raises(UserError, match=r"same id `soloA`"):
        scan_folders(corpus)


@pytest.fixture
def kaldi(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("x", "y", "z"):
        (tmp_path / f"{name} file.wav").touch()
    folder = tmp_path / "kaldi"
    folder.mkdir()
    (folder / "wav.scp").write_text(f"p1-001 {tmp_path}/x file.wav\np2_001 y file.wav\np2_002 z file.wav\n")
    (folder / "utt2spk").write_text("p1-001 p1\np2_001 p2\np2_002 p2\n")
    return folder


def test_kaldi_folders(kaldi, tmp_path):
    assert import_kaldi(kaldi, "train") == [
        Entry("p1-001", tmp_path / "x file.wav", "p1", "train", "001"),
        Entry("p2_001", tmp_path / "y file.wav", "p2", "train", "001"),
        Entry("p2_002", tmp_path / "z file.wav", "p2", "train", None),
    ]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("wav.scp", "p1-001 sph2pipe -f wav a.sph |\n", "wav.scp:1: piped commands are not run"),
        ("wav.scp", "p1-001 gone.wav\n", "wav.scp:1: no such file"),
        ("wav.scp", "p9-001 x file.wav\n", "wav.scp:1: utterance `p9-001` has no speaker"),
        ("utt2spk", "p1-001\n", "utt2spk:1: expected two columns"),
        ("segments", "p1-001 x 0 1\n", "segments are not supported"),
    ],
)
def test_kaldi_folders_that_cannot_be_imported(kaldi, file, content, message):
    (kaldi / file).write_text(content)
    with pytest.raises(UserError, match=message):
        import_kaldi(kaldi, "train")


def test_kaldi_folder_without_files(tmp_path):
    with pytest.raises(UserError, match=r"utt2spk: cannot read"):
        import_kaldi(tmp_path, "train")


def entries_of(domain, pairs, tmp_path):
    return [Entry(f"{domain}{i}", tmp_path, domain, "train", pair) for i, pair in enumerate(pairs)]


def test_two_domains_keep_no_sentence_in_common(tmp_path):
    order = np.random.default_rng(0).permutation(9)
    common = [f"s{i}" for i in order]
    parted = make_disjoint(
        {
            "B": entries_of("B", [*common, "mine", None], tmp_path),
            "A": entries_of("A", [None, *sorted(common)], tmp_path),
        }
    )
    source, target = ([e.pair for e in parted[d]] for d in ("B", "A"))
    assert sorted(source, key=str) == sorted(["s0", "s1", "s2", "s3", "s4", "mine", None], key=str)
    assert target == [None, "s5", "s6", "s7", "s8"]
    assert list(parted) == ["B", "A"]


def test_disjoint_domains_must_not_become_empty(tmp_path):
    one = {d: entries_of(d, ["s"], tmp_path) for d in "AB"}
    with pytest.raises(UserError, match=r"domain `B`: no sentence left"):
        make_disjoint(one)
    three = {d: entries_of(d, ["s"], tmp_path) for d in "ABC"}
    assert make_disjoint(three) == three


def test_halves_and_attributes_survive_and_are_left_out_where_not_set(tmp_path):
    (tmp_path / "a.png").touch()
    entries = [
        Entry("1", tmp_path / "a.png", "left", "train", "1", "left"),
        Entry("1", tmp_path / "a.png", "all", "train", attributes={"Male": 1, "Young": 0}),
        Entry("1", tmp_path / "a.png", "plain", "train"),
    ]
    write_manifest(tmp_path / "m.jsonl", entries)
    assert read_manifest(tmp_path / "m.jsonl") == entries
    assert len(set(entries)) == 3
    keys = [set(json.loads(line)) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert keys == [set(ROW) | {"pair", "part"}, set(ROW) | {"attributes"}, set(ROW)]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"part": "top"}, "`part` is 'top'; expected left or right"),
        ({"attributes": {"Male": 2}}, "`attributes` is .*; expected names with 0 or 1"),
        ({"attributes": ["Male"]}, "`attributes` is .*; expected names with 0 or 1"),
    ],
)
def test_bad_halves_and_attributes_are_named(tmp_path, extra, message):
    (tmp_path / "a.wav").touch()
    with pytest.raises(UserError, match="m.jsonl:1: " + message):
        read_manifest(lines(tmp_path / "m.jsonl", ROW | extra))
