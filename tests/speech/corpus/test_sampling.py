"""Crops stay inside their utterance, nothing is left out, and a position can be taken up again."""

import numpy as np
import pytest
import torch

from translate.speech.analysis.statistics import Statistics
from translate.speech.corpus import sampling
from translate.speech.corpus.features import Utterances
from translate.speech.corpus.sampling import CropSampler

Q = 3


def make_utterances(frames, first=0):
    """Frame t of utterance u holds (u, t, 1000 u + t), so that a crop tells where it comes from."""
    rows = [[(first + u, t, 1000 * (first + u) + t) for t in range(n)] for u, n in enumerate(frames)]
    mcep = np.array([row for utterance in rows for row in utterance], dtype=np.float32)
    count = len(frames)
    return Utterances(
        ids=[f"u{u}" for u in range(count)],
        pairs=[None] * count,
        paths=[""] * count,
        frames=np.array(frames),
        seconds=np.array(frames) * 0.005,
        offsets=np.concatenate([[0], np.cumsum(frames)]),
        features=mcep,
        f0=np.zeros(len(mcep), dtype=np.float32),
        moments=np.zeros((count, 2 * Q + 4)),
        spans=np.stack([np.zeros(count, dtype=int), np.array(frames)], axis=1),
    )


PLAIN = Statistics(np.zeros(Q), np.ones(Q), 0.0, 1.0, 1, 1)
SCALED = Statistics(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 0.5]), 0.0, 1.0, 1, 1)


def make_sampler(frames=(20, 7, 12), crop=6, batch_size=2, seed=0, statistics=PLAIN, **options):
    streams = {
        "source": (make_utterances(frames), statistics),
        "target": (make_utterances(frames, first=50), statistics),
    }
    return CropSampler(streams, crop, batch_size, seed, **options)


def origins(crops):
    """(utterance, [frame numbers]) of every crop in (B, Q, T)."""
    found = []
    for crop in crops.numpy():
        assert (crop[0] == crop[0, 0]).all(), "a crop mixes utterances"
        assert np.array_equal(crop[2], 1000 * crop[0] + crop[1])
        found.append((int(crop[0, 0]), crop[1].astype(int).tolist()))
    return found


def test_batches_have_one_shape_and_are_ready_for_a_network():
    batch = make_sampler(crop=6, batch_size=4).next()
    assert set(batch) == {"source", "target"}
    for crops in batch.values():
        assert crops.shape == (4, Q, 6)
        assert crops.dtype == torch.float32
        assert crops.is_contiguous()


def test_crops_are_consecutive_frames_of_one_utterance():
    frames = (20, 7, 12)
    sampler = make_sampler(frames, crop=6, batch_size=5)
    firsts = {0: set(), 1: set(), 2: set()}
    for _ in range(150):
        batch = sampler.next()
        for stream, offset in (("source", 0), ("target", 50)):
            for utterance, numbers in origins(batch[stream]):
                assert numbers == list(range(numbers[0], numbers[0] + 6))
                assert numbers[-1] < frames[utterance - offset]
                firsts[utterance - offset].add(numbers[0])
    # Every start is possible, the first and the last included.
    assert firsts == {u: set(range(n - 6 + 1)) for u, n in enumerate(frames)}


@pytest.mark.parametrize(("length", "expected"), [
    (1, [0, 0, 0, 0, 0, 0, 0]),
    (2, [0, 1, 0, 1, 0, 1, 0]),
    (5, [0, 1, 2, 3, 4, 3, 2]),
    (7, [0, 1, 2, 3, 4, 5, 6]),
])  # fmt: skip
def test_short_utterances_are_reflected(length, expected):
    sampler = make_sampler((length, length), crop=7, batch_size=2)
    for _ in range(5):
        assert [numbers for _, numbers in origins(sampler.next()["source"])] == [expected, expected]


def test_an_utterance_between_others_is_reflected_into_itself():
    """Its neighbours in the file are near; they must not leak in."""
    sampler = make_sampler((30, 3, 30), crop=8, batch_size=3)
    seen = [numbers for _ in range(20) for u, numbers in origins(sampler.next()["source"]) if u == 1]
    assert seen == [[0, 1, 2, 1, 0, 1, 2, 1]] * 20


def test_every_utterance_once_per_round_in_a_new_order():
    sampler = make_sampler((10,) * 5, crop=4, batch_size=2)
    drawn = [u for _ in range(50) for u, _ in origins(sampler.next()["source"])]
    rounds = [tuple(drawn[i : i + 5]) for i in range(0, 100, 5)]
    assert all(sorted(numbers) == [0, 1, 2, 3, 4] for numbers in rounds)
    assert len(set(rounds)) > 10


def test_streams_are_independent():
    sampler = make_sampler((10,) * 6, crop=4, batch_size=6)
    batch = sampler.next()
    ours, theirs = ([(u % 50, n) for u, n in origins(batch[name])] for name in ("source", "target"))
    assert ours != theirs


