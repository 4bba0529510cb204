"""The image recipes from end to end on toy data: tiny networks, a few steps; no quality is claimed.

The commands are forks of one process, see tests/helpers/recipe_runs.py; tests/test_recipes.py runs recipes as users do.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recipe_runs import run

from translate.config import read_yaml
from translate.models import NAMES, list_models
from translate.models.settings import read_config

pytestmark = pytest.mark.usefixtures("commands")

ROOT = Path(__file__).resolve().parents[1]
SIDE = 32
FEW_STEPS = ["train.steps=2", "train.log_every=1", "train.sample_every=0"]
PALETTE = [[0, 0, 222], [0, 48, 255], [255, 0, 0], [175, 0, 0]]     # four of the colours of facades


def read_results(run_folder: Path) -> dict:
    return json.loads((run_folder / "results.json").read_text())


# --- toy corpora ------------------------------------------------------------------------------------------


def draw_photo(seed: int, side: int = SIDE) -> np.ndarray:
    """(side, side, 3): a noisy disc."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - rng.integers(side // 4, 3 * side // 4, 2)[:, None, None]
    disc = (np.hypot(y, x) < side / 4)[..., None]
    return (np.where(disc, rng.integers(120, 250, 3), 60) + rng.integers(-20, 20, (side, side, 3))).astype(np.uint8)


