"""Penalties that keep a discriminator (or any network) smooth.

The two penalties on gradients are taken per sample, in float32 outside autocast, and differentiated once more
by the trainer, which `torch.compile` cannot do: a discriminator with one of them runs without it, whatever
`train.compile` says. No batch norm: the gradient of one sample would contain the others. Logits are summed over
patches and scales, so the strength of the penalty grows with the number of patches. As in `judge_together`,
inputs and conditions are constants: only the discriminator's weights receive gradients.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from translate.errors import UserError
from translate.losses.judgement import Judgement


def gradient_penalty(
    discriminator: nn.Module,
    real: Tensor,
    fake: Tensor,
    *condition: Any,
    target: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return WGAN-GP's penalty E[(||grad D(x)|| - target)^2] at random points x between real and fake.

    x = u real + (1 - u) fake, with one u ~ U[0, 1) per sample. The norm runs over all dimensions of a sample.
    D(x) is the *sum* of a sample's logits over patches and scales, as in StarGAN's code.

    Gulrajani et al. 2017, eq. 3; weight 10.

    Args:
        real: real samples (B, C, *S).
        fake: generated samples of the same shape.
        condition: condition of both; tensors start with B.
        target: norm at which the penalty is 0; 0 is the zero-centred variant.
        generator: random generator of u, on the device of `real`.

    Returns:
        0-dim float32.

    Raises:
        ValueError: the shapes of real and fake differ.
    """
    if real.shape != fake.shape:
        shapes = f"{tuple(real.shape)} and {tuple(fake.shape)}"
        raise ValueError(f"gradient penalty: expected real and fake of one shape, got {shapes}")
    u = torch.rand([len(real)] + [1] * (real.dim() - 1), device=real.device, generator=generator)
    between = torch.lerp(fake.detach().float(), real.detach().float(), u)
    norms = torch.linalg.vector_norm(_input_gradient(discriminator, between, *condition), dim=1)  # (B,)
    return (norms - target).square().mean()


def r1_penalty(discriminator: nn.Module, real: Tensor, *condition: Any) -> Tensor:
    """Return the R1 penalty 1/2 E[||grad D(x)||^2] at the real samples. The weight of the loss is the paper's gamma.

    D(x) is the *sum* of a sample's logits over patches and scales. Run only every k-th step ("lazy"), it
    takes k times the weight.

    Mescheder et al. 2018, eq. 9.

    Args:
        real: real samples (B, C, *S).
        condition: further inputs of the discriminator; tensors start with B.

    Returns:
        0-dim float32.
    """
    return 0.5 * _input_gradient(discriminator, real, *condition).square().sum(dim=1).mean()


def drift_penalty(real_judgement: Judgement) -> Tensor:
    """Return E[D(x)^2] over real samples, which keeps the logits of a WGAN from drifting away; mean over scales.

    Karras et al. 2018 (ProGAN), appendix A.1; weight 1e-3.

    Args:
        real_judgement: judgement of real samples.

    Returns:
        0-dim float32.
    """
    return torch.stack([logits.float().square().mean() for logits in real_judgement.logits]).mean()


def refuse_batch_norm(discriminator: nn.Module, weights: Mapping[str, Any], *penalties: str) -> None:
    """Raise `UserError` if one of the `penalties` has a weight above 0 (`.weight`) and the discriminator batch norm."""
    used = [name for name in penalties if name in weights and weights[name].weight > 0]
    if used and any(isinstance(module, _BatchNorm) for module in discriminator.modules()):
        raise UserError(
            f"`players.discriminator.losses.{used[0]}` is {weights[used[0]].weight:g}: it takes the gradient of every "
            "sample, in which the discriminator's batch norm mixes the others; set it to 0, or take a discriminator "
            "without batch norm (`network.norm=instance`)"
        )


def _input_gradient(discriminator: nn.Module, x: Tensor, *condition: Any) -> Tensor:
    """Return the gradient of each sample's summed logits, itself differentiable; x (B, C, *S) -> (B, N) float32."""
    with torch.autocast(x.device.type, enabled=False):
        x = x.detach().float().requires_grad_()
        judgement = discriminator(x, *(_constant(value) for value in condition))
        # Samples do not see one another, so the batch's sum has every sample's own gradient.
        total = torch.stack([logits.sum() for logits in judgement.logits]).sum()
        (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    return gradient.flatten(1)


def _constant(value: Any) -> Any:
    """Detach a condition, and cast it to float32 where autocast left it in lower precision."""
    if not isinstance(value, Tensor):
        return value
    return value.detach().float() if value.is_floating_point() else value


@torch.no_grad()
def clip_weights(module: nn.Module, bound: float) -> None:
    """Clamp every parameter to [-bound, bound] in place; run it after each optimiser step of the critic.

    Arjovsky et al. 2017 (WGAN), algorithm 1, line 7; bound 0.01.

    Raises:
        ValueError: `bound` is not above 0.
    """
    if bound <= 0:
        raise ValueError(f"weight clipping: expected a bound above 0, got {bound}")
    for parameter in module.parameters():
        parameter.clamp_(-bound, bound)


def orthogonal_penalty(module: nn.Module) -> Tensor:
    """Return the sum over layers of ||W^T W * (1 - I)||_F^2, the filters being the columns of W.

    The off-diagonal variant of BigGAN (Brock et al. 2019, eq. 3; weight 1e-4; its PyTorch code applies half
    of this gradient): filters become orthogonal to one another but keep their norms, unlike with |W W^T - I| of Brock
    et al. 2017. It applies to the linear and convolution layers of `module`, to their weights after spectral or weight
    norm.

    Returns:
        0-dim float32.

    Raises:
        ValueError: `module` has no such layer.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, _LAYERS)]
    if not layers:
        raise ValueError(f"orthogonal penalty: {type(module).__name__} has no linear or convolution layer")
    with torch.autocast(next(module.parameters()).device.type, enabled=False):
        return torch.stack([_correlate(_filters(layer)) for layer in layers]).sum()


def _correlate(filters: Tensor) -> Tensor:
    """Return the sum of squared products of different filters (C, N).

    Of more filters than entries, from N x N products: ||F F^T||_F = ||F^T F||_F. The first layer of BigGAN's generator
    has 24,576 filters of 20 entries.
    """
    if len(filters) > filters.shape[1]:
        return (filters.T @ filters).square().sum() - filters.square().sum(dim=1).square().sum()
    products = filters @ filters.T
    return (products - products.diag().diag()).square().sum()


_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, *_TRANSPOSED)


def _filters(layer: Any) -> Tensor:
    """Return the layer's weight with one row per output channel, (C, N) float32."""
    # (C, inputs, *kernel), but transposed convolutions store (inputs, C, *kernel)
    weight = layer.weight.transpose(0, 1) if isinstance(layer, _TRANSPOSED) else layer.weight
    return weight.flatten(1).float()
