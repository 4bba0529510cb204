"""A visitor of the demo without a browser: sends what the page sends, and keeps its cookies."""

import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid

API = "gradio_api"


class Guest:
    """One visitor.

    Args:
        url: of the demo.
        auth: user and password.
    """

    def __init__(self, url, auth=None):
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        if auth is not None:
            data = urllib.parse.urlencode(dict(zip(("username", "password"), auth, strict=True))).encode()
            assert self.ask("login", data)[0] == 200
        self.config = json.loads(self.ask("config")[1])

    def ask(self, path, data=None, headers=None):
        """(status, body, content type) of a request; `path` below the demo's address, or a whole address."""
        address = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(address, data, headers or {})
        try:
            with self.opener.open(request, timeout=20) as response:
                return response.status, response.read(), response.headers.get("content-type", "")
        except urllib.error.HTTPError as error:
            return error.code, error.read(), ""

    def post(self, path, value):
        """(status, answer) of a request in JSON."""
        status, answer, _ = self.ask(f"{API}/{path}", json.dumps(value).encode(), {"Content-Type": "application/json"})
        return status, json.loads(answer) if answer[:1] in (b"{", b"[") else answer.decode()

    def upload(self, *paths):
        """Upload like the page does; the status and what the server answers, the list of its paths."""
        body, kind = pack([("files", path.name, path.read_bytes()) for path in paths])
        status, answer, _ = self.ask(f"{API}/upload", body, {"Content-Type": kind})
        return status, json.loads(answer) if status == 200 else answer.decode()

    def find(self, name, event="click"):
        """The number of the function behind a button, say."""
        ids = {c["props"].get("elem_id"): c["id"] for c in self.config["components"]}
        return next(d["id"] for d in self.config["dependencies"] if [ids[name], event] in d["targets"])

    def join(self, function, values, session):
        """Send an event to the line; (status, answer)."""
        return self.post("queue/join", {"data": values, "fn_index": function, "session_hash": session})

    def listen(self, session):
        """The final event of a session."""
        with self.opener.open(f"{self.url}{API}/queue/data?session_hash={session}", timeout=60) as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    if event["msg"] == "process_completed":
                        return event
        raise AssertionError("no end")

    def call(self, function, values):
        """The final event of a function, waiting in line or not."""
        dependency = next(d for d in self.config["dependencies"] if d["id"] == function)
        if not dependency["queue"]:
            status, answer = self.post("run/predict", {"data": values, "fn_index": function, "session_hash": "x"})
            return {"success": status == 200, "output": answer}
        session = uuid.uuid4().hex
        status, answer = self.join(function, values, session)
        assert status == 200, answer
        return self.listen(session)

    def convert_voice(self, file):
        """The button Convert of the voice tab with `file` as the recording."""
        values = [file, "CycleGAN-VC2: low, high", "low", "high", 1, 0, "none"]
        return self.call(self.find("voice-convert"), values)

    def convert_picture(self, file):
        """The button All domains of the image tab with `file` as the picture."""
        title = next(c for c in self.config["components"] if c["props"].get("elem_id") == "picture-system")
        (system,) = [value for _, value in title["props"]["choices"] if value.startswith("StarGAN")]
        return self.call(self.find("picture-all"), [system, file, False])


def pack(parts):
    """A body of multipart/form-data and its type, from (field, file name or None, content)."""
    mark = uuid.uuid4().hex
    body = b""
    for field, name, content in parts:
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"'
        body += (head + (f'; filename="{name}"' if name else "") + "\r\n\r\n").encode() + content + b"\r\n"
    return body + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


def as_file(path):
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}, "orig_name": "x.wav"}
