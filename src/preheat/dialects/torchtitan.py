"""torchtitan: the TOML of 2025, the configuration of 2026 as a mapping, dataclass or constructor call, dotted flags.

Fields   lr_scheduler.warmup_steps (200), total_steps (training.steps), decay_ratio of it, rounded half to even (what
         the warm-up leaves), decay_type (linear) linear|sqrt|cosine, min_lr_factor (0; lr_min before 0.2);
         training.steps (10000); optimizer.lr, since 0.3 the lr of optimizer.param_groups.
Warm-up  (n + 1) / W, the peak at update W - 1.
Decay    D updates from T + 1 - D on, the first of them a step below the peak: update T - 1 stands one step above the
         floor. sqrt is 1 - sqrt(u).
Too long a warm-up above T is cut to T, a decay to what the warm-up leaves.
Ends     past update T the factor goes on below the floor (cosine: rises again); here it is held.
Read     torchtitan 0.1.0 to 0.3.0, components/lr_scheduler.py and optimizer/lr_scheduler.py: one formula. Before 0.1.0
         some divided by W + 1 and D + 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported, Outline
from preheat.dialects.fields import Fields
from preheat.dialects.loading import call
from preheat.dialects.phases import early_warm_up, hold
from preheat.dialects.writing import as_toml
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule
from preheat.schedule.curves import Cosine, Curve, Linear, OneMinusPower

_CURVES: dict[str, Curve] = {"linear": Linear(), "sqrt": OneMinusPower(0.5), "cosine": Cosine()}
# Fields of nobody else's, by which a section is recognized.
_OWN = ("decay_ratio", "decay_type", "min_lr_factor", "lr_min")


def read(config: Any, context: Context) -> Imported:
    """A torchtitan configuration, or its lr_scheduler section, as a schedule."""
    fields = Fields(_mapping(config.raw if isinstance(config, Fields) else config) or {})
    notes: list[str] = []
    own = fields.section("lr_scheduler") if "lr_scheduler" in fields else fields
    run = fields.section("training", {})
    run.refuse("warmup_steps", why=_("It is of a torchtitan before 0.1: move it to lr_scheduler."))
    steps = run.count("steps", None, low=1)
    # A section alone says nothing of the run; a whole file without steps is torchtitan's default run.
    if steps is None and context.told is None and own is not fields:
        steps = 10_000
        notes.append(_("training.steps is left at torchtitan's own 10000"))
    shape = own.count("total_steps", None, low=1)
    if shape is None:
        total = run_length = context.updates("training.steps", steps)
    else:
        total = context.shaped("lr_scheduler.total_steps", shape, notes)
        run_length = steps or context.told or shape
    warmup, decay = _lengths(own, total, notes)
    floor = own.number("min_lr_factor", None, low=0.0, high=1.0)
    older = own.number("lr_min", 0.0 if floor is None else None, low=0.0, high=1.0)
    if floor is not None and older is not None:
        raise own.refusal("lr_min", _("left out beside min_lr_factor"), _("It is the same under its older name."))
    curve = _CURVES[own.word("decay_type", _CURVES, "linear")]
    # One update more of the peak than the lengths say: the decay's first step comes an update later than its name.
    phases = (*early_warm_up(warmup), hold(total + 1 - warmup - decay))
    if decay:
        end = older if floor is None else floor
        # Native: its first update is a step below the peak already.
        phases += (Phase(curve=curve, length=decay, start=1.0, end=end, convention="native"),)
        notes.append(
            _("past update {total} torchtitan goes on below the floor, or rises; here it is held", total=total)
        )
    peak = context.rate("optimizer.lr", _rate(fields, notes))
    own.finish()
    return Imported(PhaseSchedule(phases), peak, tuple(notes), total=run_length)


def _lengths(own: Fields, total: int, notes: list[str]) -> tuple[int, int]:
    """W and D, cut as torchtitan cuts them."""
    warmup = own.count("warmup_steps", 200)
    if warmup > total:
        notes.append(_("warmup_steps={warmup} is cut to {total}, all of the run", warmup=warmup, total=total))
        warmup = total
    share = own.number("decay_ratio", None, low=0.0, high=1.0, advice=_("It is a share of the run."))
    if share is None:
        return warmup, total - warmup
    # Python's round, half to even, as in torchtitan.
    decay = round(total * share)
    if warmup + decay > total:
        notes.append(
            _(
                "the decay of {decay} updates is cut to {left}, what the warm-up leaves",
                decay=decay,
                left=total - warmup,
            )
        )
        decay = total - warmup
    return warmup, decay


def _rate(fields: Fields, notes: list[str]) -> float | None:
    """The optimizer's rate, where it has one for all parameters."""
    optimizer = fields.section("optimizer", {})
    own = optimizer.rate("lr", None)
    groups = [Fields(group, "optimizer.param_groups") for group in optimizer.list("param_groups", [])]
    rates: set[float] = {group.section("optimizer_kwargs", {}).rate("lr", None) for group in groups} - {None}
    if own is None and len(rates) > 1:
        notes.append(
            _("the groups of the optimizer have rates of their own: {rates}", rates=sorted(rates, reverse=True))
        )
    # One rate for all groups is the optimizer's, however it is written.
    if own is None and len(rates) == 1:
        return rates.pop()
    return None if own is None else float(own)


