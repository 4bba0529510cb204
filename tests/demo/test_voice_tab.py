"""What the buttons of the voice tab do, without a browser."""

import re
import time

import numpy as np
import pytest
import soundfile

from translate.checkpoints.pretrained import list_pretrained
from translate.demo.app import EXAMPLES
from translate.demo.limits import Limits, Refusal, polite
from translate.demo.models import find_models
from translate.demo.plots import draw_f0
from translate.demo.recordings import find_recordings, read_recording, to_pcm
from translate.demo.voice import NONE, VoiceTab, name_voices
from translate.errors import UserError
from translate.speech.conversion.chain import Chain

PAIR, THREE = "CycleGAN-VC2: low, high", "StarGAN-VC2: ann, bob, cyd"
FILTER, WAVES = "GAN postfilter: gan_postfilter-high", "WaveCycleGAN2: wavecyclegan2-any"
LIMITS = Limits(max_seconds=4.0, max_bytes=400_000)


@pytest.fixture(scope="module")
def tab(models):
    return VoiceTab([model for model in models.values() if model.config.modality == "speech"], LIMITS)


def convert(tab, path, title=PAIR, source="low", target="high", amount=1.0, semitones=0.0, then=NONE):
    return tab.convert(str(path), title, source, target, amount, semitones, then)


@pytest.fixture(scope="module")
def plain(tab, files):
    """The conversion of the vowel with the defaults."""
    return convert(tab, files["vowel.wav"])


def measure_f0(figure):
    """The medians (Hz) of the curves in an F0 figure: source, result."""
    figure = figure["value"]
    return [np.nanmedian(np.asarray(line.get_ydata(), dtype=float)) for line in figure.axes[0].lines]


# --- choices ----------------------------------------------------------------------------------------------


def test_postfilters_are_offered_behind_the_others(tab):
    assert list(tab.models) == [PAIR, THREE]
    assert list(tab.postfilters) == [WAVES, FILTER]
    assert list(VoiceTab(list(tab.postfilters.values()), LIMITS).models) == [WAVES, FILTER]


def test_only_directions_that_exist(tab):
    source, target, pitch, _ = tab.choose_model(THREE)
    assert (source["choices"], source["value"]) == (name_voices(["ann", "bob", "cyd"]), "ann")
    assert (target["choices"], target["value"]) == (name_voices(["bob", "cyd"]), "bob")
    assert pitch["interactive"]
    target, _ = tab.choose_source(THREE, "bob", "cyd")
    assert (target["choices"], target["value"]) == (name_voices(["ann", "cyd"]), "cyd")  # what was chosen stays
    target, _ = tab.choose_source(THREE, "cyd", "cyd")
    assert target["value"] == "ann"
    alone = VoiceTab(list(tab.postfilters.values()), LIMITS)
    source, target, pitch, then = alone.choose_model(FILTER)
    assert (source["choices"], target["choices"]) == tuple(map(name_voices, (["synthetic"], ["natural"])))  # one way
    assert not then["visible"]
    assert not alone.choose_model(WAVES)[2]["interactive"]          # no vocoder, no pitch to shift


def test_names_of_voices_say_who_speaks():
    known = {"SF1": "SF1 (female)", "TM2": "TM2 (male)", "SM1": "SM1 (male)", "TF1": "TF1 (female)"}
    for domain in ("george", "SF12", "XF1", "sf1", "SFX"):
        known[domain] = domain
    assert name_voices(list(known)) == [(text, domain) for domain, text in known.items()]


def test_a_postfilter_named_after_a_voice_is_for_that_voice(tab):
    assert tab.fitting(PAIR, "high") == [WAVES, FILTER]
    assert tab.fitting(PAIR, "low") == [WAVES]
    assert tab.choose_target(PAIR, "low") == {
        "choices": [NONE, WAVES], "value": NONE, "visible": True, "__type__": "update",
    }  # fmt: skip


def test_postfilters_of_another_rate_do_not_fit(tab, models):
    tab = VoiceTab(list(tab.models.values()) + list(tab.postfilters.values()), LIMITS)
    other = tab.postfilters[WAVES]
    features = other.config.features.model_copy(update={"sample_rate": 8000})
    config = other.config.model_copy(update={"features": features})
    tab.postfilters[WAVES] = type(other)(other.name, other.title, other.path, config)
    assert tab.fitting(PAIR, "high") == [FILTER]


def test_titles_differ(runs):
    path = runs["cyclegan_vc2-low-high"]
    (checkpoint,) = path.glob("step_*")
    titles = [model.title for model in find_models([path, checkpoint, runs["stargan_vc2-three"]])]
    assert titles[:2] == [f"{PAIR} (cyclegan_vc2-low-high), {number}" for number in (1, 2)]
    assert titles[2] == THREE


def test_a_model_is_loaded_once(models):
    model = models["cyclegan_vc2-low-high"]
    assert model.converter is model.converter
    assert model.config.modality == "speech"
    assert models["pix2pix-drawing"].config.modality == "images"


