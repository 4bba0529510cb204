"""The tab for voices: a recording in, the same words by another speaker out."""

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

NONE = "none"                                                       # no postfilter
VOICES = {"F": "female", "M": "male"}                               # in names of the Voice Conversion Challenge 2016


class Request(NamedTuple):
    """What the controls say, in the order of the page."""

    path: str | None
    title: str
    source: str
    target: str
    amount: float
    semitones: float
    postfilter: str


class VoiceTab:
    """What the buttons of the tab do; knows the models, nothing of visitors.

    Args:
        models: models of speech; those that mend one voice (postfilters) are offered behind the others.
        limits: of a request.
        folders: of recordings to try.
    """

    def __init__(self, models: Sequence[Offer], limits: Limits, folders: Sequence[Path] = ()):
        later = {model.title: model for model in models if is_postfilter(model)}
        first = {model.title: model for model in models if model.title not in later}
        self.models, self.postfilters = (first, later) if first else (later, {})
        self.limits = limits
        self.examples = [path for folder in folders for path in find_recordings(folder)]

    def convert(self, *values: Any) -> tuple[tuple[int, np.ndarray], str, dict[str, Any], dict[str, Any]]:
        """Convert as the controls (`Request`) say: the wave, what it took, figures of spectrograms and F0, now shown.

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
        return (result.sample_rate, to_pcm(result.wave)), note, shown[0], shown[1]

    def choose_model(self, title: str) -> tuple[Any, Any, Any, Any]:
        """New source, target, pitch and postfilter controls for another model."""
        sources = list(dict.fromkeys(source for source, _ in self.directions(title)))
        target, postfilter = self.choose_source(title, sources[0], None)
        pitch = gradio.update(interactive=takes_semitones(self.models[title]), value=0)
        return gradio.update(choices=name_voices(sources), value=sources[0]), target, pitch, postfilter

    def choose_source(self, title: str, source: str, target: str | None) -> tuple[Any, Any]:
        """New target and postfilter controls for another source; the target stays where it can."""
        targets = [t for s, t in self.directions(title) if s == source]
        target = target if target in targets else targets[0]
        return gradio.update(choices=name_voices(targets), value=target), self.choose_target(title, target)

    def choose_target(self, title: str, target: str) -> Any:
        """A new postfilter control for another target."""
        fitting = [NONE, *self.fitting(title, target)]
        return gradio.update(choices=fitting, value=NONE, visible=len(fitting) > 1)

    def directions(self, title: str) -> list[tuple[str, str]]:
        return Directions.of(self.models[title].config).pairs

    def fitting(self, title: str, target: str) -> list[str]:
        """Titles of the postfilters for this model and target.

        They share its rate. A postfilter whose name ends in a voice on offer, such as gan_postfilter-TM1, is for that
        voice alone.
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
        """The example, and new source, target and postfilter controls: from the voice whose F0 is nearest to its."""
        wave, rate = read_recording(self.examples[number], self.limits)
        source = self.find_source(title, wave, rate) or source
        return (rate, to_pcm(wave)), gradio.update(value=source), *self.choose_source(title, source, target)

    def find_source(self, title: str, wave: np.ndarray, rate: int) -> str | None:
        """The source whose mean log F0 is nearest to the median of the wave; None where F0 decides nothing."""
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
    """Whether source and target are one voice, before and after."""
    return model.config.data.normalise == "target"


def sample_rate(model: Offer) -> int:
    return model.config.features.sample_rate  # type: ignore[attr-defined]


def takes_semitones(model: Offer) -> bool:
    return model.config.features.vocoder  # type: ignore[attr-defined]


def moves_f0(model: Offer) -> bool:
    """Whether F0 is converted by the statistics of source and target."""
    return takes_semitones(model) and not is_postfilter(model)


def name_voices(domains: Sequence[str]) -> list[tuple[str, str]]:
    """(text, domain) to choose from: names as SF1 and TM2 of the Voice Conversion Challenge 2016 say who speaks."""
    found = [(re.fullmatch(r"[ST]([FM])\d", domain), domain) for domain in domains]
    return [(f"{domain} ({VOICES[match[1]]})" if match else domain, domain) for match, domain in found]


def tell_time(result: Conversion) -> str:
    """One line: how long the conversion took, by stage."""
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
            system = gradio.Dropdown(
                titles, value=titles[0], label="System", elem_id="voice-system", filterable=False,
                info="Trained on the voices named here; yours is taken for the one at From.",
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
            postfilter = gradio.Dropdown(label="Postfilter behind it", elem_id="voice-then", **_plain(postfilter_now))
        with gradio.Column(min_width=320):
            button = gradio.Button("Convert", variant="primary", elem_id="voice-convert")
            result = gradio.Audio(
                label="Result", interactive=False, format="wav", elem_id="voice-result", buttons=["download"]
            )
            times = gradio.Markdown(elem_id="voice-times")
            spectrograms = gradio.Plot(show_label=False, visible=False, elem_id="voice-spectrograms")
            curves = gradio.Plot(show_label=False, visible=False, elem_id="voice-f0")
    light: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    chosen = [system, source, target]
    examples.click(
        polite(tab.take_example), [examples, *chosen], [audio, source, target, postfilter], **light
    )  # fmt: skip
    system.input(polite(tab.choose_model), system, [source, target, pitch, postfilter], **light)
    source.input(polite(tab.choose_source), chosen, [target, postfilter], **light)
    target.input(polite(tab.choose_target), [system, target], postfilter, **light)
    outputs = [result, times, spectrograms, curves]
    button.click(
        polite(tab.convert), [audio, *chosen, amount, pitch, postfilter], outputs,
        concurrency_limit=limits.concurrency, concurrency_id=QUEUE, show_progress_on=result, api_visibility="private",
    ).failure(
        lambda: (None, "", gradio.update(visible=False), gradio.update(visible=False)), None, outputs, **light
    )  # fmt: skip


def _plain(update: dict[str, Any]) -> dict[str, Any]:
    """An update as arguments of a new component."""
    return {key: value for key, value in update.items() if key != "__type__"}
