"""What every measurement before a run is made of: trial updates that leave no trace, losses, and a line search.

Trial       updates are made by a copy of the optimizer, with the same weights and copies of everything else. So the
            optimizer itself, its state, its groups and whatever follows its updates (a scheduler, a recorder) see
            nothing of a trial: hooks of the optimizer, and torch's global ones, do not run.
Snapshot    what is put back after a trial, bit for bit: weights, buffers and other tensors of the modules, with their
            storage; every attribute of the modules, their mode among them; gradients and ``requires_grad``; the random
            generators of torch (CPU, CUDA), NumPy and Python; of the batches' loader its own generators, and the
            attributes of it and its samplers. Not what lies outside of all these: a list that a module fills in place,
            a file that a data set reads from. Nor the optimizer, which is never touched.

Definition  eta_c is the smallest step size whose loss is above the loss of no step. For one quadratic,
            0.5 * lam * x**2 under gradient descent, eta_c = 2 / lam: hence critical sharpness, 2 / eta_c.
Search      double or halve from a start until the loss crosses that of no step, then bisect in the logarithm.
Source      Kalra et al. 2026, arXiv:2601.16979.
"""

from __future__ import annotations

import copy
import inspect
import math
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset, Sampler

from preheat._driver.targets import innermost
from preheat.errors import DataError, ScheduleError, refusal
from preheat.messages import _, data
from preheat.schedule.lengths import count, number, positive

# --- Trial updates ---------------------------------------------------------------------------------------------------


