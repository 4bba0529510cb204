"""Two maps that share their first layer, and a weight that is in two places of one of them."""

from torch import nn

from translate.config import Section, WorldConfig
from translate.games.cycle import CycleGame
from translate.losses import Judgement
from translate.models.base import Players, SpeechModel, player


class Map(nn.Module):
    def __init__(self, first, channels):
        super().__init__()
        bins = first.in_channels
        self.first, self.last = first, nn.Conv1d(channels, bins, 3, padding=1)
        self.there, self.back = nn.Conv1d(channels, channels, 1), nn.Conv1d(channels, channels, 1)
        self.back.weight = self.there.weight

    def forward(self, x):
        return self.last(self.back(self.there(self.first(x)).tanh()))


class Judge(nn.Module):
    def __init__(self, bins):
        super().__init__()
        self.layer = nn.Conv1d(bins, 1, 3)

    def forward(self, x):
        return Judgement([self.layer(x)])


class Shared(SpeechModel):
    class Network(Section):
        channels: int = 4
        blocks: int = 1

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=16000, dimensions=12, f0="dio")
    players: Players = {                                            # noqa: RUF012
        "generator": player(1e-3, adversarial=1, cycle=10, identity=5),
        "discriminator": player(1e-3, adversarial=1),
    }

    def build(self):
        bins, channels = self.features.dimensions, self.network.channels
        first = nn.Conv1d(bins, channels, 3, padding=1)
        return CycleGame(self.data.pair(), lambda: Map(first, channels), lambda: Judge(bins), self.weights())
