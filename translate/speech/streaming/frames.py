"""Conversion of frames by a network piece by piece, with the context that the network needs."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.errors import UserError
from translate.layers.steady_norm import gather, measure_context, steady
from translate.speech.analysis.energy import SpeechFinder
from translate.speech.conversion.chunks import SHORTEST, translate_chunks
from translate.speech.conversion.features import FeatureConverter, find_context

STEP = 4                                                            # frames; the strides of networks divide it


class FrameStream:
    """`FeatureConverter.convert_frames` for frames that arrive in pieces.

    With the whole recording as the reference and the full look-ahead, the result is the same as for the whole recording
    at once.

    Args:
        converter: converter whose weights are used; it is not changed.
        source, target: domains.
        lookahead: number of future frames that the network gets, rounded up to a multiple of 4; None: its whole
            receptive field.
        reference: (T, Q) frames of the source for the statistics of norms (the first 30 s, less for waves); None: norms
            use the speech so far. A model that has stored statistics needs none and ignores it.
        seed: seed of the noise, for models that draw some; every frame has its own noise.

    Attributes:
        lookahead: number of frames, a multiple of 4.
        context: receptive field on either side, (back, ahead).

    Raises:
        UserError: a network with an unbounded receptive field, or a reference of less than 8 frames.
    """

    def __init__(
        self,
        converter: FeatureConverter[Any],
        source: str,
        target: str,
        lookahead: int | None = None,
        reference: np.ndarray | None = None,
        seed: int | None = None,
    ):
        game, _ = converter.find_game(source, target)
        self._translator, norms = steady(game)
        self._norms, self._converter = list(norms.values()), converter
        self._names, self._device = (source, target), converter.device
        self._before, self._after = converter.statistics[source], converter.statistics[target]
        self._noise = torch.Generator().manual_seed(seed or 0) if converter.takes_seed else None
        dimensions = converter.front_end.dimensions
        try:
            known = find_context(game)
            back, ahead = (known, known) if known else measure_context(self._probe, dimensions, STEP)
        except ValueError as error:
            raise UserError(f"stream: {error}; this model converts whole recordings only") from None
        self.context = back, ahead = _round_up(back), _round_up(ahead)
        self.lookahead = ahead if lookahead is None else min(_round_up(lookahead), ahead)
        self._finder = SpeechFinder(converter.frame_rate) if self._norms and reference is None else None
        if self._norms and reference is not None:
            self._learn(reference[: converter.chunk])
        planes = 1 if self._noise is None else 2                    # two planes: the frames and the noise
        self._x = torch.zeros(planes, dimensions, 0)                # from the frame `_first` on
        self._counted = torch.zeros(0)                              # which of them are speech that was not gathered yet
        self._first = self._done = self._received = 0

    def push(self, frames: np.ndarray, f0: np.ndarray | None = None) -> np.ndarray:
        """Take frames (n, Q), any n from 0, and return those that are converted (m, Q).

        F0 (n,) helps to find the speech, of which norms gather statistics.
        """
        x = self._normalise(frames)
        self._listen(frames, f0)
        if self._noise is not None:
            noise = torch.zeros_like(x)
            for frame in range(len(frames)):                        # one by one: independent of the pieces' sizes
                noise[0, :, frame] = torch.randn(x.shape[1], generator=self._noise)
            x = torch.cat([x, noise])
        self._x = torch.cat([self._x, x], dim=2)
        self._received += len(frames)
        return self._advance((self._received - self.lookahead) // STEP * STEP)

    def flush(self) -> np.ndarray:
        """Return the last frames (m, Q), with no further input."""
        return self._advance(self._received)

    def _advance(self, ready: int) -> np.ndarray:
        if ready <= self._done:
            return np.zeros((0, self._x.shape[1]))
        missing = max(SHORTEST, _round_up(self._x.shape[2])) - self._x.shape[2]  # frames that the network adds
        gather(self._norms, torch.cat([self._counted, self._counted[-1:].expand(missing)]) if self._finder else None)
        with torch.inference_mode():
            y = translate_chunks(self._translate, self._x, self._x.shape[2], 0)
        self._counted.zero_()
        y = y[0, :, self._done - self._first : ready - self._first]
        first = max(0, ready - self.context[0]) // STEP * STEP
        self._x, self._counted = self._x[..., first - self._first :].clone(), self._counted[first - self._first :]
        self._first, self._done = first, ready
        return self._after.denormalise(y.T.double().numpy())

    def _listen(self, frames: np.ndarray, f0: np.ndarray | None) -> None:
        """Note which of the new frames (n, Q) are speech."""
        speech = np.zeros(len(frames), bool)
        if self._finder and len(frames):
            speech = self._finder.push(self._converter.measure_power(frames), f0)
            if self._finder.erred:                                  # what was gathered was noise before the speech
                for norm in self._norms:
                    norm.forget()
        self._counted = torch.cat([self._counted, torch.from_numpy(speech).float()])

    def _normalise(self, frames: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(self._before.normalise(frames).T, dtype=np.float32))[None]

    def _translate(self, x: Tensor) -> Tensor:  # (1 or 2, Q, T): frames [and noise] -> (1, Q, T)
        x = x.to(self._device)
        condition: dict[str, Any] = {} if len(x) == 1 else {"noise": x[1:]}
        return self._translator.translate(x[:1], *self._names, **condition).float().cpu()

    def _probe(self, x: Tensor) -> Tensor:
        return self._translate(x if self._noise is None else torch.cat([x, torch.zeros_like(x)]))

    def _learn(self, reference: np.ndarray) -> None:
        if len(reference) < SHORTEST:
            raise UserError(f"the reference has {len(reference)} frames; expected some seconds of the source speaker")
        x = self._normalise(reference)
        gather(self._norms, torch.from_numpy(self._converter.find_speech(reference)))
        with torch.inference_mode():
            self._probe(x)
        gather(self._norms, None)


def _round_up(frames: int) -> int:
    return -(-frames // STEP) * STEP
