"""The recipes of speech: which one a configuration chooses, all models on toy data, and how corpora are laid out."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from recipe_runs import run

from translate.corpus.manifest import scan_folders
from translate.models import list_models
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.corpus.mini import make_speech

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.usefixtures("commands")


@pytest.mark.parametrize(
    ("corpus", "arguments", "run_folder"),
    [
        ("fsdd", [], "stargan_vc2_small"),
        ("fsdd", ["--source", "george", "--target", "lucas"], "stargan_vc2_small_george-lucas"),
        ("vcc2018", [], "cyclegan_vc2_SF3-TM1"),
        ("vcc2018", ["--model=mse_vc", "--target", "TF1"], "mse_vc_SF3-TF1"),
        ("vcc2018", ["--model", "stargan_vc2"], "stargan_vc2"),
        ("vcc2018", ["--model=wavecyclegan", "--jobs", "1"], "wavecyclegan_vocoder-TM1"),
        ("vcc2018", ["--config", "conf/stargan_vc.yaml", "--domains", "SF1,SF2,SM1"], "stargan_vc"),
        ("vcc2018", ["--model", "gan_postfilter"], "gan_postfilter_mse_vc_SF3-TM1"),
        ("vcc2018", ["--model", "stft_postfilter", "--smooth", "15"], "stft_postfilter_spectra15-TM1"),
        ("vcc2018", ["--model", "gan_postfilter", "--converter", "exp/one"], "gan_postfilter_one_SF3-TM1"),
        ("vcc2016", ["--model", "wavecyclegan2_small", "--target", "TF1"], "wavecyclegan2_small_vocoder-TF1"),
        ("arctic", ["--model", "wavecyclegan2", "--base", "conf/mse_vc.yaml"], "wavecyclegan2_mse_vc_bdl-slt"),
        ("vctk", ["--model", "cyclegan_vc2"], "cyclegan_vc2_p225-p226"),
    ],
)
def test_the_configuration_chooses_recipe_and_speakers(project, corpus, arguments, run_folder):
    process = run(project / "egs" / corpus, *arguments, "--stage", "4", check=False)
    assert process.returncode == 2
    assert f"no checkpoint in exp/{run_folder}; run stage 3 first" in process.stderr


@pytest.mark.parametrize(
    ("corpus", "arguments", "expected"),
    [
        ("fsdd", ["--source", "george", "--stage", "3"], "--source and --target go together"),
        ("vcc2016", ["--model", "gan_postfilter_small", "--smooth", "many"], "--smooth: expected a number of frames"),
        ("vcc2016", ["--model", "wavecyclegan2_small", "--stage", "1"], "run stage 0 first"),
        ("mini", ["--part", "speech", "--stage", "3"], "--part speech takes no other options"),
        ("mini", ["--difference", "yes", "--stage", "3"], "--difference: expected true or false, found 'yes'"),
        ("vcc2016", ["--model", "gan_postfilter_small", "--difference", "true"], "unknown option --difference of"),
    ],
)
def test_bad_speech_options_end_in_one_line(project, corpus, arguments, expected):
    process = run(project / "egs" / corpus, *arguments, check=False)
    assert process.returncode == 2
    lines = [line for line in process.stderr.splitlines() if not line.startswith("[")]
    assert len(lines) == 1
    assert expected in lines[0]


@pytest.fixture(scope="module")
def voices(tmp_path_factory) -> Path:
    """Three synthetic voices, three sentences for training."""
    folder = tmp_path_factory.mktemp("voices")
    make_speech(folder, sentences=3, evaluation=1, voices=("low", "high", "middle"))
    return folder


# Slow: models whose recipe another one's run tests as well.
QUICK = {"stargan_vc2", "gan_postfilter"}
SPEECH = {name: model for name, model in list_models().items() if model.modality == "speech"}
PARTS = [name for name in SPEECH if (ROOT / f"egs/mini/conf/{name}.yaml").exists()]


@pytest.mark.parametrize(
    "model", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in PARTS]
)
def test_every_speech_model_goes_through_all_stages(project, voices, model):
    """Two steps on three sentences; no quality is claimed."""
    options = ["--part", model, "--corpus", str(voices), "--tag", f"{model}_tiny", "--jobs", "1"]
    run(project / "egs/mini", *options, "train.steps=2", "train.log_every=1")
    folder = project / "egs/mini/exp" / f"{model}_tiny"
    results = json.loads((folder / "results.json").read_text())
    pairs = [(pair["source"], pair["target"]) for pair in results["pairs"]]
    if SPEECH[model].recipe == "voice_conversion":
        batches = SPEECH[model].model_fields["data"].default.batches
        assert len(set(pairs)) == {"labelled": 6, "unpaired": 2, "paired": 1}[batches]
    else:
        assert pairs == [("synthetic", "natural")]
        assert results["pairs"][0]["texture"]["source"] > 0         # aligned sample by sample
    assert (folder / "pictures/losses.png").exists()


def test_difference_filters_the_waves_of_the_evaluation_set(project, voices):
    """Mel-cepstra are converted as always, but for the level; F0 is the source's. Stage 4 can be repeated without."""
    options = ["--part", "stargan_vc2", "--corpus", str(voices), "--tag", "filtered", "--jobs", "1"]
    run(project / "egs/mini", *options, "--stop_stage", "4", "--difference", "true", "train.steps=1")
    files = sorted((project / "egs/mini/exp/filtered/converted/low-high").glob("*.npz"))
    before = [(dict(np.load(path)), read_wave(path.with_suffix(".wav"))[0]) for path in files]
    run(project / "egs/mini", *options, "--stage", "4", "--stop_stage", "4")
    for path, (features, wave) in zip(files, before, strict=True):
        vocoder = np.load(path)
        np.testing.assert_allclose(vocoder["mcep"][:, 1:], features["mcep"][:, 1:], atol=1e-5)
        voiced = features["f0"] > 0
        assert np.median(vocoder["f0"][voiced] / features["f0"][voiced]) > 1.3
        assert np.abs(read_wave(path.with_suffix(".wav"))[0] - wave).max() > 1e-3


