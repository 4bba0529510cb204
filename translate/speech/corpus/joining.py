"""Joining of the files of all utterances of a split and domain into one folder of large files."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from translate.errors import UserError
from translate.files import replacing
from translate.folders import replace_folder


def join_parts(parts: Sequence[Path], folder: Path, facts: Mapping[str, object]) -> None:
    """Concatenate the files of utterances, one in memory at a time; `folder` appears, or is replaced, as a whole.

    Args:
        parts: .npz files with "features" (t, Q), "f0" (t,) if there is F0, "moments", "span" (2,) and "seconds".
        folder: output, see `translate.speech.corpus.features` for its content.
        facts: further entries of the index besides frames and seconds: lists with a value per utterance.

    Raises:
        UserError: `folder` cannot be written, or the disk is full; the folder is then unchanged.
    """
    draft = folder.with_name(f".{folder.name}.draft")
    try:
        shutil.rmtree(draft, ignore_errors=True)                    # left by a process that was killed
        _write(parts, draft, facts)
        replace_folder(draft, folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot write ({error.strerror or error})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(parts: Sequence[Path], folder: Path, facts: Mapping[str, object]) -> None:
    rows, spans, seconds, shapes = [], [], [], []
    for part in parts:
        with np.load(part) as utterance:
            rows.append(utterance["moments"])
            seconds.append(float(utterance["seconds"]))
            spans.append(utterance["span"].tolist())
            shapes.append(utterance["features"].shape)
            names = [name for name in ("features", "f0") if name in utterance]
    frames, dimensions = [length for length, _ in shapes], shapes[0][1]
    for name in names:
        shape = (sum(frames), dimensions) if name == "features" else (sum(frames),)
        with replacing(folder / f"{name}.npy") as temporary:
            joined = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
            start = 0
            for part, length in zip(parts, frames, strict=True):
                with np.load(part) as utterance:
                    joined[start : start + length] = utterance[name]
                start += length
            joined.flush()
            del joined
    with replacing(folder / "moments.npy") as temporary, temporary.open("wb") as file:
        np.save(file, np.stack(rows))
    with replacing(folder / "index.json") as temporary:
        index = {**facts, "frames": frames, "seconds": seconds, "spans": spans}
        temporary.write_text(json.dumps(index, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
