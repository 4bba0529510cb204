"""The linear map: exact moments, the warp that was applied, and the optimal transport against its definition."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from translate.config import WorldConfig
from translate.errors import UserError
from translate.speech.analysis.linear_map import fit_linear_map, transport, warp_matrices, warp_matrix
from translate.speech.analysis.statistics import Statistics, moments
from translate.speech.analysis.world import World

CONFIG = WorldConfig(sample_rate=16000, codec="sptk", dimensions=25)


def draw(seed, frames=3000, dimensions=25):
    """Frames whose coefficients correlate."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimensions, dimensions)) / 5 + np.eye(dimensions)
    return random.normal(size=(frames, dimensions)) @ mixing + random.normal(size=dimensions)


def measure(frames):
    return Statistics.from_moments(moments(frames, np.full(len(frames), 100.0)), frames.shape[1])


def test_the_converted_frames_have_the_moments_of_the_target():
    source, target = draw(0), draw(1)
    converted = fit_linear_map(measure(source), measure(target), CONFIG)(source)
    np.testing.assert_allclose(converted.mean(0), target.mean(0), atol=1e-8)
    np.testing.assert_allclose(*(np.cov(x.T, bias=True) for x in (converted, target)), rtol=1e-5, atol=1e-8)


def test_transport_is_that_of_the_formula_and_the_shortest():
    a, b = np.cov(draw(2, dimensions=6).T), np.cov(draw(3, dimensions=6).T)
    half = np.real(sqrtm(a))
    expected = np.linalg.inv(half) @ np.real(sqrtm(half @ b @ half)) @ np.linalg.inv(half)
    found = transport(a, b)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found, found.T, atol=1e-9)
    np.testing.assert_allclose(found @ a @ found.T, b, atol=1e-8)

    def displacement(matrix):                                       # mean |x - M x|^2
        return np.trace((np.eye(6) - matrix) @ a @ (np.eye(6) - matrix).T)

    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    other = np.linalg.cholesky(b) @ turn @ np.linalg.inv(np.linalg.cholesky(a))  # another map onto the same covariance
    np.testing.assert_allclose(other @ a @ other.T, b, atol=1e-8)
    assert displacement(found) < displacement(other)


def test_transport_of_covariances_that_are_nearly_singular():
    """As of real voices, whose level varies 10^5 times as much as their finest detail, which some of them lack."""
    random = np.random.default_rng(0)
    turns = [np.linalg.qr(np.eye(40) + 0.05 * random.normal(size=(40, 40)))[0] for _ in range(2)]
    values = [np.geomspace(4, low, 40) for low in (1e-3, 1e-5)]
    source, target = (turn * of_turn @ turn.T for turn, of_turn in zip(turns, values, strict=True))
    found = transport(source, target)
    np.testing.assert_allclose(found @ source @ found.T, target, atol=1e-9)
    back = transport(target, source)
    assert np.linalg.norm(back, 2) < 8                              # the detail that is not there is not made up
    assert np.abs(back @ target @ back.T - source).max() < 5e-3


def test_a_warp_moves_a_formant():
    world = World(CONFIG)
    bins = world.fft_size // 2 + 1
    hertz = np.linspace(0, 8000, bins)
    formant = np.exp(4 * np.exp(-(((hertz - 1500) / 400) ** 2)))[None]
    mcep = world.encode(formant)
    places = [
        hertz[world.decode(mcep @ warp_matrix(shift, 25, world.alpha, world.fft_size))[0].argmax()]
        for shift in (-0.1, 0.0, 0.1)
    ]
    assert places[0] > places[1] > places[2]
    assert places[1] == pytest.approx(1500, abs=100)
    w = np.pi * places[2] / 8000  # the envelope at w is that of w + 2 atan(...) before
    before = w + 2 * np.arctan2(0.1 * np.sin(w), 1 - 0.1 * np.cos(w))
    assert before / np.pi * 8000 == pytest.approx(1500, abs=120)


@pytest.mark.parametrize("shift", [-0.1, 0.06])
def test_the_warp_between_two_voices_is_found_without_pairs(shift):
    source = draw(4)
    warp = warp_matrices(CONFIG.model_copy(update={"f0": "dio"}).model_dump_json())[shift]
    assert fit_linear_map(measure(source), measure(source @ warp), CONFIG).shift == shift
    assert fit_linear_map(measure(source), measure(source + 3), CONFIG).shift == 0
    assert fit_linear_map(measure(source), measure(source @ warp), CONFIG, warped=False).shift == 0


def test_normalised_frames_give_the_same():
    source, target = draw(5), draw(6)
    between = measure(source), measure(target)
    linear = fit_linear_map(*between, CONFIG)
    matrix, offset = linear.normalised(*between)
    found = between[1].denormalise(between[0].normalise(source) @ matrix.T + offset)
    np.testing.assert_allclose(found, linear(source), atol=1e-9)


def test_few_frames_give_a_finite_map():
    source, target = draw(7, frames=12), draw(8)                    # a covariance of rank 11
    converted = fit_linear_map(measure(source), measure(target), CONFIG)(source)
    assert np.isfinite(converted).all()
    np.testing.assert_allclose(converted.mean(0), target.mean(0), atol=1e-6)


def test_statistics_of_an_older_version_are_refused():
    old = Statistics(np.zeros(25), np.ones(25), 5.0, 0.2, 100, 50)
    with pytest.raises(UserError, match=r"extract them again"):
        fit_linear_map(old, measure(draw(9)), CONFIG)
