"""Images larger than memory: converted in overlapping tiles that are cross-faded.

Near an inner edge of a tile, as far as its receptive field reaches, a network's output is wrong. So each tile has
weight 0 within `overlap` pixels of such an edge, and is cross-faded with its neighbour where both are right. A network
that looks no further than `overlap` pixels gives the same image as without tiles. With one that looks further, or whose
norms take statistics over the image, colours may differ from those of the whole image, but there is no visible seam.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from translate.errors import UserError

ALIGNMENT = 32                                                      # tiles start at multiples of it, so that strided
# networks see the same pixel phase as in the whole


def convert_tiled(function: Callable[[Tensor], Tensor], x: Tensor, tile: int, overlap: int, scale: int = 1) -> Tensor:
    """Apply a function to an image tile by tile.

    Args:
        function: map (B, C, h, w) -> (B, C', h * scale, w * scale), for any h and w up to `tile`.
        x: image (B, C, H, W).
        tile: height and width of a tile, in pixels of `x`, more than 3 * `overlap`.
        overlap: pixels of `x` on each side of a tile that are only context; neighbours overlap by at least 3 times it.
        scale: size of the output over size of the input.

    Returns:
        The result (B, C', H * scale, W * scale).

    Raises:
        UserError: tiles that are too small for their overlap.
    """
    if overlap < 0 or tile <= 3 * overlap:
        raise UserError(
            f"tile is {tile} with an overlap of {overlap}: tiles must be larger than three overlaps; expected at least "
            f"{3 * max(overlap, 0) + 1}, better {max(512, 6 * overlap)}"
        )
    height, width = x.shape[-2:]
    rows, columns = cut(height, tile, overlap), cut(width, tile, overlap)
    if len(rows) == len(columns) == 1:
        return function(x)
    row_weights = [weight.to(x.device) for weight in fade(rows, overlap, scale)]
    column_weights = [weight.to(x.device) for weight in fade(columns, overlap, scale)]
    total: Tensor | None = None
    for (top, bottom), down in zip(rows, row_weights, strict=True):
        for (left, right), across in zip(columns, column_weights, strict=True):
            part = function(x[..., top:bottom, left:right]).float()
            if total is None:
                total = part.new_zeros(*part.shape[:2], height * scale, width * scale)
            place = (..., slice(top * scale, bottom * scale), slice(left * scale, right * scale))
            total[place] += part * down[:, None] * across
    assert total is not None
    return total


def cut(size: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Cut `size` pixels into spans (first, last + 1) of `tile` pixels, the last perhaps shorter.

    Spans start at multiples of 32 where the tile is large enough; neighbours overlap by at least 3 * `overlap` pixels.
    """
    if size <= tile:
        return [(0, size)]
    largest = tile - 3 * overlap                                    # step between the starts
    alignment = min(ALIGNMENT, largest)
    largest -= largest % alignment
    count = -(-(size - tile) // largest) + 1
    step = -(-(size - tile) // (count - 1) // alignment) * alignment  # the smallest step for `count` spans
    return [(start, min(start + tile, size)) for start in range(0, count * step, step)]


def fade(spans: list[tuple[int, int]], overlap: int, scale: int) -> list[Tensor]:
    """Return float32 weights of the spans' pixels: 0 within `overlap` of an inner edge, with a sum of 1 over spans."""
    size = spans[-1][1]
    weights = torch.zeros(len(spans), size * scale)
    for number, (start, stop) in enumerate(spans):
        weights[number, start * scale : stop * scale] = 1
        if number > 0:
            first, last = (start + overlap) * scale, (spans[number - 1][1] - overlap) * scale
            ramp = 0.5 - 0.5 * torch.cos(torch.pi * (torch.arange(last - first) + 0.5) / (last - first))
            weights[number, : first] = 0
            weights[number, first:last] *= ramp
            weights[number - 1, first:last] *= 1 - ramp
            weights[number - 1, last:] = 0
    weights /= weights.sum(dim=0)                                   # where more than two spans meet
    return [weight[start * scale : stop * scale] for weight, (start, stop) in zip(weights, spans, strict=True)]
