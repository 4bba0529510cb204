"""Models without networks, for tests of the code that uses models."""

from pydantic import Field

from translate.config import FeatureConfig, Section, WorldConfig
from translate.models.base import ImageModel, Players, SpeechModel


class BareSpeech(SpeechModel):
    model: str = "test"
    network: Section = Section()
    players: Players = Field({})
    features: FeatureConfig = WorldConfig()

    def build(self):
        raise AssertionError("the networks are stand-ins")


class BareImages(ImageModel):
    model: str = "test"
    network: Section = Section()
    players: Players = Field({})

    def build(self):
        raise AssertionError("the networks are stand-ins")
