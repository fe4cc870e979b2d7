"""Megatron-LM's arguments: flags, their mapping, the sections of a saved configuration, or a scheduler's saved state.

Fields   lr, min_lr (0), lr_decay_style (linear) constant|linear|cosine|inverse-square-root|WSD;
         lr_decay_iters (train_iters), lr_warmup_iters (0) or lr_warmup_fraction, lr_warmup_init (0);
         lr_wsd_decay_iters, lr_wsd_decay_style (exponential) exponential|linear|cosine|minus_sqrt;
         start_weight_decay, end_weight_decay, weight_decay_incr_style (constant) constant|linear|cosine.
         All of it by samples instead: train_samples, lr_decay_samples, lr_warmup_samples, lr_wsd_decay_samples, with
         global_batch_size.
Warm-up  n / W, the peak at update W. The fraction is of the decay length, not of the run, and stays a float.
Decay    from W to D = lr_decay_iters, with the warm-up in it; min_lr rescales linear, cosine and WSD, and cuts the
         inverse square root off. Without warm-up that one counts single samples: update n runs at (n batch)^-1/2.
Ends     min_lr after D; the inverse square root falls to it from wherever it stands.
State    max_lr, min_lr, lr_warmup_steps, lr_decay_steps, lr_decay_style (before: start_lr, warmup_steps, decay_steps,
         decay_style), in samples.
Read     Megatron-LM of 2026 (core 0.16): core/optimizer_param_scheduler.py, training/training.py, arguments.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported, Outline
from preheat.dialects.fields import REQUIRED, Fields
from preheat.dialects.phases import Phases, hold, warm_up
from preheat.dialects.writing import as_flags
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Cosine, Curve, Geometric, Linear, OneMinusPower, PowerLaw
from preheat.schedule.lengths import Count

_STYLES = ("constant", "linear", "cosine", "inverse-square-root", "WSD")
_WSD: dict[str, Curve] = {
    "exponential": Geometric(0.5),
    "linear": Linear(),
    "cosine": Cosine(),
    "minus_sqrt": OneMinusPower(0.5),
}
_BY_SAMPLES = ("train_samples", "lr_decay_samples", "lr_warmup_samples", "lr_wsd_decay_samples")
# Names of nobody else's, by which a file is recognized.
_OWN = ("lr_warmup_iters", "lr_warmup_samples", "lr_warmup_fraction", "lr_warmup_init", "lr_wsd_decay_")
# A saved scheduler's names, older and newer, as the flags that mean the same.
_STATE = {
    "max_lr": "lr",
    "start_lr": "lr",
    "lr_warmup_steps": "lr_warmup_samples",
    "warmup_steps": "lr_warmup_samples",
    "lr_decay_steps": "lr_decay_samples",
    "decay_steps": "lr_decay_samples",
    "decay_style": "lr_decay_style",
    "start_wd": "start_weight_decay",
    "end_wd": "end_weight_decay",
    "wd_incr_style": "weight_decay_incr_style",
    "wd_incr_steps": "wd_incr_samples",
}
_GROWING = _("The number of updates in a stretch of samples would change on the way.")


@dataclass(frozen=True, slots=True)
class _Clock:
    """What the file counts in: ``unit`` ends its names, and so many of them make an update."""

    unit: str
    each: float
    total: int


def read(fields: Fields, context: Context) -> Imported:
    """Megatron's arguments as a schedule."""
    notes: list[str] = []
    given = _flat(fields.raw)
    run = Fields(given)
    # A launch line has a hundred flags for other things: slips are looked for among those of the rate alone.
    own = Fields({name: value for name, value in given.items() if name.startswith("lr_")})
    run.refuse("rampup_batch_size", "step_batch_size_schedule", why=_GROWING)
    if run.flag("use_checkpoint_opt_param_scheduler"):
        notes.append(_("a checkpoint's rate, lengths and style win over these (use_checkpoint_opt_param_scheduler)"))
    clock = _clock(run, own, context)
    peak = context.rate("lr", run.rate("lr", None))
    schedule = _schedule(run, own, clock, peak, context, notes)
    if _is_state(fields.raw):
        notes.append(
            _("a state after {samples} samples: it does not keep lr_warmup_init", samples=run.number("num_steps"))
        )
    if "decoupled_lr" in run:
        notes.append(
            _(
                "embedding and output layers have a rate of their own, decoupled_lr={rate}",
                rate=run.rate("decoupled_lr"),
            )
        )
    also = _weight_decay(run, clock, notes)
    for name in ("lr_warmup_steps", "lr_decay_steps"):  # Megatron's own results, in a configuration it has saved
        own.value(name, None)
    own.finish()
    return Imported(schedule, peak, tuple(notes), total=clock.total, also=also)


