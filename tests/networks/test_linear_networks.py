"""Networks that start from linear maps."""

import numpy as np
import torch

from translate.networks.cnn1d import Generator1d
from translate.networks.linear import KEPT, FromLinear, FromLinearMaps, LinearMaps
from translate.networks.star_vc2 import StarVc2Generator

NAMES = ["a", "b", "c"]


class Drawn:
    """Maps and frames at random, the same for the same names."""

    def map(self, source, target):
        random = np.random.default_rng(sum(map(ord, source)) * 100 + ord(target))
        return random.normal(size=(6, 6)), random.normal(size=6)

    def frames(self, domain, count):
        return np.random.default_rng(ord(domain)).normal(size=(count, 6)).astype(np.float32)


fit = Drawn()


def move(x, real, share):
    """Move (T, Q) to the mean of the four nearest, by the definition."""
    distances = ((x[:, None] - real[None]) ** 2).sum(-1)
    nearest = np.argsort(distances, axis=1)[:, :4]
    return x + share * (real[nearest].mean(1) - x)


def test_codes_choose_and_mix_the_maps():
    maps = LinearMaps(6, NAMES)
    maps.fit(fit)
    x = torch.randn(3, 6, 10)
    one = torch.eye(3)
    code = torch.cat([one[[0, 2, 1]], one[[1, 0, 1]]], dim=1)
    y = maps(x, code)
    for number, (source, target) in enumerate([("a", "b"), ("c", "a")]):
        matrix, offset = fit.map(source, target)
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
    y, linear = network(x), network.start(x)
    matrix, offset = fit.map("a", "b")
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


def test_frames_go_some_of_the_way_to_the_four_nearest():
    network = FromLinear(Generator1d(6, 4, 1), 6, nearest=0.3)
    network.fit(fit, "a", "b")
    x = torch.randn(2, 6, 37)
    matrix, offset = fit.map("a", "b")
    for sample, moved in zip(x.double().numpy(), network.start(x).numpy(), strict=True):
        expected = move(sample.T @ matrix.T + offset, fit.frames("b", KEPT), 0.3)
        np.testing.assert_allclose(moved.T, expected, atol=1e-4)


def test_frames_of_many_domains_go_to_those_of_their_target_and_stay_in_their_own():
    maps = LinearMaps(6, NAMES, nearest=0.5)
    plain = LinearMaps(6, NAMES)
    maps.fit(fit)
    plain.fit(fit)
    one, x = torch.eye(3), torch.randn(3, 6, 20)
    code = torch.cat([one[[0, 2, 1]], one[[1, 0, 1]]], dim=1)
    linear, y = plain(x, code), maps(x, code)
    for number, target in enumerate("ba"):
        expected = move(linear[number].double().numpy().T, fit.frames(target, KEPT), 0.5)
        np.testing.assert_allclose(y[number].numpy().T, expected, atol=1e-4)
    torch.testing.assert_close(y[2], x[2])


def test_real_frames_are_fixed_and_pass_the_gradient_on():
    network = FromLinear(Generator1d(6, 4, 1), 6, nearest=0.3)
    network.fit(fit, "a", "b")
    x = torch.randn(1, 6, 9, requires_grad=True)
    network.start(x).sum().backward()
    expected = 0.7 * network.matrix.sum(0)[:, None].expand(6, 9)    # the choice of neighbours has no gradient
    torch.testing.assert_close(x.grad[0], expected)
    assert network.nearest.real.grad is None
