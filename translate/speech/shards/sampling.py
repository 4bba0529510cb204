"""Random crops out of shards, with a memory that does not grow with the corpus.

Shards come in a fresh random order every time round; the utterances of the next few of them are shuffled together and
give one random crop each. What is held are places in files, 32 bytes per utterance of these few shards; frames are
read when a batch needs them, and only the crop's. As in `data.sampling` all processes draw the numbers of the whole
batch and read their own share.
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

SHUFFLED = 4096                                                     # utterances, at least, that are shuffled together


class ShardOrder:
    """Crops of a sharded domain in a random order, again and again.

    Every utterance comes once per round. The position is small: which shards were begun, how much of the shuffled
    utterances was drawn, and the random numbers' state before they were shuffled.
    """

    def __init__(self, utterances: ShardedUtterances, crop: int, seed: Sequence[int], shuffled: int = SHUFFLED):
        self.utterances, self.crop, self.shuffled = utterances, crop, shuffled
        self.random = np.random.default_rng(seed)
        self.order = np.zeros(0, dtype=np.int64)                    # of the shards, in this round
        self.begun = 0                                              # shards before those that are shuffled now
        self.ended = 0                                              # and with them
        self.places = np.zeros((0, 4), dtype=np.int64)              # (U, 4): shard, byte, frames, first frame
        self.used = 0                                               # of these
        self.state = self.random.bit_generator.state                # before they were drawn

    def next(self) -> np.ndarray:
        """Where the next crop is: (4,) shard, byte where the utterance begins, its frames, the crop's first frame."""
        while self.used == len(self.places):
            self._advance()
        self.used += 1
        return self.places[self.used - 1]

    def _advance(self) -> None:
        """Go on to the next shards."""
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
        if len(self.order):                                         # else nothing was drawn before
            self._shuffle()


class ShardFrames:
    """Reads the frames of crops, normalised, onto the device."""

    def __init__(self, utterances: ShardedUtterances, statistics: Statistics, crop: int, device: torch.device | str):
        self.utterances, self.crop, self.device = utterances, crop, torch.device(device)
        self.mean = torch.as_tensor(statistics.mean, dtype=torch.float32, device=self.device)
        self.deviation = torch.as_tensor(statistics.deviation, dtype=torch.float32, device=self.device)

    def take(self, places: np.ndarray) -> Tensor:  # (b, 4) -> (b, Q, T)
        crops = torch.from_numpy(np.stack([self._read(*map(int, place)) for place in places])).to(self.device)
        return ((crops - self.mean) / self.deviation).transpose(1, 2).contiguous()

    def _read(self, shard: int, offset: int, frames: int, first: int) -> np.ndarray:
        known = self.utterances
        row = 4 * known.dimensions                                  # bytes of a frame
        wanted = min(self.crop, frames)
        content = known.files.read(known.shards[shard].path, offset + first * row, wanted * row)
        found = np.frombuffer(content, dtype="<f4").reshape(wanted, known.dimensions)
        return found[reflect(np.arange(self.crop), wanted)]         # a short utterance goes on by reflection


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
        """Places (count, 4) of the next crops."""
        return np.stack([self.order.next() for _ in range(count)])


class ShardCropSampler(CropSampler):
    """`CropSampler` on shards: every stream is `ShardedUtterances` and their statistics."""

    def make_stream(self, *arguments: Any) -> ShardStream:  # type: ignore[override]
        return ShardStream(*arguments)


class LabelledShardCropSampler(LabelledCropSampler):
    """`LabelledCropSampler` on shards: every domain is `ShardedUtterances` and their statistics."""

    def make_stream(self, *arguments: Any) -> ShardStream:  # type: ignore[override]
        return ShardStream(*arguments)
