"""Runs inside a watched process: writes down what every optimizer update really used.

Standard library only, any Python from 3.8 on: the watched script may live in another environment, without preheat.
Every event is one JSON line, copied into a file that is mapped into memory: that takes no system call, and what a
killed process has copied is in the file all the same. A failure in here is written down and ends the recording, never
the training.

Lines
    ["process", {pid, rank, world, argv, torch}]
    ["optimizer", number, class, [group names], [keys], updates its state has seen, number of the one it replaces]
    ["scheduler", number of its optimizer, class, what it is shaped by]
    ["update", number, seconds since the start, backward passes, scheduler's position, a row of values a key: null for
               one that has not changed]
    ["skip", number, seconds since the start, backward passes]
    ["broken", what went wrong]
"""

from __future__ import annotations

import functools
import json
import mmap
import os
import sys
import time
import weakref
from typing import Any

_KEYS = ("lr", "weight_decay", "momentum", "betas")
# Characters that are kept of what a scheduler says of itself: more is a table of values, and not a shape.
_LONGEST = 20000
# Bytes by which a file grows, some ten thousand updates; what is not used yet is zeros.
_PIECE = 1 << 20
_clock = time.perf_counter


class _Watched:
    """One optimizer of the process.

    Attributes:
        number: in order of the first update.
        keys: the numbers its groups hold.
        last: the values written last.
        groups: how many groups there were then.
        tensors: whether one of them is a tensor, which has to be read to be compared.
        told: the scheduler that has been written down, by a weak reference.
        position: where it stood before the update under way.
        backwards: backward passes of the process before this update.
        updated: whether the step under way has reached the optimizer.
    """

    __slots__ = ("backwards", "groups", "keys", "last", "number", "position", "tensors", "told", "updated")

    def __init__(self, number: int) -> None:
        self.number = number
        self.keys: tuple[str, ...] = ()
        self.last: list[Any] | None = None
        self.position: Any = None
        self.groups = -1
        self.tensors = False
        self.told: Any = None
        self.backwards = 0
        self.updated = False


