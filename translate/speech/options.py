"""What the verbs may be asked of speech, besides domains and files."""

from pydantic import Field

from translate.config import Section


class SpeechConversion(Section):
    """Options of `translate.convert` for speech."""

    amount: float = Field(1.0, ge=0, le=1)                          # 0: analysis and synthesis alone; between 0 and 1
    # features are mixed, F0 on a logarithmic scale; a chain mixes those of its first converter
    semitones: float = Field(0.0, ge=-24, le=24)                    # by which the converted F0 is shifted
    difference: bool = False                                        # filter the source's wave by the ratio of the
    # envelopes instead of using the vocoder; keeps F0, for pairs of the same gender (Kobayashi et al. 2014)
    seed: int | None = None                                         # of the noise that some models draw; null: one seed


class RecordingConversion(SpeechConversion):
    """Options of `translate convert` for recordings."""

    features: bool = False                                          # write the converted features beside each wave


class SpeechEvaluation(Section):
    """Options of `translate evaluate` for recordings."""

    sample_rate: int | None = Field(None, ge=1)                     # Hz; null: that of the converted files
    dimensions: int = Field(24, ge=1, le=80)                        # mel-cepstral coefficients, without c0
