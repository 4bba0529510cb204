"""Maps of frames that the data determine, alone or as the start of a network: linear ones, and nearest frames.

Frames that a linear map has moved lie among the target's, and the nearest of those guess at the right ones (Erro,
Moreno and Bonafonte 2010, "INCA Algorithm for Training Voice Conversion Systems From Nonparallel Corpora"; Baas, van
Niekerk and Kamper 2023, "Voice Conversion With Just Nearest Neighbors", whose four neighbours replace a frame whole).
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

NEIGHBOURS = 4                                                      # Baas et al. 2023
KEPT = 2000                                                         # frames of a domain that stay with the network
QUIET = 0.1                                                         # size of the last layer's weights, of the usual one


class Fit(Protocol):
    """What the training data determine."""

    def map(self, source: str, target: str) -> tuple[np.ndarray, np.ndarray]:
        """Return A (Q, Q) and b (Q,) of the linear map y = A x + b between two domains."""

    def frames(self, domain: str, count: int) -> np.ndarray:
        """Return `count` frames (N, Q) of a domain, evenly spread over its training material."""


class Nearest(nn.Module):
    """Moves frames some of the way to the mean of the real frames that are nearest to them.

    Args:
        dimensions: Q, values per frame.
        domains: K, domains whose frames are kept.
        share: how much of the way, from 0 to 1.
    """

    def __init__(self, dimensions: int, domains: int, share: float):
        super().__init__()
        self.share = share
        self.real = nn.Parameter(torch.zeros(domains, KEPT, dimensions), requires_grad=False)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, Q, T), (B, K) parts of the domains -> (B, Q, T)
        frames = x.transpose(1, 2)                                  # (B, T, Q)
        step = torch.zeros_like(frames)
        for real, part in zip(self.real, code.T, strict=True):
            nearness = frames.detach() @ real.T - real.square().sum(1) / 2
            mean = real[nearness.topk(NEIGHBOURS).indices].mean(-2)
            step = step + part[:, None, None] * (mean - frames)
        return x + self.share * step.transpose(1, 2)


class LinearMaps(nn.Module):
    """Linear maps between the frames of several domains, chosen by codes; identities until `fit` sets them.

    Args:
        dimensions: Q, values per frame.
        domains: names of the K domains.
        nearest: how much of the way mapped frames then go to the nearest real ones of the target, from 0 to 1.
    """

    def __init__(self, dimensions: int, domains: list[str], nearest: float = 0.0):
        super().__init__()
        self.nearest = Nearest(dimensions, len(domains), nearest) if nearest else None
        self.domains, count = list(domains), len(domains)
        matrices = torch.eye(dimensions).repeat(count, count, 1, 1)
        self.matrices = nn.Parameter(matrices, requires_grad=False)  # (K, K, Q, Q): source, target, y, x
        self.offsets = nn.Parameter(torch.zeros(count, count, dimensions), requires_grad=False)

    def fit(self, fit: Fit) -> None:
        """Set the maps of all pairs of different domains."""
        for i, source in enumerate(self.domains):
            if self.nearest is not None:
                self.nearest.real[i] = torch.from_numpy(fit.frames(source, KEPT))
            for j, target in enumerate(self.domains):
                if i != j:
                    matrix, offset = fit.map(source, target)
                    self.matrices[i, j] = torch.from_numpy(matrix)
                    self.offsets[i, j] = torch.from_numpy(offset)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, Q, T), (B, 2K) source and target -> (B, Q, T)
        source, target = code.chunk(2, dim=1)
        pair = source[:, :, None] * target[:, None, :]              # (B, K, K)
        matrix = torch.einsum("bst,stij->bij", pair, self.matrices)
        offset = torch.einsum("bst,sti->bi", pair, self.offsets)
        y = matrix @ x + offset[:, :, None]
        if self.nearest is None:
            return y
        same = (source * target).sum(dim=1, keepdim=True)           # a domain's own frames stay where they are
        return self.nearest(y, target * (1 - same))


class FromLinear(nn.Module):
    """A network of frames that adds to a linear map: A x + b + net(A x + b), nearly the map itself at first.

    Args:
        net: network (B, Q, T) -> (B, Q, T) whose last convolution is made quiet.
        dimensions: Q.
        nearest: how much of the way mapped frames go to the nearest real ones of the target before the network sees
            them, from 0 to 1.
    """

    def __init__(self, net: nn.Module, dimensions: int, nearest: float = 0.0):
        super().__init__()
        self.net = quieten(net)
        self.nearest = Nearest(dimensions, 1, nearest) if nearest else None
        self.matrix = nn.Parameter(torch.eye(dimensions), requires_grad=False)
        self.offset = nn.Parameter(torch.zeros(dimensions), requires_grad=False)

    @property
    def context(self) -> int | None:
        """Return the one-sided receptive field of the network in frames; None where it is unbounded."""
        return getattr(self.net, "context", None)

    def fit(self, fit: Fit, source: str, target: str) -> None:
        """Set the map to that between two domains."""
        if self.nearest is not None:
            self.nearest.real[0] = torch.from_numpy(fit.frames(target, KEPT))
        matrix, offset = fit.map(source, target)
        self.matrix.copy_(torch.from_numpy(matrix))
        self.offset.copy_(torch.from_numpy(offset))

    def start(self, x: Tensor) -> Tensor:
        """Apply what the data determine alone to (B, Q, T)."""
        y = self.matrix @ x + self.offset[:, None]
        return y if self.nearest is None else self.nearest(y, y.new_ones(y.shape[0], 1))

    def forward(self, x: Tensor) -> Tensor:  # (B, Q, T) -> (B, Q, T), any T
        y = self.start(x)
        return y + self.net(y)


class FromLinearMaps(nn.Module):
    """The same for many domains: the map between source and target, and a network that gets the code.

    Args:
        net: network called with (B, Q, T) and a code.
        dimensions: Q.
        domains: names of the K domains.
        codes: number of one-hots that `net` takes: 1 (target), or 2 (source and target).
        nearest: as `LinearMaps`.
    """

    def __init__(self, net: nn.Module, dimensions: int, domains: list[str], codes: int, nearest: float = 0.0):
        super().__init__()
        self.net, self.maps, self.codes = quieten(net), LinearMaps(dimensions, domains, nearest), codes

    def fit(self, fit: Fit) -> None:
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
