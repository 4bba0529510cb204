"""Conversion of pictures of every kind by stand-ins and by small untrained models."""

import logging

import numpy as np
import pytest
import torch
from bare_models import BareImages
from PIL import Image
from tiny_runs import configure
from torch import nn
from torch.nn import functional

from translate.config import DataConfig, ImageConfig, Section
from translate.corpus.directions import Directions
from translate.errors import UserError
from translate.games.base import Translator
from translate.games.star import StarGame
from translate.images.arrays import read_image
from translate.images.conversion import converter as module
from translate.images.conversion.converter import ImageConverter
from translate.losses.judgement import Judgement
from translate.models import list_models


class StandIn(Translator):
    """Any map in place of the networks; remembers what it was asked."""

    def __init__(self, function):
        super().__init__({"generator": nn.ModuleDict()}, {})
        self.function, self.calls = function, []

    def training_step(self, batch, step):
        yield from ()  # it is never trained

    def translate(self, x, source, target, instances=None, style=None):
        self.calls.append({"x": x, "source": source, "target": target, "instances": instances, "style": style})
        return self.function(x)


class Plain(StandIn):
    def translate(self, x, source, target, **condition):
        return self.function(x)


def make(function=lambda x: -x, batches="paired", domains=("a", "b"), kind=StandIn, **images):
    config = BareImages(data=DataConfig(domains=list(domains), batches=batches), images=ImageConfig(**images))
    return ImageConverter(kind(function), config, torch.device("cpu"))


@pytest.fixture(scope="module")
def colours():
    return np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8)


# --- kinds of pictures ------------------------------------------------------------------------------------


def test_every_kind_comes_back_as_it_came(colours):
    converter = make()
    negative = 255 - colours
    assert np.array_equal(converter.convert(colours), negative)
    picture = converter.convert(Image.fromarray(colours))
    assert isinstance(picture, Image.Image)
    assert np.array_equal(np.asarray(picture), negative)
    deep = converter.convert(colours.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert np.abs(deep.astype(int) - negative.astype(int) * 257).max() <= 1
    floats = (np.moveaxis(colours, 2, 0) / 127.5 - 1).astype(np.float32)
    np.testing.assert_allclose(converter.convert(floats), -floats, atol=1e-6)
    batch = torch.from_numpy(floats)[None].repeat(3, 1, 1, 1)
    converted = converter.convert(batch)
    assert isinstance(converted, torch.Tensor)
    torch.testing.assert_close(converted, -batch)
    assert converter.convert(batch[0]).shape == batch[0].shape


def test_channels_become_those_of_the_model(colours):
    gray = make(lambda x: x, source_channels=1, target_channels=1)
    assert gray.convert(colours).shape == colours.shape[:2]
    assert gray.convert(colours[..., 0]).tolist() == colours[..., 0].tolist()
    assert gray.convert(np.zeros((2, 3, 9, 9), np.float32)).shape == (2, 1, 9, 9)
    assert gray.convert(Image.fromarray(colours)).mode == "L"
    converter = make(lambda x: x)
    transparent = np.concatenate([colours, colours[..., :1]], axis=2)
    assert np.array_equal(converter.convert(transparent), colours)
    palette = Image.fromarray(colours).quantize(8)
    assert np.array_equal(np.asarray(converter.convert(palette)), np.asarray(palette.convert("RGB")))
    for mode in ("L", "1", "CMYK", "LA", "RGBA", "I;16"):
        given = Image.new(mode, (12, 10)) if mode == "I;16" else Image.fromarray(colours).convert(mode)
        assert converter.convert(given).mode == "RGB"


def test_photographs_are_turned_as_exif_says(colours, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colours).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as picture:
        converted = make(lambda x: x).convert(picture)
    assert np.array_equal(np.asarray(converted), np.rot90(colours, -1))


def test_super_resolution_sees_zero_to_one(colours):
    converter = make(lambda x: functional.interpolate(x, scale_factor=4.0) * 2 - 1, scale=4)
    assert np.array_equal(converter.convert(colours), colours.repeat(4, axis=0).repeat(4, axis=1))
    assert converter.translator.calls[0]["x"].min() == 0
    assert converter.convert(colours, tile=16, overlap=2).shape == (80, 124, 3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 4, 3), np.uint8), "holds no pixel"),
        (np.zeros((3, 8, 8), np.float32) + np.nan, "NaN or infinite"),
        (np.full((3, 8, 8), 200.0), r"values reach 200; expected floats in \[-1, 1\]"),
        (np.zeros((8, 8, 3), np.float32), r"expected floats \(C, H, W\)"),
        (np.zeros((8, 8, 3), np.int64), "expected uint8 or uint16"),
        (np.zeros((8, 8, 5), np.uint8), "up to 4 channels"),
    ],
)
def test_bad_pictures(image, message):
    with pytest.raises(UserError, match=f"^photo.png: .*{message}"):
        make().convert(image, name="photo.png")


