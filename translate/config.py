"""What can be configured, and the road from YAML and dotted overrides to validated sections.

A *section* is a pydantic model: one field per key, with its unit and range. Unknown keys, wrong types and
values out of range end in one line that names the key (`UserError`). Every system of `translate.models`
composes these sections into its own `Config`, whose defaults are the numbers of its paper.
"""

import difflib
import json
import os
import re
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from translate.errors import UserError


class Section(BaseModel):
    """A group of keys: unknown keys are errors and nothing is converted silently."""

    model_config = ConfigDict(
        extra="forbid", strict=True, validate_default=True, allow_inf_nan=False, protected_namespaces=()
    )


class WorldConfig(Section):
    """`features`: the WORLD analysis of speech (Morise et al. 2016) and the codec of its envelope."""

    kind: Literal["world"] = "world"
    sample_rate: int = Field(22050, ge=8000, le=48000)              # Hz; other rates are resampled to it
    hop_ms: float = Field(5.0, gt=0, le=50)                         # milliseconds between frames
    f0: Literal["harvest", "dio"] = "harvest"                       # dio: DIO + StoneMask, several times faster
    f0_floor: float = Field(71.0, ge=40, le=400)                    # Hz
    f0_ceil: float = Field(800.0, ge=100, le=2000)                  # Hz
    codec: Literal["world", "sptk"] = "world"                       # mel bands' DCT, or true mel-cepstrum
    dimensions: int = Field(36, ge=2, le=128)                       # coefficients per frame, c0 included
    alpha: float | None = Field(None, gt=0, lt=1)                   # sptk: frequency warping; null: by the rate


class StftConfig(Section):
    """`features`: log magnitudes of the short-time Fourier transform, the phase beside them."""

    kind: Literal["stft"] = "stft"
    sample_rate: int = Field(16000, ge=8000, le=48000)              # Hz; other rates are resampled to it
    fft_size: int = Field(1024, ge=64, multiple_of=2)               # samples of the Hann window
    hop_ms: float = Field(5.0, gt=0, le=50)                         # milliseconds between frames; whole samples
    phase: Literal["input", "griffin_lim"] = "input"                # of the converted wave


class WaveConfig(Section):
    """`features`: none, the samples themselves."""

    kind: Literal["wave"] = "wave"
    sample_rate: int = Field(22050, ge=8000, le=48000)              # Hz; other rates are resampled to it


FeatureConfig = WorldConfig | StftConfig | WaveConfig


class ImageConfig(Section):
    """`images`: how pictures become tensors (B, C, H, W) in [-1, 1] (the low resolution of a `scale` above 1: [0, 1]),
    and label maps one plane per class."""

    source_channels: int = Field(3, ge=1, le=4)                     # 1 gray, 2 gray and alpha, 3 colour, 4 with alpha
    target_channels: int = Field(3, ge=1, le=4)
    size: Annotated[int, Field(ge=8)] | list[Annotated[int, Field(ge=8)]] | None = None
    # pixels before cropping: the short side, or [height, width]; null: as the files are
    aspect: float = Field(1.0, gt=0)                                # width / height of a crop, train.crop pixels high
    flip: bool = True                                               # mirrored left to right at random
    scale: Literal[1, 2, 3, 4, 8] = 1                               # super-resolution: by how much it is smaller
    labels: int | None = Field(None, ge=2)                          # classes of the label maps; null: pictures
    unknown: int | None = Field(None, ge=0)                         # value of unlabelled pixels; a plane of their own
    instances: bool = False                                         # instance maps, too: a plane of boundaries
    palette: list[list[int]] = []                                   # [r, g, b] of the classes of coloured label maps

    @property
    def source_planes(self) -> int:
        """Channels of the source as the networks see it: colours, or classes, unknown and boundaries."""
        if self.labels is None:
            return self.source_channels
        return self.labels + (self.unknown is not None) + self.instances