def _flat(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Names with underscores, the sections of a saved configuration as one, a state under the flags' names."""
    fields = {str(name).replace("-", "_"): value for name, value in raw.items()}
    for section in ("train", "training", "optimizer", "scheduler"):
        if isinstance(fields.get(section), Mapping):
            fields |= _flat(fields.pop(section))
    return {_STATE.get(name, name): value for name, value in fields.items()} if _is_state(fields) else fields


def _is_state(names: Mapping[str, Any]) -> bool:
    """Whether these are the fields that a scheduler saves."""
    return "num_steps" in names and bool({"max_lr", "start_lr"} & {*names})


def _clock(run: Fields, own: Fields, context: Context) -> _Clock:
    samples = run.count("train_samples", None, low=1)
    # 0 is Megatron's own default for some of them.
    if not any(run.value(name, None) not in (None, 0, "0") for name in _BY_SAMPLES):
        return _Clock("iters", 1.0, context.updates("train_iters", run.count("train_iters", None, low=1)))
    run.refuse("train_iters", why=_("Everything else is in samples."))
    own.refuse(
        *("lr_decay_iters", "lr_warmup_iters", "lr_wsd_decay_iters"),
        why=_("Everything else is in samples."),
        unless=(0, "0"),
    )
    each = _batch(run, context)
    updates = None if samples is None else int(samples // each)
    if updates == 0:
        raise run.refusal(
            "train_samples", _("at least one batch of {each:g}", each=each), _("Nothing would be trained.")
        )
    return _Clock("samples", each, context.updates("train_samples", updates))


def _batch(run: Fields, context: Context) -> float:
    """Samples that make an update."""
    own = run.count("global_batch_size", None, low=1)
    return context.per("sample", "global_batch_size") if own is None else float(own)


def _length(fields: Fields, clock: _Clock, stem: str, default: Any = REQUIRED, low: float = 0.0) -> Any:
    """A length in updates, whole where it is but for rounding."""
    value = fields.number(f"{stem}_{clock.unit}", default, low=low)
    return value if value is None else _whole(value / clock.each)


def _whole(updates: float) -> Count:
    # A share of a length is a float that may miss the whole number by rounding: that one is meant.
    return round(updates) if math.isclose(updates, round(updates), rel_tol=1e-12) else updates


def _schedule(
    run: Fields, own: Fields, clock: _Clock, peak: float | None, context: Context, notes: list[str]
) -> Schedule:
    style = own.word("lr_decay_style", _STYLES, "linear")
    floor, start = run.share("min_lr", peak), own.share("lr_warmup_init", peak)
    decay = _length(own, clock, "lr_decay", None, low=1.0)
    if decay is None:
        decay = _length(run, clock, "train", None) if clock.unit == "samples" else clock.total
    # Megatron decays over the run, unless told otherwise.
    decay = clock.total if decay is None else decay
    name, warmup = _warmup(own, clock, decay)
    if warmup >= decay:
        advice = _("The peak would never be used: shorten the warm-up or plan more updates.")
        raise own.refusal(name, _("below the decay's {decay:g} updates", decay=decay), advice)
    rise = warm_up(warmup, start)
    if style == "constant":
        return PhaseSchedule((*rise, hold(None)))
    # Its floor cuts off, where that of the other styles rescales.
    if style == "inverse-square-root":
        return _inverse_sqrt(run, rise, warmup, decay, floor, context, notes)
    if style == "WSD":
        return PhaseSchedule((*rise, *_stable_and_decay(own, clock, warmup, decay, floor, notes)))
    curve = Linear() if style == "linear" else Cosine()
    return PhaseSchedule((*rise, Phase(curve=curve, length=decay - warmup, start=1.0, end=floor)))


def _warmup(own: Fields, clock: _Clock, decay: Count) -> tuple[str, Count]:
    """The field that says it, and the updates of the warm-up."""
    name = f"lr_warmup_{clock.unit}"
    share = own.number("lr_warmup_fraction", None, low=0.0, high=1.0, advice=_("It is a share of the decay length."))
    if share is None:
        return name, _length(own, clock, "lr_warmup", 0)
    own.refuse(name, why=_("lr_warmup_fraction says it already."), unless=(0, "0"))
    return "lr_warmup_fraction", _whole(share * decay)


def _inverse_sqrt(
    run: Fields, rise: Phases, warmup: Count, decay: Count, floor: float, context: Context, notes: list[str]
) -> Schedule:
    """(W / n)^1/2, not below the floor, up to and with D; then the floor."""
    last = math.floor(decay)
    notes.append(_("after update {update} Megatron falls to min_lr at once", update=last))
    # Megatron divides by max(warm-up, 1) in samples: one sample is this part of an update.
    sample = 0.0 if warmup >= 1 else 1.0 / _batch(run, context)
    if warmup >= sample:
        fall: Phases = (Phase(curve=PowerLaw(timescale=warmup), length=last + 1 - warmup, start=1.0),)
    else:
        notes.append(_("without a warm-up the inverse square root counts single samples"))
        curve = PowerLaw(timescale=sample)
        fall = (hold(1 - warmup), Phase(curve=curve, length=last + 1 - sample, start=1.0, skip=1 - sample))
    cut = PhaseSchedule(fall).clip(floor=floor) if floor else PhaseSchedule(fall)
    return PhaseSchedule((*rise, cut, hold(0, floor)))


def _stable_and_decay(
    own: Fields, clock: _Clock, warmup: Count, decay: Count, floor: float, notes: list[str]
) -> Phases:
    """The peak until the last stretch; one that begins inside the warm-up is joined on its way."""
    curve = _WSD[own.word("lr_wsd_decay_style", _WSD, "exponential")]
    stretch = _length(own, clock, "lr_wsd_decay", low=1.0)
    begin = decay - stretch
    if begin >= warmup:
        return (hold(begin - warmup), Phase(curve=curve, length=stretch, start=1.0, end=floor))
    # The warm-up is tried first, up to and with its last update; only then does Megatron see that the decay has begun.
    joined = math.floor(warmup) + 1 if warmup else 0
    notes.append(
        _(
            "the decay begins at update {begin:g}, inside the warm-up: the rate jumps at update {joined}",
            begin=begin,
            joined=joined,
        )
    )
    skip = min(joined - begin, stretch)
    return (hold(joined - warmup), Phase(curve=curve, length=stretch, start=1.0, end=floor, skip=skip))


def _weight_decay(run: Fields, clock: _Clock, notes: list[str]) -> dict[str, Schedule]:
    """The rise of the weight decay over the run, as a share of where it ends."""
    style = run.word("weight_decay_incr_style", ("constant", "linear", "cosine"), "constant")
    start, end = (run.number(name, None, low=0.0) for name in ("start_weight_decay", "end_weight_decay"))
    if style == "constant":
        if start != end:
            raise run.refusal(
                "end_weight_decay", _("{start}, as start_weight_decay", start=start), _("Or choose an incr_style.")
            )
        return {}
    start, end = run.number("start_weight_decay", low=0.0), run.number("end_weight_decay", low=0.0)
    # Megatron asserts the same.
    if end < start or not end:
        raise run.refusal(
            "end_weight_decay", _("at least start_weight_decay={start}, and above 0", start=start), _("It grows.")
        )
    length = _length(run, clock, "wd_incr", None) or _length(run, clock, "train", None) or clock.total
    notes.append(_("weight_decay refers to end_weight_decay={end}: give the optimizer that value", end=end))
    curve = Linear() if style == "linear" else Cosine()
    return {"weight_decay": PhaseSchedule((Phase(curve=curve, length=length, start=start / end, end=1.0),))}


def write(asked: Outline) -> Iterator[dict[str, Any]]:
    """Every decay style with the lengths, floors and rates of the outline."""
    for warmup in asked.warmups:
        for start in asked.starts:
            warmup_fields: dict[str, Any] = {"lr_warmup_iters": warmup}
            if start and warmup:
                warmup_fields["lr_warmup_init"] = start * asked.peak
            for style in _decays(asked, warmup):
                yield {"train_iters": asked.total, "lr": asked.peak, **warmup_fields, **style}


def _decays(asked: Outline, warmup: int) -> Iterator[dict[str, Any]]:
    yield {"lr_decay_style": "constant"}
    for floor in asked.floors:
        low = {"min_lr": floor * asked.peak}
        # Its decay length has the warm-up in it.
        for decay in dict.fromkeys((asked.total, *(warmup + length for length in asked.decays))):
            length = {} if decay == asked.total else {"lr_decay_iters": decay}
            for name in ("linear", "cosine", "inverse-square-root"):
                yield {"lr_decay_style": name, **low, **length}
        for decay in asked.decays:
            for name in _WSD:
                yield {"lr_decay_style": "WSD", "lr_wsd_decay_style": name, "lr_wsd_decay_iters": decay, **low}


def matches(config: Any) -> int:
    """3 for a warm-up or WSD flag (a saved state has them too), 2 for its decay style beside an ``lr``."""
    if not isinstance(config, Mapping):
        return 0
    names = {*_flat(config)}
    if any(name.startswith(_OWN) for name in names):
        return 3
    return 2 * int({"lr", "lr_decay_style"} <= names and "warmup" not in names)


def _example(name: str, **flags: Any) -> Example:
    base = {"train_iters": 100, "lr": 1e-3, "lr_decay_style": name, "lr_warmup_iters": 10}
    return Example(name, {**base, **flags})


DIALECT = Dialect(
    name="megatron",
    title="Megatron-LM",
    source=_("Megatron-LM of 2026, core 0.16"),
    convention=_("update n runs at n / W in the warm-up; the end value falls on update D = lr_decay_iters"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        _example("constant"),
        _example("linear", min_lr=1e-4),
        _example("cosine", min_lr=1e-4, lr_warmup_init=1e-5, lr_decay_iters=80),
        _example("inverse-square-root"),
        *(_example("WSD", lr_wsd_decay_style=name, lr_wsd_decay_iters=20) for name in _WSD),
    ),
    write=write,
    render=as_flags,
)
