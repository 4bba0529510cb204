"""A third modality, of numbers in text files, and a model of it, for tests of the code that uses modalities."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from translate.config import Section
from translate.corpus.directions import Directions
from translate.corpus.tasks import Kind, find_tasks
from translate.games.base import Translator
from translate.models.base import Model, Players
from translate.models.description import Description

TEXTS = Kind("text", {".num"}, ".num")


class NumberConversion(Section):
    power: int = Field(1, ge=1, le=3)                               # how often the network is applied


class Scale(Translator):
    def __init__(self):
        super().__init__({"generator": nn.ModuleDict({"map": nn.Linear(1, 1, bias=False)})}, {"generator": {}})

    def training_step(self, batch, step):
        yield from ()  # it is never trained

    def translate(self, x, source, target):
        return self.players["generator"]["map"](x)


class Doubling(Model):
    """Multiplies numbers by its one weight."""

    title = "Doubling"
    task = "numbers to larger numbers"
    modality: ClassVar[str] = "toy"
    network: Section = Section()
    players: Players = Field({})

    @property
    def reads(self):
        return "numbers"

    def build(self):
        return Scale()

    def example_batch(self, size, device="cpu"):
        return {"source": torch.ones(size, 1), "target": torch.ones(size, 1)}

    def describe(self):
        return Description(": numbers", "other", "numbers", "Numbers.", "math", "x = 1", "model.convert(x)", "a b")


class NumberConverter:
    precision = "float32"
    no_stream = "numbers do not flow"

    def __init__(self, opened):
        self.config, self.translator, self.between = opened.config, opened.translator, Directions.of(opened.config)

    @property
    def domains(self):
        return self.between.domains

    @property
    def directions(self):
        return self.between.pairs

    def name_domains(self, source, target):
        return self.between.name(source, target)

    def convert_any(self, given, sample_rate, source, target, **options):
        source, target = self.name_domains(source, target)
        x = torch.tensor([float(given)])
        for _ in range(NumberConversion(**options).power):
            x = self.translator.translate(x, source, target)
        return x.item()


class Toy:
    """Numbers, each in a file of its own."""

    name = "toy"
    suffixes = frozenset({".num"})
    noun = "numbers"
    material = "data"
    chains = False
    pipes = False
    conversion = NumberConversion
    generation = Section
    evaluation = Section
    measured = NumberConversion()

    def list_layouts(self):
        return ["numbers"]

    def converter(self, opened):
        return NumberConverter(opened)

    def convert(self, converter, given, out, source, target, options):
        source, target = converter.name_domains(source, target)
        tasks, _ = find_tasks(given, out, TEXTS, [source])
        for entry, destination in tasks:
            y = converter.convert_any(entry.path.read_text(), None, source, target, **dict(options))
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_text(f"{y:g}")
        return {"numbers": float(len(tasks))}

    def summarise(self, seconds):
        return f"{seconds['numbers']:.0f} number(s)"
