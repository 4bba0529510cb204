import errno
import json
import os
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soundfile
from killing import kill_at_call

from translate.config import StftConfig, WaveConfig, WorldConfig
from translate.corpus.manifest import scan_folders
from translate.errors import UserError
from translate.speech.analysis.f0 import count_frames
from translate.speech.analysis.front_end import make_front_end
from translate.speech.analysis.levels import find_speech, measure_levels
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World
from translate.speech.corpus import features as speech
from translate.speech.corpus import joining
from translate.speech.corpus.features import FeatureStore, extract
from translate.speech.corpus.mini import make_speech
from translate.speech.corpus.ranges import read_ranges

CONFIG = WorldConfig(sample_rate=16000, dimensions=24, f0="dio")
GROUPS = [(split, domain) for split in ("train", "eval") for domain in ("low", "high")]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_speech(folder, sentences=3, evaluation=1)
    return folder


@pytest.fixture
def entries(corpus):
    return scan_folders(corpus, evaluation="eval_*")


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("done") / "features"
    extract(scan_folders(corpus, evaluation="eval_*"), CONFIG, out, jobs=1, progress=False)
    return out


def files(out):
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


@pytest.fixture
def analysed(monkeypatch):
    """Names of the files that are analysed (in this process)."""
    names = []
    read = speech.read_wave

    def spy(path, sample_rate):
        names.append(f"{path.parent.name}/{path.stem}")
        return read(path, sample_rate)

    monkeypatch.setattr(speech, "read_wave", spy)
    return names


def test_the_maps_equal_single_analyses(entries, done):
    store = FeatureStore(done)
    assert store.config == CONFIG
    assert store.domains("train") == ["high", "low"]
    assert store.domains("absent") == []
    world = World(CONFIG)
    for split, domain in GROUPS:
        utterances = store.open(split, domain)
        expected = [e for e in entries if (e.split, e.domain) == (split, domain)]
        assert utterances.ids == [e.id for e in expected]
        assert utterances.pairs == [e.pair for e in expected]
        assert utterances.paths == [str(e.path) for e in expected]
        assert isinstance(utterances.features, np.memmap)
        assert utterances.features.dtype == utterances.f0.dtype == np.float32
        assert utterances.offsets[-1] == len(utterances.features) == len(utterances.f0) == utterances.frames.sum()
        for i, entry in enumerate(expected):
            wave, rate = read_wave(entry.path)
            mcep, f0 = world.analyse_frames(wave, utterances.f0_range)
            span = slice(utterances.offsets[i], utterances.offsets[i + 1])
            np.testing.assert_array_equal(utterances[i], mcep.astype(np.float32))
            np.testing.assert_array_equal(utterances.f0[span], f0.astype(np.float32))
            assert utterances.seconds[i] == len(wave) / rate
    assert not (done / ".parts").exists()


def find_counted(path):
    """200 ms before the first frame of speech to 200 ms behind the last; nothing here is digital silence."""
    wave, rate = read_wave(path, CONFIG.sample_rate)
    level = measure_levels(wave, rate, count_frames(len(wave), rate, CONFIG.hop_ms), CONFIG.hop_ms)
    assert level.min() > -90
    places, margin, frame = np.flatnonzero(find_speech(level)), round(200 / CONFIG.hop_ms), np.arange(len(level))
    return (frame >= places[0] - margin) & (frame <= places[-1] + margin)


def test_statistics_and_selection(done):
    utterances = FeatureStore(done).open("train", "low")
    statistics = utterances.statistics()
    speech = np.concatenate([find_counted(path) for path in utterances.paths])
    frames = utterances.features[speech].astype(np.float64)
    assert 0 < speech.sum() == statistics.frames
    np.testing.assert_allclose(statistics.mean, frames.mean(0), rtol=1e-10)
    np.testing.assert_allclose(statistics.deviation, frames.std(0), rtol=1e-8)
    np.testing.assert_allclose(statistics.covariance, np.cov(frames.T, bias=True), rtol=1e-7, atol=1e-10)
    part = utterances.select(["train_003", "train_001"])
    assert len(part) == 2
    for i, row in enumerate([2, 0]):
        np.testing.assert_array_equal(part[i], utterances[row])
        assert part.paths[i] == utterances.paths[row]
    np.testing.assert_array_equal(part.moments, utterances.moments[[2, 0]])
    with pytest.raises(UserError, match=r"no utterance `train_009`"):
        utterances.select(["train_009"])


