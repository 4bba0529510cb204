"""Pictures come back as they were written, in every depth, channel count and orientation."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from translate.config import ImageConfig
from translate.errors import UserError
from translate.images import arrays as images

RANDOM = np.random.default_rng(0)


def noise(*shape, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def write_deep_png(path, array):
    """A 16-bit PNG of (H, W, C), after the specification."""
    height, width, channels = array.shape
    rows = np.frombuffer(array.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    packed = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_eight_bits_survive_a_file(tmp_path, channels):
    array = noise(5, 7, channels)
    images.write_image(tmp_path / "new" / "a.png", array)
    again = images.read_image(tmp_path / "new" / "a.png")
    assert again.dtype == np.uint8
    assert np.array_equal(again, array)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_are_read_whole(tmp_path, channels):
    array = noise(9, 6, channels, dtype=np.uint16)
    write_deep_png(tmp_path / "a.png", array)
    again = images.read_image(tmp_path / "a.png")
    assert again.dtype == np.uint16
    assert np.array_equal(again, array)


def test_sixteen_bit_tiff_colours(tmp_path):
    import tifffile

    array = noise(9, 6, 3, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb")
    assert np.array_equal(images.read_image(tmp_path / "a.tif"), array)


def test_sixteen_bit_maps_survive_a_file(tmp_path):
    labels = np.array([[0, 26001], [65535, 33]])
    images.write_image(tmp_path / "a.png", labels)
    assert np.array_equal(images.read_labels(tmp_path / "a.png"), labels)
    with pytest.raises(UserError, match=r"a.jpg: JPEG has no 16 bits; give the file the suffix .png"):
        images.write_image(tmp_path / "a.jpg", labels)
    with pytest.raises(UserError, match=r"pictures with several channels are written with 8 bits"):
        images.write_image(tmp_path / "a.png", noise(4, 4, 3, dtype=np.uint16))
    with pytest.raises(UserError, match=r"a.xyz: no picture format"):
        images.write_image(tmp_path / "a.xyz", labels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations_are_turned_upright(tmp_path, orientation):
    picture = Image.fromarray(noise(6, 9, 3))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as written:
        expected = np.asarray(ImageOps.exif_transpose(written))
    assert np.array_equal(images.read_image(tmp_path / "a.png"), expected)


def test_palettes_are_colours_in_pictures_and_numbers_in_label_maps(tmp_path):
    indices = noise(4, 5) % 3
    picture = Image.fromarray(indices, "P")
    colours = [[10, 20, 30], [200, 100, 0], [0, 0, 255]]
    picture.putpalette(np.array(colours).ravel().tolist())
    picture.save(tmp_path / "a.png")
    assert np.array_equal(images.read_image(tmp_path / "a.png"), np.array(colours, np.uint8)[indices])
    assert np.array_equal(images.read_labels(tmp_path / "a.png"), indices)
    reverse = images.read_labels(tmp_path / "a.png", colours[::-1])
    assert np.array_equal(reverse, 2 - indices)


def test_black_and_white_and_cmyk(tmp_path):
    bits = noise(4, 5) % 2 == 0
    Image.fromarray(bits).save(tmp_path / "a.png")
    assert np.array_equal(images.read_image(tmp_path / "a.png")[..., 0], bits * np.uint8(255))
    Image.new("CMYK", (3, 2)).save(tmp_path / "a.jpg")
    assert images.read_image(tmp_path / "a.jpg").shape == (2, 3, 3)


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"a.png: cannot read as a picture \(cannot identify image file\)$"):
        images.read_image(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"b.png: no such picture"):
        images.read_image(tmp_path / "b.png")
    buffer = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue()[:3000])
    with pytest.raises(UserError, match=r"a.png: cannot read as a picture"):
        images.read_image(tmp_path / "a.png")
    Image.new("F", (3, 2)).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"a.tif: samples of kind float32; expected a picture of 8 or 16 bits"):
        images.read_image(tmp_path / "a.tif")


def test_halves_of_two_pictures_side_by_side(tmp_path):
    array = noise(4, 10, 3)
    images.write_image(tmp_path / "a.png", array)
    left, right = (images.read_image(tmp_path / "a.png", part) for part in ("left", "right"))
    assert np.array_equal(np.concatenate([left, right], axis=1), array)
    assert left.shape == (4, 5, 3)
    images.write_image(tmp_path / "a.png", array[:, 1:])
    with pytest.raises(UserError, match=r"a.png: 9 pixels wide; two pictures side by side need an even width"):
        images.read_image(tmp_path / "a.png", "left")


def test_floats_and_samples():
    every = np.arange(256, dtype=np.uint8)[None, :, None]
    floats = images.to_float(every)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (-1, 1)
    assert np.array_equal(images.to_uint8(floats), every)
    assert images.to_float(np.array([0, 65535], np.uint16)).tolist() == [-1, 1]
    assert images.to_uint8(np.array([0, 257 * 7, 65535], np.uint16)).tolist() == [0, 7, 255]
    assert images.to_uint8(np.array([-3.0, 3.0])).tolist() == [0, 255]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("wanted", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_channels(channels, wanted, dtype):
    opaque = 1 if dtype == np.float32 else np.iinfo(dtype).max
    array = RANDOM.uniform(0, opaque, (3, 4, channels)).astype(dtype)
    converted = images.convert_channels(array, wanted)
    assert converted.shape == (3, 4, wanted)
    assert converted.dtype == dtype
    if wanted in (2, 4):
        expected = array[..., -1] if channels in (2, 4) else opaque
        assert (converted[..., -1] == expected).all()
    if wanted > 2 and channels > 2:
        assert np.array_equal(converted[..., :3], array[..., :3])
    if wanted > 2 and channels < 3:
        assert (converted[..., :3] == array[..., :1]).all()
    if wanted < 3 and channels > 2 and dtype == np.uint8:
        pillow = np.asarray(Image.fromarray(array[..., :3]).convert("L"))
        assert np.abs(converted[..., 0].astype(int) - pillow).max() <= 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_resizing_keeps_kind_and_content(channels):
    ramp = np.linspace(20, 220, 40)[:, None, None] * np.ones((40, 60, channels))
    for array in (ramp.astype(np.uint8), (ramp * 257).astype(np.uint16), ramp.astype(np.float32) / 127.5 - 1):
        small = images.resize(array, 20)
        assert small.shape == (20, 30, channels)
        assert small.dtype == array.dtype
        wanted = images.to_float(array).reshape(20, 2, 30, 2, channels).mean(axis=(1, 3))
        assert np.abs(images.to_float(small) - wanted)[2:-2].max() < 0.02
    assert images.resize(ramp.astype(np.uint8), (7, 9)).shape == (7, 9, channels)
    assert images.find_size((100, 50), 286) == (572, 286)


def test_label_maps_are_resized_without_new_classes():
    labels = np.array([[0, 7], [26001, 3]], np.int32)
    large = images.resize_labels(labels, 6)
    assert np.array_equal(large, labels.repeat(3, 0).repeat(3, 1))
    assert np.array_equal(images.resize_labels(large, (2, 2)), labels)


def test_colours_snap_to_the_nearest(tmp_path):
    palette = [[0, 0, 170], [255, 0, 0], [0, 255, 255]]
    labels = (noise(4, 4) % 3).astype(np.int32)
    blocks = labels.repeat(8, 0).repeat(8, 1)
    clean = np.array(palette, np.uint8)[blocks]
    assert np.array_equal(images.snap_colours(clean, palette), blocks)
    noisy = np.clip(clean.astype(int) + RANDOM.integers(-60, 61, clean.shape), 0, 255).astype(np.uint8)
    assert np.array_equal(images.snap_colours(noisy, palette), blocks)
    images.write_image(tmp_path / "a.jpg", clean)
    assert np.array_equal(images.read_labels(tmp_path / "a.jpg", palette), blocks)
    with pytest.raises(UserError, match=r"a.jpg: a coloured label map; list the colours"):
        images.read_labels(tmp_path / "a.jpg")


def test_boundaries_lie_on_both_sides():
    instances = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 1, 1]])
    assert images.find_boundaries(instances).astype(int).tolist() == [[0, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]


def test_label_planes():
    labels = np.array([[0, 1], [2, 255]])
    config = ImageConfig(labels=3, unknown=255, instances=True)
    planes = images.encode_labels(labels, config, np.array([[5, 5], [5, 9]]))
    assert planes.dtype == np.float32
    assert planes.shape == (config.source_planes, 2, 2)
    assert (planes[:4].argmax(axis=0) == [[0, 1], [2, 3]]).all()
    assert (planes[:4].sum(axis=0) == 1).all()
    assert planes[4].tolist() == [[0, 1], [1, 1]]
    # An unknown value below the number of classes is no class.
    planes = images.encode_labels(np.array([[0, 1]]), ImageConfig(labels=2, unknown=0))
    assert planes[:, 0].T.tolist() == [[0, 0, 1], [0, 1, 0]]


def test_label_planes_that_cannot_be():
    labels = np.array([[0, 1], [2, 255]])
    with pytest.raises(UserError, match=r"^a.png: label 255 is out of range; expected 0 to 2: "):
        images.encode_labels(labels, ImageConfig(labels=3), where="a.png")
    with pytest.raises(UserError, match=r"a.png: label 2 is out of range; expected 0 to 1 or 255 \(images.unknown\)"):
        images.encode_labels(labels, ImageConfig(labels=2, unknown=255), where="a.png")
    config = ImageConfig(labels=3, unknown=255, instances=True)
    with pytest.raises(UserError, match=r"needs an instance map"):
        images.encode_labels(labels, config)
    with pytest.raises(UserError, match=r"is 2 x 2, its instance map 3 x 2"):
        images.encode_labels(labels, config, np.zeros((2, 3), int))


def test_real_label_and_instance_maps(real_data):
    folder = real_data / "cityscapes"
    labels = images.read_labels(sorted((folder / "train_label").iterdir())[0])
    instances = images.read_labels(sorted((folder / "train_inst").iterdir())[0])
    assert instances.max() == 33001
    assert labels.max() == 33
    things = instances >= 1000
    assert np.array_equal(instances[things] // 1000, labels[things])
    small = images.resize_labels(labels, 128)
    assert images.encode_labels(small, ImageConfig(labels=34)).sum(axis=0).min() == 1
