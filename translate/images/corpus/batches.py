"""Making batches from crops: images in [-1, 1], planes of classes, low resolution."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from translate.config import ImageConfig
from translate.errors import UserError
from translate.images.resize import bicubic_matrix


@dataclass(frozen=True)
class Crops:
    """Samples (B, h, w, C) from `ImageStore`, and their largest possible value (255 or 65535)."""

    samples: Tensor
    depth: int

    def to_planes(self) -> Tensor:
        """Convert to (B, C, h, w) float32, unscaled."""
        return self.samples.permute(0, 3, 1, 2).contiguous().float()

    def to_floats(self) -> Tensor:
        """Convert to (B, C, h, w) float32 in [-1, 1]."""
        return self.to_planes() / (self.depth / 2) - 1


class BatchAssembler:
    """A function that makes batches from crops.

        "source"    (B, C, h, w) float32 in [-1, 1]; or planes of classes, unknown pixels and boundaries, 0 or 1;
                    or the low resolution of the target in [0, 1], which is rounded to whole samples as files are
        "target"    (B, C, h, w) float32 in [-1, 1]; not where domains are translated
        "instances" (B, 1, h, w) float32, instance ids; with `config.instances`
        "domain"    (B, K) float32, 0 or 1; and "mask" (B, K), 1 where it is known; only where they are given

    Args:
        config: settings of classes, instances and scale.
        shape: size (height, width) of the crops in pixels.
        device: device of the batches.
        vectors, masks: domains of all images and whether they are known, (U, K) float32.

    Raises:
        UserError: a crop that is not a multiple of the scale.
    """

    def __init__(
        self,
        config: ImageConfig,
        shape: tuple[int, int],
        device: torch.device,
        vectors: np.ndarray | None = None,
        masks: np.ndarray | None = None,
    ):
        if shape[0] % config.scale or shape[1] % config.scale:
            raise UserError(
                f"train.crop={shape[0]}: a crop of {shape[1]} x {shape[0]} pixels is no multiple of "
                f"images.scale={config.scale}"
            )
        self.config = config
        self.named = {"domain": vectors, "mask": masks}
        self.tables = {n: torch.from_numpy(v).to(device) for n, v in self.named.items() if v is not None}
        self.smaller = [
            torch.from_numpy(bicubic_matrix(size, 1 / config.scale).toarray()).float().to(device) for size in shape
        ]

    def __call__(self, crops: Mapping[str, Crops], pictures: np.ndarray) -> dict[str, Tensor]:
        """Make a batch from crops by stream; `pictures` (B,) are their rows in `vectors`."""
        batch: dict[str, Tensor] = {}
        if self.config.scale > 1:
            batch["source"] = self._shrink(crops["target"])
        for stream, cut in crops.items():
            if stream == "source" and self.config.labels is not None:
                batch |= self._encode(cut.samples)
            else:
                batch[stream] = cut.to_floats()
        for name, table in self.tables.items():
            batch[name] = table[torch.from_numpy(pictures).to(table.device)]
        return batch

    def _encode(self, samples: Tensor) -> dict[str, Tensor]:
        """Encode label maps (B, h, w, 1), or (B, h, w, 3) with instances and boundaries, as planes."""
        samples = samples.permute(0, 3, 1, 2)
        labels, config = samples[:, :1].long(), self.config
        batch, _, height, width = labels.shape
        planes = torch.zeros(batch, config.source_planes, height, width, device=labels.device)
        planes.scatter_(1, labels, 1)
        if not config.instances:
            return {"source": planes}
        planes[:, -1] = samples[:, 2]
        return {"source": planes, "instances": samples[:, 1:2].float()}

    def _shrink(self, crops: Crops) -> Tensor:
        """Make the low resolution in [0, 1]: rows, then columns, each rounded, as `images.resize.bicubic`."""
        rows, columns = self.smaller
        low = (rows @ crops.to_planes() + 0.5).floor().clamp(0, crops.depth)
        low = (low @ columns.T + 0.5).floor().clamp(0, crops.depth)
        return low / crops.depth
