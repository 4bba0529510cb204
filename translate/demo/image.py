"""The image tab: translation, super-resolution, all domains at once, photographs from painted label maps."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio
import numpy as np

from translate.config import ImageConfig
from translate.corpus.directions import Directions
from translate.demo.example_images import make_examples
from translate.demo.limits import QUEUE, Limits, polite
from translate.demo.models import Offer
from translate.demo.painting import choose_colours
from translate.demo.painting_tab import build_painting_tab
from translate.demo.pictures import PictureUpload, read_picture, show, tell
from translate.errors import UserError
from translate.images.arrays import convert_channels, resize
from translate.images.conversion.converter import GAP
from translate.images.resize import bicubic
from translate.models.base import Model

Pair = tuple[np.ndarray, np.ndarray]


# --- functions of the buttons -----------------------------------------------------------------------------


def list_targets(config: Model) -> list[tuple[str, str]]:
    """List (text, target domain) to choose from; empty where there is no choice."""
    between = Directions.of(config)
    if between.one_way:
        return []
    if between.any_source:
        return [(target, target) for target in between.targets]
    return [(f"{source} → {target}", target) for source, target in between.pairs]


def takes_several(config: Model) -> bool:
    """Return whether targets are attributes, of which an image may have any number."""
    return Directions.of(config).attributes


def find_side(images: ImageConfig) -> int | None:
    """Return the short side of images in training in pixels; None where they were not resized."""
    if images.size is None or images.scale > 1:
        return None
    return images.size if isinstance(images.size, int) else min(images.size)


def convert_picture(
    model: Offer, path: str | None, limits: Limits, target: str | Sequence[str] | None = None, as_trained: bool = False
) -> tuple[Pair, str]:
    """Translate an uploaded image.

    Args:
        model: image model.
        path: path of the upload; None where there is none.
        limits: limits of a request.
        target: target domain; a list of attributes where it `takes_several`; ignored where there is no choice.
        as_trained: whether to resize the short side to that of training first.

    Returns:
        The image before and after, both (H, W[, 3]) uint8 of the same size, and a line on the conversion. With
        super-resolution, \"before\" is the image enlarged by bicubic interpolation.

    Raises:
        UserError: see `read_picture`; attributes that exclude each other.
    """
    picture, note = _prepare(model, path, limits, as_trained)
    images: ImageConfig = model.config.images  # type: ignore[attr-defined]
    wanted = "+".join(target) if isinstance(target, Sequence) and not isinstance(target, str) else target
    converter, choice = model.converter, bool(list_targets(model.config))
    if choice and wanted is None:
        raise UserError("no target chosen: choose a target for the image")
    begin = time.perf_counter()
    output = converter.convert(picture, target=wanted if choice else None)
    spent = time.perf_counter() - begin
    if images.scale == 1:
        return (show(picture), show(output)), tell(output, spent, note)
    return (show(bicubic(picture, images.scale)), show(output)), tell(output, spent, "before: bicubic interpolation")


def convert_to_all(
    model: Offer, path: str | None, limits: Limits, as_trained: bool = False
) -> tuple[list[tuple[np.ndarray, str]], str]:
    """Translate an uploaded image to every domain of a model of many domains.

    Returns:
        The images with their captions, the given one first, and a line on the conversion.

    Raises:
        UserError: see `read_picture`.
    """
    picture, note = _prepare(model, path, limits, as_trained)
    converter = model.converter
    begin = time.perf_counter()
    grid = converter.grid(picture)
    spent = time.perf_counter() - begin
    width = picture.shape[1]
    parts = [grid[:, left : left + width] for left in range(0, grid.shape[1], width + GAP)]
    captions = ["as it is", *model.config.data.domains]
    return list(zip(map(show, parts), captions, strict=True)), tell(
        picture, spent, f"{len(captions) - 1} translations", note
    )


def describe(model: Offer) -> str:
    """Describe the model in a line: its task and its paper."""
    kind = type(model.config)
    return f"{kind.task[:1].upper()}{kind.task[1:]} ({kind.paper})."


def _prepare(model: Offer, path: str | None, limits: Limits, as_trained: bool) -> tuple[np.ndarray, str]:
    """Read the upload with the model's channels, resized to the size of training if asked for."""
    images: ImageConfig = model.config.images  # type: ignore[attr-defined]
    picture, note = read_picture(path, limits, images.scale)
    side = find_side(images)
    if as_trained and side is not None:
        picture = resize(picture, side)
    return convert_channels(picture, images.source_channels), note


# --- the page ---------------------------------------------------------------------------------------------


