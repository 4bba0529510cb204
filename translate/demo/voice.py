"""The voice tab: converts a recording to the voice of another speaker."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio
import numpy as np

from translate.config import WorldConfig
from translate.corpus.directions import Directions
from translate.demo.limits import QUEUE, Limits, polite
from translate.demo.models import Offer
from translate.demo.plots import draw_f0, draw_spectrograms
from translate.demo.recordings import find_recordings, read_recording, to_pcm
from translate.errors import UserError
from translate.speech.analysis.f0 import estimate_f0, tell_misfit
from translate.speech.conversion.chain import Chain
from translate.speech.conversion.steps import Conversion

NONE = "none"                                                       # choice of no postfilter
VOICES = {"F": "female", "M": "male"}                               # in names of the Voice Conversion Challenge 2016


class Request(NamedTuple):
    """The values of the controls, in the order of the page."""

    path: str | None
    title: str
    source: str
    target: str
    amount: float
    semitones: float
    postfilter: str


class VoiceTab:
    """The functions behind the controls of the tab, independent of visitors.

    Args:
        models: speech models; those that repair one voice (postfilters) are offered as a second stage.
        limits: limits of a request.
        folders: folders of recordings to try.
    """

    def __init__(self, models: Sequence[Offer], limits: Limits, folders: Sequence[Path] = ()):
        later = {model.title: model for model in models if is_postfilter(model)}
        first = {model.title: model for model in models if model.title not in later}
        self.models, self.postfilters = (first, later) if first else (later, {})
        self.limits = limits
        self.examples = [path for folder in folders for path in find_recordings(folder)]

    def convert(self, *values: Any) -> tuple[tuple[int, np.ndarray], str, dict[str, Any], dict[str, Any]]:
        """Convert by the values of the controls (`Request`); return the wave, a line on the time, and both figures.

        Raises:
            UserError: no recording, one beyond the limits or unreadable, or a direction that does not exist.
        """
        request = Request(*values)
        if not request.path:
            raise UserError("no recording yet; upload one, record yourself, or take an example")
        wave, rate = read_recording(request.path, self.limits)
        model = self.models[request.title]
        converter = model.converter
        if request.postfilter != NONE:
            converter = chain(model, self.postfilters[request.postfilter])
        result = converter.convert_in_detail(
            wave, rate, request.source, request.target, name=Path(request.path).name, amount=request.amount,
            semitones=request.semitones if takes_semitones(model) else 0.0,
        )  # fmt: skip
        pair, names = (result.original, result.wave), (f"source, {request.source}", f"result, {request.target}")
        figures = [draw(pair, result.sample_rate, names) for draw in (draw_spectrograms, draw_f0)]
        shown = [gradio.update(value=figure, visible=True) for figure in figures]
        note = tell_time(result)
        if moves_f0(model):
            statistics = model.converter.statistics[request.source]
            misfit = tell_misfit(result.source.f0, statistics, request.source)
            note += f"\n\nNote: {misfit}; another voice at *From* may fit better." if misfit else ""
        return (result.sample_rate, to_pcm(result.wave, result.sample_rate)), note, shown[0], shown[1]

    def choose_model(self, title: str) -> tuple[Any, Any, Any, Any]:
        """Return new source, target, pitch and postfilter controls for another model."""
        sources = list(dict.fromkeys(source for source, _ in self.directions(title)))
        target, postfilter = self.choose_source(title, sources[0], None)
        pitch = gradio.update(interactive=takes_semitones(self.models[title]), value=0)
        return gradio.update(choices=name_voices(sources), value=sources[0]), target, pitch, postfilter

    def choose_source(self, title: str, source: str, target: str | None) -> tuple[Any, Any]:
        """Return new target and postfilter controls for another source; the target stays if possible."""
        targets = [t for s, t in self.directions(title) if s == source]
        target = target if target in targets else targets[0]
        return gradio.update(choices=name_voices(targets), value=target), self.choose_target(title, target)

    def choose_target(self, title: str, target: str) -> Any:
        """Return a new postfilter control for another target."""
        fitting = [NONE, *self.fitting(title, target)]
        return gradio.update(choices=fitting, value=NONE, visible=len(fitting) > 1)

    def directions(self, title: str) -> list[tuple[str, str]]:
        return Directions.of(self.models[title].config).pairs

    def fitting(self, title: str, target: str) -> list[str]:
        """List the titles of the postfilters for this model and target.

        They have its sample rate. A postfilter whose name ends in an offered voice, such as gan_postfilter-TM1, is for
        that voice only.
        """
        rate = sample_rate(self.models[title])
        voices = {f"-{domain}" for model in self.models.values() for domain in model.config.data.domains}
        return [
            title
            for title, model in self.postfilters.items()
            if sample_rate(model) == rate
            and (model.name.endswith(f"-{target}") or not model.name.endswith(tuple(voices)))
        ]

    def take_example(self, number: int, title: str, source: str, target: str) -> tuple[Any, ...]:
        """Return the example, and new source, target and postfilter controls, with the source of the nearest F0."""
        wave, rate = read_recording(self.examples[number], self.limits)
        source = self.find_source(title, wave, rate) or source
        return (rate, to_pcm(wave, rate)), gradio.update(value=source), *self.choose_source(title, source, target)

    def find_source(self, title: str, wave: np.ndarray, rate: int) -> str | None:
        """Return the source whose mean log F0 is nearest to the wave's median; None where F0 does not decide."""
        if not moves_f0(self.models[title]):
            return None
        f0, _ = estimate_f0(wave, rate, WorldConfig(sample_rate=rate, f0="dio"))
        known = self.models[title].converter.statistics
        means = {source: known[source].log_f0_mean for source, _ in self.directions(title) if known[source].voiced}
        if not means or not f0.any():
            return None
        level = np.median(np.log(f0[f0 > 0]))
        return min(means, key=lambda source: abs(means[source] - level))


