"""Make samples from noise with a checkpoint; its modality does the work."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from translate.jobs.load import load_maker
from translate.jobs.modality import find_modality
from translate.jobs.options import read_generation


def generate_files(checkpoint: Path, out: Path, device: str = "cpu", precision: str = "float32", **options: Any) -> str:
    """Write samples of a model into the folder `out`, which appears whole or not at all.

    Args:
        checkpoint: checkpoint, see `translate.load`.
        out: output folder; one of an earlier call is replaced.
        device, precision: device and precision of the network.
        options: options of the modality, see `translate.images.options`.

    Returns:
        A line about the amount and the time.

    Raises:
        UserError: a model that translates, an option that it does not have, or `out` holds something else.
    """
    maker = load_maker(checkpoint, device, precision)
    modality = find_modality(maker.config)
    chosen = read_generation(modality, options, checkpoint)
    seconds: Mapping[str, float] = modality.generate(maker, out, chosen)
    return f"{out}: {modality.summarise(seconds)}"
