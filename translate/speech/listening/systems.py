"""What a page plays: the sentences that all runs converted, and of each the source, baselines, models and target."""

import logging
import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from translate.checkpoints.store import find_run_config
from translate.corpus.directions import Direction, read_direction
from translate.corpus.manifest import Entry, read_manifest
from translate.errors import UserError
from translate.speech.options import ListeningPage

log = logging.getLogger("translate")

Found = dict[Direction, dict[str, Path]]                            # the converted waves of a run by id


@dataclass(frozen=True)
class Sentence:
    """One sentence that is listened to.

    Attributes:
        id: name of the source's recording.
        source, target: domains.
        converted: waves of the models, by their titles.
        natural: recording by the source; None without a manifest.
        spoken: the same sentence by the target; None where there is none.
        reference: another recording of the target, if there is one; None without any.
    """

    id: str
    source: str
    target: str
    converted: Mapping[str, Path]
    natural: Path | None = None
    spoken: Path | None = None
    reference: Path | None = None

    @property
    def title(self) -> str:
        """What a page and a key call it."""
        return f"{self.source} → {self.target}, {self.id}"


def title_runs(runs: Sequence[Path], taken: Collection[str]) -> list[str]:
    """Return a title for every run: the shortest ends of their paths that differ from one another and from `taken`.

    Raises:
        UserError: a run is given twice.
    """
    paths = [Path(os.path.abspath(run)) for run in runs]
    if twice := next((run for run, path in zip(runs, paths, strict=True) if paths.count(path) > 1), None):
        raise UserError(f"{twice}: given twice")
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        titles = ["/".join(path.parts[1:][-depth:]) for path in paths]
        if len(set(titles)) == len(titles) and not set(titles) & set(taken):
            return titles
    raise UserError(f"{runs[0]}: takes the name of a baseline; rename the folder")


def find_sentences(
    runs: Mapping[str, Path], evaluation: Path | None, options: ListeningPage
) -> list[Sentence]:
    """Choose the sentences of a page among those that every run has in `converted/<source>-<target>/`.

    All directions have as many as each other, if they can, and their sentences lie evenly among those that there are.

    Args:
        runs: their folders by title.
        evaluation: manifest of natural recordings; None: only the models are heard.
        options: options of the page; `sentences`, `source` and `target` are read here.

    Raises:
        UserError: nothing that all runs converted, or waves that the manifest does not explain.
    """
    natural = read_manifest(evaluation) if evaluation else []
    found = {title: _find_converted(run, natural) for title, run in runs.items()}
    common = _intersect(found)
    if not common:
        each = "; ".join(f"{runs[title]}: {_name_directions(one)}" for title, one in found.items())
        raise UserError(f"there is no sentence that all runs converted ({each})")
    chosen = {
        direction: ids for direction, ids in common.items()
        if options.source in (None, direction[0]) and options.target in (None, direction[1])
    }  # fmt: skip
    if not chosen:
        raise UserError(f"source and target: no such direction; the runs have {_name_directions(common)}")
    sentences = {
        direction: _explain(direction, ids, found, natural, evaluation) for direction, ids in chosen.items()
    }
    if any(one.spoken for of_direction in sentences.values() for one in of_direction):
        sentences = {key: spoken for key, value in sentences.items() if (spoken := [s for s in value if s.spoken])}
    return _spread(sentences, options.sentences)


def _find_converted(run: Path, natural: Sequence[Entry]) -> Found:
    folders = sorted(path for path in (run / "converted").glob("*-*") if path.is_dir())
    if not folders:
        command = f"translate convert {run} data/eval.jsonl {run / 'converted'} --all"
        raise UserError(f"{run / 'converted'}: no folder <source>-<target>; first run `{command}`")
    config = find_run_config(run)
    if config is not None and config.modality != "speech":
        raise UserError(f"{run}: `{config.model}` is no model of speech; there is nothing to listen to")
    domains = {entry.domain for entry in natural} | set(config.data.domains if config is not None else ())
    if not domains:
        raise UserError(f"{run}: has no checkpoint that names its domains; give the manifest: --eval data/eval.jsonl")
    found = {}
    for folder in folders:
        waves = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.wav"))}
        if waves:
            found[read_direction(folder, domains)] = waves
    if not found:
        raise UserError(f"{run / 'converted'}: holds no converted wave")
    return found


def _intersect(found: Mapping[str, Found]) -> dict[Direction, list[str]]:
    first, *others = found.values()
    common = {}
    for direction, waves in first.items():
        ids = [id for id in waves if all(id in other.get(direction, {}) for other in others)]
        if ids:
            common[direction] = ids
    return common


def _explain(
    direction: Direction,
    ids: Sequence[str],
    found: Mapping[str, Found],
    natural: Sequence[Entry],
    evaluation: Path | None,
) -> list[Sentence]:
    """Find the recordings of every sentence of a direction."""
    source, target = direction
    by_source = {entry.id: entry for entry in natural if entry.domain == source}
    targets = [entry for entry in natural if entry.domain == target]
    by_pair = {entry.pair: entry for entry in targets if entry.pair}
    sentences = []
    for number, id in enumerate(ids):
        converted = {title: one[direction][id] for title, one in found.items()}
        if evaluation is None:
            sentences.append(Sentence(id, source, target, converted))
            continue
        if id not in by_source:
            path = next(iter(converted.values()))
            raise UserError(f"{path}: the manifest {evaluation} has no recording `{id}` of {source}")
        pair = by_source[id].pair
        spoken = by_pair.get(pair) if pair else None
        others = [entry for entry in targets if entry is not spoken] or targets
        sentences.append(
            Sentence(
                id,
                source,
                target,
                converted,
                natural=by_source[id].path,
                spoken=spoken.path if spoken else None,
                reference=others[number % len(others)].path if others else None,
            )
        )
    return sentences


def _spread(sentences: Mapping[Direction, Sequence[Sentence]], most: int) -> list[Sentence]:
    counts: dict[Direction, int] = defaultdict(int)
    left = min(most, sum(map(len, sentences.values())))
    while left:
        for direction, of_direction in sentences.items():
            if left and counts[direction] < len(of_direction):
                counts[direction] += 1
                left -= 1
    return [
        sentences[direction][place * len(sentences[direction]) // count]
        for direction, count in counts.items()
        for place in range(count)
    ]


def _name_directions(directions: Collection[Direction]) -> str:
    return ", ".join(f"{source} to {target}" for source, target in directions)
