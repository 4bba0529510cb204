"""ProGAN and StyleGAN: numbers of the papers, table 1, growing in the trainer, runs that are killed inside a fade."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import configure, make_run

import translate
from translate.checkpoints.store import load_state
from translate.errors import UserError
from translate.files import load_arrays
from translate.jobs.prepare import prepare_corpus
from translate.jobs.train import train_system
from translate.losses import AdversarialLoss
from translate.models import resolve
from translate.networks.progan import ProganDiscriminator, ProganGenerator
from translate.networks.stylegan import StyleGenerator

GROWING = ["progan", "stylegan"]
ROOT = Path(__file__).resolve().parents[2]


def build_whole(model, **sections):
    config = resolve({"model": model} | sections, "test")
    with torch.device("meta"):
        return config, config.build()


def count(game):
    return [sum(p.numel() for p in player.parameters()) / 1e6 for player in game.players.values()]


# --- numbers of the papers ----------------------------------------------------------------------------------


def test_numbers_of_progan():
    config, game = build_whole("progan")
    assert count(game) == pytest.approx([23.1, 23.1], abs=0.05)
    assert config.shape == (3, 1024, 1024)
    for player in config.players.values():
        assert (player.learning_rate, player.betas, player.optimizer) == (1e-3, [0.0, 0.99], "adam")
    assert (config.players["generator"].average, config.players["discriminator"].average) == (0.999, None)
    losses = {name: weight.weight for name, weight in game.weights["discriminator"].items() if weight.weight}
    assert losses == {"adversarial": 1, "gradient_penalty": 10, "drift": 1e-3}
    assert (game.adversarial, game.discriminator_steps, game.latent.size) == (AdversarialLoss("wgan"), 1, 512)
    grown = [(level, fades) for level in range(1, 9) for fades in (True, False)]
    assert [(p.level, p.fades) for p in game.phases] == [(0, False), *grown]
    sizes = {p.level: p.batch_size for p in game.phases}
    assert list(sizes.values()) == [16] * 6 + [14, 6, 3]
    shown = [p.steps * p.batch_size for p in game.phases[:-1]]
    assert all(600_000 <= pictures < 600_000 + 16 for pictures in shown)
    rest = (config.train.steps - game.phases[-1].begins) * 3
    assert sum(shown) + rest == pytest.approx(15e6, rel=0.001)
    assert config.train.decay_from == 1


def test_numbers_of_stylegan():
    config, game = build_whole("stylegan")
    assert count(game) == pytest.approx([26.2, 23.1], abs=0.05)
    for player in config.players.values():
        assert (player.learning_rate, player.betas) == (1e-3, [0.0, 0.99])
    r1 = config.players["discriminator"].losses["r1"]
    assert (r1.weight, r1.every, r1.at(0), r1.at(1), r1.at(16)) == (10, 16, 160, 0, 160)
    assert (game.adversarial, game.mixing) == (AdversarialLoss("nonsaturating"), 0.9)
    generator = game.players["generator"]["map"]
    assert (len(generator.mapping), generator.average.numel(), generator.truncated) == (8, 512, 8)
    assert game.phases[0].level == 1                                # 8 x 8 pixels
    assert {p.level: p.rate for p in game.phases} == dict(zip(range(1, 9), [1, 1, 1, 1, 1.5, 2, 3, 3], strict=True))
    shown = sum(p.steps * p.batch_size for p in game.phases[:-1])
    assert shown + (config.train.steps - game.phases[-1].begins) * 32 == pytest.approx(25e6, rel=0.01)


TABLE = {
    "F": {}, "E": {"mixing": 0.0}, "D": {"mixing": 0.0, "noisy": False},
    "C": {"mixing": 0.0, "noisy": False, "constant": False},
    "B": {"mixing": 0.0, "noisy": False, "constant": False, "styles": False},
    "A": {"mixing": 0.0, "noisy": False, "constant": False, "styles": False, "blurs": False},
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
def test_every_row_of_table_1_plays(row):
    config = configure("stylegan", network=TABLE[row], train={"crop": 16})
    torch.manual_seed(0)
    game, batch = config.build(), config.example_batch(4)
    for step in (0, 1):
        for _, losses in game.play(batch, step):
            assert all(loss.isfinite() for loss in losses.values())
    discriminator, generator = game.players["discriminator"]["judge"], game.players["generator"]["map"]
    assert {block.blurs for block in discriminator.blocks} == {generator.blurs} == {row != "A"}


@pytest.mark.parametrize(("model", "sections", "words"), [
    ("progan", {"network": {"labels": "told"}}, r"`network\.labels` is told: ProGAN asks"),
    ("stylegan", {"network": {"labels": "asked"}}, r"`network\.labels` is asked: StyleGAN is told"),
    ("stylegan", {"network": {"styles": False}}, r"`network\.constant` is True: without network\.styles noise"),
    ("stylegan", {"network": {"styles": False, "constant": False}}, r"`network\.mixing` is 0\.9: without network"),
    ("progan", {"growth": {"batch_sizes": [4, 0]}}, r"`growth\.batch_sizes` is \[4, 0\]: expected sizes of 1"),
    ("progan", {"growth": {"rates": []}}, r"`growth\.rates` is \[\]: expected factors above 0"),
    ("stylegan", {"growth": {"rates": [1, 0]}}, r"`growth\.rates` is \[1\.0, 0\.0\]: expected factors above 0"),
    ("progan", {"train": {"crop": 20}}, r"`network\.layers` is 3: pictures of 20 x 20"),
])  # fmt: skip
def test_settings_that_do_not_fit_are_named(model, sections, words):
    with pytest.raises(UserError, match=words) as error:
        configure(model, sections).build()
    assert "\n" not in str(error.value)


def test_batches_of_all_levels_are_those_of_the_training_where_none_are_named():
    config = configure("progan", growth={"batch_sizes": []}, train={"batch_size": 6})
    assert {p.batch_size for p in config.build().phases} == {6}


# --- generating ---------------------------------------------------------------------------------------------


def test_truncation_is_of_styles_and_belongs_to_the_call(tmp_path):
    """The vectors that are kept are whole; the truncation is given again with them."""
    from translate.jobs.generate import generate_files

    run = make_run(tmp_path / "run", "stylegan", network={"labels": "told"})
    whole, half, none = (translate.generate(run, 6, label="low", truncation=psi) for psi in (None, 0.5, 0.0))
    assert np.array_equal(translate.generate(run, 6, label="low", truncation=1.0), whole)
    assert np.abs(none.astype(int) - none[:1]).max() <= 1           # but for rounding
    spread = [pictures.astype(float).std(axis=0).mean() for pictures in (whole, half, none)]
    assert spread[0] > spread[1] > spread[2]
    generate_files(run, tmp_path / "out", count=6, label="low", truncation=0.5)
    kept = tmp_path / "out/latents.safetensors"
    assert np.abs(load_arrays(kept)["latents"]).max() > 1.5         # noise is not truncated
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out/3.png")), half[3])
    assert np.array_equal(translate.generate(run, 6, latents=str(kept), truncation=0.5), half)
    assert np.array_equal(translate.generate(run, 6, latents=str(kept)), whole)
    way = translate.generate(run, between="0,1", steps=3, label="low", truncation=0.5)
    assert np.abs(way[0].astype(int) - half[0]).max() <= 1


def test_truncation_of_progan_is_of_noise(tmp_path):
    run = make_run(tmp_path / "run", "progan")
    with pytest.raises(UserError, match=r"truncation=0\.0: expected 0\.01 or more"):
        translate.generate(run, 2, truncation=0)
    assert not np.array_equal(translate.generate(run, 2, truncation=0.5), translate.generate(run, 2))


def test_truncation_without_styles_is_refused(tmp_path):
    run = make_run(tmp_path / "run", "stylegan", network=TABLE["B"])
    with pytest.raises(UserError, match=r"truncation=0\.5: the model has no styles"):
        translate.generate(run, 2, truncation=0.5)


# --- training -----------------------------------------------------------------------------------------------

# 8 pictures in batches of 4 at 2 x 2; a fade of 6 steps of 2 at 4 x 4, then 4; a fade of 6, then the end.
GROWTH = {"start": 0, "hold": 8, "fade": 12, "batch_sizes": [4, 2], "rates": [1.0, 0.5]}
BORDERS = [0, 2, 8, 12, 18]
STEPS = 20


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Manifests of 12 pictures of two labels, 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for label in ("bright", "dark"):
        (folder / label).mkdir()
        for number in range(6):
            pixels = random.integers(0, 128, (8, 8, 3), dtype=np.uint8) + (127 if label == "bright" else 0)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")
    prepare_corpus(folder, folder / "data", None, ["*"], None, "train", "folders")
    return folder / "data"


def list_settings(model):
    return {
        "data": {"domains": ["bright", "dark"]}, "images": {"size": None}, "growth": GROWTH,
        "network": {"latent": 4, "channels": 4, "layers": 2, "labels": "asked" if model == "progan" else "told"},
        "train": {"crop": 8, "steps": STEPS, "save_every": 1, "keep": 30, "log_every": 1, "sample_every": 0,
                  "device": "cpu"},
        "players": {"generator": {"average": 0.9}},
    }  # fmt: skip


def settle(model, **sections):
    return configure(model, list_settings(model), sections)


@pytest.fixture(scope="module", params=GROWING)
def whole(request, corpus, tmp_path_factory):
    """A run that was never cut: its model and its last checkpoint."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, train_system(settle(request.param), corpus, folder / "whole")


