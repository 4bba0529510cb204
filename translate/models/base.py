"""What every model is: settings whose defaults are the paper's numbers, and `build`, which makes its game."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import nn
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
from translate.networks.linear import FromLinear, FromLinearMaps

Adversarial = Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"]  # see `translate.losses.adversarial`
Players = dict[str, PlayerConfig]
Start = Literal["none", "linear", "nearest"]                        # what a generator adds to, see `networks.linear`
NEAREST = 0.3                                                       # part of the way to near frames, chosen on dev
MOST_NAMED = 6                                                      # voices named in a title


class Model(Section):
    """A model of the literature: the settings of a run, and the facts about the model that hold for all runs.

    Facts:
        title: name as people write it.
        task: task, for tables.
        paper: authors, year, place of publication.
        modality: speech or images; it opens the corpora and makes the converter.
        recipe: script in `recipes/` that trains and evaluates it.
        translates: whether it maps one domain to another; else it makes samples from noise.
        one_way: whether it translates from the first domain to the second only, though its batches are not paired.
        any_source: whether a model of many domains translates without knowing the source.
        statistics: whether conversion needs statistics of the training data, which a checkpoint must then have.
        tiny: settings of small networks for tests.
        at_once: for models that train in phases: settings with which the first step trains all networks.
        starts_from: for models that need it: the model whose run training starts from (`train.start_from`).
        former: settings of runs whose configuration lacks them, because it was written before they existed.
    """

    title: ClassVar[str] = ""
    task: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    modality: ClassVar[str]
    recipe: ClassVar[str]
    translates: ClassVar[bool] = True
    one_way: ClassVar[bool] = False
    any_source: ClassVar[bool] = False
    statistics: ClassVar[bool] = False
    tiny: ClassVar[Mapping[str, Any]] = {}
    at_once: ClassVar[Mapping[str, Any]] = {}
    starts_from: ClassVar[str] = ""
    former: ClassVar[Mapping[str, Any]] = {}

    model: str                                                      # a name of `translate models`, or a dotted path
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    own: OwnConfig = OwnConfig()
    network: Section
    players: Players

    @abstractmethod
    def build(self) -> Game:
        """Build the game with fresh weights, drawn from torch's global random numbers.

        Raises:
            UserError: settings that do not fit together.
        """

    @property
    @abstractmethod
    def reads(self) -> str:
        """Return the kind of the networks' input: world, stft or wave; pictures or labels."""

    @abstractmethod
    def example_batch(self, size: int, device: torch.device | str = "cpu") -> Batch:
        """Make `size` random examples of the shapes that the sampler gives."""

    @abstractmethod
    def describe(self) -> Description:
        """Return the texts about this run for cards and the demo."""

    @property
    def exclusive(self) -> bool:
        """Return whether a sample has exactly one of many domains; else domains are attributes, which combine."""
        return getattr(self.network, "exclusive", True)

    def weights(self, *without: str) -> dict[str, dict[str, LossWeight]]:
        """Return the weights of the losses by player, except the losses `without`, which other settings switch off."""
        return {name: {k: w for k, w in p.losses.items() if k not in without} for name, p in self.players.items()}

    def refuse(self, wrong: bool, key: str, why: str) -> None:
        """Raise a `UserError` that names the key and its value if `wrong`."""
        if wrong:
            value: Any = self
            for part in key.split("."):
                value = value[part] if isinstance(value, dict) else getattr(value, part)
            raise UserError(f"`{key}` is {value}: {why}")

    def _label(self, source: torch.Tensor) -> Batch:
        """Make a labelled batch of `source` (B, C, *S), whose domains alternate."""
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

    def from_linear(self, net: nn.Module) -> nn.Module:
        """Return the generator of a pair; it adds to the linear map where `network.start` is not none."""
        return FromLinear(net, self.features.frame_size, self._nearest()) if self._starts_linear() else net

    def from_linear_maps(self, net: nn.Module, codes: int) -> nn.Module:
        """Return the generator of many domains likewise; `codes` is the number of one-hots that `net` takes."""
        if not self._starts_linear():
            return net
        return FromLinearMaps(net, self.features.frame_size, self.data.domains, codes, self._nearest())

    def _starts_linear(self) -> bool:
        linear = getattr(self.network, "start", "none") != "none"
        self.refuse(linear and not self.features.vocoder, "network.start", "only mel-cepstra have linear maps")
        return linear

    def _nearest(self) -> float:
        return NEAREST if getattr(self.network, "start", "none") == "nearest" else 0.0

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
    """A model of images (B, C, H, W)."""

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
        """Return the shorter side of a crop in pixels."""
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


