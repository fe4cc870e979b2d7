"""One process or several: who this one is, and what they have to agree on."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, RunError, refusal
from preheat.messages import _

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from preheat.lab.training.config import TrainConfig


def is_main() -> bool:
    """Whether this process is the one that writes; before torch is loaded, by what torchrun and accelerate set."""
    # torch.distributed knows it only once it is set up, seconds later.
    return int(os.environ.get("RANK", "0")) == 0


def start_accelerator(config: TrainConfig) -> Accelerator:
    """Accelerate, as ``accelerate launch``, ``torchrun`` or a plain start have set it up, in the run's precision.

    Raises:
        RunError: for engines that own the optimizer's step: DeepSpeed, Megatron-LM, and version 1 of FSDP.
    """
    import torch
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState

    # Accelerate keeps its settings for the whole process; another run may have left its own.
    # There is no public way.
    AcceleratorState._reset_state()
    GradientState._reset_state()
    precision = choose_precision(config.precision)
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(), mixed_precision="no" if precision == "fp32" else precision
    )
    kind = accelerator.distributed_type.value
    # What steps the optimizer itself cannot be stopped before an update, nor looked at before it.
    if kind in ("DEEPSPEED", "MEGATRON_LM") or (kind == "FSDP" and not accelerator.is_fsdp2):
        advice = _("Choose MULTI_GPU, MULTI_CPU or FSDP with fsdp_version: 2 in accelerate's configuration.")
        raise RunError(refusal("distributed_type", _("one whose optimizer is stepped by the loop"), kind, advice))
    return accelerator


def leave(code: int) -> None:
    """End this process, if it is one of several, without its interpreter shutting down; a single one goes on.

    Threads of gloo, which DDP keeps alive, may let go of the last collective only then. They abort for want of an
    interpreter ("terminate called without an active exception"), and torchrun takes a run that is done for one that
    failed.
    """
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def use_threads(config: TrainConfig, accelerator: Accelerator) -> None:
    """As many threads for every operation on a processor as the run asks for."""
    if config.threads and accelerator.device.type == "cpu":
        import torch

        torch.set_num_threads(config.threads)


@contextmanager
def without_denormals(accelerator: Accelerator) -> Iterator[None]:
    """On a processor, numbers too small for the usual form (below 1.2e-38 in float32) count as 0 in here.

    Arithmetic with them takes many times as long, and a model whose gradients have died has its moments full of them:
    a run at too high a peak got four times slower after 200 updates.
    """
    import torch

    if accelerator.device.type != "cpu":
        yield
        return
    # torch has no way to ask whether denormals are flushed: a product that would be one tells.
    before = float(torch.tensor(2e-38) * 0.25) == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def choose_precision(wanted: str) -> str:
    """fp32, bf16 or fp16 for this machine.

    ``auto`` takes what the accelerator computes fast: bf16 or fp16 on CUDA; on a processor bf16 only with matrix
    units for it (AMX), because elsewhere it is emulated or slower than fp32.
    """
    import torch

    cuda = torch.cuda.is_available()
    if wanted == "fp16" and not cuda:
        raise ConfigError(refusal("precision", _("fp32, bf16 or auto without a GPU"), wanted, _("fp16 needs CUDA.")))
    if wanted != "auto":
        return wanted
    if cuda:
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # newer than torch 2.6
    return "bf16" if capabilities.get("amx_bf16") else "fp32"


def sum_over(values: torch.Tensor, accelerator: Accelerator) -> torch.Tensor:
    """The sum over all processes, in place."""
    if accelerator.num_processes > 1:
        import torch.distributed

        torch.distributed.all_reduce(values)
    return values


def gather_objects(value: Any, accelerator: Accelerator) -> list[Any]:
    """Every process's value, in the order of the processes."""
    if accelerator.num_processes == 1:
        return [value]
    import torch.distributed

    values: list[Any] = [None] * accelerator.num_processes
    torch.distributed.all_gather_object(values, value)
    return values


def from_main(value: Any, accelerator: Accelerator) -> Any:
    """The main process's value, in every process."""
    return gather_objects(value, accelerator)[0]
