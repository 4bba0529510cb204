"""Streams against the conversion of the whole: tiny untrained networks of every model that streams."""

import threading
import tracemalloc

import numpy as np
import pytest
import torch
from tiny_runs import configure
from torch import nn

from translate.errors import UserError
from translate.layers.steady_norm import measure_context
from translate.models import list_models
from translate.models.registry import find_defaults
from translate.speech.analysis.statistics import Statistics, moments
from translate.speech.analysis.wave import read_wave, resample
from translate.speech.analysis.world import World
from translate.speech.conversion.chain import Chain
from translate.speech.conversion.open import make_converter
from translate.speech.corpus.mini import make_speech
from translate.speech.streaming.frames import FrameStream
from translate.speech.streaming.stream import Stream, stream
from translate.speech.streaming.world import StreamingSynthesis

RATE = 16000
WORLD = {"f0": "dio", "codec": "sptk", "dimensions": 24}
DEEPER = {"cyclegan_vc2": {"blocks": 2}, "stargan_vc2": {"blocks": 2}}
DOMAINS = {"data": {"domains": ["low", "high"]}}
SPEECH = [name for name, model in list_models().items() if model.modality == "speech"]
VOICES = [name for name in SPEECH if find_defaults(name)["features"]["kind"] == "world"]


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    make_speech(folder, sentences=1, evaluation=0, sample_rate=RATE)
    return {domain: read_wave(folder / domain / "train_001.wav")[0][:20011] for domain in ("low", "high")}


@pytest.fixture(scope="module")
def converters(speech):
    """Every model, on the two voices of the built-in corpus, with norms whose scale and shift are not 1 and 0."""
    made = {}
    for name in SPEECH:
        features = {"sample_rate": RATE} | (WORLD if name in VOICES else {})
        config = configure(name, DOMAINS, features=features, network=DEEPER.get(name, {}))
        torch.manual_seed(0)
        translator = config.build()
        for parameter in translator.players["generator"].parameters():
            if parameter.dim() == 1:
                nn.init.normal_(parameter, 0.5, 0.3)
        if name in VOICES:
            front_end = World(config.features)
            analysed = {domain: front_end.analyse_frames(wave) for domain, wave in speech.items()}
            statistics = {
                d: Statistics.from_moments(moments(*one), front_end.dimensions) for d, one in analysed.items()
            }
        else:
            size = config.features.frame_size
            statistics = dict.fromkeys(speech, Statistics(np.zeros(size), np.ones(size), 5.0, 0.2, 1000, 800))
        made[name] = make_converter(translator, config, statistics, torch.device("cpu"))
    return made


def run(under_way, wave, size):
    parts = [under_way.push(wave[start : start + size]) for start in range(0, len(wave), size)]
    return np.concatenate([*parts, under_way.flush()])


def analyse(converter, wave):
    return converter.world.analyse_frames(wave)[0] if converter.world else wave[:, None]


# --- frames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in VOICES if name != "gan_postfilter"])
def test_with_itself_as_reference_frames_are_those_of_the_whole(converters, speech, name):
    converter = converters[name]
    frames = analyse(converter, speech["low"])                      # 251: no multiple of 4
    frames = np.concatenate([frames, frames[::-1] + 0.1])           # longer than the receptive field
    whole = converter.convert_frames(frames, "low", "high")
    scale = np.abs(converter.statistics["high"].normalise(whole)).max()
    for size in (3, 40, 173, 10_000):
        converted = run(FrameStream(converter, "low", "high", reference=frames), frames, size)
        difference = converter.statistics["high"].normalise(converted) - converter.statistics["high"].normalise(whole)
        assert converted.shape == whole.shape
        assert np.abs(difference).max() < 1e-4
    assert scale > 0.1                                              # there was something to compare


@pytest.mark.parametrize("frames", [1, 3, 8, 9, 30])
def test_few_frames(converters, speech, frames):
    converter, mcep = converters["cyclegan_vc2"], analyse(converters["cyclegan_vc2"], speech["low"])[100 : 100 + frames]
    reference = mcep if frames >= 8 else None                       # else statistics grow, here over all at once
    converted = run(FrameStream(converter, "low", "high", reference=reference), mcep, 10)
    assert np.abs(converted - converter.convert_frames(mcep, "low", "high")).max() < 1e-3


