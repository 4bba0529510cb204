"""The run monitor of speech: TensorBoard's audio and spectrograms, and the metric that finds the best step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from translate.games.base import Translator
from translate.models.base import SpeechModel
from translate.names import below
from translate.speech.analysis.statistics import Statistics
from translate.speech.analysis.wave import read_wave
from translate.speech.conversion.features import FeatureConverter
from translate.speech.conversion.norms import Norms, gather_norms, pack_norms
from translate.speech.conversion.open import make_converter
from translate.speech.corpus.features import FeatureStore, Utterances
from translate.speech.development import Development
from translate.speech.measures.figures import draw_triple
from translate.speech.metric import choose_metric
from translate.training.log import Log
from translate.training.trainer import Watch

SHOWN = 4                                                           # directions that TensorBoard shows


class VoiceWatch:
    """Hooks of the trainer that convert held-out speech, see `Development`, with the network in training.

    Args:
        config, store, statistics: configuration, features and statistics of the run.
        used: training utterances by domain.
        device: device of the networks.
    """

    def __init__(
        self,
        config: SpeechModel,
        store: FeatureStore,
        statistics: Mapping[str, Statistics],
        used: Mapping[str, Utterances],
        device: torch.device,
    ):
        self.config, self.statistics, self.device = config, statistics, device
        self.used, self.development = used, Development.open(config, store, used)

    def make(self) -> Watch:
        """Make the hooks of the trainer; raise `UserError` if a metric is asked for that is not possible."""
        metric = choose_metric(self.config, self.development) if self.config.train.evaluate_every else None
        if metric is None:
            return Watch(self.sample, gather=self.gather)
        return Watch(
            self.sample, lambda translator: metric.measure(self._make_converter(translator)), metric.name, self.gather
        )

    def sample(self, translator: Translator, step: int, log: Log) -> None:
        """Log audio and spectrograms of one held-out sentence for some directions."""
        converter, development = self._make_converter(translator), self.development
        for (source, target), rows in list(development.pairs.items())[:SHOWN]:
            i, j = rows[0] if rows else (0, 0)
            wave, rate = read_wave(development.held_out[source].paths[i], converter.sample_rate)
            natural, _ = read_wave(development.references[target].paths[j], converter.sample_rate)
            converted, _ = converter.convert(wave, rate, source, target)
            name = f"{source}_{target}"
            log.show(step, f"{name}/converted", converted, rate)
            picture = below(log.folder / "pictures", f"{name}_{step:08d}.png")
            pixels = draw_triple(picture, wave, converted, natural, rate)
            log.show(step, f"{name}/spectrograms", pixels)

    def gather(self, translator: Translator) -> dict[str, np.ndarray]:
        """Gather the statistics of the norms over training speech, for the checkpoint."""
        return pack_norms(self._gather(translator))

    def _gather(self, translator: Translator) -> Norms:
        if not isinstance(translator, Translator):                  # a game of another kind converts nothing
            return {}
        return gather_norms(make_converter(translator, self.config, self.statistics, self.device), self.used)

    def _make_converter(self, translator: Translator) -> FeatureConverter[Any]:
        return make_converter(translator, self.config, self.statistics, self.device, self._gather(translator))
