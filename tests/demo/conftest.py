"""Small untrained models, one server of the demo and one browser for all tests of it."""

import os
import shutil

import numpy as np
import pytest
import torch
from tiny_runs import configure

from translate.checkpoints.store import save_checkpoint
from translate.config import WorldConfig
from translate.images.arrays import write_image
from translate.speech.analysis.statistics import Statistics, pack_statistics
from translate.speech.analysis.wave import write_wave
from translate.speech.analysis.world import World

pytest.importorskip("gradio")

from translate.demo.app import build_app, serve
from translate.demo.limits import Limits
from translate.demo.models import find_models

RATE = 16000
WORLD = {"sample_rate": RATE, "f0": "dio", "codec": "sptk", "dimensions": 25}
PALETTE = [[20, 20, 60], [80, 120, 40], [140, 90, 60], [120, 160, 220], [230, 220, 200], [250, 60, 60]]
VOICES = {                                                          # model, domains, features
    "cyclegan_vc2-low-high": ("cyclegan_vc2", ["low", "high"], WORLD),
    "stargan_vc2-three": ("stargan_vc2", ["ann", "bob", "cyd"], WORLD),
    "wavecyclegan2-any": ("wavecyclegan2", ["synthetic", "natural"], {"sample_rate": RATE}),
    "gan_postfilter-high": ("gan_postfilter", ["synthetic", "natural"], WORLD),
}  # fmt: skip
COLOURS = {"labels": 6, "palette": PALETTE}
PICTURES = {                                                        # model, domains, what else is not as in tests
    "pix2pix-drawing": ("pix2pix", ["photo", "drawing"], {}),
    "cyclegan-textures": ("cyclegan", ["brick", "grass"], {}),
    "stargan-textures": ("stargan", ["brick", "grass", "gravel"], {
        "network": {"exclusive": True}, "images": {"size": 32},
    }),
    "srresnet-x2": ("srresnet", ["low", "high"], {"images": {"scale": 2}}),
    "spade-colours": ("spade", ["label", "photo"], {"images": COLOURS}),
    "pix2pixhd-colours": ("pix2pixhd", ["label", "photo"], {
        "images": {**COLOURS, "instances": True}, "network": {"clusters": 3},
    }),
}  # fmt: skip
SMALL_LIMITS = Limits(max_seconds=4.0, max_pixels=512 * 512, max_bytes=400_000)
MOST = 30_000                                                       # ms that a browser waits for anything


@pytest.fixture(scope="session")
def vowel():
    """Two seconds (32000,) of a vowel around 120 Hz."""
    time = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 2 * time)) / RATE
    return 0.1 * sum(np.sin(k * phase + k) / k for k in range(1, 40))


@pytest.fixture(scope="session")
def runs(tmp_path_factory, vowel):
    """An untrained checkpoint of each model, {name: folder}, voices first; voices with the statistics of `vowel`."""
    torch.manual_seed(0)
    frames, _ = World(WorldConfig(**WORLD)).analyse_frames(vowel[:RATE])
    sizes = {25: (frames.mean(axis=0), frames.std(axis=0)), 1: (np.zeros(1), np.ones(1))}
    folder = tmp_path_factory.mktemp("offered")
    for name, (model, domains, features) in VOICES.items():
        config = configure(model, data={"domains": domains}, features=features)
        pitch = dict(zip(domains, (4.8, 5.4, 5.1), strict=False))
        statistics = {d: Statistics(*sizes[config.features.frame_size], p, 0.2, 10, 10) for d, p in pitch.items()}
        _save(folder / name, config, pack_statistics(statistics))
    for name, (model, domains, more) in PICTURES.items():
        _save(folder / name, configure(model, more, data={"domains": domains}), {})
    return {name: folder / name for name in [*VOICES, *PICTURES]}


def _save(folder, config, statistics):
    save_checkpoint(folder, 1, config, config.build().state_dict(), {}, statistics, {}, keep=1)


@pytest.fixture(scope="session")
def models(runs):
    """{name: model} of `runs`."""
    return {model.name: model for model in find_models(list(runs.values()))}


@pytest.fixture(scope="session")
def files(tmp_path_factory, vowel):
    """Uploads, good and bad, by name."""
    folder = tmp_path_factory.mktemp("uploads")
    generator = np.random.default_rng(0)
    write_wave(folder / "vowel.wav", vowel[:RATE], RATE)
    write_wave(folder / "higher.wav", vowel[:RATE:2], RATE)
    write_wave(folder / "long.wav", np.tile(vowel, 5)[: 5 * RATE], RATE)
    write_wave(folder / "silent.wav", np.zeros(RATE), RATE)
    write_image(folder / "photo.png", generator.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    for name in ("text.wav", "text.png"):
        (folder / name).write_text("This is no recording and no picture either.\n" * 20)
    for name in ("empty.wav", "empty.png"):
        (folder / name).write_bytes(b"")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="package")
def url(runs):
    """The address of the demo with every small model."""
    app = build_app(list(runs.values()), SMALL_LIMITS)
    yield serve(app, SMALL_LIMITS, port=0, wait=False)
    app.close()


@pytest.fixture(scope="package")
def browser():
    """Chromium without a window; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on the PATH")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    options += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


def _open_pages(browser, url):
    contexts = []

    def open_page(width=1280, height=900, tab="Voice"):
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        context.set_default_timeout(MOST)
        page = context.new_page()
        page.goto(url)
        page.get_by_role("tab", name=tab).click()
        return page

    yield open_page
    for context in contexts:
        context.close()


# A function that opens the demo like a new visitor: of `width` by `height` pixels, at the tab "Voice" or "Image".
open_page = pytest.fixture(_open_pages)
module_page = pytest.fixture(scope="module")(_open_pages)           # the same, for pages that several tests look at
