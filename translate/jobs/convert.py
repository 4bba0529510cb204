"""Convert files with a checkpoint: speech or pictures, as the checkpoint says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from translate.errors import UserError
from translate.images.conversion.converter import ImageConverter
from translate.images.convert import convert_pictures
from translate.jobs.load import load
from translate.speech.conversion.chain import Chain
from translate.speech.convert import convert_every_direction, convert_recordings

# Which options only one kind of checkpoint takes, with the values that leave them out.
VOICE_OPTIONS = {
    "difference": False, "features": False, "seed": None, "all": False, "amount": 1.0, "semitones": 0.0
}  # fmt: skip
IMAGE_OPTIONS = {"style": None, "instances": None, "tile": None, "grid": False}


def convert_files(
    checkpoint: Path,
    given: Path,
    out: Path,
    source: str | None = None,
    target: str | None = None,
    device: str = "cpu",
    then: Sequence[Path] = (),
    precision: str = "float32",
    **options: Any,
) -> dict[str, float]:
    """Convert a file, a folder, a text list of files or a manifest.

    Args:
        checkpoint: see `translate.load`.
        given, out, source, target: see `convert_recordings` and `convert_pictures`.
        device, precision: of the networks.
        then: further checkpoints of speech, each of which converts what the one before puts out, see `Chain`.
        options: of one kind, `VOICE_OPTIONS` or `IMAGE_OPTIONS`.

    Returns:
        What `conversion.json` holds: seconds of audio or number of images, and seconds of each stage.

    Raises:
        UserError: an option of the other kind, pictures in a chain; or as the two functions.
    """
    converter = load(checkpoint, device, precision)
    images = isinstance(converter, ImageConverter)
    for name, unset in (VOICE_OPTIONS if images else IMAGE_OPTIONS).items():
        if options.pop(name, unset) != unset:
            kind = "pictures" if images else "speech"
            raise UserError(f"--{name}: {checkpoint} converts {kind}, which has no such option")
    if isinstance(converter, ImageConverter):
        if then:
            raise UserError(f"--then: {checkpoint} converts pictures; only converters of speech can be chained")
        return convert_pictures(converter, given, out, source, target, **options)
    converters = [converter]
    for path in then:
        following = load(path, device, precision)
        if isinstance(following, ImageConverter):
            raise UserError(f"--then: {path} converts pictures; only converters of speech can be chained")
        converters.append(following)
    whole = Chain(converters) if then else converter
    if not options.pop("all", False):
        return convert_recordings(whole, given, out, source, target, **options)
    if source or target:
        raise UserError("--all goes through every direction: leave --from and --to out")
    return convert_every_direction(whole, given, out, **options)
