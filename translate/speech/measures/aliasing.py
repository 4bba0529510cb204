"""Aliasing of a waveform model: the mirror images of sines in its output.

Layers that lower and raise the sampling rate fold the spectrum: after a network with a total stride of 4, a sine of
frequency f appears again at fs/4 - f, fs/4 + f and fs/2 - f. The distortion of a nonlinear network lies at
multiples of f, folded at fs/2. The sines are chosen so that none of the first 800 multiples meets a mirrored frequency.
"""

from collections.abc import Callable

import numpy as np
from scipy.signal.windows import blackmanharris

LENGTH = 4096                                                       # samples analysed, the middle half of the input
BINS = (195, 315, 565)                                              # bins of the sines: f = bin * fs / 4096
AMPLITUDE = 0.3
LOBE = 3                                                            # bins of the window's main lobe on each side
SILENCE = 1e-20                                                     # energy added to both sides of the ratio


def measure_aliasing(convert: Callable[[np.ndarray], np.ndarray], sample_rate: int) -> float:
    """Measure the energy of the mirrored components of sines relative to that of the sines, in a model's output.

    The input is sines at 0.048, 0.077 and 0.138 of the sampling rate, amplitude 0.3, 8192 samples each. The middle 4096
    samples of the output are analysed under a Blackman-Harris window (side lobes at -92 dB), so that the ends do not
    count. Noise that a model adds at these frequencies counts as aliasing.

    Args:
        convert: function from a wave (N,) to a wave of the same length and rate.
        sample_rate: rate in Hz, which sets the frequencies of the sines.

    Returns:
        Mirrored energy over that of the fundamental in dB, both summed over the sines. Below -60 is clean; an output
        without the sine comes near 0 or above.
    """
    fundamental = mirrored = SILENCE
    time = np.arange(2 * LENGTH) / sample_rate
    for number in BINS:
        frequency = number * sample_rate / LENGTH
        output = convert(AMPLITUDE * np.sin(2 * np.pi * frequency * time))
        middle = output[LENGTH // 2 : LENGTH // 2 + LENGTH]
        energy = np.abs(np.fft.rfft(middle * blackmanharris(LENGTH, sym=False))) ** 2
        fundamental += _sum_lobe(energy, number)
        mirrored += sum(_sum_lobe(energy, mirror) for mirror in find_mirrors(number))
    return float(10 * np.log10(mirrored / fundamental))


def find_mirrors(number: int) -> list[int]:
    """Return the bins of fs/4 - f, fs/4 + f and fs/2 - f for the bin of f, below fs/4."""
    return [LENGTH // 4 - number, LENGTH // 4 + number, LENGTH // 2 - number]


def _sum_lobe(energy: np.ndarray, number: int) -> float:
    return float(energy[number - LOBE : number + LOBE + 1].sum())
