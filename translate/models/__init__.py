"""The systems of the literature, one file each: `Config` with the paper's numbers, `build(config)`, `TASK`, `PAPER`.

A user's own system is a module with the same names, called by its dotted path: `model: my_package.my_system`.
"""

import difflib
import importlib
import importlib.util
from types import ModuleType
from typing import Any

from translate.config import SystemConfig, merge, validate
from translate.errors import UserError
from translate.games.base import Translator
from translate.models.own import plug_in

SYSTEMS = {
    "cyclegan_vc": "translate.models.cyclegan_vc",
    "cyclegan_vc2": "translate.models.cyclegan_vc2",
    "pix2pix": "translate.models.pix2pix",
    "pix2pixhd": "translate.models.pix2pixhd",
    "spade": "translate.models.spade",
    "srresnet": "translate.models.srresnet",
    "srgan": "translate.models.srgan",
    "cyclegan": "translate.models.cyclegan",
    "stargan": "translate.models.stargan",
    "stargan_vc": "translate.models.stargan_vc",
    "stargan_vc2": "translate.models.stargan_vc2",
    "mse_vc": "translate.models.mse_vc",
    "gan_vc": "translate.models.gan_vc",
    "gan_postfilter": "translate.models.gan_postfilter",
    "stft_postfilter": "translate.models.stft_postfilter",
    "wavecyclegan": "translate.models.wavecyclegan",
    "wavecyclegan2": "translate.models.wavecyclegan2",
}


def find_system(name: str) -> ModuleType:
    """The module of a system, by its name in `SYSTEMS` or by the path of a module on PYTHONPATH."""
    if name not in SYSTEMS and "." not in name and not (name.isidentifier() and importlib.util.find_spec(name)):
        nearest = difflib.get_close_matches(name, SYSTEMS, n=1, cutoff=0.4)
        hint = f"did you mean `{nearest[0]}`?" if nearest else f"known: {', '.join(SYSTEMS)}"
        raise UserError(f"unknown model `{name}`; {hint} (your own: the path of a module on PYTHONPATH)")
    path = SYSTEMS.get(name, name)
    if not all(part.isidentifier() for part in path.split(".")):
        raise UserError(f"model `{name}`: expected the dotted path of a module, such as my_package.my_system")
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if not f"{path}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports what is not: its author needs the traceback
        raise UserError(f"model `{name}`: cannot import `{error.name}`; is it on PYTHONPATH?") from None
    missing = [attribute for attribute in ("Config", "build") if not hasattr(module, attribute)]
    if missing:
        raise UserError(f"model `{name}`: the module lacks `{'` and `'.join(missing)}`; see docs/add-a-model.md")
    return module


def build(config: SystemConfig) -> Translator:
    """The translator of a configuration, with what its section `own` names; weights from torch's random numbers."""
    translator: Translator = find_system(config.model).build(config)
    plug_in(translator, config.own, config)
    return translator


def resolve(values: dict[str, Any], where: str) -> SystemConfig:
    """Lay `values` over the defaults of the system that they name and validate the whole.

    Args:
        values: nested keys as read from YAML; `model` is required.
        where: what to blame in an error message, such as the file's name.
    """
    name = values.get("model")
    if not isinstance(name, str):
        raise UserError(f"{where}: `model` is required: one of {', '.join(SYSTEMS)}, or a dotted path")
    config = find_system(name).Config
    defaults = config.model_construct(model=name).model_dump()  # without the keys that have none
    return validate(config, merge(defaults, values), where)
