import pytest

from translate.speech.measures.matrices import arrange_matrices, format_matrices

NAMES = ["ann", "bob", "cy"]
COLUMNS = ("source", "mean_variance", "resynthesised")


def pair(source: str, target: str, distortion: float, right: float) -> dict:
    shares = {name: right if name == target else (1 - right) / 2 for name in NAMES}
    return {
        "source": source,
        "target": target,
        "mcd": {column: distortion + number for number, column in enumerate(COLUMNS)},
        "recognised": {**dict.fromkeys(COLUMNS, shares), "target": None},
    }


@pytest.fixture
def matrices() -> dict:
    pairs = [
        pair("ann", "bob", 8, 1.0),
        pair("ann", "cy", 6, 0.5),
        pair("bob", "ann", 7, 0.8),
        pair("bob", "cy", 5, 0.3),
        pair("cy", "ann", 4, 0.4),                                  # nothing from cy to bob
    ]
    return arrange_matrices(NAMES, pairs)


def test_rows_are_sources_and_columns_targets(matrices):
    assert matrices["domains"] == NAMES
    assert matrices["mcd"]["source"] == [[None, 8, 6], [7, None, 5], [4, None, None]]
    assert matrices["mcd"]["resynthesised"] == [[None, 10, 8], [9, None, 7], [6, None, None]]
    assert set(matrices["mcd"]) == set(COLUMNS)


def test_confusion_is_the_mean_over_sources(matrices):
    confusion = matrices["confusion"]
    assert confusion["resynthesised"] == [
        [pytest.approx(0.6), pytest.approx(0.2), pytest.approx(0.2)],
        [0, 1, 0],
        [pytest.approx(0.3), pytest.approx(0.3), pytest.approx(0.4)],
    ]
    assert confusion["target"] == [[None] * 3] * 3                  # no natural target was there


def test_tables(matrices):
    lines = "\n".join(format_matrices(matrices)).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert cells[0] == ["source", "ann", "bob", "cy", "mean"]
    assert cells[2] == ["ann", "–", "8.00", "6.00", "7.00"]
    assert cells[4] == ["cy", "4.00", "–", "–", "4.00"]
    assert cells[5] == ["mean", "5.50", "8.00", "5.50", "6.00"]
    assert ["wanted", "ann", "bob", "cy"] in cells
    assert ["cy", "30", "30", "40"] in cells
    means = [line.split(";")[0] for line in lines if line.startswith("Mean of the diagonal")]
    assert means == ["Mean of the diagonal: 66.7 %", "Mean of the diagonal: – %"]
