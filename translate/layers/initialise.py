"""How fresh weights are drawn, where a paper says so."""

from torch import nn

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def initialise_normal(module: nn.Module, deviation: float = 0.02) -> nn.Module:
    """Draw the weights of convolutions and linear layers from N(0, deviation); biases 0, batch norm's scale N(1, .).

    DCGAN's rule (Radford et al. 2016), taken over by pix2pix, CycleGAN and pix2pixHD. Call it before spectral norm.

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
