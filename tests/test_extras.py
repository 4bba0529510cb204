"""The optional dependencies: what installs them knows all of them."""

import re
from pathlib import Path

from translate.speech.measures.instruments import HOW

ROOT = Path(__file__).parent.parent
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
SETUP = (ROOT / "tools" / "setup.sh").read_text(encoding="utf-8")


def test_setup_names_every_extra():
    section = PROJECT.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = re.findall(r"^(\w+) = \[", section, re.MULTILINE)
    assert "listen" in extras
    assert sorted(re.search(r"extras: (.+)", SETUP)[1].split(", ")) == sorted(extras)


def test_what_is_installed_beside_an_extra():
    """Both ways to the listening instruments take the same release."""
    found = re.search(r"\*,listen,\*\|\*,test,\*\)\n(?:.*\n){1,2}.*--no-deps 'resemblyzer==([\d.]+)'", SETUP)
    assert found[1] == "0.1.4"
    assert HOW.startswith("bash tools/setup.sh listen, or pip install -e '.[listen]' and ")
    assert "pip install --no-deps resemblyzer==0.1.4" in HOW