def test_the_phases_of_the_run(whole):
    model, _ = whole
    assert [p.begins for p in settle(model).build().phases] == BORDERS


def test_every_phase_has_its_batches_rate_and_a_fresh_optimiser(whole):
    _, last = whole
    for step in range(1, STEPS + 1):
        state = load_state(last.parent / f"step_{step:08}")["optimizers"]["discriminator"]
        begun = max(border for border in BORDERS if border < step)
        head = [entry["step"].item() for entry in state["state"].values()]
        assert max(head) == step - begun
        assert state["param_groups"][0]["lr"] == pytest.approx(1e-3 if step <= 2 else 5e-4)


@pytest.mark.parametrize("cut", [2, 5, 8, 10, 18], ids=["border", "fade", "its end", "inside", "last border"])
def test_a_resumed_run_is_the_uncut_one_to_the_bit(whole, corpus, tmp_path, differing, cut):
    model, last = whole
    shutil.copytree(last.parent / f"step_{cut:08}", tmp_path / "cut" / f"step_{cut:08}")
    assert differing(last, train_system(settle(model), corpus, tmp_path / "cut")) == []


def test_another_seed_is_another_run(whole, corpus, tmp_path, differing):
    """So that the comparison above could fail."""
    model, last = whole
    assert differing(last, train_system(settle(model, train={"seed": 1}), corpus, tmp_path / "other")) != []