RANGES = {                                                          # sentences, as the files of the corpora are called
    "vcc2016": [*range(100001, 100031), *range(200001, 200006)],
    "vcc2018": [*range(10001, 10082), *range(20001, 20082), *range(30001, 30036)],
    "arctic": [*(f"arctic_a{n:04d}" for n in range(1, 594)), *(f"arctic_b{n:04d}" for n in range(1, 540))],
    "vctk": [*(f"rainbow_{n:03d}" for n in range(1, 25)), *(f"p225_{n:03d}" for n in range(25, 367))],
    "fsdd": [*(f"eval_{n:02d}" for n in range(5)), *(f"train_{n:02d}" for n in range(5, 50))],
}


@pytest.mark.parametrize(("corpus", "dev", "counts"), [
    ("vcc2016", [100027, 100028, 100029, 100030], (26, 5)),
    ("vcc2018", [10078, 10079, 10080, 10081, 20078, 20079, 20080, 20081], (154, 35)),
    ("arctic", [f"arctic_b{n:04d}" for n in range(490, 500)], (1082, 40)),
    ("vctk", [f"rainbow_{n:03d}" for n in range(1, 5)], (342, 20)),
    ("fsdd", [f"train_{n:02d}" for n in range(5, 10)], (40, 5)),
])  # fmt: skip
def test_the_patterns_of_a_corpus_take_every_sentence_once(tmp_path, corpus, dev, counts):
    script = (ROOT / "egs" / corpus / "run.sh").read_text()
    names = ("train", "dev", "eval")
    patterns = {name: re.search(rf"\b{name}_files='([^']+)'", script)[1].split(",") for name in names}
    (tmp_path / "A").mkdir()
    for name in RANGES[corpus]:
        (tmp_path / "A" / f"{name}.wav").touch()
    entries = scan_folders(tmp_path, None, patterns["train"], patterns["eval"], dev=patterns["dev"])
    assert len(entries) == len(RANGES[corpus])
    splits = {split: [entry.id for entry in entries if entry.split == split] for split in ("train", "dev", "eval")}
    assert splits["dev"] == [str(name) for name in dev]
    assert (len(splits["train"]), len(splits["eval"])) == counts


@pytest.fixture(scope="module")
def challenge(tmp_path_factory) -> Path:
    """Two synthetic voices under the names of vcc2016."""
    folder = tmp_path_factory.mktemp("challenge")
    make_speech(folder, sentences=4, evaluation=1)
    names = dict(zip(["train_001", "train_002", "train_003", "train_004", "eval_001"],
                     ["100001", "100002", "100027", "100030", "200001"], strict=True))  # fmt: skip
    for old, speaker in (("low", "SF1"), ("high", "TM1")):
        (folder / old).rename(folder / speaker)
        for before, after in names.items():
            (folder / speaker / f"{before}.wav").rename(folder / speaker / f"{after}.wav")
    return folder