def test_the_seed_decides():
    one, same, other = make_sampler(seed=1), make_sampler(seed=1), make_sampler(seed=2)
    draws = [torch.cat([s.next()["source"] for _ in range(5)]) for s in (one, same, other)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_crops_are_normalised_by_their_streams_statistics():
    streams = {"source": (make_utterances((20,)), PLAIN), "target": (make_utterances((20,)), SCALED)}
    batch = CropSampler(streams, 5, 3, 0).next()
    mean, deviation = (torch.tensor(v).view(1, Q, 1) for v in (SCALED.mean, SCALED.deviation))
    origins(batch["source"])
    origins((batch["target"].double() * deviation + mean).round().float())
    assert batch["target"][0, 0, 0] == (0 - 1.0) / 2.0


def test_a_position_is_taken_up_again(tmp_path):
    """In the middle of a round, through a file as a checkpoint holds it."""
    sampler = make_sampler((9, 12, 8, 10), batch_size=3)
    for _ in range(3):
        sampler.next()
    torch.save(sampler.position(), tmp_path / "position.pt")
    expected = [sampler.next() for _ in range(8)]
    fresh = make_sampler((9, 12, 8, 10), batch_size=3)
    fresh.seek(torch.load(tmp_path / "position.pt", weights_only=True))
    for batch in expected:
        again = fresh.next()
        assert all(torch.equal(batch[name], again[name]) for name in batch)


def test_a_position_is_a_copy():
    sampler = make_sampler()
    sampler.next()
    position = sampler.position()
    expected = sampler.next()["source"]
    for _ in range(7):
        sampler.next()
    sampler.seek(position)
    assert torch.equal(sampler.next()["source"], expected)


def test_memory_mapped_and_resident_features_give_the_same(tmp_path, monkeypatch):
    path = tmp_path / "features.npy"
    utterances = make_utterances((20, 2, 12))
    np.save(path, utterances.features)
    mapped = Utterances(**{**vars(utterances), "features": np.load(path, mmap_mode="r")})

    def draw():
        sampler = CropSampler({"source": (mapped, SCALED)}, 6, 4, 0)
        return sampler.streams["source"].frames.resident is not None, [sampler.next()["source"] for _ in range(20)]

    is_resident, resident = draw()
    monkeypatch.setattr(sampling, "RESIDENT_BYTES", 0)
    was_resident, from_disk = draw()
    assert (is_resident, was_resident) == (True, False)
    assert all(torch.equal(a, b) for a, b in zip(resident, from_disk, strict=True))


def test_a_selection_keeps_to_its_utterances():
    chosen = make_utterances((20, 7, 12, 9)).select(["u3", "u1"])
    sampler = CropSampler({"source": (chosen, PLAIN)}, 5, 2, 0)
    for _ in range(30):
        assert sorted(u for u, _ in origins(sampler.next()["source"])) == [1, 3]


@pytest.mark.parametrize("processes", [2, 3])
def test_shares_together_are_the_single_process_batch(processes):
    whole = make_sampler((9, 12, 8, 10), batch_size=6)
    shares = [
        make_sampler((9, 12, 8, 10), batch_size=6, rank=rank, processes=processes) for rank in range(processes)
    ]
    for _ in range(10):
        parts = [sampler.next() for sampler in shares]
        for name, crops in whole.next().items():
            assert torch.equal(torch.cat([part[name] for part in parts]), crops)
    assert all(str(sampler.position()) == str(whole.position()) for sampler in shares)


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="a batch of 3 cannot be shared by 2 processes"):
        make_sampler(batch_size=3, processes=2)


def test_crops_are_of_speech_alone():
    utterances = make_utterances([40, 30, 50])
    spans = np.array([[10, 30], [5, 12], [0, 50]])
    object.__setattr__(utterances, "spans", spans)
    sampler = CropSampler({"source": (utterances, PLAIN), "target": (utterances, PLAIN)}, 16, 1, 0)
    seen = {0: set(), 1: set(), 2: set()}
    for _ in range(300):
        owner, place = sampler.next()["source"][0, :2].numpy().astype(int)
        seen[int(owner[0])] |= set(place.tolist())
    for owner, (first, end) in enumerate(spans):
        assert seen[owner] == set(range(first, end))


# --- stretched --------------------------------------------------------------------------------------------


def test_stretched_crops_are_played_faster_or_slower():
    """Frame numbers grow by the factor; they stay inside the utterance, whose number is interpolated with itself."""
    frames, factors = (40, 12, 31), []
    sampler = make_sampler(frames, crop=8, batch_size=5, stretch=1.25)
    for _ in range(100):
        for crop in sampler.next()["source"].numpy():
            assert (crop[0] == crop[0, 0]).all()
            assert 0 <= crop[1].min() <= crop[1].max() <= frames[int(crop[0, 0])] - 1
            np.testing.assert_allclose(crop[2], 1000 * crop[0] + crop[1], rtol=1e-6)
            steps = np.diff(crop[1])
            np.testing.assert_allclose(steps, steps[0], atol=1e-4)
            factors.append(steps[0])
    assert min(factors) == pytest.approx(1 / 1.25, abs=0.02)
    assert max(factors) == pytest.approx(1.25, abs=0.02)
    assert abs(np.log(factors).mean()) < 0.02


@pytest.mark.parametrize("length", [1, 2, 5])
def test_short_utterances_are_stretched_and_reflected(length):
    for crop in make_sampler((length,), crop=9, batch_size=20, stretch=1.5).next()["source"]:
        assert ((crop[1] >= 0) & (crop[1] <= length - 1)).all()
        assert crop.isfinite().all()


def test_stretched_crops_go_on_where_they_were_and_are_shared_by_processes():
    sampler = make_sampler(batch_size=4, stretch=1.1)
    sampler.next()
    position, expected = sampler.position(), sampler.next()
    again = make_sampler(batch_size=4, stretch=1.1)
    again.seek(position)
    assert all(torch.equal(again.next()[name], expected[name]) for name in ["source"])
    parts = [make_sampler(batch_size=4, stretch=1.1, rank=rank, processes=2) for rank in (0, 1)]
    for part in parts:
        part.seek(position)
    drawn = [part.next() for part in parts]
    for name in expected:
        assert torch.equal(torch.cat([batch[name] for batch in drawn]), expected[name])


def test_a_stretch_of_one_draws_what_was_drawn_without():
    plain, one = make_sampler(), make_sampler(stretch=1.0)
    for _ in range(20):
        a, b = plain.next(), one.next()
        assert all(torch.equal(a[name], b[name]) for name in a)
