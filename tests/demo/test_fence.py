"""Whose files a request may name: of every input of every function of both tabs, with and without a password."""

import inspect
import os
import shutil
import urllib.parse
from pathlib import Path

import gradio
import numpy as np
import pytest

from translate.demo.app import EXAMPLES, build_app, serve
from translate.demo.editor import PaintingEditor
from translate.demo.example_images import make_examples
from translate.demo.pictures import PictureUpload
from translate.demo.uploads import hold_uploads
from translate.errors import UserError
from translate.images.arrays import read_image

from .conftest import SMALL_LIMITS
from .guest import API, Guest, as_file

REFUSED = "not your file"
PLAIN = (gradio.Dropdown, gradio.Radio, gradio.CheckboxGroup, gradio.Checkbox, gradio.Slider, gradio.Number,
         gradio.Dataset)  # fmt: skip  # inputs that hold no file
FILES = (gradio.Audio, PictureUpload, PaintingEditor)               # inputs that do, and open none by themselves


@pytest.fixture(scope="module", params=[None, ("me", "secret")], ids=["open", "password"])
def place(request, runs):
    """(address, password) of a demo of every model."""
    app = build_app(list(runs.values()), SMALL_LIMITS)
    yield serve(app, SMALL_LIMITS, port=0, auth=request.param, wait=False), request.param
    app.close()


def name_in_every_way(path):
    """A file as requests may name it: as the page does, without what Gradio looks for, and deeper in."""
    path = str(path)
    return [
        as_file(path), {"path": path}, {"path": path, "meta": {"_type": "another"}}, {"path": path, "meta": {}}, path,
        {"image": {"path": path}, "caption": None}, [{"path": path}], {"value": {"path": path}},
        {"background": {"path": path}, "layers": [], "composite": None},
        {"background": None, "layers": [{"path": path}], "composite": None},
        {"background": None, "layers": [], "composite": {"path": path}},
        {"path": {"path": path}}, {"path": [path]}, {"url": "x", "is_stream": True, "path": path},
    ]  # fmt: skip


def test_no_input_takes_a_file_of_the_server(place, files):
    """Every input of every function, also where no file belongs: what is added later is held by the same fence."""
    url, auth = place
    guest = Guest(url, auth)
    names = {c["id"]: c["props"].get("elem_id") for c in guest.config["components"]}
    seen = set()
    for dependency in guest.config["dependencies"]:
        for place_of_input, component in enumerate(dependency["inputs"]):
            seen.add(names[component])
            for value in name_in_every_way(files["photo.png"]):
                values = [None] * len(dependency["inputs"])
                values[place_of_input] = value
                event = guest.call(dependency["id"], values)
                assert not event["success"], (names[component], value)
                assert REFUSED in event["output"]["error"], (names[component], value)
                assert str(files["photo.png"]) not in str(event)
    assert {"voice-source", "picture-upload", "painting-editor", "picture-system"} <= seen


def test_what_inputs_there_are(runs):
    """A component that opens files by itself would open them in any format."""
    app = build_app(list(runs.values()), SMALL_LIMITS)
    for function in app.fns.values():
        for component in function.inputs:
            assert isinstance(component, (*PLAIN, *FILES)), component
    server = {
        (type(block), name)
        for block in app.blocks.values()
        for name, value in inspect.getmembers(type(block), callable)
        if getattr(value, "_is_server_fn", False)
    }
    assert server == {(PaintingEditor, "accept_blobs")}


def test_private_pictures_stay_private(place, tmp_path):
    """The request that once gave out any picture; then by links, by dots, and by what lies beside the uploads."""
    url, auth = place
    guest = Guest(url, auth)
    secret = tmp_path / "private.png"
    shutil.copy(make_examples()["textures"][0], secret)
    inside = Path(hold_uploads()) / "link.png"
    folder = Path(hold_uploads()) / "folder"
    beside = Path(hold_uploads()) / "beside.png"
    shutil.copy(secret, beside)
    inside.symlink_to(secret)
    folder.symlink_to(tmp_path)
    try:
        paths = [secret, inside, folder / "private.png", beside, EXAMPLES / "male-river.flac", "/etc/passwd",
                 f"{hold_uploads()}/../{secret}", os.path.relpath(secret), f"file://{secret}", hold_uploads(),
                 "/proc/self/environ", f"{secret}\0.png", *make_examples()["textures"]]  # fmt: skip
        for path in paths:
            for file in ({"path": str(path)}, as_file(path)):
                event = guest.convert_picture(file)
                assert not event["success"], path
                assert REFUSED in event["output"]["error"]
            assert guest.ask(f"{API}/file={urllib.parse.quote(str(path))}")[0] in (403, 404)
    finally:
        for path in (inside, folder, beside):
            path.unlink()


