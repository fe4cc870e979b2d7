"""Phases in sequence: the schedule that every named schedule is built as.

A :class:`Phase` is one curve, its length, and the factors it runs between. A :class:`PhaseSchedule` is a row of them,
and of whole schedules. Lengths may have a unit (``"10%"``, ``"2 epochs"``, the rest) until :meth:`Schedule.over` turns
them into updates; a factor may be a learning rate until :meth:`Schedule.for_base` makes it a share of a group's own.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from preheat.errors import ScheduleError, refusal
from preheat.messages import _, joined
from preheat.schedule.base import (
    A_BASE,
    A_PLAN,
    Schedule,
    kind,
    literal,
    number_words,
    only,
    plain,
    schedule_in,
    value_in,
)
from preheat.schedule.curves import CURVES, Constant, Curve, Scalar, name_of, named_curve
from preheat.schedule.lengths import (
    Absolute,
    Count,
    Factor,
    Length,
    as_factor,
    as_length,
    choice,
    count,
    in_updates,
    known,
    share_of,
)

_FEW = 16  # phases that are gone through faster than halved
_END = itemgetter(0)  # of a row of the layout

if TYPE_CHECKING:
    from preheat.schedule.lengths import Timeline

CONVENTIONS = ("transformers", "native")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of a schedule.

    Args:
        curve: the shape, falling from ``start`` to ``end`` or, mirrored in time, rising.
        length: updates the whole curve takes, >= 0; None runs for ever (endless curves only); or a length with a unit
            (``"10%"``, ``"2 epochs"``, ``"rest"``), which :meth:`Schedule.over` turns into updates.
        start: factor where the phase begins, >= 0 (1.0 is the peak); None goes on from where the phase before
            arrived (from 1.0 in a first phase). A learning rate as :func:`preheat.lr`.
        end: factor the phase moves toward, >= 0; None is 0. A constant phase has its start for an end.
        skip: updates of the curve left out at its beginning, in [0, length].
        convention: ``"transformers"``: update j of the phase stands at j / length, so that its first update is at
            ``start`` and ``end`` is reached one update after its last. ``"native"``: it stands at (j + 1) / length, so
            that its first update has left ``start`` and its last is at ``end``.

    >>> from preheat.schedule.curves import Linear
    >>> warmup = Phase(curve=Linear(), length=4, start=0.0, end=1.0)
    >>> warmup.at(1, 3)
    0.25
    """

    curve: Curve
    length: Count | Length | None
    start: Factor | None = None
    end: Factor | None = None
    skip: Count = 0
    convention: str = "transformers"

    def __post_init__(self) -> None:
        # Only what has a name can be written to a file and read back.
        if type(self.curve) not in CURVES.values():
            advice = _("Known curves: {curves}.", curves=joined(", ", CURVES))
            raise ScheduleError(refusal("curve", _("a curve of preheat.schedule.curves"), self.curve, advice))
        choice("convention", self.convention, CONVENTIONS)
        self._check_factors()
        if self.length is None:
            if not self.curve.endless:
                raise ScheduleError(
                    refusal(
                        "length",
                        _("given for {curve}", curve=name_of(self.curve)[0]),
                        None,
                        _("This curve needs an end."),
                    )
                )
        elif isinstance(self.length, (str, Length)):
            object.__setattr__(self, "length", as_length("length", self.length))
        else:
            object.__setattr__(self, "length", count("length", self.length, whole=False))
        object.__setattr__(self, "skip", count("skip", self.skip, whole=False))
        if isinstance(self.length, (int, float)) and self.skip > self.length:
            advice = _("The curve is {length} updates long.", length=self.length)
            raise ScheduleError(refusal("skip", _("at most length"), self.skip, advice))

    def _check_factors(self) -> None:
        for name in ("start", "end"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_factor(name, getattr(self, name)))
        # The end of a constant is its start, so that equal phases are equal values, however they were written.
        if isinstance(self.curve, Constant):
            if self.end is not None and self.start != self.end:
                advice = _("A constant phase starts and ends at the same factor.")
                raise ScheduleError(refusal("end", _("equal to start={start}", start=self.start), self.end, advice))
            object.__setattr__(self, "end", self.start)
            object.__setattr__(self, "convention", "native")  # it stands the same in both
        elif self.end is None:
            object.__setattr__(self, "end", 0.0)

    @property
    def updates(self) -> Count | None:
        """Updates the phase takes of the run; None for ever.

        Raises:
            ScheduleError: while the length still waits for a plan.
        """
        if isinstance(self.length, Length):
            advice = _("Resolve it first: schedule.over(total) or schedule.over(plan).")
            raise ScheduleError(refusal("length", _("in updates"), str(self.length), advice))
        return None if self.length is None else self.length - self.skip

    @property
    def arrival(self) -> float:
        """The factor that is held when nothing follows: the end, or where an endless curve was cut."""
        length = self.updates
        if not length or self.length is None:
            return known(self.end) if self.end is not None else 1.0
        return float(self.value(self.length, 0))

    def at(self, done: Any, left: Any, xp: Any = Scalar) -> Any:
        """The factor of the update that begins ``done`` updates into the phase, ``left`` before its end.

        ``done`` and ``left`` are one number each or arrays of ``xp``; the phase is taken as its convention says.
        """
        late = int(self.convention == "native")
        return self.value(done + self.skip + late, left - late, xp)

    def laid_out(self, begin: Count, end: float) -> tuple[Any, ...]:
        """What one value of the phase takes, where it owns the positions from ``begin`` to ``end``.

        As ``(mirrored, fall, low, height, done at position 0, left at position 0, length)``: a training loop asks for a
        value an update, and looking these up each time would cost more than the curve.
        """
        # One update later in the native convention: all that the two step conventions differ in.
        late = int(self.convention == "native")
        start, low = known(1.0 if self.start is None else self.start), known(0.0 if self.end is None else self.end)
        # A rising phase runs its curve backwards; an endless one has no end to run back from, and comes from below.
        mirrored = start < low and not self.curve.endless
        if mirrored:
            start, low = low, start
        # Phases that begin or end between two updates (cycles that grow) would be asked for a point outside the curve.
        whole = self.length is None or (begin == int(begin) and end == int(end))
        fall = self.curve.fall if whole else _clamped(self.curve.fall)
        return mirrored, fall, low, start - low, self.skip + late - begin, end - late, self.length

    def value(self, done: Any, left: Any, xp: Any = Scalar) -> Any:
        """The factor ``done`` updates into the curve itself."""
        mirrored, fall, low, height, *_unused = self.laid_out(0, 0)
        if mirrored:
            done, left = left, done
        return low + height * fall(done, left, self.length, xp)

    @property
    def waits_for(self) -> str:
        """``"a plan"`` while the length has a unit, ``"a base"`` while a factor is a learning rate, else nothing."""
        if isinstance(self.length, Length):
            return A_PLAN
        return A_BASE if isinstance(self.start, Absolute) or isinstance(self.end, Absolute) else ""

    def following(self, arrived: float) -> Phase:
        """The phase with its start known: ``arrived`` where it has none of its own."""
        return self if self.start is not None else replace(self, start=arrived, end=self._end_after(arrived))

    def _end_after(self, arrived: float) -> Factor | None:
        return arrived if isinstance(self.curve, Constant) else self.end

    def for_base(self, base: float) -> Phase:
        """The phase with learning rates turned into shares of ``base``."""
        if not isinstance(self.start, Absolute) and not isinstance(self.end, Absolute):
            return self
        start = None if self.start is None else share_of(self.start, base)
        return replace(self, start=start, end=None if self.end is None else share_of(self.end, base))

    def with_convention(self, convention: str) -> Phase:
        """The same phase in another step convention."""
        return replace(self, convention=convention)

    def _stretched(self, ratio: float) -> Phase:
        """The phase ``ratio`` times as long, its own time scales too."""
        length = self.length * ratio if isinstance(self.length, (int, float)) else self.length
        return replace(self, curve=self.curve.stretched(ratio), length=length, skip=self.skip * ratio)

    @property
    def rises(self) -> bool:
        """Whether it ends above its start, where both are given."""
        return self.start is not None and self.end is not None and known(self.start) < known(self.end)

    # --- data and words ---

    def _data(self) -> dict[str, Any]:
        name, options = name_of(self.curve)
        data: dict[str, Any] = {"curve": name, **options}
        data["length"] = "forever" if self.length is None else plain(self.length)
        if self.start is not None:
            data["start"] = plain(self.start)
        if self.end is not None and not isinstance(self.curve, Constant):
            data["end"] = plain(self.end)
        if self.skip:
            data["skip"] = self.skip
        # Files leave out what their default is; the class's own is transformers', which named schedules are built in.
        if self.convention != "native":
            data["convention"] = self.convention
        return data

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> Phase:
        if "curve" not in data:
            raise ScheduleError(
                refusal("phase", _("a dictionary with a curve"), dict(data), _("Write it with to_dict()."))
            )
        options = {key: value for key, value in data.items() if key not in _PHASE_KEYS}
        curve = named_curve(data["curve"], **options)
        length = data.get("length", "rest")
        return cls(
            curve=curve,
            length=None if length == "forever" else length,
            start=value_in(data.get("start")),
            end=None if isinstance(curve, Constant) else value_in(data.get("end")),
            skip=value_in(data.get("skip", 0)),
            convention=data.get("convention", "native"),
        )

    def _words(self) -> str:
        length, start, end = self._length_words(), self.start, self.end
        if isinstance(self.curve, Constant):
            return " ".join(filter(None, ["hold", length, "" if start is None else f"at {_factor_words(start)}"]))
        name, options = name_of(self.curve)
        curve = name + (
            f"({', '.join(f'{key}={literal(value)}' for key, value in options.items())})" if options else ""
        )
        # What ends at the peak and begins below it is a warm-up, and its plain line needs no name.
        if end == 1.0 and start is not None and (isinstance(start, Absolute) or start < 1.0):
            words = ["warmup", "" if curve == "linear" else curve, length]
            words.append(f"from {_factor_words(start)}" if start != 0.0 else "")
        else:
            words = [curve, length, f"from {_factor_words(start)}" if start is not None else ""]
            # An endless curve goes toward 0 unless told otherwise, and never arrives.
            words.append("" if self.curve.endless and end == 0.0 else f"to {_factor_words(end)}")
        return " ".join(filter(None, [*words, f"skip {self.skip}" if self.skip else ""]))

    def _length_words(self) -> str:
        if self.length is None:
            return "forever"
        if isinstance(self.length, Length):
            return "" if self.length.unit == "rest" else str(self.length)
        return str(self.length) if isinstance(self.length, int) else f"{self.length!r} updates"

    def _described(self, lr: float) -> str:
        """The phase for people: its curve and the learning rates it runs between."""
        name, options = name_of(self.curve)
        words = name + (f"({', '.join(f'{value:g}' for value in options.values())})" if options else "")
        start = known(self.value(0, self.length or 0) if self.start is None else self.start)
        if isinstance(self.curve, Constant):
            return f"{words}, {lr * start:g}"
        return f"{words}, {lr * start:g} -> {lr * known(self.end or 0.0):g}"


