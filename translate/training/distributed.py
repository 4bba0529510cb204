"""Several processes under `torchrun`: broadcast once, then one flattened all-reduce per player and step.

There is no wrapper around the networks: gradient penalties and several forward passes per backward pass, the daily
bread of adversarial training, are where wrappers break.
"""

import logging
import os
from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn

from translate.errors import UserError


def start(device: torch.device) -> None:
    """Join the others when `torchrun` started this process; does nothing otherwise."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        if rank() > 0:
            logging.getLogger("translate").setLevel(logging.WARNING)  # the first process tells for all


def stop() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def processes() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def pick_device(name: str) -> torch.device:
    """`auto`, `cpu` or `cuda` to a device; under `torchrun` each process takes the GPU of its local rank.

    Raises:
        UserError: there is no such GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        number, found = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if number >= found:
            raise UserError(
                f"train.device is cuda: this process needs GPU {number}, torch finds {found} of them; "
                "start fewer processes, or set train.device=cpu"
            )
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
        return device
    return torch.device(name)


def wait() -> None:
    """Until all processes are here."""
    if processes() > 1:
        distributed.barrier()


def broadcast(module: nn.Module) -> None:
    """Give every process the weights and buffers of the first."""
    if processes() > 1:
        for tensor in [*module.parameters(), *module.buffers()]:
            distributed.broadcast(tensor.data, 0)


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over the processes, in one all-reduce.

    Raises:
        UserError: another process is gone.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if processes() == 1 or not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    try:
        distributed.all_reduce(flat)
    except RuntimeError:
        raise UserError("another process of this run has ended; its last message tells why") from None
    flat /= processes()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
