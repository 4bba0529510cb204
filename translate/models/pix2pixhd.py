"""pix2pixHD (Wang, Liu, Zhu, Tao, Kautz, Catanzaro, CVPR 2018; arXiv 1711.11585): label maps to large photographs.

One run has the paper's three phases, `network.phases` steps of the first two: first the global generator alone, at a
coarser size; then the enhancers, what was learned before being fixed; then everything. `network.enhancers: 0` is the
global generator alone, at the full size and without phases.

With `network.encoder` one label map has many photographs. An encoder gives each object of the training photograph a few
numbers, its style, which the generator sees as further planes; after training the styles of each class are clustered,
and `translate` gives each object a cluster, drawn or chosen.

The defaults are those of Cityscapes: 2,975 pairs, 200 epochs of phase 1, 10 of phase 2, 90 of phase 3.

Deviations from the paper and its code:
    - One schedule of the learning rate runs over all phases, in the code each phase starts afresh. The discriminators
      go on from phase to phase, as in the code.
    - In phase 2 the encoder is fixed, too: it feeds the global generator.
    - 2 discriminators, as in the code; `network.discriminators: 3` is the paper. The code adds up their adversarial
      losses, ours are averaged: hence the weight 2.
    - Objects count by their area in the k-means; the code leaves out small ones.
    - VGG sees pictures normalised as it was trained; in the code it does not.
"""

from collections.abc import Hashable, Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from translate.config import (
    DataConfig,
    ImageConfig,
    PlayerConfig,
    Section,
    SystemConfig,
    TrainConfig,
    VggConfig,
    Weight,
)
from translate.errors import UserError
from translate.games.base import Batch, read_weights
from translate.games.paired import PairedGame
from translate.losses.perceptual import PerceptualLoss
from translate.networks.coarse_to_fine import (
    CoarseToFine,
    ObjectEncoder,
    Objects,
    ObjectStyles,
    Style,
    find_objects,
    halve,
)
from translate.networks.patch import MultiScale, PatchGan

TASK = "image translation, label maps to photographs"
PAPER = "Wang et al. 2018, arXiv 1711.11585"

STYLE_BATCHES = 2_000                                               # at most, whose objects are clustered at the end
VGG_LAYERS = {"relu1_1": 1 / 32, "relu2_1": 1 / 16, "relu3_1": 1 / 8, "relu4_1": 1 / 4, "relu5_1": 1.0}


class Network(Section):
    channels: int = Field(64, ge=4, multiple_of=4)                  # of the global generator and the discriminators
    blocks: int = Field(9, ge=1)                                    # residual blocks of the global generator
    downs: int = Field(4, ge=1, le=6)                               # halvings in the global generator and the encoder
    enhancers: Literal[0, 1, 2] = 1                                 # each doubles the size
    local_blocks: int = Field(3, ge=1)                              # residual blocks of an enhancer
    upsample: Literal["transposed", "resize", "pixelshuffle"] = "transposed"  # the others make no checkerboards
    phases: list[Annotated[int, Field(ge=0)]] = Field([595_000, 29_750], min_length=2, max_length=2)
    # steps of the global generator alone, and of the enhancers alone; all others train everything
    discriminators: int = Field(2, ge=1, le=5)                      # scales, each half as large as the one before
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"] = "lsgan"
    encoder: bool = False                                           # objects have styles
    style: int = Field(3, ge=1)                                     # numbers that are an object's style
    clusters: int = Field(10, ge=1)                                 # styles per class to choose from


class GeneratorLosses(Section):
    adversarial: Weight = 2.0
    features: Weight = 40.0                                         # 10 in the code, which sums over the layers
    perceptual: Weight = 10.0


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0


class Generator(PlayerConfig):
    learning_rate: float = Field(2e-4, gt=0)
    losses: GeneratorLosses = GeneratorLosses()


class Discriminator(PlayerConfig):
    learning_rate: float = Field(2e-4, gt=0)
    losses: DiscriminatorLosses = DiscriminatorLosses()


class Players(Section):
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    images: ImageConfig = ImageConfig(labels=35, instances=True, size=[1024, 2048], aspect=2.0)
    vgg: VggConfig = VggConfig()
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=892_500, batch_size=1, crop=1024, decay_from=0.833)