# --- label maps -------------------------------------------------------------------------------------------


def test_label_maps(colours):
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3).repeat(8, axis=0).repeat(8, axis=1) % 4
    labels[0, 0] = 255
    instances = np.zeros((16, 24), np.int32)
    instances[:, 12:] = 26001
    converter = make(lambda x: x[:, :3] * 2 - 1, labels=4, unknown=255, instances=True)
    output = converter.convert(labels, instances=instances)
    assert output.shape == (16, 24, 3)
    assert output.dtype == np.uint8
    assert np.array_equal(output, 255 * (labels[..., None] == np.arange(3)))
    call = converter.translator.calls[0]
    assert call["x"].shape == (1, 6, 16, 24)
    assert call["instances"].shape == (1, 1, 16, 24)
    assert set(call["instances"].unique().tolist()) == {0.0, 26001.0}
    assert np.array_equal(converter.convert(labels.astype(np.uint16), instances=instances), output)
    tiled = converter.convert(labels, instances=instances, tile=13, overlap=2)
    assert np.array_equal(tiled, output)
    parts = converter.translator.calls[2:]
    assert len(parts) > 1
    assert all(part["instances"].shape[2:] == part["x"].shape[2:] for part in parts)
    with pytest.raises(UserError, match=r"map.png: label 4 is out of range"):
        converter.convert(0 * labels + 4, instances=instances, name="map.png")
    with pytest.raises(UserError, match=r"map.png: .*instance map"):
        converter.convert(labels, name="map.png")
    with pytest.raises(UserError, match="takes label maps"):
        converter.convert(colours)


def test_coloured_label_maps_and_palettes():
    palette = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]
    labels = np.arange(64).reshape(8, 8) % 3
    converter = make(lambda x: x * 2 - 1, labels=3, palette=palette)
    expected = converter.convert(labels)
    blurred = (np.array(palette)[labels] * 0.9 + 5).astype(np.uint8)
    assert np.array_equal(converter.convert(blurred), expected)
    indexed = Image.fromarray(labels.astype(np.uint8), "L")
    indexed.putpalette([level for colour in palette for level in colour])
    assert np.array_equal(np.asarray(converter.convert(indexed)), expected)


# --- directions -------------------------------------------------------------------------------------------


def test_names():
    paired, unpaired = make(), make(batches="unpaired")
    assert paired.name_domains(None, None) == paired.name_domains("a", "b") == ("a", "b")
    assert unpaired.name_domains("b", None) == unpaired.name_domains(None, "a") == ("b", "a")
    assert paired.directions == [("a", "b")]
    assert unpaired.directions == [("a", "b"), ("b", "a")]
    for converter, names, message in (
        (paired, ("b", "a"), "translates a to b only"),
        (paired, ("c", None), "unknown domain `c`; this model knows a, b"),
        (unpaired, (None, None), r"name the target domain \(--to, or target=\.\.\.\); this model knows a, b"),
        (unpaired, ("a", "a"), "both `a`"),
    ):
        with pytest.raises(UserError, match=message):
            converter.name_domains(*names)
    with pytest.raises(UserError, match="grid needs a model of many domains"):
        paired.grid(np.zeros((8, 8, 3), np.uint8))


class Painter(nn.Module):
    """Fills the picture with its vector."""

    def forward(self, x, vector):
        return vector[:, :3, None, None].expand_as(x) * 2 - 1


class Judge(nn.Module):
    def forward(self, x):
        return Judgement([x], [[x]], classes=x.mean(dim=(2, 3)))


class Kind(Section):
    exclusive: bool


def make_star(exclusive, groups=()):
    domains = ["red", "green", "blue"]
    star = StarGame(domains, Painter(), Judge(), {}, exclusive, exclusive_groups=groups)
    network = Kind(exclusive=exclusive)
    config = BareImages(network=network, data=DataConfig(domains=domains, batches="labelled"))
    return ImageConverter(star, config, torch.device("cpu"))


