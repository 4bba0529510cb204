"""What every model is: settings whose defaults are the paper's numbers, and `build`, which makes its game."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch.nn.functional import one_hot

from translate.config import (
    DataConfig,
    FeatureConfig,
    ImageConfig,
    LossWeight,
    OwnConfig,
    PlayerConfig,
    Section,
    TrainConfig,
)
from translate.corpus.directions import Directions
from translate.errors import UserError
from translate.games.base import Batch, Game
from translate.models.description import Description

Adversarial = Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"]  # see `translate.losses.adversarial`
Players = dict[str, PlayerConfig]
MOST_NAMED = 6                                                      # voices in a title


class Model(Section):
    """A model of the literature: the settings of a run, and the facts about the model that hold for all runs.

    Facts:
        title: as people write it.
        task: what it does, for tables.
        paper: authors, year, where.
        modality: speech or images; what opens its corpora and converts with it.
        recipe: the script in `recipes/` that trains and measures it.
        one_way: whether it translates from the first domain to the second only, though its batches are not paired.
        any_source: whether a model of many domains translates without being told the source.
        statistics: whether it converts by statistics of its training data, which a checkpoint then must have.
        tiny: settings of networks that tests build in no time.
        at_once: settings by which the very first step trains all networks, of models that train in phases.
        starts_from: the model whose run training starts from (`train.start_from`), of models that need one.
    """

    title: ClassVar[str] = ""
    task: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    modality: ClassVar[str]
    recipe: ClassVar[str]
    one_way: ClassVar[bool] = False
    any_source: ClassVar[bool] = False
    statistics: ClassVar[bool] = False
    tiny: ClassVar[Mapping[str, Any]] = {}
    at_once: ClassVar[Mapping[str, Any]] = {}
    starts_from: ClassVar[str] = ""

    model: str                                                      # a name of `translate models`, or a dotted path
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    own: OwnConfig = OwnConfig()
    network: Section
    players: Players

    @abstractmethod
    def build(self) -> Game:
        """The game with fresh weights, drawn from torch's global random numbers.

        Raises:
            UserError: settings that do not fit together.
        """

    @property
    @abstractmethod
    def reads(self) -> str:
        """What the networks read: world, stft or wave; pictures or labels."""

    @abstractmethod
    def example_batch(self, size: int, device: torch.device | str = "cpu") -> Batch:
        """`size` random examples of the shapes that the sampler gives."""

    @abstractmethod
    def describe(self) -> Description:
        """What cards and the demo say about this run."""

    @property
    def exclusive(self) -> bool:
        """Whether a sample has one of many domains; else they are attributes, any number of which it may have."""
        return getattr(self.network, "exclusive", True)

    def weights(self, *without: str) -> dict[str, dict[str, LossWeight]]:
        """Weights of the losses by player, but for the losses that the rest of the settings switches off."""
        return {name: {k: w for k, w in p.losses.items() if k not in without} for name, p in self.players.items()}

    def refuse(self, wrong: bool, key: str, why: str) -> None:
        """Raise `UserError` that opens with the key and its value where something is `wrong` with it."""
        if wrong:
            value: Any = self
            for part in key.split("."):
                value = value[part] if isinstance(value, dict) else getattr(value, part)
            raise UserError(f"`{key}` is {value}: {why}")

    def _label(self, source: torch.Tensor) -> Batch:
        """A labelled batch of `source` (B, C, *S), whose domains come in turns."""
        count, domains = len(source), len(self.data.domains)
        vectors = torch.eye(domains, device=source.device)[torch.arange(count, device=source.device) % domains]
        return {"source": source, "domain": vectors, "mask": torch.ones_like(vectors)}


class SpeechModel(Model):
    """A model of frames (B, Q, T) of speech, or of samples."""

    modality: ClassVar[str] = "speech"
    statistics: ClassVar[bool] = True
    recipe: ClassVar[str] = "voice_conversion"
    tiny: ClassVar[Mapping[str, Any]] = {
        "data": {"domains": ["low", "high"]},
        "features": {"sample_rate": 8000, "dimensions": 12, "f0": "dio"},
        "network": {"channels": 4, "blocks": 1},
        "train": {"crop": 16},
    }

    features: FeatureConfig

    @property
    def reads(self) -> str:
        return self.features.kind

    def example_batch(self, size: int, device: torch.device | str = "cpu") -> Batch:
        source, target = (torch.randn(size, self.features.frame_size, self.train.crop, device=device) for _ in range(2))
        return self._label(source) if self.data.batches == "labelled" else {"source": source, "target": target}

    def describe(self) -> Description:
        domains, one_voice = self.data.domains, self.data.normalise == "target"  # such as synthetic and natural
        source, target = Directions.of(self).pairs[0]
        named = ", ".join(domains) if len(domains) <= MOST_NAMED else f"{len(domains)} voices"
        return Description(
            subject=None if one_voice else f": {named}",
            pipeline="audio-to-audio",
            tag="voice-conversion",
            takes=f"Speech at {self.features.sample_rate} Hz (other rates are resampled), as {self.features.summary}.",
            imports="soundfile",
            opening='wave, rate = soundfile.read("me.wav")',
            call=f'wave, rate = model.convert(wave, rate, "{source}", "{target}")',
            command=f"me.wav converted.wav --from {source} --to {target}",
        )


class ImageModel(Model):
    """A model of pictures (B, C, H, W)."""

    modality: ClassVar[str] = "images"
    recipe: ClassVar[str] = "image_translation"
    any_source: ClassVar[bool] = True
    tiny: ClassVar[Mapping[str, Any]] = {
        "data": {"domains": ["low", "high"]},
        "network": {"channels": 4, "blocks": 1},
        "train": {"crop": 32},
    }

    images: ImageConfig = ImageConfig()

    @property
    def reads(self) -> str:
        return "pictures" if self.images.labels is None else "labels"

    @property
    def side(self) -> int:
        """Pixels of the shorter side of a crop."""
        return min(self.train.crop, round(self.train.crop * self.images.aspect))

    def example_batch(self, size: int, device: torch.device | str = "cpu") -> Batch:
        images, height = self.images, self.train.crop
        width = round(height * images.aspect)
        low = (height // images.scale, width // images.scale)
        if images.labels:
            classes = torch.randint(images.labels, (size, *low), device=device)
            source = one_hot(classes, images.source_planes).movedim(-1, 1).float()
        else:
            source = torch.rand(size, images.source_planes, *low, device=device)
        if self.data.batches == "labelled":
            return self._label(source)
        return {"source": source, "target": torch.rand(size, images.target_channels, height, width, device=device)}


    def describe(self) -> Description:
        images, between = self.images, Directions.of(self)
        takes = f"Label maps of {images.labels} classes." if images.labels else "Pictures of any size."
        takes += f" The result is {images.scale} times as large." if images.scale > 1 else ""
        target = None if between.one_way else self.data.domains[:2][-1]
        return Description(
            subject=f" ×{images.scale}" if images.scale > 1 else f": {', '.join(self.data.domains)}",
            pipeline="image-to-image",
            tag="image-translation",
            takes=f"{takes} Trained on crops {self.train.crop} pixels high.",
            imports="PIL.Image",
            opening='image = PIL.Image.open("in.png")',
            call=f'image = model.convert(image, target="{target}")' if target else "image = model.convert(image)",
            command="in.png out.png" + (f" --to {target}" if target else ""),
        )


# --- what defaults are written with ------------------------------------------------------------------------


def player(
    learning_rate: float, betas: Sequence[float] = (0.5, 0.999), **losses: float | LossWeight
) -> PlayerConfig:
    """A player by its learning rate and the weights of its losses: `player(2e-4, adversarial=1, cycle=10)`."""
    weights = {name: LossWeight.model_validate(weight) for name, weight in losses.items()}
    return PlayerConfig(learning_rate=learning_rate, betas=list(betas), losses=weights)


def until(step: int, weight: float) -> LossWeight:
    """A weight that becomes 0 at a step."""
    return LossWeight(weight=weight, until=step)