class DataConfig(Section):
    """`data`: which recordings or pictures train."""

    domains: list[str] = []                                         # names; source first, then target
    batches: Literal["unpaired", "paired", "labelled"] = "unpaired"  # what a batch holds; each system has one
    non_parallel: bool = True                                       # unpaired speech: domains share no sentence
    normalise: Literal["own", "target"] = "own"                     # speech: by its domain's mean and deviation, or
    # all by the target's: what a postfilter is to mend must not be normalised away

    def directions(self) -> list[tuple[str, str]]:
        """The pairs (source, target) that a system translates: paired one, unpaired both, labelled all."""
        if self.batches == "paired":
            return [self.pair()]
        return list(permutations(self.domains, 2))

    def pair(self) -> tuple[str, str]:
        """The source and the target domain of a system with exactly two."""
        if len(set(self.domains)) != 2 or len(self.domains) != 2:
            raise UserError(
                f"`data.domains` is {_show(self.domains)}: this model needs two different names; "
                "give --source and --target"
            )
        return self.domains[0], self.domains[1]


class VggConfig(Section):
    """`vgg`: the network whose features measure perceptual distance; asked for only where that loss has a weight."""

    weights: str = "download"                                       # torchvision's VGG19, at first use; or a file


class LossWeight(Section):
    """A loss's weight, optionally only `until` a step (as the identity loss of CycleGAN-VC)."""

    weight: float = Field(ge=0)
    until: int | None = Field(None, ge=0)                           # steps; null: to the end

    def at(self, step: int) -> float:
        return self.weight if self.until is None or step < self.until else 0.0


Weight = Annotated[float, Field(ge=0)] | LossWeight


class PlayerConfig(Section):
    """`players.<name>`: one optimiser, its schedule and the weights of its losses."""

    learning_rate: float = Field(2e-4, gt=0)
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field([0.5, 0.999], min_length=2, max_length=2)  # of Adam
    clip: float | None = Field(None, gt=0)                          # largest norm of the gradient
    average: float | None = Field(None, gt=0, lt=1)                 # decay of the weights' moving average (EMA)
    losses: Section                                                 # one Weight per loss, named as in the log


class TrainConfig(Section):
    """`train`: the loop."""

    steps: int = Field(400_000, ge=1)
    batch_size: int = Field(1, ge=1)                                # over all processes
    crop: int = Field(128, ge=8)                                    # frames, samples of waves, pixels of height
    start_from: str | None = None                                   # a run whose weights the first step starts with
    decay_from: float = Field(0.5, ge=0, le=1)                      # share of the steps at a constant rate
    precision: Literal["float32", "bfloat16"] = "float32"           # of the networks; losses stay in float32
    compile: bool = False                                           # through torch.compile: slow start, for GPUs
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = Field(0, ge=0)
    log_every: int = Field(100, ge=1)                               # steps
    save_every: int = Field(5_000, ge=1)                            # steps
    keep: int = Field(3, ge=1)                                      # newest checkpoints kept
    sample_every: int = Field(10_000, ge=0)                         # TensorBoard pictures and audio; 0: never
    evaluate_every: int = Field(0, ge=0)                            # the metric on the `dev` split; 0: never


class SystemConfig(Section):
    """What every system has; `translate.models` adds `network` and `players` with the paper's numbers."""

    model: str                                                      # a name of `translate models`, or a dotted path
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()


# --- YAML -------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `2e-4` as a word, people mean the number; and it silently drops a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key `{key.value}` is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes the words that `_Loader` would read as numbers, such as a speaker called 2e4."""


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
        list("-+.0123456789"),
    )


def write_yaml(path: str | os.PathLike[str], config: Section) -> None:
    """Write a resolved configuration so that `read_yaml` gives the same values back."""
    text = yaml.dump(config.model_dump(), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    Path(path).write_text(text, encoding="utf-8")


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a mapping from a YAML file; raises `UserError` when it is missing, broken or not a mapping."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the configuration ({_first_line(error)})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML ({_first_line(error)})") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected `key: value` lines at the top level, found {type(content).__name__}")
    return content


