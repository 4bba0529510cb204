"""The voice tab in Chromium, as a visitor uses it."""

import re

import pytest

# Players of Gradio live outside the document; this remembers those that play.
REMEMBER = """
window.players = [];
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { window.players.push(this); return play.call(this); };
"""
LAST = "window.players[window.players.length - 1]"


def take_example(page, number=0):
    page.locator("#voice-examples button").nth(number).click()
    page.locator("#voice-source").get_by_role("button", name="Play", exact=True).wait_for()


def convert(page):
    """Press the button and wait for the result."""
    page.locator("#voice-convert").click()
    page.locator("#voice-times strong").wait_for()
    page.locator("#voice-result").get_by_role("button", name="Play", exact=True).wait_for()


def give(page, path):
    page.locator("#voice-source input[type=file]").set_input_files(path)
    page.locator("#voice-source").get_by_label("Clear").wait_for()


def choose(page, name, value):
    """Open a list and take `value`; all that it offered."""
    page.locator(f"#{name} input").click()
    options = page.locator(f"#{name}").get_by_role("option")
    options.first.wait_for()
    offered = [option.get_attribute("aria-label") for option in options.all()]
    options.nth(offered.index(value)).click()
    return offered


def read_message(page):
    """The text of the message that appears."""
    toast = page.get_by_test_id("toast-body").first
    toast.wait_for()
    return toast.inner_text()


def fetch(page, name):
    return page.context.request.get(page.locator(f"#{name} a[download]").get_attribute("href")).body()


@pytest.fixture(scope="module")
def converted(module_page):
    """A page with an example and its conversion, and the addresses that it asked for."""
    page = module_page()
    page.add_init_script(REMEMBER)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    take_example(page)
    convert(page)
    return page, asked


def test_the_result_plays_and_differs(converted):
    page, _ = converted
    source, result = fetch(page, "voice-source"), fetch(page, "voice-result")
    assert source[:4] == result[:4] == b"RIFF"
    assert source[44:] != result[44:]
    page.locator("#voice-result").get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(f"{LAST} && {LAST}.currentTime > 0.2")
    assert 1.5 < page.evaluate(f"{LAST}.duration") < 4
    assert page.evaluate(f"{LAST}.error") is None


def test_figures_and_times(converted):
    page, _ = converted
    for name in ("voice-spectrograms", "voice-f0"):
        picture = page.locator(f"#{name} img")
        picture.wait_for()
        assert picture.evaluate("image => image.complete && image.naturalWidth") > 500
    spent = float(re.match(r"([\d.]+) s for [\d.]+ s of speech", page.locator("#voice-times").inner_text())[1])
    print(f"an example took {spent:.2f} s")
    assert 0 < spent < 3


def test_nothing_comes_from_elsewhere(converted, url):
    _, asked = converted
    assert len(asked) > 20
    assert [address for address in asked if not address.startswith((url, "data:", "blob:"))] == []


def test_only_directions_that_exist(open_page):
    page = open_page()
    choose(page, "voice-system", "StarGAN-VC2: ann, bob, cyd")
    page.wait_for_function("document.querySelector('#voice-from input').value == 'ann'")
    assert choose(page, "voice-from", "bob") == ["ann", "bob", "cyd"]
    page.wait_for_function("document.querySelector('#voice-to input').value == 'ann'")
    assert choose(page, "voice-to", "cyd") == ["ann", "cyd"]
    take_example(page, 1)
    convert(page)


def test_bad_files_get_a_message(open_page, files):
    page = open_page()
    for name, message in (
        ("text.wav", "text.wav: cannot be read as audio"),
        ("long.wav", "long.wav: 5.0 s; at most 4 s are converted here"),
        ("silent.wav", "silent.wav: silent"),
    ):
        give(page, files[name])
        page.locator("#voice-convert").click()
        assert message in read_message(page)
        assert page.locator("#voice-result").get_by_text("Error").filter(visible=True).count() == 0
        page.get_by_test_id("toast-close").first.click()
        page.get_by_test_id("toast-body").wait_for(state="detached")
        page.locator("#voice-source").get_by_label("Clear").click()
    give(page, files["vowel.wav"])                                  # and all goes on
    convert(page)
    page.locator("#voice-source").get_by_label("Clear").click()
    page.locator("#voice-convert").click()
    assert "no recording yet" in read_message(page)                 # what was converted before goes
    page.locator("#voice-times strong").wait_for(state="detached")
    assert page.locator("#voice-result a[download]").count() == 0
    page.locator("#voice-f0").wait_for(state="hidden")


def test_an_example_chooses_a_source_that_fits(open_page):
    page = open_page(1366, 768)
    assert page.locator("#voice-from input").input_value() == "low"
    take_example(page, 0)
    page.wait_for_function("document.querySelector('#voice-from input').value == 'high'")
    page.wait_for_function("document.querySelector('#voice-to input').value == 'low'")
    button = page.locator("#voice-convert").bounding_box()
    assert button["y"] + button["height"] < 300                     # seen without scrolling
    assert button["x"] > 1366 / 2


def test_by_keyboard(open_page):
    page = open_page()
    labels = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.evaluate("""() => {
            const e = document.activeElement;
            return [e.id, e.getAttribute('aria-label') || e.innerText];
        }""")
        labels.append(focused[1])
        if focused[1] == "female: morning":
            page.keyboard.press("Enter")
            page.locator("#voice-source").get_by_role("button", name="Play", exact=True).wait_for()
        if focused[0] == "voice-convert":
            break
    page.keyboard.press("Enter")
    page.locator("#voice-times strong").wait_for()
    order = ["female: morning", "Model", "From", "To", "range slider for Amount", "Convert"]
    assert [label for label in labels if label in order] == order


def test_recording(open_page):
    page = open_page()
    source = page.locator("#voice-source")
    source.get_by_label("Record audio").click()
    source.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(800)
    source.get_by_role("button", name="Stop", exact=True).first.click()
    source.get_by_role("button", name="Play", exact=True).wait_for()
    convert(page)
    assert fetch(page, "voice-result")[:4] == b"RIFF"


def test_on_a_phone(open_page):
    page = open_page(390, 844)
    take_example(page)
    convert(page)
    page.locator("#voice-f0 img").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("voice-source", "voice-system", "voice-amount", "voice-convert", "voice-result", "voice-f0"):
        box = page.locator(f"#{name}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
