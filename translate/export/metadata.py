"""Metadata that a runner of an exported graph needs, as JSON values."""

from collections.abc import Sequence
from typing import Any

from translate.images.conversion.converter import ImageConverter
from translate.speech.conversion.features import FeatureConverter

FORMAT = 1


def describe(
    converter: FeatureConverter[Any] | ImageConverter, source: str, target: str, inputs: Sequence[str]
) -> dict[str, Any]:
    """Describe one graph.

        format                number of this layout
        system, kind          name of the model; world, stft, wave, picture or labels
        domains               names; for many domains, in the order of a code's entries
        source, target        domains of this file; `all` where codes choose
        inputs                names of the inputs in their order
        sets                  many domains: number of a code's last entries, the one-hot of the data set (or 0)

    for speech

        sample_rate           Hz
        features              the section `features` of the configuration
        fft_size, alpha       FFT size of WORLD's envelope, and the frequency warping of the codec sptk
        f0                    {domain: {mean, deviation, voiced}}: statistics of the natural logarithm of Hz
        convert_f0            whether conversion moves F0 from the source's statistics to the target's

    and for images

        images                the keys of the section `images` that inference needs
        style                 length of a style vector; 0: none
        styles                pix2pixHD with styles: {centres (classes, clusters, numbers), shares (classes, clusters)}
    """
    described = {"format": FORMAT, "system": converter.config.model, "domains": list(converter.domains)}
    described |= {"source": source, "target": target, "inputs": list(inputs)}
    kind = _describe_images(converter) if isinstance(converter, ImageConverter) else _describe_speech(converter)
    return described | kind | dict(converter.translator.graph(source, target).facts)


def _describe_speech(converter: FeatureConverter[Any]) -> dict[str, Any]:
    features = converter.config.features
    described = {
        "kind": features.kind,
        "sample_rate": converter.sample_rate,
        "features": features.model_dump(),
        "f0": {
            name: {"mean": one.log_f0_mean, "deviation": one.log_f0_deviation, "voiced": one.voiced}
            for name, one in converter.statistics.items()
        },
        "convert_f0": features.vocoder and converter.config.data.normalise == "own",
    }
    if features.vocoder:
        described |= {"fft_size": converter.front_end.fft_size, "alpha": converter.front_end.alpha}
    return described


def _describe_images(converter: ImageConverter) -> dict[str, Any]:
    kept = {"source_channels", "target_channels", "scale", "labels", "unknown", "instances", "palette"}
    return {
        "kind": "picture" if converter.images.labels is None else "labels",
        "images": converter.images.model_dump(include=kept),
        "style": 0,                                                 # unless the game says more
    }
