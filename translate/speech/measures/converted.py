"""The features that a model gave out, stored beside its waves, so that they are measured without another analysis.

    <name>.wav      the wave
    <name>.npz      mcep (T, 41) float32 mel-cepstra (SPTK) with c0; f0 (T,) float32 Hz, 0 where unvoiced;
                    hop_ms; sample_rate; wave: SHA-256 of <name>.wav, by which outdated features are detected
"""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from translate.errors import UserError
from translate.files import replacing
from translate.speech.analysis.mcep import default_alpha, spectrum_to_mcep
from translate.speech.measures.mcd import HOP_MS

COEFFICIENTS = 41                                                   # c0 to c40; the first D + 1 are those of order D
KEYS = ("mcep", "f0", "hop_ms", "sample_rate", "wave")


@dataclass(frozen=True, eq=False)
class ConvertedFeatures:
    """The features that a model gave out for one utterance."""

    mcep: np.ndarray                                                # (T, 41) float32
    f0: np.ndarray                                                  # (T,) float32 Hz, 0 where unvoiced
    hop_ms: float
    sample_rate: int                                                # Hz
    wave: str                                                       # SHA-256 of the wave made from them

    def why_unusable(self, wave: Path, sample_rate: int, dimensions: int) -> str | None:
        """Return why the frames cannot be compared with those of the analysis; None if they can."""
        if self.wave != _digest(wave):
            return f"{wave.with_suffix('.npz').name} belongs to another wave than {wave.name}"
        if self.hop_ms != HOP_MS:
            return f"the model gives out a frame every {self.hop_ms:g} ms, not {HOP_MS:g} ms"
        if self.sample_rate != sample_rate:
            return f"the model gives out {self.sample_rate} Hz, not {sample_rate} Hz"
        if dimensions + 1 > self.mcep.shape[1]:
            return f"its features hold {self.mcep.shape[1] - 1} dimensions, not {dimensions}"
        return None


def save_features(wave: Path, power: np.ndarray, f0: np.ndarray, hop_ms: float, sample_rate: int) -> None:
    """Write the features of the existing file `wave` beside it, completely or not at all.

    Args:
        wave: `<name>.wav`; the features go to `<name>.npz`.
        power: (T, F) spectral envelope from which the wave was made.
        f0: (T,) Hz, 0 where unvoiced.
        hop_ms: time between frames in ms.
        sample_rate: rate of the wave in Hz.
    """
    mcep = spectrum_to_mcep(power, COEFFICIENTS, default_alpha(sample_rate))
    with replacing(wave.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            mcep=mcep.astype(np.float32),
            f0=f0.astype(np.float32),
            hop_ms=hop_ms,
            sample_rate=sample_rate,
            wave=_digest(wave),
        )


def load_features(path: Path) -> ConvertedFeatures:
    """Read a file written by `save_features`; raise `UserError` for any other."""
    try:
        with np.load(path) as arrays:
            mcep, f0, hop_ms, sample_rate, wave = (arrays[key] for key in KEYS)
        features = ConvertedFeatures(mcep, f0, float(hop_ms), int(sample_rate), str(wave))
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        raise UserError(f"{path}: no features of `translate convert --features`; convert again") from None
    if mcep.ndim != 2 or f0.shape != mcep.shape[:1] or not (np.isfinite(mcep).all() and np.isfinite(f0).all()):
        raise UserError(f"{path}: expected finite mcep (T, Q) and f0 (T,), found {mcep.shape} and {f0.shape}")
    return features


def _digest(wave: Path) -> str:
    return hashlib.sha256(wave.read_bytes()).hexdigest()
