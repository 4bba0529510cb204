"""The contract between a system and the trainer."""

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from translate.config import LossWeight, PlayerConfig, Section

Batch = dict[str, Tensor]
Turn = tuple[str, dict[str, Tensor]]


class Translator(nn.Module):
    """Networks grouped into players, and the training step that they play.

    A *player* is a named set of networks with one optimiser, one schedule and one dictionary of loss weights.
    Everything that the trainer and the checkpoints do derives from `players`.

    Args:
        players: networks by player, in the order in which the players take their turns.
        weights: per player the weight of each of its losses; the keys name the losses everywhere.
    """

    def __init__(self, players: Mapping[str, nn.Module], weights: Mapping[str, Mapping[str, LossWeight]]):
        super().__init__()
        self.players = nn.ModuleDict(players)
        self.weights = weights
        self.monitors: dict[str, Tensor] = {}  # quantities worth logging that nobody minimises

    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        """Yield `(player, {loss name: 0-dim tensor})` in the order of the updates.

        The trainer weights and sums the losses, back-propagates into that player's parameters alone and steps its
        optimiser before it resumes the generator; so what follows a `yield` sees the updated player. A loss whose
        weight is 0 at this step (`active`) must not be computed.
        """
        raise NotImplementedError

    def translate(self, x: Tensor, source: str, target: str) -> Tensor:
        """Map `x` (B, C, *S) of any size from the domain `source` to the domain `target`."""
        raise NotImplementedError

    def active(self, player: str, loss: str, step: int) -> bool:
        """Whether the loss has a weight above 0 at this step."""
        return loss in self.weights[player] and self.weights[player][loss].at(step) > 0

    def memory(self) -> dict[str, Tensor]:
        """What a resumed run needs besides the weights, such as an image pool."""
        return {}

    def recall(self, memory: dict[str, Tensor]) -> None:
        """Take back what `memory` gave."""


def read_weights(players: Section) -> dict[str, dict[str, LossWeight]]:
    """The loss weights of a `players` section, plain numbers turned into constant `LossWeight`s."""
    weights = {}
    for name in type(players).model_fields:
        player: PlayerConfig = getattr(players, name)
        losses = {loss: getattr(player.losses, loss) for loss in type(player.losses).model_fields}
        weights[name] = {
            loss: weight if isinstance(weight, LossWeight) else LossWeight(weight=float(weight))
            for loss, weight in losses.items()
        }
    return weights
