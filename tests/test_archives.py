"""Archives of corpora, hostile ones among them: nothing is written outside of their folder, nothing half-done."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def add(archive: tarfile.TarFile, name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"x"):
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, target, 0o644
    member.size = len(content) if kind == tarfile.REGTYPE else 0
    archive.addfile(member, io.BytesIO(content) if member.size else None)


def unpack(archive: Path, folder: Path, *pattern: str, before: str = "") -> subprocess.CompletedProcess:
    """Run the script as the recipes do, after the Python lines `before`."""
    code = f"import runpy, sys, tarfile\n{before}\ndel sys.argv[0]\nrunpy.run_path(sys.argv[0], None, '__main__')"
    command = [sys.executable, "-c", code, RECIPES / "archive.py", "unpack", archive, folder, *pattern]
    return subprocess.run(command, capture_output=True, text=True, cwd=archive.parent)


def list_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


HOSTILE = {                                                         # members: name, type, target of links
    "parent": [("../../out.txt",)],
    "parent within": [("a/../../../out.txt",)],
    "absolute": [("{outside}/out.txt",)],
    "symlink": [("link", tarfile.SYMTYPE, "{outside}"), ("link/out.txt",)],
    "symlink upwards": [("link", tarfile.SYMTYPE, "../.."), ("link/out.txt",)],
    "symlink within": [("link", tarfile.SYMTYPE, "folder"), ("link/a.txt",)],
    "symlink as file": [("link", tarfile.SYMTYPE, "b.txt"), ("link",)],
    "two links": [("d/l", tarfile.SYMTYPE, ".."), ("m", tarfile.SYMTYPE, "d/l/../.."), ("m/out.txt",)],
    "link to a link": [("l", tarfile.SYMTYPE, "d"), ("h", tarfile.LNKTYPE, "l"), ("h/out.txt",)],
    "hard link": [("link", tarfile.LNKTYPE, "{outside}/secret"), ("link",)],
    "hard link upwards": [("link", tarfile.LNKTYPE, "../../outside/secret")],
    "device": [("null", tarfile.CHRTYPE)],
    "pipe": [("pipe", tarfile.FIFOTYPE)],
    "backslash": [("..\\..\\out.txt",)],
    "drive": [("C:/out.txt",)],
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("compression", ["gz", "bz2"])
def test_a_hostile_tar_writes_nothing(tmp_path, name, compression):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("mine")
    archive = tmp_path / "downloads" / f"corpus.tar.{compression}"
    archive.parent.mkdir()
    with tarfile.open(archive, f"w:{compression}") as tar:
        add(tar, "good.txt")
        for member, *link in HOSTILE[name]:
            kind, target = (*link, "")[:2] if link else (tarfile.REGTYPE, "")
            add(tar, member.format(outside=outside), kind, target.format(outside=outside))
    before = list_files(tmp_path)
    process = unpack(archive, archive.parent / "unpacked")
    assert process.returncode == 2, process.stdout
    assert len(process.stderr.splitlines()) == 1
    assert "archive.py: " in process.stderr
    assert list_files(tmp_path) == before
    assert os.listdir(archive.parent) == [archive.name]


@pytest.mark.parametrize("name", ["../../out.txt", "/tmp/out.txt", "a/../../out.txt", "..\\..\\out.txt", "C:\\out.txt"])
def test_a_hostile_zip_writes_nothing(tmp_path, name):
    archive = tmp_path / "downloads" / "corpus.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("good.txt", "x")
        file.writestr(name, "x")
    process = unpack(archive, archive.parent / "unpacked")
    assert process.returncode == 2
    assert f"{name!r} leads out of the archive's folder" in process.stderr
    assert os.listdir(archive.parent) == [archive.name]


def test_links_in_a_zip_are_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as file:
        file.writestr(link, "/etc")
        file.writestr("link/out.txt", "x")
    process = unpack(tmp_path / "corpus.zip", tmp_path / "unpacked")
    assert process.returncode == 2
    assert "'link' is a link or a device" in process.stderr


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_good_archive_replaces_what_was_there(tmp_path, kind):
    archive = tmp_path / f"corpus.{kind}"
    if kind == "tar":
        with tarfile.open(archive, "w") as tar:
            for name in ("a/1_mic1.flac", "a/1_mic2.flac", "./b/2_mic1.flac"):
                add(tar, name)
            add(tar, "b/3_mic1.flac", tarfile.SYMTYPE, "2_mic1.flac")  # stays inside
    else:
        with zipfile.ZipFile(archive, "w") as file:
            for name in ("a/1_mic1.flac", "a/1_mic2.flac", "b/2_mic1.flac", "b/3_mic1.flac"):
                file.writestr(name, "x")
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "old.txt").write_text("old")
    process = unpack(archive, tmp_path / "unpacked", "*_mic1.flac")
    assert process.returncode == 0, process.stderr
    assert sorted(list_files(tmp_path / "unpacked")) == ["a/1_mic1.flac", "b/2_mic1.flac", "b/3_mic1.flac"]
    assert sorted(os.listdir(tmp_path)) == [archive.name, "unpacked"]


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGKILL"])
def test_a_cut_unpacking_leaves_nothing_under_the_final_name(tmp_path, signal):
    with tarfile.open(tmp_path / "corpus.tar", "w") as tar:
        for number in range(4):
            add(tar, f"{number}.txt")
    before = f"""
