"""The canvas of the painting tab: paintings are measured before anything is decoded."""

from io import BytesIO
from typing import Any, NamedTuple

import gradio
import numpy as np
from gradio.components.base import server
from starlette.exceptions import HTTPException

from translate.demo.limits import Refusal
from translate.demo.pictures import Quiet
from translate.demo.uploads import is_inside
from translate.demo.visitors import CURRENT, Visitor
from translate.images.decoding import UNREADABLE, open_picture

MOST_PIXELS = 2**23                                                 # pixels of a painting, over all layers
LAYERS = 4                                                          # layers of a painting; the page itself makes one
PAINTINGS = 4                                                       # paintings that wait for a visitor's next request
STORED = 2**27                                                      # bytes of all waiting paintings


class Painting(NamedTuple):
    """A painting as files (paths or bytes).

    Attributes:
        background: file below the layers, or None.
        layers: files of the layers in order; None where one has not arrived yet.
    """

    background: Any
    layers: list[Any]


class PaintingEditor(gradio.ImageEditor, metaclass=Quiet):
    """A `gradio.ImageEditor` that refuses damaged and huge paintings with a message, before decoding them.

    Gradio decodes any number of images of any size and format, and stores any number of them.
    """

    is_template = True                                              # the page renders it like its base class

    def preprocess(self, payload: Any) -> Any:
        if payload is None:
            return None
        if payload.id is None:
            painting = Painting(_locate(payload.background), [_locate(layer) for layer in payload.layers])
        else:
            painting = self._waiting().pop((CURRENT.get(), payload.id), Painting(None, []))
        layers = [layer for layer in painting.layers if layer is not None]
        if len(layers) > LAYERS:
            raise Refusal(f"the painting has {len(layers)} layers; expected up to {LAYERS}")
        count = sum(map(_count_pixels, (painting.background, *layers)))
        if count > MOST_PIXELS:
            raise Refusal(f"the painting has {count:,} pixels in all its layers; expected up to {MOST_PIXELS:,}")
        return {"background": _decode(painting.background), "layers": list(map(_decode, layers)), "composite": None}

    @server
    def accept_blobs(self, data: Any) -> None:
        """Store a part of a painting until its request comes; the oldest parts are dropped to make room."""
        try:
            kind, number, name = data.data["type"], data.data.get("index"), data.data["id"]
            content = data.files[0][1]
            index = int(number) if number not in (None, "", "null") else 0
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise HTTPException(400, "not a part of a painting") from None
        if not 0 <= index < LAYERS or kind not in ("background", "layer", "composite"):
            raise HTTPException(400, f"not a part of a painting; expected up to {LAYERS} layers")
        waiting, key = self._waiting(), (CURRENT.get(), name)
        painting = waiting.pop(key, Painting(None, []))             # moved to the end: the newest
        if kind == "background":
            painting = painting._replace(background=content)
        elif kind == "layer":
            layers = [*painting.layers, *[None] * (index + 1 - len(painting.layers))]
            layers[index] = content
            painting = painting._replace(layers=layers)
        waiting[key] = painting
        mine = [other for other in waiting if other[0] == key[0]]
        for other in mine[:-PAINTINGS]:
            del waiting[other]
        while sum(map(_weigh, waiting.values())) > STORED:
            del waiting[next(iter(waiting))]

    def _waiting(self) -> dict[tuple[Visitor | None, str], Painting]:
        """Return waiting paintings by visitor and the page's name for them; the newest last."""
        return self.blob_storage  # type: ignore[return-value]  # Gradio's store


def _locate(file: Any) -> str | None:
    if file is None:
        return None
    if not is_inside(file.path):                                    # the page checked the owner; other pages may not
        raise Refusal("not your file: upload it")
    return file.path


def _weigh(painting: Painting) -> int:
    return sum(len(part) for part in (painting.background, *painting.layers) if part is not None)


def _open(file: str | bytes) -> Any:
    return open_picture(BytesIO(file) if isinstance(file, bytes) else file)


def _count_pixels(file: str | bytes | None) -> int:
    """Read the number of pixels from the header."""
    if file is None:
        return 0
    try:
        with _open(file) as image:
            return image.width * image.height
    except UNREADABLE:
        raise Refusal("the painting cannot be read; choose a map to start from") from None


def _decode(file: str | bytes | None) -> np.ndarray | None:
    """Decode to (H, W, 4) uint8."""
    if file is None:
        return None
    try:
        with _open(file) as image:
            return np.asarray(image.convert("RGBA"))
    except UNREADABLE:
        raise Refusal("the painting cannot be read; choose a map to start from") from None
