"""Layer-wise learning-rate decay: parameter groups with real ``lr`` values, lower the further from the output.

Howard & Ruder 2018 (arXiv:1801.06146, discriminative fine-tuning); Clark et al. 2020 (arXiv:2003.10555) and Bao et al.
2021 (arXiv:2106.08254) in the form built here: the peak times ``decay`` to the number of layers above.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal
from preheat.messages import _, columns, in_context
from preheat.schedule import Schedule
from preheat.schedule.lengths import number, positive

if TYPE_CHECKING:
    from torch import nn

Group = dict[str, Any]
_BLOCK = re.compile(r"(.*?)\.(\d+)\.")  # the outermost number: "h.3.mlp.0.weight" is in block 3 of h


def layer_groups(
    model: nn.Module,
    lr: float,
    *,
    decay: float = 0.75,
    weight_decay: float = 0.01,
    layer_of: Callable[[str], int] | None = None,
) -> list[Group]:
    """Parameter groups for an optimizer, each layer at ``decay`` times the rate of the layer above it.

    Args:
        model: any module. Layers are the blocks of its longest ``ModuleList``: what comes before them (embeddings) is
            layer 0, the blocks are 1 to L, everything after them (final norm, head) is layer L + 1 at the full rate.
        lr: the peak learning rate, of the last layer, > 0.
        decay: factor from a layer to the one below, in (0, 1].
        weight_decay: for matrices; biases and norms (one-dimensional parameters) get 0.
        layer_of: from a parameter's name to its layer, where the rule above does not fit.

    Returns:
        Groups with ``name``, ``params``, ``lr`` and ``weight_decay``, every trainable parameter in exactly one of them.
        Frozen parameters are left out, and their layers still count.

    Raises:
        ScheduleError: if nothing can be trained, or the model has no blocks and no ``layer_of`` is given.

    >>> import torch
    >>> blocks = torch.nn.ModuleList([torch.nn.Linear(2, 2, bias=False) for _ in range(2)])
    >>> model = torch.nn.ModuleDict({"blocks": blocks, "head": torch.nn.Linear(2, 2, bias=False)})
    >>> [(group["name"], group["lr"]) for group in layer_groups(model, 1e-3, decay=0.5)]
    [('layer 1', 0.00025), ('layer 2', 0.0005), ('layer 3', 0.001)]
    """
    top = positive("lr", lr, _("It is the rate of the last layer."))
    factor = number("decay", decay)
    if not 0 < factor <= 1:
        raise ScheduleError(refusal("decay", _("in (0, 1]"), decay, _("1 gives every layer the same rate.")))
    named = list(model.named_parameters())  # a shared parameter appears once
    rule = layer_of or _layer_rule([name for name, _unused in named])
    layers = {name: rule(name) for name, _unused in named}
    if not any(parameter.requires_grad for _unused, parameter in named):
        raise ScheduleError(
            refusal("model", _("trainable"), _("no parameter that requires a gradient"), _("Unfreeze some."))
        )
    last = max(layers.values())
    groups: dict[tuple[int, bool], Group] = {}
    for name, parameter in named:
        if not parameter.requires_grad:
            continue
        # By dimension: what a bias or a norm is called differs from model to model.
        layer, plain = layers[name], parameter.ndim <= 1
        group = groups.setdefault(
            (layer, plain),
            {
                "name": f"layer {layer}{' without decay' if plain else ''}",
                "params": [],
                "lr": top * factor ** (last - layer),
                "weight_decay": 0.0 if plain else weight_decay,
            },
        )
        group["params"].append(parameter)
    # In one order always: an optimizer's saved state knows its groups by their place.
    return [groups[key] for key in sorted(groups)]


def group_table(groups: Sequence[Group], schedule: Schedule, updates: int | None = None) -> str:
    """A table of parameter groups: parameters, and the learning rate at update 0, at the peak and at the last update.

    Args:
        groups: what :func:`layer_groups` gave, or an optimizer's ``param_groups``.
        schedule: the shared schedule.
        updates: the run's length; None takes the horizon (without one, the last column is left out).
    """
    from preheat.schedule.base import peak_position

    last = updates or (None if schedule.horizon is None else int(schedule.horizon))
    heads = (in_context("of the updates", "first"), _("peak"), in_context("of the updates", "last"))
    rows = [(_("group"), _("parameters"), *heads[: 3 if last else 2])]
    for index, group in enumerate(groups):
        base = float(group["initial_lr"] if "initial_lr" in group else group["lr"])
        own = schedule.for_base(base)
        moments = [0, peak_position(own), *((last - 1,) if last else ())]
        count = sum(parameter.numel() for parameter in group["params"])
        rates = [f"{base * own(moment):.4g}" for moment in moments]
        rows.append((str(group.get("name", index)), f"{count:,}", *rates))
    return columns(rows, right=range(1, len(rows[0])))


def _layer_rule(names: Sequence[str]) -> Callable[[str], int]:
    """From names to layers, by the longest numbered list in them."""
    blocks: dict[str, set[int]] = {}
    for name in names:
        block = _BLOCK.match(name)
        if block:
            blocks.setdefault(block[1], set()).add(int(block[2]))
    if not blocks:
        advice = _("Say where its layers are: layer_of=lambda name: ...")
        raise ScheduleError(refusal("model", _("one with numbered blocks"), ", ".join(names[:3]), advice))
    # The longest: models have short lists besides, such as the two layers of a head.
    stem = max(blocks, key=lambda key: len(blocks[key]))
    depth = max(blocks[stem]) + 1
    first = next(index for index, name in enumerate(names) if name.startswith(f"{stem}."))
    before = set(names[:first])

    def layer(name: str) -> int:
        block = _BLOCK.match(name)
        if block and block[1] == stem:
            return int(block[2]) + 1
        return 0 if name in before else depth + 1

    return layer
