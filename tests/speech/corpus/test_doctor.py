import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from translate.corpus.manifest import Entry, write_manifest
from translate.errors import UserError
from translate.speech.corpus.doctor import examine, print_report

RATE = 16000


def make_voice(seconds: float = 1.0, pitch: float = 150, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    harmonics = range(1, int(3000 / pitch))
    return 0.1 * sum(np.cos(2 * np.pi * pitch * k * time + k * k) / k for k in harmonics)


def write(path: Path, wave: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)


def facts(report, root: Path) -> list[tuple[str, str, str]]:
    """(severity, subject below the root, first words)."""
    return sorted(
        (p.severity, str(Path(p.subject).relative_to(root)) if "/" in p.subject else p.subject, p.what)
        for p in report.problems
    )


@pytest.fixture
def healthy(tmp_path):
    for domain, pitch in (("a", 120), ("b", 240)):
        write(tmp_path / domain / "1.wav", make_voice(61 - 30, pitch))
        write(tmp_path / domain / "deeper" / "2.wav", make_voice(30, pitch + 1))
    return tmp_path


def test_healthy_folders(healthy):
    report = examine(healthy, jobs=1)
    assert report.problems == report.errors == []
    row_a, row_b = report.rows
    assert (row_a.domain, row_a.files, row_a.rates, row_a.channels) == ("a", 2, (RATE,), (1,))
    assert row_a.minutes == pytest.approx(61 / 60)
    assert row_a.median_f0 == pytest.approx(120.5, rel=0.01)
    assert row_b.median_f0 == pytest.approx(240.5, rel=0.01)
    for row in (row_a, row_b):
        assert row.f0_range[0] <= row.median_f0 <= row.f0_range[1] < 1.1 * row.median_f0
    assert row_a.voiced > 0.9
    assert -25 < row_a.level_db < row_a.peak_db < 0


def test_a_folder_of_files_is_one_domain(healthy):
    report = examine(healthy / "a", jobs=1)
    assert [(row.domain, row.files) for row in report.rows] == [("a", 2)]


def test_every_planted_fault_is_found(healthy):
    voice = make_voice(1.0, 130)
    faulty = healthy / "a"
    (faulty / "broken.wav").write_bytes(b"RIFF this is no audio")
    write(faulty / "clipped.wav", np.clip(3 * np.sin(2 * np.pi * 131 * np.arange(RATE) / RATE), -1, 1))
    write(faulty / "copy.wav", make_voice(31, 120))
    write(faulty / "empty.wav", np.zeros(0))
    write(faulty / "long.wav", make_voice(61, 133))
    write(faulty / "noise.wav", 0.1 * np.random.default_rng(1).normal(size=3 * RATE))
    write(faulty / "offset.wav", make_voice(1.0, 135) + 0.05)
    write(faulty / "quiet.wav", 0.004 * make_voice(1.0, 136))
    write(faulty / "short.wav", voice[:800])
    write(faulty / "silent.wav", np.zeros(RATE))
    write(faulty / "stereo.wav", np.stack([voice, 0.5 * voice], axis=1))
    write(healthy / "c" / "1.wav", make_voice(20, 200, 8000), 8000)
    write(healthy / "d" / "1.wav", np.zeros(RATE))
    report = examine(healthy, jobs=2)
    expected = [
        ("error", "a/broken.wav", "cannot read as audio"),
        ("error", "a/empty.wav", ""),
        ("error", "a/short.wav", "too short"),
        ("error", "a/silent.wav", "silent"),
        ("error", "d", "no usable recording"),
        ("error", "d/1.wav", "silent"),
        ("warning", ".", "mixed sample rates: a 16000 Hz; b 16000 Hz; c 8000 Hz"),
        ("warning", "a", "1 of 13 files have more than one channel"),
        ("warning", "a/clipped.wav", "clipped, "),
        ("warning", "a/copy.wav", f"same audio as {healthy / 'a' / '1.wav'}"),
        ("warning", "a/long.wav", "long, 61 s"),
        ("warning", "a/noise.wav", "hardly any voiced frames ("),
        ("warning", "a/offset.wav", "DC offset of +0.050"),
        ("warning", "a/quiet.wav", "very low level, peak -6"),
        ("warning", "c", "only 20 s of speech"),
    ]
    found = facts(report, healthy)
    assert [problem[:2] for problem in found] == [problem[:2] for problem in expected]
    for (_, subject, what), (_, _, start) in zip(found, expected, strict=True):
        assert what.startswith(start), subject
    assert len(report.errors) == 6
    assert all(problem.advice for problem in report.problems)
    assert [p.severity for p in report.problems] == ["error"] * 6 + ["warning"] * 9


def test_a_manifest_and_its_leaks(healthy):
    wave = make_voice(20, 140)
    for name in ("train", "eval"):
        write(healthy / f"{name}.wav", wave)
    write_manifest(
        healthy / "all.jsonl",
        [
            Entry("1", healthy / "train.wav", "a", "train"),
            Entry("2", healthy / "eval.wav", "a", "eval"),
        ],
    )
    report = examine(healthy / "all.jsonl", jobs=1)
    assert report.errors == []
    assert [p.what for p in report.problems] == [
        "only 40 s of speech",
        f"same audio as {healthy / 'train.wav'} (a/train and a/eval)",
    ]


def test_print_report_groups_problems(tmp_path):
    for number in range(8):
        write(tmp_path / "a[b]" / f"{number}.wav", np.zeros(RATE + number))
    console = Console(file=io.StringIO(), width=80)
    print_report(examine(tmp_path, jobs=1), console)
    text = console.file.getvalue()
    assert text.count(".wav: silent") == 5
    assert "and 3 more like these" in text
    assert text.count("leave the file out") == 1
    assert "9 error(s), 0 warning(s)" in text
    assert "a[b]" in text


def test_nothing_to_examine(tmp_path):
    with pytest.raises(UserError, match="no folder with audio"):
        examine(tmp_path)
    with pytest.raises(UserError, match="none: cannot read the manifest"):
        examine(tmp_path / "none")
