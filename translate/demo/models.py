"""The trained models that the demo offers; each is loaded on first use."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from translate.checkpoints.store import find_checkpoint, load_config
from translate.errors import UserError
from translate.jobs.load import load_converter
from translate.jobs.modality import Converter, find_modality
from translate.models.base import Model


@dataclass(frozen=True, eq=False)
class Offer:
    """An offered checkpoint.

    Attributes:
        name: name of its folder.
        title: title shown to visitors.
        path: path of the checkpoint.
        config: configuration of its run.
        device: device of its networks.
    """

    name: str
    title: str
    path: Path
    config: Model
    device: str = "cpu"
    _loaded: list[Converter] = field(default_factory=list, repr=False)
    _lock: Any = field(default_factory=Lock, repr=False)

    @property
    def converter(self) -> Any:
        """Return the converter, loaded at the first call; all visitors share it, and conversion does not change it.

        Raises:
            UserError: damaged files.
        """
        with self._lock:                                            # the first visitor loads, others wait
            if not self._loaded:
                self._loaded.append(load_converter(self.path, self.device))
            return self._loaded[0]


def find_models(checkpoints: Sequence[str | Path], device: str = "cpu") -> list[Offer]:
    """Find checkpoints or runs, and give them distinct titles; their weights are not read yet.

    Raises:
        UserError: no checkpoint there, a broken configuration, or a model that does not translate.
    """
    models: list[Offer] = []
    for given in checkpoints:
        path = find_checkpoint(given)
        config = load_config(path)
        if not config.translates:
            raise UserError(f"{given}: `{config.model}` makes samples from noise, which the demo does not show; "
                            "`translate generate` writes them")  # fmt: skip
        name = _name(Path(given))
        subject = find_modality(config).describe(config).subject
        title = f"{config.title or config.model}{f': {name}' if subject is None else subject}"
        models.append(Offer(name, title, path, config, device))
    for describe in ("{0.title} ({0.name})", "{0.title}, {1}"):     # by names where titles coincide, else by numbers
        counts = Counter(model.title for model in models)
        models = [
            replace(model, title=describe.format(model, number)) if counts[model.title] > 1 else model
            for number, model in enumerate(models, 1)
        ]
    return models


def _name(given: Path) -> str:
    """Return the name of the folder of a run or a shared checkpoint; for a checkpoint inside a run, the run's."""
    path = given.absolute()
    return path.parent.name if path.name in ("latest", "best") or path.name.startswith("step_") else path.name