def draw_labels(seed: int) -> np.ndarray:
    """(SIDE, SIDE) classes 0 to 3."""
    return np.random.default_rng(seed).integers(0, 4, (4, 4)).repeat(SIDE // 4, 0).repeat(SIDE // 4, 1).astype(np.uint8)


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def make_pairs(folder: Path) -> None:
    for split, count in (("train", 4), ("val", 2)):
        for n in range(count):
            labels = np.array(PALETTE, dtype=np.uint8)[draw_labels(n)]
            save(folder / split / f"{n}.png", np.concatenate([draw_photo(n), labels], axis=1))


def make_unpaired(folder: Path) -> None:
    for split, count in (("train", 4), ("test", 2)):
        for n in range(count):
            save(folder / f"{split}A" / f"{n}.png", draw_photo(n))
            save(folder / f"{split}B" / f"{n}.png", 255 - draw_photo(100 + n))


def make_faces(folder: Path) -> None:
    names = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young", "Smiling"]
    lines = ["20", " ".join(names)]
    for n in range(20):
        save(folder / "images" / f"{n:06d}.jpg", draw_photo(n))
        values = [n % 3 == 0, n % 3 == 1, n % 3 == 2, n % 2 == 0, n % 4 < 2, True]
        lines.append(f"{n:06d}.jpg " + " ".join("1" if value else "-1" for value in values))
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")


def make_labelled(folder: Path) -> None:
    for split, count in (("train", 4), ("val", 2)):
        for n in range(count):
            labels = draw_labels(n)
            save(folder / f"{split}_label" / f"{n}.png", labels)
            save(folder / f"{split}_inst" / f"{n}.png", labels.astype(np.uint16) * 1000)
            save(folder / f"{split}_img" / f"{n}.jpg", draw_photo(n))


def make_sets(folder: Path) -> None:
    for n in range(3):
        save(folder / "yang91" / f"t{n}.png", draw_photo(n, 48))
    for name in ("set5", "set14"):
        for n in (1, 2):
            high = Image.fromarray(draw_photo(n, 48))
            low = high.resize((12, 12), Image.Resampling.BICUBIC)
            save(folder / name / f"img_{n:03d}_SRF_4_HR.png", np.asarray(high))
            save(folder / name / f"img_{n:03d}_SRF_4_LR.png", np.asarray(low))


# --- from end to end --------------------------------------------------------------------------------------


def test_facades_with_pix2pix(project, tmp_path):
    """Photographs to label maps: measured by pixels that are right after snapping to the palette."""
    make_pairs(tmp_path / "pairs")
    process = run(
        project / "egs/facades", "--corpus", str(tmp_path / "pairs"), "--model", "pix2pix_small",
        "--source", "photo", "--target", "labels",
        *FEW_STEPS, "train.crop=32", "images.size=36", "network.channels=4", "network.depth=4",
    )  # fmt: skip
    results = project / "egs/facades/exp/pix2pix_small_photo-labels"
    (task,) = read_results(results)["tasks"]
    assert (task["source"], task["target"], task["n"]) == ("photo", "labels", 2)
    assert 0 <= task["rows"]["converted"]["pixel_accuracy"] <= 1
    assert "constant class" in task["rows"]
    assert "photo → labels" in process.stdout
    assert "nothing to extract" in process.stderr
    for name in ("results.md", "latest/weights.safetensors", "log.jsonl", "converted/photo-labels/0.png"):
        assert (results / name).exists(), name


@pytest.mark.slow
def test_horse2zebra_with_cyclegan_goes_both_ways(project, tmp_path):
    make_unpaired(tmp_path / "unpaired")
    arguments = [
        "--corpus", str(tmp_path / "unpaired"), "--model", "cyclegan_small", "--tag", "toy",
        *FEW_STEPS, "train.crop=32", "images.size=32", "network.channels=4", "network.blocks=1",
    ]  # fmt: skip
    run(project / "egs/horse2zebra", *arguments)
    results = project / "egs/horse2zebra/exp/toy"
    directions = {(task["source"], task["target"]) for task in read_results(results)["tasks"]}
    assert directions == {("horse", "zebra"), ("zebra", "horse")}
    assert len(list((results / "converted/zebra-horse").glob("*.png"))) == 2

    before = os.path.getmtime(results / "latest/weights.safetensors")
    run(project / "egs/horse2zebra", *arguments, "--stage", "3", "--stop_stage", "3")
    assert os.path.getmtime(results / "latest/weights.safetensors") == before


def test_celeba_with_stargan_goes_to_every_domain(project, tmp_path):
    make_faces(tmp_path / "faces")
    run(
        project / "egs/celeba", "--corpus", str(tmp_path / "faces"), "--model", "stargan_small",
        "--domains", "Black_Hair,Blond_Hair,Male", "network.exclusive_groups=[[Black_Hair,Blond_Hair]]",
        *FEW_STEPS, "train.crop=32", "train.batch_size=2", "images.size=32", "network.channels=4", "network.blocks=1",
        "network.discriminator_steps=1",
    )  # fmt: skip
    tasks = read_results(project / "egs/celeba/exp/stargan_small")["tasks"]
    assert [task["target"] for task in tasks] == ["Black_Hair", "Blond_Hair", "Male"]


@pytest.mark.parametrize(
    ("corpus", "model", "settings"),
    [
        ("cityscapes", "pix2pixhd_small", ["network.phases=[1,0]", "network.blocks=1", "network.local_blocks=1"]),
        ("coco_stuff", "spade_small", ["network.channels=1"]),
    ],
)
def test_label_maps(project, tmp_path, corpus, model, settings):
    make_labelled(tmp_path / "labelled")
    channels = [] if "network.channels=1" in settings else ["network.channels=4"]
    run(
        project / "egs" / corpus, "--corpus", str(tmp_path / "labelled"), "--model", model, "--tag", "toy",
        *FEW_STEPS, "train.crop=32", "images.size=32", "images.aspect=1.0", *settings, *channels,
    )  # fmt: skip
    (task,) = read_results(project / "egs" / corpus / "exp/toy")["tasks"]
    assert (task["source"], task["target"], task["n"]) == ("label", "photo", 2)
    assert 0 < task["rows"]["converted"]["l1"] < 255


def test_bsd_in_two_stages(project, tmp_path):
    """SRGAN asks for its SRResNet, and starts from it when it is there; every test set has its numbers."""
    make_sets(tmp_path / "sets")
    small = [*FEW_STEPS, "train.batch_size=2", "train.crop=32", "network.channels=4", "network.blocks=1"]
    corpus = ["--corpus", str(tmp_path / "sets")]
    process = run(project / "egs/bsd", *corpus, "--model", "srgan_mse_small", *small, "--stage", "3", check=False)
    assert process.returncode == 2
    assert "run --config conf/srresnet_small.yaml first" in process.stderr

    run(project / "egs/bsd", *corpus, "--model", "srresnet_small", *small)
    tasks = read_results(project / "egs/bsd/exp/srresnet_small")["tasks"]
    assert [(task["set"], task["n"]) for task in tasks] == [("set14", 2), ("set5", 2)]
    assert all(task["rows"]["bicubic"]["psnr_y"] > 10 for task in tasks)

    srgan = ["--model", "srgan_mse_small", "network.discriminator_channels=4"]
    run(project / "egs/bsd", *srgan, *small, "--stage", "3", "--stop_stage", "3")
    config = read_yaml(project / "egs/bsd/exp/srgan_mse_small/latest/config.yaml")
    assert config["train"]["start_from"] == "exp/srresnet_small"


# --- options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corpus", "arguments", "expected"),
    [
        ("facades", ["--nonsense", "1"], "unknown option --nonsense"),
        ("facades", ["--model", "none"], "facades/run.sh: no configuration conf/none.yaml; there are: conf/"),
        ("maps", ["--deep", "yes"], "--deep: expected true or false, found 'yes'"),
        ("bsd", ["--low", "small"], "--low: expected files or made, found 'small'"),
        ("maps", ["--stage", "three"], "expected whole numbers, found 'three'"),
        ("day2night", ["--stage", "4"], "no checkpoint in exp/cyclegan_day-night; run stage 3 first"),
        ("maps", ["--stage", "1"], "run stage 0 first"),
        ("mini", ["--part", "nothing"], "unknown part nothing; known: speech image all"),
        ("mini", ["--part", "image", "train.steps=3"], "--part image takes no other options"),
    ],
)
def test_bad_options_end_in_one_line(project, corpus, arguments, expected):
    process = run(project / "egs" / corpus, *arguments, check=False)
    assert process.returncode == 2
    lines = [line for line in process.stderr.splitlines() if not line.startswith("[")]
    assert len(lines) == 1, lines
    assert expected in lines[0]


