"""Initialisation of weights where a paper specifies it."""

from torch import nn

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def initialise_normal(module: nn.Module, deviation: float = 0.02) -> nn.Module:
    """Draw the weights of convolutions and linear layers from N(0, deviation) and the scales of batch norm from N(1,
    .).

    Biases become 0. The rule is DCGAN's (Radford et al. 2016), also used by pix2pix, CycleGAN and pix2pixHD. Call it
    before spectral norm is applied.

    Returns:
        `module` itself.
    """
    for layer in module.modules():
        if isinstance(layer, _LAYERS):
            nn.init.normal_(layer.weight, 0.0, deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, _NORMS) and layer.weight is not None:
            nn.init.normal_(layer.weight, 1.0, deviation)
            nn.init.zeros_(layer.bias)
    return module


def initialise_orthogonal(module: nn.Module) -> nn.Module:
    """Make the weights of convolutions and linear layers orthogonal: the rows, or the columns where those are fewer.

    A convolution's weight is the matrix (outputs, rest). Biases become 0. Saxe et al. 2014; used by BigGAN (Brock et
    al. 2019, section 3). Call it before spectral norm is applied.

    Returns:
        `module` itself.
    """
    for layer in module.modules():
        if isinstance(layer, _LAYERS):
            nn.init.orthogonal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module
