"""Latency and speed of streams, for `tools/bench.py --only stream`."""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from translate.config import merge
from translate.models import resolve
from translate.speech.analysis.statistics import Statistics
from translate.speech.analysis.wave import read_wave
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.corpus.mini import make_speech
from translate.speech.streaming.stream import StreamReport, stream

PUSH = 320                                                          # samples: as a sound card gives them
# What is measured: the F0 method, milliseconds of a chunk, milliseconds of look-ahead (None: all).
CASES: list[tuple[str, float, float | None]] = [
    ("dio", 200, None), ("dio", 200, 100), ("dio", 100, 0), ("harvest", 200, None),
]  # fmt: skip
STREAM_TITLES = ["F0", "chunk", "look-ahead", "algorithmic", "median", "95 %", "latency", "real-time factor", "CPU"]


def benchmark_stream(channels: int) -> list[list[str]]:
    """Rows of a table: an untrained CycleGAN-VC2 at 16 kHz, 36 mel-cepstra, over 5 s of the built-in corpus."""
    with tempfile.TemporaryDirectory() as folder:
        make_speech(Path(folder), sentences=1, evaluation=0, sample_rate=16000)
        wave = np.resize(read_wave(Path(folder) / "low" / "train_001.wav")[0], 5 * 16000)
    return [_describe(case, *_measure(channels, wave, *case)) for case in CASES]


def _measure(
    channels: int, wave: np.ndarray, f0: str, chunk_ms: float, lookahead_ms: float | None
) -> tuple[StreamReport, float]:
    """What the stream reports, and seconds of CPU per second of speech, which other programs hardly change."""
    values = {"model": "cyclegan_vc2", "data": {"domains": ["a", "b"]}, "network": {"channels": channels}}
    config = resolve(merge(values, {"features": {"sample_rate": 16000, "f0": f0}}), "benchmark")
    flat = Statistics(np.zeros(36), np.ones(36), 5.0, 0.2, 1000, 800)
    torch.manual_seed(0)
    model = VoiceConverter(
        config.build(), config, {"a": flat, "b": flat}, torch.device("cpu")
    )
    under_way = stream(model, "b", "a", reference=wave[:48000], chunk_ms=chunk_ms, lookahead_ms=lookahead_ms)
    started = time.process_time()
    for start in range(0, len(wave), PUSH):
        under_way.push(wave[start : start + PUSH])
    under_way.flush()
    report = under_way.report()
    return report, (time.process_time() - started) / report.seconds


def _describe(case: tuple[str, float, float | None], report: StreamReport, cpu: float) -> list[str]:
    f0, chunk_ms, lookahead_ms = case
    return [
        f0,
        f"{chunk_ms:g}",
        "all" if lookahead_ms is None else f"{lookahead_ms:g}",
        f"{report.algorithmic_ms:.0f}",
        f"{report.compute_ms:.0f}",
        f"{report.slow_compute_ms:.0f}",
        f"{report.algorithmic_ms + report.slow_compute_ms:.0f}",
        f"{report.real_time_factor:.2f}",
        f"{cpu:.2f}",
    ]
