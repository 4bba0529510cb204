"""Instance norms with statistics that are stored or gathered, and the receptive fields that they leave."""

import pytest
import torch
from torch import nn

from translate.layers.norm import instance_norm
from translate.layers.steady_norm import (
    Choice,
    ChosenNorm,
    StoredNorm,
    copy_with,
    gather,
    list_norms,
    measure_context,
    steady,
)


def test_a_copy_shares_weights_and_leaves_the_network_alone():
    network = nn.Sequential(nn.Conv1d(3, 6, 3, padding=1), instance_norm(6), nn.Conv1d(6, 6, 1), nn.GroupNorm(2, 6))
    nn.init.normal_(network[1].weight)
    nn.init.normal_(network[1].bias)
    x = 3 * torch.randn(1, 3, 50) + 1
    before = network(x)
    twin, norms = steady(network)
    assert len(norms) == 1                                          # groups of several channels are no instance norm
    assert twin[0].weight is network[0].weight
    gather(norms.values(), torch.ones(50))
    assert torch.allclose(twin(x), before, atol=1e-5)
    gather(norms.values(), None)
    part = twin[:2](x[..., :30])[..., :29]                          # no longer depends on the rest
    assert torch.allclose(part, network[:2](x)[..., :29], atol=1e-5)
    assert not torch.allclose(network[:2](x[..., :30])[..., :29], part, atol=1e-2)
    assert torch.equal(network(x), before)


def test_contexts():
    lopsided = nn.Conv1d(2, 2, 5)                                   # sees 4 frames back

    def causal(x):
        return lopsided(nn.functional.pad(x, (4, 0)))

    assert measure_context(causal, 2, 4) == (4, 0)
    dilated = nn.Conv1d(2, 2, 3, padding=100, dilation=100)
    assert measure_context(dilated, 2, 4) == (100, 100)
    with pytest.raises(ValueError, match="further"):
        measure_context(lambda x: x - x.mean(), 2, 2048)


def make_network():
    """Convolutions at two rates with norms whose scale and shift are not 1 and 0."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv1d(3, 6, 3, padding=1), instance_norm(6), nn.GELU(), nn.Conv1d(6, 8, 2, stride=2), instance_norm(8),
        nn.GELU(), instance_norm(8, affine=False),
    )  # fmt: skip
    for norm in (network[1], network[4]):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return network


@torch.inference_mode()
def test_the_speech_alone_is_gathered():
    network = make_network()
    speech, noise = torch.randn(1, 3, 400), 5 + 3 * torch.randn(1, 3, 800)
    twin, norms = steady(network)
    gather(norms.values(), torch.ones(400))
    twin(speech)
    expected = [norm.read() for norm in norms.values()]
    twin, norms = steady(network)
    gather(norms.values(), torch.cat([torch.zeros(800), torch.ones(400)]))
    twin(torch.cat([noise, speech], dim=2))
    for norm, of_speech in zip(norms.values(), expected, strict=True):
        assert torch.allclose(norm.read(), of_speech, atol=0.15)    # the edges see different neighbours
    gather(norms.values(), None)
    before = [norm.read() for norm in norms.values()]
    twin(noise)
    assert all(torch.equal(norm.read(), old) for norm, old in zip(norms.values(), before, strict=True))


@torch.inference_mode()
def test_a_batch_counts_together_and_its_statistics_can_be_stored():
    network, x = make_network(), 2 * torch.randn(5, 3, 40) + torch.arange(5).view(-1, 1, 1)
    twin, norms = steady(network)
    gather(norms.values(), torch.ones(5, 40))
    gathered = twin(x)
    y = network[0](x)
    mean, variance = norms["1"].read()
    assert torch.allclose(mean.float(), y.mean(dim=(0, 2)), atol=1e-5)
    assert torch.allclose(variance.float(), y.var(dim=(0, 2), correction=0), atol=1e-4)
    found = {name: norm.read().float() for name, norm in norms.items()}
    assert list(found) == list(list_norms(network)) == ["1", "4", "6"]
    stored = copy_with(network, lambda name, norm: StoredNorm(norm, found[name]))
    assert torch.allclose(stored(x), gathered, atol=1e-3)           # each layer saw what it will see
    assert torch.allclose(stored(x[:1, :, :20])[..., :9], stored(x[:1])[..., :9], atol=1e-3)  # the rest does not matter
    assert stored[0].weight is network[0].weight
    assert not isinstance(network[1], StoredNorm)


@torch.inference_mode()
def test_inputs_choose_among_statistics():
    norm, choice = instance_norm(4), Choice()
    nn.init.normal_(norm.weight)
    statistics = torch.rand(2, 3, 4) + 0.5
    chosen = ChosenNorm(norm, statistics, choice)
    x = torch.randn(2, 4, 5, 6)
    choice.weights = torch.eye(3)[[2, 0]]
    y = chosen(x)
    for sample, place in ((0, 2), (1, 0)):
        assert torch.allclose(y[sample], StoredNorm(norm, statistics[:, place])(x[sample : sample + 1])[0], atol=1e-6)


def test_shared_modules_stay_shared_in_a_copy():
    layer = nn.Sequential(nn.Conv1d(2, 2, 1), instance_norm(2))
    twin, norms = steady(nn.ModuleDict({"a": layer, "b": layer}))
    assert twin["a"] is twin["b"]
    assert list(norms) == ["a.1"]
