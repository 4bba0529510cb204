"""SAGAN's networks (Zhang, Goodfellow, Metaxas, Odena 2019): residual blocks whose channels double as the picture is
halved, attention at one size, spectral norm in both.

As in the paper's code (brain-research/self-attention-gan) at 128 pixels: 16, 16, 8, 4, 2 and 1 times `channels` from
4 x 4 positions to the picture, and back in the discriminator, whose last block keeps the size.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import relu

from translate.layers.attention import SelfAttention
from translate.layers.conditional_norm import ConditionalBatchNorm
from translate.layers.spectral import add_spectral_norm
from translate.losses.judgement import Judgement
from translate.networks.dcgan import find_coarsest
from translate.networks.residual import DownBlock, UpBlock, initialise, project

WIDEST = 16                                                         # times `channels`, in the coarsest blocks


class SaganGenerator(nn.Module):
    """Generator: a linear layer to the coarsest size, `layers` residual blocks that double it, BN, ReLU, a convolution.

    Every layer has spectral norm, except those of the norms. The output lies in [-1, 1].

    Args:
        latent: entries of z.
        planes: channels of the picture.
        size: (height, width) in pixels, multiples of 2^layers.
        channels: channels of the last block; they double towards the coarsest, up to 16 times as many.
        layers: number of blocks (5 for 128 pixels).
        attention: halvings of the picture at whose size there is attention, below `layers`; 0: none.
        entries: entries of a label vector, which sets scale and shift of the blocks' norms; 0: no labels.
    """

    def __init__(
        self,
        latent: int,
        planes: int,
        size: tuple[int, int],
        channels: int = 64,
        layers: int = 5,
        attention: int = 2,
        entries: int = 0,
    ):
        super().__init__()
        widths = list_widths(channels, layers)[::-1]
        self.shape = (widths[0], *find_coarsest(size, layers))
        self.first = nn.Linear(latent, self.shape[0] * self.shape[1] * self.shape[2])
        self.blocks = nn.ModuleList(
            UpBlock(inputs, outputs, _make_norm(inputs, entries), _make_norm(outputs, entries))
            for inputs, outputs in pairwise([widths[0], *widths])
        )
        self.place = layers - 1 - attention                         # the block before the attention
        self.attention = SelfAttention(widths[self.place]) if attention else None
        self.norm = nn.BatchNorm2d(channels)
        self.picture = nn.Conv2d(channels, planes, 3, padding=1)
        for layer in (self.first, self.picture, *list_convolutions(self.attention)):
            initialise(layer)
        norms = (module for module in self.modules() if isinstance(module, ConditionalBatchNorm))
        add_spectral_norm(self, without=[norm.modulate for norm in norms])

    def forward(self, latent: Tensor, code: Tensor | None = None) -> Tensor:  # (B, Z), (B, K) -> (B, planes, H, W)
        x = self.first(latent).view(-1, *self.shape)
        for number, block in enumerate(self.blocks):
            x = block(x, code)
            if self.attention is not None and number == self.place:
                x = self.attention(x)
        return self.picture(relu(self.norm(x))).tanh()


class SaganDiscriminator(nn.Module):
    """Discriminator: residual blocks with mean pooling, one that keeps the size, ReLU, the sum over positions.

    Every layer has spectral norm.

    Args:
        planes: channels of the picture.
        channels: channels of the first block; they double with each of the next, up to 16 times as many.
        layers: number of blocks with pooling (5 for 128 pixels).
        attention: halvings of the picture at whose size there is attention, below `layers`; 0: none.
        told: entries of a label vector that enters by projection (`networks.residual.project`); 0: none.
    """

    def __init__(self, planes: int, channels: int = 64, layers: int = 5, attention: int = 2, told: int = 0):
        super().__init__()
        widths = list_widths(channels, layers)
        blocks = [DownBlock(planes, channels, first=True)]
        blocks += [DownBlock(inputs, outputs) for inputs, outputs in pairwise(widths)]
        self.blocks = nn.ModuleList([*blocks, DownBlock(widths[-1], widths[-1], halve=False)])
        self.place = attention - 1                                  # the block before the attention
        self.attention = SelfAttention(widths[self.place]) if attention else None
        self.last = nn.Linear(widths[-1], 1)
        self.projection = nn.Linear(told, widths[-1], bias=False) if told else None
        self._initialise()
        add_spectral_norm(self)

    def _initialise(self) -> None:
        heads = [self.last] if self.projection is None else [self.last, self.projection]
        for layer in (*heads, *list_convolutions(self.attention)):
            initialise(layer)

    def forward(self, x: Tensor, code: Tensor | None = None) -> Judgement:  # (B, planes, H, W), (B, told)
        for number, block in enumerate(self.blocks):
            x = block(x)
            if self.attention is not None and number == self.place:
                x = self.attention(x)
        pooled = relu(x).sum(dim=(2, 3))                            # (B, C)
        return Judgement(logits=[project(pooled, code, self.last, self.projection)])


def list_widths(channels: int, layers: int) -> list[int]:
    """Return the channels at 1, 2, ... `layers` halvings: 1, 2, 4, ... times `channels`, at most 16 times."""
    return [channels * min(WIDEST, 2**level) for level in range(layers)]


def list_convolutions(module: nn.Module | None) -> list[nn.Module]:
    """List the convolutions inside `module`, none where there is no module."""
    return [] if module is None else [child for child in module.modules() if isinstance(child, nn.Conv2d)]


def _make_norm(channels: int, entries: int) -> nn.Module:
    return ConditionalBatchNorm(channels, entries) if entries else nn.BatchNorm2d(channels)
