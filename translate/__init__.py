"""Domain translation of speech and images with adversarial networks, on one shared core.

    import translate
    model = translate.load("exp/cyclegan_vc2")
    converted, rate = model.convert(wave, rate, source="SF1", target="TM1")

The functions are described in `translate.api`.
"""

import os
import sys
import warnings
from typing import TYPE_CHECKING

from translate.errors import UserError
from translate.version import __version__

if TYPE_CHECKING:
    from translate.api import analyse, convert, evaluate, generate, load, stream, synthesise, train

__all__ = [
    "UserError",
    "__version__",
    "analyse",
    "convert",
    "evaluate",
    "generate",
    "load",
    "stream",
    "synthesise",
    "train",
]

# By default, waiting OpenMP threads spin, which makes a training beside other work many times slower. OpenMP reads this
# once, when torch is imported; a value that the user has set stays. Worker processes inherit it.
if "torch" not in sys.modules and not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

# pyworld's import warns of this on every start; pyproject.toml pins setuptools for it.
warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)


def __getattr__(name: str) -> object:
    if name in __all__:  # torch takes seconds to import: only on first use
        import translate.api

        return getattr(translate.api, name)
    raise AttributeError(f"module 'translate' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
