"""Labelled and paired crops: who is who, what belongs to what, and a position that can be taken up again."""

import numpy as np
import pytest
import torch

from translate.speech.analysis.statistics import Statistics
from translate.speech.corpus.features import Utterances
from translate.speech.corpus.sampling import LabelledCropSampler, PairedCropSampler, match_frames

Q = 3


def make_utterances(sentences):
    lengths = np.array([len(rows) for rows in sentences])
    return Utterances(
        ids=[f"u{i}" for i in range(len(sentences))],
        pairs=[f"u{i}" for i in range(len(sentences))],
        paths=[""] * len(sentences),
        frames=lengths,
        seconds=lengths * 0.005,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        features=np.concatenate(sentences).astype(np.float32),
        f0=None,
        moments=np.zeros((len(sentences), 2 * Q + 4)),
        spans=np.stack([np.zeros_like(lengths), lengths], axis=1),
    )


def statistics(mean=0.0, deviation=1.0):
    return Statistics(np.full(Q, mean), np.full(Q, deviation), 0.0, 1.0, 1, 1)


def make_domains():
    """Domain k holds 100 k everywhere, so that a crop tells whose it is; domain 2 is normalised by mean 200."""
    domains = [make_utterances([np.full((n, Q), 100.0 * k) for n in (30, 9, 14)]) for k in range(3)]
    return [(domains[0], statistics()), (domains[1], statistics()), (domains[2], statistics(200.0))]


def test_labels_name_the_domain_and_all_domains_are_equally_frequent():
    sampler = LabelledCropSampler(make_domains(), crop=12, batch_size=4, seed=0)
    counts = torch.zeros(3)
    for _ in range(30):
        batch = sampler.next()
        assert batch["source"].shape == (4, Q, 12)
        assert torch.equal(batch["mask"], torch.ones(4, 3))
        expected = batch["domain"] @ torch.tensor([0.0, 100.0, 0.0])
        assert torch.equal(batch["source"][:, 0, 0], expected)
        counts += batch["domain"].sum(dim=0)
    assert torch.equal(counts, torch.full((3,), 40.0))


def test_labelled_batches_are_shared_by_processes_and_taken_up_again():
    whole = LabelledCropSampler(make_domains(), 12, 4, 0)
    halves = [LabelledCropSampler(make_domains(), 12, 4, 0, rank=rank, processes=2) for rank in range(2)]
    for _ in range(5):
        batch, parts = whole.next(), [half.next() for half in halves]
        for key in batch:
            assert torch.equal(batch[key], torch.cat([part[key] for part in parts]))
    position = whole.position()
    expected = [whole.next()["source"] for _ in range(5)]
    again = LabelledCropSampler(make_domains(), 12, 4, 7)
    again.seek(position)
    assert all(torch.equal(again.next()["source"], batch) for batch in expected)


def make_pair(stretch):
    """Two sentences as trajectories; the source's last `stretch` times as long, and it is shifted and scaled."""
    random = np.random.default_rng(0)
    target = [np.cumsum(random.normal(size=(n, Q)), axis=0) for n in (40, 25)]
    source = [np.repeat(rows, stretch, axis=0) * 2 + 5 for rows in target]
    return (make_utterances(source), statistics(5.0, 2.0)), (make_utterances(target), statistics())


@pytest.mark.parametrize("stretch", [1, 3])
def test_pairs_belong_together_frame_by_frame(stretch):
    sampler = PairedCropSampler(*make_pair(stretch), crop=16, batch_size=3, seed=0)
    for _ in range(10):
        batch = sampler.next()
        assert batch["source"].shape == batch["target"].shape == (3, Q, 16)
        torch.testing.assert_close(batch["source"], batch["target"], atol=1e-5, rtol=0)


def test_equal_lengths_are_taken_as_they_stand():
    _, target = make_pair(1)
    backwards = make_utterances([target[0][i][::-1] for i in range(2)]), target[1]
    rows = match_frames(backwards, target)
    assert [row.tolist() for row in rows] == [list(range(40)), list(range(25))]
    warped = match_frames(make_pair(3)[0], target)
    assert [len(row) for row in warped] == [40, 25]
    assert all((np.diff(row) >= 0).all() for row in warped)


def test_paired_batches_are_shared_by_processes_and_taken_up_again():
    whole = PairedCropSampler(*make_pair(3), 50, 4, 1)               # longer than an utterance: by reflection
    halves = [PairedCropSampler(*make_pair(3), 50, 4, 1, rank=rank, processes=2) for rank in range(2)]
    for _ in range(3):
        batch, parts = whole.next(), [half.next() for half in halves]
        for key in batch:
            assert torch.equal(batch[key], torch.cat([part[key] for part in parts]))
    position = whole.position()
    expected = whole.next()
    again = PairedCropSampler(*make_pair(3), 50, 4, 9)
    again.seek(position)
    assert torch.equal(again.next()["target"], expected["target"])
