"""Crops out of shards keep to their utterances and can be taken up again; memory and time stay as they are."""

import gc
import time
import tracemalloc
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from synthetic_dump import DIMENSIONS, write_dump

from translate.errors import UserError
from translate.speech.analysis.statistics import Statistics
from translate.speech.corpus.features import FeatureStore
from translate.speech.shards import sampling as shard_sampling
from translate.speech.shards.reading import ShardStore, make_disjoint_shards
from translate.speech.shards.sampling import LabelledShardCropSampler, ShardCropSampler, ShardOrder
from translate.speech.shards.writing import write_shards

PLAIN = Statistics(np.zeros(DIMENSIONS), np.ones(DIMENSIONS), 0.0, 1.0, 1, 1)
LENGTHS = {"a": [20, 7, 12, 3, 9, 1, 15, 8], "b": [11, 14, 6, 5, 10]}


def pack(folder, lengths, megabytes):
    write_shards(FeatureStore(write_dump(folder / "dump", lengths)), folder / "shards", megabytes, progress=False)
    return folder / "shards"


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Three or so utterances in each."""
    folder = pack(tmp_path_factory.mktemp("sampled"), LENGTHS, 0.01)
    assert len(ShardStore(folder).open_shards("train", "a").shards) == 3
    return folder


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Two shards are shuffled together, so that a round has several parts."""
    monkeypatch.setattr(shard_sampling, "SHUFFLED", 4)


def open_material(folder, statistics=PLAIN):
    store = ShardStore(folder)
    return {domain: (store.open_shards("train", domain), statistics) for domain in ("a", "b")}


def make_sampler(folder, crop=6, batch_size=2, seed=0, **options):
    source, target = open_material(folder).values()
    return ShardCropSampler({"source": source, "target": target}, crop, batch_size, seed, **options)


def make_labelled(folder, crop=6, batch_size=4, seed=0, **options):
    return LabelledShardCropSampler(list(open_material(folder).values()), crop, batch_size, seed, **options)


def origins(crops):
    """(domain, utterance, [frame numbers]) of every crop in (B, Q, T)."""
    found = []
    for domain, owner, frames, ones in crops.numpy():
        assert (domain == domain[0]).all()
        assert (owner == owner[0]).all(), "a crop mixes utterances"
        assert (ones == 1).all()
        found.append((int(domain[0]), int(owner[0]), frames.astype(int).tolist()))
    return found


def reflected(first, crop, length):
    """Frame numbers of a crop that goes on by reflection."""
    walk = [*range(length), *range(length - 2, 0, -1)] if length > 1 else [0]
    return [(walk * crop)[first + t] for t in range(crop)]


def test_crops_are_consecutive_frames_of_one_utterance(shards):
    sampler = make_sampler(shards)
    starts = {(d, u): set() for d, lengths in enumerate(LENGTHS.values()) for u in range(len(lengths))}
    for _ in range(250):
        batch = sampler.next()
        for stream, expected in (("source", 0), ("target", 1)):
            assert batch[stream].shape == (2, DIMENSIONS, 6)
            assert batch[stream].dtype == torch.float32
            assert batch[stream].is_contiguous()
            for domain, owner, frames in origins(batch[stream]):
                assert domain == expected
                assert frames == reflected(frames[0], 6, LENGTHS["ab"[domain]][owner])
                starts[domain, owner].add(frames[0])
    # Every start is possible, the first and the last included.
    assert starts == {(d, u): set(range(max(LENGTHS["ab"[d]][u] - 6, 0) + 1)) for d, u in starts}


def test_every_utterance_once_per_round_in_a_new_order(shards):
    sampler = make_sampler(shards, batch_size=1)
    drawn = [origins(sampler.next()["source"])[0][1] for _ in range(8 * 30)]
    rounds = [tuple(drawn[i : i + 8]) for i in range(0, len(drawn), 8)]
    assert all(sorted(of_round) == list(range(8)) for of_round in rounds)
    assert len(set(rounds)) > 25


def test_utterances_of_several_shards_are_mixed(shards):
    order = ShardOrder(ShardStore(shards).open_shards("train", "a"), 6, [0], shuffled=8)
    first = [int(order.next()[0]) for _ in range(8)]
    assert sorted(first) != first
    assert sorted(first, reverse=True) != first
    changes = sum(x != y for x, y in pairwise(first))
    assert changes > 2                                              # one shard after the other: 2


def test_crops_are_normalised(shards):
    scaled = Statistics(np.arange(4.0), np.array([2.0, 4.0, 0.5, 8.0]), 0.0, 1.0, 1, 1)
    streams = {"source": open_material(shards, scaled)["b"]}
    crops = ShardCropSampler(streams, 5, 3, 0).next()["source"]
    plain = ShardCropSampler({"source": open_material(shards)["b"]}, 5, 3, 0).next()["source"]
    mean, deviation = (torch.tensor(v).float().view(1, 4, 1) for v in (scaled.mean, scaled.deviation))
    torch.testing.assert_close(crops, (plain - mean) / deviation)


