"""Pages in Chromium, opened as files: a listener plays, answers by keyboard and saves."""

import json
import os
import re
import shutil

import pytest
from listening_pages import BASELINES

from translate.jobs.listen import analyse_listening, write_listening_page

MOST = 20_000                                                       # ms that a browser waits for anything
# Players live outside of the document; this remembers those that play.
REMEMBER = """
window.players = [];
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { window.players.push(this); return play.call(this); };
"""
LAST = "window.players[window.players.length - 1]"


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on the PATH")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    options += ["--autoplay-policy=no-user-gesture-required"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture
def context(browser):
    """A visitor, who keeps what the page stores."""
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    context.set_default_timeout(MOST)
    context.add_init_script(REMEMBER)
    yield context
    context.close()


def open_page(context, folder):
    """Open index.html from the disk; the page, and the addresses that it asks for."""
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto((folder / "index.html").as_uri())
    return page, asked


def wait_until_it_plays(page):
    page.wait_for_function(f"{LAST} && ({LAST}.currentTime > 0.05 || {LAST}.ended)")
    assert page.evaluate(f"{LAST}.error") is None
    return page.evaluate(f"{LAST}.src").rpartition("/")[2]


def listen_to_all(page, keys):
    for key in keys:
        page.keyboard.press(key)
        wait_until_it_plays(page)


def save(page):
    with page.expect_download() as download:
        page.locator("#save").click()
    return download.value


def test_a_blind_test_from_start_to_table(runs, corpus, tmp_path, context):
    folder = tmp_path / "page"
    write_listening_page(runs, folder, corpus, {"blind": True, "trials": 7, "seed": 2})
    (folder / "key.json").rename(tmp_path / "key.json")             # the listener has no key
    key = json.loads((tmp_path / "key.json").read_text(encoding="utf-8"))
    page, asked = open_page(context, folder)
    page.locator("#listener").fill("anna m, 1")
    page.keyboard.press("Enter")
    heading = page.locator("h1")
    answered = {}
    for number in range(1, 6):                                      # ABX: five pairs
        assert heading.inner_text() == f"{number} of 12"
        assert page.locator("[data-value=A]").is_disabled()         # before all was heard
        page.keyboard.press("1")
        assert page.locator("#next").is_disabled()
        listen_to_all(page, "abx")
        page.keyboard.press("1" if number % 2 else "2")
        chosen = page.locator("[aria-pressed=true]")
        assert chosen.get_attribute("data-value") == ("A" if number % 2 else "B")
        answered[number] = page.evaluate("order[place].id")
        page.keyboard.press("Enter")
    page.reload()                                                   # and goes on where it was
    assert heading.inner_text() == "6 of 12"
    page.locator("#back").click()
    assert page.locator("[aria-pressed=true]").get_attribute("data-value") == "A"
    page.keyboard.press("Enter")
    for number in range(6, 13):                                     # MOS: seven systems
        assert heading.inner_text() == f"{number} of 12"
        listen_to_all(page, "sr")
        page.keyboard.press("4")                                    # naturalness
        page.keyboard.press("2")                                    # similarity
        page.keyboard.press("3")                                    # no, 3
        page.keyboard.press("Enter")
    assert heading.inner_text() == "Thank you"
    download = save(page)
    assert download.suggested_filename == f"answers-{key['page']}-anna_m_1.csv"
    download.save_as(tmp_path / "answers.csv")
    lines = (tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "page,listener,trial,test,question,answer"
    head = f"{key['page']},anna_m_1"
    assert lines[1:6] == [f"{head},{id},abx,x,{'A' if n % 2 else 'B'}" for n, id in answered.items()]
    rest = [line.split(",") for line in lines[6:]]
    assert {row[2] for row in rest} == {id for id, trial in key["trials"].items() if trial["test"] == "mos"}
    assert sorted(row[4:] for row in rest) == [["naturalness", "4"]] * 7 + [["similarity", "3"]] * 7
    assert not any(name in "\n".join(lines) for name in key["systems"])
    assert all(address.startswith(("file://", "blob:", "data:")) for address in asked)
    table = analyse_listening([tmp_path / "answers.csv"], tmp_path / "key.json")
    right = sum(key["trials"][id]["x"] == ("A" if n % 2 else "B") for n, id in answered.items())
    assert len(re.findall(r"\| +100\.0 \|", table)) == right
    assert len(re.findall(r"\| +0\.0 \|", table)) == 5 - right
    assert table.count("4.00 – 4.00") == table.count("3.00 – 3.00") == 7
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#again").click()                                  # another listener begins anew
    page.locator("#listener").fill("ben")
    page.keyboard.press("Enter")
    assert heading.inner_text() == "1 of 12"
    assert page.locator("[aria-pressed=true]").count() == 0


def test_listeners_hear_trials_in_orders_of_their_own(runs, corpus, tmp_path, context):
    write_listening_page(runs, tmp_path / "page", corpus, {"blind": True, "seed": 1})
    orders = {}
    for name in ("anna", "ben", "anna"):
        page, _ = open_page(context, tmp_path / "page")
        page.evaluate("localStorage.clear()")
        page.reload()
        page.locator("#listener").fill(name)
        page.keyboard.press("Enter")
        order = page.evaluate("order.map((trial) => trial.id)")
        assert orders.setdefault(name, order) == order
        assert page.evaluate("order.map((trial) => trial.test)") == ["abx"] * 15 + ["mos"] * 21
    assert sorted(orders["anna"]) == sorted(orders["ben"])
    assert orders["anna"] != orders["ben"]


def test_side_by_side(runs, corpus, tmp_path, context):
    write_listening_page(runs, tmp_path / "page", corpus, {"sentences": 2})
    page, asked = open_page(context, tmp_path / "page")
    assert [head.inner_text() for head in page.locator("thead th").all()][1:] == [
        f"{number} {name}" for number, name in enumerate(
            [*BASELINES, "secret-one", "secret-two", "natural target"], 1
        )
    ]  # fmt: skip
    page.locator("tbody button").first.click()
    assert wait_until_it_plays(page) == "001_01.wav"
    page.keyboard.press("4")
    assert wait_until_it_plays(page) == "001_04.wav"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert wait_until_it_plays(page) == "002_05.wav"
    assert page.locator("button.playing").count() <= 1
    assert all(address.startswith(("file://", "data:")) for address in asked)


def test_a_missing_sound_is_told(runs, corpus, tmp_path, context):
    write_listening_page(runs, tmp_path / "page", corpus, {"sentences": 1})
    shutil.rmtree(tmp_path / "page/audio")
    page, _ = open_page(context, tmp_path / "page")
    page.locator("tbody button").first.click()
    page.get_by_text("audio/001_01.wav cannot be played: keep the folder audio beside this page.").wait_for()
