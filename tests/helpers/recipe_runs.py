"""Run recipes as a user does, in a copy of the project.

A recipe runs `translate` five times or more, and each would import torch anew. With the fixture `commands` they are
forks of one process that has done so.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SERVER = """
import json, os, socket, sys
sys.modules["resemblyzer"] = None       # evaluations go without the listening instruments
from translate import cli
from translate.images import evaluate as image_evaluation, material as image_material
from translate.jobs import convert, describe, doctor, evaluate, prepare, train
from translate.speech import evaluate as speech_evaluation, material as speech_material, synthesise

with socket.socket(socket.AF_UNIX) as server:
    server.bind(sys.argv[1])
    server.listen()
    while True:
        connection = server.accept()[0]
        message, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
        if os.fork():
            for file in files:
                os.close(file)
            connection.close()
            continue
        folder, *arguments = json.loads(message)
        os.chdir(folder)
        for place, file in enumerate(files):
            os.dup2(file, place)
        status, sys.argv = 1, ["translate", *arguments]
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        finally:
            sys.stdout.flush()
            connection.send(str(status).encode())
            os._exit(0)
"""
CLIENT = """#!{python}
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect({address!r})
    socket.send_fds(client, [json.dumps([os.getcwd(), *sys.argv[1:]]).encode()], [0, 1, 2])
    sys.exit(int(client.recv(16)))
"""


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Put a `translate` on the PATH that passes its arguments to a process that has already imported torch."""
    folder = tmp_path_factory.mktemp("bin")
    address = str(folder / "socket")
    (folder / "translate").write_text(CLIENT.format(python=sys.executable, address=address))
    (folder / "translate").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}")
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")  # toy corpora are read faster than workers start
        server = subprocess.Popen([sys.executable, "-c", SERVER, address])
        while not os.path.exists(address):
            assert server.poll() is None
            time.sleep(0.05)
        yield
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the recipes: runs leave nothing in the repository."""
    copy = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("data", "dump", "exp", "corpus", "downloads")
    for folder in ("egs", "recipes", "tools"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    (copy / "tools" / "setup.sh").write_text("exit 0\n")           # the tests' own environment serves
    return copy


def run(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    process = subprocess.run(
        ["bash", str(folder / "run.sh"), *arguments], cwd=folder.parents[1], capture_output=True, text=True
    )
    assert not check or process.returncode == 0, process.stdout[-2000:] + process.stderr[-4000:]
    return process
