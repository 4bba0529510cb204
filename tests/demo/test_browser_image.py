"""The image tab in Chromium, as a visitor uses it."""

import io

import numpy as np
import pytest
from PIL import Image

from translate.images.arrays import read_image

PALETTE = [(20, 20, 60), (80, 120, 40), (140, 90, 60), (120, 160, 220), (230, 220, 200), (250, 60, 60)]
RED = PALETTE[-1]                                                   # in the middle of the right of the start map
CUT = "element => parseFloat(element.style.clipPath.match(/([\\d.]+)%\\)/)[1])"  # %: where the slider is


def choose(page, kind, title):
    """Take a model from the list."""
    page.locator(f"#{kind}-system input").click()
    page.get_by_role("option", name=title).click()
    page.wait_for_function(f"document.querySelector('#{kind}-system input').value.startsWith('{title}')")


def give(page, path):
    page.locator("#picture-upload input[type=file]").set_input_files(path)
    page.locator("#picture-upload").get_by_label("Remove Image").wait_for()


def fetch(page, place):
    """The pictures of a slider, before and after: arrays."""
    page.locator(f"#{place} img").last.wait_for()
    pictures = []
    for picture in page.locator(f"#{place} img").all():
        content = page.context.request.get(picture.get_attribute("src")).body()
        pictures.append(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
    return pictures


def read_message(page):
    toast = page.get_by_test_id("toast-body").first
    toast.wait_for()
    text = toast.inner_text()
    page.get_by_test_id("toast-close").first.click()
    toast.wait_for(state="detached")
    return text


@pytest.fixture(scope="module")
def page(module_page):
    return module_page(tab="Image")


def test_an_upload_is_translated_and_the_slider_moves(page, files, models):
    choose(page, "picture", "pix2pix")
    give(page, files["photo.png"])
    page.locator("#picture-size input").uncheck()                   # as it is
    page.locator("#picture-convert").click()
    page.locator("#picture-note", has_text="64 × 48 pixels in").wait_for()
    before, after = fetch(page, "picture-result")
    assert np.array_equal(before, read_image(files["photo.png"]))
    assert np.array_equal(after, models["pix2pix-drawing"].converter.convert(before))
    picture, handle = page.locator("#picture-result img").last, page.locator("#picture-result").get_by_test_id("slider")
    assert picture.evaluate(CUT) == pytest.approx(50)
    box = handle.locator(".icon-wrap").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1], steps=5)
    page.mouse.up()
    assert picture.evaluate(CUT) > 55


def test_an_example_in_all_domains(page):
    choose(page, "picture", "StarGAN")
    page.locator("#picture-all").wait_for()
    page.locator("#examples-photographs button").nth(1).click()
    page.wait_for_function("document.querySelector('#picture-upload img').src.includes('chelsea')")
    page.locator("#picture-all").click()
    page.locator("#picture-note", has_text="3 translations").wait_for()
    captions = page.locator("#picture-gallery .caption-label")
    captions.nth(3).wait_for()
    assert captions.all_inner_texts() == ["as it is", "brick", "grass", "gravel"]
    pictures = fetch(page, "picture-gallery")
    assert {picture.shape for picture in pictures} == {(60, 32, 3)}  # short side as in training
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_bad_files_get_a_message(page, files, tmp_path, capfd):
    choose(page, "picture", "SRResNet")
    large = tmp_path / "large.png"
    Image.new("RGB", (300, 300)).save(large)
    for path, message in (
        (files["text.png"], "text.png: cannot be read as an image"),
        (large, "large.png: is 300 × 300 pixels; ×2 takes up to 256 × 256 here"),
    ):
        page.locator("#picture-upload").get_by_label("Remove Image").click()
        page.locator("#picture-convert").click()
        assert "no image yet" in read_message(page)
        give(page, path)
        page.locator("#picture-convert").click()
        text = read_message(page)
        assert message in text
        assert "/tmp" not in text
    assert "Traceback" not in "".join(capfd.readouterr())           # nor in the server's log


def test_strokes_reach_the_network(page):
    page.get_by_role("tab", name="Painting").click()
    choose(page, "painting", "SPADE")
    editor = page.locator("#painting-editor")
    canvas = editor.locator("canvas").first
    canvas.wait_for()
    editor.get_by_label("Brush", exact=True).click()
    editor.get_by_label("Color", exact=True).click()
    editor.locator(f"button[style*='rgb{RED}']").click()
    page.keyboard.press("Escape")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.4, steps=2)
    page.mouse.up()
    page.locator("#painting-convert").click()
    page.locator("#painting-note", has_text="pixels in").wait_for()
    before, after = fetch(page, "painting-result")
    assert before.shape == after.shape
    colours, counts = np.unique(before.reshape(-1, 3), axis=0, return_counts=True)
    areas = dict(zip(map(tuple, colours.tolist()), counts / before[..., 0].size, strict=True))
    assert set(areas) == set(map(tuple, PALETTE))                   # no colour in between
    assert areas[RED] > 1.2 / 9                                     # the square of the start map, and the stroke


def test_on_a_phone_and_by_keyboard(open_page, files):
    page = open_page(width=390, height=844, tab="Image")
    give(page, files["photo.png"])
    page.locator("#picture-system input").focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "picture-convert":
            break
    page.keyboard.press("Enter")
    page.locator("#picture-note", has_text="381 × 286 pixels in").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("tab", name="Painting").click()
    page.locator("#painting-editor canvas").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
