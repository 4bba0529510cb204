"""Conversion of any clip by a tiny untrained CycleGAN-VC2 and by stand-ins for it."""

import logging
import re

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt
from torch import nn

from translate.checkpoints.store import save_checkpoint
from translate.config import WorldConfig
from translate.errors import UserError
from translate.files import save_arrays
from translate.games.base import Translator
from translate.jobs.load import load
from translate.models import resolve
from translate.speech.analysis.statistics import Statistics, load_statistics, moments, pack_statistics
from translate.speech.analysis.wave import read_wave, resample
from translate.speech.analysis.world import World
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.corpus.mini import make_speech
from translate.speech.streaming.stream import stream
from translate.speech.streaming.world import StreamingSynthesis

RATE = 16000
FEATURES = {"sample_rate": RATE, "f0": "dio", "codec": "sptk", "dimensions": 25}


class StandIn(Translator):
    """Any map in place of the networks."""

    def __init__(self, network: nn.Module):
        super().__init__({"generator": network}, {})

    def training_step(self, batch, step):
        yield from ()  # it is never trained

    def translate(self, x, source, target):
        return self.players["generator"](x)


def configure(domains=("low", "high"), **network):
    values = {
        "model": "cyclegan_vc2",
        "data": {"domains": list(domains)},
        "features": FEATURES,
        "network": {"channels": 4, "blocks": 1, **network},
    }
    return resolve(values, "test")


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    make_speech(folder, sentences=1, evaluation=0, sample_rate=RATE)
    return {domain: read_wave(folder / domain / "train_001.wav")[0] for domain in ("low", "high")}


@pytest.fixture(scope="module")
def statistics(waves):
    world = World(WorldConfig(**FEATURES))
    analysed = {domain: world.analyse_frames(wave) for domain, wave in waves.items()}
    return {d: Statistics.from_moments(moments(*one), world.dimensions) for d, one in analysed.items()}


@pytest.fixture(scope="module")
def converter(statistics):
    torch.manual_seed(0)
    config = configure()
    return VoiceConverter(config.build(), config, statistics, torch.device("cpu"))


def stand_in(statistics, network, domains=("low", "high")):
    config = configure(domains)
    return VoiceConverter(StandIn(network), config, statistics, torch.device("cpu"))


@pytest.fixture
def checkpoint(tmp_path, statistics):
    config = configure()
    weights = config.build().state_dict()
    return save_checkpoint(tmp_path / "exp" / "run", 7, config, weights, {}, pack_statistics(statistics), {}, keep=1)


