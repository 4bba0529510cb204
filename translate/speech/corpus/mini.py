"""A built-in corpus: synthetic voices that say the same random sentences, made with WORLD.

All voices have the same phonemes and words, but no sample in common. The high voice has a shorter vocal tract than the
low one (a warp that grows with frequency), vowels shifted differently for each phoneme, another glottal tilt, more
breath and its own timing. A mapping between them is learnable from a few minutes, but is more than a shift and scale of
the features. The middle voice, for models of many domains, shifts its vowels the other way.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyworld

from translate.errors import UserError
from translate.speech.analysis.wave import write_wave

HOP_MS = 5.0
EDGE = 0.12                                                         # seconds of near silence at either end
SMOOTHING = 0.035                                                   # seconds: reach of coarticulation


@dataclass(frozen=True)
class Phoneme:
    """A target position of the vocal tract."""

    formants: tuple[float, float, float, float]                     # Hz, in the low voice
    bandwidth: float                                                # Hz, first formant
    level: float                                                    # dB
    breath: float                                                   # aperiodicity at high frequencies, 0 to 1
    voiced: bool
    duration: float                                                 # seconds
    shift: tuple[float, float, float, float] = (0, 0, 0, 0)         # octaves added in the high voice


VOWELS = {
    "a": Phoneme((730, 1100, 2450, 3500), 90, 0, 0.15, True, 0.15, (0.18, 0.05, -0.04, 0)),
    "e": Phoneme((530, 1840, 2500, 3500), 70, -1, 0.15, True, 0.14, (0.02, 0.10, 0.06, 0)),
    "i": Phoneme((280, 2250, 2900, 3600), 60, -3, 0.20, True, 0.13, (-0.10, 0.14, 0.02, 0.05)),
    "o": Phoneme((500, 880, 2450, 3300), 80, -1, 0.12, True, 0.15, (0.10, -0.12, 0.00, 0.06)),
    "u": Phoneme((310, 870, 2250, 3300), 65, -4, 0.12, True, 0.13, (0.05, 0.28, -0.06, 0)),
    "@": Phoneme((500, 1500, 2500, 3500), 80, -3, 0.15, True, 0.09, (0.00, -0.08, 0.08, -0.05)),
}
CONSONANTS = {
    "m": Phoneme((250, 1100, 2100, 3300), 120, -10, 0.20, True, 0.08, (0.05, -0.15, 0.05, 0)),
    "l": Phoneme((360, 1250, 2800, 3500), 100, -6, 0.20, True, 0.07, (-0.05, 0.15, 0, 0)),
    "z": Phoneme((300, 1600, 4200, 5600), 200, -12, 0.75, True, 0.09, (0, 0.05, 0.10, 0.05)),
    "s": Phoneme((900, 2500, 5200, 6600), 900, -16, 1.00, False, 0.11, (0, 0, 0.12, 0.05)),
    "x": Phoneme((700, 1700, 2700, 4300), 700, -14, 1.00, False, 0.10, (0, 0.10, -0.05, 0)),
    "f": Phoneme((1100, 2200, 4000, 7000), 1500, -22, 1.00, False, 0.09),
}
PAUSE = Phoneme((500, 1500, 2500, 3500), 300, -62, 1.00, False, 0.12)


@dataclass(frozen=True)
class Voice:
    """A synthetic speaker."""

    name: str
    pitch: float                                                    # Hz, median F0
    liveliness: float                                               # octaves, size of the accents
    tract: tuple[float, float, float, float]                        # factors on the four formants
    own_vowels: float                                               # factor on the phonemes' `shift`
    tilt: float                                                     # dB per octave above 500 Hz
    breath: float                                                   # added aperiodicity
    pace: float                                                     # factor on durations


VOICES = (                                                          # a voice's index seeds its sentences
    Voice("low", 110, 0.22, (1.0, 1.0, 1.0, 1.0), 0.0, -6.0, 0.00, 1.0),
    Voice("high", 210, 0.32, (1.10, 1.16, 1.20, 1.22), 1.0, -10.5, 0.12, 0.95),
    Voice("middle", 155, 0.15, (0.92, 1.10, 0.98, 1.10), -1.3, -9.0, 0.40, 1.10),
)


def make_speech(
    folder: str | os.PathLike[str],
    sentences: int = 40,
    evaluation: int = 6,
    seed: int = 0,
    sample_rate: int = 16000,
    voices: Collection[str] = ("low", "high"),
) -> None:
    """Write `folder/<voice>/{train_001, ..., eval_001, ...}.wav`; equal arguments give equal files.

    Files of the same name have the same phonemes in all voices; timing and intonation differ.

    Args:
        folder: output folder, created if missing.
        sentences: number of training sentences, about 2.5 s each.
        evaluation: number of evaluation sentences.
        seed: seed of the sentences.
        sample_rate: rate of the files in Hz.
        voices: names out of `VOICES`; the files of a voice do not depend on the others.

    Raises:
        UserError: an unknown voice, or the folder cannot be written.
    """
    known = [voice.name for voice in VOICES]
    if unknown := [name for name in voices if name not in known]:
        raise UserError(f"unknown voice `{unknown[0]}`; expected names out of {', '.join(known)}")
    for split, (name, count) in enumerate({"train": sentences, "eval": evaluation}.items()):
        for number in range(1, count + 1):
            phonemes = _compose(np.random.default_rng([seed, split, number]))
            for speaker, voice in enumerate(VOICES):
                if voice.name not in voices:
                    continue
                rng = np.random.default_rng([seed, split, number, speaker])
                wave = _speak(phonemes, voice, rng, sample_rate)
                write_wave(Path(folder) / voice.name / f"{name}_{number:03d}.wav", wave, sample_rate)


def _compose(rng: np.random.Generator) -> list[Phoneme]:
    """Draw three or four words of two or three syllables, with a pause before the last word."""
    phonemes: list[Phoneme] = []
    words = int(rng.integers(3, 5))
    for word in range(words):
        if word == words - 1:
            phonemes.append(PAUSE)
        for _ in range(rng.integers(2, 4)):
            phonemes.append(CONSONANTS[str(rng.choice(list(CONSONANTS)))])
            phonemes.append(VOWELS[str(rng.choice(list(VOWELS)))])
    return phonemes


def _speak(phonemes: list[Phoneme], voice: Voice, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Synthesise the sentence as a wave (N,) with peak 0.5."""
    durations = np.array([p.duration for p in phonemes]) * voice.pace * rng.uniform(0.8, 1.25, len(phonemes))
    edge = int(EDGE * 1000 / HOP_MS)
    frames = np.maximum(np.round(durations * 1000 / HOP_MS).astype(int), 4)
    order = np.repeat(np.arange(len(phonemes) + 2), [edge, *frames, edge])  # (T,) index of the phoneme at each frame
    spoken = [PAUSE, *phonemes, PAUSE]

    tract = np.log2(voice.tract)
    targets = np.array([np.log2(p.formants) + tract + voice.own_vowels * np.array(p.shift) for p in spoken])
    targets += rng.normal(0, 0.02, targets.shape)                   # small variation between vowels
    formants = 2.0 ** _smooth(targets[order])                       # (T, 4) Hz
    bandwidths = _smooth(np.array([p.bandwidth for p in spoken])[order, None]) * [1.0, 1.4, 1.9, 2.6]
    level = _smooth(np.array([p.level + rng.normal(0, 0.7) for p in spoken])[order, None])  # (T, 1) dB
    breath = np.array([min(p.breath + voice.breath, 1.0) for p in spoken])
    breath = _smooth(breath[order, None])                           # (T, 1)
    voiced = np.array([p.voiced for p in spoken])[order]            # (T,)

    fft_size = pyworld.get_cheaptrick_fft_size(sample_rate)
    hz = np.linspace(0, sample_rate / 2, fft_size // 2 + 1)         # (F,)
    # Noise has a flatter spectrum than the glottis.
    tilt = _smooth(np.where(voiced[:, None], voice.tilt, 0.4 * voice.tilt))
    decibels = level - 60 + tilt * np.log2(np.maximum(hz, 500) / 500)
    power = _resonate(hz, formants, bandwidths) * np.exp(np.log(10) / 10 * decibels)  # (T, F)
    onset = 1 / (1 + np.exp(-(hz - 2500) / 600))                    # breath is audible in the high bands
    aperiodicity = np.clip(breath * onset + 0.02, 0.001, 0.999)
    aperiodicity[~voiced] = 0.999

    wave = pyworld.synthesize(_intonate(voiced, voice, rng), power, aperiodicity, sample_rate, HOP_MS)
    wave *= 0.5 / np.abs(wave).max()
    return wave + rng.normal(0, 3e-4, len(wave))                    # room noise


def _resonate(hz: np.ndarray, formants: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """Return the power (T, F) of second-order resonances in cascade, 1 at 0 Hz.

    Args:
        formants, bandwidths: (T, 4) in Hz.
    """
    power = np.ones((len(formants), len(hz)))
    for f, b in zip(formants.T[:, :, None], bandwidths.T[:, :, None], strict=True):  # each (T, 1)
        power *= f**4 / (np.square(f**2 - hz**2) + np.square(b * hz))
    # A cascade of four keeps falling; the higher resonances of a vocal tract compensate (Fant 1960).
    return power * (1 + (hz / 3500) ** 2) ** 4


def _intonate(voiced: np.ndarray, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Draw F0 (T,) in Hz: declination, a few accents, a slow drift; 0 where unvoiced."""
    frames = len(voiced)
    time = np.arange(frames)
    octaves = np.linspace(0.12, -0.16, frames)
    for centre in rng.uniform(0.1, 0.9, 4) * frames:
        height = voice.liveliness * rng.uniform(0.2, 1.0)
        octaves += height * np.exp(-0.5 * ((time - centre) / 22) ** 2) - 0.02
    octaves += _smooth(rng.normal(0, 0.05, (frames, 1)))[:, 0]
    return np.where(voiced, voice.pitch * 2.0**octaves, 0.0)


def _smooth(track: np.ndarray) -> np.ndarray:
    """Smooth (T, K) with a Hann window, repeating the ends."""
    half = int(SMOOTHING * 1000 / HOP_MS)
    window = np.hanning(2 * half + 1)
    padded = np.pad(track, ((half, half), (0, 0)), mode="edge")
    columns = [np.convolve(column, window / window.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=1)
