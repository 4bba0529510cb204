"""The sections of a configuration (`sections`), and reading them from YAML and dotted overrides (`reading`)."""

from translate.config.parsing import format_value, parse_yaml
from translate.config.reading import lay_over, merge, parse_overrides, read_yaml, validate, write_yaml
from translate.config.sections import (
    DataConfig,
    FeatureConfig,
    ImageConfig,
    LossWeight,
    OwnConfig,
    PlayerConfig,
    Section,
    StftConfig,
    TrainConfig,
    VggConfig,
    WaveConfig,
    WorldConfig,
)

__all__ = [
    "DataConfig",
    "FeatureConfig",
    "ImageConfig",
    "LossWeight",
    "OwnConfig",
    "PlayerConfig",
    "Section",
    "StftConfig",
    "TrainConfig",
    "VggConfig",
    "WaveConfig",
    "WorldConfig",
    "format_value",
    "lay_over",
    "merge",
    "parse_overrides",
    "parse_yaml",
    "read_yaml",
    "validate",
    "write_yaml",
]