def test_visitors_name_their_own_files_alone(place, files):
    url, auth = place
    owner, other = Guest(url, auth), Guest(url, auth)
    _, (path,) = owner.upload(files["photo.png"])
    for file in (as_file(path), {"path": path}):
        event = other.convert_picture(file)
        assert not event["success"]
        assert REFUSED in event["output"]["error"]
    assert other.ask(f"{API}/file={path}")[0] == 403
    assert owner.ask(f"{API}/file={path}")[0] == 200
    event = owner.convert_picture(as_file(path))
    assert event["success"], event
    first = event["output"]["data"][1]["value"][0]["image"]         # the gallery: what was given
    assert other.ask(first["url"])[0] == 403                        # results are their visitor's, too
    assert owner.ask(first["url"])[0] == 200
    assert np.array_equal(read_image(first["path"]), read_image(files["photo.png"]))
    assert other.upload(files["photo.png"])[1] == [path]            # who has the same file owns it, too
    assert other.convert_picture(as_file(path))["success"]
    linked = Path(path).with_name("link.png")
    linked.symlink_to(files["photo.png"])                           # among his own files, and away from them
    try:
        assert not owner.convert_picture(as_file(linked))["success"]
    finally:
        linked.unlink()


def test_names_of_files_do_not_tell_who_uploaded_what(place, files):
    url, auth = place
    Guest(url, auth).upload(files["photo.png"])
    other = Guest(url, auth)
    _, (path,) = Guest(url, auth).upload(files["photo.png"])
    missing = str(Path(path).with_name("missing.png"))
    answers = {other.ask(f"{API}/file={name}")[:2] for name in (path, missing, Path(path).parent, hold_uploads())}
    assert len(answers) == 1


def test_examples_and_start_maps_are_everybodys(place):
    url, auth = place
    guest = Guest(url, auth)
    editor = next(c for c in guest.config["components"] if c["props"].get("elem_id") == "painting-editor")
    background = editor["props"]["value"]["background"]
    assert guest.ask(f"{API}/file={background['path']}")[0] == 200
    event = guest.call(guest.find("voice-examples"), [0, "CycleGAN-VC2: low, high", "low", "high"])
    assert event["success"], event
    assert guest.convert_voice(event["output"]["data"][0])["success"]
    for name in ("examples-textures", "examples-photographs"):
        event = guest.call(guest.find(name), [0])
        assert event["success"], event
        picture = event["output"]["data"][0]
        assert guest.convert_picture(picture.get("value", picture))["success"]


def test_only_what_the_page_sends_is_looked_at(place):
    url, auth = place
    guest = Guest(url, auth)
    for path in ("process_recording", "vibe-edit", "undo-vibe-edit", "vibe-code", "api/predict", "call/convert",
                 "stream/x", "run-history/connect", "run/convert", "upload/x"):  # fmt: skip
        assert guest.post(path, {})[0] == 403, path
    for path in ("deep_link?session_hash=x", "proxy=http://127.0.0.1/", "file=http://127.0.0.1/", "call/convert/x",
                 "heartbeat/x", "dev/reload"):  # fmt: skip
        assert guest.ask(f"{API}/{path}")[0] == 403, path
    event = {"data": [], "fn_index": 0, "session_hash": "x", "event_data": {"path": "/etc/passwd"}}
    _, answer = guest.post("run/predict", event)
    assert REFUSED in str(answer) or "direct HTTP POST" in str(answer)


def test_parts_refuse_files_of_the_server_in_other_pages(files):
    """Where they are used without this page's check."""
    data = gradio.FileData(path=str(files["photo.png"]))
    with pytest.raises((gradio.Error, UserError), match=REFUSED):
        PictureUpload(type="filepath").preprocess(data)
    editor = PaintingEditor(image_mode="RGBA")
    with pytest.raises((gradio.Error, UserError), match=REFUSED):
        editor.preprocess(editor.data_model(background=data))
