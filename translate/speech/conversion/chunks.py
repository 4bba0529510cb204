"""Application of a network to sequences of any length, in bounded memory."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

SHORTEST = 8                                                        # fewest frames or samples that a network gets
ALIGNMENT = 16  # chunks start at its multiples; the strides of networks divide it


def translate_chunks(
    function: Callable[[Tensor], Tensor], x: Tensor, chunk: int, overlap: int, context: int | None = None
) -> Tensor:
    """Apply `function`, which keeps lengths, to (B, C, T) of any length T from 1.

    Input of up to `chunk` frames is passed at once; fewer than 8 frames, too few for norms, are extended by repeating
    the last. Longer input is cut into chunks of equal length:

    - With a `context`, every chunk is passed with `context` neighbouring frames on either side, whose output is cut
      off. If the receptive field is no larger, the result equals that of the whole. Chunks start at multiples of 16, so
      the context of a network with strides must be a multiple of them.
    - Without a `context` (a norm over time depends on everything), chunks of at most `chunk` overlap and are
      cross-faded with weights that sum to one. Their lengths are nearly equal, because norms depend on the length. They
      start at multiples of 16, so that strided layers see the same frames in both neighbours.

    Args:
        function: function (B, C, t) -> (B, C', t) for t >= 8.
        x: (B, C, T).
        chunk: number of frames passed at once; with a context, without counting it, and up to 15 more.
        overlap: number of frames of the cross-fade, less than `chunk` - 16; unused with a context.
        context: one-sided receptive field in frames; None: unbounded.

    Returns:
        (B, C', T).
    """
    length = x.shape[-1]
    if length < SHORTEST:
        longer = functional.pad(x, (0, SHORTEST - length), mode="replicate")
        return function(longer)[..., :length]
    if length <= chunk:
        return function(x)
    return _fade(function, x, chunk, overlap) if context is None else _join(function, x, chunk, context)


def _join(function: Callable[[Tensor], Tensor], x: Tensor, chunk: int, context: int) -> Tensor:
    length = x.shape[-1]
    chunks = math.ceil(length / chunk)                              # about equal, so that none is too short for padding
    starts = [number * length // chunks // ALIGNMENT * ALIGNMENT for number in range(chunks)]
    parts = []
    for start, stop in pairwise([*starts, length]):
        first = max(start - context, 0)
        y = function(x[..., first : min(stop + context, length)])
        parts.append(y[..., start - first : stop - first])
    return torch.cat(parts, dim=-1)


def _fade(function: Callable[[Tensor], Tensor], x: Tensor, chunk: int, overlap: int) -> Tensor:
    length = x.shape[-1]
    spare = ALIGNMENT - 1                                           # most frames that alignment adds to a chunk
    chunks = math.ceil((length - overlap) / (chunk - spare - overlap))
    size = math.ceil((length + (chunks - 1) * overlap) / chunks)
    total, weights = x.new_zeros(()), torch.zeros(length, device=x.device)
    for number in range(chunks):
        start = number * (length - size) // (chunks - 1) // ALIGNMENT * ALIGNMENT
        part = slice(start, min(start + size + spare, length))
        y = function(x[..., part])
        rise = (torch.arange(1, y.shape[-1] + 1, device=x.device) / (overlap + 1)).clamp(max=1)
        level = torch.ones_like(rise)
        fade = (rise if number > 0 else level) * (rise.flip(0) if number < chunks - 1 else level)
        if number == 0:
            total = y.new_zeros(*y.shape[:-1], length)
        total[..., part] += fade * y
        weights[part] += fade
    return total / weights
