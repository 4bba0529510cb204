"""Shared checkpoints: the parts of a run that conversion needs, in files that cannot run code.

    config.yaml               configuration of the run, without the paths of the machine that trained it
    weights.safetensors       the player that converts, moving averages preferred, and the buffers beside the players
    statistics.safetensors    speech: statistics of the domains
    README.md                 the model card, see card.py
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from translate.checkpoints.card import make_card
from translate.checkpoints.files import FILES, NEEDED, find_text
from translate.checkpoints.foreign import CONVERTING, LEFT_OUT, build_bounded, check_shapes, find_left_out
from translate.checkpoints.interrupt import hold_interrupts
from translate.checkpoints.store import find_checkpoint, load_config, read_weights
from translate.checkpoints.tensors import read_header, save_tensors
from translate.checkpoints.trust import OURS
from translate.config import write_yaml
from translate.errors import UserError
from translate.folders import locate, replace_folder, settle_folder
from translate.models.base import Model


def share(
    run: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    card: str | os.PathLike[str] | None = None,
    half: bool = False,
    place: str | None = None,
) -> Path:
    """Write the shared checkpoint of a run; it converts as the run does, bit for bit.

    Args:
        run: a run, one of its checkpoints, or a shared checkpoint.
        folder: output folder; only an existing shared checkpoint is replaced.
        card: Markdown with sections of the model card, which replace those made from the run; None: the card of a
            shared `run`, else the one in `folder`, without its results.
        half: whether to store weights in 16 bits: half the size, and conversions that differ by rounding.
        place: place to load from in the card's example; None: `folder`.

    Returns:
        `folder`.

    Raises:
        UserError: no checkpoint there or a damaged one, a card that cannot be read, or `folder` holds something
            else or cannot be written.
    """
    checkpoint, folder = find_checkpoint(run), Path(folder)
    config = load_config(checkpoint)
    weights, left_out = collect_weights(checkpoint, config)
    config = forget_training(config)
    if half:
        halved = {id(value): value.half() for value in weights.values() if value.is_floating_point()}
        weights = {key: halved.get(id(value), value) for key, value in weights.items()}  # shared tensors stay shared
        if not all(bool(value.isfinite().all()) for value in weights.values() if value.is_floating_point()):
            raise UserError(f"{checkpoint}: weights beyond the range of 16 bits; leave --half out")
    own, former = (find_text(place, "README.md") for place in (checkpoint, locate(folder)))
    given = Path(card) if card else own or former
    text = make_card(checkpoint, config, weights, place or str(folder), given, older=not card and own is None)
    with replacing_folder(folder) as draft:
        write_yaml(draft / "config.yaml", config)
        save_tensors(draft / "weights.safetensors", weights, {LEFT_OUT: ",".join(left_out)})
        if config.statistics:
            shutil.copyfile(checkpoint / "statistics.safetensors", draft / "statistics.safetensors")
        (draft / "README.md").write_text(text, encoding="utf-8")
        for path in draft.iterdir():
            path.chmod(0o644)
    return folder


def collect_weights(checkpoint: Path, config: Model) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors that conversion needs, and the names of the players that are left out.

    The models of this toolkit convert with their generators; a user's own model is shared whole.
    """
    game = build_bounded(config, checkpoint, checkpoint)
    left_out = [name for name in game.players if name != CONVERTING and config.model in OURS]
    without = find_left_out(read_header(checkpoint / "weights.safetensors"))
    tensors = read_weights(checkpoint, game)
    check_shapes(checkpoint, {key: tuple(value.shape) for key, value in tensors.items()}, game, without)
    kept = {
        key: value
        for key, value in tensors.items()
        if not key.startswith(tuple(f"players.{name}." for name in left_out))
    }
    return kept, sorted({*left_out, *without})


def forget_training(config: Model) -> Model:
    """Return a configuration without file paths of the machine that trained it, and without code for training only."""
    config = config.model_copy(deep=True)
    config.train.start_from = None
    config.own.losses = {}
    if config.model in OURS:
        networks = config.own.networks
        config.own.networks = {place: path for place, path in networks.items() if place.split(".")[0] == CONVERTING}
    if hasattr(config, "vgg"):
        config.vgg.weights = type(config.vgg).model_fields["weights"].default
    return config


def is_shared(folder: Path) -> bool:
    """Return whether a folder holds a shared checkpoint and nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return set(NEEDED) <= names <= set(FILES)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `folder` when the block ends without an error; else it is deleted.

    Raises:
        UserError: `folder` holds something other than a shared checkpoint, or cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
    try:
        settle_folder(folder)
        if folder.exists() and not is_shared(folder) and not _holds_card_only(folder):
            raise UserError(f"{folder}: holds something else than a shared checkpoint; give a new folder")
        shutil.rmtree(draft, ignore_errors=True)                    # left by a killed process of the same number
        draft.mkdir(parents=True)
        yield draft
        with hold_interrupts():
            replace_folder(draft, folder)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{folder}: cannot write ({reason})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _holds_card_only(folder: Path) -> bool:
    return folder.is_dir() and set(os.listdir(folder)) <= {"README.md"}
