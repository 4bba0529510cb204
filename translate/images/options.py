"""Options of the verbs for images, besides domains and files."""

from typing import Any

from pydantic import Field

from translate.config import Section


class ImageConversion(Section):
    """Options of `translate.convert` and `translate convert` for images."""

    style: Any = None                                               # a seed, or an image (its file) whose style is
    # taken; in Python also the vectors that `translate` of the model documents
    instances: Any = None                                           # instance map of a label map, or a folder with
    # maps by the same names; in Python whole numbers (H, W)
    attributes: dict[str, int] | None = None                        # 0 or 1 by name: attributes of the source, kept
    # unless the target changes them; null: those of the manifest, else all but the target's are 0
    tile: int | None = Field(None, ge=1)                            # pixels; larger images are converted in tiles of
    # this size; null: whole up to 4 million output pixels, else in tiles of 1024 output pixels
    overlap: int = Field(32, ge=0)                                  # pixels of context around a tile
    grid: bool = False                                              # the image beside its translations to all domains


class ImageEvaluation(Section):
    """Options of `translate evaluate` for images."""

    deep: bool = False                                              # also LPIPS, FID, KID (downloads their networks)
