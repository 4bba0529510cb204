"""Shards hold what the dump holds, are written whole, mended when damaged, and train by the same commands."""

import io
import json
import shutil
import tarfile

import numpy as np
import pytest
import torch
from synthetic_dump import DIMENSIONS, write_dump
from typer.testing import CliRunner

from translate.cli import app
from translate.config import merge
from translate.errors import UserError
from translate.models import resolve
from translate.speech.corpus.features import FeatureStore
from translate.speech.material import open_voices
from translate.speech.shards.reading import PREVIEW, OpenFiles, ShardStore, make_disjoint_shards
from translate.speech.shards.writing import write_shards

LENGTHS = {"a": [20, 7, 12, 3, 9, 1, 15, 8], "b": [11, 30, 6, 5, 10]}


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    return write_dump(tmp_path_factory.mktemp("dumped") / "dump", LENGTHS, f0=True)


@pytest.fixture(scope="module")
def shards(dump, tmp_path_factory):
    out = tmp_path_factory.mktemp("sharded") / "shards"
    write_shards(FeatureStore(dump), out, 0.01, progress=False)
    return out


@pytest.fixture
def copied(dump, tmp_path):
    """Shards that a test may damage."""
    write_shards(FeatureStore(dump), tmp_path / "shards", 0.01, progress=False)
    return tmp_path / "shards"


def read_all(folder, domain):
    """{id: (frames, f0, facts)} of a domain's tar files, by Python's own reader."""
    found = {}
    for path in sorted(folder.glob(f"{domain}-train-*.tar")):
        with tarfile.open(path) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        for key in sorted({name.partition(".")[0] for name in members}):
            frames, f0 = (np.load(io.BytesIO(members[f"{key}.{suffix}"])) for suffix in ("npy", "f0.npy"))
            facts = json.loads(members[f"{key}.json"])
            assert facts["id"] not in found
            found[facts["id"]] = frames, f0, facts
    return found


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shards_hold_what_the_dump_holds(dump, shards):
    for domain in LENGTHS:
        utterances, found = FeatureStore(dump).open("train", domain), read_all(shards, domain)
        assert sorted(found) == utterances.ids
        for row, id in enumerate(utterances.ids):
            frames, f0, facts = found[id]
            span = slice(utterances.offsets[row], utterances.offsets[row + 1])
            np.testing.assert_array_equal(frames, utterances[row])
            np.testing.assert_array_equal(f0, utterances.f0[span])
            assert frames.dtype == f0.dtype == np.float32
            assert facts == {
                "id": id, "pair": id, "path": utterances.paths[row], "seconds": utterances.seconds[row],
                "domain": domain, "split": "train",
            }  # fmt: skip
    assert [path.name for path in sorted(shards.glob("*.tar"))] == [
        "a-train-000000.tar", "a-train-000001.tar", "a-train-000002.tar", "b-train-000000.tar", "b-train-000001.tar",
    ]  # fmt: skip


def test_the_index_counts_and_measures(dump, shards):
    store, original = ShardStore(shards), FeatureStore(dump)
    assert store.config == original.config
    assert store.domains("train") == ["a", "b"]
    assert store.domains("eval") == []
    for domain, lengths in LENGTHS.items():
        known, utterances = store.open_shards("train", domain), original.open("train", domain)
        assert (len(known), known.longest, known.dimensions) == (len(lengths), max(lengths), DIMENSIONS)
        assert known.seconds == pytest.approx(utterances.seconds.sum(), rel=1e-12)
        ours, theirs = known.statistics(), utterances.statistics()
        np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-12)
        np.testing.assert_allclose(ours.deviation, theirs.deviation, rtol=1e-12)
        assert (ours.frames, ours.voiced) == (theirs.frames, theirs.voiced)
        assert ours.log_f0_mean == pytest.approx(theirs.log_f0_mean, rel=1e-12)
        assert sum(shard.count for shard in known.shards) == len(lengths)


def test_webdataset_reads_them(shards):
    webdataset = pytest.importorskip("webdataset")
    data = webdataset.WebDataset(str(shards / "b-train-{000000..000001}.tar"), shardshuffle=False).decode()
    found = {sample["json"]["id"]: sample["npy"] for sample in data}
    expected = read_all(shards, "b")
    assert sorted(found) == sorted(expected)
    for id, frames in found.items():
        np.testing.assert_array_equal(frames, expected[id][0])


