"""tools/count_house.py counts what it says, in files whose numbers are known."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOY = '''"""A model.

Deviations: none.
"""

# a comment
class Toy:
    """Another docstring."""

    paper = "Nobody"                                                # a comment behind code

    def build(self):
        text = """a string,
        which is code
        """
        return text
'''
VERB = '''if hasattr(run.config, "images"):
    pass
if config.data.batches == "paired":  # type: ignore[x]
    pass
'''
FILES = {
    "translate/api.py": "a = 1\nb = 2\n",
    "translate/jobs/train.py": VERB,
    "translate/models/speech/toy_vc.py": TOY,
    "translate/models/base.py": "class Model:\n    paper: str = ''\n",
    "tests/models/test_toy_vc.py": "toy_vc\n",
    "README.md": "toy_vc, features.kind\n",
    "docs/other.md": "cycletoy_vc toy_vc_small\n",
    "egs/mini/conf/toy_vc.yaml": "model: toy_vc\nnetwork:\n  channels: 4\n",
}


@pytest.fixture(scope="module")
def house():
    specification = importlib.util.spec_from_file_location("count_house", ROOT / "tools" / "count_house.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_lines_by_folder(house):
    assert house.count_folders(FILES) == {"translate": 2, "jobs": 4, "models": len(TOY.splitlines()) + 2}


def test_questions_are_counted_in_the_package_alone(house):
    assert house.count_questions(FILES) == 2
    assert house.count_matches(FILES, house.IGNORE) == 1


def test_files_called_after_a_model_may_name_it(house):
    assert house.list_naming(FILES, re.compile(r"\btoy_vc\b"), "toy_vc") == ["README.md"]


def test_code_is_what_is_left_without_docstrings_comments_and_blank_lines(house):
    assert list(house.list_models(FILES)) == ["translate/models/speech/toy_vc.py"]
    assert house.count_code(TOY) == 7


def test_columns_that_lack_a_row_stay_empty(house):
    table = house.make_table({"old": {f"{house.FOLDER}data/`": "3"}, "new": {f"{house.FOLDER}corpus/`": "4"}})
    assert table.splitlines()[2:] == [f"| {house.FOLDER}corpus/` |  | 4 |", f"| {house.FOLDER}data/` | 3 |  |"]


def test_a_commit_of_the_repository_is_read_whole(house, tmp_path, monkeypatch):
    (tmp_path / "sound.wav").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "page.md").write_text("words\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr(house, "ROOT", tmp_path)
    assert house.read_commit("HEAD") == {"page.md": "words\n"}
    with pytest.raises(SystemExit, match="nowhere"):
        house.read_commit("nowhere")