@pytest.mark.parametrize(("model", "data", "options"), [
    ("mse_vc_small", "data", ["--source", "SF1", "--domains", "SF1,TM1"]),
    ("gan_postfilter_small", "data/synthetic/smooth15-TM1", ["--smooth", "15"]),
])  # fmt: skip
def test_the_dev_set_chooses_what_is_converted(project, challenge, model, data, options):
    """The untrained start is made the best here, whatever was measured."""
    words = ["--model", model, "--corpus", str(challenge), "--tag", f"{model}_dev", "--jobs", "1", *options]
    words += ["--target", "TM1"]
    corpus = project / "egs/vcc2016"
    settings = ["train.steps=2", "train.log_every=1", "train.evaluate_every=1"]
    run(corpus, *words, "--stop_stage", "3", *settings)
    entries = [json.loads(line) for line in (corpus / data / "dev.jsonl").read_text().splitlines()]
    assert {entry["id"] for entry in entries} == {"100027", "100030"}
    trained = [json.loads(line) for line in (corpus / data / "train.jsonl").read_text().splitlines()]
    assert {entry["id"] for entry in trained} == {"100001", "100002"}
    folder = corpus / "exp" / f"{model}_dev"
    assert (folder / "best").is_symlink()
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "evaluation/mcd" in line] == [0, 1, 2]
    (folder / "best").unlink()
    (folder / "best").symlink_to("step_00000000")
    process = run(corpus, *words, "--stage", "4", *settings)
    assert "step_00000000 is taken, the best of its evaluations" in process.stderr
    results = json.loads((folder / "results.json").read_text())
    assert results["overall"]["n"] == 1


def test_mini_table_tells_what_training_changed(tmp_path):
    """The table of --part speech, from results as runs leave them."""
    measures, values = ("mcd", "gv_upper", "texture", "spectral_convergence"), {"_untrained": 9.0, "": 2.0}
    for name in PARTS:
        for suffix, value in values.items():
            worse = name == "wavecyclegan" and not suffix            # better than untrained, worse than its input
            value = 6.0 if worse else value
            columns = {
                measure: {"source": 5.0, "converted" if measure in ("mcd", "gv_upper") else "resynthesised": value}
                for measure in measures
            }
            write_results(tmp_path / f"{name}{suffix}", columns)
    script = ROOT / "egs/mini/local/tabulate.py"
    command = [sys.executable, script, "speech", tmp_path]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = {line.split("|")[1].strip(): line for line in table.splitlines()}
    assert set(rows) >= set(PARTS)
    assert "9.00 |    2.00 | lower       | yes      | input 5.00" in rows["stargan_vc2"]
    assert "variance above c10" in rows["gan_postfilter"]
    assert "yes" in rows["gan_postfilter"]                          # 2 is nearer to 1 than 5 and 9
    assert "texture distance" in rows["stft_postfilter"]
    assert "| no " in rows["wavecyclegan"]
    assert "2.000 | lower       | yes" in rows["wavecyclegan2"]


def write_results(folder: Path, measures: dict) -> None:
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps({"pairs": [measures]}))


def make_digits(folder: Path, speakers=("anna", "ben"), takes=range(4, 7), rate=8000) -> None:
    """Clips as in the Free Spoken Digit Dataset; the digit is heard as a frequency."""
    for speaker in speakers:
        for take in takes:
            for digit in range(10):
                time = np.arange(1000 + 10 * digit) / rate
                write_wave(folder / f"{digit}_{speaker}_{take}.wav", 0.5 * np.sin(600 * (digit + 1) * time), rate)


def join_digits(corpus: Path, out: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "egs/fsdd/local/join_digits.py"), str(corpus), str(out)]
    return subprocess.run(command, capture_output=True, text=True)


def test_fsdd_digits_are_joined_in_an_order_that_all_speakers_share(tmp_path):
    make_digits(tmp_path / "recordings")
    process = join_digits(tmp_path, tmp_path / "out")
    assert process.returncode == 0, process.stderr
    for speaker in ("anna", "ben"):
        names = sorted(path.name for path in (tmp_path / "out" / speaker).iterdir())
        assert names == ["eval_04.wav", "train_05.wav", "train_06.wav"]
    first, other = (read_wave(tmp_path / "out" / speaker / "train_05.wav")[0] for speaker in ("anna", "ben"))
    np.testing.assert_array_equal(first, other)
    assert len(first) == 10 * 1000 + 10 * sum(range(10))
    another, _ = read_wave(tmp_path / "out/anna/train_06.wav")
    assert np.abs(first - another).max() > 0.1                      # another take, another order