def build_image_tab(models: Sequence[Offer], limits: Limits, examples: Sequence[Path] = ()) -> None:
    """Lay out the tab inside an open `gradio.Tab`.

    Args:
        models: offered models; those that are not of images are ignored.
        limits: limits of a request.
        examples: folders of recordings; ignored.
    """
    models = [model for model in models if model.config.modality == "images"]
    pictures = [model for model in models if model.config.images.labels is None]  # type: ignore[attr-defined]
    paintings: dict[tuple[Any, ...], list[Offer]] = {}              # by colours: one canvas for models with the same
    for model in models:
        if model.config.images.labels is not None:  # type: ignore[attr-defined]
            paintings.setdefault(tuple(choose_colours(model.config.images)), []).append(model)  # type: ignore[attr-defined]
    if not paintings:
        _build_picture_tab(pictures, limits)
        return
    with gradio.Tabs():
        if pictures:
            with gradio.Tab("Images", elem_id="pictures-tab"):
                _build_picture_tab(pictures, limits)
        for colours, group in paintings.items():
            title = "Painting" if len(paintings) == 1 else f"Painting ({len(colours)} classes)"
            with gradio.Tab(title, elem_id=f"painting-tab-{len(colours)}"):
                build_painting_tab(group, limits)


def _build_picture_tab(models: Sequence[Offer], limits: Limits) -> None:
    known, first = {model.title: model for model in models}, models[0]
    examples = make_examples()
    with gradio.Row():
        with gradio.Column():
            chooser = gradio.Dropdown(list(known), value=first.title, label="Model", elem_id="picture-system")
            about = gradio.Markdown(describe(first))
            upload = PictureUpload(type="filepath", label="Image", height=320, elem_id="picture-upload")
            groups = []
            for name, files in examples.items():
                one = gradio.Examples(
                    [[str(file)] for file in files], upload, label="Examples", elem_id=f"examples-{name}",
                    visible=name == _group(first),
                )  # fmt: skip
                groups.append((name, one.dataset))
        with gradio.Column():
            target = gradio.Radio(label="Translate to", elem_id="picture-target", **_offer(first, several=False))
            attributes = gradio.CheckboxGroup(
                label="Target attributes", elem_id="picture-attributes", **_offer(first, several=True)
            )
            trained = gradio.Checkbox(elem_id="picture-size", **_offer_size(first))
            with gradio.Row():
                button = gradio.Button("Translate", variant="primary", elem_id="picture-convert")
                every = gradio.Button("All domains", visible=_is_many(first), elem_id="picture-all")
            slider = gradio.ImageSlider(
                label="Before | after", format="png", interactive=False, elem_id="picture-result"
            )
            gallery = gradio.Gallery(
                label="All domains", format="png", columns=2, object_fit="contain", interactive=False, visible=False,
                height="max-content", elem_id="picture-gallery",
            )  # fmt: skip
            note = gradio.Markdown(elem_id="picture-note")

    @polite
    def convert(title: str, path: str | None, one: str | None, several: list[str], as_trained: bool) -> list[Any]:
        model = known[title]
        wanted = several if takes_several(model.config) else one
        pair, line = convert_picture(model, path, limits, wanted, as_trained)
        return [gradio.ImageSlider(pair, visible=True), gradio.Gallery(visible=False), line]

    @polite
    def convert_all(title: str, path: str | None, as_trained: bool) -> list[Any]:
        pictures, line = convert_to_all(known[title], path, limits, as_trained)
        return [gradio.ImageSlider(visible=False), gradio.Gallery(pictures, visible=True), line]

    def choose(title: str) -> list[Any]:
        model = known[title]
        return [
            describe(model),
            gradio.Radio(**_offer(model, several=False)),
            gradio.CheckboxGroup(**_offer(model, several=True)),
            gradio.Checkbox(**_offer_size(model)),
            gradio.Button(visible=_is_many(model)),
            *(gradio.Dataset(visible=name == _group(model)) for name, _ in groups),
        ]

    outputs = [about, target, attributes, trained, every, *(dataset for _, dataset in groups)]
    chooser.change(choose, chooser, outputs, show_progress="hidden")
    queue: dict[str, Any] = {"concurrency_id": QUEUE, "concurrency_limit": limits.concurrency}
    shown = [slider, gallery, note]
    for press in (
        button.click(convert, [chooser, upload, target, attributes, trained], shown, **queue),
        every.click(convert_all, [chooser, upload, trained], shown, **queue),
    ):
        press.failure(lambda: (None, None, ""), None, shown, queue=False, show_progress="hidden")


def _offer(model: Offer, several: bool) -> dict[str, Any]:
    """Return the properties of the control for one target, or for several attributes."""
    targets = list_targets(model.config)
    fits = bool(targets) and several == takes_several(model.config)
    first: Any = [] if several else targets[0][1] if fits else None
    return {"choices": targets if fits else [], "value": first, "visible": fits}


def _offer_size(model: Offer) -> dict[str, Any]:
    side = find_side(model.config.images)  # type: ignore[attr-defined]
    return {"label": f"Scale to the size of training (short side {side} pixels)", "value": True, "visible": bool(side)}


def _is_many(model: Offer) -> bool:
    return Directions.of(model.config).many


def _group(model: Offer) -> str:
    """Return the name of the group of examples that fit the model."""
    images: ImageConfig = model.config.images  # type: ignore[attr-defined]
    if images.scale > 1:
        return "small"
    return "textures" if images.source_channels < 3 else "photographs"
