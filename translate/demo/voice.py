"""The tab for voices: a recording in, the same words by another speaker out."""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio
import numpy as np
import soundfile

from translate.demo.limits import QUEUE, Limits, polite
from translate.demo.models import Model
from translate.demo.plots import draw_f0, draw_spectrograms
from translate.errors import UserError
from translate.features.wave import read_wave
from translate.inference.chain import Chain
from translate.inference.speech import Conversion

NONE = "none"                                                       # no postfilter
SUFFIXES = {".wav", ".flac", ".ogg", ".mp3"}
SLOWEST, FASTEST = 8_000, 192_000                                   # Hz, of uploads
MOST_CHANNELS = 2


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
        models: speech systems; those that mend one voice (postfilters) are offered behind the others.
        limits: of a request.
        folders: of recordings to try.
    """

    def __init__(self, models: Sequence[Model], limits: Limits, folders: Sequence[Path] = ()):
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
        wave, rate = read_upload(request.path, self.limits)
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
        return (result.sample_rate, to_pcm(result.wave)), tell_time(result), shown[0], shown[1]

    def choose_model(self, title: str) -> tuple[Any, Any, Any, Any]:
        """New source, target, pitch and postfilter controls for another system."""
        sources = list(dict.fromkeys(source for source, _ in self.directions(title)))
        target, postfilter = self.choose_source(title, sources[0], None)
        pitch = gradio.update(interactive=takes_semitones(self.models[title]), value=0)
        return gradio.update(choices=sources, value=sources[0]), target, pitch, postfilter

    def choose_source(self, title: str, source: str, target: str | None) -> tuple[Any, Any]:
        """New target and postfilter controls for another source; the target stays where it can."""
        targets = [t for s, t in self.directions(title) if s == source]
        target = target if target in targets else targets[0]
        return gradio.update(choices=targets, value=target), self.choose_target(title, target)

    def choose_target(self, title: str, target: str) -> Any:
        """A new postfilter control for another target."""
        fitting = [NONE, *self.fitting(title, target)]
        return gradio.update(choices=fitting, value=NONE, visible=len(fitting) > 1)

    def directions(self, title: str) -> list[tuple[str, str]]:
        return self.models[title].config.data.directions()

    def fitting(self, title: str, target: str) -> list[str]:
        """Titles of the postfilters for this system and target.

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

    def take_example(self, number: int) -> tuple[int, np.ndarray]:
        wave, rate = read_upload(self.examples[number], self.limits)
        return rate, to_pcm(wave)


@functools.cache
def chain(first: Model, then: Model) -> Chain:
    return Chain([first.converter, then.converter])


def is_postfilter(model: Model) -> bool:
    """Whether source and target are one voice, before and after."""
    return model.config.data.normalise == "target"


def sample_rate(model: Model) -> int:
    return model.config.features.sample_rate  # type: ignore[attr-defined]


def takes_semitones(model: Model) -> bool:
    return model.config.features.kind == "world"  # type: ignore[attr-defined]


def find_recordings(folder: Path) -> list[Path]:
    """The audio files in `folder`, by name.

    Raises:
        UserError: no such folder, or no recording in it.
    """
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not found:
        raise UserError(f"{folder}: expected a folder with recordings ({', '.join(sorted(SUFFIXES))})")
    return found


def read_upload(path: str | os.PathLike[str], limits: Limits) -> tuple[np.ndarray, int]:
    """A visitor's file as a mono wave (N,) and its rate; what its header says is checked before the rest is read.

    Raises:
        UserError: not audio, or longer, larger or wider than a request may be.
    """
    size = os.path.getsize(path)
    if size == 0:
        raise UserError(f"{path}: the file is empty")
    if size > limits.max_bytes:
        raise UserError(f"{path}: {size / 2**20:.1f} MB; at most {limits.max_bytes / 2**20:.1f} MB are taken")
    try:
        info = soundfile.info(path)
    except (OSError, RuntimeError):
        raise UserError(f"{path}: cannot be read as audio; give a WAV, FLAC, Ogg or MP3 file") from None
    if not SLOWEST <= info.samplerate <= FASTEST or info.channels > MOST_CHANNELS:
        raise UserError(
            f"{path}: {info.channels} channel(s) at {info.samplerate} Hz; expected mono or stereo, "
            f"{SLOWEST} to {FASTEST} Hz"
        )
    seconds = info.frames / info.samplerate
    if seconds > limits.max_seconds:
        raise UserError(f"{path}: {seconds:.1f} s; at most {limits.max_seconds:g} s are converted here, cut it shorter")
    return read_wave(path)


def to_pcm(wave: np.ndarray) -> np.ndarray:
    """(N,) floats as 16-bit samples; a peak above 1 scales the whole down instead of being clipped."""
    return np.round(wave / max(1.0, float(np.abs(wave).max(initial=0))) * 32767).astype(np.int16)


def tell_time(result: Conversion) -> str:
    """One line: how long the conversion took, by stage."""
    spent = sum(result.seconds.values())
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.seconds.items())
    return (
        f"**{spent:.2f} s** for {result.audio_seconds:.1f} s of speech: {stages}. "
        f"Real-time factor {spent / result.audio_seconds:.2f}."
    )


def build_voice_tab(models: Sequence[Model], limits: Limits, folders: Sequence[Path] = ()) -> None:
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
            button = gradio.Button("Convert", variant="primary", elem_id="voice-convert")
        with gradio.Column(min_width=320):
            result = gradio.Audio(
                label="Result", interactive=False, format="wav", elem_id="voice-result", buttons=["download"]
            )
            times = gradio.Markdown(elem_id="voice-times")
            spectrograms = gradio.Plot(show_label=False, visible=False, elem_id="voice-spectrograms")
            curves = gradio.Plot(show_label=False, visible=False, elem_id="voice-f0")
    light: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    examples.click(polite(tab.take_example), examples, audio, **light)
    system.input(polite(tab.choose_model), system, [source, target, pitch, postfilter], **light)
    source.input(polite(tab.choose_source), [system, source, target], [target, postfilter], **light)
    target.input(polite(tab.choose_target), [system, target], postfilter, **light)
    button.click(
        polite(tab.convert), [audio, system, source, target, amount, pitch, postfilter],
        [result, times, spectrograms, curves], concurrency_limit=limits.concurrency, concurrency_id=QUEUE,
        show_progress_on=result, api_visibility="private",
    )  # fmt: skip


def _plain(update: dict[str, Any]) -> dict[str, Any]:
    """An update as arguments of a new component."""
    return {key: value for key, value in update.items() if key != "__type__"}
