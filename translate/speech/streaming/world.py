"""WORLD piece by piece: analysis of a wave that is still being spoken, synthesis of frames as they come.

Neither depends on how the input is divided: analysis works on a fixed grid of chunks, and synthesis keeps the phase of
the pulses, the noise and the unfinished responses from one call to the next.
"""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from translate.speech.analysis.f0 import count_frames, estimate_f0
from translate.speech.analysis.world import World, WorldFeatures, minimum_phase

BEFORE = 200.0  # ms of wave before a chunk that the F0 estimation uses
PERIODS = 6  # look-ahead of the F0 estimation, in periods of the lowest F0
LEAST = 0.04                                                        # seconds of look-ahead that D4C needs
HARVEST_RATE = 8000                                                 # Hz, to which Harvest decimates
UNVOICED = 500.0                                                    # pulses per second in unvoiced parts
LOWEST = 40.0                                                       # Hz; bounds the wait for the next pulse
BLOCK = 512                                                         # pulses processed in one batch
TONELESS = 0.999  # fraction of noise at 0 Hz above which there is no pulse
TINY = 1e-12                                                        # keeps logarithms of powers finite
SAFE = 1e-3, 1 - 1e-12                                              # range of an aperiodicity


class StreamingAnalysis:
    """`World.analyse` for a wave that arrives in pieces.

    F0 is estimated on a window from 0.2 s before the chunk to a look-ahead behind it. The envelope and the
    aperiodicity, which need less context, are computed for the frames of the chunk only.

    Args:
        world: analysis to use.
        chunk: number of frames analysed at once.

    Attributes:
        lookahead: number of samples behind a chunk that must have arrived.
    """

    def __init__(self, world: World, chunk: int):
        self.world, self.chunk = world, chunk
        rate, hop_ms = world.sample_rate, Fraction(str(world.config.hop_ms))
        # Harvest decimates, counting from the end. Windows are therefore whole samples of its rate long, and start
        # where such a sample and a frame coincide.
        self._factor = max(1, round(rate / HARVEST_RATE)) if world.config.f0 == "harvest" else 1
        self._grid = (hop_ms * rate / 1000).limit_denominator(1000).denominator * self._factor
        self.lookahead = math.ceil(max(PERIODS / world.config.f0_floor, LEAST) * rate) + self._factor
        self._before = math.ceil(BEFORE / world.config.hop_ms)
        self._wave = np.zeros(0)                                    # starts at the frame `_first`
        self._first = self._done = self._received = 0

    def push(self, wave: np.ndarray) -> Iterator[WorldFeatures]:
        """Yield the features of every chunk that these samples (n,) complete."""
        self._wave = np.concatenate([self._wave, wave])
        self._received += len(wave)
        while self._received >= (end := math.ceil((self._done + self.chunk) * self.world.hop) + self.lookahead):
            end -= (end - round(self._first * self.world.hop)) % self._factor
            yield self._analyse(self._done + self.chunk, end)

    def flush(self) -> Iterator[WorldFeatures]:
        """Yield the rest; the frames are then as many as `World.analyse` gives."""
        config = self.world.config
        frames = count_frames(self._received, config.sample_rate, config.hop_ms) if self._received else 0
        while self._done < frames:
            yield self._analyse(min(self._done + self.chunk, frames), self._received)

    def _analyse(self, stop: int, end: int) -> WorldFeatures:
        """Analyse the frames up to `stop` from the samples up to `end`."""
        world, start = self.world, round(self._first * self.world.hop)
        wave = self._wave[: end - start]
        f0, times = estimate_f0(wave, world.sample_rate, world.config)
        new = slice(self._done - self._first, stop - self._first)
        f0, times = f0[new].copy(), times[new].copy()
        features = WorldFeatures(
            f0=f0,
            mcep=world.encode(world.measure_envelope(wave, f0, times)),
            aperiodicity=world.measure_aperiodicity(wave, f0, times),
            samples=round(stop * world.hop) - round(self._done * world.hop),
        )
        self._done = stop
        self._first = max(0, stop - self._before) // self._grid * self._grid
        self._wave = self._wave[round(self._first * world.hop) - start :]
        return features


