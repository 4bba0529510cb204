import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from translate.config import WorldConfig
from translate.errors import UserError
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.analysis.world import World
from translate.speech.measures import recordings, report
from translate.speech.measures.converted import save_features
from translate.speech.measures.recordings import Item, PairTask
from translate.speech.measures.report import evaluate_speech
from translate.speech.measures.tables import format_table

RATE = 16000
MADE = {"source_vocoder", "mean_variance", "linear", "target_vocoder"}
COLUMNS = {"source", "converted", "resynthesised", *MADE}
RIVALS = ("source", "mean_variance", "linear")
VOICES = {"low": (110, (500, 1500)), "high": (220, (700, 1900))}    # pitch and formants in Hz


def make_wave(voice: str, sentence: int, seconds: float) -> np.ndarray:
    """Buzz of the voice's pitch through its formants, which move as the sentence says."""
    pitch, formants = VOICES[voice]
    rng = np.random.default_rng(sentence)
    time = np.arange(int(seconds * RATE)) / RATE
    wave = np.diff(np.floor(np.cumsum(pitch * (1 + 0.1 * np.sin(9 * time)) / RATE)), prepend=0)
    wave += 0.01 * np.random.default_rng(pitch).normal(size=len(wave))
    for syllable in np.array_split(np.arange(len(wave)), 4):
        for formant in formants:
            w = 2 * np.pi * formant * rng.uniform(0.7, 1.4) / RATE
            wave[syllable] = lfilter([0.3], [1, -1.94 * np.cos(w), 0.94], wave[syllable])
    return 0.5 * wave / np.abs(wave).max()


@pytest.fixture(scope="module", autouse=True)
def drawn():
    """What would be drawn, by name of the picture; drawing takes long."""
    pictures = {}
    with pytest.MonkeyPatch.context() as patch:
        for function in ("draw_variances", "draw_modulation"):
            patch.setattr(report, function, lambda path, sets: pictures.update({path.name: sets}))
        yield pictures


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for voice, stretch in (("low", 1.0), ("high", 1.1)):
        for sentence in range(6):
            wave = make_wave(voice, sentence, 0.6 * stretch + 0.03 * sentence)
            write_wave(folder / voice / f"{sentence}.wav", wave, RATE)
    return folder


def files(corpus, voice, sentences):
    return [corpus / voice / f"{sentence}.wav" for sentence in sentences]


def task(corpus, source, target, converted, with_target=True):
    """`converted`: the voice whose waves stand for the model's output."""
    items = [
        Item(
            str(n),
            corpus / source / f"{n}.wav",
            corpus / target / f"{n}.wav" if with_target else None,
            corpus / converted / f"{n}.wav",
        )
        for n in (4, 5)
    ]
    return PairTask(source, target, items)


@pytest.fixture(scope="module")
def training(corpus):
    return {voice: files(corpus, voice, range(4)) for voice in VOICES}


@pytest.fixture(scope="module")
def results(corpus, training, tmp_path_factory):
    """One perfect model (low to high), and one that does nothing (high to low)."""
    out = tmp_path_factory.mktemp("out") / "made"
    tasks = [task(corpus, "low", "high", "high"), task(corpus, "high", "low", "high")]
    written = evaluate_speech(tasks, training, RATE, out=out, dimensions=12, rtf={"network": 0.01}, jobs=1)
    assert json.loads((out / "results.json").read_text(encoding="utf-8")) == written
    return written, (out / "results.md").read_text(encoding="utf-8")


