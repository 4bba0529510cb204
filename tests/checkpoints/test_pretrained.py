"""The trained models of the repository: each loads, converts, and says what it is."""

import re
import shutil
import subprocess

import numpy as np
import pytest
import yaml

from translate.checkpoints.card import find_blanks
from translate.checkpoints.foreign import check_foreign
from translate.checkpoints.pretrained import FOLDER, ORDER, list_pretrained
from translate.checkpoints.share import is_shared
from translate.images.conversion.converter import ImageConverter
from translate.jobs.load import load

PRETRAINED = list_pretrained()


def test_the_voices_are_there_in_order():
    assert list(PRETRAINED)[:4] == list(ORDER[:4])
    assert set(PRETRAINED) <= set(ORDER)
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 40e6


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_card_says_all_that_it_must(name):
    folder = PRETRAINED[name]
    assert is_shared(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 10e6
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert find_blanks(text) == []
    assert yaml.safe_load(text.split("---")[1])["license"] in {"cc-by-4.0", "cc-by-sa-4.0", "cc0-1.0", "apache-2.0"}
    assert f'translate.load("pretrained/{name}")' in text
    assert "bash egs/" in text                                      # the command that trained it
    check_foreign(folder, name)


@pytest.mark.parametrize("name", PRETRAINED)
def test_it_converts(name):
    converter = load(PRETRAINED[name])
    if isinstance(converter, ImageConverter):
        converted, given = convert_picture(converter)
        assert converted.shape[0] == converter.images.scale * given.shape[0]
        plain = np.repeat(np.repeat(given, converter.images.scale, 0), converter.images.scale, 1)
        assert plain.shape != converted.shape or np.abs(converted.astype(float) - plain).mean() > 0.5
        assert converted.std() > 1                                  # no plain colour
        return
    time = np.arange(converter.sample_rate // 2) / converter.sample_rate
    wave = 0.1 * sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 25))
    wave += 1e-3 * np.random.default_rng(0).normal(size=len(wave))
    source, target = converter.directions[0]
    converted, rate = converter.convert(wave, converter.sample_rate, source, target)
    assert np.isfinite(converted).all()
    assert rate == converter.sample_rate
    assert abs(len(converted) - len(wave)) <= 0.01 * rate
    assert np.std(converted) > 0.01
    frames = converter.analyse(wave).mcep
    changed = converter.convert_frames(frames, source, target) - frames
    assert np.abs(changed[:, 1:]).mean() > 0.01


def test_the_page_on_sharing_lists_them_with_their_sizes():
    text = (FOLDER.parent / "docs/sharing.md").read_text(encoding="utf-8")
    sizes = {name: sum(path.stat().st_size for path in folder.iterdir()) for name, folder in PRETRAINED.items()}
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| (\d+\.\d) \| CC", text, re.MULTILINE)
    assert rows == [(name, f"{size / 1e6:.1f}") for name, size in sizes.items()]


def test_the_commands_that_make_them(tmp_path):
    """tools/pretrain.sh with stand-ins for the recipes: every name has its training, with configurations that exist."""
    root = FOLDER.parent
    for corpus in ("vcc2016", "fsdd", "mini"):
        (tmp_path / "egs" / corpus).mkdir(parents=True)
        (tmp_path / "egs" / corpus / "run.sh").write_text(f'echo {corpus} "$@"\n')
    (tmp_path / "egs/mini/conf").symlink_to(root / "egs/mini/conf")
    for name in ORDER:
        (tmp_path / "pretrained" / name).mkdir(parents=True)
    (tmp_path / "tools").mkdir()
    shutil.copy(root / "tools/pretrain.sh", tmp_path / "tools")
    (tmp_path / "tools/activate.sh").write_text('translate() { echo "$@"; }\n')
    command = ["bash", tmp_path / "tools/pretrain.sh"]
    done = subprocess.run([*command, "--vcc2016", tmp_path], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    shares = [line for line in lines if line[0] == "share"]
    assert [line[2] for line in shares] == [f"pretrained/{name}" for name in sorted(ORDER)]
    for line in lines:
        if "--config" in line:
            assert (root / "egs" / line[0] / line[line.index("--config") + 1]).is_file()
    tags = {line[line.index("--tag") + 1] for line in lines if "--tag" in line}
    assert {re.sub(".*/exp/", "", line[1]) for line in shares if "/mini/" in line[1]} <= tags
    wrong = subprocess.run([*command, "cyclegan_vc2-SF1-TM1"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "--vcc2016 DIR" in wrong.stderr


def convert_picture(converter):
    """What a converter makes of the first of its domains: a photograph in colour or gray, or a map of classes."""
    from skimage import color, data

    images = converter.images
    if images.labels:
        given = (np.add.outer(np.arange(64), np.arange(64)) // 16 % images.labels).astype(np.uint8)
    else:
        given = data.astronaut()[:64, 128:192]
        if images.source_channels == 1:
            given = np.round(255 * color.rgb2gray(given)).astype(np.uint8)
    source, targets = next(iter(converter.between.by_source().items()))
    objects = {"instances": given} if images.instances else {}      # every class one object
    return converter.convert(given, source, targets[0], **objects), given
