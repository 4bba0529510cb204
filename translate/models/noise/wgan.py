"""WGAN (Arjovsky, Chintala, Bottou, ICML 2017; arXiv 1701.07875): a critic with bounded weights estimates the
Wasserstein distance.

The networks are DCGAN's, and so are all switches; see `dcgan`. Five turns of the critic per turn of the generator, its
weights clipped to [-0.01, 0.01] after each, RMSprop at 5e-5, batches of 64 (algorithm 1).

Deviations from the paper and its code:
    - The code gives the critic 100 turns before each of the generator's first 25 turns and of every 500th later; here
      it always has `network.discriminator_steps`.
    - RMSprop's decay is 0.99, PyTorch's default, as in the code; the paper does not say.
    - Weights are clipped after a turn, as in algorithm 1; the code clips before it.
    - A step is a turn of the critic: 500,000 of them are 100,000 of the generator.
"""

from pydantic import Field

from translate.config import PlayerConfig, TrainConfig
from translate.models.base import Adversarial, Players, player
from translate.models.noise import dcgan


def rmsprop(**losses: float) -> PlayerConfig:
    return player(5e-5, (0.0, 0.99), **losses).model_copy(update={"optimizer": "rmsprop"})


class Network(dcgan.Network):
    adversarial: Adversarial = "wgan"
    discriminator_steps: int = Field(5, ge=1)                       # steps per step of the generator
    clip: float | None = Field(0.01, gt=0)                          # bound of the critic's weights; null: none


class Wgan(dcgan.Dcgan):
    title = "WGAN"
    paper = "Arjovsky et al. 2017, arXiv 1701.07875"

    network: Network = Network()
    train: TrainConfig = TrainConfig(steps=500_000, batch_size=64, crop=64, decay_from=1.0)
    players: Players = {
        "generator": rmsprop(adversarial=1),
        "discriminator": rmsprop(adversarial=1, gradient_penalty=0, r1=0),
    }
