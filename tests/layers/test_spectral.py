"""Spectral norm on networks, and where a batch is played in parts."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from translate.layers.spectral import add_spectral_norm, hold_spectral_norms, list_spectral_norms


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(32, 16), nn.Linear(16, 4))
    add_spectral_norm(made, without=[made[4]])
    return made


def read_vectors(network):
    return [norm._u.clone() for norm in list_spectral_norms(network)]


def test_layers_that_have_it(network):
    assert [is_parametrized(layer) for layer in network] == [True, False, False, True, False]
    assert len(list_spectral_norms(network)) == 2


def test_the_largest_singular_value_comes_to_one_with_the_iterations():
    """Of the raw weight over the estimate: never below 1, since u^T W v is no more than the largest of all."""
    torch.manual_seed(0)
    layer = nn.Linear(64, 64)
    add_spectral_norm(layer)
    found = []
    for _ in range(200):
        found.append(torch.linalg.matrix_norm(layer.weight.detach(), 2).item())
    assert min(found) > 1 - 1e-5
    assert found[0] > found[20] > found[100]
    assert found[-1] == pytest.approx(1, abs=1e-3)


def test_convolutions_are_matrices_of_outputs_by_the_rest():
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 6, 3)
    raw = layer.weight.detach().clone()
    add_spectral_norm(layer)
    for _ in range(300):
        weight = layer.weight
    torch.testing.assert_close(weight, raw / torch.linalg.matrix_norm(raw.flatten(1), 2))


def test_the_norm_of_a_convolution_is_up_to_three_times_that_of_its_matrix():
    """Of 3 x 3 kernels: three times for a constant kernel, on a torus, and never more."""
    torch.manual_seed(0)
    constant = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", bias=False)
    nn.init.ones_(constant.weight)
    random = nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular", bias=False)
    ratios = []
    for layer in (constant, random):
        add_spectral_norm(layer)
        for _ in range(100):
            layer.weight  # noqa: B018
        channels = layer.in_channels
        basis = torch.eye(channels * 36).view(-1, channels, 6, 6)
        ratios.append(torch.linalg.matrix_norm(layer(basis).flatten(1).detach(), 2).item())
    assert ratios[0] == pytest.approx(3, abs=1e-4)
    assert 1 < ratios[1] < 3


def test_passes_inside_make_no_power_iteration(network):
    x = torch.randn(2, 3, 4, 4)
    network(x)
    before = read_vectors(network)
    with hold_spectral_norms(list_spectral_norms(network)):
        one, other = network[0].weight, network[0].weight
        network(x).sum().backward()
    assert torch.equal(one, other)
    assert all(map(torch.equal, read_vectors(network), before))
    assert all(norm.training for norm in list_spectral_norms(network))
    assert network[0].parametrizations.weight.original.grad.abs().sum() > 0
    network(x)
    assert not any(map(torch.equal, read_vectors(network), before))


def test_modes_come_back_after_an_error(network):
    norms = list_spectral_norms(network.eval())
    norms[0].train()
    with pytest.raises(ZeroDivisionError), hold_spectral_norms(norms):
        1 / 0  # noqa: B018
    assert [norm.training for norm in norms] == [True, False]
