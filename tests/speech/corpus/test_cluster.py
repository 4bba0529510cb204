"""A cluster gives the bytes that one machine gives; what does not answer ends in one line."""

import importlib.util
import os
import socket
import sys

import numpy as np
import pytest
import soundfile

from translate.config import WorldConfig
from translate.corpus.manifest import scan_folders
from translate.errors import UserError
from translate.speech.corpus import cluster
from translate.speech.corpus import features as speech
from translate.speech.corpus.cluster import work
from translate.speech.corpus.features import extract
from translate.speech.corpus.mini import make_speech

CONFIG = WorldConfig(sample_rate=16000, dimensions=8, f0="dio")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clustered")
    make_speech(folder, sentences=2, evaluation=1)
    return folder


@pytest.fixture(scope="module")
def entries(corpus):
    return scan_folders(corpus, evaluation="eval_*")


@pytest.fixture(scope="module")
def alone(entries, tmp_path_factory):
    """What one process writes."""
    out = tmp_path_factory.mktemp("alone") / "features"
    extract(entries, CONFIG, out, jobs=1, progress=False)
    return files(out)


@pytest.fixture(scope="module")
def scheduler():
    """Address of a scheduler on loopback with two workers."""
    pytest.importorskip("distributed")
    from dask.distributed import LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "protocol": "tcp://"}
    with LocalCluster(**options, host="127.0.0.1", dashboard_address=None) as here:
        yield here.scheduler_address.replace("tcp://", "dask://")


def files(out):
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def test_a_scheduler_gives_the_same_bytes(entries, alone, scheduler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extract(entries, CONFIG, "relative/features", progress=False, cluster=scheduler)
    assert files(tmp_path / "relative" / "features") == alone


def test_a_cluster_goes_on_where_another_run_was_cut(entries, alone, scheduler, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "bad.wav", np.zeros(16000), 16000)
    bad = [type(entries[0])(id="bad", path=tmp_path / "bad.wav", domain="low", split="train")]
    out, analysed = tmp_path / "features", []
    with pytest.raises(UserError, match=r"1 of 4 files cannot be used: .*bad\.wav: silent"):
        extract([*entries[:3], *bad], CONFIG, out, progress=False, cluster=scheduler)
    read = speech.read_wave
    monkeypatch.setattr(speech, "read_wave", lambda path, rate: (analysed.append(path), read(path, rate))[1])
    extract(entries, CONFIG, out, progress=False, cluster=scheduler)
    assert sorted(analysed) == sorted(entry.path for entry in entries[3:])
    assert files(out) == alone


def test_what_a_worker_raises_comes_here(scheduler):
    with pytest.raises(ZeroDivisionError):
        list(work(divmod, [(1, 1), (1, 0)], cluster=scheduler))


@pytest.mark.slow
def test_workers_that_die_are_one_line():
    pytest.importorskip("distributed")
    with pytest.raises(UserError, match=r"lost its workers or its scheduler \(KilledWorker\).* goes on where it was"):
        list(work(os._exit, [(1,), (1,)], jobs=2, cluster="dask"))


@pytest.mark.slow
def test_workers_of_our_own_give_the_same_bytes(entries, alone, tmp_path):
    pytest.importorskip("distributed")
    extract(entries, CONFIG, tmp_path / "features", jobs=2, progress=False, cluster="dask")
    assert files(tmp_path / "features") == alone


@pytest.mark.slow
def test_ray_gives_the_same_bytes(entries, alone, tmp_path):
    pytest.importorskip("ray")
    extract(entries, CONFIG, tmp_path / "features", jobs=2, progress=False, cluster="ray")
    assert files(tmp_path / "features") == alone


@pytest.mark.parametrize("name", ["dask:8786", "dask://", "dask://host", "dask://host:port", "spark", "tcp://host:1"])
def test_an_unknown_cluster_is_named(entries, tmp_path, name):
    with pytest.raises(UserError, match=rf"--cluster {name}: unknown; expected processes, dask .*, ray"):
        extract(entries, CONFIG, tmp_path / "features", progress=False, cluster=name)


def test_a_scheduler_that_does_not_answer_is_one_line(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))                                 # nobody listens
        address = f"dask://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UserError, match=r"no Dask scheduler answers \(.*\); start one with `dask scheduler`"):
            list(work(abs, [(1,)], cluster=address))


def test_a_scheduler_without_workers_is_one_line():
    pytest.importorskip("distributed")
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address=":0") as empty:
        address = empty.scheduler_address.replace("tcp://", "dask://")
        with pytest.raises(UserError, match="the scheduler has no workers"):
            list(work(abs, [(1,)], cluster=address))


@pytest.mark.parametrize(("name", "module", "hint"), [
    ("dask", "dask.distributed", r"needs dask: bash tools/setup\.sh cluster, or pip"),
    ("ray", "ray", "needs Ray: pip install ray"),
])  # fmt: skip
def test_a_missing_package_is_one_line(monkeypatch, name, module, hint):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"--cluster {name} {hint}"):
        list(work(abs, [(1,)], cluster=name))


def test_ray_hands_its_results_over_together(monkeypatch):
    """Its back end cannot yield them one by one; a stand-in that cannot, either, takes its place."""
    if importlib.util.find_spec("ray"):
        pytest.skip("Ray itself is tested")
    from joblib import register_parallel_backend
    from joblib._parallel_backends import MultiprocessingBackend

    def register():
        register_parallel_backend("ray", MultiprocessingBackend)

    monkeypatch.setattr(cluster, "_import_ray", lambda: register)
    assert sorted(work(abs, [(-3,), (2,)], jobs=2, cluster="ray")) == [2, 3]


def test_a_worker_on_another_file_system_is_noticed(entries, tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "work", lambda *_: iter([None] * len(entries)))
    with pytest.raises(UserError, match="a worker wrote it elsewhere; --out must be a folder that all machines share"):
        extract(entries, CONFIG, tmp_path / "features", progress=False)
