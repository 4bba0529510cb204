"""pix2pixHD (Wang, Liu, Zhu, Tao, Kautz, Catanzaro, CVPR 2018; arXiv 1711.11585): label maps to large photographs.

One run has the paper's three phases, `network.phases` steps of the first two: first the global generator alone, at a
coarser size; then the enhancers, with the global generator fixed; then everything. `network.enhancers: 0` is the global
generator alone, at the full size and without phases.

With `network.encoder` a label map can become many photographs. An encoder gives each object of the training photograph
a few numbers, its style, which the generator sees as further planes; after training the styles of each class are
clustered, and `translate` gives each object a cluster, drawn or chosen.

The defaults are those of Cityscapes: 2,975 pairs, 200 epochs of phase 1, 10 of phase 2, 90 of phase 3.

Deviations from the paper and its code:
    - One schedule of the learning rate runs over all phases; in the code each phase has its own. The discriminators
      keep their weights from phase to phase, as in the code.
    - In phase 2 the encoder is fixed, too: it feeds the global generator.
    - 2 discriminators, as in the code; `network.discriminators: 3` is the paper. The code sums their adversarial
      losses, here they are averaged: hence the weight 2.
    - Objects are weighted by their area in the k-means; the code leaves out small ones.
    - VGG sees images normalised as it was trained; in the code it does not.
"""

from typing import Annotated, Literal

from pydantic import Field

from translate.config import DataConfig, ImageConfig, Section, TrainConfig, VggConfig
from translate.errors import UserError
from translate.games.coarse_to_fine import CoarseToFineGame
from translate.losses.perceptual import PerceptualLoss
from translate.models.base import Adversarial, ImageModel, Players, player
from translate.networks.coarse_to_fine import CoarseToFine, ObjectEncoder, ObjectStyles
from translate.networks.patch import MultiScale, PatchGan

STYLE_BATCHES = 2_000                                               # batches at most whose objects are clustered
VGG_LAYERS = {"relu1_1": 1 / 32, "relu2_1": 1 / 16, "relu3_1": 1 / 8, "relu4_1": 1 / 4, "relu5_1": 1.0}


class Network(Section):
    channels: int = Field(64, ge=4, multiple_of=4)                  # channels of global generator and discriminators
    blocks: int = Field(9, ge=1)                                    # residual blocks of the global generator
    downs: int = Field(4, ge=1, le=6)                               # halvings in the global generator and the encoder
    enhancers: Literal[0, 1, 2] = 1                                 # each doubles the size
    local_blocks: int = Field(3, ge=1)                              # residual blocks of an enhancer
    upsample: Literal["transposed", "resize", "pixelshuffle"] = "transposed"  # the others cause no checkerboards
    phases: list[Annotated[int, Field(ge=0)]] = Field([595_000, 29_750], min_length=2, max_length=2)
    # steps of phase 1 (global generator) and of phase 2 (enhancers); all others train everything
    discriminators: int = Field(2, ge=1, le=5)                      # scales, each half the size of the one before
    adversarial: Adversarial = "lsgan"
    encoder: bool = False                                           # objects have styles
    style: int = Field(3, ge=1)                                     # length of an object's style vector
    clusters: int = Field(10, ge=1)                                 # styles per class to choose from


class Pix2PixHd(ImageModel):
    title = "pix2pixHD"
    task = "image translation, label maps to photographs"
    paper = "Wang et al. 2018, arXiv 1711.11585"
    tiny = {
        **ImageModel.tiny,
        "images": {"labels": 3, "unknown": None, "instances": False, "size": None, "aspect": 1.0},
        "network": {"channels": 4, "blocks": 1, "downs": 2, "discriminators": 1, "encoder": True, "phases": [0, 0]},
        "players": {"generator": {"losses": {"perceptual": 0}}},
    }
    at_once = {"network": {"phases": [0, 0]}}

    network: Network = Network()
    images: ImageConfig = ImageConfig(labels=35, instances=True, size=[1024, 2048], aspect=2.0)
    vgg: VggConfig = VggConfig()
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=892_500, batch_size=1, crop=1024, decay_from=0.833)
    players: Players = {
        "generator": player(2e-4, adversarial=2, features=40, perceptual=10),  # 10 in the code, which sums
        "discriminator": player(2e-4, adversarial=1),
    }

    def build(self) -> CoarseToFineGame:
        self.check_phases()
        n, planes, colours = self.network, self.images.source_planes, self.images.target_channels
        style = n.style * n.encoder
        map_ = CoarseToFine(
            planes + style, colours, n.channels, n.blocks, n.downs, n.enhancers, n.local_blocks, n.upsample
        )
        encoder = ObjectEncoder(colours, n.style, n.channels // 4, blocks=0, downs=n.downs) if n.encoder else None
        judge = MultiScale(
            lambda: PatchGan(planes + colours, n.channels, norm="instance", padding=2), n.discriminators
        )
        classes = (self.images.labels or 0) + (self.images.unknown is not None)
        return CoarseToFineGame(
            self.data.pair(),
            map_,
            encoder,
            judge,
            self.weights(),
            n.adversarial,
            {"perceptual": PerceptualLoss(VGG_LAYERS, self.vgg.weights)},
            phases=n.phases,
            enhancers=n.enhancers,
            classes=classes,
            styles=ObjectStyles(classes, n.style, n.clusters) if n.encoder else None,
            style_batches=min(STYLE_BATCHES, 1 + self.train.steps // 10),
        )

    def check_phases(self) -> None:
        """Raise `UserError` for styles without label maps, or phases that leave no step for the last."""
        n, steps = self.network, self.train.steps
        if n.encoder and self.images.labels is None:
            raise UserError("`network.encoder` is true: styles belong to objects of label maps; set `images.labels`")
        self.refuse(
            n.enhancers > 0 and sum(n.phases) >= steps, "network.phases",
            f"of {steps} steps (`train.steps`) none is left for the third phase; shorten them, or train the global "
            "generator alone (network.enhancers=0)",
        )  # fmt: skip