@pytest.mark.parametrize("script", sorted(ROOT.glob("egs/*/run.sh")), ids=lambda path: path.parent.name)
def test_help_is_the_head_of_the_script(script):
    process = subprocess.run(["bash", str(script), "--help"], capture_output=True, text=True, check=True)
    assert f"bash egs/{script.parent.name}/run.sh" in process.stdout


CONFIGURATIONS = sorted(path for path in ROOT.glob("egs/*/conf/*.yaml"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: f"{path.parents[1].name}/{path.stem}")
def test_configurations_are_valid(path):
    config = read_config(str(path), {})
    assert config.model in NAMES
    perceptual = config.players["generator"].losses.get("perceptual")
    if perceptual and (path.stem.endswith("_small") or path.parents[1].name == "mini"):
        assert perceptual.weight == 0, "small configurations need no weights of VGG"


# --- stage 0 ----------------------------------------------------------------------------------------------


def get_corpus(project: Path, corpus: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    script = project / "egs" / corpus / "local" / "get_corpus.sh"
    (folder / "local").mkdir(parents=True, exist_ok=True)
    for helper in script.parent.glob("*.py"):
        shutil.copy(helper, folder / "local")
    return subprocess.run(
        ["bash", str(script), str(folder / "corpus")], cwd=folder, capture_output=True, text=True,
        env={**os.environ, **environment},
    )  # fmt: skip


def make_facades_archive(folder: Path, training: int) -> None:
    for split, count in (("train", training), ("val", 100)):
        (folder / "facades" / split).mkdir(parents=True)
        for number in range(count):
            (folder / "facades" / split / f"{number}.jpg").touch()
    with tarfile.open(folder / "facades.tar.gz", "w:gz") as archive:
        archive.add(folder / "facades", "facades")


@pytest.mark.parametrize(("training", "ok"), [(400, True), (399, False)])
def test_facades_archive_is_unpacked_and_counted(project, tmp_path, training, ok):
    make_facades_archive(tmp_path, training)
    process = get_corpus(project, "facades", tmp_path / "here", PIX2PIX_URL=f"file://{tmp_path}")
    if ok:
        assert process.stdout.strip() == str(tmp_path / "here" / "corpus"), process.stderr
        assert len(list((tmp_path / "here/corpus/train").glob("*.jpg"))) == 400
    else:
        assert process.returncode == 2
        assert "399 files *.jpg, expected 400" in process.stderr


def test_a_damaged_archive_is_named(project, tmp_path):
    make_facades_archive(tmp_path, 400)
    archive = tmp_path / "facades.tar.gz"
    archive.write_bytes(archive.read_bytes()[:500])
    process = get_corpus(project, "facades", tmp_path / "here", PIX2PIX_URL=f"file://{tmp_path}")
    assert process.returncode == 2
    assert "downloads/facades.tar.gz is damaged: delete it and start again" in process.stderr


def test_day2night_is_taken_apart_by_brightness(project, tmp_path):
    night, day = np.full((16, 16, 3), 30, np.uint8), np.full((16, 16, 3), 200, np.uint8)
    for split in ("train", "val"):
        save(tmp_path / "night2day" / split / "1.jpg", np.concatenate([night, day], axis=1))
    with tarfile.open(tmp_path / "night2day.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "night2day", "night2day")
    process = get_corpus(project, "day2night", tmp_path / "here", PIX2PIX_URL=f"file://{tmp_path}")
    assert process.returncode == 0, process.stderr
    for folder, bright in (("trainA", True), ("trainB", False), ("testA", True), ("testB", False)):
        view = np.asarray(Image.open(tmp_path / "here/corpus" / folder / "1.jpg"))
        assert view.shape == (16, 16, 3)
        assert (view.mean() > 128) == bright


def test_bsd_is_put_together(project, tmp_path):
    with zipfile.ZipFile(tmp_path / "SR_training_datasets.zip", "w") as archive:
        for name, count in (("T91", 91), ("BSDS200", 200)):
            for number in range(count):
                archive.writestr(f"SR_training_datasets/{name}/{number}.png", b"")
    for name, count in (("Set5", 5), ("Set14", 14)):
        for number in range(1, count + 1):
            for kind in ("HR", "LR"):
                save(tmp_path / name / "image_SRF_4" / f"img_{number:03d}_SRF_4_{kind}.png", np.zeros((2, 2), np.uint8))
    address = f"file://{tmp_path}"
    process = get_corpus(project, "bsd", tmp_path / "here", LAPSRN_URL=address, SELFEXSR_URL=address)
    assert process.returncode == 0, process.stderr
    counts = {path.name: len(list(path.iterdir())) for path in (tmp_path / "here/corpus").iterdir()}
    assert counts == {"yang91": 91, "bsd200": 200, "set5": 10, "set14": 28}


PLACES = [("celeba", "mmlab.ie.cuhk.edu.hk"), ("cityscapes", "cityscapes-dataset.com")]


@pytest.mark.parametrize(("corpus", "place"), PLACES)
def test_what_cannot_be_downloaded_says_where_it_is(project, tmp_path, corpus, place):
    process = get_corpus(project, corpus, tmp_path)
    assert process.returncode == 2
    assert len(process.stderr.splitlines()) == 1
    assert place in process.stderr
    assert "--corpus DIR" in process.stderr


def test_coco_instances_are_drawn(tmp_path):
    """Each thing is a number from 256 up, the smaller on top; crowds and stuff keep their label."""
    save(tmp_path / "labels" / "000000000007.png", np.full((8, 8), 90, np.uint8))
    big, small = [0, 0, 5, 0, 5, 5, 0, 5], [1, 1, 2, 1, 2, 2, 1, 2]
    things = [
        {"image_id": 7, "iscrowd": 0, "area": 4, "segmentation": [small]},
        {"image_id": 7, "iscrowd": 0, "area": 36, "segmentation": [big]},
        {"image_id": 7, "iscrowd": 1, "area": 64, "segmentation": {"counts": [64], "size": [8, 8]}},
    ]
    (tmp_path / "instances.json").write_text(json.dumps({"annotations": things}))
    script = ROOT / "egs/coco_stuff/local/draw_instances.py"
    arguments = [tmp_path / "instances.json", tmp_path / "labels", tmp_path / "out"]
    subprocess.run([sys.executable, script, *arguments], check=True)
    drawn = np.asarray(Image.open(tmp_path / "out" / "000000000007.png"))
    assert drawn[7, 7] == 90
    assert drawn[5, 5] == 256
    assert drawn[1, 1] == 257
    assert set(np.unique(drawn)) == {90, 256, 257}


def test_mini_table_tells_what_moved(tmp_path):
    """The table of --part image, from results as runs leave them."""
    values = {"l1": (70.0, 20.0), "domain_accuracy": (0.5, 0.4), "psnr_y": (29.0, 35.0), "sharpness": (0.4, 0.9)}
    models = [name for name, model in list_models().items() if model.modality == "images" and model.translates]
    for model in models:
        for trained, name in enumerate((f"{model}_untrained", model)):
            measures = {measure: pair[trained] for measure, pair in values.items()}
            (tmp_path / name).mkdir()
            trivial = dict.fromkeys(values, 0.3)
            rows = {"converted": measures, "input": trivial, "mean target": trivial, "bicubic": trivial}
            (tmp_path / name / "results.json").write_text(json.dumps({"tasks": [{"rows": rows}]}))
    script = ROOT / "egs/mini/local/tabulate.py"
    command = [sys.executable, script, "images", tmp_path]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split("|") for line in table.splitlines()]
    shown = {(row[1].strip(), row[2].strip()): " ".join("|".join(row[3:]).split()) for row in rows}
    assert {model for model, _ in shown} >= set(models)
    assert shown["pix2pix", "L1 to the target, of 255"] == "70.0 | 20.0 | lower | yes | mean target 0.3 |"
    assert shown["cyclegan", "taken for the target texture, %"] == "50 | 40 | higher | no | input 30 |"
    assert shown["srgan", "PSNR of luma, dB"] == "29.00 | 35.00 | higher | yes | bicubic 0.30 |"
    of_start = shown["srgan", "gradient over the target's, from SRResNet's"]
    assert of_start == "0.90 | 0.90 | nearer to 1 | no | bicubic 0.30 |"    # no nearer than the run it starts from


# --- what a new model of one's own needs -------------------------------------------------------------------


def test_a_new_configuration_is_a_part_of_the_mini_recipe(project):
    """A model outside the toolkit, by its facts: which corpus, layout and domains it gets."""
    (project / "egs/mini/my_models.py").write_text(
        "from translate.models.images.cyclegan import CycleGan\n\n\nclass MyCycle(CycleGan):\n    title = 'mine'\n"
    )
    conf = project / "egs/mini/conf"
    (conf / "mine.yaml").write_text("base: cyclegan.yaml\nmodel: my_models\n")
    process = run(project / "egs/mini", "--part", "mine", "--stop_stage", "1")
    (conf / "mine.yaml").unlink()
    assert "stage 1" in process.stderr
    lines = (project / "egs/mini/data/unpaired/train.jsonl").read_text().splitlines()
    assert {json.loads(line)["domain"] for line in lines} == {"brick", "grass"}


@pytest.mark.parametrize(("corpus", "model", "recipe"), [("facades", "mse_vc", "voice_conversion")])
def test_a_corpus_names_the_recipes_that_it_serves(project, corpus, model, recipe):
    (project / "egs" / corpus / "conf" / f"{model}.yaml").write_text(f"model: {model}\n")
    process = run(project / "egs" / corpus, "--model", model, check=False)
    (project / "egs" / corpus / "conf" / f"{model}.yaml").unlink()
    assert process.returncode == 2
    assert f"{model} needs the recipe {recipe}; this corpus serves: image_translation" in process.stderr
