"""The functions behind the buttons of the image tab, on small untrained models and on an upload of every kind."""

import shutil
from pathlib import Path

import gradio
import numpy as np
import pytest
import skimage.data
import tifffile
import torch
from PIL import Image

import translate.demo
from translate.config import ImageConfig
from translate.demo.editor import PaintingEditor
from translate.demo.example_images import make_examples, read_label_maps
from translate.demo.image import build_image_tab, convert_picture, convert_to_all, list_targets, takes_several
from translate.demo.limits import Limits, Refusal
from translate.demo.models import Offer, find_models
from translate.demo.painting import (
    BY_CLASS,
    DRAWN,
    PHOTOGRAPH,
    choose_colours,
    convert_painting,
    count_clusters,
    find_regions,
    list_sides,
    list_start_maps,
    list_styles,
    make_legend,
    name_classes,
    read_painting,
)
from translate.demo.pictures import PictureUpload, read_picture
from translate.demo.uploads import hold_uploads
from translate.errors import UserError
from translate.images.arrays import read_image, resize, write_image
from translate.images.conversion.converter import ImageConverter
from translate.images.corpus.mini import PHOTOGRAPHS, TEXTURES
from translate.images.resize import bicubic
from translate.models import resolve

LIMITS = Limits(max_pixels=64 * 64)


@pytest.fixture
def pixels(files):
    return read_image(files["photo.png"])                           # 48 x 64


def offer(values):
    """A fresh untrained model as the demo has it."""
    config = resolve(values, "test")
    torch.manual_seed(0)
    converter = ImageConverter(config.build(), config, torch.device("cpu"))
    return Offer("x", "x", Path("x"), config, _loaded=[converter])


# --- uploads ----------------------------------------------------------------------------------------------


