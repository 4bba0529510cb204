"""Samplers whose batches change their size, as those of a game that grows: every kind of them."""

import numpy as np
import pytest
import torch
from synthetic_dump import DIMENSIONS, write_dump
from tiny_training import make_utterances

from translate.corpus.manifest import Entry
from translate.images.arrays import write_image
from translate.images.corpus import sampling as image_sampling
from translate.images.corpus.sampling import make_sampler
from translate.models import resolve
from translate.speech.analysis.statistics import Statistics
from translate.speech.corpus.features import FeatureStore
from translate.speech.corpus.sampling import CropSampler, LabelledCropSampler, PairedCropSampler
from translate.speech.shards.reading import ShardStore
from translate.speech.shards.sampling import LabelledShardCropSampler, ShardCropSampler
from translate.speech.shards.writing import write_shards


@pytest.fixture
def make(request, tmp_path, monkeypatch):
    """Makes a sampler of batches of 4, called with rank and processes."""
    kind = request.param
    if kind.startswith("images"):
        if kind.endswith("files"):
            monkeypatch.setattr(image_sampling, "RESIDENT_BYTES", 0)
        entries, random = [], np.random.default_rng(0)
        for number in range(7):
            for domain in "ab":
                path = tmp_path / domain / f"{number}.png"
                write_image(path, random.integers(256, size=(20, 24, 3)).astype(np.uint8))
                entries.append(Entry(str(number), path, domain, "train", str(number)))
        domains = {"data": {"domains": ["a", "b"]}, "train": {"crop": 16, "batch_size": 4}}
        config = resolve({"model": "cyclegan", **domains}, "test")
        return lambda rank, processes: make_sampler(config, entries, "cpu", rank, processes)
    if kind.startswith("shards"):
        write_shards(
            FeatureStore(write_dump(tmp_path / "dump", {"a": [20, 7, 12, 3, 9], "b": [11, 14, 6]})),
            tmp_path / "shards", 0.01, progress=False,
        )  # fmt: skip
        plain = Statistics(np.zeros(DIMENSIONS), np.ones(DIMENSIONS), 0.0, 1.0, 1, 1)

        def make_shards(rank, processes):
            store = ShardStore(tmp_path / "shards")
            source, target = ((store.open_shards("train", domain), plain) for domain in "ab")
            if kind == "shards":
                return ShardCropSampler({"source": source, "target": target}, 6, 4, 0, "cpu", rank, processes)
            return LabelledShardCropSampler([source, target], 6, 4, 0, "cpu", rank, processes)

        return make_shards
    source, target = ((utterances, utterances.statistics()) for utterances in map(make_utterances, (0, 1)))
    return {
        "unpaired": lambda *place: CropSampler({"source": source, "target": target}, 12, 4, 0, "cpu", *place),
        "labelled": lambda *place: LabelledCropSampler([source, target], 12, 4, 0, "cpu", *place),
        "paired": lambda *place: PairedCropSampler(source, target, 12, 4, 0, "cpu", *place),
    }[kind]


KINDS = ["unpaired", "labelled", "paired", "shards", "shards labelled", "images", "images from files"]
EVERY_KIND = pytest.mark.parametrize("make", KINDS, indirect=True)


def draw(sampler, sizes):
    """The batches of these sizes, joined; a size that stays is asked for again, as the trainer does."""
    batches = []
    for size in sizes:
        sampler.take(size)
        batches.append(sampler.next())
        assert sampler.batch_size == size
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


@EVERY_KIND
def test_no_example_is_lost_or_drawn_twice_where_the_size_changes(make):
    """Those of 4 + 4 + 2 + 6 are those of 4 + 4 + 4 + 4, batches that were planned ahead included."""
    steady, changing = make(0, 1), make(0, 1)
    expected, found = draw(steady, [4, 4, 4, 4]), draw(changing, [4, 4, 2, 6])
    for name in expected:
        assert torch.equal(found[name], expected[name]), name


@EVERY_KIND
def test_processes_share_a_batch_of_another_size(make):
    whole, halves = make(0, 1), [make(rank, 2) for rank in range(2)]
    for size in (4, 2, 2, 8):
        expected, found = draw(whole, [size]), [draw(half, [size]) for half in halves]
        for name in expected:
            assert torch.equal(torch.cat([part[name] for part in found]), expected[name])


@EVERY_KIND
def test_a_position_at_the_border_and_behind_it_is_taken_up(make):
    sampler, positions, batches = make(0, 1), [], []
    for size in (4, 4, 2, 2, 6, 6):
        positions.append(sampler.position())
        batches.append(draw(sampler, [size]))
    for number, size in enumerate((4, 4, 2, 2, 6, 6)):
        fresh = make(0, 1)
        fresh.seek(positions[number])
        again = draw(fresh, [size])
        assert all(torch.equal(again[name], value) for name, value in batches[number].items())


@EVERY_KIND
def test_a_size_that_processes_cannot_share_is_refused(make):
    with pytest.raises(ValueError, match="a batch of 3 cannot be shared by 2 processes"):
        make(0, 2).take(3)
