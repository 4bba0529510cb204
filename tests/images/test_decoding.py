"""Which files are opened as pictures: raster formats that Pillow reads by itself, and nothing that starts a program."""

import ast
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from translate.cli import main
from translate.errors import UserError
from translate.images.arrays import IMAGES, read_image, read_labels
from translate.images.corpus.folders import is_double
from translate.images.decoding import FORMATS, open_picture

ROOT = Path(__file__).parents[2]
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 32\n%%EndComments\n0 0 64 32 rectfill\nshowpage\n%%EOF\n"


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A file that exists when something has started Ghostscript."""
    marker, program = tmp_path / "started", tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)          # looked for anew
    return marker


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.eps"])
def test_postscript_starts_no_program_whatever_it_is_called(tmp_path, ghostscript, name):
    path = tmp_path / name
    path.write_bytes(EPS)
    for read in (read_image, read_labels):
        with pytest.raises(UserError, match="cannot read as a picture"):
            read(path)
    assert not is_double(path)
    assert not ghostscript.exists()


def test_converting_postscript(tmp_path, ghostscript, monkeypatch, capsys):
    path = tmp_path / "a.png"
    path.write_bytes(EPS)
    checkpoint = ROOT / "pretrained" / "pix2pix-drawing"
    if not checkpoint.is_dir():
        pytest.skip("no pretrained/pix2pix-drawing")
    monkeypatch.setattr("sys.argv", ["translate", "convert", str(checkpoint), str(path), str(tmp_path / "out.png")])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "cannot read as a picture" in capsys.readouterr().err
    assert not ghostscript.exists()


@pytest.mark.parametrize("suffix", sorted({*IMAGES, ".tga"}))
def test_formats_that_people_have_are_read(tmp_path, suffix):
    picture = np.full((16, 24, 3), 90, np.uint8)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(picture[..., 0] if suffix == ".pgm" else picture).save(path)
    assert read_image(path).shape[:2] == (16, 24)
    with open_picture(path) as image:
        assert image.format in FORMATS


def test_pictures_of_cameras_with_two_views(tmp_path):
    views = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue")]
    views[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=views[1:])
    assert read_image(tmp_path / "a.jpg").shape == (16, 24, 3)


def test_one_function_opens_pictures():
    """Whatever else calls `Image.open` would take every format; matplotlib's and scikit-image's readers do as well."""
    callers = []
    for folder in ("translate", "egs", "docs", "recipes", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _is_opener(node.func):
                    callers.append(f"{path.relative_to(ROOT)}: {ast.unparse(node.func)}")
    assert callers == ["translate/images/decoding.py: Image.open", "translate/images/decoding.py: tifffile.imread"]


def _is_opener(function):
    if isinstance(function, ast.Attribute):
        ours = ast.unparse(function.value) in ("Image", "PIL.Image") and function.attr == "open"
        return ours or function.attr in ("imread", "imread_collection")
    return isinstance(function, ast.Name) and function.id in ("imread", "imread_collection")
