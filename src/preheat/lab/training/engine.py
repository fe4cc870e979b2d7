"""Model, optimizer and scheduler, and one update of them: the same numbers from one process or several.

The gradient of an update is the mean over its rows, whatever the batches, the accumulation and the processes they come
in; short last batches count by their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.distributed.tensor import DTensor, distribute_tensor

from preheat._driver.layers import layer_groups
from preheat.errors import ConfigError, refusal
from preheat.lab.data.batches import Batch
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.processes import sum_over
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.torch import Scheduler


@dataclass(slots=True)
class Outcome:
    """What an update came to.

    Attributes:
        loss: mean over the update's rows, in nats; a tensor, so that no device has to be waited for.
        norm: gradient norm before clipping.
        made: whether the weights were changed.
        overflowed: whether they were not because fp16 gradients overflowed, as happens now and then.
        rates: the learning rate each group used; empty if the update was not made.
    """

    loss: torch.Tensor
    norm: torch.Tensor
    made: bool = False
    overflowed: bool = False
    rates: tuple[float, ...] = ()

    @property
    def finite(self) -> bool:
        """Whether both are finite numbers; waits for the device."""
        return bool(torch.isfinite(self.loss) & torch.isfinite(self.norm))


class Engine:
    """The parts that learn.

    Args:
        config: the run's settings, filled.
        model: on the CPU; Accelerate moves and wraps it.
        schedule: of the learning rate.
        accelerator: set up for this process.
        checked: whether loss and gradient norm are looked at before the weights are changed. On the CPU that costs
            nothing; a GPU would have to be waited for at every update.

    Raises:
        ConfigError: for line searches in a sharded model.
    """

    def __init__(
        self, config: TrainConfig, model: Any, schedule: Schedule, accelerator: Accelerator, *, checked: bool
    ) -> None:
        self.config, self.accelerator, self.checked = config, accelerator, checked
        if config.critical_every and accelerator.is_fsdp2:
            advice = _("Trial weights cannot be put where the shards are gathered from: use DDP, or leave it out.")
            raise ConfigError(refusal("critical_every", _("0 for a sharded model"), config.critical_every, advice))
        self._kind = type(model)
        # The keys and values of a cache for generation would be built in vain at every update.
        model.config.use_cache = False
        # One kernel for all weights: on small models most of the cost of a step is its many small calls.
        fused = accelerator.device.type in ("cpu", "cuda")
        inner = torch.optim.AdamW(
            self._parameters(model),
            lr=config.lr or 0.0,
            betas=(0.9, config.beta2),
            weight_decay=config.weight_decay,
            fused=fused,
        )
        self.model, self.optimizer = accelerator.prepare(model, inner)
        self.scheduler = Scheduler(inner, schedule)
        # The weights stay with self.model, whose names checkpoints keep; only the way through it is compiled.
        self.forward = torch.compile(self.model, backend=config.compile, dynamic=True) if config.compile else self.model
        self.parameters = [weight for weight in self.model.parameters() if weight.requires_grad]
        # Accelerate's wrappers look for rare packages on the disk at every step: half a millisecond.
        self._plain = accelerator.scaler is None and accelerator.distributed_type.value != "XLA"
        self._stepped = inner if self._plain else self.optimizer

    def _parameters(self, model: Any) -> Any:
        if self.config.layer_decay == 1:
            return model.parameters()
        return layer_groups(
            model, self.config.lr or 0.0, decay=self.config.layer_decay, weight_decay=self.config.weight_decay
        )

    @property
    def bare(self) -> Any:
        """The model without what Accelerate put around it."""
        return self.accelerator.unwrap_model(self.model)

    @property
    def saved_as(self) -> Any:
        """The model to save weights with: of a sharded one, its shape alone, without what sharding has made of it."""
        if not self.accelerator.is_fsdp2:
            return self.bare
        with torch.device("meta"):
            return self._kind(self.bare.config)

    @property
    def scored(self) -> Any:
        """The model to evaluate with: where the weights are sharded, only the wrapped one has them together."""
        return self.model if self.accelerator.is_fsdp2 else self.bare

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self.accelerator.device
        return device

    def update(self, batches: Sequence[Batch]) -> Outcome:
        """Forward, backward, clip and, if all is well, change the weights; gradients are cleared."""
        rows = sum(len(batch.rows) for batch in batches)
        many = self.accelerator.num_processes
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for number, batch in enumerate(batches, 1):
            # Gradients are exchanged between processes once an update, with its last batch.
            with nullcontext() if number == len(batches) else self.accelerator.no_sync(self.model):
                loss = self.forward(**batch.to(self.device)).loss
                # DDP and FSDP take the mean over processes: this batch's mean loss, times its share of the update's
                # rows, times the processes. A stand-in of a process without rows weighs nothing.
                share = rows / (many * batch.own) if batch.own else float("inf")
                # Not loss / 1: one kernel less an update, and the same bits as a plain loop.
                self._backward(loss if share == 1 else loss / share)
            total += loss.detach().double() * batch.own
        mean = (sum_over(total, self.accelerator) / rows).float()
        outcome = Outcome(mean, self._clip())
        # Under fp16 an overflowing gradient is the scaler's business: it skips the update and lowers its scale.
        scaled = self.accelerator.scaler is not None
        if not self.checked or (bool(torch.isfinite(mean)) if scaled else outcome.finite):
            self._step(outcome)
        self._stepped.zero_grad()
        return outcome

    def _backward(self, loss: torch.Tensor) -> None:
        if self._plain:
            loss.backward()
        else:
            self.accelerator.backward(loss)

    def _clip(self) -> torch.Tensor:
        """Clip the gradients; their norm before."""
        # Without clipping the norm is still recorded; infinity clips nothing.
        most = self.config.clip or float("inf")
        if self._plain and not self.accelerator.is_fsdp2:
            return torch.nn.utils.clip_grad_norm_(self.parameters, most)
        norm: torch.Tensor = self.accelerator.clip_grad_norm_(self.model.parameters(), most)
        return norm.full_tensor() if isinstance(norm, DTensor) else norm

    @torch.no_grad()
    def loss_of(self, batches: Sequence[Batch]) -> torch.Tensor:
        """The mean loss over an update's rows, of all processes, as :meth:`update` would find it now."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for batch in batches:
            total += self.bare(**batch.to(self.device)).loss.double() * batch.own
        return sum_over(total, self.accelerator) / sum(len(batch.rows) for batch in batches)

    def _step(self, outcome: Outcome) -> None:
        before = self.scheduler.position
        self._stepped.step()
        # Before scheduler.step(), which publishes the rates of the next update: these were used.
        rates = tuple(float(group["lr"]) for group in self.scheduler.optimizer.param_groups)
        self.scheduler.step()
        # The driver counts only updates that were made: a gradient scaler may have skipped this one.
        outcome.made = self.scheduler.position > before
        outcome.overflowed = not outcome.made
        outcome.rates = rates if outcome.made else ()

    def named_rates(self, rates: Sequence[float]) -> dict[str, Any]:
        """``lr``, the rate of the group with the highest peak, and where there are several groups ``lrs`` by name."""
        bases = self.scheduler.base_lrs
        named = {"lr": rates[bases.index(max(bases))]}
        if len(rates) == 1:
            return named
        groups = self.scheduler.optimizer.param_groups
        return {**named, "lrs": {str(group["name"]): rate for group, rate in zip(groups, rates, strict=True)}}

    def is_finite(self) -> bool:
        """Whether every weight is a finite number, in every process."""
        bad = sum(float((~torch.isfinite(_local(weight))).any()) for weight in self.parameters)
        return not sum_over(torch.tensor(bad, device=self.device), self.accelerator)

    # --- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Weights and optimizer on the CPU, whole. Every process has to ask; the main one gets what the others hold."""
        weights = {name: _whole(value).cpu() for name, value in self.bare.state_dict().items()}
        saved = self.scheduler.optimizer.state_dict()
        tensors = {
            f"{index}.{name}": _whole(value).cpu().contiguous()
            for index, values in saved["state"].items()
            for name, value in values.items()
        }
        scaler = self.accelerator.scaler
        return {
            "model": weights,
            "optimizer": tensors,
            # A rate may be a tensor (compiled or capturable optimizers), which JSON has not.
            "groups": [{**group, "lr": float(group["lr"])} for group in saved["param_groups"]],
            "scaler": scaler.state_dict() if scaler is not None else {},
        }

    def load(self, folder: Path, groups: list[dict[str, Any]], scaler: dict[str, Any]) -> None:
        """The optimizer's state from a checkpoint; weights are loaded before the model is prepared."""
        from safetensors.torch import load_file

        weights = [weight for group in self.scheduler.optimizer.param_groups for weight in group["params"]]
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in load_file(folder / "optimizer.safetensors").items():
            index, _unused, key = name.partition(".")
            # Sharded weights have sharded moments; the step counter has another shape and stays whole.
            like = weights[int(index)]
            if isinstance(like, DTensor) and value.shape == like.shape:
                value = distribute_tensor(value, like.device_mesh, like.placements)
            state.setdefault(int(index), {})[key] = value
        # JSON has lists only, and a resume may have changed the second.
        groups = [{**group, "betas": (group["betas"][0], self.config.beta2)} for group in groups]
        self.scheduler.optimizer.load_state_dict({"state": state, "param_groups": groups})
        for group in self.scheduler.optimizer.param_groups:
            if self.config.layer_decay == 1:
                group["weight_decay"] = self.config.weight_decay  # the run's, where a resume has changed it
        if self.accelerator.scaler is not None and scaler:
            self.accelerator.scaler.load_state_dict(scaler)


def _whole(value: torch.Tensor) -> torch.Tensor:
    return value.full_tensor() if isinstance(value, DTensor) else value


def _local(value: torch.Tensor) -> torch.Tensor:
    return value.to_local() if isinstance(value, DTensor) else value
