import numpy as np
import pytest

from translate.errors import UserError
from translate.files import save_arrays
from translate.speech.analysis.f0 import convert_f0, tell_misfit
from translate.speech.analysis.statistics import Statistics, count_moments, load_statistics, moments, pack_statistics


@pytest.fixture
def corpus():
    rng = np.random.default_rng(0)
    mceps = [rng.normal(-4, 2, (frames, 5)).astype(np.float32) for frames in (40, 7, 300)]
    f0s = [np.where(rng.random(len(m)) < 0.6, rng.uniform(90, 180, len(m)), 0) for m in mceps]
    return mceps, f0s


def test_moments_add_up_to_mean_and_deviation(corpus):
    mceps, f0s = corpus
    total = sum(moments(m, f) for m, f in zip(*corpus, strict=True))
    assert total.shape == (count_moments(5, with_f0=True),) == (34,)
    statistics = Statistics.from_moments(total, 5)
    frames, f0 = np.concatenate(mceps).astype(np.float64), np.concatenate(f0s)
    np.testing.assert_allclose(statistics.mean, frames.mean(0), rtol=1e-12)
    np.testing.assert_allclose(statistics.deviation, frames.std(0), rtol=1e-10)
    np.testing.assert_allclose(statistics.covariance, np.cov(frames.T, bias=True), rtol=1e-9, atol=1e-12)
    assert statistics.log_f0_mean == pytest.approx(np.log(f0[f0 > 0]).mean(), rel=1e-12)
    assert statistics.log_f0_deviation == pytest.approx(np.log(f0[f0 > 0]).std(), rel=1e-9)
    assert (statistics.frames, statistics.voiced) == (347, (f0 > 0).sum())


def test_frames_without_f0_have_no_covariance(corpus):
    mceps, _ = corpus
    total = sum(moments(m) for m in mceps)
    assert total.shape == (count_moments(5, with_f0=False),) == (14,)
    statistics, frames = Statistics.from_moments(total, 5), np.concatenate(mceps).astype(np.float64)
    assert statistics.covariance is None
    np.testing.assert_allclose(statistics.deviation, frames.std(0), rtol=1e-9)


def test_silence_and_octave_errors_are_left_out():
    random = np.random.default_rng(0)
    mcep, f0 = random.normal(size=(400, 3)), np.exp(random.normal(np.log(200), 0.15, 400))
    clean = Statistics.from_moments(moments(mcep[:300], f0[:300]), 3)
    mcep[300:], f0[300:350], f0[350:] = -30, 0, 90
    speech = np.arange(400) < 300
    disturbed = f0.copy()
    disturbed[:300:20] /= 2                                         # octave errors
    found = Statistics.from_moments(moments(mcep, disturbed, speech), 3)
    np.testing.assert_array_equal(found.mean, clean.mean)
    assert found.frames == 300
    assert 300 - 15 <= found.voiced <= 300 - 13
    assert found.log_f0_deviation == pytest.approx(clean.log_f0_deviation, rel=0.03)


def test_normalisation_and_back(corpus):
    mceps, _ = corpus
    statistics = Statistics.from_moments(sum(moments(m, f) for m, f in zip(*corpus, strict=True)), 5)
    normal = statistics.normalise(np.concatenate(mceps))
    assert normal.dtype == np.float32
    np.testing.assert_allclose(normal.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(normal.std(0), 1, atol=1e-5)
    np.testing.assert_allclose(statistics.denormalise(normal), np.concatenate(mceps), atol=1e-5)


def test_a_constant_dimension_stays_finite():
    mcep = np.full((50, 3), -7.3)
    statistics = Statistics.from_moments(moments(mcep, np.zeros(50)), 3)
    assert np.abs(statistics.normalise(mcep)).max() < 1
    np.testing.assert_allclose(statistics.denormalise(statistics.normalise(mcep)), mcep, atol=1e-9)


def test_no_frames_is_told():
    with pytest.raises(UserError, match=r"no frames"):
        Statistics.from_moments(np.zeros(34), 5)


def test_save_and_load(tmp_path, corpus):
    mceps, f0s = corpus
    known = {
        "SF1": Statistics.from_moments(moments(mceps[0], f0s[0]), 5),
        "a/b": Statistics.from_moments(moments(mceps[1][:, ::-1], f0s[1]), 5),
    }
    save_arrays(tmp_path / "s.safetensors", pack_statistics(known))
    loaded = load_statistics(tmp_path / "s.safetensors")
    assert list(loaded) == sorted(known, key=list(loaded).index)
    for domain, statistics in known.items():
        for field, value in vars(statistics).items():
            np.testing.assert_array_equal(getattr(loaded[domain], field), value)
            assert type(getattr(loaded[domain], field)) is type(value)
    (tmp_path / "broken").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"broken: cannot read the statistics"):
        load_statistics(tmp_path / "broken")


