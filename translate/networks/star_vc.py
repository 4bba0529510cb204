"""StarGAN-VC's networks (Kameoka et al. 2018, arXiv 1806.02169): gated 2-D convolutions on mel-cepstra.

Mel-cepstra are treated as images of frequency by time. Channels are counted after a gate: value and gate have as many
each.

The code enters a layer as constant planes beside its input. Batch norm, the paper's, keeps them: its mean runs over
samples of several domains. Instance norm removes them, except for the effects of zero padding and strides, since its
mean runs over one sample.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from translate.layers.gated import GatedConvolution
from translate.layers.norm import instance_norm, make_norm
from translate.layers.padding import pad_to_multiple
from translate.losses.judgement import Judgement

Pair = tuple[int, int]

LOWEST = 8                                                          # coefficients that the classifier sees
NORMS: dict[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm2d, "instance": instance_norm}


class StarVcGenerator(nn.Module):
    """Encoder without a code, a narrow middle, and a mirrored decoder with the target domain's code at every layer.

    The middle has `bottleneck` values per four frames. One kernel over all remaining frequencies computes them, and a
    transposed one expands them again. The rows of the latter differ, so even an instance norm after it lets the code
    through.

    Args:
        dimensions: Q, coefficients per frame; any number (padded to a multiple of 4 inside).
        entries: length of a code.
        channels: channels of the first layer (paper: 32); the others have two and four times as many.
        bottleneck: channels of the middle (paper: 5).
        norm: kind of norm in every layer but the last (paper: batch).

    Attributes:
        context: one-sided receptive field in frames in evaluation mode, rounded up from 61 to a multiple of the
            strides; None with instance norm: unbounded.
    """

    def __init__(
        self,
        dimensions: int,
        entries: int,
        channels: int = 32,
        bottleneck: int = 5,
        norm: Literal["batch", "instance"] = "batch",
    ):
        super().__init__()
        c, rows, make = channels, (dimensions + 3) // 4, NORMS[norm]  # 9 rows for 36 coefficients
        self.context = 64 if norm == "batch" else None
        self.encode = nn.Sequential(
            GatedConvolution(2, 1, c, (3, 9), norm=make),
            GatedConvolution(2, c, 2 * c, (4, 8), stride=2, padding=(1, 3), norm=make),
            GatedConvolution(2, 2 * c, 4 * c, (4, 8), stride=2, padding=(1, 3), norm=make),
            GatedConvolution(2, 4 * c, 2 * c, (3, 5), norm=make),
            GatedConvolution(2, 2 * c, bottleneck, (rows, 5), stride=(rows, 1), padding=(0, 2), norm=make),
        )
        self.decode = nn.ModuleList(
            [
                CodedGate(bottleneck, 2 * c, entries, (rows, 5), (rows, 1), (0, 2), make, transposed=True),
                CodedGate(2 * c, 4 * c, entries, (3, 5), 1, (1, 2), make, transposed=True),
                CodedGate(4 * c, 2 * c, entries, (4, 8), 2, (1, 3), make, transposed=True),
                CodedGate(2 * c, c, entries, (4, 8), 2, (1, 3), make, transposed=True),
                CodedConvolution(c, 1, entries, (3, 9), 1, (1, 4), transposed=True),
            ]
        )

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, Q, T), (B, entries) -> (B, Q, T), any T
        hidden = self.encode(pad_to_multiple(x.unsqueeze(1), 4, dims=2))  # (B, bottleneck, 1, T/4)
        for layer in self.decode:
            hidden = layer(hidden, code)
        return hidden[:, 0, : x.shape[1], : x.shape[2]]

    def domain_axes(self) -> dict[str, tuple[int, int]]:
        """Return the parameters that domains index, by name: the axis, and how many runs of K domains end it."""
        return _find_codes(self)


class StarVcDiscriminator(nn.Module):
    """Discriminator of segments of 82 frames, every 8 frames, with the domain's code at every layer.

    Args:
        dimensions: Q, coefficients per frame.
        entries: length of a code.
        channels: channels of all layers (paper: 32).
        norm: whether the layers have batch norms, as in the paper; penalties on gradients need a network without.
    """

    def __init__(self, dimensions: int, entries: int, channels: int = 32, norm: bool = True):
        super().__init__()
        c, make = channels, norm and nn.BatchNorm2d
        self.layers = nn.ModuleList(
            [
                CodedGate(1, c, entries, (3, 9), 1, (1, 4), make),
                CodedGate(c, c, entries, (3, 8), (1, 2), (1, 3), make),
                CodedGate(c, c, entries, (3, 8), (1, 2), (1, 3), make),
                CodedGate(c, c, entries, (3, 6), (1, 2), (1, 2), make),
            ]
        )
        self.head = CodedConvolution(c, 1, entries, (dimensions, 5), 1, (0, 2))

    def forward(self, x: Tensor, code: Tensor) -> Judgement:  # (B, Q, T), (B, entries) -> logits (B, 1, 1, T/8)
        hidden, features = pad_to_multiple(x, 8, dims=1).unsqueeze(1), []
        for layer in self.layers:
            hidden = layer(hidden, code)
            features.append(hidden)
        return Judgement(logits=[self.head(hidden, code)], features=[features])

    def domain_axes(self) -> dict[str, tuple[int, int]]:
        """Return the parameters that domains index, by name: the axis, and how many runs of K domains end it."""
        return _find_codes(self)


class StarVcClassifier(nn.Module):
    """Classifier of the domain from the first 8 coefficients, in segments of 94 frames, every 32 frames.

    Args:
        domains: K, number of domains.
        channels: channels of the first layer (paper: 8).
        norm: whether the layers have batch norms, as in the paper.
    """

    def __init__(self, domains: int, channels: int = 8, norm: bool = True):
        super().__init__()
        c, make = channels, norm and nn.BatchNorm2d
        self.layers = nn.Sequential(
            GatedConvolution(2, 1, c, 4, stride=2, padding=1, norm=make),
            GatedConvolution(2, c, 2 * c, 4, stride=2, padding=1, norm=make),
            GatedConvolution(2, 2 * c, 4 * c, 4, stride=2, padding=1, norm=make),
            GatedConvolution(2, 4 * c, 2 * c, (3, 4), stride=(1, 2), padding=1, norm=make),
        )
        self.head = nn.Conv2d(2 * c, domains, (1, 4), (1, 2), (0, 1))

    def forward(self, x: Tensor) -> Judgement:  # (B, Q, T) -> classes (B, K, T/32)
        low = x[:, :LOWEST].unsqueeze(1)
        missing = (0, -x.shape[-1] % 32, 0, LOWEST - low.shape[2])
        low = functional.pad(low, missing, mode="replicate")  # (B, 1, 8, T')
        return Judgement(logits=[], classes=self.head(self.layers(low))[:, :, 0])

    def domain_axes(self) -> dict[str, tuple[int, int]]:
        """Return the parameters that domains index, by name: the axis, and how many runs of K domains end it."""
        return {"head.weight": (0, 1), "head.bias": (0, 1)}


class CodedConvolution(nn.Module):
    """A 2-D convolution of an input and a code, whose entries act as constant planes beside the input's channels.

    It computes the same map as a convolution of both concatenated, zero padding included, at a fraction of the work:
    the code sums the kernels of its entries, and a plane of ones tells which taps fall inside the input. A one-hot code
    therefore selects the kernel of its entry exactly, for any number of entries.

    Args:
        inputs, outputs: channels.
        entries: length of a code.
        kernel, stride, padding: arguments of `nn.Conv2d`.
        transposed: whether the convolution is transposed, `nn.ConvTranspose2d`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        entries: int,
        kernel: Pair,
        stride: int | Pair,
        padding: Pair,
        transposed: bool = False,
    ):
        super().__init__()
        kind = nn.ConvTranspose2d if transposed else nn.Conv2d
        self.convolution = kind(inputs, outputs, kernel, stride, padding)
        self.code = nn.Parameter(torch.empty(entries, outputs, *kernel))
        bound = ((inputs + entries) * kernel[0] * kernel[1]) ** -0.5  # as PyTorch would draw the joint kernel
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, inputs, H, W), (B, entries) -> (B, outputs, H', W')
        batch = x.shape[0]                                          # not len(x), a fixed number in an exported graph
        kernels = (code.to(x.dtype) @ self.code.flatten(1)).view(batch, *self.code.shape[1:])  # (B, outputs, kh, kw)
        rows, columns = (self._reach(x, axis).to(kernels.dtype) for axis in (0, 1))
        return self.convolution(x) + rows.T @ kernels @ columns

    def _reach(self, x: Tensor, axis: int) -> Tensor:
        """Compute which taps meet a plane of ones at which output positions: (kernel, size') of 0 and 1."""
        layer, size = self.convolution, x.shape[2 + axis]
        taps, stride, padding = layer.kernel_size[axis], layer.stride[axis], layer.padding[axis]
        ones, each = torch.ones(1, 1, size, device=x.device), torch.eye(taps, device=x.device)
        if isinstance(layer, nn.ConvTranspose2d):
            return functional.conv_transpose1d(ones, each[None], stride=stride, padding=padding)[0]  # type: ignore[arg-type]
        return functional.conv1d(ones, each[:, None], stride=stride, padding=padding)[0]


class CodedGate(nn.Module):
    """Coded convolution -> [norm] -> gated linear unit; `outputs` counts channels after the gate.

    `norm` is that of `GatedConvolution`; the other arguments are those of `CodedConvolution`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        entries: int,
        kernel: Pair,
        stride: int | Pair,
        padding: Pair,
        norm: bool | Callable[[int], nn.Module],
        transposed: bool = False,
    ):
        super().__init__()
        self.layer = CodedConvolution(inputs, 2 * outputs, entries, kernel, stride, padding, transposed)
        self.norm = make_norm(norm, 2 * outputs)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, inputs, H, W), (B, entries) -> (B, outputs, H', W')
        return functional.glu(self.norm(self.layer(x, code)), dim=1)


def _find_codes(network: nn.Module) -> dict[str, tuple[int, int]]:
    """Return the axes of the code's kernels in all coded convolutions of a network, see `domain_axes`."""
    coded = (name for name, layer in network.named_modules() if isinstance(layer, CodedConvolution))
    return {f"{name}.code": (0, 1) for name in coded}
