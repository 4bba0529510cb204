"""`translate convert RUN - -`: the job on buffers, and the command once in a process."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from translate.checkpoints.store import save_checkpoint
from translate.errors import UserError
from translate.jobs.convert import convert_pipe
from translate.jobs.load import load
from translate.models import resolve
from translate.speech.analysis.statistics import Statistics, moments, pack_statistics
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World
from translate.speech.corpus.mini import make_speech

RATE = 16000


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A folder with a checkpoint, and the wave of a sentence as a file."""
    folder = tmp_path_factory.mktemp("pipe")
    make_speech(folder, sentences=1, evaluation=0, sample_rate=RATE)
    config = resolve(
        {
            "model": "cyclegan_vc2",
            "data": {"domains": ["low", "high"]},
            "features": {"sample_rate": RATE, "f0": "dio", "codec": "sptk", "dimensions": 24},
            "network": {"channels": 4, "blocks": 1},
        },
        "test",
    )
    world, statistics = World(config.features), {}
    for domain in ("low", "high"):
        wave = read_wave(folder / domain / "train_001.wav")[0][:RATE]
        statistics[domain] = Statistics.from_moments(moments(*world.analyse_frames(wave)), world.dimensions)
        soundfile.write(folder / f"{domain}.wav", wave, RATE)
    torch.manual_seed(0)
    weights = config.build().state_dict()
    save_checkpoint(folder / "run", 1, config, weights, {}, pack_statistics(statistics), {}, keep=1)
    return folder


def convert(material, data, **options):
    out = io.BytesIO()
    line = convert_pipe(material / "run", io.BytesIO(data), out, "low", "high", **options)
    return out.getvalue(), line


def test_the_whole_is_what_a_file_gives(material):
    data, line = convert(material, (material / "low.wav").read_bytes())
    wave, rate = soundfile.read(io.BytesIO(data))
    expected, _ = load(material / "run").convert(*soundfile.read(material / "low.wav"), "low", "high")
    assert rate == RATE
    assert np.abs(wave - expected).max() < 1e-4
    assert line.startswith("1.0 s of speech in ")


def test_a_pipe_takes_the_options_of_files(material):
    data, _ = convert(material, (material / "low.wav").read_bytes(), options={"amount": 0.5})
    wave, _ = soundfile.read(io.BytesIO(data))
    given = soundfile.read(material / "low.wav")
    expected, _ = load(material / "run").convert(*given, "low", "high", amount=0.5)
    assert np.abs(wave - expected).max() < 1e-4
    for options, reason in (
        ({"features": True}, "features: not with pipes"),
        ({"tile": 64}, "tile: .* converts speech, which has no such option"),
    ):
        with pytest.raises(UserError, match=reason):
            convert(material, b"", options=options)


def test_a_stream_of_raw_samples(material):
    wave, _ = soundfile.read(material / "low.wav", dtype="int16")
    options = {"streaming": True, "reference": material / "low.wav", "chunk_ms": 100.0, "lookahead_ms": 100.0}
    data, line = convert(material, wave.tobytes(), raw=RATE, **options)
    converted = np.frombuffer(data, "<i2")
    assert converted.shape == wave.shape
    assert np.abs(converted).max() > 300
    assert "ms algorithmic" in line
    assert "RTF" in line


def test_bad_options_and_pipes(material):
    wav = (material / "low.wav").read_bytes()
    for data, options, reason in (
        (b"", {}, "the pipe is empty"),
        (b"", {"raw": RATE}, "no samples"),
        (wav[:44], {"streaming": True}, "no samples"),
        (wav, {"chunk_ms": 100.0}, "for --stream"),
        (wav, {"raw": 16}, "--raw 16"),
        (wav, {"streaming": True, "options": {"difference": True}}, "difference: not with --stream"),
        (wav, {"streaming": True, "chunk_ms": -1.0}, "chunk_ms: -1"),
        (wav, {"streaming": True, "then": [material / "run"]}, "a chain cannot stream"),
        (wav, {"streaming": True, "reference": material / "nothing.wav"}, "no such audio file"),
    ):
        with pytest.raises(UserError, match=reason):
            convert(material, data, **options)


@pytest.mark.parametrize("streaming", [False, True])
def test_nobody_reads(material, streaming):
    reader, writer = os.pipe()
    os.close(reader)
    wav = io.BytesIO((material / "low.wav").read_bytes())
    with open(writer, "wb", buffering=0) as out, pytest.raises(UserError, match="reader of the output is gone"):
        convert_pipe(material / "run", wav, out, "low", "high", streaming=streaming)


def test_the_command_puts_nothing_but_audio_on_its_output(material):
    wav = (material / "low.wav").read_bytes()
    endless = wav[:40] + b"\xff" * 4 + wav[44:]
    code = "from translate.cli import main; main()"
    words = ["convert", str(material / "run"), "-", "-", "--to", "high", "--stream", "--lookahead-ms", "0"]
    pipes: dict[str, int] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], bufsize=0, env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes
    )
    process.stdin.write(endless)
    first = process.stdout.read(4096)                               # comes while the input is still open
    assert len(first) > 44
    rest, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert first[:4] + first[8:12] == b"RIFFWAVE"
    assert len(first) + len(rest) == len(wav)
    assert b"RTF" in told.splitlines()[-1]
