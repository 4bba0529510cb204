"""What the verbs may be asked of pictures, besides domains and files."""

from typing import Any

from pydantic import Field

from translate.config import Section


class ImageConversion(Section):
    """Options of `translate.convert` and `translate convert` for pictures."""

    style: Any = None                                               # a seed, or a picture (its file) whose style is
    # taken; in Python also the vectors that `translate` of the model documents
    instances: Any = None                                           # instance map of a label map, or a folder of maps
    # of the same names; in Python whole numbers (H, W)
    attributes: dict[str, int] | None = None                        # 0 or 1 by name, those of the picture: what is not
    # asked for stays; null: as a manifest has them, else all but those of the target are 0
    tile: int | None = Field(None, ge=1)                            # pixels; larger pictures go through in tiles of
    # this size; null: whole up to 4 million output pixels, else in tiles of 1024 output pixels
    overlap: int = Field(32, ge=0)                                  # pixels of context around a tile
    grid: bool = False                                              # the picture beside its translations to all domains


class ImageEvaluation(Section):
    """Options of `translate evaluate` for pictures."""

    deep: bool = False                                              # also LPIPS, FID, KID, whose networks are fetched
