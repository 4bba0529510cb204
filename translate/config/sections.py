"""The sections of a configuration: keys with types, units and ranges.

A *section* is a pydantic model: one field per key. Every class of `translate.models` is composed of them; its defaults
are the numbers of its paper.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from translate.errors import UserError
from translate.names import ANY, find_fault


class Section(BaseModel):
    """A group of keys: unknown keys are errors and nothing is converted silently."""

    model_config = ConfigDict(
        extra="forbid", strict=True, validate_default=True, allow_inf_nan=False, protected_namespaces=()
    )


def _check_domain(name: str) -> str:
    fault = "it stands for every domain: take another name" if name == ANY else find_fault(name)
    if fault:
        raise PydanticCustomError("name", "{fault}", {"fault": fault})
    return name


Domain = Annotated[str, AfterValidator(_check_domain)]


class WorldConfig(Section):
    """`features`: the WORLD analysis of speech (Morise et al. 2016) and the codec of its envelope."""

    summary: ClassVar[str] = "the mel-cepstra of WORLD, with its vocoder"
    vocoder: ClassVar[bool] = True                                  # whether the analysis includes F0
    analysed: ClassVar[bool] = True

    kind: Literal["world"] = "world"
    sample_rate: int = Field(22050, ge=8000, le=48000)              # Hz; other rates are resampled to it
    hop_ms: float = Field(5.0, gt=0, le=50)                         # milliseconds between frames
    f0: Literal["harvest", "dio"] = "harvest"                       # dio: DIO + StoneMask, several times faster
    f0_floor: float = Field(71.0, ge=40, le=400)                    # Hz
    f0_ceil: float = Field(800.0, ge=100, le=2000)                  # Hz
    codec: Literal["world", "sptk"] = "sptk"                        # WORLD's mel bands' DCT, or true mel-cepstrum
    dimensions: int = Field(36, ge=2, le=128)                       # coefficients per frame, c0 included
    alpha: float | None = Field(None, gt=0, lt=1)                   # sptk: frequency warping; null: from the rate

    @property
    def frame_size(self) -> int:
        """Return the number of values of a frame."""
        return self.dimensions


class StftConfig(Section):
    """`features`: log magnitudes of the short-time Fourier transform, with the phase kept beside them."""

    summary: ClassVar[str] = "STFT magnitudes"
    vocoder: ClassVar[bool] = False
    analysed: ClassVar[bool] = True

    kind: Literal["stft"] = "stft"
    sample_rate: int = Field(16000, ge=8000, le=48000)              # Hz; other rates are resampled to it
    fft_size: int = Field(1024, ge=64, multiple_of=2)               # samples of the Hann window
    hop_ms: float = Field(5.0, gt=0, le=50)                         # milliseconds between frames; whole samples
    phase: Literal["input", "griffin_lim"] = "input"                # phase of the converted wave

    @property
    def frame_size(self) -> int:
        """Return the number of values of a frame."""
        return self.fft_size // 2 + 1


class WaveConfig(Section):
    """`features`: none, the samples themselves."""

    summary: ClassVar[str] = "samples"
    vocoder: ClassVar[bool] = False
    analysed: ClassVar[bool] = False                                # whether frames are features, not samples

    kind: Literal["wave"] = "wave"
    sample_rate: int = Field(22050, ge=8000, le=48000)              # Hz; other rates are resampled to it

    @property
    def frame_size(self) -> int:
        """Return the number of values of a frame: one sample."""
        return 1


FeatureConfig = WorldConfig | StftConfig | WaveConfig


class ImageConfig(Section):
    """`images`: how images become tensors (B, C, H, W) in [-1, 1] (the low resolution of a `scale` above 1: [0, 1]),
    and label maps one plane per class.
    """

    source_channels: int = Field(3, ge=1, le=4)                     # 1 gray, 2 gray and alpha, 3 colour, 4 with alpha
    target_channels: int = Field(3, ge=1, le=4)
    size: Annotated[int, Field(ge=8)] | list[Annotated[int, Field(ge=8)]] | None = None
    # pixels before cropping: the short side, or [height, width]; null: as the files are
    aspect: float = Field(1.0, gt=0)                                # width / height of a crop, train.crop pixels high
    flip: bool = True                                               # mirrored left to right at random
    scale: Literal[1, 2, 3, 4, 8] = 1                               # super-resolution: how much smaller the source is
    labels: int | None = Field(None, ge=2)                          # classes of the label maps; null: images
    unknown: int | None = Field(None, ge=0)                         # value of unlabelled pixels, which get a plane
    instances: bool = False                                         # instance maps, which add a plane of boundaries
    palette: list[list[int]] = []                                   # [r, g, b] of the classes of coloured label maps

    @property
    def source_planes(self) -> int:
        """Return the number of channels of the networks' input: colours, or classes, unknown pixels and boundaries."""
        if self.labels is None:
            return self.source_channels
        return self.labels + (self.unknown is not None) + self.instances