def test_domains_have_their_sentences_in_one_order(shards):
    """So that the first ones of two domains, which are looked at, are the same; and it is not the corpus's order."""
    store = ShardStore(shards)
    ours, theirs = (store.open("train", domain).ids for domain in ("a", "b"))
    assert [id for id in ours if id in theirs] == theirs
    assert theirs != sorted(theirs)


def test_writing_again_mends_what_is_damaged_and_no_more(dump, copied):
    before = contents(copied)
    (copied / "a-train-000001.tar").unlink()
    damaged = bytearray(before["b-train-000000.tar"])
    damaged[600] ^= 1
    (copied / "b-train-000000.tar").write_bytes(damaged)
    (copied / "b-train-000001.npz").write_bytes(b"PK")
    stamps = {path: path.stat().st_mtime_ns for path in copied.glob("*.tar")}
    write_shards(FeatureStore(dump), copied, 0.01, progress=False)
    assert contents(copied) == before
    touched = {path.name for path in copied.glob("*.tar") if path.stat().st_mtime_ns != stamps.get(path)}
    assert touched == {"a-train-000001.tar", "b-train-000000.tar", "b-train-000001.tar"}


def test_a_cut_writing_is_no_store_and_goes_on(dump, copied, monkeypatch):
    before = contents(copied)
    for name in ("b-train-000001.tar", "b-train-000001.npz"):
        (copied / name).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "addfile", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(UserError, match=r"b-train-000001\.tar: cannot write \(No space left\)"):
            write_shards(FeatureStore(dump), copied, 0.01, progress=False)
    assert not ShardStore.is_one(copied)
    assert {path.suffix for path in copied.iterdir()} == {".tar", ".npz", ".json"}  # nothing half-written
    write_shards(FeatureStore(dump), copied, 0.01, progress=False)
    assert contents(copied) == before


def test_another_size_replaces_the_shards(dump, copied):
    write_shards(FeatureStore(dump), copied, 1, progress=False)
    assert [path.name for path in sorted(copied.glob("*.tar"))] == ["a-train-000000.tar", "b-train-000000.tar"]
    assert len(ShardStore(copied).open_shards("train", "a")) == 8


def test_what_cannot_be_written_is_one_line(dump, copied, tmp_path):
    other = write_dump(tmp_path / "other", LENGTHS, f0=False)
    with pytest.raises(UserError, match="holds features of other settings"):
        write_shards(FeatureStore(other), copied, 1, progress=False)
    with pytest.raises(UserError, match="is the dump itself"):
        write_shards(FeatureStore(dump), dump, 1, progress=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "features.json").write_text((dump / "features.json").read_text())
    with pytest.raises(UserError, match="no features to shard; extract them first"):
        write_shards(FeatureStore(empty), tmp_path / "out", 1, progress=False)


def test_what_is_missing_or_too_short_is_named(copied):
    with pytest.raises(UserError, match="no domain `c` in split `train`; found: a, b"):
        ShardStore(copied).open_shards("train", "c")
    path = copied / "a-train-000001.tar"
    path.write_bytes(path.read_bytes()[:-512])
    with pytest.raises(UserError, match=r"a-train-000001\.tar: \d+ bytes instead of \d+; run `translate shard` again"):
        ShardStore(copied).open_shards("train", "a")
    path.unlink()
    with pytest.raises(UserError, match=r"a-train-000001\.tar: missing; run `translate shard` again"):
        ShardStore(copied).open_shards("train", "a")
    (copied / "b-train-000000.npz").unlink()
    with pytest.raises(UserError, match=r"b-train-000000\.npz: cannot read"):
        ShardStore(copied).open_shards("train", "b").find_rows(0)


def test_two_domains_share_no_sentence(shards):
    store = ShardStore(shards)
    source, target = make_disjoint_shards(store.open_shards("train", "a"), store.open_shards("train", "b"))
    ours, theirs = ({int(row) for row in rows(kept)} for kept in (source, target))
    assert not ours & theirs
    assert ours | theirs == set(range(8))
    assert {5, 6, 7} <= ours                                        # only `a` says them
    assert (len(source), len(target)) == (len(ours), len(theirs)) == (6, 2)
    expected = np.concatenate([np.full(LENGTHS["a"][row], row) for row in ours])
    assert source.statistics().mean[1] == pytest.approx(expected.mean(), rel=1e-12)
    assert source.statistics().frames == len(expected)
    assert source.seconds == pytest.approx(0.005 * len(expected), rel=1e-12)