def test_uploads_come_upright_with_8_bits(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    picture, note = read_picture(tmp_path / "turned.png", LIMITS)
    assert np.array_equal(picture, np.rot90(pixels, -1))
    assert note == ""
    write_image(tmp_path / "deep.png", pixels[..., 0].astype(np.uint16) * 257)
    deep, _ = read_picture(tmp_path / "deep.png", LIMITS)
    assert deep.dtype == np.uint8
    assert np.array_equal(deep[..., 0], pixels[..., 0])


def test_large_uploads_are_scaled_down_or_refused(files, tmp_path, pixels):
    picture, note = read_picture(files["photo.png"], Limits(max_pixels=1000))
    assert note == "scaled down from 64 × 48 to 36 × 27 pixels"
    assert np.array_equal(picture, resize(pixels, (27, 36)))
    assert read_picture(files["photo.png"], Limits(max_pixels=64 * 48 * 4), scale=2)[1] == ""
    with pytest.raises(UserError, match=r"photo.png: is 64 × 48 pixels; ×2 takes up to 55 × 55 here.*cut out a part"):
        read_picture(files["photo.png"], Limits(max_pixels=64 * 48 * 4 - 1), scale=2)
    with pytest.raises(UserError, match=r"is 64 × 48 pixels; expected up to 2,400 in all"):
        read_picture(files["photo.png"], Limits(max_pixels=300))
    write_image(tmp_path / "line.png", pixels[:15])
    with pytest.raises(UserError, match="is 64 × 15 pixels; expected 16 or more"):
        read_picture(tmp_path / "line.png", LIMITS)


def test_heavy_pictures_are_refused_sooner(tmp_path, pixels):
    """Each pixel of 16 bits with alpha takes twenty times the memory of one of a photograph."""
    limits = Limits(max_pixels=64 * 48 // 4)
    deep = np.zeros((48, 64, 4), np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    Image.fromarray(pixels[..., 0]).convert("LA").save(tmp_path / "alpha.png")
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    for name in ("deep.tif", "alpha.png"):
        with pytest.raises(UserError, match=f"{name}: is 64 × 48 pixels; expected up to 1,536 in all"):
            read_picture(tmp_path / name, limits)
    assert read_picture(tmp_path / "plain.png", limits)[0].shape == (24, 32, 3)


@pytest.mark.parametrize("name", ["text.png", "empty.png"])
def test_files_that_are_no_pictures(files, name):
    with pytest.raises(UserError, match=f"^{name}: cannot be read as an image; give PNG"):
        read_picture(files[name], LIMITS)


def test_no_upload(models):
    with pytest.raises(UserError, match="no image yet"):
        convert_picture(models["pix2pix-drawing"], None, LIMITS)


def test_components_hand_on_files_and_refuse_damaged_ones(files):
    upload = PictureUpload(type="filepath")
    assert upload.get_block_name() == "image"                       # the page draws it as one
    uploaded = {name: shutil.copy(files[name], hold_uploads()) for name in ("text.png", "empty.png", "photo.png")}
    data = {name: gradio.FileData(path=path, orig_name=name) for name, path in uploaded.items()}
    assert upload.preprocess(data["text.png"]) == uploaded["text.png"]
    assert upload.preprocess(None) is None
    editor = PaintingEditor(image_mode="RGBA")
    assert editor.get_block_name() == "imageeditor"
    for name in ("text.png", "empty.png"):
        with pytest.raises(Refusal, match="the painting cannot be read"):
            editor.preprocess(editor.data_model(background=data["photo.png"], layers=[data[name]]))
    painting = editor.preprocess(editor.data_model(background=data["photo.png"], layers=[data["photo.png"]] * 2))
    assert [one.shape for one in (painting["background"], *painting["layers"])] == [(48, 64, 4)] * 3
    assert editor.preprocess(None) is None
    for path in uploaded.values():
        Path(path).unlink()
    assert list(Path(translate.demo.__file__).parent.glob("*.pyi")) == []  # Gradio writes some for new components


# --- pictures ---------------------------------------------------------------------------------------------


def test_pictures_are_those_of_the_converter(models, files, pixels):
    path = str(files["photo.png"])
    (before, after), note = convert_picture(models["pix2pix-drawing"], path, LIMITS)
    assert np.array_equal(before, pixels)
    assert np.array_equal(after, models["pix2pix-drawing"].converter.convert(pixels))
    assert note.startswith("64 × 48 pixels in ")
    cycle = models["cyclegan-textures"]
    assert list_targets(cycle.config) == [("brick → grass", "grass"), ("grass → brick", "brick")]
    results = {target: convert_picture(cycle, path, LIMITS, target)[0][1] for target in ("grass", "brick")}
    for target, result in results.items():
        assert np.array_equal(result, cycle.converter.convert(pixels, target=target))
    assert not np.array_equal(*results.values())
    with pytest.raises(UserError, match="no target chosen"):
        convert_picture(cycle, path, LIMITS)


def test_super_resolution_beside_bicubic(models, files, pixels):
    model = models["srresnet-x2"]
    (before, after), note = convert_picture(model, files["photo.png"], Limits())
    assert np.array_equal(before, bicubic(pixels, 2))
    assert np.array_equal(after, model.converter.convert(pixels))
    assert note.startswith("128 × 96 pixels in ")
    assert note.endswith("; before: bicubic interpolation.")


def test_all_domains(models, files, pixels):
    model = models["stargan-textures"]
    small = resize(pixels, 32)
    pictures, note = convert_to_all(model, files["photo.png"], LIMITS, as_trained=True)
    assert [caption for _, caption in pictures] == ["as it is", "brick", "grass", "gravel"]
    assert np.array_equal(pictures[0][0], small)
    for picture, target in pictures[1:]:
        assert np.array_equal(picture, model.converter.convert(small, target=target))
        assert np.array_equal(picture, convert_picture(model, files["photo.png"], LIMITS, target, True)[0][1])
    assert "3 translations" in note
    with pytest.raises(UserError, match="grid needs a model of many domains"):
        convert_to_all(models["pix2pix-drawing"], files["photo.png"], LIMITS)


def test_attributes_and_gray(files, pixels):
    model = offer({
        "model": "stargan", "data": {"domains": ["blond", "male", "young"]}, "images": {"size": 32},
        "network": {"channels": 8, "blocks": 1, "exclusive": False}, "train": {"crop": 32},
    })  # fmt: skip
    assert takes_several(model.config)
    (_, after), _ = convert_picture(model, files["photo.png"], LIMITS, ["blond", "young"])
    assert np.array_equal(after, model.converter.convert(pixels, target="blond+young"))
    (_, none), _ = convert_picture(model, files["photo.png"], LIMITS, [])
    assert np.array_equal(none, model.converter.convert(pixels, target=""))
    gray = offer({
        "model": "cyclegan", "data": {"domains": ["a", "b"]}, "network": {"channels": 4, "blocks": 1},
        "images": {"source_channels": 1, "target_channels": 1},
    })  # fmt: skip
    pair, _ = convert_picture(gray, files["photo.png"], LIMITS, "b")
    assert pair[0].shape == pair[1].shape == (48, 64)


# --- paintings --------------------------------------------------------------------------------------------


def paint(labels, images):
    """A painting without strokes."""
    coloured = np.array(choose_colours(images), np.uint8)[labels]
    opaque = np.full((*labels.shape, 1), 255, np.uint8)
    return {"background": np.concatenate([coloured, opaque], axis=2), "layers": []}


def test_colours_of_classes():
    assert choose_colours(ImageConfig(labels=2, palette=[[1, 2, 3], [4, 5, 6]])) == [(1, 2, 3), (4, 5, 6)]
    many = ImageConfig(labels=182, unknown=255)
    colours = np.array(choose_colours(many))
    distances = np.abs(colours[:, None] - colours).sum(axis=2) + 1000 * np.eye(183)
    assert distances.min() >= 4                                     # told apart, though not by eye
    assert np.abs(colours[:12, None] - colours[:12]).sum(axis=2)[~np.eye(12, dtype=bool)].min() > 60
    assert name_classes(many)[-1] == "unlabelled"
    built_in = ImageConfig(labels=6)
    assert np.diff(np.array(choose_colours(built_in)) @ [0.3, 0.59, 0.11]).min() > 10  # dark to light
    for name, colour in zip(name_classes(built_in), choose_colours(built_in), strict=True):
        assert f"rgb{colour}" in make_legend(built_in)
        assert name in make_legend(built_in)


def test_paintings_become_label_maps():
    images = ImageConfig(labels=3, unknown=255, palette=[[0, 0, 0], [255, 0, 0], [0, 0, 255]])
    labels = np.arange(24).reshape(4, 6) % 4
    painting = paint(labels, images)
    stroke = np.zeros((4, 6, 4), np.uint8)
    stroke[1, :3] = [250, 10, 10, 255]
    stroke[2, :3] = [250, 10, 10, 100]                              # its soft edge: less than half
    painting["layers"] = [stroke]
    expected = np.where(labels == 3, 255, labels)
    expected[1, :3] = 1
    assert np.array_equal(read_painting(painting, images), expected)
    assert read_painting({"background": None, "layers": [stroke]}, images).tolist()[:2] == [[0] * 6, [1, 1, 1, 0, 0, 0]]
    for painting in (None, {"background": None, "layers": []}):
        with pytest.raises(UserError, match="no painting yet"):
            read_painting(painting, images)
    with pytest.raises(UserError, match="differ in size"):
        read_painting({"background": stroke, "layers": [stroke[:3]]}, images)


def test_regions():
    labels = np.array([[0, 0, 1], [1, 1, 0], [0, 1, 1]])
    regions = find_regions(labels)
    assert len(np.unique(regions)) == 5
    assert regions[1, 0] == regions[2, 2]
    assert regions[0, 0] == regions[0, 1] != regions[1, 2]          # corners do not connect


def test_start_maps_are_those_of_the_built_in_corpus():
    images = ImageConfig(labels=6)
    *maps, squares = list_start_maps(images)
    for coloured, labels in zip(maps, read_label_maps(), strict=True):
        assert coloured.shape == (512, 512, 3)
        assert len(np.unique(labels)) >= 2
        opaque = np.dstack([coloured, np.full((512, 512), 255, np.uint8)])
        assert np.array_equal(read_painting({"background": opaque, "layers": []}, images)[::4, ::4], labels)
    assert len(np.unique(squares.reshape(-1, 3), axis=0)) == 6
    (only,) = list_start_maps(ImageConfig(labels=30))
    assert len(np.unique(only.reshape(-1, 3), axis=0)) == 30


def test_paintings_are_converted_at_the_size_asked_for(models):
    model = models["spade-colours"]
    assert list_sides(ImageConfig(labels=6)) == [128, 192, 256]
    assert list_sides(ImageConfig(size=[143, 200])) == [143, 214, 286]
    labels = np.arange(48).reshape(6, 8).repeat(8, axis=0).repeat(8, axis=1) % 6
    (before, after), note = convert_painting(model, paint(labels, model.config.images), Limits(), side=24)
    assert np.array_equal(before, np.array(choose_colours(model.config.images))[labels[::2, ::2]])
    assert np.array_equal(after, model.converter.convert(labels[::2, ::2]))
    assert note.startswith("32 × 24 pixels in ")
    assert note.endswith("; 48 regions.")
    with pytest.raises(UserError, match="171 × 128 pixels are too many"):
        convert_painting(model, paint(labels, model.config.images), LIMITS, side=128)


def test_styles_of_pictures(models, files, pixels):
    model = models["spade-colours"]
    assert [value for _, value in list_styles(model)] == ["usual", DRAWN, PHOTOGRAPH]
    labels = np.arange(48).reshape(6, 8).repeat(8, axis=0).repeat(8, axis=1) % 6
    painting = paint(labels, model.config.images)
    for style, options in ((5, {"style": DRAWN, "seed": 5}), (pixels, {"style": PHOTOGRAPH})):
        (_, after), _ = convert_painting(model, painting, LIMITS, 48, photograph=files["photo.png"], **options)
        assert np.array_equal(after, model.converter.convert(labels, style=style))
    with pytest.raises(UserError, match="no image yet"):
        convert_painting(model, painting, LIMITS, 48, PHOTOGRAPH)


def test_styles_of_objects(runs, files, pixels):
    (model,) = find_models([runs["pix2pixhd-colours"]])
    assert count_clusters(model) == [0] * 6                         # untrained
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(6).repeat(20)[: 5 * 20]                  # class 5 has fewer
    styles = model.converter.translator.styles
    styles.fit(torch.rand(100, 3, generator=generator), classes, torch.ones(100))
    styles.shares[5, 1:] = 0
    assert count_clusters(model) == [3, 3, 3, 3, 3, 1]
    assert [value for _, value in list_styles(model)] == ["usual", DRAWN, PHOTOGRAPH, BY_CLASS]
    labels = np.arange(48).reshape(6, 8).repeat(8, axis=0).repeat(8, axis=1) % 6
    painting, regions = paint(labels, model.config.images), find_regions(labels)
    chosen = {int(region): 2 for region in np.unique(regions[labels == 1])}
    assert len(chosen) == 8
    expected = {
        None: {},
        7: {"style": DRAWN, "seed": 7},
        "photograph": {"style": PHOTOGRAPH, "photograph": files["photo.png"]},
        "chosen": {"style": BY_CLASS, "clusters": [0, 2, 0, 0, 0, 0]},
    }
    results = []
    for style, options in expected.items():
        (_, after), _ = convert_painting(model, painting, LIMITS, 48, **options)
        given = {"photograph": pixels, "chosen": chosen}.get(style, style)
        assert np.array_equal(after, model.converter.convert(labels, instances=regions, style=given))
        results.append(after)
    assert all(not np.array_equal(results[0], other) for other in results[1:])


def test_styles_of_classes_without_instances(runs):
    (shared,) = find_models([runs["pix2pixhd-colours"]])
    values = shared.config.model_dump()
    values["images"]["instances"] = False
    model = offer(values)
    styles = model.converter.translator.styles
    styles.fit(torch.rand(60, 3), torch.arange(6).repeat(10), torch.ones(60))
    labels = np.arange(48).reshape(6, 8).repeat(8, axis=0).repeat(8, axis=1) % 6
    painting = paint(labels, model.config.images)
    (_, after), _ = convert_painting(model, painting, LIMITS, 48, BY_CLASS, clusters=[0, 0, 1, 0, 0, 2])
    assert np.array_equal(after, model.converter.convert(labels, style={2: 1, 5: 2}))


# --- examples and the page --------------------------------------------------------------------------------


def test_examples_are_from_the_right():
    examples = make_examples()
    assert [path.stem for path in examples["photographs"]] == list(PHOTOGRAPHS)
    assert [path.stem for path in examples["textures"]] == list(TEXTURES)
    for path in (*examples["photographs"], *examples["textures"]):
        whole, part = getattr(skimage.data, path.stem)(), read_image(path)
        width = whole.shape[1] - int(0.7 * whole.shape[1])
        top = max(0, whole.shape[0] - 256) // 2
        right = whole[top : top + 256, -width:]
        assert np.array_equal(part, right if right.ndim == 3 else right[..., None])
    for path in examples["small"]:
        assert np.prod(read_image(path).shape[:2]) * 4**2 < Limits().max_pixels


def test_tabs_are_those_of_the_models(models):
    def list_tabs(*names):
        with gradio.Blocks() as page:
            build_image_tab([models[name] for name in names], LIMITS)
        return [block.label for block in page.blocks.values() if isinstance(block, gradio.Tab)]

    assert list_tabs("pix2pix-drawing", "gan_postfilter-high") == []  # nothing to choose from
    assert list_tabs("spade-colours", "pix2pixhd-colours") == ["Painting"]
    assert list_tabs("srresnet-x2", "spade-colours") == ["Images", "Painting"]
