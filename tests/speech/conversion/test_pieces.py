"""Long recordings in pieces: cuts in pauses, joints that cannot be heard, memory that does not grow."""

import tracemalloc

import numpy as np
import pytest
import soundfile

from translate.errors import UserError
from translate.speech.analysis.wave import read_wave, resample, write_wave
from translate.speech.analysis.wave_blocks import read_blocks, write_blocks
from translate.speech.conversion import pieces
from translate.speech.conversion.pieces import convert_pieces


def speak(seconds, rate, seed=0):
    """Noise with pauses, as loud and quiet as speech is."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    return 0.1 * random.standard_normal(len(time)) * (np.sin(2 * np.pi * 0.4 * time) > -0.8)


@pytest.mark.parametrize("size", [997, 16000, 10**7])
def test_what_works_sample_by_sample_comes_out_as_the_whole(size):
    wave = speak(95, 4000)
    seen = []

    def double(piece):
        seen.append(len(piece) / 4000)
        return 2 * piece

    blocks = (wave[start : start + size] for start in range(0, len(wave), size))
    np.testing.assert_allclose(np.concatenate(list(convert_pieces(blocks, 4000, 4000, double))), 2 * wave, atol=1e-12)
    assert len(seen) >= 4
    assert max(seen) <= pieces.PIECE + 3 * pieces.CONTEXT


@pytest.mark.parametrize(("rate", "out_rate"), [(8000, 6000), (4410, 3200), (4000, 4001)])
def test_rates_may_differ(rate, out_rate):
    wave = np.cumsum(speak(70, rate))
    wave /= np.abs(wave).max()
    joined = np.concatenate(list(convert_pieces([wave], rate, out_rate, lambda x: resample(x, rate, out_rate))))
    whole = resample(wave, rate, out_rate)
    assert abs(len(joined) - len(whole)) <= 1
    short = min(len(joined), len(whole))
    assert np.abs(joined[:short] - whole[:short]).max() < 1e-3


def test_pieces_end_in_pauses():
    rate = 1000
    wave = np.ones(80 * rate)
    for second in (15, 30, 45, 62):
        wave[second * rate : (second + 1) * rate] = 0.0
    lengths = [len(part) / rate for part in convert_pieces([wave], rate, rate, lambda piece: piece)]
    ends = np.cumsum(lengths)
    assert [int(end) for end in ends[:4]] == [15, 30, 45, 62]
    assert ends[-1] == 80


def test_a_short_wave_is_one_piece():
    seen = []
    list(convert_pieces([np.ones(10), np.ones(20)], 16000, 16000, lambda piece: seen.append(len(piece)) or piece))
    assert seen == [30]


def test_files_in_blocks_are_the_files(tmp_path):
    wave = speak(3, 8000)
    write_wave(tmp_path / "one.wav", wave, 8000)
    write_blocks(tmp_path / "two.wav", np.array_split(wave, 7), 8000)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()
    blocks, rate = read_blocks(tmp_path / "two.wav")
    np.testing.assert_array_equal(np.concatenate(list(blocks)), read_wave(tmp_path / "one.wav")[0])
    assert rate == 8000
    loud = np.concatenate([wave, [-2.0], wave])
    assert write_blocks(tmp_path / "loud.wav", np.array_split(loud, 9), 8000) == len(loud)
    back = read_wave(tmp_path / "loud.wav")[0]
    assert back[len(wave)] == pytest.approx(-1, abs=1e-4)
    away = np.abs(np.arange(len(loud)) - len(wave)) > 400           # 50 ms from the peak nothing is scaled
    np.testing.assert_allclose(back[away], loud[away], atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loud.wav", "one.wav", "two.wav"]


def test_nothing_half_written_stays(tmp_path):
    def break_off():
        yield np.ones(10)
        raise UserError("broken")

    with pytest.raises(UserError, match="broken"):
        write_blocks(tmp_path / "out.wav", break_off(), 8000)
    with pytest.raises(UserError, match="NaN or infinite"):
        write_blocks(tmp_path / "out.wav", [np.array([np.nan])], 8000)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(UserError, match="cannot read as audio"):
        read_blocks(tmp_path / "text.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan]), 8000, subtype="DOUBLE")
    with pytest.raises(UserError, match="NaN or infinite"):
        list(read_blocks(tmp_path / "nan.wav")[0])


def test_memory_does_not_grow_with_the_length(tmp_path):
    def measure(minutes):
        blocks = (speak(10, 4000, seed) for seed in range(6 * minutes))
        tracemalloc.start()
        write_blocks(tmp_path / "out.wav", convert_pieces(blocks, 4000, 4000, lambda piece: -piece), 4000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    short, long = measure(2), measure(8)
    assert long < 1.2 * short
