"""WORLD in chunks against WORLD on the whole."""

from dataclasses import replace

import numpy as np
import pytest

from translate.config import WorldConfig
from translate.speech.analysis.wave import read_wave, resample
from translate.speech.analysis.world import World, WorldFeatures
from translate.speech.corpus.mini import make_speech
from translate.speech.streaming.world import StreamingAnalysis, StreamingSynthesis

RATE = 16000
PUSHES = 1, 79, 3001, 640, 17, 5000                                 # samples, over and over


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """A second of the built-in corpus, with pauses and unvoiced sounds."""
    folder = tmp_path_factory.mktemp("speech")
    make_speech(folder, sentences=1, evaluation=0, sample_rate=RATE)
    return read_wave(folder / "low" / "train_001.wav")[0][: int(1.2 * RATE)]


def make_world(rate=RATE, f0="dio", codec="sptk"):
    return World(WorldConfig(sample_rate=rate, f0=f0, codec=codec, dimensions=25))


@pytest.fixture(scope="module")
def features(speech):
    return make_world().analyse(speech)


def cut(wave):
    """The wave in pieces of the sizes `PUSHES`."""
    start, number = 0, 0
    while start < len(wave):
        size = PUSHES[number % len(PUSHES)]
        yield wave[start : start + size]
        start, number = start + size, number + 1


def analyse(world, wave, chunk=20, whole=False):
    analysis = StreamingAnalysis(world, chunk)
    pieces = [wave] if whole else cut(wave)
    parts = [part for piece in pieces for part in analysis.push(piece)] + list(analysis.flush())
    return [np.concatenate([getattr(part, name) for part in parts]) for name in ("f0", "mcep", "aperiodicity")]


