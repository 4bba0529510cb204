"""The power of frames: giving one mel-cepstrum the power of another."""

import numpy as np

from translate.speech.analysis.world import SMALLEST_POWER, World


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
