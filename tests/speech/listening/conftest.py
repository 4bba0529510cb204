"""Tiny runs of two voices with what they converted; pages are made of them."""

import pytest
from listening_pages import FEATURES, MODELS
from tiny_runs import make_run

from translate.config import WorldConfig
from translate.corpus.manifest import Entry, write_manifest
from translate.files import save_arrays
from translate.jobs.convert import convert_files
from translate.speech.analysis.statistics import Statistics, moments, pack_statistics
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.analysis.world import World
from translate.speech.corpus.mini import make_speech

RATE = FEATURES["sample_rate"]


@pytest.fixture(scope="package")
def corpus(tmp_path_factory):
    """The manifest of three sentences by two voices, of half a second each."""
    folder = tmp_path_factory.mktemp("corpus")
    make_speech(folder / "speech", sentences=1, evaluation=3, sample_rate=RATE)
    entries = []
    for domain in ("low", "high"):
        for path in sorted((folder / "speech" / domain).glob("eval_*.wav")):
            write_wave(folder / domain / path.name, read_wave(path)[0][4000:12000], RATE)
            entries.append(Entry(path.stem, folder / domain / path.name, domain, "eval", pair=path.stem))
    write_manifest(folder / "eval.jsonl", entries)
    return folder / "eval.jsonl"


@pytest.fixture(scope="package")
def runs(corpus, tmp_path_factory):
    """Two untrained runs with the voices' statistics; the second converted one direction alone, with a higher F0."""
    folder = tmp_path_factory.mktemp("exp")
    statistics = {}
    for domain in ("low", "high"):
        waves = [read_wave(path)[0] for path in sorted((corpus.parent / domain).iterdir())]
        world = World(WorldConfig(**FEATURES))
        statistics[domain] = Statistics.from_moments(
            sum(moments(*world.analyse_frames(wave)) for wave in waves), world.dimensions
        )
    directions = {MODELS[0]: [("low", "high"), ("high", "low")], MODELS[1]: [("low", "high")]}
    for semitones, (name, pairs) in enumerate(directions.items()):
        run = make_run(folder / name, "cyclegan_vc2", data={"domains": ["low", "high"]}, features=FEATURES)
        save_arrays(run / "latest/statistics.safetensors", pack_statistics(statistics))
        for source, target in pairs:
            convert_files(run, corpus, run / "converted" / f"{source}-{target}", source, target, semitones=semitones)
    return [folder / name for name in MODELS]
