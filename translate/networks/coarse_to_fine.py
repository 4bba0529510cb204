"""The networks of pix2pixHD (Wang et al. 2018, arXiv 1711.11585): a coarse generator, enhancers, an object encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from translate.errors import UserError
from translate.layers.padding import pad_to_multiple
from translate.networks.resnet import ResNet, Upsample


class LocalEnhancer(ResNet):
    """G2 of sec. 3.1: works at twice the resolution of the generator below and adds its activations in the middle.

    A `ResNet` with one down-sampling; its output convolution is used only in the finest enhancer.
    """

    def forward(self, x: Tensor, coarser: Tensor) -> Tensor:  # type: ignore[override]
        """Map (B, source, H, W) and (B, 2c, H/2, W/2) to (B, c, H, W); H and W are even."""
        return self.up(self.convert(self.down(x) + coarser))


class CoarseToFine(nn.Module):
    """The global generator at the coarsest level of an input pyramid, and one enhancer per finer level (fig. 3).

    Input of any size is accepted: the right and lower edges are repeated up to a multiple of the stride, and the output
    is cropped to the size of the input.

    Args:
        source, target: input and output channels.
        channels: channels of the global generator (paper: 64); each enhancer has half of those of the level below.
        blocks: residual blocks of the global generator (paper: 9).
        downs: down-samplings by 2 inside the global generator (paper: 4).
        enhancers: number of enhancers (paper: 1); 0 leaves the global generator alone.
        local_blocks: residual blocks of an enhancer (paper: 3).
        upsample: kind of `make_upsampling`, for all networks.
    """

    def __init__(
        self,
        source: int,
        target: int,
        channels: int = 64,
        blocks: int = 9,
        downs: int = 4,
        enhancers: int = 1,
        local_blocks: int = 3,
        upsample: Upsample = "transposed",
    ):
        super().__init__()
        self.coarse = ResNet(source, target, channels, blocks, upsample, downs)
        self.enhancers = nn.ModuleList(
            LocalEnhancer(source, target, channels // 2**level, local_blocks, upsample, downs=1)
            for level in range(1, enhancers + 1)
        )
        for enhancer in self.enhancers[:-1]:
            enhancer.picture = nn.Identity()  # only the finest enhancer makes an image
        self.stride = 2 ** (downs + enhancers)

    def forward(self, x: Tensor, phase: int = 3) -> Tensor:
        """Make an image (B, target, H, W) in [-1, 1] from `x` (B, source, H, W).

        Args:
            phase: phase of the training. 1: the output is the global generator's own image, whose sides are 2^enhancers
                times smaller, rounded up. 2: the enhancers learn, the global generator gets no gradient. 3: both learn.
        """
        height, width = x.shape[-2:]
        pyramid = [pad_to_multiple(x, self.stride, dims=2)]
        for _ in self.enhancers:
            pyramid.append(halve(pyramid[-1]))
        if phase == 1 or not self.enhancers:
            scale = 2 ** len(self.enhancers)
            return self.coarse(pyramid[-1])[..., : (height + scale - 1) // scale, : (width + scale - 1) // scale]
        with torch.set_grad_enabled(torch.is_grad_enabled() and phase == 3):
            hidden = self.coarse.features(pyramid[-1])
        for enhancer, level in zip(self.enhancers, reversed(pyramid[:-1]), strict=True):
            hidden = enhancer(level, hidden)
        return self.enhancers[-1].picture(hidden)[..., :height, :width]  # type: ignore[operator]


def halve(x: Tensor) -> Tensor:
    """Compute the next coarser level of a pyramid: (B, C, H, W) -> (B, C, H/2, W/2), rounded up."""
    return avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)


# --- Objects and their styles -----------------------------------------------------------------------------

Style = int | Mapping[int, Any] | None                              # see `ObjectStyles.choose`


@dataclass(frozen=True)
class Objects:
    """The objects in a batch of label maps: each is all pixels of an image with one class and one instance id.

    Attributes:
        number: (B, H, W), the number of each pixel's object, from 0.
        ids: (N,) instance ids.
        classes: (N,) classes.
    """

    number: Tensor
    ids: Tensor
    classes: Tensor

    def average(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Average `x` (B, C, H, W) over each object; return the means (N, C) and the numbers of pixels (N,)."""
        pixels, number = x.float().movedim(1, -1).flatten(0, 2), self.number.flatten()
        areas = torch.bincount(number, minlength=len(self.ids))
        sums = pixels.new_zeros(len(self.ids), x.shape[1]).index_add(0, number, pixels)
        return sums / areas[:, None], areas

    def paint(self, vectors: Tensor) -> Tensor:
        """Give each pixel its object's vector: (N, C) -> (B, C, H, W)."""
        return vectors[self.number].movedim(-1, 1)


