"""Conversion of images of any size, number of channels and type of array; large ones in tiles."""

import inspect
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from translate.config import ImageConfig
from translate.config.options import read_options
from translate.corpus.directions import Directions
from translate.errors import UserError
from translate.games.base import Translator
from translate.images.arrays import to_uint8, write_image
from translate.images.conversion.inputs import Picture, give_back, prepare_picture, prepare_style, to_pixels
from translate.images.conversion.tiles import convert_tiled
from translate.images.options import ImageConversion
from translate.models.base import ImageModel
from translate.names import ANY

OVERLAP = ImageConversion().overlap                                 # pixels of the source beside a tile, see tiles.py
MOST_PIXELS = 2**22                                                 # output pixels that networks compute at once
TILE = 1024                                                         # output pixels; side of a tile for larger images
GAP = 4                                                             # white pixels between the images of a grid
SEED = 0
RANDOM_LOCK = threading.Lock()                                      # held while torch's random numbers are drawn

log = logging.getLogger("translate")


class Order(NamedTuple):
    """The domains and options of a conversion, checked by `ImageConverter.order`."""

    source: str
    target: str
    options: ImageConversion


class ImageConverter:
    """A trained model of images, ready to convert; made by `translate.load`.

    The same input gives the same output: dropout that stays on at test time draws the same numbers each time. Several
    threads may convert at once; their networks take turns, since the random generator belongs to the process.

    Args:
        translator: game with trained weights.
        config: configuration of the run.
        device: device of the networks.
    """

    def __init__(self, translator: Translator, config: ImageModel, device: torch.device):
        self.translator = translator.to(device).eval()
        self.config, self.device, self.between = config, device, Directions.of(config)
        self.images: ImageConfig = config.images

    precision = "float32"                                           # precision of the networks; or bfloat16
    no_stream = "this model converts pictures; only speech streams"

    @property
    def domains(self) -> list[str]:
        """Return the names of the domains."""
        return self.between.domains

    @property
    def directions(self) -> list[tuple[str, str]]:
        """Return every (source, target); the source of attributes is `all`."""
        return self.between.pairs

    def name_domains(self, source: str | None, target: str | None) -> tuple[str, str]:
        """Check the names and complete them where one direction is left, see `Directions.name`."""
        return self.between.name(source, target)

    def convert(
        self,
        image: Picture,
        source: str | None = None,
        target: str | None = None,
        *,
        name: str | os.PathLike[str] = "the picture",
        **options: Any,
    ) -> Any:
        """Convert an image of the domain `source` to the domain `target`.

        Args:
            image: a PIL image; whole numbers (H, W) or (H, W, C), 8 or 16 bits; or floats in [-1, 1], (C, H, W) or
                (B, C, H, W), array or tensor. Channels are converted to those of the training. Models
                with label maps take whole numbers (H, W), the classes, or colours that `images.palette` lists.
            source, target: domains, see `name_domains`.
            name: name of the image, with which error messages open.
            options: options, see `ImageConversion`.

        Returns:
            The translation, of the type given: a PIL image; an array (H, W[, C]) of the same bits (8 for label maps),
            without C where the target is gray; or floats in [-1, 1] with the same dimensions. It is `images.scale`
            times as large.

        Raises:
            UserError: domains as in `name_domains`; an image that is empty, not finite, out of range or unfit for the
                model; labels out of range; a style for a model without styles; an unknown option.
        """
        return self.convert_whole(image, self.order(source, target, **options), name)

    def convert_any(
        self, given: Any, sample_rate: int | None, source: str | None, target: str | None, **options: Any
    ) -> Any:
        """Convert any input of `translate.convert`; images have no rate."""
        return self.convert(given, source, target, **options)

    def order(self, source: str | None = None, target: str | None = None, **options: Any) -> Order:
        """Check domains and options once, for the conversion of any number of images.

        Raises:
            UserError: as `name_domains`; an unknown option or one out of range; a grid of two domains.
        """
        chosen = read_options(ImageConversion, options)
        if not chosen.grid:
            return Order(*self.name_domains(source, target), chosen)
        if not self.between.many:
            raise UserError(f"a grid needs a model of many domains; this one translates {' and '.join(self.domains)}")
        return Order(source or ANY, target or ANY, chosen)

    def convert_whole(self, image: Picture, order: Order, name: str | os.PathLike[str] = "the picture") -> Any:
        """Convert as `convert` does, by a checked order."""
        source, target, options = order
        if options.grid:
            return self.grid(image, options.attributes)
        instances = options.instances
        x = prepare_picture(image, self.images, instances, name)
        condition: dict[str, Any] = {}
        if options.style is not None:
            condition["style"] = prepare_style(options.style, self.images.target_channels)
        if instances is not None and self.images.instances:
            ids = torch.as_tensor(np.asarray(instances).astype(np.float32))
            condition["instances"] = ids.expand(len(x), 1, *ids.shape[-2:])
        wanted = self._choose(target, options.attributes)
        y = self.translate_tensor(x, source, wanted, tile=options.tile, overlap=options.overlap, **condition)
        return give_back(y, image, deep=self.images.labels is None)  # 16-bit classes give 8-bit colours

    def grid(self, image: Picture, attributes: Mapping[str, int] | None = None) -> Any:
        """Return an image and its translations to every domain side by side, of the type given.

        For models of many domains only; `attributes` as in `convert`.
        """
        if not self.between.many:
            raise UserError(f"a grid needs a model of many domains; this one translates {' and '.join(self.domains)}")
        x = prepare_picture(image, self.images)
        targets = [self._choose(domain, attributes) for domain in self.domains]
        pictures = [x.to(self.device), *(self.translate_tensor(x, ANY, target) for target in targets)]
        gap = pictures[1].new_ones(*pictures[1].shape[:3], GAP)
        parts = [part for picture in pictures for part in (gap, picture)]
        return give_back(torch.cat(parts[1:], dim=3), image)

    def translate_tensor(
        self,
        x: Tensor,
        source: str,
        target: str | Tensor,
        *,
        instances: Tensor | None = None,
        tile: int | None = None,
        overlap: int = OVERLAP,
        **condition: Any,
    ) -> Tensor:
        """Translate the network's input (B, C, H, W) to (B, C', H * scale, W * scale) on its device.

        `instances` is (B, 1, H, W), float; `condition` holds further arguments of the model's `translate`; with many
        domains `target` may be a vector.
        """
        takes = inspect.signature(self.translator.translate).parameters
        for key, value in condition.items():
            if key not in takes:
                raise UserError(f"{key}: this model takes none; leave it out")
            condition[key] = value.to(self.device) if isinstance(value, Tensor) else value
        scale, (height, width) = self.images.scale, x.shape[-2:]
        if tile is None and height * width * scale**2 > MOST_PIXELS:
            tile = TILE // scale
            log.info("%d x %d pixels: converted in tiles of %d", width, height, tile)
        together = instances is not None and "instances" in takes
        if tile is not None and together and isinstance(condition.get("style"), Mapping | Tensor):
            raise UserError("style: objects get styles of their own on whole pictures only; leave the tile out")

        def function(part: Tensor) -> Tensor:
            extra = {"instances": part[:, -1:]} if together else {}
            part = part[:, :-1] if together else part
            half = torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")
            with _repeatable(self.device), half:
                y = self.translator.translate(part, source, target, **condition, **extra)  # type: ignore[arg-type]
            return y.float()

        if together:                                                # ids are one more plane, cut like the others
            x = torch.cat([x, instances], dim=1)  # type: ignore[list-item]
        with torch.inference_mode():
            x = x.to(self.device)
            return function(x) if tile is None else convert_tiled(function, x, tile, overlap, scale)

    def _choose(self, target: str, attributes: Mapping[str, int] | None) -> str | Tensor:
        """Return the target for `translate`: its name, or the image's attributes with those of `target` set."""
        translator: Any = self.translator
        if not self.between.attributes or attributes is None:
            return target
        vector = torch.tensor([float(attributes.get(domain, 0)) for domain in self.domains])
        for domain, wanted in zip(self.domains, translator.vector(target), strict=True):
            if wanted and not vector[self.domains.index(domain)]:
                vector = translator.edit(vector, domain)
        return vector

    def write_output(self, path: str | os.PathLike[str], image: Picture) -> None:
        """Write the result of `convert` for one image, whole or not at all; colours with 8 bits."""
        array = to_pixels(image)
        write_image(path, array if array.ndim == 2 else to_uint8(array))


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Seed torch's random numbers inside the block, and restore their state afterwards."""
    cuda = device.type == "cuda"
    with RANDOM_LOCK, torch.random.fork_rng([device] if cuda else []):
        torch.default_generator.manual_seed(SEED)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(SEED)
        yield
