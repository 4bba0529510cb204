"""StarGAN-VC2 through its configuration: the paper's numbers, its ablations, who learns from what, and runs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from turns import learn

from translate.checkpoints.store import load_weights, start_from
from translate.config import merge
from translate.errors import UserError
from translate.models import resolve
from translate.models.settings import read_settings
from translate.models.speech.stargan_vc2 import GAMES
from translate.training.player import Player
from translate.training.trainer import train

NAME = "stargan_vc2"
CONF = Path(__file__).resolve().parents[2] / "egs/vcc2018/conf"
VOICES = ["SF1", "SF2", "SM1"]
TINY = {
    "network": {"channels": 8, "blocks": 2, "residual": True},
    "features": {"dimensions": 12},
    "train": {"crop": 32, "batch_size": 3},
}


def build(*sections):
    values = {"model": NAME, "data": {"domains": VOICES}}
    for section in sections:
        values = merge(values, section)
    config = resolve(values, "test")
    torch.manual_seed(0)
    return config, config.build()


def make_players(config, translator):
    return {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}


class Voices:
    """A sampler of labelled batches: noise of unlike colours, a sample per voice."""

    def __init__(self, domains=3, length=32, still=False):
        self.generator, self.domains, self.length, self.still = torch.Generator().manual_seed(0), domains, length, still

    def next(self):
        if self.still:
            self.generator.manual_seed(0)
        x = torch.randn(self.domains, 12, self.length, generator=self.generator)
        x = x + torch.arange(self.domains).view(-1, 1, 1) * torch.linspace(-1, 1, 12).view(1, -1, 1)
        return {"source": x, "domain": torch.eye(self.domains), "mask": torch.ones(self.domains, self.domains)}

    def position(self):
        return {"state": self.generator.get_state()}

    def take(self, batch_size):
        pass

    def seek(self, position):
        self.generator.set_state(position["state"])


# --- the paper --------------------------------------------------------------------------------------------


def test_numbers_of_the_paper():
    _, translator = build(TINY)
    config = resolve({"model": NAME}, "test")
    generator, discriminator = config.players["generator"], config.players["discriminator"]
    assert (generator.learning_rate, discriminator.learning_rate) == (2e-4, 1e-4)
    assert generator.betas == discriminator.betas == [0.5, 0.999]
    assert (generator.losses["adversarial"].weight, generator.losses["cycle"].weight) == (1, 10)
    assert (generator.losses["identity"].weight, generator.losses["identity"].until) == (5, 10_000)
    assert (config.train.steps, config.train.batch_size, config.train.crop) == (300_000, 8, 256)
    assert (config.network.channels, config.network.blocks, config.network.residual) == (128, 9, False)
    assert (translator.adversarial.kind, translator.discriminator_steps, translator.exclusive) == ("lsgan", 1, True)
    assert (translator.game, translator.codes) == ("source_target", "source_target")
    assert config.data.batches == "labelled"


@pytest.mark.parametrize(("name", "changed"), [
    ("stargan_vc2", {}),
    ("stargan_vc2_classification", {"loss": "classification"}),
    ("stargan_vc2_target", {"loss": "target"}),
    ("stargan_vc2_channels", {"condition": "channels"}),
])  # fmt: skip
def test_the_configurations_of_the_ablations_differ_in_one_thing(name, changed):
    values = merge(read_settings(CONF / f"{name}.yaml"), {"model": NAME})
    usual = read_settings(CONF / "stargan_vc2.yaml")
    assert values.pop("network", {}) == changed
    assert values | {"model": "stargan_vc2"} == usual
    with torch.device("meta"):
        _, translator = build(values, {"network": changed})
    assert sum(p.numel() for p in translator.players["generator"].parameters()) > 17e6


# --- the step ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["modulation", "channels"])
@pytest.mark.parametrize("loss", GAMES)
def test_every_ablation_trains_and_moves_one_player_at_a_time(loss, condition):
    config, translator = build(TINY, {"network": {"loss": loss, "condition": condition}})
    players, classifies = make_players(config, translator), loss == "classification"
    before = {key: value.clone() for key, value in translator.state_dict().items()}
    turns = []
    for name, losses in translator.training_step(Voices().next(), 0):
        turns.append((name, set(losses)))
        assert torch.stack(list(losses.values())).isfinite().all()
        kept = {key: value.clone() for key, value in translator.state_dict().items()}
        translator.zero_grad()
        torch.stack(list(losses.values())).sum().backward(retain_graph=True)
        reached = {key.split(".")[1] for key, p in translator.named_parameters() if p.grad is not None}
        assert reached == {name}
        learn(players[name], losses, translator.weights[name], 0, 1.0)
        moved = {key for key, value in translator.state_dict().items() if not torch.equal(value, kept[key])}
        assert {key.split(".")[1] for key in moved} == {name}
    told = {"classification"} if classifies else set()
    assert turns == [
        ("discriminator", {"adversarial"} | told),
        ("generator", {"adversarial", "cycle", "identity"} | told),
    ]
    assert [key for key, value in translator.state_dict().items() if torch.equal(value, before[key])] == []
    for length in (8, 37):
        assert translator.translate(torch.randn(1, 12, length), "SM1", "SF2").shape == (1, 12, length)


def test_the_losses_are_those_of_the_paper(monkeypatch):
    """Least squares of D(x, c', c) to 1 and of D(G(x, c, c'), c, c') to 0; L1 of the cycle and of the identity."""
    _, translator = build(TINY)
    generator, judge = translator.map, translator.players["discriminator"]["judge"]
    order = torch.tensor([2, 0, 1])
    monkeypatch.setattr(translator, "shuffle", lambda code: order)
    batch = Voices().next()
    x, c, wanted = batch["source"], batch["domain"], batch["domain"][order]
    turns = dict(translator.training_step(batch, 0))
    with torch.no_grad():
        fake = generator(x, torch.cat([c, wanted], 1))
        back, same = generator(fake, torch.cat([wanted, c], 1)), generator(x, torch.cat([c, c], 1))
        real_logits, fake_logits = judge(x, wanted, c).logits[0].numpy(), judge(fake, c, wanted).logits[0].numpy()
    x = x.numpy()
    expected = {
        "discriminator": {"adversarial": np.mean((real_logits - 1) ** 2) + np.mean(fake_logits**2)},
        "generator": {
            "adversarial": np.mean((fake_logits - 1) ** 2),
            "cycle": np.abs(back.numpy() - x).mean(),
            "identity": np.abs(same.numpy() - x).mean(),
        },
    }
    for player, losses in expected.items():
        assert {k: v.item() for k, v in turns[player].items()} == pytest.approx(losses, rel=1e-4)


