import pytest

from translate.speech.measures.score import join_score


def test_the_score_is_the_sum_of_units():
    measures = {"naturalness": 3.0, "similarity": 0.8, "phone_error": 0.5, "mcd": 7.5, "modulation": 4.0}
    assert join_score(measures) == pytest.approx(2 / 0.2 + 0.2 / 0.05 + 0.5 / 0.1 + 7.5 / 1.0 + 4 / 0.5)
    assert join_score({"naturalness": 5.0, "similarity": 1.0, "phone_error": 0.0, "mcd": 0.0, "modulation": 0.0}) == 0


def test_what_is_left_out_counts_nothing():
    assert join_score({"naturalness": 4.0}) == pytest.approx(5)


@pytest.mark.parametrize(("name", "better"), [
    ("naturalness", 0.2), ("similarity", 0.05), ("phone_error", -0.1), ("mcd", -1.0), ("modulation", -0.5),
])  # fmt: skip
def test_a_unit_of_every_measure_is_one(name, better):
    value = {"naturalness": 3.0, "mcd": 7.0}.get(name, 0.5)
    assert join_score({name: value}) - join_score({name: value + better}) == pytest.approx(1)
