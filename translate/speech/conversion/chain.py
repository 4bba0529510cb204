"""Converters in sequence, such as CycleGAN-VC2, a postfilter for its mel-cepstra and WaveCycleGAN2."""

import logging
from collections.abc import Sequence
from typing import Any

from translate.errors import UserError
from translate.speech.analysis.world import World
from translate.speech.conversion.converter import SpeechConverter
from translate.speech.conversion.features import FeatureConverter
from translate.speech.conversion.pieces import Reach, join_reaches
from translate.speech.conversion.steps import Step, group_steps

log = logging.getLogger("translate")


class Chain(SpeechConverter):
    """Several converters as one: each converts the output of the one before.

    Where neighbours have the same analysis (equal sections `features`), features are passed on directly, so that one
    vocoder follows a model and its postfilter. Otherwise the wave is passed on, resampled where the rates differ.
    Domains are named as by the first converter; each of the others translates from its first domain to its second, as
    it was trained.

    Differential synthesis covers the first group with one analysis; a seed goes to every converter that draws noise.

    Args:
        converters: at least one converter from `translate.load`.

    Raises:
        UserError: no converter, or a converter of many domains after the first.
    """

    no_stream = "a chain cannot stream; stream its first checkpoint, or convert recordings with all of it"

    def __init__(self, converters: Sequence[FeatureConverter[Any]]):
        if not converters:
            raise UserError("a chain needs at least one converter")
        for number, converter in enumerate(converters[1:], 2):
            if len(converter.domains) != 2:
                known = ", ".join(converter.domains)
                raise UserError(f"converter {number} of the chain knows {known}: one of many domains can only be first")
        self.converters = list(converters)
        self.sample_rate: int = converters[-1].sample_rate
        self.between = converters[0].between
        self.takes_difference = converters[0].takes_difference
        self.takes_semitones = converters[0].takes_semitones
        self.takes_variance = converters[0].takes_variance
        self.takes_seed = any(converter.takes_seed for converter in converters)
        self.takes_energy = any(converter.takes_energy for converter in converters)
        groups = group_steps([Step(converter, *converter.directions[0]) for converter in converters])
        parts = [" > ".join(step.converter.config.model for step in group) for group in groups]
        log.info("chain: %s", ", then the wave, analysed again, to ".join(parts))

    @property
    def world(self) -> World | None:
        """The vocoder that makes the converted wave; None if the last converter has none."""
        return self.converters[-1].world

    def find_reach(self, source: str, target: str) -> Reach:
        plan = self.plan(source, target)
        return join_reaches([step.converter.find_reach(step.source, step.target) for step in plan])

    def plan(self, source: str, target: str) -> list[Step]:
        later = [Step(converter, *converter.directions[0]) for converter in self.converters[1:]]
        return [Step(self.converters[0], source, target), *later]
