"""Spectral norm on whole networks, and its power iterations where a batch is played in parts."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from torch import nn
from torch.nn.utils.parametrizations import _SpectralNorm, spectral_norm

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)


def add_spectral_norm(network: nn.Module, without: Collection[nn.Module] = ()) -> None:
    """Divide the weight of every linear and convolution layer by an estimate of its largest singular value.

    Weights are reshaped to (outputs, rest). Every pass in training mode makes one power iteration, the first begins
    with fifteen. Initialise the weights before.

    Miyato et al. 2018, algorithm 1.

    Args:
        network: network whose layers are changed in place.
        without: layers that stay as they are.
    """
    kept = {id(layer) for layer in without}
    for module in list(network.modules()):
        if isinstance(module, _LAYERS) and id(module) not in kept:
            spectral_norm(module)


def list_spectral_norms(module: nn.Module) -> list[nn.Module]:
    """List the spectral norms inside `module`."""
    return [child for child in module.modules() if isinstance(child, _SpectralNorm)]


@contextmanager
def hold_spectral_norms(norms: Sequence[nn.Module]) -> Iterator[None]:
    """Keep the singular vectors of these norms as they are inside: passes make no power iteration."""
    modes = [norm.training for norm in norms]
    try:
        for norm in norms:
            norm.training = False
        yield
    finally:
        for norm, mode in zip(norms, modes, strict=True):
            norm.training = mode
