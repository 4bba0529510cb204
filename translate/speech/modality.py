"""The modality of speech; see `translate.jobs.modality.Modality`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from translate.config import Section
from translate.corpus.development import TRAIN, set_aside
from translate.corpus.manifest import AUDIO, Entry, import_kaldi, scan_folders
from translate.errors import UserError
from translate.speech.options import RecordingConversion, SpeechEvaluation

if TYPE_CHECKING:
    import torch

    from translate.checkpoints.opening import Opened
    from translate.models.base import Model, SpeechModel
    from translate.models.description import Description
    from translate.speech.conversion.chain import Chain
    from translate.speech.conversion.converter import SpeechConverter
    from translate.speech.conversion.features import FeatureConverter
    from translate.speech.corpus.doctor import Report
    from translate.training.material import Material


class Speech:
    """Recordings, in folders by domain or listed by Kaldi."""

    name = "speech"
    suffixes = frozenset(AUDIO)
    noun = "speech"
    material = "features"
    chains = True
    pipes = True
    conversion: type[Section] = RecordingConversion
    generation: type[Section] = Section
    evaluation: type[Section] = SpeechEvaluation
    measured: Section = RecordingConversion(features=True)

    def list_layouts(self) -> Sequence[str]:
        return ()

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
        if not (corpus / "wav.scp").exists():
            entries = scan_folders(corpus, domains, train, evaluation, dev=dev or ())
            return set_aside(entries, None if dev is None else ())
        if split == TRAIN:
            return set_aside(import_kaldi(corpus, split), dev)
        if dev:
            raise UserError(f"--dev: its sentences are set aside from `train`; leave it out for `{split}`")
        return import_kaldi(corpus, split)

    def examine(self, folder: Path, layout: str, jobs: int) -> "Report":
        from translate.speech.corpus.doctor import examine

        return examine(folder, jobs)

    def extract(self, entries: Sequence[Entry], config: "Model", out: Path, jobs: int, cluster: str) -> None:
        from translate.speech.corpus.features import extract

        extract(list(entries), cast("SpeechModel", config).features, out, jobs, cluster=cluster)

    def open(self, config: "Model", data: Path, device: "torch.device") -> "Material":
        from translate.speech.material import open_voices

        return open_voices(cast("SpeechModel", config), data, device)

    def check(self, checkpoint: Path, config: "Model") -> None:
        from translate.speech.conversion.open import read_statistics

        read_statistics(checkpoint, cast("SpeechModel", config))

    def converter(self, opened: "Opened") -> "FeatureConverter[Any]":
        from translate.speech.conversion.open import open_speech

        return open_speech(opened)

    def maker(self, opened: "Opened") -> Any:
        return opened.noise                                         # raises: no model of speech begins with noise

    def generate(self, maker: Any, out: Path, options: Section) -> dict[str, float]:
        raise UserError("no model of speech makes samples from noise")

    def chain(self, converters: Sequence[Any]) -> "Chain":
        from translate.speech.conversion.chain import Chain

        return Chain(converters)

    def convert(
        self,
        converter: "SpeechConverter",
        given: Path,
        out: Path,
        source: str | None,
        target: str | None,
        options: Section,
    ) -> dict[str, float]:
        from translate.speech.convert import convert_recordings

        return convert_recordings(converter, given, out, source, target, **dict(options))

    def pipe(
        self,
        converter: "SpeechConverter",
        given: BinaryIO,
        out: BinaryIO,
        source: str | None,
        target: str | None,
        options: Section,
        **how: Any,
    ) -> str:
        from translate.speech.streaming.pipe import pass_through

        return pass_through(converter, given, out, source, target, options, **how)

    def summarise(self, seconds: Mapping[str, float]) -> str:
        spent = sum(value for stage, value in seconds.items() if stage != "audio")
        return f"{seconds['audio']:.1f} s of speech in {spent:.1f} s (RTF {spent / seconds['audio']:.3f})"

    def evaluate(
        self, run: Path, config: "Model | None", evaluation: Path, training: Path, options: Section, jobs: int
    ) -> dict[str, Any]:
        from translate.speech.evaluate import evaluate_recordings

        return evaluate_recordings(run, evaluation, training, jobs=jobs, **dict(options))

    def tabulate(self, results: Mapping[str, Any]) -> str:
        from translate.speech.measures.tables import format_table

        return format_table(results)

    def describe(self, config: "Model") -> "Description":
        return config.describe()