# --- clips ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_any_rate(converter, waves, rate):
    wave = resample(waves["low"][: RATE // 2], RATE, rate)
    output, output_rate = converter.convert(wave, rate, "low", "high")
    assert output_rate == RATE
    assert abs(len(output) - RATE // 2) <= 1
    assert np.isfinite(output).all()
    assert np.abs(output).max() > 1e-3


def test_stereo_and_integers_are_the_same_as_mono_floats(converter, waves):
    integers = np.round(waves["low"][: RATE // 2] * 32767).astype(np.int16)
    expected, _ = converter.convert(integers / 32768, RATE, "low", "high")
    assert np.array_equal(converter.convert(integers, RATE, "low", "high")[0], expected)
    stereo = np.stack([integers, integers], axis=1)
    assert np.array_equal(converter.convert(stereo, RATE, "low", "high")[0], expected)
    left_only = np.stack([2 * (integers // 2), 0 * integers], axis=1)
    halved, _ = converter.convert(left_only / 32768, RATE, "low", "high")
    assert halved.shape == expected.shape


@pytest.mark.parametrize("samples", [1600, 1601, 3333, 10239])     # a crop of 128 frames is 10240 samples
def test_clips_shorter_than_a_crop(converter, waves, samples):
    result = converter.convert_in_detail(waves["low"][8000 : 8000 + samples], RATE, "low", "high")
    assert result.wave.shape == result.original.shape == (samples,)
    assert len(result.converted.mcep) == len(result.source.mcep) == samples // 80 + 1
    assert result.audio_seconds == samples / RATE
    assert set(result.seconds) == {"analysis", "network", "synthesis"}


@pytest.mark.parametrize("frames", [1, 2, 5, 8, 9])
def test_few_frames(converter, statistics, frames):
    mcep = converter.convert_frames(np.tile(statistics["low"].mean, (frames, 1)), "low", "high")
    assert mcep.shape == (frames, 25)
    assert np.isfinite(mcep).all()


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.zeros(RATE), "the wave: silent"),
        (np.ones(100), "the wave: too short"),
        (np.zeros(0), "the wave: too short"),
        (np.full(RATE, np.nan), "the wave: NaN"),
        (np.zeros((2, RATE)), r"expected a wave of shape"),
    ],
)
def test_bad_waves(converter, wave, message):
    with pytest.raises(UserError, match=message):
        converter.convert(wave, RATE, "low", "high")
    if message.startswith("the wave"):
        with pytest.raises(UserError, match=message.replace("the wave", "x.wav")):
            converter.convert_in_detail(wave, RATE, "low", "high", name="x.wav")


def test_without_a_voiced_frame(converter, caplog):
    noise = np.random.default_rng(0).normal(0, 0.05, RATE)
    hiss = sosfilt(butter(8, 4000, "high", fs=RATE, output="sos"), noise)
    with caplog.at_level(logging.WARNING, "translate"):
        result = converter.convert_in_detail(hiss, RATE, "low", "high")
    assert not result.source.f0.any()
    assert not result.converted.f0.any()
    assert "no voiced frame in the clip" in caplog.text
    assert np.isfinite(result.wave).all()


def test_f0_moves_to_the_target(converter, waves):
    result = converter.convert_in_detail(waves["low"], RATE, "low", "high")
    voiced = result.source.f0 > 0
    assert np.array_equal(result.converted.f0 > 0, voiced)
    assert np.median(result.source.f0[voiced]) < 150 < np.median(result.converted.f0[voiced])


def test_a_recording_of_another_voice_is_told_and_stays_in_range(converter, waves, caplog, monkeypatch):
    with caplog.at_level(logging.WARNING, "translate"):
        converter.convert_in_detail(waves["high"], RATE, "high", "low")
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "translate"):
        result = converter.convert_in_detail(waves["low"], RATE, "high", "low")
    (record,) = caplog.records
    assert re.fullmatch(
        r"the recording's F0 is about 1\d\d Hz, high's about 2\d\d Hz: another source \(--from\) may fit better",
        record.getMessage(),
    )
    voiced = result.source.f0 > 0
    f0, config = result.converted.f0, converter.world.config
    assert np.array_equal(f0 > 0, voiced)
    assert f0[voiced].min() == config.f0_floor                      # else half as high
    heard, push = [], StreamingSynthesis.push
    monkeypatch.setattr(StreamingSynthesis, "push", lambda self, part: heard.append(part.f0) or push(self, part))
    under_way = stream(converter, "low", "high", reference=waves["low"])
    under_way.push(waves["low"])
    under_way.flush()
    streamed = np.concatenate(heard)
    assert streamed[streamed > 0].min() == config.f0_floor
    assert np.median(streamed[streamed > 0]) == pytest.approx(np.median(f0[voiced]), rel=0.01)


# --- stand-ins --------------------------------------------------------------------------------------------


def test_difference_with_the_identity_is_the_source(statistics, waves):
    same = stand_in({"low": statistics["low"], "high": statistics["low"]}, nn.Identity())
    result = same.convert_in_detail(waves["low"], RATE, "low", "high", difference=True)
    np.testing.assert_allclose(result.wave, waves["low"], atol=1e-5)
    voice = stand_in(statistics, nn.Identity()).convert_in_detail(waves["low"], RATE, "low", "high", difference=True)
    assert np.abs(voice.wave - waves["low"]).max() > 0.01           # the statistics differ
    assert np.array_equal(voice.converted.f0, voice.source.f0)      # its excitation is the source's


def test_the_identity_moves_the_statistics(statistics, waves):
    mover = stand_in(statistics, nn.Identity())
    result = mover.convert_in_detail(waves["low"], RATE, "low", "high", energy="converted")
    np.testing.assert_allclose(result.converted.mcep.mean(axis=0), statistics["high"].mean, atol=1e-5)
    np.testing.assert_allclose(result.converted.mcep.std(axis=0), statistics["high"].deviation, atol=1e-5)


# --- checkpoints ------------------------------------------------------------------------------------------


def test_load_from_run_link_and_step(checkpoint, waves):
    run = checkpoint.parent
    clip = waves["low"][: RATE // 2]
    outputs = [load(folder).convert(clip, RATE, "low")[0] for folder in (run, str(run / "latest"), checkpoint)]
    assert np.array_equal(outputs[0], outputs[1])
    assert np.array_equal(outputs[0], outputs[2])


def test_load_what_is_no_checkpoint(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such checkpoint"):
        load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not a checkpoint"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["weights.safetensors", "statistics.safetensors", "config.yaml"])
@pytest.mark.parametrize("keep", [0, 0.5])
def test_load_damaged_files(checkpoint, name, keep):
    path = checkpoint / name
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        load(checkpoint)


def test_load_weights_of_another_model(checkpoint):
    path = checkpoint / "config.yaml"
    config = path.read_text(encoding="utf-8")
    path.write_text(config.replace("channels: 4", "channels: 8"), encoding="utf-8")
    with pytest.raises(UserError, match="the weights belong to another network"):
        load(checkpoint)


def test_load_statistics_of_another_model(checkpoint):
    path = checkpoint / "statistics.safetensors"
    statistics = load_statistics(path)
    save_arrays(path, pack_statistics({"low": statistics["low"]}))
    with pytest.raises(UserError, match=r"statistics\.safetensors: expected the domain `high` with 25 dim"):
        load(checkpoint)
    longer = Statistics.from_moments(moments(np.ones((3, 36)), np.ones(3)), 36)
    save_arrays(path, pack_statistics({"low": longer, "high": longer}))
    with pytest.raises(UserError, match=r"expected the domain `low` with 25 dimensions"):
        load(checkpoint)


@pytest.mark.parametrize("device", ["banana", "cuda:99", "cpu:x"])
def test_load_on_no_such_device(checkpoint, device):
    with pytest.raises(UserError, match=f"device `{device}`: not available"):
        load(checkpoint, device)
