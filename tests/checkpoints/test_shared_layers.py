"""Networks that share layers: written once, read back into every place, trained, resumed, shared and started from."""

from contextlib import suppress

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from translate.checkpoints.foreign import check_foreign
from translate.checkpoints.opening import open_checkpoint
from translate.checkpoints.share import share
from translate.checkpoints.store import load_averages, load_weights, read_weights, start_from
from translate.checkpoints.tensors import load_tensors, read_header, save_tensors
from translate.checkpoints.trust import TRUST
from translate.errors import UserError
from translate.training.trainer import train

OPTIONS = (
    "model=shared_layers", "network={channels: 4, blocks: 1}", "train.steps=6", "train.save_every=3",
    "players.generator.average=0.5",
)  # fmt: skip
FIRST = "players.generator.to_target.first.weight"
SECOND = "players.generator.to_source.first.weight"
TIED = ["players.generator.to_target.there.weight", "players.generator.to_target.back.weight"]


# --- files ------------------------------------------------------------------------------------------------


def test_a_shared_tensor_is_written_once_and_other_views_are_copied(tmp_path):
    memory = torch.arange(12.0)
    tensors = {
        "a": memory.view(3, 4), "same": memory.view(3, 4), "flat": memory, "part": memory[2:6],
        "turned": memory.view(3, 4).t(), "empty": torch.zeros(0), "also empty": torch.zeros(0),
    }  # fmt: skip
    path = tmp_path / "x.safetensors"
    save_tensors(path, tensors, {"mark": "kept"})
    header, found = read_header(path), load_tensors(path)
    assert header.same == {"same": "a"}
    assert header.metadata["mark"] == "kept"
    assert set(found) == set(load_file(path)) == set(tensors) - {"same"}
    assert all(torch.equal(found[name], tensors[name]) for name in found)
    assert header.shapes == {name: tuple(value.shape) for name, value in tensors.items()}


def test_files_without_shared_tensors_are_as_before(tmp_path):
    from safetensors.torch import save_file

    tensors = {"a": torch.randn(3, 4), "b": torch.randn(2)}
    save_tensors(tmp_path / "ours", tensors)
    save_file(tensors, tmp_path / "plain")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "plain").read_bytes()


@pytest.mark.parametrize("same", ['{"b": "nowhere"}', "[1]", "{", '{"b": 3}'])
def test_names_that_lead_nowhere_are_damage(tmp_path, same):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2)}, tmp_path / "x", {"same": same})
    with pytest.raises(UserError, match=r"x: damaged \(.*; take another checkpoint"):
        read_header(tmp_path / "x")


# --- runs -------------------------------------------------------------------------------------------------


class Cut(Exception):
    pass


@pytest.fixture
def run(tmp_path, make_run):
    made = make_run(*OPTIONS)
    train(*made.arguments(tmp_path / "run"))
    return made, tmp_path / "run"


def test_a_run_is_saved_once_and_loads_into_every_place(run):
    made, folder = run
    checkpoint = (folder / "latest").resolve()
    written = load_file(checkpoint / "weights.safetensors")
    assert FIRST in written
    assert not {SECOND, TIED[1]} & written.keys()
    weights = read_weights(checkpoint, average=False)
    assert weights.keys() == made.translator.state_dict().keys()
    assert all(torch.equal(weights[key], value) for key, value in made.translator.state_dict().items())
    fresh = made.config.build()
    load_weights(checkpoint, fresh, average=False)
    assert all(torch.equal(weights[key], value) for key, value in fresh.state_dict().items())
    assert fresh.maps["to_target"].first is fresh.maps["to_source"].first


def test_averages_reach_every_place(run):
    made, folder = run
    average = load_averages((folder / "latest").resolve())
    assert not torch.equal(average[FIRST], made.translator.state_dict()[FIRST])
    game = open_checkpoint(folder).game
    for name in (FIRST, SECOND):
        assert torch.equal(game.state_dict()[name], average[FIRST])
    for name in TIED:
        assert torch.equal(game.state_dict()[name], average[TIED[0]])