class Recorder:
    """Writes the events of one process."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.begin = _clock()
        self.known: Any = weakref.WeakKeyDictionary()
        self.owners: dict[int, int] = {}  # id of a parameter: number of the optimizer that had it last
        self.numbers = 0
        self.stopped = False
        # optimizer: the scheduler made for it last. Weak on both sides: to watch a script is not to keep its memory.
        self.drivers: Any = weakref.WeakKeyDictionary()
        self.backwards = 0
        self.file: mmap.mmap | None = None
        self.descriptor = self.used = self.size = 0
        os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        # The child writes into a file of its own, so it has to introduce its optimizers there.
        self.file = None
        for watched in self.known.values():
            watched.groups = -1
            watched.last = watched.told = None

    def write(self, *event: Any) -> None:
        """One line."""
        self._copy(json.dumps(event, default=_told))

    def _copy(self, text: str) -> None:
        line = (text + "\n").encode()
        if self.file is None:
            self._open()
        if self.used + len(line) > self.size:
            self._grow(len(line))
        assert self.file is not None
        self.file[self.used : self.used + len(line)] = line
        self.used += len(line)

    def _open(self) -> None:
        path = os.path.join(self.folder, f"{os.getpid()}-{time.time_ns()}.jsonl")
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.used = self.size = 0
        self._grow(0)
        self.write("process", _process())

    def _grow(self, needed: int) -> None:
        self.size += max(_PIECE, needed)
        os.ftruncate(self.descriptor, self.size)
        self.file = mmap.mmap(self.descriptor, self.size)

    # --- what torch calls -------------------------------------------------------------------------------------------

    def before_update(self, optimizer: Any) -> None:
        """Where the scheduler stands: one that hooks the optimizer moves on before the update is over."""
        watched = self.known.get(optimizer)
        if watched is None or watched.groups != len(optimizer.param_groups):
            watched = self._introduced(optimizer, watched)
        scheduler = self._driver_of(optimizer)
        if scheduler is not None and (watched.told is None or watched.told() is not scheduler):
            watched.told = weakref.ref(scheduler)
            self.write("scheduler", watched.number, _class_of(scheduler), _described(scheduler))
        watched.position = getattr(scheduler, "last_epoch", None)

    def after_update(self, optimizer: Any) -> None:
        """The update has happened, or a fused optimizer has skipped it; the groups hold what it used."""
        watched = self.known.get(optimizer)
        if watched is None:
            return
        watched.updated = True
        groups = optimizer.param_groups
        if not any(parameter.grad is not None for group in groups for parameter in group["params"]):
            return  # called without gradients: no weight has changed
        if "found_inf" in optimizer.__dict__ and bool(optimizer.__dict__["found_inf"]):
            self._skip(watched)
            return
        # This runs at every update: tensors are read only where there are any, unchanged rows are not written, and the
        # line is put together by hand instead of by json.dumps.
        values = [[group.get(key) for group in groups] for key in watched.keys]
        if watched.tensors or values != watched.last:
            values = [[_number(value) for value in row] for row in values]
        last = watched.last or [None] * len(values)
        rows = ", ".join(["null" if row == before else _row(row) for row, before in zip(values, last)])
        watched.last = values
        position = watched.position if type(watched.position) is int else json.dumps(watched.position)
        count = self.backwards - watched.backwards
        self._copy(f'["update", {watched.number}, {_clock() - self.begin:.6f}, {count}, {position}, [{rows}]]')
        watched.backwards = self.backwards

    def _skip(self, watched: _Watched) -> None:
        self.write("skip", watched.number, self._now(), self.backwards - watched.backwards)
        watched.backwards = self.backwards

    def _introduced(self, optimizer: Any, watched: _Watched | None) -> _Watched:
        """A new optimizer, or one whose groups have become more or fewer."""
        groups = optimizer.param_groups
        if watched is None:
            watched = self.known[optimizer] = _Watched(self.numbers)
            self.numbers += 1
            watched.backwards = max(0, self.backwards - 1)  # it is met at its first update, after one backward pass
        before = None
        for group in groups:
            for parameter in group["params"]:
                earlier = self.owners.get(id(parameter))
                if earlier is not None and earlier != watched.number:
                    before = earlier
                self.owners[id(parameter)] = watched.number
        watched.groups = len(groups)
        watched.keys = tuple(key for key in _KEYS if any(_is_number(group.get(key)) for group in groups))
        watched.last = None
        watched.tensors = any(hasattr(group.get(key), "item") for group in groups for key in watched.keys)
        names = [str(group.get("name", index)) for index, group in enumerate(groups)]
        self.write("optimizer", watched.number, _class_of(optimizer), names, watched.keys, _seen(optimizer), before)
        return watched

    def _now(self) -> float:
        return round(_clock() - self.begin, 6)

    # --- what is wrapped ----------------------------------------------------------------------------------------------

    def wrap_init(self, init: Any) -> Any:
        """Remember which optimizer a scheduler was made for."""

        @functools.wraps(init)
        def made(scheduler: Any, *args: Any, **kwargs: Any) -> None:
            init(scheduler, *args, **kwargs)
            optimizer = _innermost(getattr(scheduler, "optimizer", None))
            if optimizer is not None:
                self.drivers[optimizer] = weakref.ref(scheduler)

        return made

    def _driver_of(self, optimizer: Any) -> Any:
        """The scheduler that was made for an optimizer, or that hooks it."""
        made = self.drivers.get(optimizer)
        if made is not None:
            return made()
        base = getattr(sys.modules.get("torch.optim.lr_scheduler"), "LRScheduler", ())
        for hook in getattr(optimizer, "_optimizer_step_pre_hooks", {}).values():
            owner = getattr(hook, "__self__", None)
            if isinstance(owner, base):
                self.drivers[optimizer] = weakref.ref(owner)
                return owner
        return None

    def wrap_backward(self, backward: Any) -> Any:
        """Count backward passes: micro-batches."""

        @functools.wraps(backward)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.backwards += 1
            return backward(*args, **kwargs)

        return counted

    def wrap_scaler(self, step: Any) -> Any:
        """A gradient scaler that does not call the optimizer has skipped the update."""

        @functools.wraps(step)
        def scaled(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            inner = _innermost(optimizer)
            watched = self.known.get(inner)
            if watched is None and inner is not None:
                watched = self._introduced(inner, None)
            if watched is not None:
                watched.updated = False
            result = step(scaler, optimizer, *args, **kwargs)
            if watched is not None and not watched.updated:
                self._skip(watched)
            return result

        return scaled


# --- reading ---------------------------------------------------------------------------------------------------------


def _process() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    return {
        "pid": os.getpid(),
        "rank": int(os.environ.get("RANK", 0)),
        "world": int(os.environ.get("WORLD_SIZE", 1)),
        "argv": sys.argv if hasattr(sys, "argv") else [],
        "torch": getattr(torch, "__version__", ""),
        "time": time.time(),
    }


def _is_number(value: Any) -> bool:
    value = value[0] if isinstance(value, tuple) and value else value
    return not isinstance(value, bool) and (isinstance(value, (int, float)) or hasattr(value, "item"))


def _row(values: list[Any]) -> str:
    """A row as JSON: what Python prints for floats, unless something else is among them (None, nan)."""
    text = repr(values)
    # An n is in None, nan and inf alike, and in no number.
    return json.dumps(values) if "n" in text or "N" in text else text


def _number(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_number(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _told(value: Any) -> Any:
    """What JSON has no word for: the number in a tensor, anything else as text."""
    return value.item() if hasattr(value, "item") and getattr(value, "numel", int)() == 1 else str(value)


def _innermost(optimizer: Any) -> Any:
    """The optimizer that is really stepped, inside wrappers such as Accelerate's."""
    torch = sys.modules.get("torch.optim.optimizer")
    if torch is None or optimizer is None:
        return None
    while not isinstance(optimizer, torch.Optimizer) or isinstance(
        getattr(optimizer, "optimizer", None), torch.Optimizer
    ):
        optimizer = getattr(optimizer, "optimizer", None)
        if optimizer is None:
            return None
    return optimizer


def _class_of(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _seen(optimizer: Any) -> int:
    """How many updates the optimizer's own state has counted: a resumed run brings them."""
    for state in list(optimizer.state.values())[:1]:  # one parameter's is enough: all are counted together
        step = state.get("step") if isinstance(state, dict) else None
        if step is not None:
            return int(step)
    return 0


def _described(scheduler: Any) -> Any:
    """What a scheduler is shaped by: a partial's keywords for transformers' functions, its state for the others."""
    functions = [
        {"function": getattr(function.func, "__name__", ""), "keywords": function.keywords}
        for function in getattr(scheduler, "lr_lambdas", ())
        if isinstance(function, functools.partial)
    ]
    description: dict[str, Any] = {"lambdas": functions} if functions else {"state": scheduler.state_dict()}
    description["bases"] = [_number(base) for base in getattr(scheduler, "base_lrs", ())]
    # OneCycleLR and CyclicLR keep rates there.
    groups = getattr(scheduler.optimizer, "param_groups", ())
    description["groups"] = [{key: _number(group[key]) for key in group if _is_number(group[key])} for group in groups]
    # Tried here: a state that is no plain data must not end the recording.
    try:
        text = json.dumps(description, default=_told)
    except (TypeError, ValueError):
        return None
    return description if len(text) < _LONGEST else None
