"""Check a corpus, of recordings or of pictures."""

from pathlib import Path

from translate.corpus.manifest import AUDIO
from translate.errors import UserError
from translate.images.arrays import IMAGES
from translate.images.corpus.doctor import examine_images, print_image_report
from translate.speech.corpus.doctor import examine, print_report


def examine_and_print(folder: Path, layout: str, jobs: int) -> bool:
    """Print what the doctor finds in a folder or a manifest; returns whether there are errors."""
    if holds_images(folder):
        pictures = examine_images(folder, layout, jobs)
        print_image_report(pictures)
        return bool(pictures.errors)
    report = examine(folder, jobs)
    print_report(report)
    return bool(report.errors)


def holds_images(folder: Path) -> bool:
    """Whether a folder, or the files that a manifest names, are pictures rather than recordings."""
    if folder.is_file():
        text = folder.read_text(encoding="utf-8", errors="replace")
        return any(f'{suffix}"' in text.lower() for suffix in IMAGES)
    if not folder.exists():
        raise UserError(f"{folder}: no such file or folder")
    for path in folder.rglob("*"):
        suffix = path.suffix.lower()
        if suffix in AUDIO or suffix in IMAGES:
            return suffix in IMAGES
    return False
