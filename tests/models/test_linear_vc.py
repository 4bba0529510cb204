"""The linear map as a model, and as the start of others: what the data set, what training changes, what is saved."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tiny_training import make_utterances
from turns import learn

from translate.checkpoints.opening import open_checkpoint
from translate.config import merge
from translate.errors import UserError
from translate.games.linear import LinearGame
from translate.models import resolve
from translate.networks.linear import KEPT, FromLinear, FromLinearMaps
from translate.speech.analysis.linear_map import fit_linear_map
from translate.speech.analysis.statistics import pack_statistics
from translate.speech.conversion.open import make_converter, open_speech
from translate.speech.corpus.sampling import LabelledCropSampler
from translate.speech.material import VoiceFit
from translate.training.player import Player
from translate.training.trainer import train

NAMES = ["low", "middle", "high"]
FEATURES = {"features": {"sample_rate": 16000, "dimensions": 12}}
STARTING = {
    "cyclegan_vc": {"network": {"channels": 4, "blocks": 1}, "train": {"crop": 32}},
    "cyclegan_vc2": {"network": {"channels": 4, "blocks": 1}, "train": {"crop": 16}},
    "stargan_vc": {"network": {"channels": 4}, "train": {"crop": 16}},
    "stargan_vc2": {"network": {"channels": 8, "blocks": 1}, "train": {"crop": 16}},
}


@pytest.fixture(scope="module")
def voices():
    return {name: make_utterances(seed, frames=(200, 300)) for seed, name in enumerate(NAMES)}


def configure(model, domains, *sections):
    values = {"model": model, "data": {"domains": domains}, **FEATURES}
    for section in sections:
        values = merge(values, section)
    return resolve(values, "test")


def fit_between(voices, config):
    statistics = {name: utterances.statistics() for name, utterances in voices.items()}

    return VoiceFit(config, voices, statistics), statistics


def test_it_converts_between_any_two_voices_from_its_checkpoint_alone(voices, tmp_path):
    config = configure("linear_vc", NAMES)
    game = config.build()
    assert isinstance(game, LinearGame)
    fit, statistics = fit_between(voices, config)
    game.prepare(fit)
    sampler = LabelledCropSampler([(voices[name], statistics[name]) for name in NAMES], 8, 2, 0)
    checkpoint = train(game, config, sampler, pack_statistics(statistics), tmp_path / "run")
    converter = open_speech(open_checkpoint(checkpoint))
    for source, target in [("low", "high"), ("high", "middle")]:
        frames = np.asarray(voices[source].features, dtype=np.float64)
        converted = converter.convert_frames(frames, source, target)
        wanted = np.asarray(voices[target].features, dtype=np.float64)
        np.testing.assert_allclose(converted.mean(0), wanted.mean(0), atol=1e-3)
        np.testing.assert_allclose(np.cov(converted.T), np.cov(wanted.T), atol=2e-3 * np.cov(wanted.T).max())
        expected = fit_linear_map(statistics[source], statistics[target], config.features)(frames)
        np.testing.assert_allclose(converted, expected, atol=1e-3)


def test_it_has_nothing_to_train(voices):
    config = configure("linear_vc", NAMES)
    game = config.build()
    assert not any(parameter.requires_grad for parameter in game.parameters())
    assert list(game.training_step({}, 0)) == []
    with pytest.raises(UserError, match=r"data.domains.*at most 64"):
        configure("linear_vc", [f"v{number}" for number in range(65)]).build()


@pytest.mark.parametrize("start", ["linear", "nearest"])
@pytest.mark.parametrize("model", STARTING)
def test_a_start_from_the_linear_map_converts_nearly_as_it(model, start, voices):
    domains = NAMES if model.startswith("star") else NAMES[::2]
    config = configure(model, domains, STARTING[model], {"network": {"start": start}})
    torch.manual_seed(0)
    game = config.build()
    fit, statistics = fit_between(voices, config)
    game.prepare(fit)
    networks = [network for network in game.networks("generator").values()]
    assert all(isinstance(network, FromLinear | FromLinearMaps) for network in networks)
    converter = make_converter(game, config, statistics, torch.device("cpu"))
    frames = np.asarray(voices["low"].features, dtype=np.float64)
    linear = fit_linear_map(statistics["low"], statistics["high"], config.features)(frames)
    expected = move(linear, statistics["high"], fit.frames("high", KEPT), 0.3 if start == "nearest" else 0.0)
    change = (converter.convert_frames(frames, "low", "high") - expected) / statistics["high"].deviation
    assert 0 < np.abs(change).mean() < 0.25


def move(frames, statistics, real, share):
    """Move frames to the mean of the four nearest of the normalised real ones."""
    x = statistics.normalise(frames)
    nearest = np.argsort(((x[:, None] - real[None]) ** 2).sum(-1), axis=1)[:, :4]
    return statistics.denormalise(x + share * (real[nearest].mean(1) - x))


def test_frames_go_to_the_nearest_without_training(voices):
    config = configure("linear_vc", NAMES, {"network": {"nearest": 0.4}})
    game = config.build()
    fit, statistics = fit_between(voices, config)
    game.prepare(fit)
    converter = make_converter(game, config, statistics, torch.device("cpu"))
    frames = np.asarray(voices["low"].features, dtype=np.float64)
    linear = fit_linear_map(statistics["low"], statistics["high"], config.features)(frames)
    expected = move(linear, statistics["high"], fit.frames("high", KEPT), 0.4)
    np.testing.assert_allclose(converter.convert_frames(frames, "low", "high"), expected, atol=2e-3)


def test_kept_frames_are_of_the_speech_and_evenly_spread(voices):
    config = configure("linear_vc", NAMES)
    voice = replace(voices["low"], spans=np.array([[100, 150], [10, 260]]))
    statistics = voice.statistics()
    kept = VoiceFit(config, {"low": voice}, {"low": statistics}).frames("low", 300)
    wanted = np.concatenate([voice[0][100:150], voice[1][10:260]])
    np.testing.assert_allclose(statistics.denormalise(kept), wanted, atol=1e-4)
    few = VoiceFit(config, {"low": voice}, {"low": statistics}).frames("low", 3)
    np.testing.assert_allclose(statistics.denormalise(few), wanted[[0, 100, 200]], atol=1e-4)


@pytest.mark.parametrize("model", STARTING)
def test_training_leaves_the_map_as_the_data_set_it(model, voices):
    many = model.startswith("star")
    config = configure(model, NAMES if many else NAMES[::2], STARTING[model], {"network": {"start": "linear"}})
    torch.manual_seed(0)
    game = config.build()
    game.prepare(fit_between(voices, config)[0])
    fixed = {key: value.clone() for key, value in game.named_parameters() if not value.requires_grad}
    free = {key: value.clone() for key, value in game.named_parameters() if value.requires_grad and "generator" in key}
    assert fixed
    players = {name: Player(name, module, config.players[name]) for name, module in game.players.items()}
    batch = config.example_batch(3)
    for name, losses in game.training_step(batch, 0):
        learn(players[name], losses, game.weights[name], 0, 1.0)
    now = dict(game.named_parameters())
    assert all(torch.equal(now[key], value) for key, value in fixed.items())
    assert any(not torch.equal(now[key], value) for key, value in free.items())


def test_the_identity_loss_holds_the_generator_to_its_map(voices):
    config = configure("cyclegan_vc2", NAMES[::2], STARTING["cyclegan_vc2"], {"network": {"start": "linear"}})
    torch.manual_seed(0)
    game = config.build()
    game.prepare(fit_between(voices, config)[0])
    batch = config.example_batch(2)
    _, losses = next(game.training_step(batch, 0))
    expected = 0.0
    for generator, side in zip(game.maps.values(), ("source", "target"), strict=True):
        x = batch[side]
        linear = torch.einsum("ij,bjt->bit", generator.matrix, x) + generator.offset[:, None]
        expected += (generator(x) - linear).abs().mean().item()
    assert losses["identity"].item() == pytest.approx(expected, rel=1e-4)
    plain = partial(configure, "cyclegan_vc2", NAMES[::2], STARTING["cyclegan_vc2"])
    assert not any(isinstance(network, FromLinear) for network in plain().build().maps.values())


def test_only_mel_cepstra_start_linear():
    with pytest.raises(UserError, match=r"network.start"):
        configure("cyclegan_vc2", NAMES[::2], {"network": {"start": "lineal"}})
