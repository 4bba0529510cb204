"""What listeners answered on a blind page, read with its key."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from translate.config import Section
from translate.config.reading import validate
from translate.errors import UserError
from translate.names import show

COLUMNS = ["page", "listener", "trial", "test", "question", "answer"]
SCALES = ("naturalness", "similarity")                              # questions that are answered from 1 to 5
LARGEST = 20 * 2**20                                                # bytes of a file


class AbxTrial(Section):
    """What the sounds of an ABX trial were."""

    test: Literal["abx"]
    sentence: str
    a: str
    b: str
    x: Literal["A", "B"]


class MosTrial(Section):
    """What was rated."""

    test: Literal["mos"]
    sentence: str
    system: str


class Key(Section):
    """The key of a page: what its trials hide."""

    page: str
    systems: list[str] = Field(min_length=1)                        # in the order of tables
    trials: dict[str, AbxTrial | MosTrial]


class Judgement(NamedTuple):
    """One answer of an ABX test.

    Attributes:
        pair: the two systems, in the order of tables.
        listener: name or code.
        right: whether X was recognised.
    """

    pair: tuple[str, str]
    listener: str
    right: bool


class Rating(NamedTuple):
    """One answer on a scale.

    Attributes:
        system: title.
        question: one of `SCALES`.
        listener: name or code.
        sentence: title.
        score: 1 to 5.
    """

    system: str
    question: str
    listener: str
    sentence: str
    score: int


def read_key(path: Path) -> Key:
    """Read key.json of a page; raise `UserError` for anything else."""
    try:
        values = json.loads(_read(path))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected the key.json of a blind page")
    key = validate(Key, values, str(path))
    for id, trial in key.trials.items():
        systems = {trial.a, trial.b} if isinstance(trial, AbxTrial) else {trial.system}
        if unknown := systems - set(key.systems):
            raise UserError(f"{path}: trial {show(id)} has {show(unknown.pop())}, which is none of `systems`")
    return key


def read_answers(paths: Sequence[Path], key: Key) -> tuple[list[Judgement], list[Rating]]:
    """Read the answers of any number of listeners.

    Raises:
        UserError: with file and line, for what is no such file, answers to another page or to no trial of the key, an
            answer that its question does not have, or one that the listener has given already.
    """
    judgements, ratings = [], []
    seen: dict[tuple[str, str, str], str] = {}
    for path in paths:
        rows = csv.reader(io.StringIO(_read(path)))
        try:
            if next(rows, None) != COLUMNS:
                raise UserError(f"{path}: expected the columns {','.join(COLUMNS)}, as a blind page saves them")
            for row in rows:
                where = f"{path}:{rows.line_num}"
                answer = _parse(row, key, where)
                listener, trial, question = row[1], row[2], row[4]
                first = seen.setdefault((listener, trial, question), where)
                if first != where:
                    raise UserError(f"{where}: {show(listener)} has answered this already, in {first}")
                judgements += [answer] if isinstance(answer, Judgement) else []
                ratings += [answer] if isinstance(answer, Rating) else []
        except csv.Error as error:
            raise UserError(f"{path}:{rows.line_num}: no CSV ({error})") from None
    if not seen:
        raise UserError(f"{', '.join(map(str, paths))}: no answers")
    return judgements, ratings


def _parse(row: Sequence[str], key: Key, where: str) -> Judgement | Rating:
    if len(row) != len(COLUMNS):
        raise UserError(f"{where}: {len(row)} columns; expected {','.join(COLUMNS)}")
    page, listener, id, test, question, answer = row
    if page != key.page:
        raise UserError(f"{where}: answers to the page {show(page)}; the key is that of {key.page}")
    trial = key.trials.get(id)
    if trial is None or trial.test != test:
        raise UserError(f"{where}: the key has no trial {show(id)} of the test {show(test)}")
    if isinstance(trial, AbxTrial):
        if question != "x" or answer not in ("A", "B"):
            raise UserError(f"{where}: {show(question)} is {show(answer)}; expected x, and A or B")
        first, second = sorted((trial.a, trial.b), key=key.systems.index)
        return Judgement((first, second), listener, answer == trial.x)
    if question not in SCALES or answer not in ("1", "2", "3", "4", "5"):
        raise UserError(f"{where}: {show(question)} is {show(answer)}; expected {' or '.join(SCALES)}, and 1 to 5")
    return Rating(trial.system, question, listener, trial.sentence, int(answer))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UserError(f"{path}: more than {LARGEST >> 20} MiB")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: expected UTF-8 text") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror or error})") from None
