"""A game that grows, at the size of tests: noise to frames (B, Q, T), T doubling from stage to stage."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import adaptive_avg_pool1d, interpolate

from translate.config import Section, TrainConfig, WorldConfig
from translate.games.base import Game, Stage
from translate.losses import AdversarialLoss, Judgement, judge_frozen, judge_together
from translate.models.base import Players, SpeechModel, player

STAGES = [(3, 8), (3, 4), (9, 2)]                                   # steps and batch size


class Grower(nn.Module):
    """Noise (B, 3) to frames (B, Q, 4 * 2^stage), the newest block faded in by `alpha`."""

    def __init__(self, bins, channels):
        super().__init__()
        self.first, self.out = nn.Linear(3, 4 * channels), nn.Conv1d(channels, bins, 1)
        self.blocks = nn.ModuleList(nn.Conv1d(channels, channels, 3, padding=1) for _ in STAGES[1:])

    def forward(self, z, stage, alpha):
        x = self.first(z).view(len(z), -1, 4)
        for number, block in enumerate(self.blocks[:stage], start=1):
            x = interpolate(x, scale_factor=2)
            x = torch.lerp(x, torch.tanh(block(x)), alpha if number == stage else torch.ones_like(alpha))
        return self.out(x)


class Critic(nn.Module):
    def __init__(self, bins, channels):
        super().__init__()
        first, last = nn.Conv1d(bins, channels, 3, padding=1), nn.Conv1d(channels, 1, 3)
        self.layers = nn.Sequential(first, nn.LeakyReLU(0.2), last)

    def forward(self, x):
        return Judgement([self.layers(x)])


class GrowingGame(Game):
    batches = "unpaired"
    alpha: torch.Tensor

    def __init__(self, bins, channels, weights):
        networks = {"generator": {"map": Grower(bins, channels)}, "discriminator": {"judge": Critic(bins, channels)}}
        super().__init__({name: nn.ModuleDict(own) for name, own in networks.items()}, weights)
        self.adversarial = AdversarialLoss("nonsaturating")
        self.register_buffer("alpha", torch.ones(()))
        self.sizes = []                                             # of the batches so far, for tests

    def begin(self, step):
        number, begun = self.find(step)
        self.alpha.fill_(min(1.0, (step - begun + 1) / 2))
        return Stage(number, STAGES[number][1], 1.0 if number == 0 else 0.5)

    @staticmethod
    def find(step):
        """The stage of a step, and the step in which it begins."""
        begun = 0
        for number, (steps, _) in enumerate(STAGES[:-1]):
            if step < begun + steps:
                return number, begun
            begun += steps
        return len(STAGES) - 1, begun

    def training_step(self, batch, step):
        stage = self.find(step)[0]
        real = adaptive_avg_pool1d(batch["target"], 4 * 2**stage)
        self.sizes.append(len(real))
        critic = self.players["discriminator"]["judge"]
        fake = self.players["generator"]["map"](torch.randn(len(real), 3), stage, self.alpha)
        judgements = judge_together(critic, [real], [fake])
        yield "discriminator", {"adversarial": self.adversarial.discriminator_term(*judgements)}
        yield "generator", {"adversarial": self.adversarial.generator_term(judge_frozen(critic, fake))}

    def pattern(self, step):
        return super().pattern(step), self.find(step)[0]


class Growing(SpeechModel):
    class Network(Section):
        channels: int = Field(4, ge=1)
        blocks: int = 1

    tiny: ClassVar[Mapping[str, Any]] = {}
    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=16000, dimensions=12, f0="dio")
    train: TrainConfig = TrainConfig(steps=9, batch_size=8, crop=16)
    players: Players = {name: player(1e-2, adversarial=1) for name in ("generator", "discriminator")}  # noqa: RUF012

    def build(self):
        return GrowingGame(self.features.dimensions, self.network.channels, self.weights())