def stepped(optimizer: Any) -> Optimizer:
    """The optimizer that is really stepped, if trial updates of it can be made."""
    if not isinstance(optimizer, Optimizer):
        raise ScheduleError(refusal("optimizer", _("a torch optimizer"), optimizer, _("Give the one you train with.")))
    inner = innermost(optimizer)
    closure = inspect.signature(type(inner).step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        advice = _("It evaluates the loss itself, by rules of its own: there is no one update at a learning rate.")
        raise ScheduleError(refusal("optimizer", _("one that steps without a closure"), type(inner).__name__, advice))
    return inner


def weights_of(optimizer: Optimizer) -> list[Tensor]:
    """Every tensor the optimizer updates."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


class TrialOptimizer:
    """Makes trial updates of an optimizer's weights.

    Args:
        optimizer: stays as it is.
        model: what the optimizer may refer to, and must not copy.
        ratios: the learning rate of each group over that of the reference.
    """

    def __init__(self, optimizer: Optimizer, model: nn.Module, ratios: Sequence[float]) -> None:
        # Not copy.deepcopy: it would copy the weights, and classes with a __new__ or __reduce__ of their own
        # (wrappers of optimizers) would run it.
        self.optimizer: Optimizer = object.__new__(type(optimizer))
        self.ratios = ratios
        shared = (*weights_of(optimizer), *model.modules(), *model.parameters(), *model.buffers())
        # What is in the memo is not copied but shared: the weights, and whatever of the model the optimizer refers
        # to.
        memo: dict[int, Any] = {id(one): one for one in shared}
        # Some optimizers refer to themselves, in bound methods say: the copy is to refer to the copy.
        memo[id(optimizer)] = self.optimizer
        for name, value in vars(optimizer).items():
            hooks = name.startswith("_optimizer_") and name.endswith("_hooks")
            vars(self.optimizer)[name] = OrderedDict() if hooks else _copied(name, value, memo)
        # The class's own step without torch's wrapper, which calls global hooks; schedulers put one into the instance.
        step = type(optimizer).step
        self._step: Any = step.__wrapped__ if getattr(step, "hooked", False) else step  # type: ignore[attr-defined]

    def update(self, lr: float) -> None:
        """One update at a learning rate, with the gradients that are there."""
        for group, ratio in zip(self.optimizer.param_groups, self.ratios, strict=True):
            # Capturable and compiled optimizers keep the rate in a tensor, which has to stay the same object.
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr * ratio)
            else:
                group["lr"] = lr * ratio
        self._step(self.optimizer)


def clip_gradients(optimizer: Optimizer, most: float | None) -> None:
    """Clip the norm of all gradients together, as training does."""
    if most is not None:
        torch.nn.utils.clip_grad_norm_(weights_of(optimizer), most)


def relative_rates(optimizer: Optimizer, *, base: bool) -> tuple[float, ...]:
    """The learning rate of each group over the reference, which is the first group that has one above 0.

    Args:
        optimizer: with any number of groups.
        base: take the base values a scheduler keeps (``initial_lr``) before the present ones; else after them.

    Returns:
        A factor a group; all 1 where no group has any rate.
    """
    now = [float(group["lr"]) for group in optimizer.param_groups]
    kept = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
    for rates in (kept, now) if base else (now, kept):
        reference = next((rate for rate in rates if rate > 0), None)
        if reference is not None:
            return tuple(rate / reference for rate in rates)
    return (1.0,) * len(now)


def present_rate(optimizer: Optimizer) -> float | None:
    """The reference's learning rate now, or its base value during a warm-up that is still at 0; None without any."""
    # During the first update of a warm-up the rates are 0, and the base values say what is meant.
    for key in ("lr", "initial_lr"):
        rates = [float(group.get(key, 0.0)) for group in optimizer.param_groups]
        if any(rates):
            return next(rate for rate in rates if rate > 0)
    return None


def _copied(name: str, value: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception as error:
        advice = _("A trial update needs a copy of everything but the weights: {error}", error=error)
        raise ScheduleError(refusal("optimizer", _("one whose state can be copied"), f".{name}", advice)) from error


# --- What a trial touches --------------------------------------------------------------------------------------------


_TABLES = ("_parameters", "_buffers", "_modules")
_Setter = tuple[Callable[[Any], object], Any]


class Snapshot:
    """A model and the world's random numbers as they were when this was made.

    Args:
        model: the module.
        parameters: further tensors that a trial run changes: the optimizer's.
        batches: the loader, or whatever the batches come from.
    """

    def __init__(self, model: nn.Module, parameters: Iterable[Tensor] = (), batches: Any = None) -> None:
        modules = list(model.modules())
        weights = {id(weight): weight for weight in (*model.parameters(), *parameters)}
        loose = (value for module in modules for value in vars(module).values() if isinstance(value, Tensor))
        # By identity: tied weights and buffers that two modules share are kept once, and put back as one.
        others = {id(tensor): tensor for tensor in (*model.buffers(), *loose) if id(tensor) not in weights}
        # .data shares the storage and not the count of writes.
        self._weights = {key: (weight, weight.data, weight.data.clone()) for key, weight in weights.items()}
        self._others = {key: (tensor, tensor.data, tensor.data.clone()) for key, tensor in others.items()}
        self._gradients = [(weight, weight.grad, weight.requires_grad) for weight in weights.values()]
        # The three tables are kept too: a forward pass may register a buffer, or replace a parameter.
        self._modules = [
            (module, dict(vars(module)), {name: dict(vars(module)[name]) for name in _TABLES}) for module in modules
        ]
        sources = list(_sources(batches))
        loaders = [one for one in sources if one is batches or isinstance(one, DataLoader | Sampler)]
        self._loaders = [(one, dict(vars(one))) for one in loaders]
        self._random = [*_global_generators(), *(setter for one in sources for setter in _generators(one))]

    def clear(self) -> None:
        """Make room for the trial: no gradients, and no worker processes of somebody else's epoch."""
        for weight, *_gradient in self._gradients:
            weight.grad = None
        for loader, attributes in self._loaders:
            if attributes.get("_iterator") is not None:  # persistent workers, perhaps in the middle of an epoch
                vars(loader)["_iterator"] = None

    def value(self, weight: Tensor) -> Tensor:
        """The copy of one of the weights."""
        return self._weights[id(weight)][2]

    def rewind(self) -> None:
        """Put back all but weights, gradients and loaders: the next forward pass draws the same random numbers."""
        for module, attributes, tables in self._modules:
            _reset(vars(module), attributes)
            for name, table in tables.items():
                _reset(vars(module)[name], table)
        _write(self._others.values())
        for write, state in self._random:
            write(state)

    def put_back(self) -> None:
        """Everything. It may be called again if it was interrupted."""
        _write(self._weights.values())
        for weight, gradient, required in self._gradients:
            weight.requires_grad_(required)
            weight.grad = gradient
        for loader, attributes in self._loaders:
            _reset(vars(loader), attributes)
        self.rewind()


@contextmanager
def untouched(model: nn.Module, parameters: Iterable[Tensor] = (), batches: Any = None) -> Iterator[Snapshot]:
    """Whatever happens inside, an exception or Ctrl-C too, leaves everything :class:`Snapshot` names as it was.

    >>> model = nn.Linear(1, 1)
    >>> before = model.weight.item()
    >>> with untouched(model):
    ...     model.weight.data.fill_(7.0).item()
    7.0
    >>> model.weight.item() == before
    True
    """
    snapshot = Snapshot(model, parameters, batches)
    try:
        snapshot.clear()
        yield snapshot
    finally:
        _to_the_end(snapshot.put_back)


def _to_the_end(action: Callable[[], None]) -> None:
    """Ctrl-C in the middle of ``action`` begins it again, and is raised when it is done."""
    # Putting back is the one thing that must not be left half done, and it may be done twice.
    interrupt = None
    while True:
        try:
            action()
            break
        except KeyboardInterrupt as stop:
            interrupt = stop
    if interrupt is not None:
        raise interrupt


def _reset(table: dict[str, Any], values: dict[str, Any]) -> None:
    # What a trial has added goes; what it has removed comes back with the update.
    for name in table.keys() - values.keys():
        del table[name]
    table.update(values)


def _write(kept: Iterable[tuple[Tensor, Tensor, Tensor]]) -> None:
    for tensor, home, values in kept:
        if tensor.data_ptr() != home.data_ptr():  # an optimizer that assigns .data
            tensor.data = home
        home.copy_(values)


def _global_generators() -> list[_Setter]:
    setters: list[_Setter] = [
        (torch.set_rng_state, torch.get_rng_state()),
        (np.random.set_state, np.random.get_state()),
        (random.setstate, random.getstate()),
    ]
    if torch.cuda.is_initialized():
        setters.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    return setters


def _generators(holder: Any) -> Iterator[_Setter]:
    """How to set back every generator that is an attribute of ``holder``."""
    for value in vars(holder).values():
        if isinstance(value, torch.Generator | np.random.RandomState):
            yield value.set_state, value.get_state()
        elif isinstance(value, np.random.Generator):
            bits = value.bit_generator
            yield partial(setattr, bits, "state"), copy.deepcopy(bits.state)
        elif isinstance(value, random.Random):
            yield value.setstate, value.getstate()


def _sources(batches: Any) -> Iterator[Any]:
    """The loader, and the loaders, samplers and data sets in it."""
    seen: set[int] = set()
    waiting = [batches] if hasattr(batches, "__dict__") else []
    while waiting:
        source = waiting.pop()
        if id(source) in seen:
            continue
        seen.add(id(source))
        yield source
        waiting += [value for value in vars(source).values() if isinstance(value, DataLoader | Sampler | Dataset)]


# --- Batches and their loss ------------------------------------------------------------------------------------------


Loss = Callable[[Any, Any], Tensor]


class Feed:
    """Batches one after the other, from the beginning again when they are gone.

    Attributes:
        batches: where they come from: a loader, a list, anything that can be iterated anew.
        passes: how often they were begun.
    """

    def __init__(self, batches: Any) -> None:
        if isinstance(batches, Iterator):
            advice = _("It would be used up. Give the loader itself, or a list: list(itertools.islice(batches, 100)).")
            raise DataError(
                refusal("batches", _("something that can be iterated anew"), type(batches).__name__, advice)
            )
        if not isinstance(batches, Iterable) or isinstance(batches, Mapping | Tensor | str):
            advice = _("One batch is a list of one.")
            raise DataError(refusal("batches", _("a loader or a list of batches"), type(batches).__name__, advice))
        self.batches = batches
        self.passes = 0

    def __iter__(self) -> Iterator[Any]:
        """Without end, unless there is no batch at all."""
        while True:
            self.passes += 1
            empty = True
            for batch in self.batches:
                empty = False
                yield batch
            if empty:
                raise DataError(refusal("batches", _("at least one batch"), _("none"), _("Look at the loader.")))


def fixed_batches(batches: Any) -> list[Any]:
    """Batches that can be gone through at every step size."""
    if not isinstance(batches, list | tuple) or not batches:
        advice = _("Take a few from a loader: list(itertools.islice(loader, 4)).")
        raise DataError(refusal("batches", _("a list of at least one batch"), type(batches).__name__, advice))
    return list(batches)


def model_loss(model: Any, batch: Any) -> Tensor:
    """``model(**batch).loss``, as Hugging Face models compute it, the batch moved to the model's device.

    Raises:
        DataError: if the batch is no mapping.
    """
    if not isinstance(batch, Mapping):
        advice = _("Say how its loss is computed: loss=lambda model, batch: ...")
        raise DataError(refusal("batch", _("a mapping where no loss is given"), type(batch).__name__, advice))
    device = next(model.parameters()).device
    inputs = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in batch.items()}
    loss: Tensor = model(**inputs).loss
    return loss


def mean_loss(model: nn.Module, batches: Sequence[Any], loss: Loss) -> float:
    """The mean of the batches' losses, each batch counted alike."""
    with torch.no_grad():
        return sum(_scalar(loss(model, batch)).item() for batch in batches) / len(batches)


def add_gradients(model: nn.Module, batches: Sequence[Any], loss: Loss) -> float:
    """The mean of the batches' losses; its gradients are added to those that are there, a batch at a time."""
    total = 0.0
    with torch.enable_grad():
        for batch in batches:
            value = _scalar(loss(model, batch))
            if not value.requires_grad:
                raise ScheduleError(
                    refusal("loss", _("made from the model's trainable weights"), value, _("Unfreeze some."))
                )
            # A batch at a time: the graphs of several would not fit where only one does.
            (value / len(batches)).backward()
            total += value.item()
    return total / len(batches)


def fresh_gradients(
    model: nn.Module, optimizer: Optimizer, batches: Sequence[Any], loss: Loss, clip: float | None
) -> float:
    """The mean of the batches' losses; its gradients, clipped, in the place of those that are there."""
    # Both: an optimizer may hold weights that are no parameters of the model, a learned prompt say.
    for weight in (*model.parameters(), *weights_of(optimizer)):
        weight.grad = None
    mean = add_gradients(model, batches, loss)
    refuse_without_gradients(optimizer)
    clip_gradients(optimizer, clip)
    return mean


def refuse_without_gradients(optimizer: Optimizer) -> None:
    """Refuse an optimizer of other weights than the loss is made from."""
    if all(weight.grad is None for weight in weights_of(optimizer)):
        advice = _("Its gradients went to other weights: make the optimizer from model.parameters().")
        got = _("none of them")
        raise ScheduleError(refusal("optimizer", _("one of weights that the loss depends on"), got, advice))


def _scalar(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        got = tuple(loss.shape) if isinstance(loss, Tensor) else loss
        raise ScheduleError(refusal("loss", _("a tensor of one number"), got, _("Take its mean over the batch.")))
    return loss


# --- The line search -------------------------------------------------------------------------------------------------


REACH = 2.0**40  # a rate in a warm-up may be this far below what the loss can take


@dataclass(frozen=True, slots=True)
class CriticalLR:
    """What a line search along an update found.

    Attributes:
        lr: the critical learning rate, the geometric mean of ``bracket``; None where there is none.
        bracket: the largest size tried below it that does not raise the loss, and the smallest that does.
        loss: the loss of no step.
        evaluations: how often the loss was computed.
        reason: why there is none; empty where there is one.
        tried: every size above 0 that was tried with its loss, in that order.
    """

    lr: float | None
    bracket: tuple[float, float] | None
    loss: float
    evaluations: int
    reason: str = ""
    tried: tuple[tuple[float, float], ...] = ()

    @property
    def sharpness(self) -> float | None:
        """Critical sharpness, 2 / ``lr``; None where there is no critical learning rate."""
        return None if self.lr is None else 2 / self.lr

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON; what is not finite becomes None."""
        return {
            "lr": self.lr,
            "bracket": self.bracket and list(self.bracket),
            "loss": finite_or_none(self.loss),
            "evaluations": self.evaluations,
            "reason": self.reason,
            **(data(self.reason) if self.reason else {}),
            "tried": [[size, finite_or_none(loss)] for size, loss in self.tried],
        }

    def __str__(self) -> str:
        if self.bracket is None:
            return _("no critical learning rate, because {reason}", reason=self.reason)
        low, high = self.bracket
        return _(
            "critical learning rate {lr:.4g} (between {low:.4g} and {high:.4g}, {losses} losses)",
            lr=self.lr, low=low, high=high, losses=self.evaluations,
        )  # fmt: skip


def line_search(
    loss_along: Callable[[float], float],
    start: float,
    *,
    reach: float = REACH,
    bisections: int = 3,
    rounding: float = 0.0,
) -> CriticalLR:
    """The smallest step size that raises the loss, along one direction.

    Args:
        loss_along: from a step size >= 0 to the loss there, the same number each time.
        start: the size tried first, > 0. From within a factor of 2 of the answer it takes 6 losses or 7.
        reach: sizes from ``start / reach`` to ``start * reach`` are tried, > 1.
        bisections: each halves the logarithm of the bracket, which begins at a factor of 2: after 3 its ends are 9 %
            apart.
        rounding: losses that differ by less than this share of the loss are equal, >= 0.

    Returns:
        The critical size, or why there is none. A loss that is not finite counts as above. Where the loss crosses
        several times, one crossing is found, not always the first; convex functions have one.

    Raises:
        ScheduleError: for a start, a reach or a count that cannot be.

    >>> critical = line_search(lambda size: 0.5 * (1 - 4 * size) ** 2, start=0.1)  # 0.5 * 4 * x**2 from x = 0.5
    >>> round(critical.lr, 2), [round(end, 2) for end in critical.bracket], critical.evaluations
    (0.5, [0.48, 0.52], 8)
    """
    start = positive("start", start, _("It is the step size tried first."))
    reach = positive("reach", reach, _("It is a factor above 1."))
    bisections = int(count("bisections", bisections, advice=_("3 leave 9 %.")))
    level = float(loss_along(0.0))
    blur = number("rounding", rounding) * abs(level)
    tried: dict[float, float] = {}

    def above(size: float) -> bool:
        tried[size] = float(loss_along(size))
        return not tried[size] <= level + blur  # NaN is above

    def result(lr: float | None, bracket: tuple[float, float] | None, reason: str = "") -> CriticalLR:
        return CriticalLR(lr, bracket, level, 1 + len(tried), reason, tuple(tried.items()))

    if not math.isfinite(level):
        return result(None, None, _("the loss is {loss} before any step", loss=level))
    size = start
    # Doubling first: a start below the answer is the usual case, a rate from within a warm-up.
    if not above(start):
        # A factor of 2 a step: from within a factor of 2 of the answer, 6 or 7 losses in all; finer steps cost more
        # far away and save nothing near.
        while tried[size] <= level + blur and size * 2 <= start * reach:
            size *= 2
            above(size)
    if not tried[size] <= level + blur and not any(loss < level - blur for loss in tried.values()):
        size = start  # it raises the loss, or gives the same one: look for a size that lowers it
        while not tried[size] < level - blur and size / 2 >= start / reach:
            size /= 2
            above(size)
    raising = [size for size, loss in tried.items() if not loss <= level + blur]
    reason = _why_none(level, blur, tried, raising)
    if reason:
        return result(None, None, reason)
    # The smallest size that raises the loss, also where larger ones do not: what is asked for is the first crossing.
    high = min(raising)
    low = max(size for size, loss in tried.items() if size < high and loss <= level + blur)
    for _unused in range(bisections):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if above(middle) else (middle, high)
    return result(math.sqrt(low * high), (low, high))


def _why_none(level: float, blur: float, tried: dict[float, float], raising: list[float]) -> str:
    """Why the sizes tried hold no crossing; empty if they do."""
    least, most = min(tried), max(tried)
    # In this order: a loss that never moves is neither above nor below, and would read as "never rises".
    if all(abs(loss - level) <= blur for loss in tried.values()):
        return _("the loss stays at {loss:.6g} along the direction, up to a size of {size:.3g}", loss=level, size=most)
    if not raising:
        return _("the loss never rises above {loss:.6g}, up to a size of {size:.3g}", loss=level, size=most)
    if any(loss < level - blur for loss in tried.values()):
        return ""
    if not any(math.isfinite(loss) for loss in tried.values()):
        return _("the loss is not finite at any size down to {size:.3g}", size=least)
    return _(
        "the direction raises the loss at every size that changes it, from {least:.3g} to {most:.3g}",
        least=least, most=most,
    )  # fmt: skip


def finite_or_none(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None
