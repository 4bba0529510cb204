"""Random crops from shards, in memory that does not grow with the corpus.

Shards are read in a fresh random order in every round. The utterances of the next few shards are shuffled together and
give one random crop each. Only positions in files are kept, 32 bytes per utterance of these few shards; frames are read
when a batch needs them, and only those of the crop. As in `translate.speech.corpus.sampling` every process draws the
positions of the whole batch and reads its own part.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.corpus.order import reflect
from translate.errors import UserError
from translate.speech.analysis.statistics import Statistics
from translate.speech.corpus.sampling import CropSampler, LabelledCropSampler
from translate.speech.shards.reading import ShardedUtterances

SHUFFLED = 4096  # least number of utterances that are shuffled together


class ShardOrder:
    """Crops of a sharded domain in repeated random orders.

    Every utterance comes once per round. The position is small: how many shards were started, how many of the shuffled
    utterances were drawn, and the random generator's state before they were shuffled.
    """

    def __init__(self, utterances: ShardedUtterances, crop: int, seed: Sequence[int], shuffled: int = SHUFFLED):
        self.utterances, self.crop, self.shuffled = utterances, crop, shuffled
        self.random = np.random.default_rng(seed)
        self.order = np.zeros(0, dtype=np.int64)                    # order of the shards in this round
        self.begun = 0                                              # number of shards before those shuffled now
        self.ended = 0                                              # number of shards including those
        self.places = np.zeros((0, 4), dtype=np.int64)              # (U, 4): shard, byte, frames, first frame
        self.used = 0                                               # number of places drawn
        self.state = self.random.bit_generator.state                # state before they were shuffled

    def next(self) -> np.ndarray:
        """Return the place of the next crop: (4,) shard, byte of the utterance, its frames, the crop's first frame."""
        while self.used == len(self.places):
            self._advance()
        self.used += 1
        return self.places[self.used - 1]

    def _advance(self) -> None:
        """Shuffle the next group of shards."""
        if self.ended == len(self.order):
            self.order, self.ended = self.random.permutation(len(self.utterances.shards)), 0
        self.begun, self.used = self.ended, 0
        self.state = self.random.bit_generator.state
        self._shuffle()

    def _shuffle(self) -> None:
        """Collect shards from `begun` on until they hold enough utterances, and draw their order and crops."""
        found, count, self.ended = [], 0, self.begun
        while self.ended < len(self.order) and count < self.shuffled:
            shard = self.order[self.ended]
            offsets, frames = self.utterances.find_rows(int(shard))
            found.append(np.stack([np.full(len(frames), shard), offsets, frames], axis=1))
            count, self.ended = count + len(frames), self.ended + 1
        places = np.concatenate(found)
        places = places[self.random.permutation(len(places))]
        firsts = self.random.integers(np.maximum(places[:, 2] - self.crop, 0) + 1)
        self.places = np.concatenate([places, firsts[:, None]], axis=1)

    def position(self) -> dict[str, Any]:
        return {
            "shards": torch.from_numpy(self.order.copy()),
            "begun": self.begun,
            "used": self.used,
            "random": json.dumps(self.state),
        }

    def seek(self, position: Mapping[str, Any]) -> None:
        if "shards" not in position or len(position["shards"]) not in (0, len(self.utterances.shards)):
            raise UserError(
                f"{self.utterances.shards[0].path.parent}: the run began on other shards, or on the dump itself; train "
                "on with those, or give the new run another folder (--out)"
            )
        self.order, self.begun = position["shards"].numpy().copy(), int(position["begun"])
        self.random.bit_generator.state = self.state = json.loads(position["random"])
        self.places, self.used, self.ended = self.places[:0], int(position["used"]), 0
        if len(self.order):                                         # otherwise nothing was drawn before
            self._shuffle()


class ShardFrames:
    """Reader of the frames of crops, normalised, onto the device."""

    def __init__(self, utterances: ShardedUtterances, statistics: Statistics, crop: int, device: torch.device | str):
        self.utterances, self.crop, self.device = utterances, crop, torch.device(device)
        self.mean = torch.as_tensor(statistics.mean, dtype=torch.float32, device=self.device)
        self.deviation = torch.as_tensor(statistics.deviation, dtype=torch.float32, device=self.device)

    def take(self, places: np.ndarray) -> Tensor:  # (b, 4) -> (b, Q, T)
        crops = torch.from_numpy(np.stack([self._read(*map(int, place)) for place in places])).to(self.device)
        return ((crops - self.mean) / self.deviation).transpose(1, 2).contiguous()

    def _read(self, shard: int, offset: int, frames: int, first: int) -> np.ndarray:
        known = self.utterances
        row = 4 * known.dimensions                                  # bytes per frame
        wanted = min(self.crop, frames)
        content = known.files.read(known.shards[shard].path, offset + first * row, wanted * row)
        found = np.frombuffer(content, dtype="<f4").reshape(wanted, known.dimensions)
        return found[reflect(np.arange(self.crop), wanted)]         # extends a short utterance


class ShardStream:
    """Random crops of a sharded domain."""

    def __init__(
        self,
        utterances: ShardedUtterances,
        statistics: Statistics,
        crop: int,
        seed: Sequence[int],
        device: torch.device | str,
    ):
        self.frames = ShardFrames(utterances, statistics, crop, device)
        self.order = ShardOrder(utterances, crop, seed)

    def draw(self, count: int) -> np.ndarray:
        """Draw the places (count, 4) of the next crops."""
        return np.stack([self.order.next() for _ in range(count)])


class ShardCropSampler(CropSampler):
    """`CropSampler` on shards: every stream is `ShardedUtterances` and their statistics."""

    def make_stream(self, *arguments: Any) -> ShardStream:  # type: ignore[override]
        return ShardStream(*arguments)


class LabelledShardCropSampler(LabelledCropSampler):
    """`LabelledCropSampler` on shards: every domain is `ShardedUtterances` and their statistics."""

    def make_stream(self, *arguments: Any) -> ShardStream:  # type: ignore[override]
        return ShardStream(*arguments)
