"""Several processes under `torchrun`: broadcast once, then one flattened all-reduce per player and step.

There is no wrapper around the networks: wrappers break with gradient penalties and with several forward passes per
backward pass, both usual in adversarial training.
"""

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

from translate.errors import UserError
from translate.training.heartbeat import Heartbeat

PATIENCE = timedelta(hours=1)                                       # longest wait, as while the first process evaluates

_heartbeat: Heartbeat | None = None


def start(device: torch.device) -> None:
    """Join the process group if `torchrun` started this process; else do nothing.

    Raises:
        UserError: the others cannot be reached, or torchrun's own restart cannot work.
    """
    global _heartbeat
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return
    # Its store would still give the addresses of the former processes (github.com/pytorch/pytorch/issues/135712).
    again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"
    if again and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise UserError(
            "torchrun has started the processes again, for which it needs TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its "
            "environment and --rdzv-backend c10d. Start again: the run goes on from its last checkpoint"
        )
    host, port = os.environ.get("MASTER_ADDR", ""), os.environ.get("MASTER_PORT", "")
    try:
        # gloo as well: checkpoint state is gathered on the CPU.
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        store = distributed.TCPStore(host, int(port), is_master=False)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the processes of this run do not find each other at {host}:{port} ({reason})") from None
    _heartbeat = Heartbeat(distributed.PrefixStore("heartbeat", store), rank(), processes())
    if rank() > 0:
        logging.getLogger("translate").setLevel(logging.WARNING)    # the first process reports for all


def stop() -> None:
    global _heartbeat
    if _heartbeat:
        _heartbeat.stop()
        _heartbeat = None
    if distributed.is_initialized():
        distributed.destroy_process_group()


def rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def processes() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def pick_device(name: str) -> torch.device:
    """Return the device `auto`, `cpu` or `cuda`; under `torchrun` each process takes the GPU of its local rank.

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
    """Wait until all processes have called this."""
    if processes() > 1:
        with _together():
            distributed.barrier()


def broadcast(module: nn.Module) -> None:
    """Give every process the weights and buffers of the first."""
    if processes() > 1:
        with _together():
            for tensor in [*module.parameters(), *module.buffers()]:
                distributed.broadcast(tensor.data, 0)


def gather(own: Any) -> list[Any]:
    """Gather an object of every process on the first, in their order; the others get an empty list.

    Args:
        own: object of this process; must be picklable, with tensors on the CPU.
    """
    if processes() == 1:
        return [own]
    found = [None] * processes() if rank() == 0 else None
    with _together():
        distributed.gather_object(own, found)
    return found or []


def compare(own: Any) -> list[Any]:
    """Gather a small object of every process on all of them, in their order."""
    found = [own] * processes()
    if processes() > 1:
        with _together():
            distributed.all_gather_object(found, own)
    return found


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over the processes, in one all-reduce.

    Raises:
        UserError: another process is gone.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if processes() == 1 or not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    with _together():
        distributed.all_reduce(flat)
    flat /= processes()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


@contextlib.contextmanager
def _together() -> Iterator[None]:
    """Turn the failure of a collective operation into a `UserError`: another process has ended."""
    try:
        yield
    except RuntimeError:
        raise UserError(
            "another process of this run has ended; its last message tells why. "
            "Start again: the run goes on from its last checkpoint"
        ) from None