def test_checkpoints_from_inside_a_fade_generate_as_the_network_was(whole):
    """At the fade's position, which is saved: 3 of 6 steps at step 5, so that the last one was played at 2 / 6."""
    _, last = whole
    found = translate.load(last.parent / "step_00000005").game.players["generator"]["map"]
    assert (found.level, found.fading, found.growth[1].item()) == (1, True, pytest.approx(2 / 6))
    assert translate.generate(last.parent / "step_00000005", 3).shape == (3, 8, 8, 3)
    found = translate.load(last).game.players["generator"]["map"]
    assert (found.level, found.fading) == (2, False)


@pytest.mark.parametrize("model", GROWING)
def test_networks_are_the_papers(model):
    game = settle(model).build()
    assert isinstance(game.players["generator"]["map"], ProganGenerator if model == "progan" else StyleGenerator)
    assert isinstance(game.players["discriminator"]["judge"], ProganDiscriminator)


# --- killed -------------------------------------------------------------------------------------------------


def start(model, corpus, folder, processes):
    """Start a training in its own processes; returns them."""
    settings = folder.parent / f"{model}.yaml"
    values = {"model": model} | list_settings(model)
    tiny = configure(model).model_dump()["network"]
    values["network"] = {**{k: tiny[k] for k in ("latent", "channels")}, **values["network"]}
    if model == "stylegan":
        values["network"] |= {"units": 8, "depth": 2}
    settings.write_text(json.dumps(values))                         # YAML, too
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    started = []
    for rank in range(processes):
        shared = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        mine = shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else {}
        command = [sys.executable, "-m", "translate", "train", "--config", str(settings), "--data", str(corpus),
                   "--out", str(folder)]  # fmt: skip
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        started.append(subprocess.Popen(command, env=environment | mine, text=True, **streams))
    return started


def finish(started):
    told = [process.communicate(timeout=600)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started), told


def kill_inside(started, folder, first, last):
    """Kill all processes (SIGKILL) while the newest checkpoint is of the steps `first` to `last`; returns its step."""
    try:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and all(process.poll() is None for process in started):
            latest = folder / "latest"
            if latest.exists() and int(latest.resolve().name[5:]) >= first:
                break
            time.sleep(0.002)
    finally:
        for process in started:
            process.send_signal(signal.SIGKILL)
        for process in started:
            process.communicate(timeout=60)
    step = int((folder / "latest").resolve().name[5:])
    assert [process.returncode for process in started] == [-signal.SIGKILL] * len(started)
    assert first <= step < last, "killed too late; nothing is shown"
    return step


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("model", GROWING)
def test_a_run_killed_inside_a_fade_ends_as_the_uncut_one(model, processes, corpus, tmp_path, differing):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    finish(start(model, corpus, tmp_path / "a/run", processes))
    cut = tmp_path / "b/run"
    step = kill_inside(start(model, corpus, cut, processes), cut, BORDERS[1] + 1, BORDERS[2])
    fading = translate.load(cut / f"step_{step:08}").game.players["generator"]["map"]
    assert fading.fading
    finish(start(model, corpus, cut, processes))
    assert differing((tmp_path / "a/run/latest").resolve(), (cut / "latest").resolve()) == []
    assert (cut / "latest").resolve().name == f"step_{STEPS:08}"
    assert len(load_state((cut / "latest").resolve())["others"]) == processes - 1
