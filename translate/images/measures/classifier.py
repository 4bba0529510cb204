"""A small classifier of an image's domain, which is fitted in seconds, without a download."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from translate.errors import UserError
from translate.images.arrays import convert_channels, resize

SIZE, CROP = 72, 64                                                 # pixels of the images, and of the random crops
STEPS, BATCH, RATE, DROPOUT = 400, 32, 2e-3, 0.3
HEAD = 3                                                            # layers behind the convolutions
HELD_OUT = 5                                                        # every fifth image of a domain
SEED = 0


class DomainClassifier:
    """A convolutional network of four layers on images of 72 pixels, fitted on real images of every domain.

    It is fitted on four fifths of the images and tested on the others. `held_out` is its accuracy there, averaged over
    domains; where that is low, the accuracy on translated images means little.

    Args:
        pictures: images (H, W, C) uint8, of any sizes.
        domains: names of the K domains.
        labels: (N, K), 0 or 1 per image and domain; -1 where it is not known (attributes only).
        exclusive: whether an image has exactly one domain, or any number, each decided independently.

    Raises:
        UserError: fewer than two exclusive domains, a domain without images, or an attribute that all images have.
    """

    def __init__(self, pictures: Sequence[np.ndarray], domains: Sequence[str], labels: np.ndarray, exclusive: bool):
        _check(domains, labels, exclusive)
        self.domains, self.exclusive = list(domains), exclusive
        x, y = _stack(pictures), torch.as_tensor(np.asarray(labels), dtype=torch.float32)
        tested = _hold_out(labels)
        with torch.random.fork_rng([]):                             # the same images give the same classifier
            torch.default_generator.manual_seed(SEED)
            self.network = _Network(len(domains))
            self._fit(x[~tested], y[~tested])
        self.held_out_n = int(tested.sum())
        self.held_out = self._test(x[tested], y[tested]) if self.held_out_n else None

    def predict(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Predict the domain, or the attributes, of images (H, W, C) uint8: (N, K) of 0 and 1."""
        return self._predict(_stack(pictures)).numpy()

    def describe(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Return features (N, 64) float64 of images (H, W, C) uint8: the last convolution, averaged over positions."""
        x = _cut_middle(_stack(pictures))
        convolutions = nn.Sequential(*list(self.network)[:-HEAD])
        with torch.inference_mode():
            features = torch.cat([convolutions(part).mean(dim=(2, 3)) for part in x.split(BATCH)])
        return features.double().numpy()

    def accuracy(self, pictures: Sequence[np.ndarray], domain: str) -> float:
        """Return the fraction of images, 0 to 1, classified as `domain`, or as all attributes joined by "+".
        """
        wanted = [self.domains.index(name) for name in ([domain] if domain in self.domains else domain.split("+"))]
        return float(self.predict(pictures)[:, wanted].all(axis=1).mean())

    def _fit(self, x: Tensor, y: Tensor) -> None:
        optimiser = torch.optim.Adam(self.network.parameters(), RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        has, lacks = (y == 1).float(), (y == 0).float()
        balance = lacks.sum(dim=0) / has.sum(dim=0)
        chance = (has / has.sum(dim=0)).sum(dim=1) if self.exclusive else torch.ones(len(x))
        self.network.train()
        for _ in range(STEPS):
            # Rare domains must not be ignored: exclusive ones are drawn equally often, attributes are weighted.
            chosen = torch.multinomial(chance, BATCH, replacement=True)
            logits = self.network(_crop_at_random(x[chosen]))
            if self.exclusive:
                loss = functional.cross_entropy(logits, y[chosen].argmax(dim=1))
            else:
                errors = functional.binary_cross_entropy_with_logits(
                    logits, y[chosen].clamp(min=0), weight=(y[chosen] >= 0).float(), pos_weight=balance
                )
                loss = errors.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        self.network.eval()

    def _predict(self, x: Tensor) -> Tensor:
        x = _cut_middle(x)
        with torch.inference_mode():
            logits = torch.cat([self.network(part) + self.network(part.flip(3)) for part in x.split(BATCH)])
        if self.exclusive:
            return functional.one_hot(logits.argmax(dim=1), len(self.domains))
        return (logits > 0).long()

    def _test(self, x: Tensor, y: Tensor) -> float:
        """Return the accuracy, mean over domains; for an attribute the mean over images with it and without."""
        right = self._predict(x) == y
        shares = []
        for place in range(len(self.domains)):
            for value in (1,) if self.exclusive else (0, 1):
                of_value = right[y[:, place] == value, place]
                shares += [float(of_value.float().mean())] if len(of_value) else []
        return float(np.mean(shares))


class _Network(nn.Sequential):
    """Four strided convolutions and one layer over the whole image.

    The last layer sees positions: faces differ in certain places, while textures are the same everywhere.
    """

    def __init__(self, classes: int):
        layers: list[nn.Module] = []
        for planes, channels in ((3, 16), (16, 32), (32, 64), (64, 64)):
            layers += [nn.Conv2d(planes, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        features = 64 * (CROP // 16) ** 2
        super().__init__(*layers, nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(features, classes))


def shrink_picture(picture: np.ndarray) -> np.ndarray:
    """Shrink (H, W, C) uint8 to (72, 72, 3) uint8, the input of the classifier."""
    return resize(convert_channels(picture, 3), (SIZE, SIZE))


def _stack(pictures: Sequence[np.ndarray]) -> Tensor:
    """Stack images as (N, 3, 72, 72) in [-1, 1]."""
    small = np.stack([shrink_picture(picture) for picture in pictures])
    return torch.from_numpy(np.moveaxis(small, 3, 1).astype(np.float32) / 127.5 - 1)


def _cut_middle(x: Tensor) -> Tensor:
    """Cut the middle 64 pixels out of 72."""
    middle = (SIZE - CROP) // 2
    return x[..., middle : middle + CROP, middle : middle + CROP]


def _crop_at_random(x: Tensor) -> Tensor:
    """Crop to 64 pixels at random, and mirror at random, alike for the whole batch."""
    top, left, mirrored = (int(torch.randint(high, ())) for high in (SIZE - CROP + 1, SIZE - CROP + 1, 2))
    x = x[..., top : top + CROP, left : left + CROP]
    return x.flip(3) if mirrored else x


def _hold_out(labels: np.ndarray) -> np.ndarray:
    """Choose, (N,) bool, every fifth image of each combination of domains, never its only one."""
    tested = np.zeros(len(labels), bool)
    for combination in np.unique(labels, axis=0):
        members = np.flatnonzero((labels == combination).all(axis=1))
        tested[members[HELD_OUT - 1 :: HELD_OUT] if len(members) >= HELD_OUT else members[2:3]] = True
    return tested


def _check(domains: Sequence[str], labels: Any, exclusive: bool) -> None:
    found = np.asarray(labels)
    for place, domain in enumerate(domains):
        for value in (1,) if exclusive else (1, 0):
            if not (found[:, place] == value).any():
                kind = "of" if value else "without"
                raise UserError(f"domain classifier: no real picture {kind} `{domain}`; give a manifest that has some")
    if exclusive and len(domains) < 2:
        raise UserError(f"domain classifier: expected at least two domains, found `{', '.join(domains)}`")
