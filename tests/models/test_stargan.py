"""StarGAN through its configuration: the paper's numbers, refusals, exact resuming, and that it learns."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from turns import learn

from translate.config import merge
from translate.errors import UserError
from translate.games.star import StarGame
from translate.models import resolve
from translate.training.player import Player
from translate.training.trainer import train

NAME = "stargan"
COLOURS = ["red", "green", "blue"]
TINY = {
    "data": {"domains": COLOURS},
    "network": {"channels": 8, "blocks": 1, "exclusive": True},
    "images": {"size": 32},
    "train": {"crop": 32, "batch_size": 8},
}


def build(**sections):
    config = resolve(merge({"model": NAME, "data": {"domains": COLOURS}}, sections), "test")
    torch.manual_seed(0)
    return config, config.build()


def make_squares(count, generator):
    """A square in its domain's colour, anywhere on gray noise: (N, 3, 32, 32) and one-hot domains (N, 3)."""
    pictures = 0.3 * torch.randn(count, 1, 32, 32, generator=generator).expand(-1, 3, -1, -1).clamp(-1, 1)
    kinds = torch.randint(3, (count,), generator=generator)
    top, left = (torch.randint(18, (count, 1, 1), generator=generator) for _ in range(2))
    y, x = torch.arange(32).view(1, -1, 1), torch.arange(32).view(1, 1, -1)
    inside = ((y >= top) & (y < top + 14) & (x >= left) & (x < left + 14)).unsqueeze(1)  # (N, 1, 32, 32)
    domains = torch.eye(3)[kinds]
    return torch.where(inside, (1.6 * domains - 0.8)[:, :, None, None], pictures), domains


class Squares:
    """A sampler of labelled batches."""

    def __init__(self, size=8, seed=0):
        self.size, self.generator = size, torch.Generator().manual_seed(seed)

    def next(self):
        pictures, domains = make_squares(self.size, self.generator)
        return {"source": pictures, "domain": domains, "mask": torch.ones_like(domains)}

    def position(self):
        return {"state": self.generator.get_state()}

    def take(self, batch_size):
        pass

    def seek(self, position):
        self.generator.set_state(position["state"])


# --- the paper --------------------------------------------------------------------------------------------


