"""The WORLD vocoder (Morise et al. 2016): F0, mel-cepstrum and aperiodicity of a wave, and synthesis from them."""

from dataclasses import dataclass

import numpy as np
import pyworld

from translate.config import WorldConfig
from translate.errors import UserError
from translate.speech.analysis.f0 import Range, count_frames, estimate_f0
from translate.speech.analysis.mcep import default_alpha, mcep_to_spectrum, spectrum_to_mcep
from translate.speech.analysis.wave import resample

DEFAULT_FLOOR = 71.0                                                # Hz; WORLD's default, which sets the FFT size
SMALLEST_POWER = 1e-12                                              # 20 dB below the noise of 16-bit samples
LOWEST_D4C_RATE = 15800                                             # Hz
BLOCK = 256                                                         # frames filtered in one batch


@dataclass
class WorldFeatures:
    """The analysis of one wave."""

    f0: np.ndarray                                                  # (T,) Hz, 0 where unvoiced
    mcep: np.ndarray                                                # (T, Q)
    aperiodicity: np.ndarray                                        # (T, F) amplitude ratio, 0 to 1; uncoded
    samples: int                                                    # length of the wave


class World:
    """Analysis and synthesis with one configuration.

    Waves of any length work. The aperiodicity stays uncoded: WORLD's codec has no band at all at 8 kHz.

    Raises:
        UserError: the range of F0 is empty.
    """

    def __init__(self, config: WorldConfig):
        if config.f0_floor >= config.f0_ceil:
            raise UserError(
                f"features.f0_floor is {config.f0_floor:g} Hz and features.f0_ceil {config.f0_ceil:g} Hz; "
                "expected floor < ceil"
            )
        self.config, self.sample_rate, self.dimensions = config, config.sample_rate, config.dimensions
        # A floor above WORLD's default would only coarsen the envelope of unvoiced frames.
        self.fft_size: int = pyworld.get_cheaptrick_fft_size(
            config.sample_rate, min(config.f0_floor, DEFAULT_FLOOR)
        )
        self.hop: float = config.sample_rate * config.hop_ms / 1000  # samples; a fraction at 22.05 kHz
        self.alpha: float = config.alpha or default_alpha(config.sample_rate)

    def analyse(self, wave: np.ndarray, f0_range: Range | None = None) -> WorldFeatures:
        """Analyse (N,) samples at the configured rate into T = floor(N / hop) + 1 frames."""
        wave, f0, times, power = self._envelope(wave, f0_range)
        return WorldFeatures(f0, self.encode(power), self.measure_aperiodicity(wave, f0, times), len(wave))

    def analyse_frames(self, wave: np.ndarray, f0_range: Range | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return mcep (T, Q) and f0 (T,) of `analyse`, without the aperiodicity, which is slow to compute."""
        _, f0, _, power = self._envelope(wave, f0_range)
        return self.encode(power), f0

    def synthesise(self, features: WorldFeatures) -> np.ndarray:
        """Make the wave (features.samples,); unnatural features may give samples outside [-1, 1]."""
        wave = pyworld.synthesize(
            _contiguous(features.f0),
            _contiguous(self.decode(features.mcep)),
            _contiguous(features.aperiodicity),
            self.config.sample_rate,
            self.config.hop_ms,
        )
        return np.pad(wave, (0, max(0, features.samples - len(wave))))[: features.samples]

    def encode(self, power: np.ndarray) -> np.ndarray:
        """Encode a spectral envelope (T, F), a power, as a mel-cepstrum (T, Q).

        Powers below 1e-12 are raised to it: the logarithm of digital silence would be minus infinity.
        """
        power = np.maximum(power, SMALLEST_POWER)
        if self.config.codec == "sptk":
            return spectrum_to_mcep(power, self.config.dimensions, self.alpha)
        return pyworld.code_spectral_envelope(
            _contiguous(power), self.config.sample_rate, self.config.dimensions
        )

    def decode(self, mcep: np.ndarray) -> np.ndarray:
        """Decode a mel-cepstrum (T, Q) to a spectral envelope (T, F), a power."""
        if self.config.codec == "sptk":
            return mcep_to_spectrum(mcep.astype(np.float64), self.alpha, self.fft_size)
        return pyworld.decode_spectral_envelope(_contiguous(mcep), self.config.sample_rate, self.fft_size)

    def measure_power(self, mcep: np.ndarray, f0: np.ndarray) -> np.ndarray:
        """Return the power (T,) that frames of a mel-cepstrum (T, Q) have when they are synthesised with `f0` (T,).

        It is the sum of the envelope, for a voiced frame from F0 / 2 on: its partials stand at multiples of F0, each
        for the bins around it, and none for those below.
        """
        frequencies = np.arange(self.fft_size // 2 + 1) * self.sample_rate / self.fft_size
        return (self.decode(mcep) * (frequencies >= f0[:, None] / 2)).sum(axis=1)

    def _envelope(
        self, wave: np.ndarray, f0_range: Range | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        if wave.ndim != 1 or len(wave) == 0:
            raise UserError(f"expected a mono wave of shape (samples,), found shape {wave.shape}")
        wave = _contiguous(wave)
        f0, times = estimate_f0(wave, self.config.sample_rate, self.config, f0_range)
        return wave, f0, times, self.measure_envelope(wave, f0, times)

    def measure_envelope(self, wave: np.ndarray, f0: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Measure the power (T, F) by CheapTrick (Morise 2015), given F0 in Hz and times in seconds (T,)."""
        return pyworld.cheaptrick(_contiguous(wave), f0, times, self.config.sample_rate, fft_size=self.fft_size)

    def measure_aperiodicity(self, wave: np.ndarray, f0: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Measure the aperiodicity (T, F) by D4C (Morise 2016).

        D4C compares bands up to 7.9 kHz and calls every frame of a lower rate unvoiced. Such waves are analysed at
        twice their rate; the lower half of the bins has the same frequencies.
        """
        rate, fft_size = self.config.sample_rate, self.fft_size
        factor = 2 if rate < LOWEST_D4C_RATE else 1
        wave = _contiguous(resample(wave, rate, factor * rate))
        aperiodicity = pyworld.d4c(wave, f0, times, factor * rate, fft_size=factor * fft_size)
        return aperiodicity[:, : fft_size // 2 + 1]


def synthesise_difference(
    wave: np.ndarray, mcep_source: np.ndarray, mcep_target: np.ndarray, world: World
) -> np.ndarray:
    """Filter a wave by the ratio of two envelopes, without a vocoder (Kobayashi et al. 2014).

    Every frame's filter has minimum phase and acts on the wave under a raised-cosine window of two hops. The windows
    sum to one, so identical mel-cepstra return the wave itself. F0 stays the source's.

    Args:
        wave: (N,) wave of the source.
        mcep_source, mcep_target: (T, Q) mel-cepstra of the wave, before and after conversion.
        world: analysis that made the mel-cepstra.

    Returns:
        (N,) float64.

    Raises:
        UserError: the mel-cepstra differ in shape or do not belong to the wave.
    """
    config, hop, fft_size = world.config, world.hop, world.fft_size
    frames = count_frames(len(wave), config.sample_rate, config.hop_ms)
    if len(mcep_source) != frames or mcep_source.shape != mcep_target.shape:
        raise UserError(
            f"differential synthesis: mel-cepstra of shapes {mcep_source.shape} and {mcep_target.shape}; "
            f"expected both of the wave's {frames} frames"
        )
    width = int(2 * hop) + 2                                        # samples under a window
    length = 1 << (width + fft_size - 1).bit_length()               # FFT size of a linear, not circular, convolution
    starts = np.floor((np.arange(frames) - 1) * hop).astype(int)
    margin = -starts[0]
    padded = np.pad(_contiguous(wave), (margin, width + length))
    filtered = np.zeros(len(padded))
    for first in range(0, frames, BLOCK):
        block = slice(first, first + BLOCK)
        log_gain = 0.5 * np.log(world.decode(mcep_target[block]) / world.decode(mcep_source[block]))
        at = starts[block, None] + np.arange(width)                 # (B, width) sample numbers
        distance = np.abs(np.minimum(at / hop, frames - 1) - np.arange(frames)[block, None])
        window = np.cos(np.pi / 2 * np.minimum(distance, 1)) ** 2
        spectrum = np.fft.rfft(padded[at + margin] * window, length)
        impulse = np.fft.irfft(minimum_phase(log_gain), fft_size)
        pieces = np.fft.irfft(spectrum * np.fft.rfft(impulse, length), length)
        for start, piece in zip(starts[block] + margin, pieces, strict=True):
            filtered[start : start + length] += piece
    return filtered[margin : margin + len(wave)]


def minimum_phase(log_gain: np.ndarray) -> np.ndarray:
    """Compute the spectrum (B, F) of the minimum-phase filter with the log amplitude (B, F): its cepstrum is causal."""
    cepstrum = np.fft.irfft(log_gain)                               # (B, fft_size)
    half = log_gain.shape[1] - 1
    cepstrum[:, 1:half] *= 2
    cepstrum[:, half + 1 :] = 0
    return np.exp(np.fft.rfft(cepstrum))


def _contiguous(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float64)            # the only layout that pyworld accepts
