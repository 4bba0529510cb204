"""New voices join a trained model of many domains: what was learned goes where the names are."""

import pytest
import torch
from safetensors.torch import save_file

from translate.config import merge, write_yaml
from translate.errors import UserError
from translate.jobs.train import make_translator
from translate.models import resolve

OLD = ["SF1", "SM1", "SF2"]
GROWN = ["SM2", "SF2", "SF1", "TF1", "SM1"]                         # in another order, new ones between
TINY = {
    "features": {"sample_rate": 16000, "dimensions": 12},
    "network": {"channels": 4},
    "train": {"crop": 32, "batch_size": 4, "device": "cpu"},
}
VARIANTS = {
    "classifier": {"model": "stargan_vc"},
    "source_target": {"model": "stargan_vc2", "network": {"blocks": 2}},
    "target": {"model": "stargan_vc2", "network": {"blocks": 2, "loss": "target"}},
    "heads": {"model": "stargan_vc2", "network": {"blocks": 2, "loss": "classification"}},
}


def configure(variant, domains, **sections):
    return resolve(merge(merge(merge(TINY, VARIANTS[variant]), {"data": {"domains": domains}}), sections), "test")


def save_run(folder, config, average=False):
    """A run's checkpoint with weights as if they had been trained; returns its translator."""
    torch.manual_seed(3)
    translator = config.build()
    folder.mkdir()
    write_yaml(folder / "config.yaml", config)
    weights = {key: value.contiguous() for key, value in translator.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    if average:
        generator = {key: 2 * value for key, value in weights.items() if key.startswith("players.generator")}
        save_file(generator, folder / "average.safetensors")
        translator.load_state_dict(weights | generator)
    return translator


def grow(tmp_path, variant, domains, average=False):
    """The trained translator of the old voices, and the fresh one of `domains` that starts from it."""
    old = save_run(tmp_path / "run", configure(variant, OLD), average)
    config = configure(variant, domains, train={"start_from": str(tmp_path / "run")})
    return old, make_translator(config, tmp_path / "grown", torch.device("cpu"))


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_old_pairs_convert_as_before(tmp_path, variant, average):
    old, grown = grow(tmp_path, variant, GROWN, average)
    x = torch.randn(1, 12, 41)
    for source, target in [("SF1", "SM1"), ("SM1", "SF2"), ("SF2", "SF1"), ("SF1", "SF1")]:
        assert torch.equal(grown.translate(x, source, target), old.translate(x, source, target))


@pytest.mark.parametrize("variant", VARIANTS)
def test_judges_know_the_old_voices(tmp_path, variant):
    old, grown = grow(tmp_path, variant, GROWN)
    x = torch.randn(2, 12, 32)
    told = {"source_target": 2, "heads": 0}.get(variant, 1)
    judgements = []
    for translator in (old, grown):
        vectors = [translator.vector(name).expand(2, -1) for name in ("SM1", "SF2")[:told]]
        judgement = translator.players["discriminator"]["judge"](x, *vectors)
        classes = judgement.classes
        if variant == "classifier":
            classes = translator.players["classifier"]["judge"](x).classes
        if classes is not None:
            classes = classes[:, [translator.domains.index(name) for name in OLD]]
        judgements.append((judgement.logits[0], classes))
    (logits, classes), (grown_logits, grown_classes) = judgements
    torch.testing.assert_close(grown_logits, logits)
    assert (classes is None) == (grown_classes is None) == (variant in ("source_target", "target"))
    if classes is not None:
        torch.testing.assert_close(grown_classes, classes)


@pytest.mark.parametrize("variant", VARIANTS)
def test_new_voices_begin_as_the_mean_of_the_old(tmp_path, variant):
    old, grown = grow(tmp_path, variant, GROWN)
    before, after = old.state_dict(), grown.state_dict()
    axes = grown.domain_axes()
    assert axes.keys() == old.domain_axes().keys() != set()
    for key, value in after.items():
        if key not in axes:
            assert torch.equal(value, before[key])
            continue
        axis, blocks = axes[key]
        value, known = value.movedim(axis, 0), before[key].movedim(axis, 0)
        for block in range(blocks):                                         # counted from the end
            runs = [t[len(t) - (block + 1) * k :][:k] for t, k in [(value, len(GROWN)), (known, len(OLD))]]
            for place, name in enumerate(GROWN):
                expected = runs[1][OLD.index(name)] if name in OLD else runs[1].mean(0)
                assert torch.equal(runs[0][place], expected), (key, name)
        others = len(known) - blocks * len(OLD)
        assert torch.equal(value[:others], known[:others])


def test_voices_may_leave(tmp_path):
    old, grown = grow(tmp_path, "source_target", ["SF2", "TF1"])
    assert len(grown.domains) == 2
    x = torch.randn(1, 12, 20)
    assert torch.equal(grown.translate(x, "SF2", "SF2"), old.translate(x, "SF2", "SF2"))


def test_another_network_is_not_taken(tmp_path):
    """Wider layers do not fit, whatever domains index: most of the run would be lost, so it is refused."""
    save_run(tmp_path / "run", configure("classifier", OLD))
    config = configure("classifier", GROWN, train={"start_from": str(tmp_path / "run")}, network={"channels": 8})
    with pytest.raises(UserError, match=r"train\.start_from: \d+ of \d+ tensors of .* fit; is it another model"):
        make_translator(config, tmp_path / "grown", torch.device("cpu"))


def test_a_grown_model_learns(tmp_path):
    _, grown = grow(tmp_path, "classifier", GROWN)
    batch = {"source": torch.randn(5, 12, 32), "domain": torch.eye(5), "mask": torch.ones(5, 5)}
    for _, losses in grown.training_step(batch, 0):
        torch.stack(list(losses.values())).sum().backward()
    speak = grown.map.decode[0].layer.code.grad
    assert speak.flatten(1).any(1).all()                                    # every voice, old and new
