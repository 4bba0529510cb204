"""Conversion of waves of any length in bounded memory: cut at pauses, converted piece by piece, joined again.

A frame of WORLD holds two spectra of some hundred values, so an hour of speech takes gigabytes. Norms over time see
only one piece, as they do when a network processes long input in chunks (`translate.speech.conversion.chunks`).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

PIECE = 20.0                                                        # maximum length of a piece in seconds
SEARCH = 8.0  # seconds before the maximum in which a pause is searched
PAUSE = 0.05                                                        # seconds over which loudness is averaged
CONTEXT = 0.1  # seconds of context on either side of a piece that the analysis needs
FADE = 0.01                                                         # seconds of the cross-fade between neighbours

Function = Callable[[np.ndarray], np.ndarray]                       # (n,) to the same duration at the output rate


class Reach(NamedTuple):
    """What a converted frame depends on.

    Attributes:
        seconds: receptive field on either side.
        step: seconds between the frames at which a piece may begin; 0: any.
    """

    seconds: float
    step: Fraction


NOTHING = Reach(0.0, Fraction(0))


def join_reaches(reaches: Sequence[Reach]) -> Reach:
    """Return the reach of conversions one after the other."""
    step = Fraction(0)
    for reach in reaches:
        step = _lcm(step, reach.step)
    return Reach(sum(reach.seconds for reach in reaches), step)


def _lcm(a: Fraction, b: Fraction) -> Fraction:
    """Return the least common multiple of two spans; 0 divides all."""
    if not a or not b:
        return a or b
    return Fraction(math.lcm(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)


def convert_pieces(
    blocks: Iterable[np.ndarray], rate: int, out_rate: int, function: Function, reach: "Reach | None" = None
) -> Iterator[np.ndarray]:
    """Convert a wave given in blocks.

    A piece ends at the quietest moment of the last seconds before its maximum length. Together the pieces are as long
    as the output of `function` on the whole wave.

    Args:
        blocks: consecutive parts of the wave, (n,) each, any n.
        rate: rate of the wave in Hz.
        out_rate: rate of the output of `function` in Hz.
        function: converter of a piece of at most `PIECE` + 3 times its context in seconds.
        reach: what the networks look at, so that a piece is converted as it would be in the whole.

    Yields:
        Consecutive parts of the converted wave.
    """
    reach = reach or NOTHING
    # The shortest span that is a whole number of samples at both rates, and of steps of the networks.
    unit = int(_lcm(Fraction(1, math.gcd(rate, out_rate)), reach.step) * rate)
    fade = round(FADE * out_rate)
    rise = np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / max(fade, 1)) ** 2
    tail: np.ndarray | None = None                                  # overlap of the piece before, beyond its end
    for wave, first, last, left, right in _cut(blocks, rate, unit, CONTEXT + reach.seconds):
        # The piece and the context before it map to whole numbers of samples: both are multiples of `unit`.
        y, length = function(wave), (last - first) * out_rate // rate if right else None
        start = left * out_rate // rate
        stop = len(y) if length is None else start + length
        body = y[start:stop].copy()
        if tail is not None and len(tail) and len(body) >= fade:
            body[:fade] = (1 - rise) * tail + rise * body[:fade]
        tail = np.resize(np.append(y[stop : stop + fade], np.zeros(fade)), fade) if right else None
        yield body


def _cut(
    blocks: Iterable[np.ndarray], rate: int, unit: int, seconds: float
) -> Iterator[tuple[np.ndarray, int, int, int, int]]:
    """Yield pieces with `seconds` of context: (samples with context, first, last, samples of context before, after).

    The last piece has no context after it.
    """
    context = math.ceil(seconds * rate / unit) * unit
    longest = max(round(PIECE * rate), 4 * context)
    held, begun, left = np.zeros(0), 0, 0                           # `held` starts `left` samples before `begun`
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= left + longest + 2 * context:
            size = _find_pause(held[left : left + longest], rate) // unit * unit
            size = size or longest // unit * unit
            yield held[: left + size + context], begun, begun + size, left, context
            keep = left + size - context
            held, begun, left = held[keep:].copy(), begun + size, context
    if len(held) > left or not begun:                               # `function` reports empty input
        yield held, begun, begun + len(held) - left, left, 0


def _find_pause(wave: np.ndarray, rate: int) -> int:
    """Return the sample in the middle of the quietest moment of the last `SEARCH` seconds."""
    start = max(len(wave) - round(SEARCH * rate), len(wave) // 2)
    width = max(round(PAUSE * rate), 1)
    total = np.cumsum(wave[start:] ** 2)
    power = total[width:] - total[:-width]
    return start + int(power.argmin()) + width // 2