# --- conversion -------------------------------------------------------------------------------------------


def test_conversion_equals_the_library(plain, models, files):
    (rate, wave), times, spectrograms, curves = plain
    converter = models["cyclegan_vc2-low-high"].converter
    given, given_rate = soundfile.read(files["vowel.wav"])
    expected, expected_rate = converter.convert(given, given_rate, "low", "high")
    assert rate == expected_rate == 16000
    assert np.array_equal(wave, to_pcm(expected, rate))
    assert not np.array_equal(wave, to_pcm(given, rate))
    assert "for 1.0 s of speech: analysis" in times
    assert spectrograms["visible"]
    panels = spectrograms["value"].axes[:2]
    assert [axis.get_title(loc="left") for axis in panels] == ["source, low", "result, high"]
    assert [len(axis.images) for axis in panels] == [1, 1]
    low, high = measure_f0(curves)
    assert low == pytest.approx(120, rel=0.05)
    assert high == pytest.approx(120 * np.exp(5.4 - 4.8), rel=0.15)  # the statistics of the two voices


def test_a_recording_of_another_voice_gets_a_note(tab, plain, files, caplog):
    assert "Note" not in plain[1]
    _, note, _, curves = convert(tab, files["vowel.wav"], source="high", target="low")
    expected = "the recording's F0 is about 120 Hz, high's about 221 Hz; another voice at *From* may fit better"
    assert re.sub(r"about 1[12]\d Hz", "about 120 Hz", note).endswith(f"Note: {expected}.")
    assert "high's about 221 Hz: another source (--from)" in caplog.text
    assert measure_f0(curves)[1] == pytest.approx(71, rel=0.1)      # not lower than the model's range
    assert "Note" in convert(tab, files["vowel.wav"], source="high", target="low", then=WAVES)[1]


def test_figures_say_where_no_frame_is_voiced(vowel):
    figure = draw_f0([vowel, np.zeros(16000)], 16000, ["source", "result"])
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["source", "result: no voiced frame"]
    figure = draw_f0([np.zeros(16000)] * 2, 16000, ["source", "result"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["no voiced frame"]


def test_pitch_and_amount(tab, files):
    source, result = measure_f0(convert(tab, files["vowel.wav"], amount=0)[3])
    assert result == pytest.approx(source, rel=0.02)
    source, result = measure_f0(convert(tab, files["vowel.wav"], amount=0, semitones=6)[3])
    assert result / source == pytest.approx(2**0.5, rel=0.02)


@pytest.mark.parametrize("title", [FILTER, WAVES])
def test_postfilters_are_chained(tab, plain, files, title):
    rate, result = convert(tab, files["vowel.wav"], then=title)[0]
    chain = Chain([tab.models[PAIR].converter, tab.postfilters[title].converter])
    expected, _ = chain.convert(*soundfile.read(files["vowel.wav"]), "low", "high")
    assert np.array_equal(result, to_pcm(expected, rate))
    assert not np.array_equal(result, plain[0][1])


def test_waves_have_no_pitch_to_shift(tab, files):
    alone = VoiceTab(list(tab.postfilters.values()), LIMITS)
    shifted = convert(alone, files["vowel.wav"], WAVES, "synthetic", "natural", semitones=5)
    plain = convert(alone, files["vowel.wav"], WAVES, "synthetic", "natural")
    assert np.array_equal(shifted[0][1], plain[0][1])


def test_an_example_takes_less_than_three_seconds():
    folder = list_pretrained().get("cyclegan_vc2-SF1-TM1")
    if folder is None:
        pytest.skip("pretrained/ is not here")
    tab = VoiceTab(find_models([folder]), Limits(), [EXAMPLES])
    (title,) = tab.models
    spent = []
    for _ in range(2):                                              # the first loads the model, too
        begin = time.perf_counter()
        _, times, *_ = tab.convert(str(tab.examples[0]), title, "SF1", "TM1", 1.0, 0.0, NONE)
        spent.append(time.perf_counter() - begin)
    print(f"with figures {spent[0]:.2f} s, then {spent[1]:.2f} s; {times}")
    assert min(spent) < 3


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "message"), [
    ("long.wav", "long.wav: 5.0 s; at most 4 s are converted here"),
    ("silent.wav", "silent.wav: silent, no sample above"),
    ("text.wav", "text.wav: cannot be read as audio; give a WAV"),
    ("empty.wav", "empty.wav: the file is empty"),
])  # fmt: skip
def test_bad_uploads_get_a_message_without_paths(tab, files, name, message):
    with pytest.raises(Refusal) as caught:
        polite(tab.convert)(str(files[name]), PAIR, "low", "high", 1, 0, NONE)
    assert caught.value.message.startswith(message)
    assert str(files[name].parent) not in caught.value.message
    assert not caught.value.print_exception                         # nothing in the server's log