def test_resuming_is_exact(tmp_path, make_run, differing, run):
    _, whole = run
    cut = make_run(*OPTIONS)
    real = cut.translator.training_step

    def steps(batch, step):
        if step == 4:
            raise Cut
        yield from real(batch, step)

    cut.translator.training_step = steps
    with suppress(Cut):
        train(*cut.arguments(tmp_path / "parts"))
    assert differing(whole / "latest", train(*make_run(*OPTIONS).arguments(tmp_path / "parts"))) == []


def test_another_run_starts_from_it(make_run, run):
    _, folder = run
    game = make_run(*OPTIONS, "train.seed=1").translator
    assert start_from(folder, game) == len(game.state_dict())
    assert torch.equal(game.state_dict()[SECOND], load_averages((folder / "latest").resolve())[FIRST])


@pytest.mark.parametrize("half", [False, True])
def test_it_can_be_given_to_others(tmp_path, monkeypatch, run, half):
    _, folder = run
    shared = share(folder, tmp_path / "shared", half=half)
    monkeypatch.setenv(TRUST, "shared_layers")
    check_foreign(shared, "shared")
    assert SECOND not in load_file(shared / "weights.safetensors")
    ours, theirs = open_checkpoint(folder), open_checkpoint(shared)
    for key, value in theirs.game.state_dict().items():
        torch.testing.assert_close(value, ours.game.state_dict()[key], atol=1e-2 if half else 0, rtol=0)


def test_names_do_not_buy_larger_networks(tmp_path, monkeypatch, run):
    """What a stranger's configuration may build is measured by what was written, not by its names."""
    from safetensors.torch import save_file

    from translate.checkpoints import foreign

    _, folder = run
    shared = share(folder, tmp_path / "shared")
    monkeypatch.setenv(TRUST, "shared_layers")
    monkeypatch.setattr(foreign, "UNSHARED", 0)
    monkeypatch.setattr(foreign, "RATIO", 1)
    monkeypatch.setattr(foreign, "find_code", lambda values: [])     # as though the networks were the toolkit's
    (shared / "config.yaml").write_text((shared / "config.yaml").read_text().replace("channels: 4", "channels: 400"))
    same = {f"x{n}": "a" for n in range(10_000)}
    save_file({"a": torch.ones(100)}, shared / "weights.safetensors", {"same": str(same).replace("'", '"')})
    with pytest.raises(UserError, match="far larger than its weights"):
        check_foreign(shared, "shared")


def test_a_shared_layer_moves_by_the_gradients_of_both_places(make_run):
    game = make_run(*OPTIONS).translator
    batch = {name: torch.randn(1, 12, 16) for name in ("source", "target")}
    player, losses = next(game.training_step(batch, 0))
    losses["cycle"].backward()
    assert player == "generator"
    assert list(dict(game.named_parameters())).count(FIRST) == 1
    assert game.maps["to_source"].first.weight.grad is game.maps["to_target"].first.weight.grad


def test_two_players_may_not_step_one_parameter(tmp_path, make_run):
    run = make_run(*OPTIONS)
    layer = run.translator.maps["to_target"].first
    run.translator.players["discriminator"]["target"].extra = layer
    with pytest.raises(ValueError, match=r"players `generator` and `discriminator` share `target\.extra\.weight`: two"):
        train(*run.arguments(tmp_path / "run"))
    for parameter in layer.parameters():
        parameter.requires_grad_(False)                             # nobody steps what does not learn
    train(*run.arguments(tmp_path / "run"))
    fresh = run.config.build()
    fresh.players["discriminator"]["target"].extra = fresh.maps["to_target"].first
    load_weights((tmp_path / "run" / "latest").resolve(), fresh)
    assert isinstance(fresh.players["discriminator"]["target"].extra, nn.Conv1d)