def parse_overrides(overrides: list[str]) -> dict[str, Any]:
    """Turn `["train.steps=100", ...]` into nested dicts; values are YAML."""
    nested: dict[str, Any] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise UserError(f"override `{override}`: expected key=value, such as train.steps=2000")
        try:
            parsed = yaml.load(value, _Loader)
        except yaml.YAMLError:
            raise UserError(f"override `{override}`: the value is not valid YAML") from None
        level = nested
        *parents, last = key.strip().split(".")
        for parent in parents:
            level = level.setdefault(parent, {})
            if not isinstance(level, dict):
                raise UserError(f"override `{override}`: `{parent}` was given a value before")
        level[last] = parsed
    return nested


def merge(base: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `update` laid over it, mappings merged key by key."""
    merged = dict(base)
    for key, value in update.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


SomeSection = TypeVar("SomeSection", bound=Section)


def validate(section: type[SomeSection], values: dict[str, Any], where: str) -> SomeSection:
    """`section(**values)` over the section's defaults; the first problem becomes one line (`UserError`)."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: {_explain(section, error)}") from None


def _explain(section: type[Section], error: ValidationError) -> str:
    # A union reports one problem per branch; an unknown key, else the deepest problem, says most.
    problem = max(error.errors(), key=lambda p: (p["type"] == "extra_forbidden", len(p["loc"])))
    path = [str(part) for part in problem["loc"] if part not in _WEIGHT_BRANCHES]
    key, value, kind = ".".join(path), _show(problem["input"]), problem["type"]
    if kind == "extra_forbidden":
        return f"unknown key `{key}`; {_suggest_key(section, path)}"
    if kind == "missing":
        return f"`{key}` is required"
    if problem["loc"][-1] in _WEIGHT_BRANCHES and kind in {"float_type", "model_type"}:
        return f"`{key}` is {value}: expected a number, or {{weight: number, until: step}}"
    if kind == "model_type":
        return f"`{key}` is {value}: expected keys of its own ({', '.join(_keys(section, path))})"
    message, nearest = problem["msg"].replace("Input", "it"), []
    if kind == "literal_error" and isinstance(problem["input"], str):
        choices = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        nearest = difflib.get_close_matches(problem["input"], choices, n=1, cutoff=0.4)
    hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
    return f"`{key}` is {value}: {message[0].lower()}{message[1:]}{hint}"


# How pydantic marks the branches of `Weight` in the path of a problem.
_WEIGHT_BRANCHES = {"float", "constrained-float", "LossWeight"}


def _suggest_key(section: type[Section], path: list[str]) -> str:
    """The nearest sibling; else the same name in another place (`steps`: `train.steps`); else what there is."""
    siblings = _keys(section, path[:-1])
    nearest = difflib.get_close_matches(path[-1], siblings, n=1, cutoff=0.5)
    if nearest:
        return f"did you mean `{'.'.join([*path[:-1], nearest[0]])}`?"
    elsewhere = [key for key in _all_keys(section) if key.rpartition(".")[2] == path[-1]]
    return f"did you mean `{elsewhere[0]}`?" if elsewhere else f"known: {', '.join(siblings)}"


def _keys(section: type[Section], path: list[str]) -> list[str]:
    for part in path:
        nested = _nested(section, part)
        if nested is None:
            return []
        section = nested
    return list(section.model_fields)


def _all_keys(section: type[Section], prefix: str = "") -> list[str]:
    keys = []
    for name in section.model_fields:
        nested = _nested(section, name)
        keys += [prefix + name, *(_all_keys(nested, f"{prefix}{name}.") if nested else [])]
    return keys


def _nested(section: type[Section], name: str) -> type[Section] | None:
    """The section that the field `name` holds, also where it may be a plain value instead."""
    annotation = section.model_fields[name].annotation if name in section.model_fields else None
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Section)), None)


def _show(value: Any) -> str:
    """A value on one line, as YAML would have it."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _first_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark and error.problem:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
