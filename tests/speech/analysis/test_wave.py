import logging

import numpy as np
import pytest
import soundfile

from translate.errors import UserError
from translate.speech.analysis import wave as waves


def sine(hz, rate, seconds=0.5):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_rate_and_channel_count_gives_the_same_sine(tmp_path, rate, channels):
    original = sine(440, rate)
    soundfile.write(tmp_path / "a.wav", np.repeat(original[:, None], channels, 1), rate, subtype="FLOAT")
    wave, found = waves.read_wave(tmp_path / "a.wav", 16000)
    assert found == 16000
    assert len(wave) == round(len(original) * 16000 / rate)
    assert wave.dtype == np.float64
    middle = slice(1000, -1000)                                     # away from the filter's ends
    np.testing.assert_allclose(wave[middle], sine(440, 16000)[: len(wave)][middle], atol=1e-4)


def test_channels_are_averaged_and_told_once(tmp_path, caplog):
    waves._tell_mixdown.cache_clear()
    stereo = np.stack([sine(440, 8000), np.zeros(4000)], 1)
    soundfile.write(tmp_path / "a.wav", stereo, 8000, subtype="DOUBLE")
    with caplog.at_level(logging.INFO, "translate"):
        wave, rate = waves.read_wave(tmp_path / "a.wav")
        waves.read_wave(tmp_path / "a.wav")
    np.testing.assert_array_equal(wave, stereo[:, 0] / 2)
    assert rate == 8000
    assert len(caplog.records) == 1


def test_channels_come_after_samples():
    wave = np.random.default_rng(0).standard_normal((500, 2)).astype(np.float32)
    np.testing.assert_allclose(waves.mix_down(wave), (wave[:, 0] + wave[:, 1]) / 2, atol=1e-7)
    assert waves.mix_down(wave[:, 0]).dtype == np.float64
    np.testing.assert_array_equal(waves.mix_down(np.array([-32768, 16384], np.int16)), [-1, 0.5])
    for shape in [(2, 500), (500, 0), (5, 5, 5), ()]:
        with pytest.raises(UserError, match=r"expected a wave of shape"):
            waves.mix_down(np.zeros(shape))


def test_resampling_removes_what_the_new_rate_cannot_hold():
    low = waves.resample(sine(1000, 48000) + sine(5500, 48000), 48000, 8000)
    spectrum = np.abs(np.fft.rfft(low * np.hanning(len(low)))) / (len(low) / 4)
    assert spectrum[1000 * len(low) // 8000] == pytest.approx(0.5, rel=1e-3)
    assert spectrum[2500 * len(low) // 8000] < 1e-5                 # where 5500 Hz would fold to


def test_unreadable_files(tmp_path):
    with pytest.raises(UserError, match=r"absent.wav: no such audio file"):
        waves.read_wave(tmp_path / "absent.wav")
    (tmp_path / "text.wav").write_text("no audio at all")
    with pytest.raises(UserError, match=r"text.wav: cannot read as audio"):
        waves.read_wave(tmp_path / "text.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    with pytest.raises(UserError, match=r"empty.wav: the file holds no samples"):
        waves.read_wave(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "integers.wav", 2e4 * sine(440, 8000), 8000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"samples reach 1e\+04"):
        waves.read_wave(tmp_path / "integers.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(tmp_path, value):
    wave = sine(440, 16000)
    wave[100] = value
    soundfile.write(tmp_path / "a.wav", wave, 16000, subtype="DOUBLE")
    with pytest.raises(UserError, match=r"NaN or infinite"):
        waves.read_wave(tmp_path / "a.wav")
    with pytest.raises(UserError, match=r"clip: NaN or infinite"):
        waves.check_wave(wave, 16000, "clip")
    with pytest.raises(UserError, match=r"not written"):
        waves.write_wave(tmp_path / "b.wav", wave, 16000)
    assert not (tmp_path / "b.wav").exists()


def test_waves_that_cannot_be_analysed():
    waves.check_wave(sine(440, 16000, 0.1), 16000, "clip")
    with pytest.raises(UserError, match=r"clip: too short, 0.0995 s"):
        waves.check_wave(sine(440, 16000, 0.0995), 16000, "clip")
    with pytest.raises(UserError, match=r"clip: silent"):
        waves.check_wave(1e-4 * sine(440, 16000), 16000, "clip")
    with pytest.raises(UserError, match=r"expected a mono wave"):
        waves.check_wave(np.zeros((16000, 2)), 16000, "clip")


def test_written_waves_come_back_and_peaks_are_limited(tmp_path):
    wave = sine(440, 16000)
    waves.write_wave(tmp_path / "new" / "a.wav", wave, 16000)
    back, rate = waves.read_wave(tmp_path / "new" / "a.wav")
    assert rate == 16000
    np.testing.assert_allclose(back, wave, atol=1 / 32767)
    assert soundfile.info(tmp_path / "new" / "a.wav").subtype == "PCM_16"
    loud = 0.5 * wave
    loud[4000] = 6
    waves.write_wave(tmp_path / "loud.wav", loud, 16000)
    back, _ = waves.read_wave(tmp_path / "loud.wav")
    assert back[4000] == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(back[:3500], loud[:3500], atol=1 / 32767)  # not scaled because of one peak
    np.testing.assert_allclose(back[4500:], loud[4500:], atol=1 / 32767)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with waves.replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"a.txt: cannot write \(No space left on device\)"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match=r"cannot write"):
        waves.write_wave(path / "below-a-file.wav", sine(440, 8000), 8000)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8])
def test_integer_pcm_spans_minus_one_to_one(dtype):
    info = np.iinfo(dtype)
    middle = (info.max + info.min + 1) // 2
    samples = np.array([info.min, middle, info.max], dtype=dtype)
    np.testing.assert_allclose(waves.mix_down(samples), [-1, 0, 1], atol=2 / 2**info.bits + 1e-12)
