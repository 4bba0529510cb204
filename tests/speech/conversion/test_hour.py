"""An hour of speech through the command, in under a gigabyte."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from translate.speech.analysis.wave import read_wave
from translate.speech.corpus.mini import make_speech

ROOT = Path(__file__).resolve().parents[3]
RATE = 16000


@pytest.mark.slow
def test_an_hour_of_speech_takes_less_than_a_gigabyte(tmp_path):
    make_speech(tmp_path / "voices", sentences=20, evaluation=0, voices=("high",))
    waves = [read_wave(path)[0] for path in sorted((tmp_path / "voices" / "high").glob("*.wav"))]
    with soundfile.SoundFile(tmp_path / "hour.wav", "w", RATE, 1, "PCM_16") as file:
        while file.frames < 3600 * RATE:
            for wave in waves:
                file.write(wave)
    command = [sys.executable, "-m", "translate", "convert", ROOT / "pretrained" / "cyclegan_vc2-SF1-TM1"]
    subprocess.run([*command, tmp_path / "hour.wav", tmp_path / "converted.wav", "--to", "TM1"], check=True)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"{soundfile.info(tmp_path / 'converted.wav').duration:.0f} s converted, at most {most / 1e6:.0f} MB")
    assert soundfile.info(tmp_path / "converted.wav").duration == pytest.approx(
        soundfile.info(tmp_path / "hour.wav").duration, abs=0.01
    )
    assert most < 1e9
