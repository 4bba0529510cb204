"""Domain translation of speech and images with adversarial networks, on one shared core.

    import translate
    model = translate.load("exp/cyclegan_vc2/latest")
    converted, rate = model.convert(wave, rate, source="SF1", target="TM1")
"""

import warnings
from typing import TYPE_CHECKING

from translate.version import __version__

if TYPE_CHECKING:
    from translate.inference.load import load

__all__ = ["__version__", "load"]

# pyworld's import speaks of this on every start; pyproject.toml holds setuptools back for it.
warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)


def __getattr__(name: str) -> object:
    if name == "load":  # torch takes seconds to import; nobody waits for it before it is needed
        from translate.inference.load import load

        return load
    raise AttributeError(f"module 'translate' has no attribute '{name}'")
