"""List what `run.sh --part MODEL` can train of a modality, one model a line, with its facts for a shell.

    python local/list_parts.py speech|images
"""

import shlex
import sys
from pathlib import Path

from translate.jobs.describe import find_facts
from translate.models.settings import read_config

CONF = Path(__file__).resolve().parents[1] / "conf"


def find_parts(modality: str) -> dict[str, dict[str, str]]:
    """Facts by model, of every configuration that bears its model's name; those that start from another's run last."""
    parts = {}
    for path in sorted(CONF.glob("*.yaml")):                        # NAME_small.yaml comes after NAME.yaml
        name, facts = path.stem.removesuffix("_small"), find_facts(read_config(str(path), {}))
        if facts["modality"] == modality and facts["model"].rpartition(".")[2] == name:
            parts[name] = facts
    return dict(sorted(parts.items(), key=lambda part: bool(part[1]["starts_from"])))


if __name__ == "__main__":
    for name, facts in find_parts(sys.argv[1]).items():
        print(" ".join(f"fact_{key}={shlex.quote(value)}" for key, value in {"part": name, **facts}.items()))