def test_schema(results):
    written, _ = results
    assert set(written) == {"protocol", "pairs", "overall", "rtf"}
    assert written["rtf"] == {"network": 0.01}
    protocol = written["protocol"]
    assert {k: protocol[k] for k in ("n", "sample_rate", "alpha", "dimensions", "hop_ms")} == {
        "n": 4,
        "sample_rate": RATE,
        "alpha": 0.42,
        "dimensions": 12,
        "hop_ms": 5.0,
    }
    assert protocol["converted_from"] == "waves"
    assert protocol["retimed"] == 2                                 # the voices differ in speed
    assert protocol["training"] == {v: {"used": 4, "given": 4} for v in VOICES}
    assert protocol["classifier"]["cross_validation"] == 1
    for pair in [*written["pairs"], written["overall"]]:
        for measure in ("msd", "gv", "gv_upper", "f0_rmse_cents", "voicing_error"):
            assert set(pair[measure]) == COLUMNS
            assert all(isinstance(value, float) for value in pair[measure].values())
        assert set(pair["domain_accuracy"]) == {*COLUMNS, "target"}
        assert set(pair["mcd"]) == {
            *COLUMNS,
            *(f"{column}_ci" for column in COLUMNS),
            *(f"change_from_{c}{ci}" for c in RIVALS for ci in ("", "_ci")),
        }
    for measure in ("gv_by_coefficient", "msd_by_coefficient"):
        for values in written["pairs"][0][measure].values():
            assert len(values) == 12
    for measure in ("energy_rmse", "energy_correlation"):
        assert set(written["overall"][measure]) == COLUMNS - {"converted"}
    for measure in ("level_jitter", "crest"):
        assert set(written["overall"][measure]) == {*COLUMNS, "target"} - {"converted"}
    assert not {"stft_distance", "lsd", "texture", "aliasing"} & set(written["overall"])
    named = [(pair["source"], pair["target"], pair["n"]) for pair in written["pairs"]]
    assert named == [("low", "high", 2), ("high", "low", 2)]
    utterances = written["pairs"][0]["utterances"]
    assert {id: one["sentence"] for id, one in utterances.items()} == {"4": "4", "5": "5"}
    for measure in ("mcd", "mcd_speech", "msd", "msd_fast", "gv", "domain_accuracy", "f0_correlation", "silence"):
        for column in COLUMNS:
            mean = written["pairs"][0][measure][column]
            own = [one[measure][column] for one in utterances.values()]
            if not measure.startswith(("msd", "gv")):               # those are of the whole set
                assert np.mean(own) == pytest.approx(mean, abs=2e-4)


def test_a_perfect_model(results):
    pair = results[0]["pairs"][0]
    assert pair["mcd"]["converted"] == pair["msd"]["converted"] == pair["f0_rmse_cents"]["converted"] == 0
    assert pair["gv"]["converted"] == pair["gv_upper"]["converted"] == 1
    assert pair["gv_by_coefficient"]["converted"] == [1] * 12
    assert pair["msd_by_coefficient"]["converted"] == [0] * 12
    upper = np.prod(pair["gv_by_coefficient"]["source"][10:]) ** 0.5
    assert pair["gv_upper"]["source"] == pytest.approx(upper, rel=1e-3)
    assert pair["recognised"]["converted"] == {"low": 0, "high": 1}
    assert pair["domain_accuracy"]["converted"] == pair["domain_accuracy"]["target"] == 1
    assert pair["domain_accuracy"]["source"] == 0
    assert 1100 < pair["f0_rmse_cents"]["source"] < 1300            # the voices are an octave apart
    assert pair["f0_rmse_cents"]["mean_variance"] < 300
    assert 0 < pair["mcd"]["target_vocoder"] < pair["mcd"]["mean_variance"] < pair["mcd"]["source"]
    assert pair["mcd"]["change_from_source"] == pytest.approx(-pair["mcd"]["source"])
    assert pair["mcd_speech"]["converted"] == pair["energy_rmse"]["resynthesised"] == 0
    assert pair["f0_correlation"]["converted"] == pair["energy_correlation"]["resynthesised"] == 1
    assert pair["f0_range"]["converted"] == 1
    assert pair["crest"]["resynthesised"] == pair["crest"]["target"]
    assert pair["mcd"]["source_ci"] > 0


def test_a_model_that_does_nothing(results):
    pair = results[0]["pairs"][1]
    for measure in ("mcd", "msd", "gv", "f0_rmse_cents", "voicing_error", "domain_accuracy"):
        assert pair[measure]["converted"] == pair[measure]["source"]
    assert pair["mcd"]["change_from_source"] == pair["mcd"]["change_from_source_ci"] == 0


