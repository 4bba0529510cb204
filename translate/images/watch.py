"""The monitors of image models in training: sheets in TensorBoard."""

import torch

from translate.corpus.manifest import Entry
from translate.games.base import Translator
from translate.games.noise import NoiseGame
from translate.images.arrays import read_image
from translate.images.conversion.converter import ImageConverter
from translate.images.conversion.entries import read_source
from translate.images.generation.maker import ImageMaker
from translate.images.measures.contact import draw_sheet
from translate.images.measures.sheets import show_source
from translate.models.base import ImageModel
from translate.names import ANY, below
from translate.training.log import Log
from translate.training.trainer import Watch

SHOWN = 4                                                           # images per sheet
COLUMNS, ROWS = 8, 8                                                # size of a sheet of generated images


class ImageWatch:
    """A monitor that converts a few images with the network in training and shows them in a sheet.

    Args:
        config: configuration of the run.
        entries: images to choose from, held-out ones where the corpus has any.
        device: device of the networks.
    """

    def __init__(self, config: ImageModel, entries: list[Entry], device: torch.device):
        self.config, self.entries, self.device = config, entries, device

    def make(self) -> Watch:
        """Make the hooks for the trainer."""
        return Watch(sample=self.sample)

    def sample(self, translator: Translator, step: int, log: Log) -> None:
        """Show a sheet: a row per image, with its translation into every target."""
        converter = ImageConverter(translator, self.config, self.device)
        for source, targets in converter.between.by_source().items():
            chosen = [entry for entry in self.entries if entry.domain in (source, ANY)][:SHOWN]
            if not chosen:
                continue
            rows = []
            for entry in chosen:
                given, condition = read_source(entry, self.entries, self.config)
                outputs = [converter.convert(given, source, target, **condition) for target in targets]
                rows.append([show_source(entry, self.config), *outputs])
            picture = below(log.folder / "pictures", f"{source}_{step:08d}.png")
            draw_sheet(picture, rows, [source, *targets])
            log.show(step, f"{source}/sheet", read_image(picture)[..., :3])


class NoiseWatch:
    """A monitor that makes the same numbers of pictures from noise again and again, and shows them in a sheet.

    Args:
        config: configuration of the run.
        device: device of the networks.
    """

    def __init__(self, config: ImageModel, device: torch.device):
        self.config, self.device = config, device

    def make(self) -> Watch:
        """Make the hooks for the trainer."""
        return Watch(sample=self.sample)

    def sample(self, game: NoiseGame, step: int, log: Log) -> None:
        """Show a sheet; where the game has labels, picture n has label n mod K."""
        pictures = list(ImageMaker(game, self.config, self.device).generate(COLUMNS * ROWS))
        rows = [pictures[place : place + COLUMNS] for place in range(0, len(pictures), COLUMNS)]
        picture = below(log.folder / "pictures", f"samples_{step:08d}.png")
        draw_sheet(picture, rows, [""] * COLUMNS)
        log.show(step, "samples/sheet", read_image(picture)[..., :3])