_PHASE_KEYS = ("curve", "length", "start", "end", "skip", "convention")


def _factor_words(factor: Factor | None) -> str:
    return str(factor) if isinstance(factor, Absolute) else number_words(factor or 0.0)


def _clamped(fall: Callable[..., Any]) -> Callable[..., Any]:
    """``fall`` for a phase that ends between two updates: the last one does not reach past the end."""

    def within(done: Any, left: Any, length: Any, xp: Any) -> Any:
        done, left = xp.where(done < 0, 0 * done, done), xp.where(left < 0, 0 * left, left)
        return fall(
            xp.where(done > length, length + 0 * done, done),
            xp.where(left > length, length + 0 * left, left),
            length,
            xp,
        )

    return within


# --- Lengths into updates: what ``over(plan)`` does to the phases of a sequence -------------------------------------

if TYPE_CHECKING:
    Part = Phase | Schedule


def _resolved_phases(parts: tuple[Part, ...], total: Count | None, plan: Timeline | None) -> tuple[Any, ...]:
    """The parts of a sequence with their lengths in updates; the rest is what they leave of ``total``.

    Lengths that say nothing about the run (plain updates only) are left alone, whatever the total: the horizon of a
    schedule and the length of a run are two numbers.
    """
    # Asked before lengths are worked out: afterwards nothing waits.
    relative = any(part.waits_for == A_PLAN for part in parts)
    resolved = [_in_updates(part, total, plan) for part in parts]
    if not relative or total is None:
        return _without_total(resolved)
    spent = _spent(resolved)
    if spent is None:  # an endless phase takes what is left
        return tuple(resolved)
    left = total - spent
    if left < 0 or (left and not any(_is_rest(part) for part in resolved)):
        raise ScheduleError(_misfit([part for part in resolved if not _is_rest(part)], total, spent))
    # What is left is what the phase takes; the part of its curve that is skipped comes on top.
    return tuple(replace(part, length=left + part.skip) if _is_rest(part) else part for part in resolved)  # type: ignore[type-var,union-attr]


