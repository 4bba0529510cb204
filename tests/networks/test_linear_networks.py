"""Networks that start from linear maps."""

import numpy as np
import torch

from translate.networks.cnn1d import Generator1d
from translate.networks.linear import FromLinear, FromLinearMaps, LinearMaps
from translate.networks.star_vc2 import StarVc2Generator

NAMES = ["a", "b", "c"]


def fit(source, target):
    random = np.random.default_rng(sum(map(ord, source)) * 100 + ord(target))
    return random.normal(size=(6, 6)), random.normal(size=6)


def test_codes_choose_and_mix_the_maps():
    maps = LinearMaps(6, NAMES)
    maps.fit(fit)
    x = torch.randn(3, 6, 10)
    one = torch.eye(3)
    code = torch.cat([one[[0, 2, 1]], one[[1, 0, 1]]], dim=1)
    y = maps(x, code)
    for number, (source, target) in enumerate([("a", "b"), ("c", "a")]):
        matrix, offset = fit(source, target)
        expected = matrix @ x[number].double().numpy() + offset[:, None]
        np.testing.assert_allclose(y[number].numpy(), expected, atol=1e-4)
    torch.testing.assert_close(y[2], x[2])                          # from a domain to itself
    mixed = maps(x[:1], torch.cat([one[:1], (one[1:2] + one[2:]) / 2], dim=1))
    whole = (maps(x[:1], torch.cat([one[:1], one[1:2]], 1)) + maps(x[:1], torch.cat([one[:1], one[2:]], 1))) / 2
    torch.testing.assert_close(mixed, whole)


def test_a_generator_begins_near_its_map_and_keeps_it_fixed():
    torch.manual_seed(0)
    network = FromLinear(Generator1d(6, 4, 1), 6)
    network.fit(fit, "a", "b")
    x = torch.randn(2, 6, 37)
    y, linear = network(x), network.linear(x)
    matrix, offset = fit("a", "b")
    np.testing.assert_allclose(linear[0].numpy(), matrix @ x[0].double().numpy() + offset[:, None], atol=1e-4)
    distance = (y - linear).abs().mean() / linear.abs().mean()
    assert 0 < distance < 0.1
    y.sum().backward()
    assert network.matrix.grad is None and network.offset.grad is None  # noqa: PT018
    assert all(p.grad is not None for p in network.net.parameters())


def test_a_network_of_targets_alone_gets_the_target_alone():
    torch.manual_seed(0)
    network = FromLinearMaps(StarVc2Generator(8, 3, codes=1, channels=8, blocks=1), 8, NAMES, codes=1)
    one, x = torch.eye(3), torch.randn(1, 8, 16)
    with torch.no_grad():
        from_a, from_c = (network(x, torch.cat([one[[s]], one[[1]]], dim=1)) for s in (0, 2))
    torch.testing.assert_close(from_a, from_c)                      # the maps are identities until they are fitted
    assert (network(x, torch.cat([one[[0]], one[[2]]], dim=1)) - from_a).abs().max() > 0
