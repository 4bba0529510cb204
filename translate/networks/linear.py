"""Linear maps of frames that the data determine, alone or as the start of a network."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

FitMap = Callable[[str, str], tuple[np.ndarray, np.ndarray]]        # two domains -> A (Q, Q), b (Q,) of y = A x + b

QUIET = 0.1                                                         # size of the last layer's weights, of the usual one


class LinearMaps(nn.Module):
    """Linear maps between the frames of several domains, chosen by codes; identities until `fit` sets them.

    Args:
        dimensions: Q, values per frame.
        domains: names of the K domains.
    """

    def __init__(self, dimensions: int, domains: list[str]):
        super().__init__()
        self.domains, count = list(domains), len(domains)
        matrices = torch.eye(dimensions).repeat(count, count, 1, 1)
        self.matrices = nn.Parameter(matrices, requires_grad=False)  # (K, K, Q, Q): source, target, y, x
        self.offsets = nn.Parameter(torch.zeros(count, count, dimensions), requires_grad=False)

    def fit(self, fit: FitMap) -> None:
        """Set the maps of all pairs of different domains."""
        for i, source in enumerate(self.domains):
            for j, target in enumerate(self.domains):
                if i != j:
                    matrix, offset = fit(source, target)
                    self.matrices[i, j] = torch.from_numpy(matrix)
                    self.offsets[i, j] = torch.from_numpy(offset)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, Q, T), (B, 2K) source and target -> (B, Q, T)
        source, target = code.chunk(2, dim=1)
        pair = source[:, :, None] * target[:, None, :]              # (B, K, K)
        matrix = torch.einsum("bst,stij->bij", pair, self.matrices)
        offset = torch.einsum("bst,sti->bi", pair, self.offsets)
        return matrix @ x + offset[:, :, None]


class FromLinear(nn.Module):
    """A network of frames that adds to a linear map: A x + b + net(A x + b), nearly the map itself at first.

    Args:
        net: network (B, Q, T) -> (B, Q, T) whose last convolution is made quiet.
        dimensions: Q.
    """

    def __init__(self, net: nn.Module, dimensions: int):
        super().__init__()
        self.net = quieten(net)
        self.matrix = nn.Parameter(torch.eye(dimensions), requires_grad=False)
        self.offset = nn.Parameter(torch.zeros(dimensions), requires_grad=False)

    @property
    def context(self) -> int | None:
        """Return the one-sided receptive field of the network in frames; None where it is unbounded."""
        return getattr(self.net, "context", None)

    def fit(self, fit: FitMap, source: str, target: str) -> None:
        """Set the map to that between two domains."""
        matrix, offset = fit(source, target)
        self.matrix.copy_(torch.from_numpy(matrix))
        self.offset.copy_(torch.from_numpy(offset))

    def linear(self, x: Tensor) -> Tensor:
        """Apply the linear map alone to (B, Q, T)."""
        return self.matrix @ x + self.offset[:, None]

    def forward(self, x: Tensor) -> Tensor:  # (B, Q, T) -> (B, Q, T), any T
        y = self.linear(x)
        return y + self.net(y)


class FromLinearMaps(nn.Module):
    """The same for many domains: the map between source and target, and a network that gets the code.

    Args:
        net: network called with (B, Q, T) and a code.
        dimensions: Q.
        domains: names of the K domains.
        codes: number of one-hots that `net` takes: 1 (target), or 2 (source and target).
    """

    def __init__(self, net: nn.Module, dimensions: int, domains: list[str], codes: int):
        super().__init__()
        self.net, self.maps, self.codes = quieten(net), LinearMaps(dimensions, domains), codes

    def fit(self, fit: FitMap) -> None:
        """Set the maps of all pairs of domains."""
        self.maps.fit(fit)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, Q, T), (B, 2K) -> (B, Q, T), any T
        y = self.maps(x, code)
        return y + self.net(y, code if self.codes == 2 else code.chunk(2, dim=1)[1])


def quieten(net: nn.Module) -> nn.Module:
    """Scale down the weights of a network's last convolution, and clear its bias."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
    last = [module for module in net.modules() if isinstance(module, kinds)][-1]
    with torch.no_grad():
        last.weight.mul_(QUIET)
        if last.bias is not None:
            last.bias.zero_()
    return net