def test_the_seed_decides(shards):
    one, same, other = (make_sampler(shards, seed=seed) for seed in (1, 1, 2))
    draws = [torch.cat([sampler.next()["source"] for _ in range(5)]) for sampler in (one, same, other)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("make", [make_sampler, make_labelled])
@pytest.mark.parametrize("taken", [0, 1, 2, 3, 4, 7, 16])
def test_a_position_is_taken_up_again(shards, tmp_path, make, taken):
    """Before the first batch, within a part of a round, at its end, at a round's end; through a checkpoint's file."""
    sampler = make(shards)
    for _ in range(taken):
        sampler.next()
    torch.save(sampler.position(), tmp_path / "position.pt")
    expected = [sampler.next() for _ in range(12)]
    fresh = make(shards)
    for _ in range(5):
        fresh.next()                                                # what was drawn before does not matter
    fresh.seek(torch.load(tmp_path / "position.pt", weights_only=True))
    for batch in expected:
        again = fresh.next()
        assert all(torch.equal(batch[name], again[name]) for name in batch)


def test_a_position_is_a_copy(shards):
    sampler = make_sampler(shards)
    sampler.next()
    position = sampler.position()
    expected = sampler.next()["source"]
    for _ in range(9):
        sampler.next()
    sampler.seek(position)
    assert torch.equal(sampler.next()["source"], expected)


@pytest.mark.parametrize("make", [make_sampler, make_labelled])
@pytest.mark.parametrize("processes", [2, 3])
def test_shares_together_are_the_single_process_batch(shards, make, processes):
    whole = make(shards, batch_size=6)
    parts = [make(shards, batch_size=6, rank=rank, processes=processes) for rank in range(processes)]
    for _ in range(10):
        shares = [sampler.next() for sampler in parts]
        for name, expected in whole.next().items():
            assert torch.equal(torch.cat([share[name] for share in shares]), expected)
    assert all(str(sampler.position()) == str(whole.position()) for sampler in parts)


def test_a_process_reads_its_share_only(shards, monkeypatch):
    sampler = make_sampler(shards, batch_size=6, rank=1, processes=3)
    files, read = sampler.streams["source"].frames.utterances.files, []  # of both
    monkeypatch.setattr(files, "read", lambda *a, real=files.read: (read.append(a), real(*a))[1])
    for _ in range(5):
        sampler.next()
    assert len(read) == 5 * 2 * 2                                   # 2 of the 6 crops of both streams


def test_domains_are_equally_often_whatever_their_number(shards):
    sampler = make_labelled(shards)
    codes = []
    for _ in range(20):
        batch = sampler.next()
        assert batch["mask"].shape == batch["domain"].shape == (4, 2)
        assert [domain for domain, _, _ in origins(batch["source"])] == batch["domain"].argmax(1).tolist()
        codes.append(batch["domain"])
    assert torch.cat(codes).mean(0).tolist() == [0.5, 0.5]


def test_what_is_left_to_the_other_domain_is_never_drawn(shards):
    (ours, _), (theirs, _) = open_material(shards).values()
    a, b = make_disjoint_shards(ours, theirs)
    sampler = ShardCropSampler({"source": (a, PLAIN), "target": (b, PLAIN)}, 6, 4, 0)
    drawn = {"source": set(), "target": set()}
    for _ in range(20):
        for name, crops in sampler.next().items():
            drawn[name] |= {owner for _, owner, _ in origins(crops)}
    assert not drawn["source"] & drawn["target"]
    assert drawn["source"] | drawn["target"] == set(range(8))
    assert (len(drawn["source"]), len(drawn["target"])) == (len(a), len(b))


def test_a_run_goes_on_with_its_own_shards_only(shards, tmp_path):
    sampler = make_sampler(shards)
    sampler.next()
    others = make_sampler(pack(tmp_path, LENGTHS, 1))               # all in one shard
    with pytest.raises(UserError, match="the run began on other shards, or on the dump itself"):
        others.seek(sampler.position())


def test_a_shard_that_is_cut_while_it_trains_is_named(tmp_path):
    folder = pack(tmp_path, LENGTHS, 0.01)
    sampler = make_sampler(folder)
    sampler.next()
    for path in folder.glob("a-*.tar"):
        path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(UserError, match=r"a-train-00000\d\.tar: ends at byte \d+, too early; run `translate shard`"):
        list(islice(iter(sampler.next, None), 20))


def measure_draws(tmp_path, clips):
    """Draw a round of `clips` clips of 40 frames in 10 parts.

    Returns:
        The parts' seconds of computing per batch, the bytes that Python and NumPy held after each part, and the most
        at any time.
    """
    sampler = make_labelled(pack(tmp_path, {"a": [40] * (clips // 2), "b": [40] * (clips // 2)}, 1), 16, 10)
    seconds, held = [], []
    tracemalloc.start()
    for _ in range(10):
        begin = time.thread_time()
        for _ in range(clips // 100):
            sampler.next()
        seconds.append((time.thread_time() - begin) / (clips // 100))
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    largest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return np.array(seconds), np.array(held), largest


@pytest.mark.parametrize("clips", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_memory_and_time_stay_flat(tmp_path, clips, monkeypatch):
    """The features of 10,000 clips are 6.4 MB; of what is held, none grows with their number."""
    monkeypatch.setattr(shard_sampling, "SHUFFLED", 512)
    seconds, held, largest = measure_draws(tmp_path, clips)
    print(f"{clips} clips: us per batch {(1e6 * seconds).round()}, bytes held {held}, at most {largest}")
    assert largest < 2_000_000
    assert abs(int(held[-1]) - int(held[0])) < 200_000
    assert np.median(seconds[5:]) < 3 * np.median(seconds[:5])