@pytest.mark.parametrize(("remove", "expected"), [("3_ben_5.wav", "of ben lacks the digit 3"), ("*", "no files")])
def test_fsdd_names_what_is_missing(tmp_path, remove, expected):
    make_digits(tmp_path / "in")
    for path in (tmp_path / "in").glob(remove):
        path.unlink()
    process = join_digits(tmp_path / "in", tmp_path / "out")
    assert process.returncode == 1
    assert expected in process.stderr
    assert len(process.stderr.splitlines()) == 1


def test_fsdd_speakers_are_names_of_folders(tmp_path):
    make_digits(tmp_path / "in", speakers=("..",), takes=[5])
    process = join_digits(tmp_path / "in", tmp_path / "out")
    assert process.returncode == 1
    assert "`speaker` is '..'; it names a file or folder: no dot in front" in process.stderr
    assert not list(tmp_path.glob("*.wav"))


def recognise(corpus: Path, run: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "egs/fsdd/local/recognise_digits.py"), str(corpus), str(run)]
    return subprocess.run(command, capture_output=True, text=True)


def test_fsdd_digits_are_recognised_where_the_source_has_them(tmp_path):
    make_digits(tmp_path / "in", takes=range(4, 12))
    join_digits(tmp_path / "in", tmp_path / "out")
    converted, rate = read_wave(tmp_path / "out/anna/eval_04.wav")
    half = len(converted) // 2
    for system, wave in {
        "converted/anna-ben": converted,
        "baselines/linear/anna-ben": np.concatenate([converted[half:], converted[:half]]),  # other digits
    }.items():
        (tmp_path / "run" / system).mkdir(parents=True)
        write_wave(tmp_path / "run" / system / "eval_04.wav", wave, rate)
    process = recognise(tmp_path / "in", tmp_path / "run")
    assert process.returncode == 0, process.stderr
    rows = dict(line.strip("| ").split(" | ", 1) for line in process.stdout.splitlines() if "---" not in line)
    assert rows["natural"] == "20 | 0.0"
    assert rows["converted"] == "10 | 0.0"
    assert float(rows["linear"].split(" | ")[1]) >= 60
    write_wave(tmp_path / "run/converted/anna-ben/eval_04.wav", converted[:half], rate)
    process = recognise(tmp_path / "in", tmp_path / "run")
    assert (process.returncode, len(process.stderr.splitlines())) == (2, 1)
    assert "was RUN trained on CORPUS" in process.stderr


def test_file_names_are_no_arithmetic(project, tmp_path):
    """Bash runs what stands in brackets of a number that it computes with."""
    folder = tmp_path / "vctk" / "wav48_silence_trimmed" / "p225"
    folder.mkdir(parents=True)
    for number in ("001", "1+a[$(touch ran)]"):
        (folder / f"p225_{number}_mic1.flac").touch()
    command = ["bash", str(project / "egs/vctk/local/arrange_corpus.sh"), str(tmp_path / "vctk"), str(tmp_path / "out")]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert not (tmp_path / "ran").exists()
    assert [path.name for path in (tmp_path / "out/p225").iterdir()] == ["rainbow_001.flac"]


def test_fsdd_is_cloned(project, tmp_path):
    """Stages 0 and 1, from a repository on this disk."""
    make_digits(tmp_path / "server/recordings", takes=[3, 5, 10, 11])
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "digits"]):
        names = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
        subprocess.run(["git", *names, *command], cwd=tmp_path / "server", check=True)
    process = subprocess.run(
        ["bash", "egs/fsdd/run.sh", "--domains", "anna,ben", "--stop_stage", "1", "--jobs", "1"], cwd=project,
        capture_output=True, text=True, env={**os.environ, "FSDD_URL": f"file://{tmp_path}/server"},
    )  # fmt: skip
    assert process.returncode in (0, 2), process.stderr              # sines are no speech: the check may complain
    lines = (project / "egs/fsdd/data/train.jsonl").read_text().splitlines()
    assert [json.loads(line)["domain"] for line in lines] == ["anna", "anna", "ben", "ben"]


