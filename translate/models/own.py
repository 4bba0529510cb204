"""The user's own networks and losses inside a model of the toolkit, named by dotted paths in the section `own`.

    own:
      networks:
        generator: my_parts.make_generator      # called with the configuration, once per network that it replaces
      losses:
        generator:
          my_parts.roughness: 0.5               # called as roughness(batch, fakes); the weight may have an `until`

A network has the inputs and outputs of the one that it replaces. A loss gets the batch and the fakes of the step, by
the domain that they should belong to, and returns a 0-dim tensor; its path is its name in the log.
"""

import importlib
from typing import Any

from torch import nn

from translate.config import OwnConfig
from translate.errors import UserError
from translate.games.base import Game


def plug_in(game: Game, own: OwnConfig, config: Any) -> None:
    """Put the networks and losses that `own` names into a game with fresh weights.

    Args:
        game: game, changed in place.
        own: section `own` of `config`.
        config: configuration, passed to the functions that make networks.

    Raises:
        UserError: a path that names nothing, or a player or a network that the model does not have.
    """
    for place, path in own.networks.items():
        make = find_object(path, f"own.networks.{place}")
        for player, name in _find_networks(game, place):
            network = make(config)
            if not isinstance(network, nn.Module):
                kind = type(network).__name__
                raise UserError(f"`own.networks.{place}`: {path} returned a {kind}, expected a torch.nn.Module")
            networks = game.players[player] if name else game.players
            networks[name or player] = network  # type: ignore[index,operator]
    for player, losses in own.losses.items():
        if player not in game.players:
            raise UserError(f"`own.losses.{player}`: no such player; known: {', '.join(game.players)}")
        weights = dict(game.weights[player])
        for path, weight in losses.items():
            game.own_losses.setdefault(player, {})[path] = find_object(path, f"own.losses.{player}")
            weights[path] = weight
        game.weights = {**game.weights, player: weights}


def find_object(path: str, key: str) -> Any:
    """Import the function or class at the dotted `path`; raise `UserError`, naming `key`, where there is none."""
    module, _, name = path.rpartition(".")
    if not module or not all(part.isidentifier() for part in path.split(".")):
        raise UserError(f"`{key}` is `{path}`: expected the dotted path of a function, such as my_package.my_function")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # the module exists, but its own import fails: its author needs the traceback
        raise UserError(f"`{key}` is `{path}`: cannot import `{error.name}`; is it on PYTHONPATH?") from None
    except AttributeError:
        raise UserError(f"`{key}` is `{path}`: the module `{module}` has no `{name}`") from None


def _find_networks(game: Game, place: str) -> list[tuple[str, str]]:
    """Return (player, name) of the networks at `place`: all of a player, or one of them (`generator.to_target`)."""
    player, _, name = place.partition(".")
    known = {key: list(game.networks(key)) for key in game.players}
    if player not in known or (name and name not in known[player]):
        places = []
        for key, names in known.items():
            places += [key, *(f"{key}.{name}" for name in names if name)]
        raise UserError(f"`own.networks.{place}`: no such network; known: {', '.join(places)}")
    return [(player, one) for one in ([name] if name else known[player])]