def test_overall_is_the_mean_over_pairs(results):
    written, _ = results
    for measure in ("mcd", "msd", "gv", "f0_rmse_cents", "voicing_error", "domain_accuracy"):
        for column in COLUMNS:
            values = [pair[measure][column] for pair in written["pairs"]]
            assert written["overall"][measure][column] == pytest.approx(np.mean(values), abs=1e-4)


def test_tables(results):
    written, text = results
    table = format_table(written)
    assert table in text
    rows = [line for line in table.splitlines() if line.startswith("|")]
    names = ["low → high", "high → low", "all"]
    assert [line.split("|")[1].strip() for line in rows[2:5]] == names
    assert [line.split("|")[1].strip() for line in rows[7:]] == names
    assert len({len(line) for line in rows[:5]}) == len({len(line) for line in rows[5:]}) == 1  # aligned on a terminal
    titles = [title.strip() for title in table.splitlines()[0].strip("|").split("|")]
    assert titles[2:6] == ["unconverted", "source, vocoder", "mean-variance", "linear"]
    assert titles[6:] == ["converted, wave", "target, vocoder"]     # no features were given
    changes = [title.strip() for title in table.splitlines()[-5].strip("|").split("|")]
    assert changes == ["pair", "against unconverted", "against mean-variance", "against linear"]
    for words in ("Modulation", "Global variance", "F0 error", "Voiced/unvoiced", "Real-time factor"):
        assert f"## {words}" in text
    assert "2 converted waves have another timing" in text
    for words in ("alpha 0.42", "40 dB", "Student", "low 4, high 4", "parallel targets", "100.0 % right"):
        assert words in text
    assert "- Converted: the model's waves analysed again, the same as the next (there are no" not in text
    for words in ("without alignment", "distance of the waves", "Aliasing", "all pairs"):
        assert words not in text                                    # the voices differ in timing, and are two


def test_pictures_of_all_pairs(corpus, training, tmp_path, drawn):
    """Averages over pairs; waves analysed again look like what is converted and are not drawn twice."""
    tasks = [task(corpus, "low", "high", "high"), task(corpus, "high", "low", "low")]
    evaluate_speech(tasks, training, RATE, out=tmp_path, dimensions=12, jobs=1)
    assert set(drawn) == {"gv.png", "modulation.png"}
    for sets in drawn.values():
        assert set(sets) == {"source", "mean_variance", "linear", "converted", "natural"}
        np.testing.assert_allclose(sets["converted"].variance, sets["natural"].variance)
        assert sets["natural"].modulation.shape == (33, 12)


def put_out(corpus, folder, hop_ms=5.0):
    """A model that gives out its source's own features, and the target's waves."""
    items = []
    for n in ("4", "5"):
        wave, _ = read_wave(corpus / "low" / f"{n}.wav")
        write_wave(folder / f"{n}.wav", read_wave(corpus / "high" / f"{n}.wav")[0], RATE)
        config = WorldConfig(sample_rate=RATE, hop_ms=hop_ms, f0="dio", codec="sptk", dimensions=60)
        world = World(config)
        mcep, f0 = world.analyse_frames(wave)
        save_features(folder / f"{n}.wav", world.decode(mcep), f0, hop_ms, RATE)
        paths = [corpus / voice / f"{n}.wav" for voice in ("low", "high")]
        items.append(Item(n, *paths, folder / f"{n}.wav", folder / f"{n}.npz"))
    return items


