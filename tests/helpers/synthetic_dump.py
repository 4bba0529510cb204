"""Dumps of many short clips, written quickly, as `translate extract` would write them."""

import json

import numpy as np

from translate.config import StftConfig, WorldConfig

DIMENSIONS = 4


def write_dump(folder, frames_by_domain, split="train", f0=False, pairs=True):
    """Frame t of utterance u of domain d is (d, u, t, 1), so that a crop shows where it comes from.

    `frames_by_domain`: lengths of the utterances by domain; utterance u says sentence u in all of them.
    """
    config = WorldConfig(dimensions=DIMENSIONS) if f0 else StftConfig()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "features.json").write_text(json.dumps(config.model_dump(), indent=1) + "\n")
    for number, (domain, lengths) in enumerate(frames_by_domain.items()):
        where = folder / split / domain
        where.mkdir(parents=True)
        lengths = np.asarray(lengths)
        owners = np.repeat(np.arange(len(lengths)), lengths)
        places = np.arange(len(owners)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows = np.stack([np.full(len(owners), number), owners, places, np.ones(len(owners))], axis=1)
        np.save(where / "features.npy", rows.astype(np.float32))
        starts = np.cumsum(lengths) - lengths
        voiced = np.zeros((len(lengths), 3))
        if f0:
            track = np.where(places % 2, 100.0 + owners, 0).astype(np.float32)
            np.save(where / "f0.npy", track)
            logs = np.log(np.where(track > 0, track, 1).astype(np.float64))
            voiced = np.add.reduceat(np.stack([logs, logs**2, track > 0], axis=1), starts)
        sums, squares = np.add.reduceat(rows, starts), np.add.reduceat(rows**2, starts)
        np.save(where / "moments.npy", np.concatenate([sums, squares, lengths[:, None], voiced], axis=1))
        index = {
            "ids": [f"clip_{u:06d}" for u in range(len(lengths))],
            "pairs": [f"clip_{u:06d}" if pairs else None for u in range(len(lengths))],
            "paths": [f"/corpus/{domain}/clip_{u:06d}.wav" for u in range(len(lengths))],
            "frames": lengths.tolist(),
            "seconds": (lengths * 0.005).tolist(),
            "fingerprints": [""] * len(lengths),
        }
        (where / "index.json").write_text(json.dumps(index))
    return folder