def _misfit(parts: list[Any], total: Count, spent: Count) -> str:
    """Why phases of known length do not make up a run of ``total`` updates."""
    # One phase that is longer than the whole run is what people have to hear of, not a sum.
    for part in parts:
        taken = _taken(part) or 0
        if taken > total:
            warmup = isinstance(part, Phase) and part.waits_for != A_BASE and part.rises
            name = _("the warm-up") if warmup and part is parts[0] else _("the phase {words!r}", words=_words_of(part))
            rule = _("no longer than the {total:,} updates there are", total=total)
            return refusal(name, rule, taken, _("Shorten it, or plan more updates."))
    sums = " + ".join(f"{_taken(part):g}" for part in parts)
    if spent > total:
        advice = _("Shorten a phase.")
    else:
        advice = _("Lengthen a phase, or let one take the rest (leave its length out).")
    got = f"{sums} = {spent:g}" if len(parts) > 1 else spent
    return refusal("phases", _("{total} updates long in all", total=total), got, advice)


def _words_of(part: Part) -> str:
    return part._words() if isinstance(part, Phase) else str(part)


def _in_updates(part: Part, total: Count | None, plan: Timeline | None) -> Part:
    if isinstance(part, Schedule):
        return part._resolved(total, plan)
    if not isinstance(part.length, Length) or part.length.unit == "rest":
        return part
    return replace(part, length=in_updates("length", part.length, total, plan))


