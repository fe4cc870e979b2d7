"""Inside a run's process: sees every update that is really made, and lets a mishap happen at one of them.

It looks at the model's forward passes and the optimizer's updates themselves, the same way for every framework, and
writes a JSON line for each thing it sees, at once, so that they outlive the process.
"""

import hashlib
import json
import logging
import math
import os
import resource
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook
from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something that happens when so many updates are made, in the forward pass of the next one.

    Attributes:
        at: updates made.
        happens: what.
        pace: seconds that every update from there on takes longer.
    """

    at: int
    happens: Callable[["Witness"], None]
    pace: float = 0.0


class Witness:
    """What one process sees.

    Args:
        report: the file its lines go to.
        mishap: what is to happen; None for nothing.
    """

    def __init__(self, report: Path, mishap: Mishap | None) -> None:
        self.report, self.mishap = report, mishap
        self.position = 0
        self.bad_loss = False  # whether the loss now computed is to be no number
        self.model: Any = None
        self.losses: list[str] = []

    def look(self) -> None:
        """Begin to see: models in training, updates, warnings."""
        register_module_forward_pre_hook(self._before)
        register_module_forward_hook(self._after)
        register_optimizer_step_post_hook(self._updated)
        warnings.showwarning = lambda message, *_args, **_named: self.hear(str(message))
        factory = logging.getLogRecordFactory()

        def record(*args: Any, **named: Any) -> logging.LogRecord:
            made = factory(*args, **named)
            if made.levelno >= logging.WARNING:
                self.hear(made.getMessage())
            return made

        logging.setLogRecordFactory(record)

    def begin(self, position: int) -> None:
        """Training begins when so many updates are made; every job says so."""
        self.position = position
        self.write(begin=position)

    def hear(self, warning: str) -> None:
        """A warning that the user gets to see."""
        self.write(warning=warning)

    def finish(self) -> None:
        """The weights as they are at the end, if there was training."""
        if self.model is not None:
            weights = self.model.state_dict()
            finite = all(bool(value.isfinite().all()) for value in weights.values())
            self.write(weights=digest(weights), finite=finite)

    def write(self, **line: Any) -> None:
        """Add a line to the report."""
        with self.report.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _before(self, module: Any, _args: Any) -> None:
        if not (isinstance(module, PreTrainedModel) and hasattr(module, "score") and module.training):
            return
        self.model = module
        if self.mishap is None or self.position < self.mishap.at:
            return
        mishap, self.mishap = self.mishap, Mishap(self.mishap.at, _nothing, self.mishap.pace)
        mishap.happens(self)
        time.sleep(mishap.pace)

    def _after(self, module: Any, _args: Any, output: Any) -> None:
        if module is not self.model or not module.training:
            return
        if self.bad_loss:
            self.bad_loss = False
            output.loss = output.loss * math.nan
        self.losses.append(float(output.loss.detach()).hex())

    def _updated(self, optimizer: Any, _args: Any, _named: Any) -> None:
        if isinstance(optimizer, torch.optim.AdamW):
            self.write(update=self.position, losses=self.losses, lr=float(optimizer.param_groups[0]["lr"]).hex())
            self.position, self.losses = self.position + 1, []


def digest(weights: dict[str, Any]) -> str:
    """SHA-256 over names and bits of tensors."""
    total = hashlib.sha256()
    for name, value in sorted(weights.items()):
        total.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


def _nothing(_witness: Witness) -> None:
    """It has happened already."""


# --- what can happen -------------------------------------------------------------------------------------------------


def sent(number: signal.Signals) -> Callable[[Witness], None]:
    """The process gets a signal."""
    return lambda _witness: os.kill(os.getpid(), number)


def small_files(limit: int, *, deadly: bool) -> Callable[[Witness], None]:
    """From here on no file can be longer than ``limit`` bytes.

    The system refuses the write that would make it so, as on a full disk; ``deadly`` has it end the process there,
    with the file written up to that byte, as a kill in the middle of the write does.
    """

    def happens(_witness: Witness) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if deadly else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return happens


def bad_loss(witness: Witness) -> None:
    """The loss now computed is no number."""
    witness.bad_loss = True


def slow(_witness: Witness) -> None:
    """Nothing but the pace."""
