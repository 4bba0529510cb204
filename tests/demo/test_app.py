"""The demo as a server: what it offers, what it keeps to itself, and its command."""

import json
import os
import socket
import stat
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio
import pytest

from translate.cli import main
from translate.demo.app import EXAMPLES, build_app, serve
from translate.demo.limits import QUEUE, Limits
from translate.demo.uploads import hold_uploads
from translate.errors import UserError

from .guest import API, Guest, as_file


def ask(address, data=None):
    """(status, body, content type) of a request of somebody without a cookie."""
    request = urllib.request.Request(address, data)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read(), response.headers.get("content-type", "")
    except urllib.error.HTTPError as error:
        return error.code, error.read(), ""


def test_conversion_over_http(url, files):
    guest = Guest(url)
    status, (path,) = guest.upload(files["vowel.wav"])
    assert status == 200
    event = guest.convert_voice(as_file(path))
    assert event["success"], event
    wave, times, *figures = event["output"]["data"]
    assert guest.ask(wave["url"])[1][:4] == b"RIFF"
    assert "Real-time factor" in times
    assert [figure["value"]["plot"][:11] for figure in figures] == ["data:image/"] * 2


def test_visitors_at_the_same_time_get_their_own(url, files):
    guests = Guest(url), Guest(url)
    paths = [guest.upload(files[name])[1][0] for guest, name in zip(guests, ("vowel.wav", "higher.wav"), strict=True)]

    def convert(guest, path):
        return guest.ask(guest.convert_voice(as_file(path))["output"]["data"][0]["url"])[1]

    alone = list(map(convert, guests, paths))
    assert alone[0] != alone[1]
    with ThreadPoolExecutor(2) as visitors:
        assert list(visitors.map(convert, guests, paths)) == alone


def test_uploads_are_deleted(runs, files, monkeypatch):
    monkeypatch.setattr("translate.demo.app.SWEEP", 1)
    monkeypatch.setattr("translate.demo.app.AGE", 1)
    app = build_app([runs["cyclegan_vc2-low-high"]])
    url = serve(app, Limits(), port=0, wait=False)
    try:
        _, (path,) = Guest(url).upload(files["silent.wav"])
        assert Path(path).exists()
        end = time.monotonic() + 20
        while Path(path).exists() and time.monotonic() < end:
            time.sleep(0.1)
        assert not Path(path).exists()
    finally:
        app.close()


def test_the_cache_is_its_owners():
    folder = Path(hold_uploads())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_nothing_outside_the_cache_is_served(url, runs):
    checkpoint = runs["cyclegan_vc2-low-high"] / "latest" / "config.yaml"
    inside = Path(hold_uploads()) / "x"
    paths = ["/etc/passwd", checkpoint, Path(__file__), Path("pyproject.toml").absolute(), EXAMPLES / "male-river.flac",
             f"{inside}/../../../etc/passwd", f"{inside}/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "../../../../etc/passwd",
             "file:///etc/passwd"]  # fmt: skip
    for path in paths:
        for form in (f"{API}/file={path}", f"{API}/file/{path}", f"file={path}", f"static/{path}", f"assets/{path}"):
            status, body, kind = ask(url + form)
            assert status >= 400 or "text/html" in kind, form       # html: the page itself
            assert b"root:" not in body
            assert b"model:" not in body


def test_recordings_are_uploads_only(url, files, capfd):
    guest = Guest(url)
    for path in ("/etc/passwd", str(files["vowel.wav"]), str(EXAMPLES / "male-river.flac")):
        assert not guest.convert_voice(as_file(path))["success"]
    capfd.readouterr()
    with socket.socket() as elsewhere:                              # would hang, were it asked
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.listen()
        address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/x.wav"
        event = guest.convert_voice(as_file(address))
        assert not event["success"]
        assert "links are not followed" in event["output"]["error"]
        for form in (f"file={address}", f"proxy={address}"):
            assert guest.ask(f"{API}/{form}")[0] == 403
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):                        # nobody called
            elsewhere.accept()


