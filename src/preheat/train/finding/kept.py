"""What a trial run touches, kept before it and put back after it, bit for bit.

Kept       weights, buffers and other tensors of the modules, with their storage; every attribute of the modules, their
           mode among them; gradients and ``requires_grad``; the random generators of torch (CPU, CUDA), NumPy and
           Python; of the batches' loader its own generators, and the attributes of it and its samplers.
Not kept   what lies outside of all these: a list that a module fills in place, a file that a data set reads from.
The optimizer is not here: it is never touched, a twin of it is (:mod:`preheat.train.finding.twin`).
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

_TABLES = ("_parameters", "_buffers", "_modules")
_Setter = tuple[Callable[[Any], object], Any]


class Kept:
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
        others = {id(tensor): tensor for tensor in (*model.buffers(), *loose) if id(tensor) not in weights}
        # .data shares the storage and not the count of writes.
        self._weights = {key: (weight, weight.data, weight.data.clone()) for key, weight in weights.items()}
        self._others = {key: (tensor, tensor.data, tensor.data.clone()) for key, tensor in others.items()}
        self._gradients = [(weight, weight.grad, weight.requires_grad) for weight in weights.values()]
        self._modules = [
            (module, dict(vars(module)), {name: dict(vars(module)[name]) for name in _TABLES}) for module in modules
        ]
        sources = list(_sources(batches))
        loaders = [one for one in sources if one is batches or isinstance(one, DataLoader | Sampler)]
        self._loaders = [(one, dict(vars(one))) for one in loaders]
        self._random = [*_global_generators(), *(setter for one in sources for setter in _generators(one))]

    def clear(self) -> None:
        """Make room for the trial: no gradients, and no worker processes of somebody else's epoch."""
        for weight, _, _ in self._gradients:
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
def untouched(model: nn.Module, parameters: Iterable[Tensor] = (), batches: Any = None) -> Iterator[Kept]:
    """Whatever happens inside, an exception or Ctrl-C too, leaves everything :class:`Kept` names as it was.

    >>> model = nn.Linear(1, 1)
    >>> before = model.weight.item()
    >>> with untouched(model):
    ...     model.weight.data.fill_(7.0).item()
    7.0
    >>> model.weight.item() == before
    True
    """
    kept = Kept(model, parameters, batches)
    try:
        kept.clear()
        yield kept
    finally:
        _to_the_end(kept.put_back)


def _to_the_end(action: Callable[[], None]) -> None:
    """Ctrl-C in the middle of ``action`` begins it again, and is raised when it is done."""
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