class CoarseToFineGame(PairedGame):
    """Coarse to fine in phases, with a style per object where there is an encoder.

    Losses as in `PairedGame`. The discriminator sees the label map, but no styles.

    Args:
        config: of the system.
    """

    phase: Tensor                                                   # of the last step; a checkpoint of phase 1 converts

    def __init__(self, config: Config):
        network, images = config.network, config.images
        encode = network.encoder
        planes, colours = images.source_planes, images.target_channels
        generator: dict[str, Any] = {
            "map": CoarseToFine(
                planes + encode * network.style,
                colours,
                network.channels,
                network.blocks,
                network.downs,
                network.enhancers,
                network.local_blocks,
                network.upsample,
            )
        }
        if encode:
            generator["encoder"] = ObjectEncoder(
                colours, network.style, network.channels // 4, blocks=0, downs=network.downs
            )
        super().__init__(
            domains=config.data.pair(),
            generator=generator,
            discriminator=MultiScale(
                lambda: PatchGan(planes + colours, network.channels, norm="instance", padding=2),
                network.discriminators,
            ),
            weights=read_weights(config.players),
            adversarial=network.adversarial,
            distances={"perceptual": PerceptualLoss(VGG_LAYERS, config.vgg.weights)},
        )
        self.steps, self.enhancers = network.phases, network.enhancers
        self.style_batches = min(STYLE_BATCHES, 1 + config.train.steps // 10)
        self.register_buffer("phase", torch.tensor(1))
        self.classes = (images.labels or 0) + (images.unknown is not None)
        self.styles: ObjectStyles | None = None
        if encode:
            self.styles = ObjectStyles(self.classes, network.style, network.clusters)

    def generate(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        x, y = batch["source"], batch["target"]
        phase = self._find_phase(step)
        self.phase.fill_(phase)
        planes = x
        if self.styles:
            objects = self.find_objects(x, batch.get("instances"))
            with torch.set_grad_enabled(torch.is_grad_enabled() and phase != 2):
                vectors, _ = self.generator["encoder"].describe(y, objects)  # type: ignore[operator]
            planes = torch.cat([x, objects.paint(vectors)], dim=1)
        if phase == 1:
            for _ in range(self.enhancers):
                x = halve(x)
            y = adaptive_avg_pool2d(y, x.shape[-2:])  # type: ignore[arg-type]
        return x, y, self.generator["map"](planes, phase), {}

    def pattern(self, step: int) -> Hashable:
        return super().pattern(step), self._find_phase(step)

    def translate(
        self,
        x: Tensor,
        source: str,
        target: str,
        instances: Tensor | None = None,
        style: Style | Tensor = None,
        **condition: Any,
    ) -> Tensor:
        """A photograph (B, C, H, W) in [-1, 1] for the label map `x` (B, planes, H, W) of any size.

        Args:
            x: label planes, and that of the boundaries between instances if trained with it.
            source, target: the domains.
            instances: (B, 1, H, W) ids; None: each class is one object, and its number the id.
            style: what the objects look like, see `ObjectStyles.choose`; or a photograph of the size of `x`, whose
                colours are taken object by object.

        Raises:
            UserError: a style that does not fit, or any style where the model has no encoder.
        """
        self.check_direction(source, target)
        planes = x
        if self.styles:
            objects = self.find_objects(x, instances)
            planes = torch.cat([x, objects.paint(self._describe(objects, style))], dim=1)
        elif style is not None:
            raise UserError("style: this model has none; train it with network.encoder=true")
        y = self.generator["map"](planes, phase := int(self.phase))
        return interpolate(y, size=x.shape[-2:], mode="bilinear") if phase == 1 and self.enhancers else y

    @torch.no_grad()
    def finish(self, batches: Iterator[Batch]) -> None:
        """Cluster the styles of the training pictures' objects."""
        if not self.styles:
            return
        found: list[tuple[Tensor, ...]] = []                        # vectors, classes and areas, batch by batch
        for batch in islice(batches, self.style_batches):
            objects = self.find_objects(batch["source"], batch.get("instances"))
            vectors, areas = self.generator["encoder"].describe(batch["target"], objects)  # type: ignore[operator]
            found.append((vectors.cpu(), objects.classes.cpu(), areas.cpu()))
        self.styles.fit(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    def find_objects(self, x: Tensor, instances: Tensor | None = None) -> Objects:
        """The objects of label maps (B, planes, H, W) and instance ids (B, 1, H, W): what a style can be given to."""
        return find_objects(x[:, : self.classes], instances)

    def _describe(self, objects: Objects, style: Style | Tensor) -> Tensor:
        if not isinstance(style, Tensor):
            return self.styles.choose(objects, style)  # type: ignore[union-attr]
        if style.ndim != 4 or style.shape[-2:] != objects.number.shape[1:]:
            height, width = objects.number.shape[1:]
            raise UserError(f"style: a photograph must be as large as the label map, {width} x {height} pixels")
        return self.generator["encoder"].describe(style.expand(len(objects.number), -1, -1, -1), objects)[0]  # type: ignore[operator]

    def _find_phase(self, step: int) -> int:
        alone, fixed = self.steps
        return 1 if step < alone or not self.enhancers else 2 if step < alone + fixed else 3


def build(config: Config) -> CoarseToFineGame:
    """The translator with fresh weights, drawn from torch's global random numbers.

    Raises:
        UserError: styles without label maps, or phases that leave no step for the last.
    """
    network, steps = config.network, config.train.steps
    if network.encoder and config.images.labels is None:
        raise UserError("`network.encoder` is true: styles belong to objects of label maps; set `images.labels`")
    if network.enhancers and sum(network.phases) >= steps:
        raise UserError(
            f"`network.phases` is {network.phases}: of {steps} steps (`train.steps`) none is left for the third phase; "
            "shorten them, or train the global generator alone (network.enhancers=0)"
        )
    return CoarseToFineGame(config)