def test_many_domains(colours):
    converter = make_star(exclusive=True)
    assert converter.between.by_source()["red"] == ["green", "blue"]
    assert converter.convert(colours, None, "green")[0, 0].tolist() == [0, 255, 0]
    grid = converter.grid(Image.fromarray(colours))
    assert grid.size == (4 * 31 + 3 * 4, 20)
    assert np.array_equal(np.asarray(grid)[:, :31], colours)
    assert [grid.getpixel((35 * column + 10, 5)) for column in (1, 2, 3)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    for target, message in (("gren", "did you mean `green`"), (None, "name the target domain")):
        with pytest.raises(UserError, match=message):
            converter.convert(colours, "red", target)


def test_attributes(colours):
    converter = make_star(exclusive=False, groups=[["red", "green"]])
    assert converter.directions == [("all", "red"), ("all", "green"), ("all", "blue")]

    def paint(target, **attributes):
        return (converter.convert(colours, "all", target, attributes=attributes or None)[0, 0] // 255).tolist()

    assert paint("red+blue") == [1, 0, 1]
    assert paint("red", blue=1) == [1, 0, 1]                        # what is not asked for stays
    assert paint("red", green=1) == [1, 0, 0]                       # but for the others of its group
    assert paint("blue", blue=1) == [0, 0, 1]                       # and what is there already
    assert paint("blue+green", red=1, blue=0) == [0, 1, 1]


# --- size, repetition, style ------------------------------------------------------------------------------


def test_large_pictures_are_tiled_with_one_line(colours, monkeypatch, caplog):
    monkeypatch.setattr(module, "MOST_PIXELS", 20 * 31)
    monkeypatch.setattr(module, "TILE", 16)
    converter = make()
    with caplog.at_level(logging.INFO, "translate"):
        converter.convert(colours)
        assert not caplog.records
        converter.convert(np.concatenate([colours, colours]), overlap=4)
    assert [record.getMessage() for record in caplog.records] == ["31 x 40 pixels: converted in tiles of 16"]
    assert max(call["x"].shape[2] for call in converter.translator.calls[1:]) == 16


def test_noise_repeats_and_leaves_the_generator_alone(colours):
    converter = make(lambda x: functional.dropout(x, 0.5, training=True).clamp(-1, 1))
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first, second = converter.convert(colours), converter.convert(colours)
    assert np.array_equal(first, second)
    assert (first == 128).mean() > 0.3
    assert torch.equal(torch.rand(2), expected)


def test_styles(colours):
    converter = make()
    for style in (7, {3: 1}, colours, Image.fromarray(colours), np.zeros(256), torch.zeros(2, 256)):
        converter.convert(colours, style=style)
    styles = [call["style"] for call in converter.translator.calls]
    assert styles[:2] == [7, {3: 1}]
    assert [tuple(style.shape) for style in styles[2:]] == [(1, 3, 20, 31), (1, 3, 20, 31), (1, 256), (2, 256)]
    assert torch.equal(styles[2], styles[3])
    with pytest.raises(UserError, match="style: this model takes none"):
        make(kind=Plain).convert(colours, style=7)


def test_output_files(colours, tmp_path):
    converter = make(lambda x: x)
    for number, picture in enumerate((colours, Image.fromarray(colours), colours.astype(np.uint16) * 257)):
        path = tmp_path / f"{number}.png"
        converter.write_output(path, converter.convert(picture))
        assert np.array_equal(read_image(path), colours)
    floats = torch.from_numpy(np.moveaxis(colours, 2, 0) / 127.5 - 1).float()
    converter.write_output(tmp_path / "floats.png", converter.convert(floats))
    assert np.array_equal(read_image(tmp_path / "floats.png"), colours)


PICTURES = [
    name
    for name, model in list_models().items()
    if model.modality == "images" and model.translates and not configure(name).images.labels
]  # fmt: skip


@pytest.mark.parametrize("model", PICTURES)
@pytest.mark.parametrize("shape", [(40, 56), (33, 61)])
def test_models(model, shape):
    config = configure(model)
    source, target = Directions.of(config).pairs[0]
    torch.manual_seed(0)
    converter = ImageConverter(config.build(), config, torch.device("cpu"))
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    scale = config.images.scale
    output = converter.convert(picture, source, target)
    assert output.shape == (shape[0] * scale, shape[1] * scale, 3)
    assert np.array_equal(output, converter.convert(picture, source, target))


def test_srresnet_in_tiles_equals_the_whole():
    config = configure("srresnet", network={"blocks": 2})
    torch.manual_seed(0)
    converter = ImageConverter(config.build(), config, torch.device("cpu"))
    picture = np.random.default_rng(0).random((3, 70, 90), dtype=np.float32)
    whole = converter.convert(picture)
    np.testing.assert_allclose(converter.convert(picture, tile=56, overlap=16), whole, atol=1e-5)
