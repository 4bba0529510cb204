"""The data and the watch of a run."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from translate.networks.linear import Fit
from translate.training.resume import Sampler
from translate.training.trainer import Watch


@dataclass
class Material:
    """Everything that a modality (speech, images) gives to `train`.

    Attributes:
        sampler: source of the batches.
        statistics: statistics of the data, keys `<domain>/...`; they travel in the checkpoint.
        watch: monitor of the run.
        fit: function that fits linear maps between two domains; None for data that have none.
    """

    sampler: Sampler
    statistics: Mapping[str, np.ndarray]
    watch: Watch
    fit: Fit | None = None