@pytest.mark.parametrize("dimensions", [12, 24])
def test_features_are_measured_as_put_out(corpus, training, tmp_path, dimensions):
    tasks = [PairTask("low", "high", put_out(corpus, tmp_path))]
    written = evaluate_speech(tasks, training, RATE, out=tmp_path, dimensions=dimensions, jobs=1)
    pair = written["pairs"][0]
    for measure in ("mcd", "msd", "gv", "f0_rmse_cents", "voicing_error", "domain_accuracy"):
        assert pair[measure]["converted"] == pytest.approx(pair[measure]["source"], rel=2e-3)
    assert pair["mcd"]["source"] > 0
    assert pair["mcd"]["resynthesised"] == pair["msd"]["resynthesised"] == 0
    assert pair["mcd"]["change_from_source"] == pytest.approx(-pair["mcd"]["source"])  # the wave's
    assert written["protocol"]["converted_from"] == "features"
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "- Converted, features: the mel-cepstra and F0 that the model gave out" in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hop_ms": 8.0}, "a frame every 8 ms, not 5 ms"),
        ({"dimensions": 60}, "its features hold 40 dimensions, not 60"),
        ({"sample_rate": 12000}, "the model gives out 16000 Hz, not 12000 Hz"),
        ({"features": None}, "there are no features beside 5.wav"),
        ({"overwrite": True}, "5.npz belongs to another wave than 5.wav"),
    ],
)
def test_waves_are_analysed_again_where_features_do_not_fit(corpus, training, tmp_path, caplog, change, reason):
    first, last = put_out(corpus, tmp_path, change.get("hop_ms", 5.0))
    if "features" in change:
        last = replace(last, features=None)
    if "overwrite" in change:
        write_wave(last.converted, 0.9 * read_wave(last.target)[0], RATE)
    rate, dimensions = change.get("sample_rate", RATE), change.get("dimensions", 24)
    tasks = [PairTask("low", "high", [first, last])]
    written = evaluate_speech(tasks, training, rate, out=tmp_path, dimensions=dimensions, jobs=1)
    pair = written["pairs"][0]
    for measure in ("mcd", "msd", "gv", "f0_rmse_cents", "voicing_error", "domain_accuracy"):
        assert pair[measure]["converted"] == pair[measure]["resynthesised"]
    assert written["protocol"]["converted_from"] == "waves"
    assert reason in written["protocol"]["converted"]
    assert reason in (tmp_path / "results.md").read_text(encoding="utf-8")
    assert reason in caplog.text


def test_features_of_another_source(corpus, training, tmp_path):
    first, last = put_out(corpus, tmp_path)
    tasks = [PairTask("low", "high", [replace(first, source=last.source)])]
    with pytest.raises(UserError, match=r"4\.npz: \d+ frames, but .*5\.wav has \d+; convert it again"):
        evaluate_speech(tasks, training, RATE, out=tmp_path, jobs=1)


def test_aligned_distortion_where_frames_agree(corpus, training, tmp_path):
    source = corpus / "low" / "4.wav"
    target = tmp_path / "target.wav"
    write_wave(target, make_wave("high", 4, 0.72), RATE)
    tasks = [PairTask("low", "high", [Item("4", source, target, target)])]
    written = evaluate_speech(tasks, training, RATE, out=tmp_path, jobs=1)
    pair = written["pairs"][0]
    assert pair["mcd_aligned"]["converted"] == 0
    assert pair["mcd_aligned"]["source"] >= pair["mcd"]["source"] > 0
    assert pair["mcd"]["source_ci"] is None
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "without alignment" in text
    assert "| all" not in text


def test_waves_aligned_sample_by_sample(corpus, training, tmp_path):
    """A postfilter that removes half of what was added to the target."""
    natural, _ = read_wave(corpus / "high" / "4.wav")
    noise = np.random.default_rng(0).normal(size=len(natural))
    for name, level in (("before", 0.02), ("after", 0.01)):
        write_wave(tmp_path / f"{name}.wav", natural + level * noise, RATE)
    item = Item("4", tmp_path / "before.wav", corpus / "high" / "4.wav", tmp_path / "after.wav")
    tasks = [PairTask("low", "high", [item], aliasing=-71.23)]
    written = evaluate_speech(tasks, training, RATE, out=tmp_path, jobs=1)
    for measure in ("stft_distance", "spectral_convergence", "log_magnitude", "lsd", "texture"):
        values = written["overall"][measure]
        assert set(values) == {"source", "scaled", "resynthesised"}
        assert 0 < values["resynthesised"] < values["source"]
    assert written["overall"]["aliasing"] == {"resynthesised": -71.2}
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    for words in ("STFT distance of the waves", "texture distance of the waves", "-71.2 |", "- Aliasing: sines of"):
        assert words in text