def test_silence_around_speech_changes_neither_statistics_nor_crops(entries, tmp_path):
    plain, quiet = tmp_path / "plain", tmp_path / "quiet"
    changed = []
    for entry in entries:
        wave, rate = soundfile.read(entry.path)
        path = tmp_path / "waves" / entry.domain / f"{entry.id}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.concatenate([np.zeros(rate), wave, np.zeros(rate)]), rate)
        changed.append(replace(entry, path=path))
    extract(entries, CONFIG, plain, jobs=1, progress=False)
    extract(changed, CONFIG, quiet, jobs=1, progress=False)
    before, after = (FeatureStore(folder).open("train", "low") for folder in (plain, quiet))
    assert (after.frames >= before.frames + 1900 / CONFIG.hop_ms).all()
    np.testing.assert_allclose(np.diff(after.spans), np.diff(before.spans), atol=2 * 25 / CONFIG.hop_ms)
    old, new = before.statistics(), after.statistics()
    assert (np.abs(new.mean - old.mean) < 0.1 * old.deviation).all()
    np.testing.assert_allclose(new.deviation, old.deviation, rtol=0.1)


@pytest.mark.parametrize("content", [
    "nonsense", "[]", '{"low": 3}', '{"low": [1e-9, 300]}', '{"low": [300, 100]}', '{"low": [NaN, 300]}',
    '{"low": [70, 1e400]}', '{"low": ["a", "b"]}',
])  # fmt: skip
def test_ranges_that_make_no_sense_are_found_anew(tmp_path, content):
    (tmp_path / "ranges.json").write_text(content)
    assert read_ranges(tmp_path) == {}


def test_parallel_equals_serial(entries, done, tmp_path):
    extract(entries, CONFIG, tmp_path / "features", jobs=2, progress=False)
    assert files(tmp_path / "features") == files(done)


def test_a_cut_run_goes_on_where_it_was(entries, done, tmp_path, analysed, monkeypatch):
    out = tmp_path / "features"
    read = speech.read_wave

    def cut(path, sample_rate):
        if len(analysed) == 5:
            raise KeyboardInterrupt
        return read(path, sample_rate)

    with monkeypatch.context() as patch:
        patch.setattr(speech, "read_wave", cut)
        with pytest.raises(KeyboardInterrupt):
            extract(entries, CONFIG, out, jobs=1, progress=False)
    before = list(analysed)
    assert len(before) == 5
    with pytest.raises(UserError, match=r"no domain `low` in split `train`"):
        FeatureStore(out).open("train", "low")                      # nothing half-written can be opened
    analysed.clear()
    extract(entries, CONFIG, out, jobs=1, progress=False)
    assert sorted(before + analysed) == sorted(f"{e.domain}/{e.id}" for e in entries)
    assert files(out) == files(done)
    analysed.clear()
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    extract(entries, CONFIG, out, jobs=1, progress=False)
    assert analysed == []
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == stamps


def test_features_that_are_replaced_are_the_old_or_the_new_ones(entries, done, tmp_path):
    """Killed at any call on files while the features of one domain are put together again."""
    fewer = [entry for entry in entries if (entry.split, entry.id) != ("train", "train_001")]
    seen = set()
    for number in count():
        out = shutil.copytree(done, tmp_path / str(number))
        killed = kill_at_call(number, lambda out=out: extract(fewer, CONFIG, out, jobs=1, progress=False))
        store = FeatureStore(out)
        assert store.domains("train") == ["high", "low"]
        for domain in store.domains("train"):
            utterances = store.open("train", domain)
            seen.add(len(utterances))
            assert len(utterances.features) == len(utterances.f0) == utterances.offsets[-1]
            assert len(utterances.moments) == len(utterances)
        if not killed:
            break
        if number % 20 == 0 or list(out.glob("train/.*.old")):
            extract(fewer, CONFIG, out, jobs=1, progress=False)
            assert {name for name in files(out) if not name.startswith(".parts/")} == files(done).keys()
    assert seen == {2, 3}
    assert number > 20


def test_a_full_disk_leaves_the_features_that_were_there(entries, done, tmp_path, monkeypatch):
    out = shutil.copytree(done, tmp_path / "out")
    before = files(out)

    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(joining.np, "save", fail)
    with pytest.raises(UserError, match="No space left on device"):
        extract(entries[1:2], CONFIG, out, jobs=1, progress=False)
    assert {name: content for name, content in files(out).items() if not name.startswith(".parts/")} == before


