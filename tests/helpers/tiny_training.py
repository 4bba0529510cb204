"""Tiny runs: CycleGAN-VC2 of a few thousand weights on random features."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from translate.config import merge, parse_overrides
from translate.models import resolve
from translate.speech.analysis.statistics import moments, pack_statistics
from translate.speech.corpus.features import Utterances
from translate.speech.corpus.sampling import CropSampler

TINY = {
    "model": "cyclegan_vc2",
    "data": {"domains": ["low", "high"]},
    "features": {"sample_rate": 16000, "dimensions": 12},
    "network": {"channels": 4, "blocks": 1},
    "train": {"crop": 16, "steps": 6, "log_every": 2, "save_every": 2, "sample_every": 0, "device": "cpu"},
}


class Run:
    """New arguments of `train`."""

    def __init__(self, overrides):
        self.config = resolve(merge(TINY, parse_overrides(list(overrides))), "test")
        torch.manual_seed(self.config.train.seed)
        self.translator = self.config.build().to(self.config.train.device)
        utterances = {name: make_utterances(seed) for seed, name in enumerate(self.config.data.domains)}
        statistics = {name: u.statistics() for name, u in utterances.items()}
        self.statistics = pack_statistics(statistics)
        streams = zip(("source", "target"), self.config.data.domains, strict=True)
        self.sampler = CropSampler(
            {stream: (utterances[name], statistics[name]) for stream, name in streams},
            self.config.train.crop,
            self.config.train.batch_size,
            self.config.train.seed,
            self.config.train.device,
        )

    def arguments(self, folder):
        return self.translator, self.config, self.sampler, self.statistics, folder


def make_utterances(seed, frames=(40, 25, 33), dimensions=12):
    random = np.random.default_rng(seed)
    mcep = random.normal(seed, 2.0, (sum(frames), dimensions)).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(frames)])
    pieces = [mcep[a:b] for a, b in pairwise(offsets)]
    return Utterances(
        ids=[f"u{i}" for i in range(len(frames))],
        pairs=[None] * len(frames),
        paths=[f"u{i}.wav" for i in range(len(frames))],
        frames=np.array(frames),
        seconds=np.array(frames) * 0.005,
        offsets=offsets,
        features=mcep,
        f0=np.full(len(mcep), 100.0, dtype=np.float32),
        spans=np.stack([np.zeros(len(frames), dtype=int), np.array(frames)], axis=1),
        moments=np.stack([moments(piece, np.full(len(piece), 100.0)) for piece in pieces]),
    )


@pytest.fixture
def make_run():
    """A function that makes a `Run` from overrides such as "train.steps=4"."""
    return lambda *overrides: Run(overrides)


@pytest.fixture
def read_tensors():
    """Read everything in a checkpoint that must be equal, as {name: tensor or plain value}."""
    return _read_tensors


def _read_tensors(checkpoint):
    from safetensors.torch import load_file

    values = {}
    for path in sorted(checkpoint.glob("*.safetensors")):
        values |= {f"{path.name}/{key}": value for key, value in load_file(path).items()}
    return values | _flatten(torch.load(checkpoint / "state.pt", weights_only=True), "state.pt")


def _flatten(value, prefix):
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in _flatten(inner, f"{prefix}/{key}").items()}
    if isinstance(value, list | tuple):
        return {k: v for i, inner in enumerate(value) for k, v in _flatten(inner, f"{prefix}/{i}").items()}
    return {prefix: value}


@pytest.fixture
def differing(read_tensors):
    """Names of the entries that differ between two checkpoints, compared to the bit."""

    def compare(a, b):
        ours, theirs = read_tensors(a), read_tensors(b)
        names = sorted(ours.keys() ^ theirs.keys())
        for name in ours.keys() & theirs.keys():
            equal = torch.equal if isinstance(ours[name], torch.Tensor) else lambda x, y: x == y
            if not equal(ours[name], theirs[name]):
                names.append(name)
        return names

    return compare


@pytest.fixture(scope="session")
def dump(tmp_path_factory):
    """Features of three short sentences of the two built-in voices."""
    from translate.config import WorldConfig
    from translate.corpus.manifest import scan_folders
    from translate.speech.corpus.features import extract
    from translate.speech.corpus.mini import make_speech

    folder = tmp_path_factory.mktemp("tiny")
    make_speech(folder / "corpus", sentences=3, evaluation=1)
    entries = [e for e in scan_folders(folder / "corpus", evaluation="eval_*") if e.split == "train"]
    extract(entries, WorldConfig(sample_rate=16000, dimensions=12, f0="dio"), folder / "dump", 1, progress=False)
    return folder / "dump"


COMMAND = [
    "train", "--source", "low", "--target", "high", "model=cyclegan_vc2", "features.sample_rate=16000",
    "features.dimensions=12", "features.f0=dio", "data.non_parallel=false", "network.channels=4", "network.blocks=1",
    "train.crop=16", "train.sample_every=0", "train.device=cpu",
]  # fmt: skip


@pytest.fixture
def train_command(dump):
    """A function that makes the arguments of `python` for a training on `dump` into a folder."""
    return lambda out, *overrides: [*COMMAND, "--features", str(dump), "--out", str(out), *overrides]


@pytest.fixture
def environment():
    """Environment of child processes: one thread each, so that they are exact and leave the other cores free."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
