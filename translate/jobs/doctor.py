"""Check a corpus of any modality."""

from pathlib import Path

from translate.jobs.modality import find_modality


def examine_and_print(folder: Path, layout: str, jobs: int) -> bool:
    """Print the doctor's findings in a folder or a manifest; return whether there are errors."""
    report = find_modality(folder).examine(folder, layout, jobs)
    report.print()
    return bool(report.errors)