class DataConfig(Section):
    """`data`: the training data."""

    domains: list[Domain] = []                                      # names; source first, then target
    batches: Literal["unpaired", "paired", "labelled", "single"] = "unpaired"  # content of a batch; each model
    # needs one; single: samples of one domain, perhaps with labels
    non_parallel: bool = True                                       # unpaired speech: domains share no sentence
    stretch: float = Field(1.0, ge=1, le=2)                         # speech, unpaired or labelled: crops are played
    # faster or slower by up to this factor, drawn anew for each; 1: as they are
    normalise: Literal["own", "target"] = "own"                     # speech: by the statistics of its own domain, or
    # target: by the target's for all, so that a postfilter sees what it should repair

    def pair(self) -> tuple[str, str]:
        """Return the source and the target domain of a model with exactly two."""
        if len(set(self.domains)) != 2 or len(self.domains) != 2:
            raise UserError(
                f"`data.domains` is [{', '.join(self.domains)}]: this model needs two different names; "
                "give --source and --target"
            )
        return self.domains[0], self.domains[1]


class VggConfig(Section):
    """`vgg`: the network whose features measure perceptual distance; needed only where that loss has a weight."""

    weights: str = "download"                                       # torchvision's VGG19, at first use; or a file


class LossWeight(Section):
    """The weight of a loss: `5.0` in YAML, `{weight: 5.0, until: 10000}` or `{weight: 10.0, every: 16}`."""

    weight: float = Field(ge=0)
    until: int | None = Field(None, ge=0)                           # steps; null: to the end
    every: int = Field(1, ge=1)                                     # turns; 16: in every 16th turn, weighted 16 times

    def at(self, step: int, turn: int | None = None) -> float:
        """Return the factor of the loss at a step, 0 where it is not computed.

        With `every` the mean over the turns stays `weight` (lazy regularisation, Karras et al. 2020, appendix B).

        Args:
            step: number of the step.
            turn: number of turns that the player had before; None: one in every step.
        """
        turn = step if turn is None else turn
        due = (self.until is None or step < self.until) and turn % self.every == 0
        return self.weight * self.every if due else 0.0

    @model_validator(mode="before")
    @classmethod
    def _read_number(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"weight": value}
        if not isinstance(value, dict | LossWeight):
            raise PydanticCustomError("weight", WEIGHT_FORMS)
        return value

    @model_serializer
    def _write_number(self) -> Any:
        if self.until is None and self.every == 1:
            return self.weight
        return {"weight": self.weight, "until": self.until, "every": self.every}  # all: read over any defaults


WEIGHT_FORMS = "expected a number, or {weight: number, until: step, every: steps}"


class PlayerConfig(Section):
    """`players.<name>`: one optimiser, its schedule and the weights of its losses."""

    learning_rate: float = Field(2e-4, gt=0)
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field([0.5, 0.999], min_length=2, max_length=2)  # Adam's;
    # RMSprop uses the second only, as its decay alpha
    clip: float | None = Field(None, gt=0)                          # largest norm of the gradient
    average: float | None = Field(None, gt=0, lt=1)                 # decay of the weights' moving average (EMA)
    optimizer: Literal["adam", "rmsprop"] = "adam"
    losses: dict[str, LossWeight]                                   # named as in the log


class TrainConfig(Section):
    """`train`: the loop."""

    steps: int = Field(400_000, ge=1)
    batch_size: int = Field(1, ge=1)                                # total of all processes and micro-batches
    accumulate: int = Field(1, ge=1)                                # micro-batches per step, for large batches
    crop: int = Field(128, ge=8)                                    # frames, samples of waves, pixels of height
    start_from: str | None = None                                   # a run with whose weights training starts
    decay_from: float = Field(0.5, ge=0, le=1)                      # fraction of the steps at a constant rate
    precision: Literal["float32", "bfloat16"] = "float32"           # precision of networks; losses stay in float32
    compile: bool = False                                           # through torch.compile: slow start, for GPUs
    graph: bool = False                                             # steps recorded and replayed: for GPUs
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = Field(0, ge=0)
    log_every: int = Field(100, ge=1)                               # steps
    save_every: int = Field(5_000, ge=1)                            # steps
    keep: int = Field(3, ge=1)                                      # newest checkpoints kept
    sample_every: int = Field(10_000, ge=0)                         # TensorBoard images and audio; 0: never
    evaluate_every: int = Field(0, ge=0)                            # steps; the metric, also before the first; 0: never
    evaluate_sentences: int | None = Field(None, ge=1)              # per direction; null: 4, fewer for many directions
    metric: Literal["auto", "listen", "mcd"] = "auto"               # what chooses the best step, see docs/measures.md
    patience: int = Field(0, ge=0)                                  # evaluations without a better one; 0: never stops


class OwnConfig(Section):
    """`own`: the user's networks and losses in a model of the toolkit, by dotted paths; see `translate.models.own`."""

    networks: dict[str, str] = {}                                   # generator, or generator.to_target: its function
    losses: dict[str, dict[str, LossWeight]] = {}                   # by player: the path of each loss and its weight
