"""Conversion of speech: each stage's share of real time, and the waveform models."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from bench.common import RATE, Options, make_table, speak
from bench.models import configure
from translate.config import merge
from translate.models import build, list_models, resolve
from translate.models.settings import read_settings
from translate.speech.analysis.statistics import Statistics
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.conversion.waveform import WaveformConverter
from translate.speech.measures.aliasing import measure_aliasing

SECONDS = 5.0                                                       # of the clip
SMALL = Path(__file__).resolve().parents[2] / "egs/vcc2016/conf"     # MODEL_small.yaml


def benchmark_conversion(options: Options, repeats: int = 2) -> Iterator[str]:
    """Real-time factor of each stage, with both F0 extractors, on one thread and on all."""
    wave, rows = speak(SECONDS), []
    for small in (True, False):
        for f0 in ("harvest", "dio"):
            converter = make_voice_converter(small, f0, options.device)
            for threads in dict.fromkeys((1, options.threads)):
                torch.set_num_threads(threads)
                runs = [converter.convert_in_detail(wave, RATE, "a", "b") for _ in range(repeats + 1)][1:]
                stages = [
                    min(run.seconds[stage] / run.audio_seconds for run in runs)
                    for stage in ("analysis", "network", "synthesis")
                ]
                channels = converter.config.network.channels  # type: ignore[attr-defined]
                numbers = [f"{value:.3f}" for value in [*stages, sum(stages)]]
                rows.append([f"{channels}", f0, f"{threads}", *numbers])
    torch.set_num_threads(options.threads)
    yield f"Conversion by CycleGAN-VC2 of {SECONDS:.0f} s at {RATE} Hz, float32: real-time factor"
    yield make_table(["channels", "F0", "threads", "analysis", "network", "synthesis", "all"], rows)


def make_voice_converter(small: bool, f0: str, device: torch.device) -> VoiceConverter:
    """An untrained CycleGAN-VC2."""
    torch.manual_seed(0)
    values = configure("cyclegan_vc2", small).model_dump()
    config = resolve(merge(values, {"features": {"sample_rate": RATE, "f0": f0}}), "benchmark")
    flat = Statistics(np.zeros(36), np.ones(36), 5.0, 0.2, 1000, 800)
    return VoiceConverter(build(config).to(device), config, {"a": flat, "b": flat}, device)


def benchmark_waveforms(options: Options, repeats: int = 3) -> Iterator[str]:
    """Samples per second of the waveform models, untrained, in the chunks of a conversion. And the energy of a sine's
    mirrored components (`translate.speech.measures.aliasing`)."""
    level = Statistics(np.zeros(1), np.full(1, 0.05), 0.0, 0.0, 1, 0)
    rows = []
    for model in [name for name, kind in list_models().items() if kind.recipe == "waveform"]:
        torch.manual_seed(0)
        small = read_settings(SMALL / f"{model}_small.yaml") if options.small else {}
        values = {"model": model, "data": {"domains": ["a", "b"]}, "network": small.get("network", {})}
        config = resolve(values, "benchmark")
        translator, rate = build(config).to(options.device), config.features.sample_rate  # type: ignore[attr-defined]
        converter = WaveformConverter(translator, config, {"a": level, "b": level}, options.device)
        wave = 0.1 * np.sin(np.arange(int(SECONDS * rate)) / 10)
        spent = []
        for _ in range(repeats + 1):
            started = time.perf_counter()
            converter.convert(wave, rate, "a", "b")
            spent.append(time.perf_counter() - started)
        speed = len(wave) / statistics.median(spent[1:])
        parameters = sum(p.numel() for p in next(iter(translator.players["generator"].children())).parameters())
        mirrored = measure_aliasing(lambda x, c=converter, r=rate: c.convert(x, r, "a", "b")[0], rate)
        numbers = [f"{parameters / 1e6:.2f}", f"{rate}", f"{speed:.0f}", f"{rate / speed:.3f}", f"{mirrored:.0f}"]
        rows.append([model, *numbers])
    size = "as in egs/vcc2016" if options.small else "paper size"
    yield f"Conversion of waves of {SECONDS:.0f} s, {size}, {options.device.type}, float32"
    yield make_table(
        ["model", "parameters, M", "rate, Hz", "samples per second", "real-time factor", "mirrored, dB"], rows
    )