def test_the_identity_loss_ends():
    _, translator = build(TINY, {"players": {"generator": {"losses": {"identity": {"weight": 5.0, "until": 3}}}}})
    names = [set(dict(translator.training_step(Voices().next(), step))["generator"]) for step in (2, 3)]
    assert names == [{"adversarial", "cycle", "identity"}, {"adversarial", "cycle"}]


@pytest.mark.parametrize("domains", [[], ["SF1"], ["SF1", "SF1"]])
def test_many_domains_are_two_at_least(domains):
    with pytest.raises(UserError, match=r"`data\.domains` is \[.*\]: expected 2 or more different names"):
        build(TINY, {"data": {"domains": domains}})


def test_domains_mix():
    _, translator = build(TINY)
    x, half = torch.randn(1, 12, 40), torch.tensor([0.5, 0.5, 0.0])
    with torch.no_grad():
        ends = [translator.translate(x, "SM1", name) for name in ("SF1", "SF2")]
        mixed = translator.translate(x, "SM1", half)
    assert all(0 < (mixed - end).norm() < (ends[0] - ends[1]).norm() for end in ends)


# --- learning and runs ------------------------------------------------------------------------------------


def test_a_tiny_model_overfits_two_samples():
    rates = {"generator": {"learning_rate": 2e-3}, "discriminator": {"learning_rate": 1e-3}}
    config, translator = build(TINY, {"data": {"domains": VOICES[:2]}, "players": rates})
    players, sampler, rows = make_players(config, translator), Voices(2, still=True), []
    for step in range(100):
        for name, losses in translator.training_step(sampler.next(), step):
            learn(players[name], losses, translator.weights[name], step, 1.0)
        rows.append([losses["cycle"].item(), losses["identity"].item()])
    first, last = np.mean(rows[:5], axis=0), np.mean(rows[-10:], axis=0)
    assert (last < 0.6 * first).all()


def run(folder, domains=VOICES, **network):
    sections = {
        "data": {"domains": domains},
        "network": network,
        "train": {"steps": 2, "save_every": 2, "sample_every": 0, "device": "cpu"},
    }
    config, translator = build(TINY, sections)
    train(translator, config, Voices(len(domains)), {"statistics": np.zeros(1)}, folder)
    return config, translator


def test_a_checkpoint_gives_the_trained_networks(tmp_path):
    config, trained = run(tmp_path)
    torch.manual_seed(5)
    fresh = config.build()
    load_weights((tmp_path / "latest").resolve(), fresh)
    x = torch.randn(1, 12, 21)
    assert torch.equal(trained.translate(x, "SF1", "SM1"), fresh.translate(x, "SF1", "SM1"))


def test_new_voices_join_and_the_old_ones_stay(tmp_path):
    """Fine-tuning starts where the old voices were, bit for bit, whatever their new order."""
    _, trained = run(tmp_path)
    _, grown = build(TINY, {"data": {"domains": ["TM1", "SM1", "SF1", "SF2", "TF1"]}})
    start_from(tmp_path, grown)
    x = torch.randn(1, 12, 21)
    for source in VOICES:
        for target in VOICES:
            assert torch.equal(trained.translate(x, source, target), grown.translate(x, source, target))
    c, wanted = (trained.vector(name)[None] for name in ("SF1", "SM1"))
    new = (grown.vector(name)[None] for name in ("SF1", "SM1"))
    one, other = (t.players["discriminator"]["judge"] for t in (trained, grown))
    torch.testing.assert_close(one(x, c, wanted).logits[0], other(x, *new).logits[0])
    assert torch.equal(grown.translate(x, "SF1", "TM1"), grown.translate(x, "SF1", "TF1"))  # the mean of the old