# --- analysis ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "method", "chunk"), [(RATE, "dio", 20), (22050, "dio", 12), (8000, "dio", 40), (8000, "harvest", 40)]
)
def test_analysis_in_chunks_is_that_of_the_whole(speech, rate, method, chunk):
    wave, world = resample(speech, RATE, rate), make_world(rate, method)
    wave = wave[: len(wave) // 6 * 6 if method == "dio" else 4800]    # Harvest takes long
    whole, (f0, mcep, aperiodicity) = world.analyse(wave), analyse(world, wave, chunk)
    assert len(f0) == len(whole.f0) == len(mcep) == len(aperiodicity)
    assert np.mean((f0 > 0) != (whole.f0 > 0)) < 0.01
    voiced = (f0 > 0) & (whole.f0 > 0)
    assert voiced.mean() > 0.3
    cents = 1200 * np.abs(np.log2(f0[voiced] / whole.f0[voiced]))
    assert np.quantile(cents, 0.97) < 5
    assert np.quantile(np.abs(mcep - whole.mcep).max(axis=1), 0.95) < 0.02
    # D4C adds noise of its own, numbered from the first frame that it is given: no worse than it against itself.
    first = np.flatnonzero(voiced)[0] + 7
    later = world.measure_aperiodicity(wave, whole.f0[first:].copy(), 0.005 * np.arange(first, len(whole.f0)))
    own, ours = (
        np.quantile(np.abs(a - whole.aperiodicity[first:]).max(axis=1), 0.9) for a in (later, aperiodicity[first:])
    )
    assert own > 0
    assert ours < 1.5 * own + 1e-3


def test_analysis_does_not_depend_on_the_pushes(speech):
    world = make_world()
    for a, b in zip(analyse(world, speech), analyse(world, speech, whole=True), strict=True):
        assert np.array_equal(a, b)


def test_analysis_waits_for_its_look_ahead_and_no_longer(speech):
    world = make_world()
    analysis = StreamingAnalysis(world, 20)
    assert analysis.lookahead < 0.1 * RATE
    needed = 20 * 80 + analysis.lookahead
    assert list(analysis.push(speech[: needed - 1])) == []
    assert [len(part.f0) for part in analysis.push(speech[needed - 1 : needed])] == [20]


def test_analysis_of_next_to_nothing():
    for samples, frames in ((0, 0), (1, 1), (79, 1), (80, 2), (300, 4)):
        analysis = StreamingAnalysis(make_world(), 4)
        parts = [*analysis.push(np.full(samples, 0.1)), *analysis.flush()]
        assert sum(len(part.f0) for part in parts) == frames


# --- synthesis --------------------------------------------------------------------------------------------


def synthesise(world, features, size, seed=0):
    synthesis = StreamingSynthesis(world, seed)
    parts = []
    for start in range(0, len(features.f0), size):
        part = slice(start, start + size)
        piece = WorldFeatures(features.f0[part], features.mcep[part], features.aperiodicity[part], 0)
        parts.append(synthesis.push(piece))
    return np.concatenate([*parts, synthesis.flush(features.samples)])


def find_voiced(world, features):
    """Samples that lie wholly between voiced frames: (N,) of bool."""
    place = np.arange(features.samples) / world.hop
    return np.interp(place, np.arange(len(features.f0)), features.f0 > 0) > 0.999


def level(wave):
    return np.sqrt(np.mean(wave**2))


def test_synthesis_does_not_depend_on_the_pushes(features):
    world = make_world()
    whole = synthesise(world, features, 10**6)
    assert len(whole) == features.samples
    for size in (1, 7, 40):
        assert np.abs(synthesise(world, features, size) - whole).max() < 1e-9


@pytest.mark.parametrize("rate", [8000, RATE, 22050])
def test_voiced_parts_are_those_of_world_sample_by_sample(speech, rate):
    world = make_world(rate)
    whole = world.analyse(resample(speech, RATE, rate))
    quiet = replace(whole, aperiodicity=np.zeros_like(whole.aperiodicity))
    expected, found, voiced = world.synthesise(quiet), synthesise(world, quiet, 16), find_voiced(world, whole)
    assert voiced.mean() > 0.3
    assert level((found - expected)[voiced]) < 0.1 * level(expected[voiced])


def test_the_spectrum_differs_no_more_than_by_the_noise(features):
    """Log spectral distance to WORLD's synthesis, against that between two drawings of our noise."""
    world = make_world()
    waves = [world.synthesise(features), synthesise(world, features, 16), synthesise(world, features, 16, seed=1)]
    spectra = [world.decode(world.analyse_frames(wave)[0]) for wave in waves]

    def distance(a, b):
        return np.sqrt(np.mean((10 * np.log10(a / b)) ** 2, axis=1)).mean()

    assert 0.1 < distance(spectra[1], spectra[2]) < 6
    assert distance(spectra[0], spectra[1]) < 1.25 * distance(spectra[1], spectra[2])


def test_noise_never_repeats():
    """A vocoder that is started anew for every chunk would draw the same numbers in each."""
    world, frames = make_world(), 400
    hiss = WorldFeatures(np.zeros(frames), np.zeros((frames, 25)), np.ones((frames, 513)), 80 * (frames - 1))
    wave = synthesise(world, hiss, 20)[2000:-2000]
    assert 0.5 < level(wave) < 2                                    # the mel-cepstrum 0 is a power of 1
    spectrum = np.abs(np.fft.rfft(wave, 2 * len(wave))) ** 2
    similarity = np.fft.irfft(spectrum)[: len(wave) // 2]
    assert np.abs(similarity[100:]).max() < 0.1 * similarity[0]


def test_output_lags_by_no_more_than_the_look_ahead(features):
    world = make_world()
    synthesis, given = StreamingSynthesis(world), 0
    low = replace(features, f0=np.where(features.f0 > 0, 25.0, 0.0))  # raised to 40 Hz
    for frame in range(len(low.f0)):
        part = slice(frame, frame + 1)
        given += len(synthesis.push(WorldFeatures(low.f0[part], low.mcep[part], low.aperiodicity[part], 0)))
        assert given >= (frame + 1) * world.hop - synthesis.lookahead
        assert len(synthesis._tail) < 4 * world.fft_size            # memory, too, is bounded
        assert len(synthesis._f0) < 20


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_synthesis_of_next_to_nothing(frames):
    world = make_world()
    few = WorldFeatures(np.full(frames, 120.0), np.zeros((frames, 25)), np.full((frames, 513), 0.1), 70 * frames)
    wave = synthesise(world, few, 1)
    assert wave.shape == (70 * frames,)
    assert np.isfinite(wave).all()
