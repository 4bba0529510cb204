"""Options of the verbs for images, besides domains and files."""

from typing import Any

from pydantic import Field

from translate.config import Section
from translate.errors import UserError


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


class ImageGeneration(Section):
    """Options of `translate.generate` and `translate generate` for images."""

    count: int = Field(64, ge=1, le=1_000_000)                      # pictures
    seed: int = Field(0, ge=0)                                      # with its number, decides a picture
    label: str | int | None = None                                  # label of all; null: picture n has label n mod K,
    # and all of `between` have that of the first
    truncation: float | None = Field(None, ge=0)                    # normal noise beyond it is drawn again: less
    # variety, fewer odd pictures; StyleGAN: styles come so near to their mean, 0: all alike; null: all of it
    between: str | list[int] | None = None                          # the numbers of two pictures, 12,57: the way from
    # one to the other
    steps: int = Field(16, ge=2, le=1000)                           # pictures of it, both ends included
    latents: str | None = None                                      # a file latents.safetensors: its pictures again

    def read_between(self) -> tuple[int, int] | None:
        """Return the numbers of `between`; raise `UserError` unless they are two, 0 or more."""
        if self.between is None:
            return None
        words = self.between.split(",") if isinstance(self.between, str) else [str(one) for one in self.between]
        if len(words) != 2 or not all(word.strip().isdecimal() for word in words):
            raise UserError(f"between={self.between}: expected the numbers of two pictures, such as between=12,57")
        return int(words[0]), int(words[1])


class ImageEvaluation(Section):
    """Options of `translate evaluate` for images."""

    deep: bool = False                                              # also LPIPS, FID, KID (downloads their networks)
