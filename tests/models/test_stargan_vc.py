"""StarGAN-VC through its configuration: defaults, every game, refusals, exact resuming, and that it learns."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from turns import learn

from translate.checkpoints.opening import open_checkpoint
from translate.checkpoints.tensors import save_tensors
from translate.config import merge, write_yaml
from translate.errors import UserError
from translate.losses.judgement import mixes_samples
from translate.models import resolve
from translate.training.player import Player
from translate.training.trainer import train

NAME = "stargan_vc"
VOICES = ["SF1", "SF2", "SM1", "SM2"]
TINY = {
    "data": {"domains": VOICES},
    "network": {"channels": 4},
    "features": {"sample_rate": 16000, "dimensions": 12},
    "train": {"crop": 32, "batch_size": 4},
}


def build(**sections):
    config = resolve(merge({"model": NAME, "data": {"domains": VOICES}}, sections), "test")
    torch.manual_seed(0)
    return config, config.build()


def make_batch(frames=32, size=4):
    torch.manual_seed(1)
    domain = torch.eye(4)[torch.arange(size) % 4]
    return {"source": torch.randn(size, 12, frames), "domain": domain, "mask": torch.ones(size, 4)}


def play(config, translator, batch, steps):
    """Train on one batch; returns the losses of every step."""
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    rows = []
    for step in range(steps):
        row = {}
        for name, losses in translator.training_step(batch, step):
            learn(players[name], losses, translator.weights[name], step, 1.0)
            row |= {f"{name}/{loss}": value.item() for loss, value in losses.items()}
        rows.append(row)
    return rows


def test_defaults():
    config, translator = build()
    assert list(translator.players) == ["generator", "discriminator", "classifier"]
    generator, discriminator = config.players["generator"], config.players["discriminator"]
    assert (generator.learning_rate, discriminator.learning_rate) == (2e-4, 1e-4)
    losses = generator.losses
    assert (losses["adversarial"].weight, losses["classification"].weight, losses["cycle"].weight) == (1, 1, 10)
    assert (losses["identity"].weight, losses["identity"].until) == (5, 10_000)
    assert (config.features.dimensions, config.data.batches) == (36, "labelled")
    assert (translator.adversarial.kind, translator.game, translator.codes) == ("nonsaturating", "target", "target")
    assert "gradient_penalty" not in translator.weights["discriminator"]
    counts = [sum(p.numel() for p in player.parameters()) for player in translator.players.values()]
    assert counts == [1_929_003, 167_953, 33_716]


@pytest.mark.parametrize("network", [
    {}, {"adversarial": "lsgan"}, {"adversarial": "wgan"}, {"discriminator_steps": 2}, {"bottleneck": 3},
    {"norm": "instance"}, {"norm": "instance", "adversarial": "wgan"},
])  # fmt: skip
def test_every_variant_trains(network):
    config, translator = build(**merge(TINY, {"network": network}))
    before = {key: value.clone() for key, value in translator.state_dict().items()}
    row = play(config, translator, make_batch(), 2)[-1]
    assert torch.tensor(list(row.values())).isfinite().all()
    assert ("discriminator/gradient_penalty" in row) == (network.get("adversarial") == "wgan")
    assert set(row) >= {
        "discriminator/adversarial", "classifier/classification", "generator/adversarial", "generator/classification",
        "generator/cycle", "generator/identity",
    }  # fmt: skip
    assert mixes_samples(translator.map) == (network.get("norm") != "instance")
    assert not (mixes_samples(translator.players["discriminator"]) and network.get("adversarial") == "wgan")
    still = {key for key, value in translator.state_dict().items() if torch.equal(value, before[key])}
    # What the last layer adds for a domain is the same for real samples and fakes, and cancels in a critic.
    added = {f"players.discriminator.judge.head.{name}" for name in ("code", "convolution.bias")}
    assert still == (added if network.get("adversarial") == "wgan" else set())


def test_each_turn_moves_its_player_alone():
    config, translator = build(**TINY)
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}

    def copy():                                                             # running means are no player's
        return {key: value.detach().clone() for key, value in translator.named_parameters()}

    before = copy()
    for name, losses in translator.training_step(make_batch(), 0):
        learn(players[name], losses, translator.weights[name], 0, 1.0)
        after = copy()
        moved = {key.split(".")[1] for key in after if not torch.equal(after[key], before[key])}
        assert moved == {name}
        before = after


@pytest.mark.parametrize("frames", [8, 13, 51])
def test_all_pairs_at_any_length(frames):
    _, translator = build(**TINY)
    x = torch.randn(1, 12, frames)
    fakes = [translator.translate(x, "SF1", target) for target in VOICES]
    assert all(fake.shape == x.shape for fake in fakes)
    assert not any(torch.equal(fakes[0], fake) for fake in fakes[1:])
    between = translator.translate(x, "SF1", torch.tensor([0.5, 0.5, 0.0, 0.0]))  # domains mix
    assert not any(torch.equal(between, fake) for fake in fakes)


@pytest.mark.parametrize(("sections", "words"), [
    ({"data": {"domains": []}}, "`data.domains` is []: expected 2 or more different names; give --domains"),
    ({"data": {"domains": ["a", "a"]}}, "`data.domains` is [a, a]: expected 2 or more different names"),
    ({"network": {"adversarial": "bce"}}, "`network.adversarial` is \"bce\": it should be 'nonsaturating', 'lsgan' or"),
    ({"network": {"channels": 6}}, "`network.channels` is 6: it should be a multiple of 4"),
    ({"players": {"discriminator": {"losses": {"r1": 1}}}}, "`players.discriminator.losses.r1` is 1: it takes"),
])  # fmt: skip
def test_what_cannot_be_trained_is_refused(sections, words):
    with pytest.raises(UserError) as error:
        build(**sections)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tiny_model_overfits_two_crops():
    """It learns them by heart: there and back, and in whose voice each is."""
    rate = {"learning_rate": 6e-3}
    config, translator = build(**merge(TINY, {
        "network": {"bottleneck": 64},
        "train": {"crop": 16},
        "players": {"generator": rate, "classifier": rate, "discriminator": {"learning_rate": 3e-4}},
    }))  # fmt: skip
    rows = play(config, translator, make_batch(16, 2), 40)

    def mean(name, part):
        return sum(row[name] for row in rows[part]) / len(rows[part])

    for name, share in [("generator/identity", 0.4), ("generator/cycle", 0.4), ("classifier/classification", 0.4)]:
        assert mean(name, slice(-5, None)) < share * mean(name, slice(5)), name


# --- runs -------------------------------------------------------------------------------------------------


class Noise:
    """A sampler of labelled batches."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(0)

    def next(self):
        return {
            "source": torch.randn(4, 12, 32, generator=self.generator),
            "domain": torch.eye(4),
            "mask": torch.ones(4, 4),
        }

    def position(self):
        return {"state": self.generator.get_state()}

    def take(self, batch_size):
        pass

    def seek(self, position):
        self.generator.set_state(position["state"])


