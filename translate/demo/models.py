"""The trained systems that the demo offers; each is loaded when somebody first asks for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from translate.checkpoints.store import find_checkpoint, load_config
from translate.jobs.load import Converter, load
from translate.models.base import Model as Settings

MOST_NAMED = 6                                                      # voices in a title


@dataclass(frozen=True, eq=False)
class Model:
    """A checkpoint on offer.

    Attributes:
        name: of its folder.
        title: what visitors choose by.
        path: of the checkpoint.
        config: of its run.
        device: where its networks compute.
    """

    name: str
    title: str
    path: Path
    config: Settings
    device: str = "cpu"
    _loaded: list[Converter] = field(default_factory=list, repr=False)
    _lock: Any = field(default_factory=Lock, repr=False)

    @property
    def is_image(self) -> bool:
        return hasattr(self.config, "images")

    @property
    def converter(self) -> Any:
        """The converter, loaded at the first call; all visitors share it, and conversion changes nothing in it.

        Raises:
            UserError: damaged files.
        """
        with self._lock:                                            # two visitors at once: one loads, one waits
            if not self._loaded:
                self._loaded.append(load(self.path, self.device))
            return self._loaded[0]


def find_models(checkpoints: Sequence[str | Path], device: str = "cpu") -> list[Model]:
    """Checkpoints or runs as models with distinct titles; their weights are not read yet.

    Raises:
        UserError: no checkpoint there, or a broken configuration.
    """
    models: list[Model] = []
    for given in checkpoints:
        path = find_checkpoint(given)
        config = load_config(path)
        name = _name(Path(given))
        models.append(Model(name, _entitle(config, name), path, config, device))
    for describe in ("{0.title} ({0.name})", "{0.title}, {1}"):     # by names where titles coincide, else by numbers
        counts = Counter(model.title for model in models)
        models = [
            replace(model, title=describe.format(model, number)) if counts[model.title] > 1 else model
            for number, model in enumerate(models, 1)
        ]
    return models


def _name(given: Path) -> str:
    """Of a run or a shared checkpoint its folder, of a checkpoint inside a run the run's."""
    path = given.absolute()
    return path.parent.name if path.name in ("latest", "best") or path.name.startswith("step_") else path.name


def _entitle(config: Settings, name: str) -> str:
    system = config.title or config.model
    domains = config.data.domains
    if hasattr(config, "images"):
        scale = config.images.scale
        return f"{system} ×{scale}" if scale > 1 else f"{system}: {', '.join(domains)}"
    if config.data.normalise == "target":                           # domains such as synthetic and natural tell little
        return f"{system}: {name}"
    return f"{system}: {', '.join(domains) if len(domains) <= MOST_NAMED else f'{len(domains)} voices'}"
