"""Layers with equalised learning rates (Karras et al. 2018, section 4.1)."""

import math

from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

RECTIFIED = 2**0.5                                                  # He's gain, of layers before a (leaky) rectifier


class EqualisedConv2d(nn.Conv2d):
    """A convolution whose weights are N(0, 1) and are scaled by gain / sqrt(fan-in) in every pass.

    Adam moves all weights equally fast whatever their size; scaled so, layers of every width learn equally fast. The
    size of the picture stays.

    Args:
        inputs, outputs: channels.
        width: width of the kernel, odd.
        gain: standard deviation of the output over that of the input.
        bias: whether there is a bias, which begins at 0.
    """

    def __init__(self, inputs: int, outputs: int, width: int, gain: float = RECTIFIED, bias: bool = True):
        super().__init__(inputs, outputs, width, padding=width // 2, bias=bias)
        self.scale = gain / math.sqrt(inputs * width * width)
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, H, W) -> (B, outputs, H, W)
        return conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class EqualisedLinear(nn.Linear):
    """A linear layer whose weights are N(0, 1) / rate and are scaled by rate * gain / sqrt(fan-in) in every pass.

    Args:
        inputs, outputs: entries.
        gain: standard deviation of the output over that of the input.
        rate: factor on the learning rate of weights and biases (StyleGAN's mapping network: 0.01).
        bias: whether there is a bias, which begins at 0.
    """

    def __init__(self, inputs: int, outputs: int, gain: float = RECTIFIED, rate: float = 1.0, bias: bool = True):
        super().__init__(inputs, outputs, bias)
        self.rate, self.scale = rate, rate * gain / math.sqrt(inputs)
        nn.init.normal_(self.weight, 0.0, 1 / rate)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs) -> (B, outputs)
        return linear(x, self.weight * self.scale, None if self.bias is None else self.bias * self.rate)
