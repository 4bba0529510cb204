"""Models by name. A file in `models/speech/` or `models/images/` is listed by being there."""

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from translate.config import lay_over, merge
from translate.errors import UserError
from translate.games.base import Game
from translate.models.base import Model
from translate.models.own import plug_in


def _list_names() -> dict[str, str]:
    """Return the path of each model's module by name, which is that of the file; nothing is imported."""
    folder = Path(__file__).parent
    packages = sorted(path.parent.name for path in folder.glob("*/__init__.py"))
    return {
        module.name: f"translate.models.{package}.{module.name}"
        for package in packages
        for module in pkgutil.iter_modules([str(folder / package)])
    }


NAMES: Mapping[str, str] = _list_names()


def find_model(name: str) -> type[Model]:
    """Return the class of a model.

    Args:
        name: one of `NAMES`; or, for a model of your own, the dotted path of its module or class on PYTHONPATH.

    Raises:
        UserError: no such model, or the module defines none or several.
    """
    former = name.removeprefix("translate.models.")                 # checkpoints of version 1 may have this prefix
    path = NAMES.get(former, name)
    if path == name and "." not in name and not (name.isidentifier() and importlib.util.find_spec(name)):
        nearest = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.4)
        hint = f"did you mean `{nearest[0]}`?" if nearest else f"known: {', '.join(NAMES)}"
        raise UserError(f"unknown model `{name}`; {hint} (your own: the path of a module on PYTHONPATH)")
    if not all(part.isidentifier() for part in path.split(".")):
        raise UserError(f"model `{name}`: expected the dotted path of a module, such as my_package.my_model")
    module, _, last = path.rpartition(".")
    try:
        found = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name == path and module:
            owner = _import(module, name)
            if hasattr(owner, last):
                return _check(getattr(owner, last), name)           # the path of a class
            if not hasattr(owner, "__path__"):                      # else a module of a package may be meant
                raise UserError(_tell_missing(owner, last, name)) from None
        raise _explain(error, path, name) from None
    return _pick(found, name)


def _tell_missing(module: ModuleType, last: str, name: str) -> str:
    """Say that a module has no such class; name the nearest one of its own models."""
    own = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Model)]
    nearest = difflib.get_close_matches(last, own, n=1, cutoff=0.4)
    hint = f"; did you mean `{module.__name__}.{nearest[0]}`?" if nearest else ""
    return f"model `{name}`: the module `{module.__name__}` has no `{last}`{hint}"


def _import(path: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        raise _explain(error, path, name) from None


def _explain(error: ModuleNotFoundError, path: str, name: str) -> Exception:
    """Return the error to raise: the author of a module whose own import fails needs the traceback."""
    if not f"{path}.".startswith(f"{error.name}."):
        return error
    return UserError(f"model `{name}`: cannot import `{error.name}`; is it on PYTHONPATH?")


def _pick(module: ModuleType, name: str) -> type[Model]:
    """Return the one model that a module defines."""
    found = [
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Model) and value.__module__ == module.__name__
    ]  # fmt: skip
    if not found:
        raise UserError(f"model `{name}`: the module defines no subclass of a `Model`; see docs/add-a-model.md")
    bases = {base for one in found for base in one.__mro__[1:]}
    leaves = [one for one in found if one not in bases]
    if len(leaves) > 1:
        names = ", ".join(f"{name}.{one.__name__}" for one in leaves)
        raise UserError(f"model `{name}`: the module defines several models; name one: {names}")
    return leaves[0]


def _check(value: Any, name: str) -> type[Model]:
    if not (isinstance(value, type) and issubclass(value, Model)):
        raise UserError(f"model `{name}`: expected a subclass of a `Model`; see docs/add-a-model.md")
    return value


def list_models() -> dict[str, type[Model]]:
    """Return every model of the toolkit by name."""
    return {name: find_model(name) for name in NAMES}


def build(config: Model) -> Game:
    """Build the game of a configuration, with the networks and losses of its section `own`.

    Weights are drawn from torch's global random numbers.
    """
    game = config.build()
    plug_in(game, config.own, config)
    return game


def find_defaults(name: str) -> dict[str, Any]:
    """Return all settings of a model that have defaults, nested."""
    model = find_model(name)
    if missing := sorted(getattr(model, "__abstractmethods__", ())):
        raise UserError(f"model `{name}`: {model.__name__} lacks `{'`, `'.join(missing)}`; see docs/add-a-model.md")
    return model.model_construct(model=name).model_dump()  # type: ignore[call-arg]


def resolve(values: dict[str, Any], where: str) -> Model:
    """Lay `values` over the defaults of the model that they name and validate the whole.

    Args:
        values: nested settings as read from YAML; `model` is required.
        where: origin of the values for error messages, such as the file's name.

    Raises:
        UserError: no such model, a key that it does not have, a value out of its range.
    """
    name = values.get("model")
    if not isinstance(name, str):
        raise UserError(f"{where}: `model` is required: one of {', '.join(NAMES)}, or a dotted path")
    return lay_over(find_model(name), find_defaults(name), values, where)


def resolve_saved(values: dict[str, Any], where: str) -> Model:
    """Resolve the configuration of a checkpoint, as `resolve` does that of a new run.

    A checkpoint has the values of all settings. One that it lacks is younger than it and has the value that such runs
    were trained with, which may not be the default (`Model.former`).
    """
    name = values.get("model")
    former = find_model(name).former if isinstance(name, str) else {}
    return resolve(merge(dict(former), values), where)