@functools.cache
def chain(first: Offer, then: Offer) -> Chain:
    return Chain([first.converter, then.converter])


def is_postfilter(model: Offer) -> bool:
    """Return whether the model is a postfilter: source and target are the same voice, before and after."""
    return model.config.data.normalise == "target"


def sample_rate(model: Offer) -> int:
    return model.config.features.sample_rate  # type: ignore[attr-defined]


def takes_semitones(model: Offer) -> bool:
    return model.config.features.vocoder  # type: ignore[attr-defined]


def moves_f0(model: Offer) -> bool:
    """Return whether F0 is converted by the statistics of source and target."""
    return takes_semitones(model) and not is_postfilter(model)


def name_voices(domains: Sequence[str]) -> list[tuple[str, str]]:
    """List (text, domain) to choose from; names of the Voice Conversion Challenge 2016, such as SF1, are explained."""
    found = [(re.fullmatch(r"[ST]([FM])\d", domain), domain) for domain in domains]
    return [(f"{domain} ({VOICES[match[1]]})" if match else domain, domain) for match, domain in found]


def tell_time(result: Conversion) -> str:
    """Format a line on the time of the conversion, by stage."""
    spent = sum(result.seconds.values())
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.seconds.items())
    return (
        f"**{spent:.2f} s** for {result.audio_seconds:.1f} s of speech: {stages}. "
        f"Real-time factor {spent / result.audio_seconds:.2f}."
    )


def build_voice_tab(models: Sequence[Offer], limits: Limits, folders: Sequence[Path] = ()) -> None:
    """Lay out the tab inside an open `gradio.Blocks`.

    Raises:
        UserError: a folder of examples without recordings.
    """
    tab = VoiceTab(models, limits, folders)
    titles = list(tab.models)
    source_now, target_now, pitch_now, postfilter_now = tab.choose_model(titles[0])
    with gradio.Row(equal_height=False):
        with gradio.Column(min_width=320):
            audio = gradio.Audio(
                label=f"Source, up to {limits.max_seconds:g} s", sources=["upload", "microphone"], type="filepath",
                elem_id="voice-source", editable=False, buttons=["download"],
            )  # fmt: skip
            examples = gradio.Dataset(
                label="Examples", components=[gradio.Textbox(visible=False)], type="index", layout="gallery",
                samples=[[path.stem.replace("-", ": ", 1).replace("_", " ")] for path in tab.examples],
                samples_per_page=12, elem_id="voice-examples",
            )  # fmt: skip
            chooser = gradio.Dropdown(
                titles, value=titles[0], label="Model", elem_id="voice-system", filterable=False,
                info="Trained on the voices named here; your voice is treated as the one at From.",
            )  # fmt: skip
            with gradio.Row():
                source = gradio.Dropdown(label="From", elem_id="voice-from", min_width=120, **_plain(source_now))
                target = gradio.Dropdown(label="To", elem_id="voice-to", min_width=120, **_plain(target_now))
            with gradio.Row():
                amount = gradio.Slider(
                    0, 1, 1, step=0.05, label="Amount", elem_id="voice-amount", min_width=140
                )
                pitch = gradio.Slider(
                    -12, 12, step=0.5, label="Pitch (semitones)", elem_id="voice-pitch", min_width=140,
                    **_plain(pitch_now),
                )  # fmt: skip
            postfilter = gradio.Dropdown(label="Postfilter", elem_id="voice-then", **_plain(postfilter_now))
        with gradio.Column(min_width=320):
            button = gradio.Button("Convert", variant="primary", elem_id="voice-convert")
            result = gradio.Audio(
                label="Result", interactive=False, format="wav", elem_id="voice-result", buttons=["download"]
            )
            times = gradio.Markdown(elem_id="voice-times")
            spectrograms = gradio.Plot(show_label=False, visible=False, elem_id="voice-spectrograms")
            curves = gradio.Plot(show_label=False, visible=False, elem_id="voice-f0")
    light: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    chosen = [chooser, source, target]
    examples.click(
        polite(tab.take_example), [examples, *chosen], [audio, source, target, postfilter], **light
    )  # fmt: skip
    chooser.input(polite(tab.choose_model), chooser, [source, target, pitch, postfilter], **light)
    source.input(polite(tab.choose_source), chosen, [target, postfilter], **light)
    target.input(polite(tab.choose_target), [chooser, target], postfilter, **light)
    outputs = [result, times, spectrograms, curves]
    button.click(
        polite(tab.convert), [audio, *chosen, amount, pitch, postfilter], outputs,
        concurrency_limit=limits.concurrency, concurrency_id=QUEUE, show_progress_on=result, api_visibility="private",
    ).failure(
        lambda: (None, "", gradio.update(visible=False), gradio.update(visible=False)), None, outputs, **light
    )  # fmt: skip


def _plain(update: dict[str, Any]) -> dict[str, Any]:
    """Return an update as arguments of a new component."""
    return {key: value for key, value in update.items() if key != "__type__"}
