"""docs/demo.png: the demo with the models of pretrained/, seen in Chromium: python docs/draw_demo.py [CHROMIUM]."""

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from translate.checkpoints.pretrained import list_pretrained
from translate.demo.app import build_app, serve
from translate.demo.limits import Limits
from translate.images.decoding import open_picture

HERE = Path(__file__).parent
SIZE = {"width": 1100, "height": 1000}                              # pixels of a page
SHARE = 0.8                                                         # of their size in the picture


def convert_voice(page: Page) -> None:
    page.locator("#voice-examples button").first.click()
    page.locator("#voice-source").get_by_role("button", name="Play", exact=True).wait_for()
    page.locator("#voice-convert").click()
    page.locator("#voice-result").get_by_role("button", name="Play", exact=True).wait_for(timeout=60_000)


def convert_map(page: Page) -> None:
    page.get_by_role("tab", name="Image").click()
    page.get_by_role("tab", name="Painting").click()
    page.locator("#painting-editor canvas").first.wait_for()
    page.locator("#painting-convert").click()
    page.locator("#painting-note", has_text="pixels in").wait_for(timeout=60_000)


def main(chromium: str) -> None:
    app = build_app(list(list_pretrained().values()))
    address = serve(app, Limits(), port=0, wait=False)
    shots = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for number, act in enumerate((convert_voice, convert_map)):
            page = browser.new_page(viewport=SIZE)
            page.goto(address)
            act(page)
            page.wait_for_timeout(3_000)                            # until pictures and waves are drawn
            path = Path(folder) / f"{number}.png"
            page.screenshot(path=path)
            shots.append(open_picture(path).convert("RGB"))
        browser.close()
    app.close()
    joined = Image.new("RGB", (sum(shot.width for shot in shots), SIZE["height"]), "white")
    for number, shot in enumerate(shots):
        joined.paste(shot, (number * SIZE["width"], 0))
    joined = joined.resize((round(SHARE * joined.width), round(SHARE * joined.height)), Image.Resampling.LANCZOS)
    joined.quantize(200).save(HERE / "demo.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium") or "chromium")