def _mapping(config: Any) -> dict[str, Any] | None:
    """The configuration as nested mappings; None for what is none."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        config = dataclasses.asdict(config)
    if isinstance(config, str):
        # Since 0.3 a configuration is a constructor call in Python, read and not run.
        name, arguments = call(config) or ("", None)
        return {"lr_scheduler": arguments} if "LRSchedulersContainer" in name else arguments
    if not isinstance(config, Mapping):
        return None
    sections: dict[str, Any] = {}
    for name, value in config.items():
        section, dot, rest = str(name).partition(".")
        inner = sections.get(section, {})
        if dot and isinstance(inner, dict):
            sections[section] = {**inner, rest: value}
        else:
            sections[name] = value
    return sections


def write(asked: Outline) -> Iterator[dict[str, Any]]:
    """Every decay type with the lengths and floors of the outline."""
    total = asked.total
    for warmup in asked.warmups:
        # One longer too, for the update by which its decay begins early.
        decays = {length for decay in asked.decays for length in (decay, decay + 1, 0) if length <= total - warmup}
        for share in (None, *(decay / total for decay in sorted(decays))):
            for curve in _CURVES:
                for floor in asked.floors:
                    ratio = {} if share is None else {"decay_ratio": share}
                    own = {"warmup_steps": warmup, **ratio, "decay_type": curve, "min_lr_factor": floor}
                    yield {"optimizer": {"lr": asked.peak}, "lr_scheduler": own, "training": {"steps": total}}


def matches(config: Any) -> int:
    """3 for its lr_scheduler section with a field of its own, 2 for one with warmup_steps."""
    data = _mapping(config)
    section = None if data is None else data.get("lr_scheduler")
    if not isinstance(section, Mapping):
        return 0
    if {*_OWN} & {*section} or (isinstance(config, str) and "LRSchedulersContainer" in config):
        return 3
    return 2 * int("warmup_steps" in section and "_name" not in section)  # that is fairseq's


def _example(name: str, **own: Any) -> Example:
    section = {"warmup_steps": 10, "decay_type": name, **own}
    return Example(name, {"optimizer": {"lr": 1e-3}, "lr_scheduler": section, "training": {"steps": 100}})


DIALECT = Dialect(
    name="torchtitan",
    title="torchtitan",
    source="torchtitan 0.3.0",
    convention=_("update n runs at (n + 1) / W in the warm-up; the last update stands one step above the end value"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(name) for name in _CURVES),
        *(_example(name, decay_ratio=0.2, min_lr_factor=0.1) for name in _CURVES),
        Example(_("no decay"), _example("linear", decay_ratio=0.0).config),
    ),
    write=write,
    render=as_toml,
)
