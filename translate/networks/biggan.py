"""BigGAN's networks (Brock, Donahue, Simonyan 2019, appendix B): SAGAN's, wider, with a latent vector and a label that
reach every block.

As in table 4 of the paper at 128 pixels: 16, 16, 8, 4, 2 and 1 times `channels` from 4 x 4 positions to the picture,
and back in the discriminator. All weights begin orthogonal, and have spectral norm.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from translate.layers.attention import SelfAttention
from translate.layers.initialise import initialise_orthogonal
from translate.layers.spectral import add_spectral_norm
from translate.networks.dcgan import find_coarsest
from translate.networks.residual import UpBlock
from translate.networks.sagan import SaganDiscriminator, list_widths


class BigganGenerator(nn.Module):
    """Generator: one part of z makes the coarsest map, one part each sets, with the label, the norms of a block.

    z is cut into `layers` + 1 parts of equal size (hierarchical latent space); the label becomes one vector for all
    blocks (shared embedding). The last norm is plain. The output lies in [-1, 1].

    Args:
        latent: entries of z, a multiple of `layers` + 1.
        planes: channels of the picture.
        size: (height, width) in pixels, multiples of 2^layers.
        channels: channels of the last block; they double towards the coarsest, up to 16 times as many.
        layers: number of blocks (5 for 128 pixels).
        attention: halvings of the picture at whose size there is attention, below `layers`; 0: none.
        entries: entries of a label vector; 0: no labels.
        shared: entries of a label's embedding.

    Raises:
        ValueError: z cannot be cut into equal parts.
    """

    def __init__(
        self,
        latent: int,
        planes: int,
        size: tuple[int, int],
        channels: int = 96,
        layers: int = 5,
        attention: int = 1,
        entries: int = 0,
        shared: int = 128,
    ):
        super().__init__()
        if latent % (layers + 1):
            raise ValueError(f"expected a multiple of {layers + 1} entries of z, got {latent}")
        part = latent // (layers + 1)
        widths = list_widths(channels, layers)[::-1]
        self.shape, self.parts = (widths[0], *find_coarsest(size, layers)), layers + 1
        self.embedding = SharedEmbedding(entries, shared) if entries else None
        condition = part + (shared if entries else 0)
        self.first = nn.Linear(part, self.shape[0] * self.shape[1] * self.shape[2])
        self.blocks = nn.ModuleList(
            UpBlock(inputs, outputs, ProjectedBatchNorm(inputs, condition), ProjectedBatchNorm(outputs, condition))
            for inputs, outputs in pairwise([widths[0], *widths])
        )
        self.place = layers - 1 - attention                         # the block before the attention
        self.attention = SelfAttention(widths[self.place]) if attention else None
        self.norm = nn.BatchNorm2d(channels)
        self.picture = nn.Conv2d(channels, planes, 3, padding=1)
        initialise_orthogonal(self)
        add_spectral_norm(self)

    def forward(self, latent: Tensor, code: Tensor | None = None) -> Tensor:  # (B, Z), (B, K) -> (B, planes, H, W)
        first, *parts = latent.chunk(self.parts, dim=1)
        if self.embedding is not None and code is not None:
            label = self.embedding(code)
            parts = [torch.cat([label, part], dim=1) for part in parts]
        x = self.first(first).view(-1, *self.shape)
        for number, (block, condition) in enumerate(zip(self.blocks, parts, strict=True)):
            x = block(x, condition)
            if self.attention is not None and number == self.place:
                x = self.attention(x)
        return self.picture(relu(self.norm(x))).tanh()


class BigganDiscriminator(SaganDiscriminator):
    """SAGAN's discriminator, begun with orthogonal weights."""

    def _initialise(self) -> None:
        initialise_orthogonal(self)


class SharedEmbedding(nn.Module):
    """A vector per label, of which soft labels (B, K) mix those they name; without spectral norm or orthogonal penalty.

    Args:
        entries: number of labels K.
        size: entries of a vector.
    """

    def __init__(self, entries: int, size: int):
        super().__init__()
        self.weight = nn.Parameter(nn.init.orthogonal_(torch.empty(entries, size)))

    def forward(self, code: Tensor) -> Tensor:  # (B, K) -> (B, size)
        return code.to(self.weight.dtype) @ self.weight


class ProjectedBatchNorm(nn.Module):
    """Batch norm whose scale and shift are linear maps of a vector: (1 + W_g c) (x - mu) / sigma + W_b c.

    Two layers, each with a spectral norm of its own.

    Args:
        channels: channels of the input (B, C, H, W).
        entries: entries of the vector c.
    """

    def __init__(self, channels: int, entries: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Linear(entries, channels, bias=False)
        self.shift = nn.Linear(entries, channels, bias=False)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, channels, H, W), (B, entries) -> (B, channels, H, W)
        return self.norm(x) * (1 + self.scale(code)[:, :, None, None]) + self.shift(code)[:, :, None, None]