def test_what_changed_is_extracted_again_and_no_more(entries, tmp_path, analysed):
    out = tmp_path / "features"
    some = [e for e in entries if e.split == "eval"]
    extract(some, CONFIG, out, jobs=1, progress=False)
    analysed.clear()
    extract(entries, CONFIG, out, jobs=1, progress=False)
    assert sorted(analysed) == sorted(f"{e.domain}/{e.id}" for e in entries if e.split == "train")
    analysed.clear()
    os.utime(some[0].path, ns=(1, 1))
    extract(entries, CONFIG, out, jobs=1, progress=False)
    assert analysed == [f"{some[0].domain}/{some[0].id}"]


def test_features_of_other_settings_are_refused_and_kept(entries, tmp_path):
    out = tmp_path / "features"
    extract(entries, CONFIG, out, jobs=1, progress=False)
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    with pytest.raises(UserError, match=r"holds features of other settings .dimensions=.* there, 12 here"):
        extract(entries, CONFIG.model_copy(update={"dimensions": 12}), out, jobs=1, progress=False)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == stamps


def test_all_bad_files_are_named_and_the_good_ones_kept(entries, tmp_path, analysed):
    out = tmp_path / "features"
    folder = tmp_path / "bad"
    folder.mkdir()
    soundfile.write(folder / "short.wav", np.ones(100) / 2, 16000)
    soundfile.write(folder / "silent.wav", np.zeros(16000), 16000)
    soundfile.write(folder / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    (folder / "text.wav").write_text("text")
    bad = scan_folders(tmp_path, ["bad"], share=0)
    for jobs in (1, 2):
        with pytest.raises(UserError) as error:
            extract([*bad, *entries], CONFIG, out, jobs=jobs, progress=False)
        message = str(error.value)
        assert message.startswith("4 of 12 files cannot be used: ")
        for reason in ("short.wav: too short", "silent.wav: silent", "nan.wav: NaN", "text.wav: cannot read"):
            assert reason in message
        assert "\n" not in message
    analysed.clear()
    extract(entries, CONFIG, out, jobs=1, progress=False)
    assert analysed == []
    assert len(FeatureStore(out).open("train", "high")) == 3


def test_stores_that_are_none(tmp_path, done):
    with pytest.raises(UserError, match=r"features.json: cannot read"):
        FeatureStore(tmp_path)
    (tmp_path / "features.json").write_text(json.dumps({"dimension": 3}))
    with pytest.raises(UserError, match=r"did you mean `dimensions`"):
        FeatureStore(tmp_path)
    with pytest.raises(UserError, match=r"no domain `mid` in split `train`; found: high, low"):
        FeatureStore(done).open("train", "mid")
    with pytest.raises(UserError, match=r"no recordings"):
        extract([], CONFIG, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif("TRANSLATE_DATA" not in os.environ, reason="needs TRANSLATE_DATA/{vcc2016,fsdd}")
def test_real_recordings_of_two_rates(tmp_path):
    root = Path(os.environ["TRANSLATE_DATA"])
    entries = scan_folders(root / "vcc2016", ["SF1"], train="10000[12]", share=0)
    entries += scan_folders(root / "fsdd", ["lucas"], train="[0-4]_lucas_0", share=0)
    extract(entries, CONFIG, tmp_path, jobs=1, progress=False)
    for domain in ("SF1", "lucas"):
        utterances = FeatureStore(tmp_path).open("train", domain)
        assert len(utterances) == {"SF1": 2, "lucas": 5}[domain]
        np.testing.assert_allclose(utterances.frames, utterances.seconds * 200, atol=1)
        assert (utterances.f0 > 0).mean() > 0.3


@pytest.mark.parametrize(
    ("config", "width"), [(StftConfig(fft_size=256), 129), (WaveConfig(sample_rate=16000), 1)], ids=["stft", "wave"]
)
def test_other_front_ends_have_no_f0(entries, tmp_path, config, width):
    chosen = [entry for entry in entries if entry.domain == "low"][:2]
    extract(chosen, config, tmp_path, jobs=1, progress=False)
    store = FeatureStore(tmp_path)
    assert store.config == config
    utterances = store.open(chosen[0].split, "low")
    assert utterances.f0 is None
    assert utterances.features.shape == (utterances.frames.sum(), width)
    wave, _ = read_wave(chosen[0].path)
    expected, _ = make_front_end(config).analyse_frames(wave)
    np.testing.assert_array_equal(utterances[0], expected.astype(np.float32))
    statistics = utterances.statistics()
    np.testing.assert_allclose(statistics.mean, utterances.features.mean(0, dtype=np.float64), atol=1e-9)
    assert statistics.voiced == 0