def test_sizes_of_the_paper():
    """Choi et al. 2018, Table 3: 53.2 M parameters together; with CelebA's five attributes 8.4 M and 44.8 M."""
    with torch.device("meta"):
        _, translator = build(data={"domains": ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"]})
    millions = [sum(p.numel() for p in player.parameters()) / 1e6 for player in translator.players.values()]
    assert millions == pytest.approx([8.4, 44.8], abs=0.05)
    assert sum(millions) == pytest.approx(53.2, abs=0.05)


def test_numbers_of_the_paper():
    config, translator = build()
    generator, discriminator = config.players["generator"], config.players["discriminator"]
    assert generator.learning_rate == discriminator.learning_rate == 1e-4
    assert generator.betas == discriminator.betas == [0.5, 0.999]
    assert generator.model_dump()["losses"] == {"adversarial": 1, "classification": 1, "cycle": 10}
    assert discriminator.model_dump()["losses"] == {"adversarial": 1, "classification": 1, "gradient_penalty": 10}
    assert (config.train.steps, config.train.decay_from, config.train.batch_size) == (200_000, 0.5, 16)
    assert (config.train.crop, config.images.flip, config.data.batches) == (128, True, "labelled")
    assert (translator.adversarial.kind, translator.discriminator_steps, translator.exclusive) == ("wgan", 5, False)


@pytest.mark.parametrize("network", [
    {}, {"exclusive": False}, {"adversarial": "hinge"}, {"discriminator_steps": 1},
    {"sets": [["red"], ["green", "blue"]]}, {"sets": [COLOURS]},
    {"exclusive": False, "exclusive_groups": [["red", "green"]]},
])  # fmt: skip
def test_every_variant_trains(network):
    config, translator = build(**merge(TINY, {"network": network}))
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    before = {key: value.clone() for key, value in translator.state_dict().items()}
    for step in range(5):
        for name, losses in translator.training_step(Squares().next(), step):
            assert torch.stack(list(losses.values())).isfinite().all()
            learn(players[name], losses, translator.weights[name], step, 1.0)
    assert [key for key, value in translator.state_dict().items() if torch.equal(value, before[key])] == []
    assert translator.translate(torch.randn(1, 3, 30, 45), "red", "blue").shape == (1, 3, 30, 45)


@pytest.mark.parametrize(("sections", "words"), [
    ({"train": {"crop": 96}}, "`train.crop` is 96: StarGAN's discriminator takes powers of two from 32; try 64"),
    ({"train": {"crop": 16}}, "`train.crop` is 16: StarGAN's discriminator takes powers of two from 32; try 32"),
    ({"images": {"aspect": 2.0}}, "`images.aspect` is 2.0: StarGAN's discriminator takes square crops; set it to 1"),
    ({"images": {"source_channels": 1}}, "set images.source_channels and images.target_channels to the same number"),
    ({"images": {"labels": 3}}, "images.labels to null"),
    ({"images": {"scale": 2}}, "images.scale to 1"),
    ({"data": {"domains": []}}, "`data.domains` is []: expected 1 or more different names; give --domains"),
    ({"network": {"exclusive_groups": [["red", "pink"]]}}, "names `pink`, which `data.domains` lacks (red, green"),
    ({"network": {"sets": [["red"], ["blue", "green"]]}}, "`network.sets` is [['red'], ['blue', 'green']]: expected"),
])  # fmt: skip
def test_what_cannot_be_trained_is_refused(sections, words):
    with pytest.raises(UserError) as error:
        build(**sections)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


# --- runs -------------------------------------------------------------------------------------------------


class Cut(Exception):
    pass


def run(folder, cut=None, precision="float32"):
    """Train for seven steps with a turn of the generator every second one; `cut` ends the run before that step."""
    sections = {
        "network": {"discriminator_steps": 2},
        "train": {"steps": 7, "save_every": 3, "sample_every": 0, "device": "cpu", "precision": precision},
    }
    config, translator = build(**merge(TINY, sections))
    play = translator.training_step

    def steps(batch, now):
        if now == cut:
            raise Cut
        yield from play(batch, now)

    translator.training_step = steps
    return train(translator, config, Squares(), {"all/count": np.ones(1)}, folder)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resuming_is_exact(tmp_path, precision):
    whole = run(tmp_path / "whole", precision=precision)
    with suppress(Cut):
        run(tmp_path / "parts", 5, precision)
    torch.rand(17)                                                          # a new process has drawn other numbers
    last = run(tmp_path / "parts", precision=precision)
    assert (last / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()


def test_the_comparison_can_fail(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole")
    monkeypatch.setattr(StarGame, "shuffle", lambda self, code: torch.arange(len(code)))
    other = run(tmp_path / "other")
    assert (other / "weights.safetensors").read_bytes() != (whole / "weights.safetensors").read_bytes()


def test_colours_of_squares_are_learned():
    """Fakes take the wanted colour: by their pixels, and in the eyes of the discriminator's classifier."""
    rate = {"learning_rate": 1e-3}
    config, translator = build(**merge(TINY, {
        "network": {"discriminator_steps": 1}, "players": {"generator": rate, "discriminator": rate},
    }))  # fmt: skip
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    sampler, (pictures, _) = Squares(), make_squares(30, torch.Generator().manual_seed(9))

    def measure():
        """Share of translations whose strongest colour is the wanted one."""
        with torch.no_grad():
            found = [translator.translate(pictures, "any", name).mean((2, 3)).argmax(1) for name in COLOURS]
        return sum((kinds == place).float().mean().item() for place, kinds in enumerate(found)) / 3

    before, errors = measure(), []
    for step in range(120):
        for name, losses in translator.training_step(sampler.next(), step):
            learn(players[name], losses, translator.weights[name], step, 1.0)
            if name == "generator":
                errors.append(losses["classification"].item())
    assert before < 0.5
    assert measure() > 0.8
    assert sum(errors[-10:]) < 0.5 * sum(errors[:10])