def find_objects(labels: Tensor, instances: Tensor | None = None) -> Objects:
    """Find the objects of label maps.

    Args:
        labels: (B, classes, H, W), 1 in the plane of each pixel's class.
        instances: (B, 1, H, W) ids from 0 to 2^24; None: each class is one object, with the class as its id.

    Raises:
        ValueError: the sizes differ.
    """
    classes = labels.argmax(dim=1)  # (B, H, W)
    if instances is None:
        instances = classes[:, None]
    if instances.shape != (len(labels), 1, *labels.shape[2:]):
        raise ValueError(f"instances {tuple(instances.shape)} do not fit label maps {tuple(labels.shape)}")
    picture = torch.arange(len(labels), device=labels.device)[:, None, None]
    keys = (picture * labels.shape[1] + classes) * _IDS + instances[:, 0].long()
    found, number = torch.unique(keys, return_inverse=True)
    return Objects(number, ids=found % _IDS, classes=found // _IDS % labels.shape[1])


_IDS = 2**32                                                        # above the largest instance id


class ObjectEncoder(ResNet):
    """E of sec. 3.4: one vector per object, the mean over its pixels of features of the photograph in [-1, 1].

    A `ResNet` without residual blocks (paper: 16 channels, 4 down-samplings, 3 features).
    """

    def describe(self, picture: Tensor, objects: Objects) -> tuple[Tensor, Tensor]:
        """Return the vectors (N, features) of the objects in `picture` (B, C, H, W), and their pixel counts (N,)."""
        return objects.average(self(picture))


class ObjectStyles(nn.Module):
    """The styles that the objects of each class have: cluster centres of their vectors (sec. 3.4), most frequent first.

    Args:
        classes: classes of the label maps.
        features: length of a vector (paper: 3).
        clusters: clusters per class (paper: 10); a class with fewer distinct vectors has fewer.
    """

    centres: Tensor                                                 # (classes, clusters, features)
    shares: Tensor                                                  # (classes, clusters) fraction of the area; 0: none

    def __init__(self, classes: int, features: int = 3, clusters: int = 10):
        super().__init__()
        self.register_buffer("centres", torch.zeros(classes, clusters, features))
        self.register_buffer("shares", torch.zeros(classes, clusters))

    def fit(self, vectors: Tensor, classes: Tensor, areas: Tensor) -> None:
        """Cluster objects by k-means, weighted by area; classes without objects keep zeros.

        Args:
            vectors: (N, features).
            classes: (N,).
            areas: (N,) in pixels.
        """
        from sklearn.cluster import KMeans  # takes a second to import

        self.centres.zero_()
        self.shares.zero_()
        for one in classes.unique().tolist():
            members = (classes == one).cpu()
            points = vectors.cpu()[members].double().numpy()
            weights = areas.cpu()[members].double().numpy()
            count = min(self.shares.shape[1], len(np.unique(points, axis=0)))
            means = KMeans(count, n_init=10, random_state=0).fit(points, sample_weight=weights)
            shares = np.bincount(means.labels_, weights, minlength=count) / weights.sum()
            order = np.argsort(-shares, kind="stable")
            self.centres[one, :count] = self.centres.new_tensor(means.cluster_centers_[order])
            self.shares[one, :count] = self.shares.new_tensor(shares[order])

    def choose(self, objects: Objects, style: Style = None) -> Tensor:
        """Choose a vector for each object: (N, features).

        Args:
            style: None: the most frequent cluster of the object's class. A number: seed with which each object draws
                one of its class's clusters, in proportion to their areas. A mapping from instance ids to a cluster's
                number or to a
                vector: these objects get it, all others the most frequent.

        Raises:
            UserError: no object has the id, its class has no such cluster, or the vector has another length.
        """
        if isinstance(style, int | np.integer):
            pairs = torch.stack([objects.classes, objects.ids], dim=1).tolist()
            drawn = [self._draw(int(style), one, number) for one, number in pairs]
            return self.centres[objects.classes, torch.tensor(drawn, device=self.centres.device)]
        vectors = self.centres[objects.classes, 0]
        for number, value in (style or {}).items():
            members = (objects.ids == number).nonzero()[:, 0].tolist()
            if not members:
                present = ", ".join(map(str, objects.ids.unique().tolist()[:12]))
                raise UserError(f"style: no object has the instance id {number}; the picture has {present}")
            for member in members:
                vectors[member] = self._pick(int(objects.classes[member]), number, value)
        return vectors

    def _draw(self, seed: int, one: int, number: int) -> int:
        """Draw a cluster for an object, independently of the other objects, so that edits do not affect those."""
        shares = self.shares[one].double().cpu().numpy()
        if not shares.any():
            return 0
        return int(np.random.default_rng([seed % 2**32, one, number]).choice(len(shares), p=shares / shares.sum()))

    def _pick(self, one: int, number: int, value: Any) -> Tensor:
        if isinstance(value, int | np.integer):
            count = int((self.shares[one] > 0).sum())
            if not 0 <= value < count:
                known = f"0 to {count - 1}" if count else "none: its class was not among the training pictures"
                raise UserError(f"style: cluster {value} for the object {number}; it has {known}")
            return self.centres[one, int(value)]
        vector = torch.as_tensor(value, dtype=self.centres.dtype, device=self.centres.device)
        if vector.shape != self.centres.shape[2:]:
            raise UserError(
                f"style: the object {number} got a vector of shape {tuple(vector.shape)}; "
                f"expected {self.centres.shape[2]} numbers, or a cluster's number"
            )
        return vector