def test_every_frame_has_its_noise(converters, speech):
    converter = converters["gan_postfilter"]
    with torch.no_grad():
        converter.translator.generator["map"].head.weight.mul_(100)
    frames = analyse(converter, speech["low"])
    one, same, other = (
        run(FrameStream(converter, "low", "high", seed=seed), frames, size) for seed, size in ((1, 9), (1, 100), (2, 9))
    )
    draw = torch.Generator().manual_seed(1)
    noise = torch.stack([torch.randn(24, generator=draw) for _ in frames], dim=1)[None]
    x = torch.from_numpy(converter.statistics["low"].normalise(frames).T[None]).float()
    with torch.inference_mode():
        y = converter.translator.translate(x, "low", "high", noise=noise)
    whole = converter.statistics["high"].denormalise(y[0].T.double().numpy())
    assert np.abs(one - whole).max() < 1e-4
    assert np.abs(one - same).max() < 1e-4
    assert np.abs(one - other).max() > 1e-2


def test_a_shorter_look_ahead_is_close_and_a_longer_one_is_the_whole(converters, speech):
    converter = converters["cyclegan_vc2"]
    frames = np.tile(analyse(converter, speech["low"]), (2, 1))
    whole = converter.convert_frames(frames, "low", "high")

    def differ(lookahead):
        made = FrameStream(converter, "low", "high", lookahead, frames)
        return np.abs(run(made, frames, 20) - whole).mean(), made.lookahead

    (none, zero), (some, eight), (all_of_it, most) = differ(0), differ(5), differ(1000)
    assert (zero, eight) == (0, 8)
    assert most == FrameStream(converter, "low", "high", None, frames).lookahead < 100
    assert all_of_it < 1e-5 < some < none < np.abs(whole - frames).mean()


def test_statistics_that_grow_meet_those_of_the_whole(converters, speech):
    converter = converters["cyclegan_vc2"]
    frames = np.tile(analyse(converter, speech["low"])[:240], (8, 1))
    whole = converter.convert_frames(frames, "low", "high")
    error = np.abs(run(FrameStream(converter, "low", "high"), frames, 20) - whole).mean(axis=1)
    assert error[-240:].mean() < 0.7 * error[:60].mean()
    assert error[-240:].mean() < 0.25 * np.abs(whole - whole.mean(axis=0)).mean()


# --- norms and contexts -----------------------------------------------------------------------------------