class StreamingSynthesis:
    """WORLD's synthesis for frames that arrive in pieces.

    The algorithm is that of Morise et al. 2016. The phase of F0 (interpolated linearly, 500 Hz where unvoiced) sets a
    pulse whenever it completes a cycle. A pulse adds the minimum-phase response of the periodic part of the envelope,
    and noise until the next pulse, filtered by the aperiodic part. Only the noise differs from that of
    `World.synthesise`.

    Args:
        world: vocoder to use.
        seed: seed of the noise.

    Attributes:
        lookahead: most samples by which the output lags behind the frames: one hop, half an FFT (the mean of a response
            is removed under a window that starts before its pulse), and the longest time between pulses; F0 below 40 Hz
            is raised to 40 Hz to bound it.
    """

    def __init__(self, world: World, seed: int = 0):
        self.world, self._random = world, np.random.default_rng(seed)
        size = world.fft_size
        self.lookahead = math.ceil(world.hop + size / 2 + world.sample_rate / LOWEST)
        # The window under which the mean is removed: a Hann window of sum 1 over both halves.
        half = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, size // 2 + 1) / (1 + size))
        self._remover = np.concatenate([half, half[::-1]]) / (2 * half.sum())
        bins = size // 2 + 1
        self._f0, self._power, self._noisiness = np.zeros(0), np.zeros((0, bins)), np.zeros((0, bins))
        self._first = 0                                             # first frame in these arrays
        self._phase, self._voiced, self._heard = 0.0, False, 0      # cycles, state and number of the samples so far
        self._pulse = np.zeros((0, 3))                              # the last pulse: sample, delay, voiced
        self._tail, self._given = np.zeros(0), 0                    # unfinished samples, and number of samples returned

    def push(self, features: WorldFeatures) -> np.ndarray:
        """Take frames and return the samples (m,) that they complete."""
        self._append(features.f0, self.world.decode(features.mcep), features.aperiodicity)
        frames = self._first + len(self._f0)
        self._add_pulses(math.floor((frames - 1) * self.world.hop + 1e-9) + 1 if frames else 0)
        over = int(self._pulse[0, 0]) if len(self._pulse) else self._heard
        ready = self._give(over - self.world.fft_size // 2 + 1)
        unused = max(0, int(min(over, self._heard) / self.world.hop) - 1 - self._first)  # two for the extrapolation
        self._f0, self._power = self._f0[unused:], self._power[unused:]
        self._noisiness = self._noisiness[unused:]
        self._first += unused
        return ready

    def flush(self, samples: int) -> np.ndarray:
        """Return the rest, so that the wave has `samples` in total."""
        if len(self._f0):
            last, before = self._f0[-1:], self._f0[-2:][:1]
            self._append(np.maximum(2 * last - before, 0), self._power[-1:], self._noisiness[-1:])  # linear in F0
            self._add_pulses(int((self._first + len(self._f0) - 1) * self.world.hop))
        return self._give(samples)

    def _append(self, f0: np.ndarray, power: np.ndarray, aperiodicity: np.ndarray) -> None:
        self._f0 = np.concatenate([self._f0, np.where(f0 > 0, np.maximum(f0, LOWEST), 0.0)])
        self._power = np.concatenate([self._power, power])
        self._noisiness = np.concatenate([self._noisiness, np.clip(aperiodicity, *SAFE)])

    def _add_pulses(self, stop: int) -> None:
        """Count cycles up to the sample `stop`, and add the responses of all pulses but the last."""
        if len(self._f0) < 2 or stop <= self._heard:
            return
        low, weight = self._place(np.arange(self._heard, stop))
        f0, voiced = (row[low] + weight * (row[low + 1] - row[low]) for row in (self._f0, 1.0 * (self._f0 > 0)))
        steps = np.where(voiced > 0.5, f0, UNVOICED) / self.world.sample_rate
        phase = np.cumsum(np.concatenate([[self._phase], steps]))  # at the samples from `_heard` - 1 on
        at = np.flatnonzero(np.diff(np.floor(phase)) > 0)           # a cycle ends between this sample and the next
        at = at[at > 0] if self._heard == 0 else at                 # the wave begins within its first cycle
        delay = (np.floor(phase[at + 1]) - phase[at]) / steps[at]   # in samples, 0 to 1
        voiced = np.concatenate([[self._voiced], voiced > 0.5])
        found = np.stack([self._heard - 1 + at, delay, voiced[at]], axis=1)
        pulses = np.concatenate([self._pulse, found])
        self._phase, self._voiced, self._heard = phase[-1], voiced[-1], stop
        for first in range(0, len(pulses) - 1, BLOCK):
            self._respond(pulses[first : first + BLOCK + 1])
        self._pulse = pulses[-1:]

    def _place(self, sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Locate samples (n,) between frames: the first of the two, and the distance from it, 0 to 1.

        Halfway between a voiced and an unvoiced frame rounding decides, so the operations are exactly those of WORLD.
        """
        period, time = self.world.config.hop_ms / 1000, sample / self.world.sample_rate
        times = (self._first + np.arange(len(self._f0))) * period
        low = np.clip(np.searchsorted(times, time, side="right") - 1, 0, len(times) - 2)
        return low, (time - times[low]) / (times[low + 1] - times[low])

    def _respond(self, pulses: np.ndarray) -> None:
        """Add the responses of pulses (P + 1, 3); the last pulse only ends the one before."""
        size, (sample, delay, voiced) = self.world.fft_size, pulses[:-1].T
        gaps = np.diff(pulses[:, 0]).astype(int)                    # samples until the next pulse
        low, weight = self._place(sample)
        power, noisiness = (
            rows[low] + weight[:, None] * (rows[low + 1] - rows[low]) for rows in (self._power, self._noisiness)
        )                                                           # (P, F)
        noisiness **= 2
        tonal = (voiced > 0) & (noisiness[:, 0] <= TONELESS)
        response = self._hiss(power * np.where(voiced[:, None] > 0, noisiness, 1.0), gaps)
        tone = self._tone(power[tonal] * (1 - noisiness[tonal]), delay[tonal])
        response[tonal] += np.sqrt(gaps[tonal])[:, None] * tone
        starts = sample.astype(int) - size // 2 + 1 - self._given
        self._tail = np.pad(self._tail, (0, max(0, starts[-1] + size - len(self._tail))))
        for start, samples in zip(starts, response, strict=True):
            first = max(0, -start)                                  # part before the start of the wave
            self._tail[start + first : start + size] += samples[first:]

    def _tone(self, power: np.ndarray, delay: np.ndarray) -> np.ndarray:
        """Compute the responses (P, N) of the power (P, F) to pulses `delay` samples (P,) late; without mean."""
        size = self.world.fft_size
        spectrum = minimum_phase(0.5 * np.log(power + TINY))
        spectrum *= np.exp(-2j * np.pi / size * delay[:, None] * np.arange(size // 2 + 1))
        causal = np.fft.irfft(spectrum, size)[:, : size // 2]       # the end is the pre-ringing of a fractional delay
        tone = -causal.sum(axis=1, keepdims=True) * self._remover
        tone[:, size // 2 :] += causal
        return tone

    def _hiss(self, power: np.ndarray, gaps: np.ndarray) -> np.ndarray:
        """Compute the responses (P, N) of the power (P, F) to zero-mean noise that lasts `gaps` samples (P,)."""
        size = self.world.fft_size
        lasts = np.arange(size) < gaps[:, None]                     # (P, N)
        noise = np.zeros(lasts.shape)
        noise[lasts] = self._random.standard_normal(gaps.sum())
        noise -= lasts * (noise.sum(axis=1) / gaps)[:, None]
        return np.roll(np.fft.irfft(minimum_phase(0.5 * np.log(power)) * np.fft.rfft(noise), size), size // 2, axis=1)

    def _give(self, stop: int) -> np.ndarray:
        """Return the samples up to `stop`, all of which are complete."""
        count = max(0, stop - self._given)
        self._tail = np.pad(self._tail, (0, max(0, count - len(self._tail))))
        ready, self._tail = self._tail[:count].copy(), self._tail[count:].copy()
        self._given += count
        return ready