class Cut(Exception):
    pass


def run(folder, cut=None):
    """Train for five steps; `cut` ends the run before that step."""
    config, translator = build(**merge(TINY, {
        "network": {"adversarial": "wgan", "discriminator_steps": 2},
        "train": {"steps": 5, "save_every": 2, "sample_every": 0, "device": "cpu"},
    }))  # fmt: skip
    step = translator.training_step

    def steps(batch, now):
        if now == cut:
            raise Cut
        yield from step(batch, now)

    translator.training_step = steps
    return train(translator, config, Noise(), {"all/count": np.ones(1)}, folder)


def test_resuming_is_exact(tmp_path):
    whole = run(tmp_path / "whole")
    with suppress(Cut):
        run(tmp_path / "parts", 3)
    torch.rand(17)                                                          # a new process has drawn other numbers
    last = run(tmp_path / "parts")
    assert (last / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()


def test_runs_from_before_batch_norm_keep_their_norms(tmp_path):
    """Their configuration does not have the key; a new configuration without it gets the paper's."""
    config, game = build(**merge(TINY, {"network": {"norm": "instance"}}))
    write_yaml(tmp_path / "config.yaml", config)
    text = (tmp_path / "config.yaml").read_text()
    assert "norm: instance" in text
    (tmp_path / "config.yaml").write_text(text.replace("  norm: instance\n", ""))
    save_tensors(tmp_path / "weights.safetensors", game.state_dict())
    opened, x = open_checkpoint(tmp_path), torch.randn(1, 12, 40)
    assert opened.config.network.norm == "instance"
    assert torch.equal(opened.translator.translate(x, "SF1", "SM2"), game.translate(x, "SF1", "SM2"))


def test_r1_needs_a_discriminator_without_batch_norm():
    r1 = {"players": {"discriminator": {"losses": {"r1": {"weight": 0.1, "every": 2}}}}}
    config, game = build(**merge(TINY, r1 | {"network": {"norm": "instance"}}))
    first, second = play(config, game, make_batch(), 2)
    assert "discriminator/r1" in first
    assert "discriminator/r1" not in second
    assert first["discriminator/r1"] > 0
