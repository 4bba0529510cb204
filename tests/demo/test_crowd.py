"""What one visitor may take of the demo: places in line, bytes, time, and memory for a painting."""

import io
import socket
import threading
import time
import tracemalloc
import urllib.parse
import uuid
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException

from translate.demo.app import WAITING, build_app, serve
from translate.demo.editor import LAYERS, MOST_PIXELS, PAINTINGS, PaintingEditor
from translate.demo.limits import Limits, Refusal
from translate.demo.page import PLACES_OF_ADDRESS, PLACES_OF_VISITOR
from translate.demo.uploads import hold_uploads
from translate.demo.visitors import CURRENT, FILES_OF_ADDRESS, FILES_OF_VISITOR, LEAST, Visitor

from .guest import API, Guest, as_file, pack

SMALL = Limits(max_bytes=2**18)


@pytest.fixture
def place(runs, monkeypatch):
    """(address, page, gate, calls) of a demo whose conversions wait for the gate."""
    gate, calls = threading.Event(), []

    def convert(self, *values):
        calls.append(values)
        gate.wait(20)
        return None, str(len(calls)), None, None

    monkeypatch.setattr("translate.demo.voice.VoiceTab.convert", convert)
    monkeypatch.setattr("translate.demo.page.GRACE", 0.5)
    app = build_app([runs["cyclegan_vc2-low-high"]], SMALL)
    yield serve(app, SMALL, port=0, wait=False), app, gate, calls
    gate.set()
    app.close()


def fill(guest, times):
    """Statuses of so many requests of one visitor, of as many sessions."""
    return [join(guest, uuid.uuid4().hex)[0] for _ in range(times)]


def join(guest, session):
    values = [None, "CycleGAN-VC2: low, high", "low", "high", 1, 0, "none"]
    return guest.join(guest.find("voice-convert"), values, session)


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


# --- the line ---------------------------------------------------------------------------------------------


def test_one_visitor_does_not_fill_the_line(place, monkeypatch):
    monkeypatch.setattr("translate.demo.page.GRACE", 30)
    url, _, gate, _ = place
    guest = Guest(url)
    assert fill(guest, WAITING + 1) == [200] * PLACES_OF_VISITOR + [503] * (WAITING + 1 - PLACES_OF_VISITOR)
    answer = join(guest, "again")[1]
    assert f"You have {PLACES_OF_VISITOR} requests in line" in answer["detail"]
    other, session = Guest(url), uuid.uuid4().hex
    assert join(other, session)[0] == 200
    gate.set()
    assert other.listen(session)["success"]


def test_nor_do_many_visitors_of_one_machine(place, monkeypatch):
    """Who leaves his cookies out is a new visitor every time."""
    monkeypatch.setattr("translate.demo.page.GRACE", 30)
    url, _, _, _ = place
    statuses = [fill(Guest(url), 1)[0] for _ in range(WAITING)]
    assert statuses == [200] * PLACES_OF_ADDRESS + [503] * (WAITING - PLACES_OF_ADDRESS)


def test_requests_of_who_left_are_dropped(place):
    url, page, gate, calls = place
    guest, session = Guest(url), uuid.uuid4().hex
    assert [join(guest, session)[0] for _ in range(PLACES_OF_VISITOR)] == [200] * PLACES_OF_VISITOR
    stream = guest.opener.open(f"{url}{API}/queue/data?session_hash={session}", timeout=20)
    stream.readline()
    time.sleep(1)
    assert len(page.line) == PLACES_OF_VISITOR - 1                  # he listens: they wait
    stream.close()
    assert wait_for(lambda: len(page.line) == 0)
    gate.set()
    other = Guest(url)
    session = uuid.uuid4().hex
    join(other, session)
    assert other.listen(session)["output"]["data"][1] == "2"
    assert len(calls) == 2                                          # the one that was under way, and the other's


def test_requests_of_who_never_listens_are_dropped(place):
    url, page, gate, calls = place
    fill(Guest(url), PLACES_OF_VISITOR)
    assert wait_for(lambda: len(page.line) == 0)
    gate.set()
    assert wait_for(lambda: not any(page.line.active_jobs))
    assert len(calls) == 1


# --- bytes ------------------------------------------------------------------------------------------------


def write(path, size, start):
    path.write_bytes(start.to_bytes(4, "big") + bytes(size - 4))
    return path


