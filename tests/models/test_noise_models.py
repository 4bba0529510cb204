"""Models of noise: numbers of the papers, sizes, settings that are refused, training, resuming to the bit."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import configure

import translate
from translate.errors import UserError
from translate.images.material import open_images
from translate.jobs.prepare import prepare_corpus
from translate.jobs.train import make_translator, train_system
from translate.losses import AdversarialLoss
from translate.models import find_model, list_models, resolve
from translate.training.player import Player
from translate.training.step import Step

NOISE = [name for name, model in list_models().items() if not model.translates]
CPU = torch.device("cpu")
ASKED = ("wgan_gp", "progan")                                        # the others are told labels


def defaults(model):
    return resolve({"model": model}, "test")


def weights(config):
    return {player: {k: w.weight for k, w in of.losses.items() if w.weight} for player, of in config.players.items()}


def test_the_models_of_noise():
    assert set(NOISE) == {
        "gan", "dcgan", "lsgan", "wgan", "wgan_gp", "sngan", "sagan", "biggan", "progan", "stylegan"
    }


@pytest.mark.parametrize(("model", "kind", "rates", "betas", "optimizer", "turns", "batch", "latent"), [
    ("gan", "nonsaturating", 2e-4, [0.5, 0.999], "adam", 1, 100, (100, "uniform")),
    ("dcgan", "nonsaturating", 2e-4, [0.5, 0.999], "adam", 1, 64, (100, "normal")),
    ("lsgan", "lsgan", 2e-4, [0.5, 0.999], "adam", 1, 64, (100, "normal")),
    ("wgan", "wgan", 5e-5, [0.0, 0.99], "rmsprop", 5, 64, (100, "normal")),
    ("wgan_gp", "wgan", 2e-4, [0.0, 0.9], "adam", 5, 64, (128, "normal")),
    ("sngan", "hinge", 2e-4, [0.0, 0.9], "adam", 5, 64, (128, "normal")),
    ("sagan", "hinge", (1e-4, 4e-4), [0.0, 0.9], "adam", 1, 256, (128, "normal")),
    ("biggan", "hinge", (5e-5, 2e-4), [0.0, 0.999], "adam", 2, 2048, (120, "normal")),
])  # fmt: skip
def test_numbers_of_the_papers_are_the_defaults(model, kind, rates, betas, optimizer, turns, batch, latent):
    config = defaults(model)
    both = rates if isinstance(rates, tuple) else (rates, rates)
    for player, rate in zip(config.players.values(), both, strict=True):
        assert (player.learning_rate, player.betas, player.optimizer) == (rate, betas, optimizer)
    assert config.train.batch_size == batch
    with torch.device("meta"):
        game = resolve({"model": model, "data": {"domains": ["low", "high"]}}, "test").build()
    assert (game.adversarial, game.discriminator_steps) == (AdversarialLoss(kind), turns)
    assert (game.latent.size, game.latent.kind) == latent
    assert game.clip == (0.01 if model == "wgan" else None)
    assert game.generator_batch == (2 if model in ("wgan_gp", "sngan") else 1)


def test_weights_of_the_losses():
    halves = {"adversarial": 0.5}
    assert weights(defaults("lsgan")) == {"generator": halves, "discriminator": halves}
    assert weights(defaults("wgan_gp"))["discriminator"]["gradient_penalty"] == 10
    assert defaults("wgan_gp").weights("classification")["generator"].keys() == {"adversarial"}
    asked = configure("wgan_gp", network={"labels": "asked"}).build()
    assert asked.weights["generator"]["classification"].weight == 0.1
    assert "classification" not in configure("wgan_gp").build().weights["generator"]


@pytest.mark.parametrize("model", NOISE)
def test_sizes_need_be_no_squares(model):
    sections = {"train": {"crop": 16}, "images": {"aspect": 1.5, "target_channels": 2}}
    config = configure(model, sections, network={"labels": "none"})
    game = config.build()
    batch = config.example_batch(2)
    assert batch["target"].shape[1:] == config.shape == (2, 16, 24)
    assert game.generate(game.latent.draw(2, CPU)).shape == (2, 2, 16, 24)
    step = config.network.discriminator_steps - 1
    assert all(loss.isfinite() for _, losses in game.training_step(batch, step) for loss in losses.values())


@pytest.mark.parametrize(("model", "sections", "words"), [
    ("dcgan", {"train": {"crop": 20}}, r"`network\.layers` is 3: pictures of 20 x 20 \(height x width\) cannot be"),
    ("sngan", {"images": {"aspect": 1.1}}, r"`network\.layers` is 3: pictures of 32 x 35"),
    ("dcgan", {"images": {"labels": 3}}, r"`images\.labels` is 3: a model of noise makes pictures"),
    ("gan", {"images": {"scale": 2}}, r"`images\.scale` is 2: a model of noise"),
    ("dcgan", {"network": {"labels": "asked"}}, r"`network\.labels` is asked: this discriminator has no classifier"),
    ("sngan", {"network": {"labels": "asked"}}, r"`network\.labels` is asked: SN-GAN is told labels"),
    ("sagan", {"network": {"labels": "asked"}}, r"`network\.labels` is asked: SAGAN is told labels"),
    ("sagan", {"data": {"domains": []}}, r"labels that are told need two or more"),
    ("sagan", {"network": {"attention": 3}}, r"`network\.attention` is 3: expected less than `network\.layers`, 3"),
    ("sagan", {"train": {"crop": 20}}, r"`network\.layers` is 3: pictures of 20 x 20"),
    ("biggan", {"network": {"labels": "asked"}}, r"`network\.labels` is asked: BigGAN is told labels"),
    ("biggan", {"network": {"attention": 3}}, r"`network\.attention` is 3: expected less than `network\.layers`, 3"),
    ("biggan", {"network": {"latent": 14}}, r"`network\.latent` is 14: .*expected a multiple of 4"),
    ("wgan_gp", {"network": {"labels": "told"}}, r"`network\.labels` is told: WGAN-GP asks for labels"),
    ("sngan", {"network": {"labels": "told"}, "data": {"domains": ["a"]}}, r"labels that are told need two or more"),
    ("dcgan", {"players": {"discriminator": {"losses": {"r1": 1}}}}, "discriminator's batch norm"),
])  # fmt: skip
def test_settings_that_do_not_fit_are_named(model, sections, words):
    with pytest.raises(UserError, match=words) as error:
        configure(model, sections).build()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("model", "loss"), [("gan", "r1"), ("sngan", "gradient_penalty"), ("wgan_gp", "drift")])
def test_penalties_that_are_off_can_be_switched_on(model, loss):
    config = configure(model, players={"discriminator": {"losses": {loss: 0.5}}})
    turns = dict(config.build().training_step(config.example_batch(2), 0))
    assert turns["discriminator"][loss].isfinite()


def test_r1_needs_no_more_than_a_discriminator_without_norm():
    losses = {"discriminator": {"losses": {"r1": 1}}}
    assert configure("dcgan", network={"norm": False}, players=losses).build()


@pytest.mark.parametrize("model", NOISE)
def test_facts_of_models_that_do_not_translate(model):
    kind = find_model(model)
    assert (kind.recipe, kind.translates, kind.modality) == ("synthesis", False, "images")
    described = configure(model, network={"labels": "asked" if model in ASKED else "told"}).describe()
    assert described.verb == "generate"
    assert 'label="low"' in described.opening


# --- training ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["dcgan", "sngan"])
def test_a_tiny_model_fits_one_picture(model):
    """Two colours in a corner: samples come to it, from nowhere near."""
    network = {"latent": 4, "channels": 8, "layers": 1}
    network |= {"judge_channels": 8} if model == "sngan" else {"norm": False}
    players = {name: {"learning_rate": 2e-3} for name in ("generator", "discriminator")}
    config = configure(model, {"train": {"crop": 8}, "data": {"domains": []}}, network=network, players=players)
    torch.manual_seed(0)
    game = config.build()
    step = Step(game, {n: Player(n, m, config.players[n]) for n, m in game.players.items()},
                lambda: torch.autocast("cpu", torch.bfloat16, enabled=False))  # fmt: skip
    picture = torch.full((3, 8, 8), -0.8)
    picture[:, :4, :4] = 0.8

    def measure():
        with torch.no_grad():
            return (game.generate(game.latent.draw(64, CPU)) - picture).abs().mean().item()

    before = measure()
    for number in range(400):
        step({"target": picture.expand(8, -1, -1, -1)}, number, 1.0)
    assert measure() < 0.3 * before


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Manifests of 24 pictures of two labels, 12 x 10 pixels: stripes and noise."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for label in ("stripes", "noise"):
        (folder / label).mkdir()
        for number in range(12):
            pixels = random.integers(0, 256, (12, 10, 3), dtype=np.uint8)
            if label == "stripes":
                pixels[:, ::2] = 255
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    prepare_corpus(folder, folder / "data", None, ["*"], None, "train", "folders")
    return folder / "data"


def settle(model, *overrides, **sections):
    attentive = "attention" in find_model(model).tiny["network"]            # which needs a size between the two ends
    values = {
        "data": {"domains": ["noise", "stripes"]}, "images": {"size": None},
        "network": {"layers": 2 if attentive else 1, "labels": "asked" if model in ASKED else "told"},
        "train": {"crop": 8, "batch_size": 4, "steps": 7, "save_every": 1, "keep": 9, "log_every": 2,
                  "sample_every": 3, "device": "cpu"},
        "players": {"generator": {"average": 0.9}},
    }  # fmt: skip
    return configure(model, values, sections, *overrides)


@pytest.mark.parametrize("model", NOISE)
def test_a_resumed_run_is_the_uncut_one_to_the_bit(model, corpus, tmp_path, differing):
    """Cut between two turns of the generator and behind one: noise, dropout, norms, averages, labels."""
    whole = train_system(settle(model), corpus, tmp_path / "whole")
    for cut in (2, 5):
        shutil.copytree(whole.parent / f"step_{cut:08}", tmp_path / f"cut{cut}" / f"step_{cut:08}")
        resumed = train_system(settle(model), corpus, tmp_path / f"cut{cut}")
        assert differing(whole, resumed) == []
    another = train_system(settle(model, train={"seed": 1}), corpus, tmp_path / "another")
    assert differing(whole, another) != []


def test_micro_batches_are_a_batch_where_samples_are_alone(corpus, tmp_path):
    """Batch norms mix samples; the dense networks, without their dropout, do not."""
    torch.manual_seed(0)
    found = []
    for accumulate in (1, 2):
        config = settle("gan", network={"labels": "none"}, train={"accumulate": accumulate, "batch_size": 8})
        game = make_translator(config, tmp_path / str(accumulate), CPU).eval()
        players = {n: Player(n, m, config.players[n]) for n, m in game.players.items()}
        step = Step(game, players, lambda: torch.autocast("cpu", torch.bfloat16, enabled=False), accumulate)
        batch = open_images(config, corpus, CPU).sampler.next()
        torch.manual_seed(5)                                                # micro-batch by micro-batch: the same noise
        step(batch, 0, 1.0)
        found.append({name: p.detach().clone() for name, p in game.named_parameters()})
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, atol=1e-5, rtol=1e-4)


def test_a_label_without_pictures_is_an_error_and_the_histogram_is_shown(corpus, tmp_path, caplog):
    caplog.set_level("INFO", "translate")
    sampler = open_images(settle("sngan"), corpus, CPU).sampler
    assert "noise 11, stripes 11" in caplog.text
    codes = torch.cat([sampler.next()["domain"] for _ in range(11)])
    assert codes.shape[1] == 2
    assert codes.sum(dim=0).tolist() == [22, 22]
    with pytest.raises(UserError, match=r"no training picture of domain `dots`; the manifest has noise \(11\)"):
        open_images(settle("sngan", data={"domains": ["noise", "dots"]}), corpus, CPU)


def test_pictures_without_labels(corpus):
    train, network = {"crop": 8, "batch_size": 22}, {"layers": 1}
    config = configure("dcgan", data={"domains": []}, images={"size": None}, train=train, network=network)
    batch = open_images(config, corpus, CPU).sampler.next()
    assert set(batch) == {"target"}
    assert batch["target"].shape == (22, 3, 8, 8)
    assert batch["target"].abs().max() <= 1


def test_from_a_folder_to_a_measured_model_in_python(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("translate.jobs.from_corpus.GENERATED", 20)
    small = {"train.steps": 2, "train.crop": 8, "train.batch_size": 4, "images.size": None, "network.layers": 1,
             "network.channels": 4, "network.judge_channels": 4, "network.labels": "told"}  # fmt: skip
    model = translate.train("sngan", corpus.parent, tmp_path / "run", ["noise", "stripes"], small, layout="folders")
    assert model.labels == ["noise", "stripes"]
    assert translate.generate(model, 3).shape == (3, 8, 8, 3)
    rows = translate.evaluate(tmp_path / "run")["tasks"][0]["rows"]
    assert rows["generated"]["n"] == 20
    assert (tmp_path / "run/results.md").exists()
