"""Options that the verbs have for speech, besides domains and files."""

from typing import Literal

from pydantic import Field

from translate.config import Section


class SpeechConversion(Section):
    """Options of `translate.convert` for speech."""

    # 0: analysis and synthesis alone. Between 0 and 1 features are mixed, F0 on a logarithmic scale; a chain mixes
    # those of its first converter.
    amount: float = Field(1.0, ge=0, le=1)
    semitones: float = Field(0.0, ge=-24, le=24)                    # shift of the converted F0
    # Filter the source's wave by the ratio of the envelopes instead of using the vocoder; keeps F0, for pairs of the
    # same gender (Kobayashi et al. 2014).
    difference: bool = False
    seed: int | None = None                                         # seed of noise, if a model draws it; null: fixed
    # Power of every frame with a vocoder: the source's, so that levels and pauses stay as they were recorded, or the
    # one that the model gives.
    energy: Literal["source", "converted"] = "source"
    # 0: as the model gives it. 1: every mel-cepstral coefficient varies over the recording as much as in the target's
    # training recordings; against muffled speech, for whole sentences. A chain scales those of its first converter.
    variance: float = Field(0.0, ge=0, le=1)


class RecordingConversion(SpeechConversion):
    """Options of `translate convert` for recordings."""

    features: bool = False                                          # write the converted features beside each wave


class SpeechEvaluation(Section):
    """Options of `translate evaluate` for recordings."""

    sample_rate: int | None = Field(None, ge=1)                     # Hz; null: the rate of the converted files
    dimensions: int = Field(24, ge=1, le=80)                        # mel-cepstral coefficients, without c0
    listen: bool | None = None                                      # whether the listening instruments hear the waves;
    # null: if the extra `listen` is installed


class ListeningPage(Section):
    """Options of `translate listen`."""

    sentences: int = Field(12, ge=1, le=100)                        # on the page, spread over the directions
    source: str | None = None                                       # this source domain alone; null: all
    target: str | None = None                                       # this target domain alone; null: all
    loudness: float = Field(-23.0, ge=-40, le=-12)                  # LKFS of every sound (ITU-R BS.1770)
    sample_rate: int | None = Field(None, ge=4000, le=192000)       # Hz; null: the highest of the models' waves
    blind: bool = False                                             # a test in place of a page that names the systems
    tests: Literal["both", "abx", "mos"] = "both"                   # what a blind page asks
    trials: int = Field(24, ge=1, le=200)                           # how many on a blind page, per test and listener
    seed: int = Field(0, ge=0)                                      # draws names, order, A, B and X of a blind page