def rows(utterances):
    """Numbers of the utterances that are selected, read from their first frames."""
    for number, shard in enumerate(utterances.shards):
        for offset, _ in zip(*utterances.find_rows(number), strict=True):
            frame = utterances.files.read(shard.path, int(offset), 4 * DIMENSIONS)
            yield np.frombuffer(frame, dtype=np.float32)[1]


def test_domains_that_would_be_empty_are_refused(tmp_path):
    write_shards(FeatureStore(write_dump(tmp_path / "dump", {"a": [9], "b": [9]})), tmp_path / "out", 1, progress=False)
    both = [ShardStore(tmp_path / "out").open_shards("train", domain) for domain in "ab"]
    with pytest.raises(UserError, match="one domain would have no sentence left once the 1 common"):
        make_disjoint_shards(*both)


def test_few_files_are_open_at_a_time(tmp_path):
    files = OpenFiles(most=3)
    for number in range(9):
        (tmp_path / str(number)).write_bytes(bytes([number] * 4))
    for number in [0, 1, 2, 3, 0, 8, 7, 6, 5, 0]:
        assert files.read(tmp_path / str(number), 1, 2) == bytes([number] * 2)
        assert len(files.open) <= 3
    with pytest.raises(UserError, match="no-such-file: cannot read"):
        files.read(tmp_path / "no-such-file", 0, 1)


# --- training ---------------------------------------------------------------------------------------------


def configure(model, **values):
    values = merge({"train": {"crop": 8, "batch_size": 2}, "data": {"domains": ["a", "b"]}}, values)
    return resolve({"model": model, "features": {"dimensions": DIMENSIONS}, **values}, "test")


def test_models_train_on_shards_by_what_their_batches_hold(shards):
    material = open_voices(configure("cyclegan_vc2"), shards, torch.device("cpu"))
    assert [len(stream.order.utterances) for stream in material.sampler.streams.values()] == [6, 2]
    assert material.sampler.next()["source"].shape == (2, DIMENSIONS, 8)
    material = open_voices(configure("stargan_vc2"), shards, torch.device("cpu"))
    assert [len(stream.order.utterances) for stream in material.sampler.streams] == [8, 5]
    assert material.sampler.next()["domain"].shape == (2, 2)
    with pytest.raises(UserError, match=r"mse_vc learns from parallel recordings, and shards have no pairs; give --f"):
        open_voices(configure("mse_vc", features={"dimensions": 4}), shards, torch.device("cpu"))
    with pytest.raises(UserError, match=r"`data\.stretch` is 1\.2: crops from shards are not stretched"):
        open_voices(configure("cyclegan_vc2", data={"stretch": 1.2}), shards, torch.device("cpu"))
    with pytest.raises(UserError, match=r"extracted with other settings \(hop_ms=5.0 there, 4.0 here\)"):
        open_voices(configure("stargan_vc2", features={"hop_ms": 4, "dimensions": 4}), shards, torch.device("cpu"))


def test_what_is_looked_at_is_a_bounded_sample(tmp_path):
    write_dump(tmp_path / "dump", {"a": [3] * 200, "b": [4] * 200}, f0=True)
    write_shards(FeatureStore(tmp_path / "dump"), tmp_path / "shards", 0.05, progress=False)
    store = ShardStore(tmp_path / "shards")
    first = store.open("train", "a")
    assert len(first) == PREVIEW
    expected = FeatureStore(tmp_path / "dump").open("train", "a").select(first.ids[7:8])[0]
    np.testing.assert_array_equal(first[7], expected)
    assert first.statistics().frames == 3 * PREVIEW
    assert first.ids == store.open("train", "b").ids                # so that there is something parallel to look at


COMMAND = [
    "train", "--source", "a", "--target", "b", "model=cyclegan_vc2", f"features.dimensions={DIMENSIONS}",
    "network.channels=4", "network.blocks=1", "train.crop=32", "train.sample_every=0", "train.save_every=2",
    "train.steps=4", "train.device=cpu",
]  # fmt: skip


def test_the_commands_shard_and_train_and_resume_exactly(dump, tmp_path):
    def run(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.output

    run("shard", dump, tmp_path / "shards", "--size", 0.01)
    train = [*COMMAND, "--features", tmp_path / "shards", "--out"]
    run(*train, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "cut", symlinks=True)
    shutil.rmtree(tmp_path / "cut" / "step_00000004")               # as if it had been cut after the second step
    (tmp_path / "cut" / "latest").unlink()
    (tmp_path / "cut" / "latest").symlink_to("step_00000002")
    run(*train, tmp_path / "cut")
    whole, cut = (tmp_path / name / "step_00000004" / "weights.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
