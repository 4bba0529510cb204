"""Speaker similarity without a download: how much converted speech a simple classifier assigns to the target."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from translate.errors import UserError

SEGMENT = 200                                                       # frames: 1 s
FOLDS = 5


class DomainClassifier:
    """Logistic regression on the mean and deviation of c1..cD over segments of one second.

    It is fitted on natural speech of every domain. `cross_validation` is its accuracy on held-out natural utterances:
    where that is low, the accuracy on converted speech says little.

    Args:
        natural: mel-cepstra (T, D + 1) of the utterances by domain.

    Raises:
        UserError: fewer than two domains, or one without utterances.
    """

    def __init__(self, natural: Mapping[str, Sequence[np.ndarray]]):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        empty = [domain for domain, mceps in natural.items() if not mceps]
        if len(natural) < 2 or empty:
            found = f"none of domain `{empty[0]}`" if empty else f"{len(natural)} domain(s)"
            raise UserError(
                f"domain classifier: expected natural utterances of at least two domains, found {found}"
            )
        self.domains = list(natural)
        features, labels, utterances = [], [], []
        for domain, mceps in natural.items():
            for number, mcep in enumerate(mceps):
                rows = segment_statistics(mcep)
                features.append(rows)
                labels += [domain] * len(rows)
                utterances += [f"{domain}/{number}"] * len(rows)
        # A domain must not be preferred for having more speech.
        self._model = make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000, class_weight="balanced")
        )
        everything = np.concatenate(features)
        fewest = min(len(mceps) for mceps in natural.values())
        self.cross_validation = self._validate(everything, labels, utterances, min(FOLDS, fewest))
        self._model.fit(everything, labels)

    def recognise(self, mceps: Sequence[np.ndarray]) -> dict[str, float]:
        """Return by domain the fraction of the segments of utterances (T, D + 1) assigned to it; the sum is 1."""
        found = self._model.predict(np.concatenate([segment_statistics(mcep) for mcep in mceps]))
        return {domain: float((found == domain).mean()) for domain in self.domains}

    def _validate(self, features: Any, labels: Any, utterances: Any, folds: int) -> float | None:
        """Compute the accuracy on folds of whole utterances; None where a domain has only one utterance."""
        from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

        if folds < 2:
            return None
        split = StratifiedGroupKFold(folds)
        return float(cross_val_score(self._model, features, labels, groups=utterances, cv=split).mean())


def segment_statistics(mcep: np.ndarray) -> np.ndarray:
    """Compute mean and standard deviation of c1..cD over segments of about one second: (T, D + 1) -> (S, 2 D).

    The utterance is cut evenly into round(T / 200) segments, at least one, so that no frame is left out.
    """
    segments = np.array_split(mcep[:, 1:], max(1, round(len(mcep) / SEGMENT)))
    return np.array([np.concatenate([s.mean(axis=0), s.std(axis=0)]) for s in segments])
