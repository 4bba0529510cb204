"""The protocol of a speech evaluation: as stored in results.json, and as explained in results.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from translate.speech.analysis.levels import (
    ABOVE_FLOOR_DB,
    BELOW_PEAK_DB,
    DIGITAL_SILENCE_DB,
    FLOOR_PERCENTILE,
    LEVEL_MS,
    PAUSE_DB,
)
from translate.speech.analysis.mcep import default_alpha
from translate.speech.measures.classifier import SEGMENT as CLASSIFIER_SEGMENT
from translate.speech.measures.columns import COLUMN_TITLES
from translate.speech.measures.listening import explain_listening
from translate.speech.measures.mcd import HOP_MS, VOCODED
from translate.speech.measures.waveform import RANGE_DB, WINDOW_MS, WINDOWS_MS

WAVE_MEASURES = {
    "magnitudes": "Waves",
    "stft_distance": "Multi-resolution STFT distance",
    "lsd": "Log-spectral distance",
    "texture": "Log-spectral texture distance",
    "aliasing": "Aliasing",
}


def describe_protocol(
    sample_rate: int,
    dimensions: int,
    utterances: tuple[int, int],
    training: Mapping[str, Mapping[str, int]],
    without_features: str | None,
    cross_validation: float | None,
    baselines: Sequence[str],
) -> dict[str, Any]:
    """Describe every choice behind the numbers, as stored in results.json.

    Args:
        utterances: how many, and how many of their converted waves have another timing than the source.
        baselines: columns that were made here.
        without_features: reason why `converted` is measured on the waves; None if the model's features are there.
    """
    converted = "the mel-cepstra and F0 that the model gave out, before synthesis"
    if without_features:
        converted = f"the model's waves analysed again, the same as the next ({without_features})"
    count, retimed = utterances
    return {
        "n": count,
        "sample_rate": sample_rate,
        "hop_ms": HOP_MS,
        "analysis": "WORLD on wave files: DIO + StoneMask, 71 to 800 Hz; CheapTrick",
        "mel_cepstrum": "SPTK (frequency transform of the cepstrum), c0 left out everywhere",
        "dimensions": dimensions,
        "alpha": default_alpha(sample_rate),
        "silence": f"speech is what lies {ABOVE_FLOOR_DB:g} dB above the noise of the recording and within "
        f"{BELOW_PEAK_DB:g} dB of its loudest frame ({LEVEL_MS:g} ms RMS); noise: percentile {FLOOR_PERCENTILE:g} of "
        f"the levels above {DIGITAL_SILENCE_DB:g} dB, if {PAUSE_DB:g} dB below the loudest. Cut from its first to its "
        "last frame; frames of speech: those where both recordings speak",
        "cut": "every column by the source's speech, but the target's, and waves of another timing, by their own",
        "retimed": retimed,
        "alignment": "DTW, steps (1,1) (1,0) (0,1) of weight 1, Euclidean; MCD is the mean over the path",
        "source": "the source's waves as recorded",
        "source_vocoder": f"the source through the vocoder alone: WORLD with {VOCODED} SPTK mel-cepstra",
        "mean_variance": "the source's mel-cepstra with the target's training mean and variance, log-Gaussian F0, "
        "power and aperiodicity of the source; waves through that vocoder",
        "linear": "the same with a linear map of the mel-cepstra: an all-pass warp of the frequency axis, then the "
        "optimal transport of Gaussians with full covariances, both of the training recordings, without pairs",
        **(
            {
                "scaled": "the source's mel-cepstra with the target's training variance within utterances, c0 apart; "
                "F0, power and aperiodicity of the source; waves through that vocoder"
            }
            if "scaled" in baselines
            else {}
        ),
        "converted": converted,
        "converted_from": "waves" if without_features else "features",
        "resynthesised": "the model's waves analysed again, as heard: losses of the synthesis and of the second "
        "analysis count",
        "target_vocoder": "the target's recording through the vocoder alone: the best that a system with it can reach",
        "modulation_spectrum": "64-frame Hann, hop 32, dB, mean over segments, then over utterances; distance: "
        "RMS over modulation frequencies (per coefficient), then over dimensions; slow: up to 50 Hz, fast: above",
        "global_variance": "variance within utterances, mean over utterances, over the natural one; geometric mean "
        "over dimensions, or over those above the tenth",
        "f0": "frames paired by the DTW of the mel-cepstra; cents and correlation of log F0 over frames voiced in "
        "both; range: standard deviation of log F0 over voiced frames",
        "energy": f"level of {LEVEL_MS:g} ms of the waves, along the path where both speak, the mean difference taken "
        "out; jitter: mean absolute change per 5 ms between voiced frames; crest: peak over the RMS of speech",
        "classifier": {
            "kind": "logistic regression on mean and deviation of the mel-cepstra",
            "segment_seconds": CLASSIFIER_SEGMENT * HOP_MS / 1000,
            "domains": list(training),
            "cross_validation": None if cross_validation is None else round(cross_validation, 4),
        },
        "waves": {
            "magnitudes": f"sample by sample where lengths agree, within the natural wave's speech; raised to "
            f"{RANGE_DB:g} dB below the loudest natural point",
            "stft_distance": "spectral convergence + mean absolute difference of natural logarithms; mean over Hann "
            f"windows of {', '.join(f'{window:g}' for window in WINDOWS_MS)} ms, hops of a fifth",
            "lsd": f"RMS over frequency of the difference in dB, mean over frames; {WINDOW_MS:g} ms windows",
            "texture": "standard deviation of the dB in patches of 5 frames x 5 bins, mean over time; RMS over "
            "frequency of the difference to the natural one",
            "aliasing": "sines of 0.048, 0.077 and 0.138 of the sampling rate through the model: energy at fs/4 - f, "
            "fs/4 + f and fs/2 - f over that at f",
        },
        "confidence": "95 %, Student's t over sentences: values of one sentence, in several directions, are averaged "
        "first",
        "training": {domain: dict(facts) for domain, facts in training.items()},
    }


def explain_protocol(protocol: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    classifier = protocol["classifier"]
    held_out = classifier["cross_validation"]
    accuracy = "not cross-validated" if held_out is None else f"{100 * held_out:.1f} % right on held-out ones"
    references = sorted({pair["natural_reference"] for pair in pairs})
    training = ", ".join(
        f"{domain} {facts['used']}" + (f" of {facts['given']}" if facts["used"] < facts["given"] else "")
        for domain, facts in protocol["training"].items()
    )
    return [
        f"- Utterances: {protocol['n']} converted; every wave at {protocol['sample_rate']} Hz.",
        f"- Analysis: {protocol['analysis']}; a frame every {protocol['hop_ms']:g} ms.",
        f"- Mel-cepstra: {protocol['mel_cepstrum']}; {protocol['dimensions']} dimensions, "
        f"alpha {protocol['alpha']:g}.",
        f"- Speech: {protocol['silence']}.",
        f"- Cut: {protocol['cut']}; {protocol['retimed'] or 'no'} converted waves have another timing.",
        f"- Alignment: {protocol['alignment']}.",
        *(
            f"- {COLUMN_TITLES[column].capitalize()}: {protocol[column]}."
            for column in COLUMN_TITLES
            if isinstance(protocol.get(column), str)
        ),
        f"- Modulation spectrum: {protocol['modulation_spectrum']}.",
        f"- Global variance: {protocol['global_variance']}.",
        f"- Natural reference of these two: {'; '.join(references)}.",
        f"- F0: {protocol['f0']}.",
        f"- Energy: {protocol['energy']}.",
        f"- Domain classifier: {classifier['kind']} over segments of {classifier['segment_seconds']:g} s, "
        f"fitted on natural training utterances of {', '.join(classifier['domains'])}; {accuracy}. "
        "Mean-variance conversion matches these very statistics: high accuracy is necessary, not sufficient.",
        *(f"- {WAVE_MEASURES[key]}: {text}." for key, text in protocol["waves"].items() if _is_measured(key, pairs)),
        *(explain_listening(protocol["instruments"]) if "instruments" in protocol else ()),
        f"- Confidence intervals: {protocol['confidence']}.",
        f"- Training utterances: {training}.",
    ]


def _is_measured(key: str, pairs: Sequence[Mapping[str, Any]]) -> bool:
    return any(("lsd" if key == "magnitudes" else key) in pair for pair in pairs)