def test_bytes_of_a_visitor_are_bounded(place, tmp_path):
    url, _, _, _ = place
    size, guest = SMALL.max_bytes - 1000, Guest(url)
    statuses = [guest.upload(write(tmp_path / "a", size, n))[0] for n in range(FILES_OF_VISITOR + 2)]
    assert statuses == [200] * FILES_OF_VISITOR + [413] * 2
    _, answer = guest.upload(write(tmp_path / "a", size, 99))
    assert "Your uploads exceeded the maximum allowed size of all" in answer
    statuses = [Guest(url).upload(write(tmp_path / "a", size, 100 + n))[0] for n in range(FILES_OF_ADDRESS)]
    left = FILES_OF_ADDRESS - FILES_OF_VISITOR
    assert statuses == [200] * left + [413] * (FILES_OF_ADDRESS - left)


def test_room_returns_when_files_go(place, tmp_path):
    url, _, _, _ = place
    size, guest = SMALL.max_bytes - 1000, Guest(url)
    paths = [guest.upload(write(tmp_path / "a", size, n))[1][0] for n in range(FILES_OF_VISITOR)]
    assert guest.upload(write(tmp_path / "a", size, 0))[0] == 413
    for path in paths:
        Path(path).unlink()
    assert guest.upload(write(tmp_path / "a", size, 0))[0] == 200


def test_refused_uploads_make_no_room(place, tmp_path):
    url, _, _, _ = place
    guest = Guest(url)
    statuses = [guest.upload(write(tmp_path / "a", SMALL.max_bytes - 1000, n))[0] for n in range(FILES_OF_VISITOR)]
    assert statuses == [200] * FILES_OF_VISITOR
    for _ in range(3):
        assert guest.upload(write(tmp_path / "a", 4 * SMALL.max_bytes, 99))[0] == 413
    assert guest.upload(write(tmp_path / "a", SMALL.max_bytes - 1000, 99))[0] == 413


def test_many_small_files_count_too(place, tmp_path):
    url, _, _, _ = place
    guest = Guest(url)
    most = FILES_OF_VISITOR * SMALL.max_bytes // LEAST
    statuses = [guest.upload(write(tmp_path / "a", 100, n))[0] for n in range(most + 2)]
    assert statuses == [200] * most + [413] * 2


def test_large_requests_are_not_read(place, tmp_path):
    url, _, _, _ = place
    guest = Guest(url)
    status, _ = guest.join(guest.find("voice-convert"), ["x" * 2**20], "x")
    assert status in (400, 413)
    several = [write(tmp_path / str(n), SMALL.max_bytes - 1000, n) for n in range(4)]
    assert guest.upload(*several)[0] == 413                         # files that are small enough one by one
    assert not [path for path in Path(hold_uploads()).iterdir() if path.is_file()]


# --- time -------------------------------------------------------------------------------------------------


def begin(url, *pieces, pause=0.0):
    """Send the pieces of a request; how many seconds the server held the connection after them, and its answer."""
    address = urllib.parse.urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=15) as connection:
        start, answer = time.monotonic(), b""
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            while part := connection.recv(4096):
                answer += part
        except ConnectionError:
            pass
        return time.monotonic() - start, answer


