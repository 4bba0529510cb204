"""A history of fakes (Shrivastava et al. 2017): discriminators also see older fakes."""

import torch
from torch import Tensor


class FakePool:
    """A store of up to `size` fakes; a query returns each sample or, with probability 1/2, an older one in its place.

    With size 0 a query returns its argument. The random numbers come from torch's CPU generator, so a resumed run
    draws the same.
    """

    def __init__(self, size: int):
        self.size = size
        self.kept: list[Tensor] = []

    def query(self, fakes: Tensor) -> Tensor:  # (B, C, *S) -> (B, C, *S), detached
        fakes = fakes.detach()
        if self.size == 0:
            return fakes
        returned = []
        for fake in fakes:
            if len(self.kept) < self.size:
                self.kept.append(fake.clone())
            elif torch.rand(()).item() < 0.5:
                index = int(torch.randint(self.size, ()))
                fake, self.kept[index] = self.kept[index], fake.clone()
            returned.append(fake)
        return torch.stack(returned)