def statistics_of(mean, deviation, voiced=100):
    return Statistics(np.zeros(2), np.ones(2), mean, deviation, 200, voiced)


def test_f0_conversion_is_exact():
    rng = np.random.default_rng(1)
    f0 = np.exp(rng.normal(np.log(120), 0.2, 500))
    f0[::3] = 0
    log_f0 = np.log(f0[f0 > 0])
    source = statistics_of(log_f0.mean(), log_f0.std())
    target = statistics_of(np.log(220), 0.35)
    converted = convert_f0(f0, source, target)
    np.testing.assert_array_equal(converted == 0, f0 == 0)
    new = np.log(converted[converted > 0])
    assert new.mean() == pytest.approx(np.log(220), abs=1e-12)
    assert new.std() == pytest.approx(0.35, abs=1e-12)
    np.testing.assert_allclose(convert_f0(converted, target, source), f0, rtol=1e-12)


def test_f0_without_voiced_frames_passes_with_a_warning(caplog):
    some, none = statistics_of(5.0, 0.2), statistics_of(0.0, 0.0, voiced=0)
    for f0, source, target in [
        (np.zeros(9), some, some),
        (np.full(9, 100.0), none, some),
        (np.full(9, 100.0), some, none),
    ]:
        caplog.clear()
        np.testing.assert_array_equal(convert_f0(f0, source, target), f0)
        assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_f0_of_a_monotonous_source_moves_its_level_only():
    source, target = statistics_of(np.log(100), 0.0), statistics_of(np.log(200), 0.3)
    converted = convert_f0(np.full(9, 100.0), source, target)
    np.testing.assert_allclose(converted, 200)


def test_converted_f0_stays_in_its_range():
    source, target = statistics_of(np.log(218), 0.2), statistics_of(np.log(119), 0.2)
    f0 = np.array([0.0, 85.0, 218.0, 2000.0])
    free = convert_f0(f0, source, target)
    assert free[1] == pytest.approx(85 * 119 / 218)                 # 46 Hz, below what analysis finds
    assert convert_f0(f0, source, target, 71.0, 800.0).tolist() == [0.0, 71.0, free[2], 800.0]
    np.testing.assert_array_equal(convert_f0(f0, source, target, 40.0, 2000.0), free)


def test_a_voice_far_from_the_source_is_told():
    source = statistics_of(np.log(200), 0.2)
    far, near = 200 * np.exp(-0.2 * 2.51), 200 * np.exp(-0.2 * 2.49)
    told = tell_misfit(np.array([0, far, far, 200]), source, "SF1")
    assert told == f"the recording's F0 is about {far:.0f} Hz, SF1's about 200 Hz"
    assert tell_misfit(np.array([0, near, near, 20.0]), source, "SF1") == ""  # the median decides
    assert tell_misfit(np.full(3, 1 / far * 200**2), source, "SF1").startswith("the recording's F0 is about 330 Hz")
    assert tell_misfit(np.zeros(3), source, "SF1") == ""
    assert tell_misfit(np.full(3, 50.0), statistics_of(0.0, 0.0, voiced=0), "SF1") == ""


@pytest.mark.parametrize("given", [[1e-9, 300.0], [300.0, 100.0], [70.0, 1e9], [70.0, np.inf]])
def test_a_checkpoint_with_an_impossible_range_is_refused(tmp_path, corpus, given):
    """WORLD would allocate by it."""
    mceps, f0s = corpus
    arrays = pack_statistics({"a": Statistics.from_moments(moments(mceps[0], f0s[0]), 5)})
    save_arrays(tmp_path / "s.safetensors", arrays | {"a/f0_range": np.array([70.0, 280.0])})
    assert load_statistics(tmp_path / "s.safetensors")["a"].voice_range == (70.0, 280.0)
    save_arrays(tmp_path / "s.safetensors", arrays | {"a/f0_range": np.array(given)})
    with pytest.raises(UserError, match=r"no statistics"):
        load_statistics(tmp_path / "s.safetensors")
