"""The power of frames: giving one mel-cepstrum the power of another, and telling speech from pauses."""

import numpy as np
from scipy.ndimage import maximum_filter1d

from translate.speech.analysis.world import SMALLEST_POWER, World

LOUD = 0.5                                                          # seconds of the loudest speech
BELOW = 35.0                                                        # dB below it down to which frames are speech,
ABOVE = 10.0                                                        # or dB above the noise of the room, if higher,
NEAREST = 12.0                                                      # but never nearer to the loudest speech than that
MARGIN = 0.2                                                        # seconds around speech that belong to it
GRID = 200                                                          # frames per second that are looked at
MEMORY = 30                                                         # seconds that a stream remembers
VOICE = 0.05                                                        # seconds of F0 that make a voice


def match_level(
    world: World, mcep: np.ndarray, f0: np.ndarray, natural: np.ndarray, natural_f0: np.ndarray
) -> np.ndarray:
    """Return `mcep` (T, Q) with a c0 that gives every frame the power of another one; the rest stays.

    Args:
        world: analysis of both mel-cepstra.
        mcep, f0: frames (T, Q) and the F0 (T,) in Hz with which they are synthesised.
        natural, natural_f0: frames and F0 that have the power.
    """
    nothing = np.zeros((1, mcep.shape[1]))
    silence, louder = (world.decode(x)[0, 0] for x in (nothing, nothing + np.eye(1, mcep.shape[1])))
    power = np.maximum(world.measure_power(mcep, f0), SMALLEST_POWER)  # (T,)
    wanted = np.maximum(world.measure_power(natural, natural_f0), SMALLEST_POWER)
    matched = mcep.copy()
    matched[:, 0] += np.log(wanted / power) / np.log(louder / silence)  # c0 is a gain, the same in every frame
    return matched


def find_active(power: np.ndarray, rate: float, f0: np.ndarray | None = None) -> np.ndarray:
    """Find the frames of a recording that are speech, or within 0.2 s of it: (T,) bool.

    The pauses of ordinary speech so belong to it, as in the recordings that models are trained on; longer ones do not.
    All thresholds are relative to the recording's own level: the half second of its loudest voiced frames.

    Args:
        power: (T,) power of the frames, in any unit.
        rate: frames per second.
        f0: (T,) Hz, 0 where unvoiced; None: every frame counts as voiced.
    """
    step = max(1, int(rate / GRID))
    level = 10 * np.log10(np.maximum(power[::step], SMALLEST_POWER))
    voiced = np.zeros(0) if f0 is None else level[f0[::step] > 0]
    loudest = np.sort(voiced if len(voiced) > VOICE * rate / step else level)[::-1]
    loud = loudest[min(int(LOUD * rate / step), len(loudest) // 4)]
    noise = np.percentile(level, 5)
    speech = level > max(loud - BELOW, min(noise + ABOVE, loud - NEAREST))
    near = maximum_filter1d(speech, 2 * round(MARGIN * rate / step) + 1)
    return np.repeat(near, step)[: len(power)]


class SpeechFinder:
    """`find_active` for frames that arrive in pieces, by what was heard in the last 30 s.

    Args:
        rate: frames per second.

    Attributes:
        erred: whether most of what was taken for speech before now is none, since something louder has begun.
    """

    def __init__(self, rate: float):
        self.step, self.rate = max(1, int(rate / GRID)), rate
        self.erred = False
        self._power, self._f0, self._taken = np.zeros(0), np.zeros(0), np.zeros(0, bool)

    def push(self, power: np.ndarray, f0: np.ndarray | None = None) -> np.ndarray:
        """Take the power (n,) and F0 (n,) of frames, n from 1; return which of them are speech (n,)."""
        voice = np.ones(len(power)) if f0 is None else f0
        self._power = np.concatenate([self._power, power[:: self.step]])
        self._f0 = np.concatenate([self._f0, voice[:: self.step]])
        active = find_active(self._power, self.rate / self.step, self._f0)
        before, now = np.split(active, [len(self._taken)])
        self.erred = bool(self._taken.any()) and before[self._taken].mean() < 0.5
        self._taken = active if self.erred else np.concatenate([self._taken, now])
        memory = int(MEMORY * self.rate / self.step)
        self._power, self._f0, self._taken = (part[-memory:] for part in (self._power, self._f0, self._taken))
        return np.repeat(now, self.step)[: len(power)]
