"""Audio files in blocks: reading and writing of files longer than memory."""

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from translate.errors import UserError
from translate.files import replacing
from translate.speech.analysis.limiter import Limiter
from translate.speech.analysis.wave import LOUDEST, mix_down

log = logging.getLogger("translate")

BLOCK = 2**16                                                       # samples


def read_blocks(path: str | os.PathLike[str]) -> tuple[Iterator[np.ndarray], int]:
    """Read like `read_wave`, but in consecutive blocks (n,) of the mono wave; return these and the rate in Hz.

    Raises:
        UserError: as `read_wave`; for bad samples, once their block is reached.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such audio file")
    try:
        file = soundfile.SoundFile(path)
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path}: cannot read as audio ({_explain(error)})") from None
    if file.frames == 0:
        file.close()
        raise UserError(f"{path}: the file holds no samples")
    return _read(file, path), file.samplerate


def _read(file: soundfile.SoundFile, path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    with file:
        while True:
            try:
                channels = file.read(BLOCK, dtype="float64", always_2d=True)  # (n, C)
            except (OSError, RuntimeError) as error:
                raise UserError(f"{path}: cannot read as audio ({_explain(error)})") from None
            if not len(channels):
                return
            if not np.isfinite(channels).all():
                raise UserError(f"{path}: NaN or infinite samples; export the file again")
            if np.abs(channels).max() > LOUDEST:
                raise UserError(f"{path}: samples reach {np.abs(channels).max():.4g}; expected a range of [-1, 1]")
            yield mix_down(channels)


def write_blocks(path: str | os.PathLike[str], blocks: Iterable[np.ndarray], sample_rate: int) -> int:
    """Write like `write_wave`, but from blocks; return the number of samples.

    Raises:
        UserError: the samples are not finite, or the file cannot be written; or any error that `blocks` raises.
    """
    peak, samples, limiter = 0.0, 0, Limiter(sample_rate)
    with replacing(path) as final:
        try:
            with soundfile.SoundFile(final, "w", sample_rate, 1, "PCM_16", format="WAV") as file:
                for block in blocks:
                    if not np.isfinite(block).all():
                        raise UserError(f"{path}: not written, the wave holds NaN or infinite samples")
                    peak, samples = max(peak, float(np.abs(block).max(initial=0.0))), samples + len(block)
                    file.write(limiter.push(block))
                file.write(limiter.flush())
            if peak > 1:
                log.info("%s: peaks up to %.2f limited to 1", path, peak)
        except RuntimeError as error:                               # an error of libsndfile, such as a full disk
            raise OSError(str(error)) from None
    return samples


def _explain(error: Exception) -> str:
    return str(error).rpartition(": ")[2].rstrip(".")