def _without_total(parts: list[Any]) -> tuple[Any, ...]:
    """A last phase that has the rest of an unknown run goes on for ever, if its curve can."""
    for part in parts:
        if _is_rest(part) and not (part is parts[-1] and part.curve.endless):
            advice = _("Give the run's length, or a phase that can run for ever last: hold, inverse_sqrt, power_law.")
            raise ScheduleError(refusal("updates", _("known for a phase that takes the rest"), None, advice))
    return tuple(replace(part, length=None) if _is_rest(part) else part for part in parts)


def _is_rest(part: Part) -> bool:
    return isinstance(part, Phase) and isinstance(part.length, Length)


def _taken(part: Part) -> Count | None:
    return part.updates if isinstance(part, Phase) else part.horizon


def _spent(parts: list[Any]) -> Count | None:
    """Updates of all parts but the rest; None if one is endless."""
    taken = [_taken(part) for part in parts if not _is_rest(part)]
    return None if None in taken else sum(taken)  # type: ignore[arg-type]


# --- Phases in sequence -----------------------------------------------------------------------------------------------


@kind("phases")
@dataclass(frozen=True, slots=True)
class PhaseSchedule(Schedule):
    """Phases one after the other; any of them may be a whole schedule, which then takes its horizon.

    Args:
        phases: at least one; only the last may be endless.

    A phase owns the positions from its beginning up to, not including, its end; a phase of length 0 owns none, but
    where it arrives counts for what follows. Past the last phase its arrival is held.

    >>> from preheat.schedule.curves import Linear
    >>> rise = Phase(curve=Linear(), length=2, start=0.0, end=1.0)
    >>> fall = Phase(curve=Linear(), length=4, start=1.0, end=0.0)
    >>> PhaseSchedule((rise, fall))(range(8))
    array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
    """

    phases: tuple[Part, ...]
    _spans: tuple[tuple[Count, float, Part], ...] = field(init=False, repr=False, compare=False)
    _layout: tuple[tuple[float, Count, Part, Any], ...] = field(init=False, repr=False, compare=False)
    _held: float = field(init=False, repr=False, compare=False, default=0.0)

    def __post_init__(self) -> None:
        # Rows in a row are one row: (a >> b) >> c is a >> (b >> c), as a value and as a text.
        flat: list[Part] = []
        for phase in self.phases:
            flat += phase.phases if isinstance(phase, PhaseSchedule) else [phase]
        object.__setattr__(self, "phases", tuple(flat))
        if not self.phases or not all(isinstance(phase, (Phase, Schedule)) for phase in self.phases):
            raise ScheduleError(refusal("phases", _("one Phase or more"), self.phases, _("Give at least one phase.")))
        if sum(isinstance(phase, Phase) and _unit(phase) == "rest" for phase in self.phases) > 1:
            advice = _("Only one phase can take what the others leave: give the others a length.")
            raise ScheduleError(refusal("length", _("rest in one phase at most"), "rest", advice))
        # What a value needs is looked up once here: a schedule is made once and asked for a value every update. Phases
        # of no update own no position, and are left out of the layout.
        object.__setattr__(self, "_spans", () if self.waits_for else tuple(self._lay_out()))
        layout = [
            (end, begin, phase, phase.laid_out(begin, end) if isinstance(phase, Phase) else _inner(phase, begin))
            for begin, end, phase in self._spans
            if end > begin
        ]
        object.__setattr__(self, "_layout", tuple(layout))

    @classmethod
    def constant(cls, factor: Factor, length: Count | None = None) -> PhaseSchedule:
        """``factor`` at every update; for ``length`` updates, after which it is held, or for ever."""
        return cls((Phase(curve=Constant(), length=length, start=factor),))

    def _lay_out(self) -> Iterator[tuple[Count, float, Part]]:
        """Each phase, its start known, with the positions of its beginning and its end."""
        begin: Count = 0
        arrived = 1.0  # a first phase without a start comes from the peak
        for index, phase in enumerate(self.phases):
            started = phase.following(arrived)
            updates = started.updates if isinstance(started, Phase) else started.horizon
            if updates is None:
                if index < len(self.phases) - 1:
                    advice = _("Only the last phase may be endless: give it a length, or cut it with until().")
                    raise ScheduleError(refusal("length", _("given before the last phase"), None, advice))
                yield begin, math.inf, started
                arrived = started.arrival if isinstance(started, Phase) else 0.0
            else:
                yield begin, begin + updates, started
                arrived = started.arrival if isinstance(started, Phase) else started._at(updates)
                begin += updates
        object.__setattr__(self, "_held", arrived)

    @property
    def horizon(self) -> Count | None:
        self._refuse_waiting()
        end = self._spans[-1][1]
        return None if end == math.inf else cast("Count", end)

    @property
    def borders(self) -> tuple[Count, ...]:
        self._refuse_waiting()
        borders: list[Count] = []
        for begin, end, phase in self._spans:
            if isinstance(phase, Schedule):
                borders += [begin + border for border in phase.borders if begin + border < end]
            if begin < end < math.inf:
                borders.append(cast("Count", end))
        return tuple(dict.fromkeys(borders))

    @property
    def waits_for(self) -> str:
        return next((phase.waits_for for phase in self.phases if phase.waits_for), "")

    def _at(self, position: Count) -> float:
        rows = self._layout
        if len(rows) > _FEW:
            first = bisect_right(rows, position, key=_END)
            rows = rows[first : first + 1]
        for end, begin, phase, layout in rows:
            if position < end:
                return _inside(phase, begin, layout, position, Scalar)  # type: ignore[no-any-return]
        # Only here, past the layout, which is empty while the schedule waits: no check in each update's way.
        if not self._spans:
            self._refuse_waiting()
        return self._held

    def _from(self, position: int) -> Iterator[float]:
        # The formula of _inside, written out once more: this saves a call and a search for the phase in every update.
        for end, _begin, _phase, layout in self._layout:
            if not layout or end == math.inf:
                break
            mirrored, fall, low, height, done, left, length = layout
            for here in range(position, math.ceil(end)):
                if mirrored:
                    yield low + height * fall(left - here, here + done, length, Scalar)
                else:
                    yield low + height * fall(here + done, left - here, length, Scalar)
            position = max(position, math.ceil(end))
        yield from Schedule._from(self, position)

    def _value(self, position: Any, xp: Any) -> Any:
        if xp is Scalar:
            return self._at(position)
        self._refuse_waiting()
        if xp.__name__ == "numpy":
            return self._over(position, xp)
        # A traced array cannot be sliced by its values: every phase is worked out everywhere, the last one first.
        value = self._held + 0.0 * position
        for end, begin, phase, layout in reversed(self._layout):
            value = xp.where(position < end, _inside(phase, begin, layout, position, xp), value)
        return value

    def _over(self, positions: Any, xp: Any) -> Any:
        if xp.__name__ != "numpy":
            return self._value(positions, xp) + 0.0 * positions
        self._refuse_waiting()
        factors = xp.empty(positions.shape)
        flat, given = factors.reshape(-1), positions.reshape(-1)
        if len(given):
            self._fill(flat, given, given.min(), given.max())
        return factors

    def _curve(self, positions: Any) -> Any:
        self._refuse_waiting()
        return Schedule._curve(self, positions)  # no super(): with slots=True its class is not the one that is left

    def _fill(self, factors: Any, positions: Any, low: float, high: float) -> None:
        import numpy as np

        for end, begin, phase, layout in self._layout:
            if begin <= low and high < end:  # all in one phase, as nearly every block of a whole curve
                _write(factors, phase, begin, layout, positions)
                return
        factors.fill(self._held)
        ordered = bool((positions[1:] >= positions[:-1]).all())
        for end, begin, phase, layout in self._layout:
            if high < begin or end <= low:
                continue
            if ordered:  # slices are views: no copy in, none out
                chosen = slice(*np.searchsorted(positions, (begin, end)))
                _write(factors[chosen], phase, begin, layout, positions[chosen])
            else:
                inside = (positions >= begin) & (positions < end)
                factors[inside] = _inside(phase, begin, layout, positions[inside], np)

    def following(self, arrived: float) -> PhaseSchedule:
        return replace(self, phases=(self.phases[0].following(arrived), *self.phases[1:]))

    def for_base(self, base: float) -> Schedule:
        return replace(self, phases=tuple(phase.for_base(base) for phase in self.phases))

    def with_convention(self, convention: str) -> Schedule:
        return replace(self, phases=tuple(phase.with_convention(convention) for phase in self.phases))

    def _report(self, metric: float, position: int, *, in_warmup: bool) -> Schedule:
        phases = list(self.phases)
        for index, (begin, _unused, phase) in enumerate(self._spans):
            if isinstance(phase, Schedule):
                phases[index] = phase._report(metric, int(position - begin), in_warmup=in_warmup)
        return replace(self, phases=tuple(phases))

    def fresh(self) -> Schedule:
        return replace(self, phases=tuple(part.fresh() if isinstance(part, Schedule) else part for part in self.phases))

    @property
    def warmup_updates(self) -> Count:
        warmup: Count = 0
        for begin, end, phase in self._spans:
            if isinstance(phase, Schedule):  # what comes before it only rises, so it may go on rising
                return begin + phase.warmup_updates
            if end != begin and not (phase.rises and end < math.inf):
                break
            warmup = cast("Count", end)
        return warmup

    def _resolved(self, total: Any, plan: Any) -> Schedule:
        return PhaseSchedule(_resolved_phases(self.phases, total, plan))

    def _stretched(self, ratio: float) -> Schedule:
        return replace(self, phases=tuple(phase._stretched(ratio) for phase in self.phases))

    def _with_whole_borders(self) -> PhaseSchedule:
        """The same phases, each border moved to the nearest whole update."""
        phases: list[Part] = []
        exact: Count = 0
        for phase in self.phases:
            if not isinstance(phase, Phase) or phase.updates is None or phase.skip:
                return self  # not every border is the end of a whole phase
            begin = math.floor(exact + 0.5)
            exact += phase.updates
            phases.append(replace(phase, length=math.floor(exact + 0.5) - begin))
        return PhaseSchedule(tuple(phases))

    # --- data and words ---

    def _data(self) -> dict[str, Any]:
        return {"kind": self._kind, "phases": [part._data() for part in self.phases]}

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> PhaseSchedule:
        only("schedule", data, {"kind", "phases"}, {"kind", "phases"})
        if not isinstance(data["phases"], (list, tuple)):
            raise ScheduleError(refusal("phases", _("a list"), data["phases"], _("Give one dictionary a phase.")))
        parts: list[Part] = []
        for item in data["phases"]:
            if not isinstance(item, Mapping):
                raise ScheduleError(refusal("phase", _("a dictionary"), item, _("Write it with to_dict().")))
            parts.append(schedule_in(item) if "kind" in item else Phase._from_data(item))
        return cls(tuple(parts))

    def _words(self, convention: str) -> str:
        """Phases of another convention than the text's stand in brackets of their own."""
        texts: list[str] = []
        others: list[str] = []

        def close() -> None:
            if others:
                other = next(name for name in CONVENTIONS if name != convention)
                texts.append(f"({other}: {' > '.join(others)})")
                others.clear()

        for part in self.phases:
            if isinstance(part, Phase) and not isinstance(part.curve, Constant) and part.convention != convention:
                others.append(part._words())
            else:
                close()
                texts.append(part._words() if isinstance(part, Phase) else part._words(convention))
        close()
        return " > ".join(texts)

    def _factor_words(self, convention: str) -> str:
        """A plain number where it is one, in brackets where it is a sequence."""
        first = self.phases[0]
        if len(self.phases) > 1 or not isinstance(first, Phase):
            return f"({self._words(convention)})"
        if isinstance(first.curve, Constant) and first.length is None and isinstance(first.start, float):
            return number_words(first.start)
        return self._words(convention)

    def _conventions(self) -> Iterator[str]:
        for part in self.phases:
            if isinstance(part, Schedule):
                yield from part._conventions()
            elif not isinstance(part.curve, Constant):  # it stands the same in both
                yield part.convention

    def _described(self, lr: float) -> list[str]:
        # The first update a phase owns may lie after its beginning, where cycles end between two updates.
        lines = []
        for begin, end, part in self._spans:
            if end > begin:
                first = math.ceil(begin)
                phase = part._described(lr) if isinstance(part, Phase) else str(part)
                if math.isinf(end):
                    lines.append(_("updates {first} on: {phase}", first=first, phase=phase))
                else:
                    last = math.ceil(end) - 1
                    lines.append(_("updates {first} to {last}: {phase}", first=first, last=last, phase=phase))
        return lines


