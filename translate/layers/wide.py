"""Wide kernels on a single channel (first and last layers of the 2-D gated generators), made fast on CPUs."""

from torch import Tensor, nn
from torch.nn import functional

from translate.layers.exporting import is_exporting


class WideConvolution(nn.Conv2d):
    """A `Conv2d` of stride 1 that keeps the size, between many channels and one; same map and weights.

    CPU kernels are slow where there is only one channel (measured: the backward pass of a 5x15 kernel to one channel
    takes five times as long as the form below). On CPUs the taps along the last dimension become channels:

        one input:   out = sum_q W[:, 0, q, :] . stack_t x[q, t + k]     15 shifted copies are the inputs
        one output:  out[t] = sum_k z_k[t + k]                           15 outputs, shifted and summed in float32

    On other devices and in exported graphs it is the plain convolution.

    Args:
        inputs, outputs: channels; one of them is 1.
        kernel: (height, width), both odd.
    """

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int]):
        super().__init__(inputs, outputs, kernel, padding=(kernel[0] // 2, kernel[1] // 2))

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, H, W) -> (B, outputs, H, W)
        if x.device.type != "cpu" or is_exporting():
            return super().forward(x)
        (height, width), length = self.kernel_size, x.shape[-1]
        if self.in_channels == 1:
            shifted = functional.pad(x[:, 0], (width // 2, width // 2)).unfold(2, width, 1)  # (B, H, W, taps)
            weight = self.weight[:, 0].transpose(1, 2).unsqueeze(3)  # (outputs, taps, height, 1)
            return functional.conv2d(shifted.permute(0, 3, 1, 2), weight, self.bias, padding=(height // 2, 0))
        weight = self.weight[0].permute(2, 0, 1).unsqueeze(3)  # (taps, inputs, height, 1)
        taps = functional.conv2d(x, weight, padding=(height // 2, 0)).float()  # (B, taps, H, W)
        taps = functional.pad(taps, (width // 2, width // 2))
        total = sum(taps[:, k : k + 1, :, k : k + length] for k in range(width))
        return total + self.bias.view(1, -1, 1, 1)  # type: ignore[union-attr]
