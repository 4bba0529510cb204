"""Listening instruments: networks and a recogniser that stand in for listeners.

    naturalness   DNSMOS (Reddy et al. 2022, arXiv 2110.01763): opinion scores, 1 to 5, of a wave alone
    similarity    cosine of speaker embeddings (GE2E, Wan et al. 2018, arXiv 1710.10467)
    phone error   distance of recognised phones from those of the source recording, English

All hear mono waves of 16 kHz with a peak of 0.7. Their packages ship the models: nothing is downloaded. The same wave
gives the same numbers whatever was heard before it.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from translate.errors import UserError
from translate.speech.analysis.wave import check_wave, resample

PACKAGES = ("speechmos", "onnxruntime", "requests", "resemblyzer", "webrtcvad", "pocketsphinx")
HOW = (
    "bash tools/setup.sh listen, or pip install -e '.[listen]' and pip install --no-deps resemblyzer==0.1.4, in the "
    "repository"
)
RATE = 16000                                                        # Hz
PEAK = 0.7                                                          # of |sample|
SHORTEST = 0.5                                                      # seconds
LANGUAGE_WEIGHT = 2.0                                               # of the phone trigrams against the sound
QUALITIES = {"overall": "ovrl_mos", "signal": "sig_mos", "background": "bak_mos"}


def find_missing() -> str | None:
    """Return the first package of the extra `listen` that is not installed; None where all are."""
    return next((name for name in PACKAGES if importlib.util.find_spec(name) is None), None)


def check_installed() -> None:
    """Raise `UserError`, which says how to get them, unless the packages of the extra `listen` are installed."""
    missing = find_missing()
    if missing:
        raise UserError(f"the listening instruments need {missing}: {HOW}")


def load_models() -> None:
    """Load the networks, which later calls of this process share.

    Raises:
        UserError: no package.
    """
    _load_dnsmos()
    _load_encoder()


def prepare_wave(wave: np.ndarray, rate: int, name: str | Path = "wave") -> np.ndarray:
    """Return what the instruments hear: 16 kHz, float64, peak 0.7.

    Args:
        wave: (N,) samples.
        rate: Hz.
        name: opening words of an error.

    Raises:
        UserError: shorter than 0.5 s, silent, not finite or not mono.
    """
    check_wave(wave, rate, name)
    if len(wave) < SHORTEST * rate:
        raise UserError(
            f"{name}: {len(wave) / rate:.3g} s are too short for the listening instruments; at least {SHORTEST} s "
            "are needed"
        )
    heard = resample(np.asarray(wave, np.float64), rate, RATE)
    return heard * (PEAK / np.abs(heard).max())


def predict_quality(wave: np.ndarray, rate: int) -> dict[str, float]:
    """Predict the opinion scores of a wave (N,), each from 1 (bad) to 5 (excellent), by DNSMOS.

    Returns:
        overall; signal: of the speech alone; background: of the noise alone (5: none is heard).

    Raises:
        UserError: no package, or a wave that `prepare_wave` refuses.
    """
    scores = _load_dnsmos()(prepare_wave(wave, rate), RATE, False)
    return {name: float(scores[key]) for name, key in QUALITIES.items()}


def embed_voice(wave: np.ndarray, rate: int) -> np.ndarray:
    """Return the speaker embedding of a wave (N,): (256,) float32 of length 1, no entry negative.

    Pauses are cut out first; where the voice detector finds no speech at all, the whole wave is embedded.

    Raises:
        UserError: as `predict_quality`.
    """
    encoder, shorten = _load_encoder()
    heard = prepare_wave(wave, rate).astype(np.float32)
    speech = shorten(heard)
    return encoder.embed_utterance(speech if len(speech) else heard)


def decode_phones(wave: np.ndarray, rate: int) -> tuple[str, ...]:
    """Recognise the phones of a wave (N,) of English speech, without silences and noises: `("W", "AH", "N")`.

    Raises:
        UserError: as `predict_quality`.
    """
    check_installed()
    from pocketsphinx import Decoder, get_model_path

    samples = (prepare_wave(wave, rate) * 32767).astype("<i2")
    # A decoder keeps what it learned from one wave for the next; it loads in milliseconds.
    decoder = Decoder(
        hmm=get_model_path("en-us/en-us"),
        allphone=get_model_path("en-us/en-us-phone.lm.bin"),
        lw=LANGUAGE_WEIGHT,
        lm=None,
        dict=None,
        loglevel="FATAL",
    )
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), no_search=False, full_utt=True)
    decoder.end_utt()
    return tuple(segment.word for segment in decoder.seg() or () if segment.word.isalpha() and segment.word != "SIL")


class SpeakerSimilarity:
    """How near a voice is to a speaker: the cosine to the mean embedding of the speaker's natural recordings.

    Args:
        recordings: embeddings (256,) of the speaker's recordings, by `embed_voice`; at least one.
    """

    def __init__(self, recordings: Sequence[np.ndarray]):
        mean = np.mean(np.asarray(recordings, np.float64), axis=0)
        self.speaker = mean / np.linalg.norm(mean)                  # (256,)

    def measure(self, embedding: np.ndarray) -> float:
        """Return the cosine for an embedding (256,): 0 to 1, since no entry is negative."""
        return float(self.speaker @ embedding / np.linalg.norm(embedding))


class PhoneError:
    """How much of what is said gets lost: the phone error rate against another recording of the same words.

    Args:
        reference: phones of the source recording, by `decode_phones`.
    """

    def __init__(self, reference: Sequence[str]):
        self.reference = tuple(reference)

    def measure(self, phones: Sequence[str]) -> float | None:
        """Return the Levenshtein distance over the number of phones of the reference; None where that has none."""
        if not self.reference:
            return None
        distances = list(range(len(phones) + 1))                    # from the first r phones of the reference
        for row, wanted in enumerate(self.reference, 1):
            previous, distances = distances, [row]
            for column, found in enumerate(phones, 1):
                swapped = previous[column - 1] + (wanted != found)
                distances.append(min(swapped, previous[column] + 1, distances[-1] + 1))
        return distances[-1] / len(self.reference)


@cache
def _load_dnsmos() -> Any:
    check_installed()
    import onnxruntime
    from speechmos import dnsmos

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1     # the jobs are the parallel part
    models = Path(dnsmos.__file__).parent / "dnsmos_models"
    paths = [str(models / "sig_bak_ovr.onnx"), str(models / "model_v8.onnx")]
    scorer = dnsmos.DNSMOS(*paths)
    scorer.onnx_sess, scorer.p808_onnx_sess = (onnxruntime.InferenceSession(path, options) for path in paths)
    return scorer


@cache
def _load_encoder() -> tuple[Any, Any]:
    check_installed()
    from resemblyzer import VoiceEncoder, preprocess_wav

    return VoiceEncoder("cpu", verbose=False), preprocess_wav
