import numpy as np
import pytest

from translate.speech.analysis.variance import scale_variance, within_deviation


@pytest.fixture
def mcep():
    return np.random.default_rng(0).normal(2, [3, 0.5, 1, 2], (400, 4))


def test_full_variance_and_half_of_it(mcep):
    wanted = np.array([1, 1, 1, 1.5])
    scaled = scale_variance(mcep, wanted)
    np.testing.assert_allclose(scaled.std(axis=0)[1:], wanted[1:])
    np.testing.assert_allclose(scaled.mean(axis=0), mcep.mean(axis=0))
    np.testing.assert_array_equal(scaled[:, 0], mcep[:, 0])         # c0
    half = scale_variance(mcep, wanted, 0.5)
    np.testing.assert_allclose(half, (mcep + scaled) / 2)
    np.testing.assert_allclose(scale_variance(mcep, wanted, 0), mcep)


def test_the_span_alone_decides(mcep):
    longer = np.concatenate([np.zeros((100, 4)), mcep])
    scaled = scale_variance(longer, np.ones(4), span=slice(100, None))
    np.testing.assert_allclose(scaled[100:], scale_variance(mcep, np.ones(4)))


def test_a_single_sound_is_not_blown_up(mcep):
    still = 0.01 * mcep
    np.testing.assert_allclose(scale_variance(still, np.ones(4)).std(axis=0)[1:], 3 * still.std(axis=0)[1:])
    constant = np.ones((5, 4))
    np.testing.assert_array_equal(scale_variance(constant, np.ones(4)), constant)


def test_deviation_within_utterances_leaves_out_what_is_between_them(mcep):
    np.testing.assert_allclose(within_deviation([mcep, mcep + 7]), mcep.std(axis=0))
