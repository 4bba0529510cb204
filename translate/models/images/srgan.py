"""SRGAN (Ledig et al., CVPR 2017; arXiv 1609.04802): super-resolution with VGG's features and a discriminator.

Train SRResNet first and start from it (`train.start_from`), or the discriminator wins at once. The defaults are those
of SRGAN-VGG54 (eq. 3 and 5, section 3.2): distance in relu5_4 of VGG19, divided by 12.75, and 1e-3 times the
adversarial loss. Where VGG's weights are not available, choose SRGAN-MSE, the paper's other variant:

    players.generator.losses.perceptual=0 players.generator.losses.l2=1

Deviations from the paper:
    - The rate is constant for `train.decay_from` of the steps and falls linearly to 0 from then on; the paper takes
      10^5 steps at 1e-4 and 10^5 at 1e-5.
    - The discriminator pools to the 6 x 6 that crops of 96 pixels give, so that other crops work.
    - One step of each player in turn, as in the paper (k = 1), but the generator first.
"""

from pydantic import Field

from translate.config import TrainConfig, VggConfig
from translate.games.paired import PairedGame
from translate.losses.perceptual import PerceptualLoss
from translate.models.base import Players, player
from translate.models.images import srresnet
from translate.models.images.srresnet import SrResNet
from translate.networks.srresnet import SrDiscriminator


class Network(srresnet.Network):
    discriminator_channels: int = Field(64, ge=1)                   # channels of the first convolution


class SrGan(SrResNet):
    title = "SRGAN"
    tiny = {**SrResNet.tiny, "network": {"channels": 4, "blocks": 1, "discriminator_channels": 4},
            "players": {"generator": {"losses": {"perceptual": 0, "l2": 1}}}}  # fmt: skip
    starts_from = "srresnet"

    network: Network = Network()
    vgg: VggConfig = VggConfig()
    train: TrainConfig = TrainConfig(steps=200_000, batch_size=16, crop=96, decay_from=0.5)
    players: Players = {
        "generator": player(1e-4, (0.9, 0.999), perceptual=1, adversarial=1e-3, l2=0, l1=0),
        "discriminator": player(1e-4, (0.9, 0.999), adversarial=1),
    }

    def build(self) -> PairedGame:
        map_ = self.make_generator()
        judge = SrDiscriminator(self.images.target_channels, self.network.discriminator_channels)
        vgg = PerceptualLoss({"relu5_4": 1.0}, self.vgg.weights, distance="l2", scale=1 / 12.75)
        return PairedGame(
            self.data.pair(), {"map": map_}, judge, self.weights(), "nonsaturating",
            conditional=False, distances={"perceptual": vgg},
        )  # fmt: skip
