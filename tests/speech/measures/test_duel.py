"""Systems compared by sentence: hand-made results.json, numbers by hand and from scipy."""

import json
import sys

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel

from translate.cli import main
from translate.errors import UserError
from translate.speech.measures.duel import compare_systems, format_comparison, sign_test

PROTOCOL = {"n": 4, "sample_rate": 16000, "converted_from": "features", "silence": "40 dB"}


def write(folder, distortions, protocol=PROTOCOL, measure="mcd", target=300.0, **more):
    """A run with the distortions by direction and sentence."""
    pairs = []
    for direction, values in distortions.items():
        utterances = {
            f"s{number}": {
                "sentence": f"s{number}",
                measure: {"source": 9.0, "converted": 1.0, "resynthesised": value},
                "f0_range_cents": {"target": target + number},
                **more,
            }
            for number, value in enumerate(values)
        }
        pairs.append({"source": direction[0], "target": direction[1], "utterances": utterances})
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps({"protocol": protocol, "pairs": pairs}))
    return folder


def test_differences_are_of_sentences_averaged_over_directions(tmp_path):
    one = {"AB": [8, 7, 9, 6.0], "BA": [8, 9, 7, 8.0]}              # by sentence 8, 8, 8, 7
    two = {"AB": [7, 7, 8, 7.0], "BA": [7, 8, 7, 8.0]}              # 7, 7.5, 7.5, 7.5
    systems = [[write(tmp_path / "one", one)], [write(tmp_path / "two", two)]]
    comparison = compare_systems(systems)
    assert comparison["systems"] == ["one", "two"]
    assert (comparison["utterances"], comparison["sentences"]) == (8, 4)
    found = comparison["measures"]["mcd"]
    assert found["one"] == {"mean": 7.75}
    first, second = np.array([8, 8, 8, 7]), np.array([7, 7.5, 7.5, 7.5])
    interval = ttest_rel(second, first).confidence_interval(0.95)
    assert found["two"] == {
        "mean": 7.375,
        "difference": -0.375,
        "half_width": pytest.approx((interval.high - interval.low) / 2, abs=1e-4),
        "higher": 1,
        "lower": 3,
        "p": binomtest(1, 4, 0.5).pvalue,
    }
    table = format_comparison(comparison)
    assert f" ± {found['two']['half_width']:.2f} |          1/3 |       0.6250 |" in table
    assert "8 utterances of 4 sentences. Differences from one" in table


def test_sign_test_leaves_ties_out():
    assert sign_test(np.array([-1, -2, -1, -1, -3.0])) == pytest.approx(2 / 2**5)
    assert sign_test(np.array([-1, 0, 0, 1, -1.0])) == binomtest(1, 3, 0.5).pvalue
    assert sign_test(np.zeros(4)) == 1


def test_seeds_are_averaged_first(tmp_path):
    seeds = [write(tmp_path / f"a{number}", {"AB": [value, value + 1]}) for number, value in enumerate((7.0, 8.0, 9.0))]
    other = write(tmp_path / "b", {"AB": [7.0, 8.5]})
    comparison = compare_systems([seeds, [other]])
    assert comparison["systems"] == ["a0, a1, a2", "b"]
    found = comparison["measures"]["mcd"]
    assert found["a0, a1, a2"]["mean"] == 8.5
    assert found["b"]["difference"] == pytest.approx(np.mean([7 - 8, 8.5 - 9]))


def test_what_is_not_in_all_runs_is_left_out(tmp_path):
    heard = {"naturalness": {"resynthesised": 3.0}}
    instruments = {"waves": "16 kHz", "heard": 4, "left_out": 0}
    listened = PROTOCOL | {"instruments": instruments}
    one = write(tmp_path / "one", {"AB": [8.0, 7.0], "BA": [1.0, 1.0]}, listened, **heard)
    two = write(tmp_path / "two", {"AB": [8.0, 7.0]}, PROTOCOL | {"n": 2, "converted_from": "waves"})
    comparison = compare_systems([[one], [two]])
    assert comparison["utterances"] == 2
    assert comparison["left_out"] == ["naturalness"]
    assert "Left out, since not all runs have them: naturalness." in format_comparison(comparison)
    more = write(tmp_path / "more", {"AB": [8.0]}, PROTOCOL | {"instruments": instruments | {"heard": 9}}, **heard)
    assert set(compare_systems([[one], [more]])["measures"]) == {"mcd", "naturalness"}
    assert compare_systems([[one], [more]])["measures"]["mcd"]["more"]["half_width"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"protocol": PROTOCOL | {"silence": "60 dB"}}, r'`silence` is "40 dB" in \S+one, "60 dB" in \S+two'),
        ({"protocol": {**PROTOCOL, "sample_rate": 8000, "alpha": 1}}, r"`sample_rate` is 16000 .*; also alpha"),
        ({"target": 301.0}, "different recordings of B for s0 of A"),
        ({"distortions": {"AC": [1.0]}}, "no sentence in common"),
    ],
)
def test_runs_that_cannot_be_compared(tmp_path, change, message):
    one = write(tmp_path / "one", {"AB": [8.0, 7.0]})
    two = write(tmp_path / "two", **{"distortions": {"AB": [8.0, 7.0]}, **change})
    with pytest.raises(UserError, match=message) as caught:
        compare_systems([[one], [two]])
    assert "\n" not in str(caught.value)


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["translate", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_command(tmp_path, monkeypatch, capsys):
    one, two, three = (write(tmp_path / name, {"AB": [8.0, value]}) for name, value in {"a": 7, "b": 6, "c": 5}.items())
    assert command(monkeypatch, "compare", one, f"{two},{three}") == 0
    assert "| b, c   | 6.75 | -0.75 ±" in capsys.readouterr().out
    assert command(monkeypatch, "compare", one, two, three, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["measures"]["mcd"]["c"]["difference"] == -1
    (three / "results.json").write_text('{"pairs": [{}], "protocol": {}}')
    for words, message in (
        ((one,), "compare: give at least two runs"),
        ((one, one), "given twice"),
        ((one, tmp_path / "none"), "none/results.json: no such file; first run `translate evaluate"),
        ((one, three), "holds no measures of speech by utterance; evaluate the run again"),
    ):
        assert command(monkeypatch, "compare", *words) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