def test_the_context_of_a_wave_network_is_the_one_that_it_tells(converters):
    converter = converters["wavecyclegan2"]
    tells = converter.translator.maps["to_target"].context
    with torch.inference_mode():
        measured = measure_context(lambda x: converter.translator.translate(x, "low", "high"), 1, 4)
    assert measured == (-(-tells // 4) * 4,) * 2 == FrameStream(converter, "low", "high").context


# --- waves ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wavecyclegan", "wavecyclegan2"])
def test_waveform_models_equal_the_whole(converters, speech, name):
    converter, wave = converters[name], speech["low"]
    whole, _ = converter.convert(wave, RATE, "low", "high")
    assert np.abs(whole - wave).max() > 1e-3
    for size, chunk_ms in ((333, 20), (5000, 200), (10**6, 300)):
        under_way = stream(converter, "high", "low", reference=wave, chunk_ms=chunk_ms)
        assert np.abs(run(under_way, wave, size) - whole).max() < 1e-5


@pytest.mark.parametrize("name", ["cyclegan_vc2", "stargan_vc2", "gan_postfilter"])
def test_voices_equal_the_whole_but_for_the_noise(converters, speech, name):
    """Mel-cepstral distortion of the two waves, against that of the same features with another drawing of the noise."""
    converter, wave = converters[name], speech["low"]
    whole = converter.convert_in_detail(wave, RATE, "low", "high")
    streamed = run(stream(converter, "high", "low", reference=wave), wave, 801)
    again = run(stream(converter, "high", "low", reference=wave, chunk_ms=60), wave, 5000)
    noise = StreamingSynthesis(converter.world, seed=1)
    other = np.concatenate([noise.push(whole.converted), noise.flush(len(wave))])
    assert len(streamed) == len(again) == len(wave)

    def distort(a, b):
        a, b = (analyse(converter, wave)[:, 1:] for wave in (a, b))
        return (10 / np.log(10) * np.sqrt(2 * ((a - b) ** 2).sum(axis=1))).mean()

    floor = distort(other, whole.wave)
    assert 0.5 < floor < 5                                          # dB
    assert distort(streamed, whole.wave) < 1.1 * floor + 0.1
    assert distort(again, whole.wave) < 1.1 * floor + 0.1


@pytest.mark.parametrize(("name", "rate"), [("cyclegan_vc2", RATE), ("wavecyclegan2", RATE), ("cyclegan_vc2", 22050)])
def test_nothing_waits_longer_than_the_latency(converters, speech, name, rate):
    converter = converters[name]
    wave = resample(np.tile(speech["low"], 2), RATE, rate)
    under_way = stream(converter, "high", "low", reference=wave, sample_rate=rate, chunk_ms=80, lookahead_ms=40)
    given, back, waited, late = 0, 0, [], 0
    for size in np.random.default_rng(0).integers(1, 1500, 1000):
        piece = wave[given : given + size]
        given, back = given + len(piece), back + len(under_way.push(piece))
        waited.append(1000 * (given / rate - back / RATE))
        if len(piece) < size:
            break
    late = max(waited)
    assert 0.5 * under_way.latency_ms < late <= under_way.latency_ms
    assert abs(back + len(under_way.flush()) - len(wave) * RATE / rate) <= 1
    report = under_way.report()
    assert report.algorithmic_ms == under_way.latency_ms
    assert 0 < report.compute_ms <= report.slow_compute_ms
    assert report.seconds == len(wave) / rate
    assert f"{under_way.latency_ms:.0f} ms algorithmic" in str(report)


def test_memory_stays_flat(converters, speech):
    peaks = []
    for name in ("cyclegan_vc2", "wavecyclegan"):
        under_way = stream(converters[name], "high", "low", chunk_ms=100)
        run_for(under_way, speech["low"], 2)
        tracemalloc.start()
        run_for(under_way, speech["low"], 1)
        early = tracemalloc.get_traced_memory()[0]
        run_for(under_way, speech["low"], 3)
        peaks.append(tracemalloc.get_traced_memory()[0] - early)
        tracemalloc.stop()
    assert max(peaks) < 100_000                                     # bytes; the samples alone are 480,000


def run_for(under_way, wave, rounds):
    for _ in range(rounds):
        under_way.push(wave)


def test_streams_share_a_model_between_threads(converters, speech):
    converter, results = converters["cyclegan_vc2"], {}

    def work(domain):
        other = "high" if domain == "low" else "low"
        wave = speech[domain][:8000]
        results[domain] = run(stream(converter, other, domain, reference=wave), wave, 500)

    expected = {}
    for domain in speech:
        work(domain)
    expected, results = dict(results), {}
    threads = [threading.Thread(target=work, args=(domain,)) for domain in speech]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(results[domain], expected[domain], atol=1e-6) for domain in speech)


def test_any_samples(converters, speech):
    converter, integers = converters["wavecyclegan2"], np.round(speech["low"][:4000] * 32767).astype(np.int16)
    expected = run(stream(converter, "high"), integers / 32768, 1000)
    stereo = np.stack([integers, integers], axis=1)
    assert np.array_equal(run(stream(converter, "high"), integers, 1000), expected)
    assert np.array_equal(run(stream(converter, "high"), stereo, 1000), expected)
    for name in ("cyclegan_vc2", "wavecyclegan"):
        for samples in (0, 1, 100, 1601):
            wave = run(stream(converters[name], "high"), np.zeros(samples), 70)
            assert wave.shape == (samples,)
            assert np.isfinite(wave).all()


# --- what cannot be ---------------------------------------------------------------------------------------


def test_what_cannot_stream_says_so(converters):
    chain = Chain([converters["cyclegan_vc2"], converters["gan_postfilter"]])
    for model, reason in ((chain, "a chain cannot stream"), (converters["stft_postfilter"], "spectrograms cannot")):
        with pytest.raises(UserError, match=reason):
            stream(model, "high")


def test_bad_input(converters, speech):
    converter = converters["cyclegan_vc2"]
    for options, reason in (
        ({"target": "nobody"}, "unknown domain `nobody`"),
        ({"chunk_ms": 0}, "chunk_ms: 0"),
        ({"chunk_ms": float("nan")}, "chunk_ms: nan"),
        ({"lookahead_ms": -1}, "lookahead_ms: -1"),
        ({"seed": 3}, "draws no noise"),
        ({"reference": np.zeros(RATE)}, "the reference: silent"),
        ({"reference": speech["low"][:100]}, "the reference: too short"),
    ):
        with pytest.raises(UserError, match=reason):
            stream(converter, **({"target": "high"} | options))
    under_way = stream(converter, "high")
    assert isinstance(under_way, Stream)
    with pytest.raises(UserError, match="NaN or infinite"):
        under_way.push(np.array([0.0, np.nan]))
    under_way.flush()
    assert len(under_way.flush()) == 0
    with pytest.raises(UserError, match="flushed"):
        under_way.push(np.zeros(10))
