"""The files and folders of a corpus of images."""

from pathlib import Path

from translate.corpus.manifest import find_files
from translate.images.arrays import IMAGES
from translate.images.decoding import UNREADABLE, open_picture

TRAINING = ("train", "train2017", "training")                       # names of folders in order of preference
EVALUATION = ("val", "val2017", "validation", "valid", "test", "eval")

Files = dict[str, Path]                                             # by id


def find_splits(root: Path, suffix: str = "") -> dict[str, Path]:
    """Find {"train": folder, "eval": folder}, as far as they exist."""
    found = {}
    for split, names in {"train": TRAINING, "eval": EVALUATION}.items():
        candidates = [root / f"{name}{suffix}" for name in names]
        if folder := next((candidate for candidate in candidates if candidate.is_dir()), None):
            found[split] = folder
    return found


def split_folder(root: Path, suffix: str = "") -> dict[str, Files]:
    """List the images in train/ and val/ (with `suffix`: trainA/, ...), or all of `root` as "train"."""
    splits = find_splits(root, suffix)
    if "train" not in splits and not suffix:
        return {"train": find_files(root, IMAGES)}
    return {split: find_files(folder, IMAGES) for split, folder in splits.items()}


def list_pictures(folder: Path) -> list[Path]:
    """List the images directly in a folder."""
    return sorted(path for path in folder.iterdir() if _is_picture(path))


def list_folders(folder: Path) -> list[str]:
    """List the names of the folders directly in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def holds_pictures(folder: Path) -> bool:
    """Return whether there is any image below a folder."""
    return any(map(_is_picture, folder.rglob("*")))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGES and not path.name.startswith(".")


def is_double(path: Path) -> bool:
    """Return whether an image is twice as wide as high, as are two square ones side by side."""
    try:
        with open_picture(path) as image:
            return abs(image.width - 2 * image.height) <= 2
    except UNREADABLE:
        return False
