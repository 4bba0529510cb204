"""The modality of images; see `translate.jobs.modality.Modality`."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from translate.config import Section
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.arrays import IMAGES
from translate.images.options import ImageConversion, ImageEvaluation, ImageGeneration

if TYPE_CHECKING:
    import torch

    from translate.checkpoints.opening import Opened
    from translate.images.conversion.converter import ImageConverter
    from translate.images.corpus.doctor import ImageReport
    from translate.images.generation.maker import ImageMaker
    from translate.models.base import ImageModel, Model
    from translate.models.description import Description
    from translate.training.material import Material

log = logging.getLogger("translate")


class Images:
    """Images, in one of the layouts in which corpora are published."""

    name = "images"
    suffixes = frozenset(IMAGES)
    noun = "pictures"
    material = "data"
    chains = False
    pipes = False
    conversion: type[Section] = ImageConversion
    generation: type[Section] = ImageGeneration
    evaluation: type[Section] = ImageEvaluation
    measured: Section = ImageConversion()

    def list_layouts(self) -> Sequence[str]:
        from translate.images.corpus.layouts import LAYOUTS

        return list(LAYOUTS)

    def scan(
        self,
        corpus: Path,
        domains: Sequence[str] | None,
        layout: str,
        train: Sequence[str],
        evaluation: Sequence[str] | None,
        split: str,
        dev: Sequence[str] | None,
    ) -> list[Entry]:
        from translate.images.corpus.layouts import find_layout, scan_images

        if dev:
            raise UserError("--dev: pictures have no development set; leave it out")
        if layout == "auto":
            layout = find_layout(corpus)
            log.info("%s: looks like the layout `%s` (another: --layout)", corpus, layout)
        return scan_images(corpus, layout, domains)

    def examine(self, folder: Path, layout: str, jobs: int) -> "ImageReport":
        from translate.images.corpus.doctor import examine_images

        return examine_images(folder, layout, jobs)

    def extract(self, entries: Sequence[Entry], config: "Model", out: Path, jobs: int, cluster: str) -> None:
        raise UserError(f"the model `{config.model}` has no `features` to extract: it learns from pictures as they are")

    def open(self, config: "Model", data: Path, device: "torch.device") -> "Material":
        from translate.images.material import open_images

        return open_images(cast("ImageModel", config), data, device)

    def check(self, checkpoint: Path, config: "Model") -> None:
        pass                                                        # conversion needs the networks only

    def converter(self, opened: "Opened") -> "ImageConverter":
        from translate.images.conversion.converter import ImageConverter

        return ImageConverter(opened.translator, cast("ImageModel", opened.config), opened.device)

    def maker(self, opened: "Opened") -> "ImageMaker":
        from translate.images.generation.maker import ImageMaker

        return ImageMaker(opened.noise, cast("ImageModel", opened.config), opened.device)

    def generate(self, maker: "ImageMaker", out: Path, options: Section) -> dict[str, float]:
        from translate.images.generation.write import write_pictures

        return write_pictures(maker, out, cast("ImageGeneration", options))

    def chain(self, converters: Sequence[Any]) -> Any:
        raise UserError("converters of pictures cannot be chained")

    def convert(
        self,
        converter: "ImageConverter",
        given: Path,
        out: Path,
        source: str | None,
        target: str | None,
        options: Section,
    ) -> dict[str, float]:
        from translate.images.convert import convert_pictures

        return convert_pictures(converter, given, out, source, target, **dict(options))

    def pipe(
        self,
        converter: "ImageConverter",
        given: BinaryIO,
        out: BinaryIO,
        source: str | None,
        target: str | None,
        options: Section,
        **how: Any,
    ) -> str:
        raise UserError("pictures do not go through pipes")

    def summarise(self, seconds: Mapping[str, float]) -> str:
        spent = sum(value for stage, value in seconds.items() if stage != "images")
        return f"{seconds['images']:.0f} picture(s) in {spent:.1f} s"

    def evaluate(
        self, run: Path, config: "Model | None", evaluation: Path, training: Path, options: Section, jobs: int
    ) -> dict[str, Any]:
        from translate.images.evaluate import evaluate_noise, evaluate_pictures

        if config is None:
            raise UserError(f"{run}: no checkpoint there, which says what its pictures are; give the folder of a run")
        if not config.translates:
            return evaluate_noise(run, cast("ImageModel", config), evaluation, training, **dict(options))
        return evaluate_pictures(run, cast("ImageModel", config), evaluation, training, **dict(options))

    def tabulate(self, results: Mapping[str, Any]) -> str:
        from translate.images.measures.report import headline

        return headline(dict(results))

    def describe(self, config: "Model") -> "Description":
        return config.describe()