def test_arctic_archives_are_unpacked_and_counted(project, tmp_path):
    for speaker, sentences in {"bdl": 1131, "slt": 20}.items():
        waves = tmp_path / f"cmu_us_{speaker}_arctic" / "wav"
        waves.mkdir(parents=True)
        for number in range(sentences):
            (waves / f"arctic_a{number:04d}.wav").write_bytes(b"")
        with tarfile.open(tmp_path / f"cmu_us_{speaker}_arctic.tar.bz2", "w:bz2", compresslevel=1) as archive:
            archive.add(waves.parent, waves.parent.name)
    script = project / "egs/arctic/local/get_corpus.sh"
    environment = {**os.environ, "ARCTIC_URL": f"file://{tmp_path}", "CORPUS_SHA256SUMS": "/dev/null"}
    for speakers, status in {"bdl": 0, "bdl,slt": 2}.items():
        command = ["bash", str(script), str(tmp_path / "corpus"), speakers]
        process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert process.returncode == status, process.stderr
    assert len(list((tmp_path / "corpus/bdl").glob("*.wav"))) == 1131
    assert "slt: 20 sentences, expected 1100 at least" in process.stderr


def test_vctk_is_unpacked_and_its_common_sentences_have_common_names(project, tmp_path):
    archive = tmp_path / "server/VCTK-Corpus-0.92.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("p225_001_mic1", "p225_001_mic2", "p225_025_mic1", "p226_001_mic1", "p226_025_mic1"):
            file.writestr(f"wav48_silence_trimmed/{name[:4]}/{name}.flac", name)
        file.writestr("txt/p225/p225_001.txt", "words")
    sums = tmp_path / "sums"
    sums.write_text(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.name}\n")
    environment = {**os.environ, "VCTK_URL": f"file://{archive.parent}", "CORPUS_SHA256SUMS": str(sums)}
    local = project / "egs/vctk/local"
    for command in (["get_corpus.sh", "vctk"], ["arrange_corpus.sh", "vctk", "speakers"]):
        process = subprocess.run(
            ["bash", str(local / command[0]), *(str(tmp_path / name) for name in command[1:])], cwd=tmp_path,
            capture_output=True, text=True, env=environment,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
    out = tmp_path / "speakers"
    names = {path.relative_to(out).as_posix(): path for path in out.rglob("*.flac")}
    assert sorted(names) == [
        "p225/p225_025.flac", "p225/rainbow_001.flac", "p226/p226_025.flac", "p226/rainbow_001.flac",
    ]  # fmt: skip
    assert names["p225/rainbow_001.flac"].read_text() == "p225_001_mic1"


def test_vctk_refuses_a_damaged_archive(project, tmp_path):
    (tmp_path / "server").mkdir()
    (tmp_path / "server/VCTK-Corpus-0.92.zip").write_bytes(b"half an archive")
    process = subprocess.run(
        ["bash", str(project / "egs/vctk/local/get_corpus.sh"), str(tmp_path / "vctk")], cwd=tmp_path,
        capture_output=True, text=True, env={**os.environ, "VCTK_URL": f"file://{tmp_path}/server"},
    )  # fmt: skip
    assert process.returncode == 2
    assert "VCTK-Corpus-0.92.zip is damaged" in process.stderr


@pytest.mark.slow
def test_fsdd_runs_on_real_speech(project, real_data, tmp_path):
    """Three real speakers through all stages, a few takes and steps at a tiny width; no quality is claimed."""
    for speaker in ("george", "jackson", "lucas"):
        (tmp_path / speaker).mkdir()
        for path in (real_data / "fsdd" / speaker).glob("*.wav"):
            if path.stem.rpartition("_")[2] in ("0", "1", "5", "10", "11"):
                (tmp_path / speaker / path.name).symlink_to(path)
    run(
        project / "egs/fsdd", "--corpus", str(tmp_path), "--domains", "george,jackson,lucas", "--tag", "tiny",
        "network.channels=4", "network.blocks=1", "train.steps=4", "train.log_every=2",
    )  # fmt: skip
    results = json.loads((project / "egs/fsdd/exp/tiny/results.json").read_text())
    assert len({(pair["source"], pair["target"]) for pair in results["pairs"]}) == 6
    assert "matrices" in results


def test_mini_voices_do_not_mind_the_pictures_of_other_parts(project):
    pictures = project / "egs/mini/corpus/pictures/high/train"
    pictures.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "docs/mini.png", pictures)
    run(project / "egs/mini", "--stop_stage", "1", "--jobs", "1")
    entries = [json.loads(line) for line in (project / "egs/mini/data/eval.jsonl").read_text().splitlines()]
    assert {entry["domain"] for entry in entries} == {"low", "high"}
