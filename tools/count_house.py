#!/usr/bin/env python
"""Count what a redesign of the code should make less of, in one or several commits side by side.

    python tools/count_house.py 3f48475 HEAD

Prints Markdown. Only files that git tracks are counted.
"""

import argparse
import ast
import io
import re
import subprocess
import tarfile
import tokenize
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
Files = Mapping[str, str]                                           # text by path
FOLDER = "lines of Python in `"                                     # opens the rows of folders

# Questions after the kind of data, which a verb should put to a modality.
QUESTION = re.compile(
    r'hasattr\((\w+\.)*config, "(images|features)"\)'
    r"|isinstance\([^)]*(ImageConverter|SpeechConverter|ImageConfig|WorldConfig|WaveConfig|StftConfig|FeatureConverter)"
    r"|features\.kind|data\.batches [=!]="
)
IGNORE = re.compile(r"type: *ignore")
EXAMPLE = re.compile(r"\bgan[_]vc\b")                               # in brackets, so that this file does not name it
MODEL = re.compile(r"^(Deviations|PAPER = | {4}paper = )", re.MULTILINE)


def read_commit(commit: str) -> dict[str, str]:
    """Every text file of a commit.

    Raises:
        SystemExit: git does not know the commit.
    """
    packed = subprocess.run(["git", "archive", commit, "--"], cwd=ROOT, capture_output=True)
    if packed.returncode:
        raise SystemExit(f"{commit}: {packed.stderr.decode().strip()}")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                try:
                    files[member.name] = content.read().decode()
                except UnicodeDecodeError:
                    continue                                        # audio, images, weights
    return files


def count_folders(files: Files) -> Counter[str]:
    """Lines of Python by folder of translate/; files beside the folders count as `translate`."""
    lines: Counter[str] = Counter()
    for path, text in select(files, "translate/", ".py").items():
        parts = PurePosixPath(path).parts
        lines[parts[1] if len(parts) > 2 else "translate"] += len(text.splitlines())
    return lines


def count_questions(files: Files) -> int:
    """Lines of translate/ that ask what kind of data they have."""
    return count_matches(select(files, "translate/"), QUESTION)


def count_matches(files: Files, pattern: re.Pattern[str]) -> int:
    """Lines in which a pattern occurs."""
    return sum(bool(pattern.search(line)) for text in files.values() for line in text.splitlines())


def list_naming(files: Files, pattern: re.Pattern[str], own: str) -> list[str]:
    """The files that name a model, without those that are called after it."""
    return [path for path, text in files.items() if own not in PurePosixPath(path).stem and pattern.search(text)]


def list_models(files: Files) -> dict[str, str]:
    """The files of models: those below translate/models/ that name a paper, or deviations from one."""
    modules = select(files, "translate/models/", ".py")
    return {path: text for path, text in modules.items() if MODEL.search(text)}


def count_code(source: str) -> int:
    """Lines of Python without docstrings, comments and blank lines."""
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def select(files: Files, start: str, suffix: str = "") -> dict[str, str]:
    return {path: text for path, text in files.items() if path.startswith(start) and path.endswith(suffix)}


def count(files: Files) -> dict[str, str]:
    """The rows of a commit: what is counted, and how much there is of it."""
    folders = count_folders(files)
    naming = list_naming(files, EXAMPLE, "gan" + "_vc")
    models = list_models(files).values()
    settings = select(files, "egs/", ".yaml").values()
    return {
        **{f"{FOLDER}{name}/`": f"{lines:,}" for name, lines in folders.items() if name != "translate"},
        "lines of Python beside these folders": f"{folders['translate']:,}",
        "lines of Python in all": f"{sum(folders.values()):,}",
        "questions after the kind of data": str(count_questions(files)),
        "files that name GAN-VC by its key, besides its own": str(len(naming)),
        "of these in `translate/`": str(sum(path.startswith("translate/") for path in naming)),
        "comments that silence mypy": str(count_matches(files, IGNORE)),
        "median file of a model, lines of code": f"{median(count_code(text) for text in models):g}",
        "median file of a model, all lines": f"{median(len(text.splitlines()) for text in models):g}",
        "lines of configurations in `egs/`": f"{sum(len(text.splitlines()) for text in settings):,}",
    }


def make_table(columns: Mapping[str, Mapping[str, str]]) -> str:
    """Markdown: a row for everything counted, folders first; a column for each commit."""
    rows = list(dict.fromkeys(row for column in columns.values() for row in column))
    folders = sorted(row for row in rows if row.startswith(FOLDER))
    rows = [*folders, *(row for row in rows if row not in folders)]
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    lines += [f"| {row} | {' | '.join(column.get(row, '') for column in columns.values())} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="+", metavar="COMMIT")
    given = parser.parse_args()
    print(make_table({commit: count(read_commit(commit)) for commit in given.commits}))


if __name__ == "__main__":
    main()
