"""StarGAN-VC2's networks (Kaneko et al. 2019, arXiv 1907.12279): mel-cepstra conditioned on domain codes.

A gated convolution of c channels is split in two, as in CycleGAN-VC2, whose 2-1-2-D layers are used here.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import glu

from translate.layers.conditional_norm import ConditionalInstanceNorm, join_code
from translate.layers.gated import GatedConvolution
from translate.layers.norm import instance_norm
from translate.layers.padding import pad_to_multiple
from translate.layers.wide import WideConvolution
from translate.losses.judgement import Judgement


class StarVc2Generator(nn.Module):
    """2-D down- and up-sampling around gated 1-D convolutions over time that a code conditions.

    The paper's blocks have no residual connections. The code can enter in two ways:

        modulation  it scales and shifts the instance norm of every block
        channels    its entries are channels beside the input of the first layer and of every block; the block's norm
                    removes these except at the edges, so the first layer, which has no norm, has most of the effect

    Args:
        dimensions: Q, coefficients per frame; any number (padded to a multiple of 4 inside).
        domains: K, length of a one-hot.
        codes: number of one-hots in a code: 1 (target) or 2 (source, target).
        channels: channels of the first convolution, before its gate (paper: 128); the others are multiples of it.
        blocks: number of blocks in the middle (paper: 9).
        condition: how the code enters.
        residual: whether blocks add to their input; small networks then learn to reconstruct sooner.
    """

    def __init__(
        self,
        dimensions: int,
        domains: int,
        codes: int = 2,
        channels: int = 128,
        blocks: int = 9,
        condition: Literal["modulation", "channels"] = "modulation",
        residual: bool = False,
    ):
        super().__init__()
        c, entries = channels, codes * domains
        flat = 2 * c * ((dimensions + 3) // 4)
        self.codes, self.condition, self.residual = codes, condition, residual
        self.first = GatedConvolution(2, 1 + entries * (condition == "channels"), c // 2, (5, 15), norm=False)
        self.down = nn.Sequential(
            GatedConvolution(2, c // 2, c, 5, stride=2),
            GatedConvolution(2, c, 2 * c, 5, stride=2),
        )
        self.flatten = nn.Sequential(nn.Conv1d(flat, 2 * c, 1), instance_norm(2 * c))
        block = _Modulated if condition == "modulation" else _Joined
        self.blocks = nn.ModuleList(block(2 * c, entries) for _ in range(blocks))
        self.unflatten = nn.Sequential(nn.Conv1d(2 * c, flat, 1), instance_norm(flat))
        self.up = nn.Sequential(
            GatedConvolution(2, 2 * c, c, 5, upsample=True),
            GatedConvolution(2, c, c // 2, 5, upsample=True),
            WideConvolution(c // 2, 1, (5, 15)),
        )

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, Q, T), (B, codes K) -> (B, Q, T), any T
        picture = pad_to_multiple(x.unsqueeze(1), 4, dims=2)  # (B, 1, Q', T')
        deep = self.down(self.first(join_code(picture, code) if self.condition == "channels" else picture))
        flat = self.flatten(deep.flatten(1, 2))  # (B, 2c Q'/4, T'/4) -> (B, 2c, T'/4)
        for block in self.blocks:
            flat = flat + block(flat, code) if self.residual else block(flat, code)
        return self.up(self.unflatten(flat).view_as(deep))[:, 0, : x.shape[1], : x.shape[2]]

    def domain_axes(self) -> dict[str, tuple[int, int]]:
        """Return the parameters that domains index, by name: the axis, and how many runs of K domains end it."""
        if self.condition == "modulation":
            names = [f"blocks.{number}.norm.modulate.weight" for number in range(len(self.blocks))]
        else:
            names = [f"blocks.{number}.layer.convolution.weight" for number in range(len(self.blocks))]
            names.append("first.convolution.weight")
        return dict.fromkeys(names, (1, self.codes))


class _Modulated(nn.Module):
    """Convolution, conditional instance norm, gate."""

    def __init__(self, channels: int, entries: int):
        super().__init__()
        self.convolution = nn.Conv1d(channels, 2 * channels, 5, padding=2)
        self.norm = ConditionalInstanceNorm(2 * channels, entries)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, channels, T), (B, entries) -> (B, channels, T)
        return glu(self.norm(self.convolution(x), code), dim=1)


class _Joined(nn.Module):
    """The code's entries appended to the channels, convolution, instance norm, gate."""

    def __init__(self, channels: int, entries: int):
        super().__init__()
        self.layer = GatedConvolution(1, channels + entries, channels, 5)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, channels, T), (B, entries) -> (B, channels, T)
        return self.layer(join_code(x, code))


class StarVc2Discriminator(nn.Module):
    """Projection discriminator (Miyato and Koyama 2018) over global sum pooling, one judgement per crop.

    With phi the activations, summed over frequency and time, the logit is w phi + b + (E c) phi: the first terms judge
    naturalness in general, the last naturalness for the code c. E is an embedding without bias. The layers have no
    norms.

    Args:
        domains: K, length of a one-hot.
        codes: number of one-hots it is called with: 0, 1 (target) or 2 (source, target).
        channels: channels of the first convolution, before its gate (paper: 128); the others are multiples of it.
        classes: whether another linear map of phi classifies the domain.
    """

    def __init__(self, domains: int, codes: int = 2, channels: int = 128, classes: bool = False):
        super().__init__()
        c = channels
        self.codes = codes
        self.layers = nn.ModuleList(
            [
                GatedConvolution(2, 1, c // 2, 3, norm=False),
                GatedConvolution(2, c // 2, c, 3, stride=2, norm=False),
                GatedConvolution(2, c, 2 * c, 3, stride=2, norm=False),
                GatedConvolution(2, 2 * c, 4 * c, 3, stride=2, norm=False),
                GatedConvolution(2, 4 * c, 4 * c, (1, 5), norm=False),
            ]
        )
        self.head = nn.Linear(4 * c, 1)
        self.embed = nn.Linear(codes * domains, 4 * c, bias=False) if codes else None
        if self.embed is not None:
            # As large as a row of the head: a larger initial embedding would dominate it.
            nn.init.normal_(self.embed.weight, 0.0, (4 * c) ** -0.5)
        self.classes = nn.Linear(4 * c, domains) if classes else None

    def forward(self, x: Tensor, *codes: Tensor) -> Judgement:
        """Judge `x` as a translation from a source to a target, or as speech of a target domain.

        Args:
            x: (B, Q, T), any Q and T.
            codes: (B, K) each, `codes` of them.

        Returns:
            logits (B, 1); per layer the activations (B, *, Q', T'); classes (B, K) if the network has them.
        """
        if len(codes) != self.codes:
            raise ValueError(f"this discriminator judges under {self.codes} codes, got {len(codes)}")
        hidden, features = x.unsqueeze(1), []
        for layer in self.layers:
            hidden = layer(hidden)
            features.append(hidden)
        pooled = hidden.float().sum(dim=(2, 3))  # (B, 4c)
        logits = self.head(pooled)
        if self.embed is not None:
            logits = logits + (self.embed(torch.cat(codes, dim=1)) * pooled).sum(dim=1, keepdim=True)
        return Judgement([logits], [features], None if self.classes is None else self.classes(pooled))

    def domain_axes(self) -> dict[str, tuple[int, int]]:
        """Return the parameters that domains index, by name: the axis, and how many runs of K domains end it."""
        axes = {} if self.embed is None else {"embed.weight": (1, self.codes)}
        return axes if self.classes is None else axes | {"classes.weight": (0, 1), "classes.bias": (0, 1)}