def test_messages_without_traces(url, files, capfd):
    guest = Guest(url)
    _, (path,) = guest.upload(files["text.wav"])
    capfd.readouterr()
    event = guest.convert_voice(as_file(path))
    assert not event["success"]
    assert event["output"]["error"].startswith("text.wav: cannot be read as audio")
    assert hold_uploads() not in json.dumps(event)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_large_uploads(url, tmp_path):
    path = tmp_path / "large.wav"
    path.write_bytes(bytes(500_000))
    status, answer = Guest(url).upload(path)
    assert status == 413
    assert "maximum allowed size" in answer


def test_password(runs):
    app = build_app([runs["cyclegan_vc2-low-high"]])
    url = serve(app, Limits(), port=0, auth=("me", "secret"), wait=False)
    try:
        assert url.startswith("http://127.0.0.1:")
        assert ask(f"{url}config")[0] == 401
        assert ask(f"{url}{API}/upload", b"")[0] == 401
        wrong = urllib.parse.urlencode({"username": "me", "password": "guess"}).encode()
        assert ask(f"{url}login", wrong)[0] == 400
    finally:
        app.close()


def test_the_page_says_what_it_is_told(runs):
    app = build_app([runs["cyclegan_vc2-low-high"]], then=[runs["gan_postfilter-high"]])
    labels = [block.label for block in app.blocks.values() if isinstance(block, gradio.Tab)]
    assert labels == ["Voice"]
    (postfilter,) = [b for b in app.blocks.values() if b.elem_id == "voice-then"]
    assert [choice[0] for choice in postfilter.choices] == ["none", "GAN postfilter: gan_postfilter-high"]
    assert app.analytics_enabled is False
    app = build_app([runs["pix2pix-drawing"]])
    assert next(block.label for block in app.blocks.values() if isinstance(block, gradio.Tab)) == "Image"


def test_conversions_wait_in_one_line(runs):
    app = build_app([runs["cyclegan_vc2-low-high"], runs["pix2pix-drawing"]], Limits(concurrency=3))
    found = {f.concurrency_limit for f in app.fns.values() if f.concurrency_id == QUEUE}
    assert found == {3}


def run_command(monkeypatch, capsys, *arguments):
    """(status, stderr) of the command line."""
    monkeypatch.setattr(sys, "argv", ["translate", "demo", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code, capsys.readouterr().err


def test_command(monkeypatch, capsys, runs):
    served = []
    monkeypatch.setattr("translate.demo.app.serve", lambda *values: served.append(values))
    code, _ = run_command(monkeypatch, capsys, runs["cyclegan_vc2-low-high"], "--max-seconds", 5, "--concurrency", 2,
                          "--port", 0, "--auth", "me:a:b")  # fmt: skip
    assert code == 0
    ((_, limits, host, port, auth),) = served
    assert (limits.max_seconds, limits.concurrency, host, port, auth) == (5.0, 2, "127.0.0.1", 0, ("me", "a:b"))


def test_command_with_bad_input(monkeypatch, capsys, runs, tmp_path):
    path = runs["cyclegan_vc2-low-high"]
    for arguments, message in (
        ((tmp_path,), "not a checkpoint"),
        ((path, "--auth", "me"), "--auth: expected USER:PASSWORD"),
        ((path, "--examples", tmp_path), "expected a folder with recordings"),
    ):
        code, error = run_command(monkeypatch, capsys, *arguments)
        assert code == 2
        assert message in error
        assert error.count("\n") == 1
    monkeypatch.setattr("translate.checkpoints.pretrained.list_pretrained", dict)
    code, error = run_command(monkeypatch, capsys)
    assert code == 2
    assert "no checkpoint given" in error


def test_a_port_that_is_taken(runs):
    app = build_app([runs["cyclegan_vc2-low-high"]])
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UserError, match=r"cannot listen at 127\.0\.0\.1, port \d+; is it taken"):
            serve(app, Limits(), port=other.getsockname()[1], wait=False)


def test_without_gradio(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    code, error = run_command(monkeypatch, capsys)
    assert code == 2
    how = "bash tools/setup.sh demo, or pip install -e '.[demo]', in the repository"
    assert error == f"translate: translate demo needs gradio: {how}\n"