def _unit(phase: Phase) -> str:
    return phase.length.unit if isinstance(phase.length, Length) else "updates"


def _inner(schedule: Schedule, begin: Count) -> tuple[()] | None:
    """None for a schedule asked for the updates since its beginning; an empty layout for one asked for whole ones.

    Native phases look one update ahead, so between two updates they would look past their end.
    """
    return () if begin != int(begin) and _looks_ahead(schedule) else None


def _looks_ahead(part: Part) -> bool:
    if isinstance(part, Phase):
        return part.convention == "native" and not part.curve.endless
    inside = part.phases if isinstance(part, PhaseSchedule) else part.parts
    return any(_looks_ahead(one) for one in inside)


def _inside(phase: Part, begin: Count, layout: Any, position: Any, xp: Any) -> Any:
    """The factor at positions that a phase owns."""
    if not layout:
        since = position - begin
        return phase._value(since if layout is None else xp.floor(since), xp)  # type: ignore[union-attr]
    mirrored, fall, low, height, done, left, length = layout
    if mirrored:
        return low + height * fall(left - position, position + done, length, xp)
    return low + height * fall(position + done, left - position, length, xp)


def _write(factors: Any, phase: Part, begin: Count, layout: Any, positions: Any) -> None:
    """Write what :func:`_inside` gives into an array of NumPy's, with as few passes over it as give the same bits."""
    import numpy as np

    if not layout:
        factors[:] = _inside(phase, begin, layout, positions, np)
        return
    mirrored, fall, low, height, done, left, length = layout
    assert isinstance(phase, Phase)
    # In place and only what the curve looks at: of 10^6 updates each pass saved is a third to half a millisecond.
    needs = phase.curve.needs if fall == phase.curve.fall else Curve.needs  # a clamped fall looks at both
    since = positions + done if ("left" if mirrored else "done") in needs else None
    until = left - positions if ("done" if mirrored else "left") in needs else None
    share = fall(until, since, length, np) if mirrored else fall(since, until, length, np)
    np.add(low, share if height == 1.0 else height * share, out=factors)
