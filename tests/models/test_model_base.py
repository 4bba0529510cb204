"""What the base classes of models give to all of them."""

import pytest
import torch
from bare_models import BareImages, BareSpeech
from tiny_runs import configure

from translate.config import DataConfig, ImageConfig, LossWeight, StftConfig, TrainConfig, WaveConfig, WorldConfig
from translate.errors import UserError
from translate.models import resolve
from translate.models.base import Model, player, until


def test_a_player_is_written_by_its_losses():
    written = player(1e-3, (0.0, 0.9), adversarial=1, identity=until(10, 5), penalty=LossWeight(weight=10.0, every=16))
    assert (written.learning_rate, written.betas, written.clip, written.average) == (1e-3, [0.0, 0.9], None, None)
    assert written.losses == {
        "adversarial": LossWeight(weight=1.0), "identity": LossWeight(weight=5.0, until=10),
        "penalty": LossWeight(weight=10.0, every=16),
    }  # fmt: skip


def test_weights_leave_out_what_other_settings_switch_off():
    config = configure("stargan_vc")
    assert set(config.weights()["discriminator"]) == {"adversarial", "gradient_penalty", "r1"}
    assert set(config.weights("gradient_penalty")["discriminator"]) == {"adversarial", "r1"}
    assert config.weights("gradient_penalty")["generator"] == config.weights()["generator"]
    assert config.weights("adversarial", "classification") == {
        "generator": {"cycle": LossWeight(weight=10.0), "identity": LossWeight(weight=5.0, until=10_000)},
        "discriminator": {"gradient_penalty": LossWeight(weight=10.0), "r1": LossWeight(weight=0.0)},
        "classifier": {},
    }


@pytest.mark.parametrize(("key", "words"), [
    ("train.crop", "`train.crop` is 16: too small"),
    ("players.generator.losses.cycle.weight", "`players.generator.losses.cycle.weight` is 10.0: too small"),
])  # fmt: skip
def test_a_refusal_names_the_key_and_its_value(key, words):
    config = configure("cyclegan_vc2")
    config.refuse(False, key, "too small")
    with pytest.raises(UserError) as error:
        config.refuse(True, key, "too small")
    assert str(error.value) == words


def test_runs_do_not_share_their_settings():
    """Defaults are copied: a run that is changed leaves the others, and the class, as they are."""
    first, second = (resolve({"model": "cyclegan_vc2"}, "test") for _ in range(2))
    first.players["generator"].losses["cycle"] = LossWeight(weight=0.0)
    first.data.domains.append("low")
    for other in (second, resolve({"model": "cyclegan_vc2"}, "test")):
        assert other.players["generator"].losses["cycle"].weight == 10
        assert other.data.domains == []


def test_a_model_without_build_is_none():
    class Unfinished(Model):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Unfinished(model="x", network=WorldConfig(), players={})


@pytest.mark.parametrize(("features", "size"), [
    (WorldConfig(dimensions=7), 7), (StftConfig(fft_size=64), 33), (WaveConfig(), 1),
])  # fmt: skip
def test_example_batches_of_speech(features, size):
    batch = BareSpeech(features=features, train=TrainConfig(crop=20)).example_batch(3)
    assert {key: tuple(value.shape) for key, value in batch.items()} == dict.fromkeys(
        ("source", "target"), (3, size, 20)
    )
    assert not torch.equal(batch["source"], batch["target"])


def test_labelled_examples_have_domains_in_turns():
    data = DataConfig(domains=["a", "b", "c"], batches="labelled")
    for model in (BareSpeech(data=data), BareImages(data=data)):
        batch = model.example_batch(4)
        assert batch["domain"].argmax(dim=1).tolist() == [0, 1, 2, 0]
        assert torch.equal(batch["domain"].sum(dim=1), torch.ones(4))
        assert torch.equal(batch["mask"], torch.ones(4, 3))
        assert "target" not in batch


@pytest.mark.parametrize(("images", "source", "target"), [
    ({}, (3, 32, 32), (3, 32, 32)),
    ({"source_channels": 1, "aspect": 1.5}, (1, 32, 48), (3, 32, 48)),
    ({"scale": 4}, (3, 8, 8), (3, 32, 32)),
    ({"labels": 5, "target_channels": 1}, (5, 32, 32), (1, 32, 32)),
    ({"labels": 5, "unknown": 255, "instances": True}, (7, 32, 32), (3, 32, 32)),
])  # fmt: skip
def test_example_batches_of_pictures(images, source, target):
    config = BareImages(images=ImageConfig(**images), train=TrainConfig(crop=32), data=DataConfig(batches="paired"))
    batch = config.example_batch(2)
    assert (batch["source"].shape, batch["target"].shape) == ((2, *source), (2, *target))
    if config.images.labels:
        assert torch.equal(batch["source"].sum(dim=1), torch.ones(2, *source[1:]))
    assert config.side == 32