def test_nothing_given(tab):
    with pytest.raises(UserError, match="no recording yet"):
        tab.convert(None, PAIR, "low", "high", 1, 0, NONE)


@pytest.mark.parametrize(("rate", "channels", "message"), [
    (16000, 3, r"3 channel\(s\) at 16000 Hz; expected mono or stereo"),
    (4000, 1, r"1 channel\(s\) at 4000 Hz"),
    (384000, 1, "384000 Hz; expected mono or stereo, 8000 to 192000 Hz"),
])  # fmt: skip
def test_odd_formats(tmp_path, rate, channels, message):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros((rate // 50, channels)), rate)
    with pytest.raises(UserError, match=message):
        read_recording(path, LIMITS)


def test_small_files_of_many_hours_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "hours.flac"
    soundfile.write(path, np.zeros(8000 * 600, dtype=np.int16), 8000)
    assert path.stat().st_size < LIMITS.max_bytes
    monkeypatch.setattr(soundfile, "read", None)                    # the header is enough
    with pytest.raises(UserError, match=r"600\.0 s; at most 4 s"):
        read_recording(path, LIMITS)


def test_large_files(tmp_path):
    path = tmp_path / "large.wav"
    soundfile.write(path, np.zeros(300_000, dtype=np.int16), 192000)
    with pytest.raises(UserError, match=r"0\.6 MB; at most 0\.4 MB"):
        read_recording(path, LIMITS)


def test_messages_show_file_names_as_text():
    @polite
    def fail(path):
        raise UserError(f"{path}: bad")

    with pytest.raises(Refusal) as caught:
        fail("/tmp/x/<img src=x onerror=alert(1)>.wav")
    assert "<img" not in caught.value.message


def test_peaks_are_limited_and_the_rest_keeps_its_level():
    wave = np.full(4000, 0.5)
    wave[2000] = -2
    pcm = to_pcm(wave, 8000)
    assert pcm[2000] == -32767
    assert set(pcm[:1900]) == set(pcm[2300:]) == {16384}
    assert to_pcm(np.array([0.5, -0.25]), 8000).tolist() == [16384, -8192]


# --- examples ---------------------------------------------------------------------------------------------


def test_built_in_examples(models):
    tab = VoiceTab([models["cyclegan_vc2-low-high"]], Limits(), [EXAMPLES])
    assert [path.stem.split("-")[0] for path in tab.examples] == ["female", "female", "male", "male"]
    for number, path in enumerate(tab.examples):
        (rate, wave), *_ = tab.take_example(number, PAIR, "low", "high")
        assert rate == 16000
        assert wave.ndim == 1
        assert 2 <= len(wave) / rate < 4
        assert path.stat().st_size < 100_000


def test_examples_choose_the_source_that_is_nearest(tab, models):
    tab = VoiceTab(list(tab.models.values()) + list(tab.postfilters.values()), LIMITS, [EXAMPLES])

    def choose(name, title, source, target):
        number = [path.stem for path in tab.examples].index(name)
        _, source, target, then = tab.take_example(number, title, source, target)
        return source["value"], target["value"], then["choices"]

    for source, target in (("low", "high"), ("high", "low")):       # whatever was chosen before
        assert choose("female-morning", PAIR, source, target) == ("high", "low", [NONE, WAVES])
        assert choose("male-numbers", PAIR, source, target) == ("low", "high", [NONE, WAVES, FILTER])
    assert choose("female-morning", THREE, "ann", "cyd")[:2] == ("bob", "cyd")  # the target stays where it can
    assert choose("male-river", THREE, "bob", "ann")[:2] == ("ann", "bob")
    alone = VoiceTab([models["wavecyclegan2-any"]], LIMITS, [EXAMPLES])
    _, source, target, _ = alone.take_example(2, WAVES, "synthetic", "natural")  # without F0 what was chosen stays
    assert (source["value"], target["value"]) == ("synthetic", "natural")


@pytest.mark.parametrize("number", range(4))
def test_every_example_fits_the_models_on_offer(number):
    folders = [path for name, path in list_pretrained().items() if name.startswith("cyclegan_vc2")]
    if not folders:
        pytest.skip("pretrained/ is not here")
    tab = VoiceTab(find_models(folders), Limits(), [EXAMPLES])
    for title in tab.models:
        source, target = tab.directions(title)[0]
        _, source, target, _ = tab.take_example(number, title, source, target)
        result = convert(tab, tab.examples[number], title, source["value"], target["value"])
        assert "Note" not in result[1]
        assert 75 < measure_f0(result[3])[1] < 400


def test_examples_of_ones_own(tmp_path):
    for name in ("b.wav", "a.flac"):
        soundfile.write(tmp_path / name, np.zeros(8000), 8000)
    (tmp_path / "notes.txt").write_text("no recording")
    assert [path.name for path in find_recordings(tmp_path)] == ["a.flac", "b.wav"]
    with pytest.raises(UserError, match="expected a folder with recordings"):
        find_recordings(tmp_path / "missing")
