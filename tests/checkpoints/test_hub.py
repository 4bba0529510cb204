"""Checkpoints through the real client of huggingface_hub and a small Hub on loopback."""

import base64
import hashlib
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from tiny_runs import make_run

from translate.checkpoints.share import share
from translate.checkpoints.store import find_checkpoint
from translate.demo.models import find_models
from translate.errors import UserError
from translate.jobs.load import load
from translate.jobs.share import pull, push

constants = pytest.importorskip("huggingface_hub.constants")

TOKEN = "hf_" + "notreallyatoken" * 2
ALICE = "alice/voices"


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as models need: {name: {file: bytes}} with one revision each."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def answer(self, code, body=b"", **headers):
        self.send_response(code)
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        for name, value in ({"Content-Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, code, word):
        self.answer(code, {"error": word}, X_Error_Code=word, X_Error_Message=word)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub, path = self.server, unquote(urlsplit(self.path).path).strip("/").split("/")
        hub.seen.append((self.command, "/".join(path), self.headers.get("Authorization", "")))
        name = "/".join(path[2:4] if path[0] == "api" else path[:2])
        files = hub.models.get(name)
        if files is None:
            return self.refuse(401 if name in hub.secret else 404, "RepoNotFound")
        sha = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        if path[0] == "api":
            if path[4:5] == ["revision"] and path[5] not in ("main", sha):
                return self.refuse(404, "RevisionNotFound")
            if path[4:5] == ["tree"]:
                return self.answer(200, [
                    {"type": "file", "path": file, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                    for file, data in files.items()
                ])  # fmt: skip
            siblings = [{"rfilename": f, "size": hub.lies.get(f, len(d)), "blobId": "0"} for f, d in files.items()]
            return self.answer(200, {
                "id": name, "sha": sha, "siblings": siblings, "private": name in hub.private, "tags": [],
            })  # fmt: skip
        file = "/".join(path[4:])
        if file not in files:
            return self.refuse(404, "EntryNotFound")
        etag = hashlib.sha1(files[file]).hexdigest()
        return self.answer(200, files[file], ETag=f'"{etag}"', X_Repo_Commit=sha, Accept_Ranges="none")

    def do_POST(self):
        hub, path = self.server, self.path.strip("/").split("/")
        data = self.rfile.read(int(self.headers["Content-Length"]))
        token = self.headers.get("Authorization", "")
        hub.seen.append(("POST", "/".join(path), token))
        if token != f"Bearer {TOKEN}":
            return self.refuse(403, "Forbidden")
        if path[:3] == ["api", "repos", "create"]:
            told = json.loads(data)
            name = f"{told['organization']}/{told['name']}"
            if name in hub.models:
                return self.answer(409, {"error": "exists", "url": f"{hub.url}/{name}"})
            hub.models[name] = {}
            if told.get("private") or told.get("visibility") == "private":
                hub.private.add(name)
            return self.answer(200, {"url": f"{hub.url}/{name}"})
        name = "/".join(path[2:4])
        if path[1] == "validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if path[4] == "preupload":
            paths = [file["path"] for file in json.loads(data)["files"]]
            files = [{"path": path, "uploadMode": "regular", "shouldIgnore": False} for path in paths]
            return self.answer(200, {"files": files})
        for line in map(json.loads, data.decode().splitlines()):
            if line["key"] == "file":
                hub.models[name][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            if line["key"] == "deletedFile":
                del hub.models[name][line["value"]["path"]]
        return self.answer(200, {"commitUrl": f"{hub.url}/{name}/commit/0", "commitOid": "0" * 40, "success": True})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "voices", "mse_vc")


@pytest.fixture(scope="module")
def files(run, tmp_path_factory):
    folder = share(run, tmp_path_factory.mktemp("shared") / "voices")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.models, server.secret, server.private, server.seen, server.lies = {}, set(), set(), [], {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    use_hub(monkeypatch, server.url, tmp_path / "cache")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def use_hub(monkeypatch, url, cache):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


class Trap:
    """What a pickle can do to whoever opens it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_checkpoint_comes_and_is_not_fetched_twice(hub, files, tmp_path):
    hub.models[ALICE] = files
    converter = load(f"hf://{ALICE}")
    assert converter.directions == [("low", "high")]
    fetched = [path for method, path, _ in hub.seen if method == "GET" and "/resolve/" in path]
    assert sorted(path.rpartition("/")[2] for path in fetched) == sorted(files)
    hub.seen.clear()
    load(Path(f"hf://{ALICE}"))                                     # as the command line gives it
    assert not [path for method, path, _ in hub.seen if method == "GET" and "/resolve/" in path]
    assert [path for method, path, _ in hub.seen if method == "HEAD"]  # the etags are asked for
    hub.models[ALICE] = files | {"README.md": b"# new"}
    assert (find_checkpoint(f"hf://{ALICE}@main") / "README.md").read_text() == "# new"
    assert pull(ALICE, str(tmp_path / "mine"), "main") == str(tmp_path / "mine")
    assert (tmp_path / "mine/README.md").read_text() == "# new"
    assert not any(path.is_symlink() for path in (tmp_path / "mine").iterdir())


def test_the_links_of_the_cache_are_files_and_others_are_links(hub, files, tmp_path):
    """The demo keeps the folder in the cache and loads it again."""
    hub.models[ALICE] = files
    folder = find_models([f"hf://{ALICE}"])[0].path
    assert (folder / "config.yaml").is_symlink()
    assert find_models([folder])[0].converter.domains == ["low", "high"]
    shutil.copytree(tmp_path / "cache", tmp_path / "copy", symlinks=True)
    with pytest.raises(UserError, match=r"config\.yaml is a link that leads out of the folder"):
        find_checkpoint(tmp_path / "copy" / folder.relative_to((tmp_path / "cache").resolve()))
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match=r"README\.md is a link that leads out of the folder"):
        load(folder)


def test_statistics_from_the_hub_are_checked(hub, files, tmp_path):
    for name, change in {"none": {}, "junk": {"statistics.safetensors": pickle.dumps(1)}}.items():
        hub.models[f"eve/{name}"] = {k: v for k, v in files.items() if k != "statistics.safetensors"} | change
        with pytest.raises(UserError, match="statistics"):
            find_checkpoint(f"hf://eve/{name}")
        with pytest.raises(UserError, match="statistics"):
            pull(f"eve/{name}", str(tmp_path / "mine"))
    assert not (tmp_path / "mine").exists()


def test_what_could_run_code_stays_where_it_is(hub, files, tmp_path):
    trap = pickle.dumps(Trap(tmp_path / "ran"))
    bad = ("state.pt", "pytorch_model.bin", "weights.pkl", "setup.py", "sub/config.yaml", "other.safetensors")
    hub.models["eve/voices"] = files | dict.fromkeys(bad, trap)
    pull("eve/voices", str(tmp_path / "mine"))
    load("hf://eve/voices")
    assert {path.name for path in (tmp_path / "mine").iterdir()} == set(files)
    assert not [path for _, path, _ in hub.seen if path.endswith(bad)]
    stored = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert trap not in stored
    # One that goes by the name of weights is fetched, and read as the safetensors that it is not.
    hub.models["eve/worse"] = files | {"weights.safetensors": trap}
    with pytest.raises(UserError, match="damaged"):
        load("hf://eve/worse")
    assert not (tmp_path / "ran").exists()
    pickle.loads(trap)
    assert (tmp_path / "ran").exists()                              # it would have


def test_code_that_a_configuration_names_is_not_imported(hub, files, tmp_path, monkeypatch):
    (tmp_path / "of_eve.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    config = files["config.yaml"].replace(b"model: mse_vc", b"model: of_eve")
    hub.models["eve/voices"] = files | {"config.yaml": config}
    for attempt in (lambda: load("hf://eve/voices"), lambda: pull("eve/voices", str(tmp_path / "mine"))):
        with pytest.raises(UserError, match=r"`of_eve` is foreign code; .* TRANSLATE_TRUST=of_eve"):
            attempt()
    assert not (tmp_path / "mine").exists()


def test_sizes_are_checked_before_anything_is_fetched(hub, files):
    hub.models[ALICE] = files
    hub.lies = {"weights.safetensors": 2**40}
    with pytest.raises(UserError, match=r"weights\.safetensors has 1099511627776 bytes; at most"):
        load(f"hf://{ALICE}")
    assert not [path for _, path, _ in hub.seen if "/resolve/" in path]
    hub.models[ALICE] = {"model.safetensors": b""}
    with pytest.raises(UserError, match=r"has no config\.yaml; is it a checkpoint of translate\?"):
        load(f"hf://{ALICE}")


@pytest.mark.parametrize(("address", "words"), [
    ("hf://nobody/nothing", "hf://nobody/nothing: no such model, or it is private and HF_TOKEN has no access to it"),
    ("hf://alice/secret", "no such model, or it is private"),
    (f"hf://{ALICE}@v9", "no such revision"),
    ("hf://alice", "expected hf://OWNER/NAME, or hf://OWNER/NAME@REVISION"),
    ("hf://alice/../voices", "expected hf://OWNER/NAME"),
    ("hf://al--ice/vo..ices", "expected OWNER/NAME of letters"),
])  # fmt: skip
def test_what_is_not_there(hub, files, address, words):
    hub.models[ALICE] = files
    hub.secret.add("alice/secret")
    with pytest.raises(UserError) as error:
        load(address)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert TOKEN not in str(error.value)


def test_without_a_network_the_cache_serves(hub, files, tmp_path, monkeypatch, caplog):
    hub.models[ALICE] = files
    load(f"hf://{ALICE}")
    caplog.set_level("INFO", "translate")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))                                 # nobody listens there
        use_hub(monkeypatch, f"http://127.0.0.1:{free.getsockname()[1]}", tmp_path / "cache")
        assert load(f"hf://{ALICE}").domains == ["low", "high"]
        assert "no connection; taken from the cache" in caplog.text
        with pytest.raises(UserError, match=r"hf://bob/voices: no answer from http://127.*; is the network up\?"):
            load("hf://bob/voices")


def test_push_sends_what_is_shared_and_nothing_else(hub, run, tmp_path, caplog, capfd):
    caplog.set_level("DEBUG")
    assert push(str(run), "alice/new", private=True) == f"{hub.url}/alice/new"
    sent = hub.models["alice/new"]
    assert set(sent) == {"config.yaml", "weights.safetensors", "statistics.safetensors", "README.md"}
    assert 'translate.load("hf://alice/new")' in sent["README.md"].decode()
    assert "alice/new" in hub.private
    sent["average.safetensors"] = b"of another run"
    push(str(share(run, tmp_path / "shared")), "hf://alice/new")
    assert "average.safetensors" not in sent
    assert load("hf://alice/new").domains == ["low", "high"]
    hub.models["alice/open"] = {}
    with pytest.raises(UserError, match="alice/open: is there already, and public"):
        push(str(run), "alice/open", private=True)
    assert not hub.models["alice/open"]
    assert any(token == f"Bearer {TOKEN}" for _, _, token in hub.seen)
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())


def test_push_without_rights(hub, run, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN[:-1])
    with pytest.raises(UserError, match=r"refuses \(403\); is HF_TOKEN set, with the right to write\?") as error:
        push(str(run), "alice/new")
    assert TOKEN[:-1] not in str(error.value)
    assert not hub.models


def test_the_command_line(hub, files, tmp_path):
    """The process of a user: endpoint, cache and token come from the environment; the token is not told."""
    hub.models[ALICE] = files
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN}
    environment |= {"HF_HUB_CACHE": str(tmp_path / "home/hub"), "HF_DEBUG": "1"}
    command = "from translate.cli import main; import sys\nfor n in ('alice/voices', 'bob/none'):\n" + (
        "    sys.argv[1:] = ['pull', n, 'mine']\n    try: main()\n    except SystemExit as e: print('status', e.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == ["mine", "status 0", "status 2"]
    assert done.stderr.splitlines()[-1] == (
        "translate: hf://bob/none: no such model, or it is private and HF_TOKEN has no access to it"
    )
    assert {path.name for path in (tmp_path / "mine").iterdir()} == set(files)
    assert TOKEN not in done.stdout + done.stderr
    shutil.rmtree(tmp_path / "home")