def test_half_sent_requests_end(place, monkeypatch):
    url, _, _, _ = place
    monkeypatch.setattr("translate.demo.patience.HEADERS", 0.5)
    monkeypatch.setattr("translate.demo.fence.IDLE", 0.5)
    monkeypatch.setattr("translate.demo.fence.WHOLE", 1.0)
    head = b"GET / HTTP/1.1\r\nHost: x\r\n"
    assert begin(url)[0] < 5
    assert begin(url, head)[0] < 5
    assert begin(url, *[head[:1], *[b"X"] * 30], pause=0.1)[0] < 5  # byte by byte
    upload = f"POST /{API}/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n".encode()
    body, kind = pack([("files", "a", bytes(100))])
    upload += f"Content-Type: {kind}\r\n\r\n".encode()
    for pieces in ([], [body[:100]]):
        seconds, answer = begin(url, upload, *pieces)
        assert seconds < 5
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"too slowly" in answer
    assert begin(url, upload, *(body[n : n + 1] for n in range(200)), pause=0.1)[0] < 10  # not the 20 s that it takes
    asked = f"POST /{API}/queue/join HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    seconds, answer = begin(url, f"{asked}Content-Length: 1000\r\n\r\n{{".encode())
    assert seconds < 10
    assert answer.startswith(b"HTTP/1.1 400")
    seconds, answer = begin(url, head + b"Connection: close\r\nContent-Length: 10\r\n\r\n")
    assert seconds < 10
    assert answer.startswith(b"HTTP/1.1 403")
    assert wait_for(lambda: not [path for path in Path(hold_uploads()).iterdir() if path.is_file()])


def test_whole_requests_are_not_ended(place, monkeypatch, tmp_path):
    """However long they are computed; and connections may be used again."""
    url, _, gate, _ = place
    monkeypatch.setattr("translate.demo.patience.HEADERS", 0.3)
    monkeypatch.setattr("translate.demo.fence.IDLE", 0.3)
    guest, session = Guest(url), uuid.uuid4().hex
    assert join(guest, session)[0] == 200
    threading.Timer(1.5, gate.set).start()
    assert guest.listen(session)["success"]
    head = f"GET /{API}/startup-events HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    _, answer = begin(url, head, head.replace(b"Host: x", b"Host: x\r\nConnection: close"), pause=0.2)
    assert answer.count(b"HTTP/1.1") == 2


def test_an_upload_that_ends_early_leaves_nothing(place):
    url, _, _, _ = place
    body, kind = pack([("files", "a", bytes(2000))])
    address = urllib.parse.urlsplit(url)
    head = f"POST /{API}/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nContent-Type: {kind}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + body[:1500])
        time.sleep(0.3)
    assert wait_for(lambda: not [path for path in Path(hold_uploads()).iterdir() if path.is_file()])


# --- paintings --------------------------------------------------------------------------------------------


@pytest.fixture
def editor():
    CURRENT.set(Visitor("one", "here"))
    yield PaintingEditor(image_mode="RGBA")
    CURRENT.set(None)


def draw(width, height):
    stream = io.BytesIO()
    Image.new("RGBA", (width, height), "red").save(stream, "PNG")
    return stream.getvalue()


def send(editor, kind, content, index=None, name="a"):
    data = {"type": kind, "index": index, "id": name, "file": b""}
    editor.accept_blobs(SimpleNamespace(data=data, files=[("x", content)]))


def take(editor, name="a"):
    return editor.preprocess(editor.data_model(id=name))


def test_layers_are_counted_before_they_are_decoded(editor):
    path = Path(hold_uploads()) / "layer.png"
    path.write_bytes(draw(2048, 2048))
    try:
        file = as_file(path)
        tracemalloc.start()
        with pytest.raises(Refusal, match=f"has 20 layers; expected up to {LAYERS}"):
            editor.preprocess(editor.data_model(background=file, layers=[file] * 20, composite=file))
        with pytest.raises(Refusal, match=rf"has 12,582,912 pixels in all its layers; expected up to {MOST_PIXELS:,}"):
            editor.preprocess(editor.data_model(background=file, layers=[file] * 2))
        assert tracemalloc.get_traced_memory()[1] < 2**21           # nothing was decoded
    finally:
        tracemalloc.stop()
        path.unlink()


def test_layers_over_http(runs):
    """One small request took gigabytes and a minute."""
    limits = Limits()
    app = build_app([runs["spade-colours"]], limits)
    guest = Guest(serve(app, limits, port=0, wait=False))
    try:
        path = Path(hold_uploads()).parent / "large.png"
        path.write_bytes(draw(2048, 2048))
        _, (sent,) = guest.upload(path)
        file = as_file(sent)
        painting = {"background": file, "layers": [file] * 20, "composite": file}
        function = guest.find("painting-convert")
        count = len(next(d for d in guest.config["dependencies"] if d["id"] == function)["inputs"])
        start = time.monotonic()
        event = guest.call(function, ["SPADE: label, photo", painting, *[None] * (count - 2)])
        assert "20 layers" in event["output"]["error"]
        assert time.monotonic() - start < 5
    finally:
        app.close()
        path.unlink()


def test_paintings_come_in_parts(editor):
    send(editor, "background", draw(8, 4))
    send(editor, "composite", draw(8, 4))
    send(editor, "layer", draw(8, 4), index=1)
    painting = take(editor)
    assert painting["background"].shape == (4, 8, 4)
    assert len(painting["layers"]) == 1
    assert np.array_equal(painting["background"], painting["layers"][0])
    assert take(editor)["background"] is None                       # taken
    send(editor, "background", draw(8, 4))
    CURRENT.set(Visitor("another", "here"))
    assert take(editor)["background"] is None                       # not his


def test_parts_of_paintings_are_bounded(editor, monkeypatch):
    for index in (LAYERS, 10**9, -1, "x"):
        with pytest.raises(HTTPException, match="not a part of a painting"):
            send(editor, "layer", b"", index=index)
    for name in range(PAINTINGS + 3):
        send(editor, "background", b"x", name=str(name))
    assert [name for _, name in editor.blob_storage] == [str(name) for name in range(3, PAINTINGS + 3)]
    monkeypatch.setattr("translate.demo.editor.STORED", 100)
    for visitor in range(20):
        CURRENT.set(Visitor(str(visitor), "here"))
        send(editor, "background", b"x" * 30)
    assert len(editor.blob_storage) == 3
