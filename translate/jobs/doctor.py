"""Check a corpus, of whatever modality."""

from pathlib import Path

from translate.jobs.modality import find_modality


def examine_and_print(folder: Path, layout: str, jobs: int) -> bool:
    """Print what the doctor finds in a folder or a manifest; return whether there are errors."""
    report = find_modality(folder).examine(folder, layout, jobs)
    report.print()
    return bool(report.errors)
