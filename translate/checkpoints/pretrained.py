"""The trained models that come with the repository: shared checkpoints in `pretrained/`."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "pretrained"

# The order in which they are shown; others follow by name.
ORDER = (
    "cyclegan_vc2-SF1-TM1", "cyclegan_vc2-SM1-TF1", "stargan_vc2-fsdd", "gan_postfilter-TM1",
    "srresnet-x2", "srgan-x4", "pix2pix-drawing", "cyclegan-textures", "stargan-textures", "spade-colours",
    "pix2pixhd-colours",
)  # fmt: skip


def list_pretrained(folder: Path = FOLDER) -> dict[str, Path]:
    """List the shared checkpoints in `folder` by name, voices first; empty where there are none.

    A package that was installed without the repository around it has none.
    """
    names = [path.parent.name for path in folder.glob("*/config.yaml")]
    ranks = {name: rank for rank, name in enumerate(ORDER)}
    return {name: folder / name for name in sorted(names, key=lambda name: (ranks.get(name, len(ORDER)), name))}