import os, signal
filter = tarfile.data_filter
def cut(member, path):
    if member.name == '2.txt':
        os.kill(os.getpid(), signal.{signal})
    return filter(member, path)
tarfile.data_filter = cut"""
    process = unpack(tmp_path / "corpus.tar", tmp_path / "unpacked", before=before)
    assert process.returncode != 0
    assert not (tmp_path / "unpacked").exists()
    assert unpack(tmp_path / "corpus.tar", tmp_path / "unpacked").returncode == 0
    assert len(list_files(tmp_path / "unpacked")) == 4
    assert sorted(os.listdir(tmp_path)) == ["corpus.tar", "unpacked"]


def test_what_was_there_stays_when_the_archive_is_damaged(tmp_path):
    with tarfile.open(tmp_path / "corpus.tar.gz", "w:gz") as tar:
        add(tar, "a.txt", content=os.urandom(100_000))
    archive = tmp_path / "corpus.tar.gz"
    archive.write_bytes(archive.read_bytes()[:50_000])
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "old.txt").write_text("old")
    process = unpack(archive, tmp_path / "unpacked")
    assert process.returncode == 2
    assert len(process.stderr.splitlines()) == 1
    assert list_files(tmp_path / "unpacked") == {"old.txt": b"old"}


def test_an_old_python_is_told_which_one_to_take(tmp_path):
    with tarfile.open(tmp_path / "corpus.tar", "w") as tar:
        add(tar, "a.txt")
    process = unpack(tmp_path / "corpus.tar", tmp_path / "unpacked", before="del tarfile.data_filter")
    assert process.returncode == 2
    assert "take 3.10.12, 3.11.4, 3.12 or later" in process.stderr
    assert os.listdir(tmp_path) == ["corpus.tar"]


# --- downloads --------------------------------------------------------------------------------------------


def download(folder: Path, server: Path, **environment: str) -> subprocess.CompletedProcess:
    """Unpack server/corpus.tar.bz2 as a get_corpus.sh does."""
    folder.mkdir(exist_ok=True)
    script = folder / "get_corpus.sh"
    script.write_text(f'. {RECIPES}/download.sh\nunpack "file://{server}/corpus.tar.bz2" downloads/unpacked\n')
    return subprocess.run(
        ["bash", str(script)], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.fixture
def server(tmp_path):
    (tmp_path / "server").mkdir()
    with tarfile.open(tmp_path / "server" / "corpus.tar.bz2", "w:bz2") as tar:
        add(tar, "a.txt")
    return tmp_path / "server"


def test_an_escaping_member_ends_the_recipe(tmp_path, server):
    with tarfile.open(server / "corpus.tar.bz2", "w:bz2") as tar:
        add(tar, "../../../out.txt")
    process = download(tmp_path / "here", server)
    assert process.returncode == 2
    assert "leads out of the archive's folder" in process.stderr
    assert not (tmp_path / "out.txt").exists()
    assert not (tmp_path / "here/downloads/unpacked").exists()


def test_an_archive_without_a_checksum_gets_one_and_must_stay_the_same(tmp_path, server):
    found = hashlib.sha256((server / "corpus.tar.bz2").read_bytes()).hexdigest()
    process = download(tmp_path / "here", server)
    assert process.returncode == 0, process.stderr
    assert f"its SHA-256 is {found}" in process.stderr
    noted = tmp_path / "here/downloads/sha256sums"
    assert noted.read_text() == f"{found}  corpus.tar.bz2\n"
    shutil.rmtree(tmp_path / "here/downloads/unpacked")
    (tmp_path / "here/downloads/corpus.tar.bz2").unlink()
    with tarfile.open(server / "corpus.tar.bz2", "w:bz2") as tar:
        add(tar, "other.txt")
    process = download(tmp_path / "here", server)
    assert process.returncode == 2
    assert f"its SHA-256 is not {found}" in process.stderr
    assert not (tmp_path / "here/downloads/unpacked").exists()
    assert noted.read_text() == f"{found}  corpus.tar.bz2\n"


@pytest.mark.parametrize("right", [True, False])
def test_a_published_checksum_is_compared(tmp_path, server, right):
    found = hashlib.sha256((server / "corpus.tar.bz2").read_bytes()).hexdigest()
    (tmp_path / "sums").write_text(f"{found if right else found[::-1]}  corpus.tar.bz2\n")
    process = download(tmp_path / "here", server, CORPUS_SHA256SUMS=str(tmp_path / "sums"))
    assert process.returncode == (0 if right else 2), process.stderr
    assert (tmp_path / "here/downloads/unpacked").exists() == right
