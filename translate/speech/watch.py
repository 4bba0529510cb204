"""The run monitor of speech: TensorBoard's audio and spectrograms, and the metric that finds the best checkpoint."""

from collections.abc import Mapping

import numpy as np
import torch

from translate.corpus.directions import Directions
from translate.errors import UserError
from translate.games.base import Translator
from translate.models.base import SpeechModel
from translate.names import below
from translate.speech.analysis.mcep import default_alpha, spectrum_to_mcep
from translate.speech.analysis.statistics import Statistics
from translate.speech.analysis.wave import read_wave
from translate.speech.conversion.converter import SpeechConverter
from translate.speech.conversion.norms import Norms, gather_norms, pack_norms
from translate.speech.conversion.open import make_converter
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.corpus.features import FeatureStore, Utterances
from translate.speech.measures.figures import draw_triple
from translate.speech.measures.mcd import mel_cepstral_distortion
from translate.training.log import Log
from translate.training.trainer import Watch

SENTENCES = 16                                                      # sentences for the metric, over all directions
SHOWN = 4                                                           # directions that TensorBoard shows


class VoiceWatch:
    """Hooks of the trainer that convert held-out speech with the network in training.

    The held-out speech is the "dev" split or, without one, the sentences that a domain left to the other (non-parallel
    training uses each sentence in one domain only), so that it was not trained on.

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
        self.used = used
        self.alpha = default_alpha(store.config.sample_rate)
        self.held_out: dict[str, Utterances] = {}
        self.references: dict[str, Utterances] = {}
        for domain in config.data.domains:
            if domain in store.domains("dev"):
                self.held_out[domain] = self.references[domain] = store.open("dev", domain)
            else:
                everything = store.open("train", domain)
                left = sorted(set(everything.ids) - set(used[domain].ids))
                self.held_out[domain] = everything.select(left) if left else used[domain]
                self.references[domain] = everything
        self.pairs = {(a, b): _match(self.held_out[a], self.references[b]) for a, b in Directions.of(config).pairs}

    def make(self) -> Watch:
        """Make the hooks of the trainer; raise `UserError` if a metric is asked for and no sentence is parallel."""
        measurable = self.config.features.vocoder
        if self.config.train.evaluate_every and not measurable:
            raise UserError(
                "train.evaluate_every: the metric is of mel-cepstra, of which this model has none; set it to 0"
            )
        if self.config.train.evaluate_every and not all(self.pairs.values()):
            raise UserError(
                "train.evaluate_every: no held-out sentence is spoken by both domains; add a `dev` split to the "
                "manifest, or set train.evaluate_every=0"
            )
        return Watch(self.sample, self.evaluate if measurable else None, "evaluation/mcd", self.gather)

    def evaluate(self, translator: Translator) -> float:
        """Compute the mean MCD (dB, 24 dimensions, DTW) over held-out sentences and all directions."""
        converter = self._converter(translator)
        assert isinstance(converter, VoiceConverter)                # ensured by `make`
        scores, sentences = [], max(SENTENCES // len(self.pairs), 1)
        for (source, target), rows in self.pairs.items():
            for i, j in rows[:sentences]:
                converted = converter.convert_frames(self.held_out[source][i], source, target)
                natural = self.references[target][j]
                scores.append(
                    mel_cepstral_distortion(self._to_mcep(converter, converted), self._to_mcep(converter, natural))
                )
        return float(np.mean(scores))

    def sample(self, translator: Translator, step: int, log: Log) -> None:
        """Log audio and spectrograms of one held-out sentence for some directions."""
        converter = self._converter(translator)
        for (source, target), rows in list(self.pairs.items())[:SHOWN]:
            i, j = rows[0] if rows else (0, 0)
            wave, rate = read_wave(self.held_out[source].paths[i], converter.sample_rate)
            natural, _ = read_wave(self.references[target].paths[j], converter.sample_rate)
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
        return gather_norms(make_converter(translator, self.config, self.statistics, self.device), self.used)

    def _converter(self, translator: Translator) -> SpeechConverter:
        return make_converter(translator, self.config, self.statistics, self.device, self._gather(translator))

    def _to_mcep(self, converter: VoiceConverter, mcep: np.ndarray) -> np.ndarray:
        return spectrum_to_mcep(converter.world.decode(mcep.astype(np.float64)), 25, self.alpha)


def _match(a: Utterances, b: Utterances) -> list[tuple[int, int]]:
    """Find the rows of `a` and `b` with the same sentence."""
    rows = {pair: row for row, pair in enumerate(b.pairs) if pair}
    return [(row, rows[pair]) for row, pair in enumerate(a.pairs) if pair in rows]