def test_another_take_of_the_target(corpus, training, tmp_path):
    """The same words a second time: here the very recording."""
    paths = [corpus / voice / "4.wav" for voice in ("low", "high", "low")]
    tasks = [PairTask("low", "high", [Item("4", *paths, sentence="four", another=corpus / "high" / "4.wav")])]
    written = evaluate_speech(tasks, training, RATE, out=tmp_path, dimensions=12, jobs=1)
    assert written["overall"]["mcd"]["another_take"] == 0
    assert written["pairs"][0]["utterances"]["4"]["sentence"] == "four"
    assert "another take |" in (tmp_path / "results.md").read_text(encoding="utf-8")


def test_matrices_of_three_domains(corpus, training, tmp_path):
    """The third speaks as `high`, with the waves of `low` for its output."""
    three = {**training, "third": training["high"]}
    tasks = [
        task(corpus, "low", "high", "high"),
        task(corpus, "high", "low", "high"),
        PairTask("third", "low", task(corpus, "high", "low", "low").items),
    ]
    written = evaluate_speech(tasks, three, RATE, out=tmp_path, jobs=1)
    matrices = written["matrices"]
    assert matrices["domains"] == ["low", "high", "third"]
    to_high, unchanged, perfect = (pair["mcd"] for pair in written["pairs"])
    for column in COLUMNS:
        expected = [
            [None, to_high[column], None],
            [unchanged[column], None, None],
            [perfect[column], None, None],
        ]
        assert matrices["mcd"][column] == expected
    low, high, third = matrices["confusion"]["resynthesised"]
    assert low[0] == 0.5                                            # one of two models is perfect
    assert sum(low) == pytest.approx(1)
    assert high[0] == 0
    assert third == [None, None, None]
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    for words in ("of all pairs, dB", "Mean of the diagonal", "| third ", "chance 33 %"):
        assert words in text


def test_without_parallel_targets(corpus, training, tmp_path):
    tasks = [task(corpus, "low", "high", "high", with_target=False)]
    pair = evaluate_speech(tasks, training, RATE, out=tmp_path, jobs=1)["pairs"][0]
    assert pair["mcd"]["converted"] is None
    assert pair["f0_rmse_cents"]["source"] is None
    assert pair["natural_reference"] == "training utterances of the target"
    assert pair["msd"]["converted"] < pair["msd"]["source"]
    assert pair["domain_accuracy"]["converted"] == 1
    assert "–" in format_table(json.loads((tmp_path / "results.json").read_text(encoding="utf-8")))


def test_every_file_is_analysed_once(corpus, training, tmp_path, monkeypatch):
    seen = []
    original = recordings.analyse_for_evaluation
    monkeypatch.setattr(recordings, "analyse_for_evaluation", lambda p, *a: seen.append(p) or original(p, *a))
    tasks = [task(corpus, "low", "high", "high"), task(corpus, "high", "low", "low")]
    evaluate_speech(tasks, training, RATE, out=tmp_path, jobs=1)
    made = [path for path in seen if path.is_relative_to(tmp_path / "baselines")]
    assert len(seen) == len(set(seen)) == 12 + len(made)
    assert len(made) == 12                                          # four copies, twice four conversions


def test_training_is_limited_evenly(monkeypatch):
    monkeypatch.setattr(report, "TRAINING_LIMIT", 3)
    assert report._spread(list(range(9))) == [0, 4, 8]
    assert report._spread([1, 2]) == [1, 2]


def test_bad_input(corpus, training, tmp_path):
    good = task(corpus, "low", "high", "high")
    with pytest.raises(UserError, match="no pair of domains"):
        evaluate_speech([], training, RATE, out=tmp_path)
    with pytest.raises(UserError, match="no converted utterance from `low` to `high`"):
        evaluate_speech([PairTask("low", "high", [])], training, RATE, out=tmp_path)
    with pytest.raises(UserError, match="no training wave of domain `high`"):
        evaluate_speech([good], {"low": training["low"]}, RATE, out=tmp_path)
    write_wave(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    bad = [Item("4", good.items[0].source, None, tmp_path / name) for name in ("none.wav", "silent.wav")]
    with pytest.raises(UserError, match=r"none\.wav: no such audio file; .*silent\.wav: silent"):
        evaluate_speech([PairTask("low", "high", bad)], training, RATE, out=tmp_path / "out", jobs=1)
    assert not (tmp_path / "out").exists()
