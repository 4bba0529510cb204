"""What TensorBoard shows of a model of pictures while it trains."""

import torch

from translate.corpus.manifest import Entry
from translate.games.base import Translator
from translate.images.arrays import read_image
from translate.images.conversion.converter import ImageConverter
from translate.images.conversion.entries import read_source
from translate.images.measures.contact import draw_sheet
from translate.images.measures.sheets import show_source
from translate.models.base import Model
from translate.names import ANY, below
from translate.training.log import Log
from translate.training.trainer import Watch

SHOWN = 4                                                           # pictures per sheet


class ImageWatch:
    """Converts a few pictures with the network in training and shows them in a sheet.

    Args:
        config: of the run.
        entries: pictures to choose from, held out where the corpus has such.
        device: of the networks.
    """

    def __init__(self, config: Model, entries: list[Entry], device: torch.device):
        self.config, self.entries, self.device = config, entries, device

    def make(self) -> Watch:
        """The hooks of the trainer."""
        return Watch(sample=self.sample)

    def sample(self, translator: Translator, step: int, log: Log) -> None:
        """A sheet: a row per picture, its translation into every target beside it."""
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
