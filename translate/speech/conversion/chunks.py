"""Sequences of any length through a network, in bounded memory."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

SHORTEST = 8                                                        # frames or samples that a network sees at least
ALIGNMENT = 16                                                      # of starts: strides of networks divide it


def translate_chunks(
    function: Callable[[Tensor], Tensor], x: Tensor, chunk: int, overlap: int, context: int | None = None
) -> Tensor:
    """Apply `function`, which keeps lengths, to (B, C, T) of any length T from 1.

    Up to `chunk` the function sees all at once. Less than the few frames that norms need is continued by its last
    frame. Longer input is cut into chunks of equal length:

    - With a `context`, every chunk is translated with so much of its neighbourhood on either side, which is then cut
      off: where the function looks no further, the result is that of the whole.
    - Without (a norm over time sees everything), chunks of at most `chunk`, about as long as each other because norms
      depend on the length, overlap and fade into each other with weights that sum to one. They start at multiples of
      16, so that strided layers meet the same frames in both.

    Args:
        function: (B, C, t) -> (B, C', t) for t >= 8.
        x: (B, C, T).
        chunk: frames that the function sees at once; with a context, without counting it.
        overlap: frames in which neighbouring chunks fade, less than `chunk` - 16; without a context.
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
    size = math.ceil(length / math.ceil(length / chunk))            # equal parts: none is too short for padding
    parts = []
    for start in range(0, length, size):
        stop, first = min(start + size, length), max(start - context, 0)
        y = function(x[..., first : min(stop + context, length)])
        parts.append(y[..., start - first : stop - first])
    return torch.cat(parts, dim=-1)


def _fade(function: Callable[[Tensor], Tensor], x: Tensor, chunk: int, overlap: int) -> Tensor:
    length = x.shape[-1]
    spare = ALIGNMENT - 1                                           # what a chunk gains by starting earlier
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
