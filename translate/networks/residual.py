"""Residual networks that make and judge pictures: SN-GAN (Miyato et al. 2018, table 4) and WGAN-GP (Gulrajani et al.
2017, appendix F), which differ in widths, norms and pooling.

Xavier-uniform weights, with gain sqrt(2) inside residual branches.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu
from torch.nn.utils.parametrizations import spectral_norm

from translate.layers.conditional_norm import ConditionalBatchNorm
from translate.losses.judgement import Judgement
from translate.networks.dcgan import find_coarsest

RESIDUAL_GAIN = 2**0.5
WITHOUT_POOLING = 2                                                 # the discriminator's last blocks keep the size


class ResidualGenerator(nn.Module):
    """Generator: a linear layer to the coarsest size, `layers` residual blocks that double it, BN, ReLU, a convolution.

    The output lies in [-1, 1]. SN-GAN's for 32 x 32 pixels has 4.3 M parameters.

    Args:
        latent: entries of z.
        planes: channels of the picture.
        size: (height, width) in pixels, multiples of 2^layers.
        channels: channels of all blocks (SN-GAN 256, WGAN-GP 128).
        layers: number of blocks (3 for 32 pixels).
        entries: entries of a label vector, which sets scale and shift of the blocks' norms; 0: no labels.
    """

    def __init__(
        self, latent: int, planes: int, size: tuple[int, int], channels: int = 256, layers: int = 3, entries: int = 0
    ):
        super().__init__()
        self.shape = (channels, *find_coarsest(size, layers))
        self.first = nn.Linear(latent, channels * self.shape[1] * self.shape[2])
        self.blocks = nn.ModuleList(UpBlock(channels, channels, *_make_norms(channels, entries)) for _ in range(layers))
        self.norm = nn.BatchNorm2d(channels)
        self.picture = nn.Conv2d(channels, planes, 3, padding=1)
        initialise(self.first)
        initialise(self.picture)

    def forward(self, latent: Tensor, code: Tensor | None = None) -> Tensor:  # (B, Z), (B, K) -> (B, planes, H, W)
        x = self.first(latent).view(-1, *self.shape)
        for block in self.blocks:
            x = block(x, code)
        return self.picture(relu(self.norm(x))).tanh()


class ResidualDiscriminator(nn.Module):
    """Discriminator: residual blocks, the first ones with mean pooling, then the sum or the mean over positions.

    Args:
        planes: channels of the picture.
        channels: channels of all blocks (paper: 128).
        halvings: number of blocks with pooling (2 for 32 pixels); two without follow.
        pooling: sum (SN-GAN) or mean (WGAN-GP) over positions.
        spectral: whether every layer but `classes` has spectral norm.
        told: entries of a label vector y that enters by projection, D(x, y) = psi(f(x)) + <V y, f(x)> (Miyato and
            Koyama 2018, eq. 4); 0: none.
        asked: classes of a classifier on the mean over positions, without spectral norm (AC-GAN); 0: none.
    """

    def __init__(
        self,
        planes: int,
        channels: int = 128,
        halvings: int = 2,
        pooling: Literal["sum", "mean"] = "sum",
        spectral: bool = True,
        told: int = 0,
        asked: int = 0,
    ):
        super().__init__()
        blocks = [DownBlock(planes, channels, first=True)]
        blocks += [DownBlock(channels, channels) for _ in range(halvings - 1)]
        blocks += [DownBlock(channels, channels, halve=False) for _ in range(WITHOUT_POOLING)]
        self.blocks = nn.Sequential(*blocks)
        self.pooling = pooling
        self.last = nn.Linear(channels, 1)
        self.projection = nn.Linear(told, channels, bias=False) if told else None
        initialise(self.last)
        if self.projection is not None:
            initialise(self.projection)
        if spectral:
            for module in list(self.modules()):
                if isinstance(module, nn.Conv2d | nn.Linear):
                    spectral_norm(module)
        self.classes = nn.Linear(channels, asked) if asked else None

    def forward(self, x: Tensor, code: Tensor | None = None) -> Judgement:  # (B, planes, H, W), (B, told)
        features = relu(self.blocks(x)).flatten(2)                  # (B, channels, positions)
        pooled = features.sum(dim=2) if self.pooling == "sum" else features.mean(dim=2)
        logits = project(pooled, code, self.last, self.projection)
        classes = None if self.classes is None else self.classes(features.mean(dim=2))
        return Judgement(logits=[logits], classes=classes)


class UpBlock(nn.Module):
    """Norm, ReLU, doubling, convolution, norm, ReLU, convolution; the shortcut doubles and convolves with width 1.

    Args:
        inputs, outputs: channels before and behind the block.
        first, second: norms of `inputs` and of `outputs` channels, called with x and, where there is one, a condition.
    """

    def __init__(self, inputs: int, outputs: int, first: nn.Module, second: nn.Module):
        super().__init__()
        self.norms = nn.ModuleList([first, second])
        self.convolutions = nn.ModuleList(nn.Conv2d(n, outputs, 3, padding=1) for n in (inputs, outputs))
        self.shortcut = nn.Conv2d(inputs, outputs, 1)
        for convolution in self.convolutions:
            initialise(convolution, RESIDUAL_GAIN)
        initialise(self.shortcut)

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:  # (B, inputs, H, W) -> (B, outputs, 2 H, 2 W)
        condition = () if code is None else (code,)
        y = _double(relu(self.norms[0](x, *condition)))
        y = self.convolutions[0](y)
        y = self.convolutions[1](relu(self.norms[1](y, *condition)))
        return y + self.shortcut(_double(x))


class DownBlock(nn.Module):
    """ReLU, convolution, ReLU, convolution and, to halve the size, mean pooling; the shortcut convolves with width 1.

    The first block of a network has no ReLU before its first convolution, and pools before its shortcut's.
    """

    def __init__(self, inputs: int, outputs: int, first: bool = False, halve: bool = True):
        super().__init__()
        self.first, self.halve = first, halve
        self.convolutions = nn.ModuleList(nn.Conv2d(n, outputs, 3, padding=1) for n in (inputs, outputs))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if halve else None
        for convolution in self.convolutions:
            initialise(convolution, RESIDUAL_GAIN)
        if self.shortcut is not None:
            initialise(self.shortcut)

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, H, W) -> (B, outputs, H / 2, W / 2), or of the same size
        y = self.convolutions[0](x if self.first else relu(x))
        y = self.convolutions[1](relu(y))
        if self.shortcut is None:
            return y + x
        if self.first:
            return avg_pool2d(y, 2) + self.shortcut(avg_pool2d(x, 2))
        return avg_pool2d(y + self.shortcut(x), 2)


def project(pooled: Tensor, code: Tensor | None, last: nn.Module, projection: nn.Module | None) -> Tensor:
    """Return the logits psi(f) + <V y, f> of pooled features f, without the product where there is no label y.

    Miyato and Koyama 2018, eq. 4.

    Args:
        pooled: features f (B, C).
        code: label vectors y (B, K), or None.
        last: the layer psi, C to 1.
        projection: the layer V, K to C, or None.

    Returns:
        (B, 1).
    """
    logits = last(pooled)
    if projection is None or code is None:
        return logits
    return logits + (projection(code.to(pooled.dtype)) * pooled).sum(dim=1, keepdim=True)


def _make_norms(channels: int, entries: int) -> list[nn.Module]:
    return [ConditionalBatchNorm(channels, entries) if entries else nn.BatchNorm2d(channels) for _ in range(2)]


def _double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="nearest")


def initialise(layer: nn.Module, gain: float = 1.0) -> None:
    """Draw a layer's weights by Xavier's uniform rule; its bias becomes 0."""
    nn.init.xavier_uniform_(layer.weight, gain)  # type: ignore[arg-type]
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
