"""The painting tab: label maps painted in the browser become photographs."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio
import numpy as np

from translate.demo.editor import PaintingEditor
from translate.demo.example_images import make_examples
from translate.demo.limits import QUEUE, Limits, polite
from translate.demo.models import Offer
from translate.demo.painting import (
    BY_CLASS,
    DRAWN,
    MOST,
    PHOTOGRAPH,
    USUAL,
    choose_colours,
    convert_painting,
    count_clusters,
    list_sides,
    list_start_maps,
    list_styles,
    make_legend,
    name_classes,
)
from translate.demo.pictures import PictureUpload

BRUSH = 40                                                          # size in pixels of the canvas
EDITOR = 420                                                        # height in pixels of the page


def build_painting_tab(models: Sequence[Offer], limits: Limits) -> None:
    """Lay out the tab inside an open `gradio.Tab`.

    Args:
        models: models of label maps with the same classes and colours.
        limits: limits of a request.
    """
    known = {model.title: model for model in models}
    first, images = models[0], models[0].config.images  # type: ignore[attr-defined]
    maps, sides = list_start_maps(images), list_sides(images)
    colours = [f"rgb{colour}" for colour in choose_colours(images)]
    with gradio.Row():
        with gradio.Column():
            chooser = gradio.Dropdown(list(known), value=first.title, label="Model", elem_id="painting-system")
            starts = gradio.Dataset(
                components=[gradio.Image(visible=False, format="png", label="Map")],
                samples=[[one] for one in maps],
                label="Start from",
                type="index",
                elem_id="painting-starts",
            )
            editor = PaintingEditor(
                value=_fill(maps[0]),  # type: ignore[arg-type]
                label="Painting",
                height=EDITOR,
                image_mode="RGBA",
                sources=["upload"],
                transforms=(),
                layers=False,
                brush=gradio.Brush(default_size=BRUSH, colors=colours, color_mode="fixed"),  # type: ignore[arg-type]
                eraser=gradio.Eraser(default_size=BRUSH),
                format="png",
                buttons=[],
                canvas_size=maps[0].shape[1::-1],
                elem_id="painting-editor",
            )
            gradio.HTML(make_legend(images))
            side = gradio.Radio(
                [(f"{one} px" + " (as in training)" * (one == sides[0]), one) for one in sides],
                value=sides[0],
                label="Short side of the photograph",
            )
        with gradio.Column():
            style = gradio.Radio(**_offer_styles(first), label="Style", elem_id="painting-style")
            seed = gradio.Number(0, precision=0, minimum=0, label="Number", visible=False, elem_id="painting-seed")
            with gradio.Column(visible=False) as of_photograph:
                photograph = PictureUpload(
                    type="filepath", label="Photograph", height=200, elem_id="painting-photograph"
                )
                gradio.Examples([[str(file)] for file in make_examples()["photographs"]], photograph)
            with gradio.Row(visible=False) as by_class:
                clusters = [
                    gradio.Dropdown(_list_clusters(1), value=0, label=name, min_width=140, visible=False)
                    for name in name_classes(images)[:MOST]
                ]
            button = gradio.Button("Translate", variant="primary", elem_id="painting-convert")
            slider = gradio.ImageSlider(
                label="Painting | photograph", format="png", interactive=False, elem_id="painting-result"
            )
            note = gradio.Markdown(elem_id="painting-note")

    @polite
    def convert(
        title: str,
        painting: Mapping[str, Any] | None,
        side: int,
        style: str,
        seed: int | None,
        photograph: str | None,
        *clusters: int,
    ) -> tuple[tuple[np.ndarray, np.ndarray], str]:
        return convert_painting(known[title], painting, limits, side, style, seed or 0, photograph, clusters)

    def choose_model(title: str) -> Any:
        return gradio.Radio(**_offer_styles(known[title]))

    def choose_style(title: str, style: str) -> list[Any]:
        counts = count_clusters(known[title]) if style == BY_CLASS else []
        counts = counts[: len(clusters)] + [0] * (len(clusters) - len(counts))
        return [
            gradio.Number(visible=style == DRAWN),
            gradio.Column(visible=style == PHOTOGRAPH),
            gradio.Row(visible=any(counts)),
            *(gradio.Dropdown(_list_clusters(count), value=0, visible=count > 0) for count in counts),
        ]

    chooser.change(polite(choose_model), chooser, style, show_progress="hidden")
    shown = [seed, of_photograph, by_class, *clusters]
    style.change(polite(choose_style), [chooser, style], shown, show_progress="hidden")
    starts.click(lambda index: _fill(maps[index]), starts, editor, show_progress="hidden")
    button.click(
        convert,
        [chooser, editor, side, style, seed, photograph, *clusters],
        [slider, note],
        concurrency_id=QUEUE,
        concurrency_limit=limits.concurrency,
    ).failure(lambda: (None, ""), None, [slider, note], queue=False, show_progress="hidden")


def _fill(coloured: np.ndarray) -> dict[str, Any]:
    """Make the editor's content of a start map (H, W, 3), without strokes."""
    return {"background": coloured, "layers": [], "composite": coloured}


def _offer_styles(model: Offer) -> dict[str, Any]:
    choices = list_styles(model)
    return {"choices": choices, "value": USUAL, "visible": len(choices) > 1}


def _list_clusters(count: int) -> list[tuple[str, int]]:
    return [("the usual", 0), *((f"style {number}", number) for number in range(1, count))]