class NoiseModel(ImageModel):
    """A model that makes pictures (B, C, H, W) from noise; `data.domains` names the labels, where it knows any.

    H is `train.crop`, W is `train.crop` times `images.aspect`, C is `images.target_channels`.
    """

    recipe: ClassVar[str] = "synthesis"
    translates: ClassVar[bool] = False
    tiny: ClassVar[Mapping[str, Any]] = {
        "data": {"domains": ["low", "high"]},
        "network": {"latent": 8, "channels": 4},
        "train": {"crop": 32},
    }

    data: DataConfig = DataConfig(batches="single")

    @property
    def reads(self) -> str:
        return "noise"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (C, H, W) of a picture."""
        height = self.train.crop
        return self.images.target_channels, height, round(height * self.images.aspect)

    @property
    def entries(self) -> int:
        """Return the number of labels that the networks take, 0 where they take none."""
        return len(self.data.domains) if getattr(self.network, "labels", "none") != "none" else 0

    def check_size(self, layers: int, key: str = "network.layers") -> tuple[int, int]:
        """Return (height, width); raise `UserError` where they cannot be halved `layers` times."""
        _, height, width = self.shape
        images = self.images
        self.refuse(images.labels is not None, "images.labels", "a model of noise makes pictures; set it to null")
        self.refuse(images.scale != 1, "images.scale", "a model of noise makes pictures at their size; take 1")
        if height % 2**layers or width % 2**layers:
            raise UserError(
                f"`{key}` is {layers}: pictures of {height} x {width} (height x width) cannot be halved so often; "
                f"lower it, or take a `train.crop` and `images.aspect` that give multiples of {2**layers}"
            )
        return height, width

    def example_batch(self, size: int, device: torch.device | str = "cpu") -> Batch:
        batch = {"target": 2 * torch.rand(size, *self.shape, device=device) - 1}
        if domains := len(self.data.domains):
            batch["domain"] = torch.eye(domains, device=device)[torch.arange(size, device=device) % domains]
        return batch

    def describe(self) -> Description:
        channels, height, width = self.shape
        named = self.data.domains if self.entries else []
        takes = f"Noise; it makes pictures of {width} x {height} pixels in {channels} channel(s)."
        takes += f" Labels: {', '.join(named)}." if named else ""
        label = f', label="{named[0]}"' if named else ""
        return Description(
            subject=f": {', '.join(named)}" if 0 < len(named) <= MOST_NAMED else None,
            pipeline="unconditional-image-generation",
            tag="image-generation",
            takes=takes,
            imports="PIL.Image",
            opening=f"pictures = translate.generate(model, 16, seed=0{label})",
            call='PIL.Image.fromarray(pictures[0].squeeze()).save("first.png")',
            command="out count=16" + (f" label={named[0]}" if named else ""),
            verb="generate",
        )


# --- helpers for defaults -----------------------------------------------------------------------------------


def player(
    learning_rate: float, betas: Sequence[float] = (0.5, 0.999), **losses: float | LossWeight
) -> PlayerConfig:
    """Make a player from its learning rate and the weights of its losses: `player(2e-4, adversarial=1, cycle=10)`."""
    weights = {name: LossWeight.model_validate(weight) for name, weight in losses.items()}
    return PlayerConfig(learning_rate=learning_rate, betas=list(betas), losses=weights)


def until(step: int, weight: float) -> LossWeight:
    """Make a weight that becomes 0 at a step."""
    return LossWeight(weight=weight, until=step)
