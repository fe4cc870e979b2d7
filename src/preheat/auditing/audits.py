"""What a run's learning rate really did, from its log: held against a plan, or recognized by itself.

Against a plan, the hypotheses of :mod:`preheat.auditing.causes` are tried from the plainest to the strangest, and the
first that explains the logged rates to the digits they are written with is the finding: the plan itself; the plan on
another clock (late, fast, slow, behind by skipped updates); the plan with other lengths, another floor, another peak; a
run that left the plan at some update.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.auditing.causes import (
    Explanation,
    Reference,
    clock_explanations,
    clock_words_for,
    explanations,
    fitted_base,
    words_for,
)
from preheat.auditing.logs import Log, Series, read_log
from preheat.auditing.observed import Observed, observed
from preheat.auditing.recognition import Recognized, every, first_of_each, plateaus, recognize
from preheat.errors import ConfigError, refusal
from preheat.messages import _, joined
from preheat.schedule import Phase, PhaseSchedule, Schedule, parse
from preheat.schedule.curves import Linear
from preheat.schedule.lengths import positive

if TYPE_CHECKING:
    from preheat.auditing.observed import Counts, Floats

_LONGEST = 2**40  # updates: longer than any run, so that a clock never reaches its end


@dataclass(frozen=True, slots=True)
class Finding:
    """What one group's logged rates are.

    Attributes:
        group: the log's name for it.
        kind: stable name, one of ``KINDS`` in :mod:`preheat.auditing.causes`.
        sentence: what happened.
        cause: what it usually comes from and what to do; empty for ``"equal"``.
        evidence: the numbers behind it, a line each.
        scale: scheduler positions an update moves.
        offset: position of update 0.
        updates: which update each logged rate belongs to.
        rates: the logged rates.
        planned: the plan's rate at each.
        numbers: the finding's own numbers, by name.
        agrees: whether each logged rate is the plan's, to the digits it is written with.
    """

    group: str
    kind: str
    sentence: str
    cause: str
    evidence: tuple[str, ...]
    scale: float
    offset: float
    updates: Any
    rates: Any
    planned: Any
    numbers: dict[str, Any]
    agrees: Any

    @property
    def equal(self) -> bool:
        """Whether the log is the plan."""
        return self.kind == "equal"

    @property
    def parts(self) -> int | None:
        """The first update whose rate is not the plan's; None where all are."""
        # Of equal ones argmin takes the first: the first False.
        return None if self.agrees.all() else int(self.updates[self.agrees.argmin()])


@dataclass(frozen=True, slots=True)
class Audit:
    """A log held against a plan.

    Attributes:
        log: what was read.
        schedule: the plan.
        base_lr: the learning rate its factors multiply; None if it was left to each group's log.
        findings: one for each series of the log.
    """

    log: Log
    schedule: Schedule
    base_lr: float | None
    findings: tuple[Finding, ...]

    @property
    def equal(self) -> bool:
        """Whether every group's log is the plan."""
        return all(finding.equal for finding in self.findings)

    def __str__(self) -> str:
        several = len(self.findings) > 1
        lines = []
        for finding in self.findings:
            lines.append(joined(": ", [finding.group, finding.sentence]) if several else finding.sentence)
            lines += [joined("", ["  ", line]) for line in finding.evidence]
            lines += [joined("", ["  ", _("likely cause: {cause}", cause=finding.cause)])] if finding.cause else []
        return joined("\n", lines)


def audit(
    log: Log | str | os.PathLike[str],
    against: Schedule | str,
    *,
    lr: float | None = None,
    total: int | None = None,
    column: str | None = None,
    first: int | None = None,
    epoch: float | None = None,
) -> Audit:
    r"""Hold the learning rates that a run logged against its plan.

    Args:
        log: the file, or what :func:`read_log` made of it.
        against: the plan: a schedule, or one in words.
        lr: the plan's peak learning rate; None takes whatever the log has, so that only shapes are compared.
        total: updates of the run, for a plan whose lengths are shares of it; None takes the log's own word.
        column: the log's column of the learning rate, where its name does not say so.
        first: the log's step number of the first update, 0 or 1; None takes what its kind of log does.
        epoch: updates in an epoch; None takes what the log says, if it does.

    Returns:
        An :class:`Audit`; ``str()`` of it is the report, a message.

    Raises:
        DataError: if the log cannot be read.
        ConfigError: if the plan waits for something that is not given, or ``first`` leaves no rates.

    >>> import tempfile, pathlib, preheat
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
    >>> plan = preheat.get_schedule("linear", warmup=10, total=100)
    >>> rows = "".join(f"{k},{1e-4 * plan(4 * k)}\n" for k in range(100))
    >>> _ = path.write_text("update,lr\n" + rows)
    >>> finding = audit(path, plan, lr=1e-4).findings[0]
    >>> finding.kind, finding.sentence, finding.scale
    ('fast-clock', 'the schedule moves 4 times per update', 4.0)
    """
    whole = log if isinstance(log, Log) else read_log(log, column)
    base = None if lr is None else positive("lr", lr, _("It is the peak learning rate."))
    schedule = _resolved(against, total if total is not None else whole.total, base)
    findings = [_finding(series, Reference(schedule, base), whole, first, epoch) for series in whole.series]
    # With the peak left to the log every group has its own, and none of them is the plan's.
    if base is not None and len(findings) > 1:
        findings = _named_groups(findings)
    return Audit(whole, schedule, base, tuple(findings))


def recognise_log(
    log: Log | str | os.PathLike[str], *, column: str | None = None, first: int | None = None
) -> dict[str, Recognized | None]:
    r"""The schedule of every series of a log, from its curve alone.

    Args:
        log: the file, or what :func:`read_log` made of it.
        column: the log's column of the learning rate, where its name does not say so.
        first: the log's step number of the first update, 0 or 1; None takes what its kind of log does.

    Returns:
        By the series' names; None for one with too few points, or rates that are all zero.

    Raises:
        DataError: if the log cannot be read.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
    >>> _ = path.write_text("update,lr\n" + "".join(f"{k},{1e-4 * (1 - k / 100)}\n" for k in range(100)))
    >>> str(recognise_log(path)["lr"])
    'transformers: linear 100 to 0, peak 0.0001'
    """
    whole = log if isinstance(log, Log) else read_log(log, column)
    by_name: dict[str, Recognized | None] = {}
    for series in whole.series:
        seen = observed(series, _firsts(series, whole, first, None)[0])
        interval = every(seen)
        # A curve that moves once an epoch is known by the points at which it moves; plateaus are their own shape.
        if interval is None or plateaus(seen) is not None:
            known = recognize(seen, whole.total)
        else:
            known = recognize(seen.part(first_of_each(seen)))
            note = _(
                "the rate moves only once every {updates} updates: this is the curve through its steps",
                updates=interval,
            )
            known = known and replace(known, exact=False, notes=(note, *known.notes))
        by_name[series.name] = known
    return by_name


def clock_finding(updates: Counts, positions: Floats) -> Finding:
    """What a scheduler's clock did: its position at each update, where every update should move it by one.

    The curve is of no account here, so this can be said of any scheduler whose positions are known.
    """
    # A straight line whose rate is the position itself, so that the hypotheses about logs do for clocks.
    clock = PhaseSchedule((Phase(curve=Linear(), length=_LONGEST, start=0.0, end=1.0),))
    # The base is the length, so that the rate at a position is that position.
    plan = Reference(clock, float(_LONGEST))
    seen = Observed(updates, positions, np.full(len(updates), 1e-3))
    planned = plan.rates(updates, seen)
    equal = Explanation("equal", planned)
    # Positions are exact: a single one off the line needs an explanation.
    told = equal if seen.agrees(planned).all() else next(clock_explanations(seen, plan))
    kind = "ahead" if told.kind == "logged-late" else told.kind  # positions are not logged, so nothing logs them late
    sentence, cause = clock_words_for(kind, told.numbers)
    return Finding("clock", kind, sentence, cause, clock_evidence(told), told.scale, told.offset,
                   updates, positions, planned, told.numbers, seen.agrees(planned))  # fmt: skip


def _resolved(against: Schedule | str, total: int | None, base: float | None) -> Schedule:
    schedule = parse(against) if isinstance(against, str) else against
    if schedule.waits_for == "a plan":
        if total is None:
            advice = _("Its lengths are shares of the run: give total= (--updates).")
            raise ConfigError(refusal("total", _("given for this plan"), str(schedule), advice))
        schedule = schedule.over(total)
    if schedule.waits_for:
        if base is None:
            advice = _("It names a learning rate: give lr= (--lr).")
            raise ConfigError(refusal("lr", _("given for this plan"), str(schedule), advice))
        schedule = schedule.for_base(base)
    return schedule


def _finding(series: Series, plan: Reference, log: Log, first: int | None, epoch: float | None) -> Finding:
    firsts = _firsts(series, log, first, plan.schedule.horizon)
    # The plan itself first, under every numbering of steps: only what is not the plan needs a cause.
    for number in firsts:
        seen = observed(series, number)
        predicted = plan.rates(seen.updates, seen)
        # A peak left to the log may come out as 0, and a plan times 0 agrees with rates of 0: that explains nothing.
        trained = len(seen) and (predicted.any() or not plan.schedule(seen.updates).any())
        if trained and seen.agrees(predicted).all():
            return worded(series, seen, plan, Explanation("equal", predicted), number)
    seen = observed(series, firsts[0])
    if not len(seen):
        raise ConfigError(refusal("first", _("below the log's step numbers"), firsts[0], _("Give 0 or 1.")))
    updates_per_epoch = epoch if epoch is not None else _epoch_of(series)
    explanation = next(explanations(seen, plan, updates_per_epoch, log.total))
    return worded(series, seen, plan, explanation, firsts[0])


def _firsts(series: Series, log: Log, asked: int | None, horizon: Any) -> tuple[int, ...]:
    """The step numbers that may belong to the first update, the likeliest first."""
    if asked is not None:
        return (asked,)
    if log.first is not None:
        return (log.first,)
    if series.steps[0] == 0:
        return (0,)
    # Steps that count from 0 end one before the horizon.
    if horizon is not None and series.steps[-1] >= horizon:
        return (1, 0)
    return (0, 1)


def _epoch_of(series: Series) -> float | None:
    """Updates in an epoch, where the log counts epochs beside steps."""
    if series.epochs is None or len(series) < 2:
        return None
    passed = float(series.epochs[-1] - series.epochs[0])
    whole = np.flatnonzero(np.diff(series.epochs) > 0)
    if passed <= 0 or not len(whole):
        return None
    if np.all(series.epochs == np.round(series.epochs)):  # counts of whole epochs: where the count moves
        borders = series.steps[whole + 1]
        return float(np.diff(borders).mean()) if len(borders) > 1 else None
    # Epochs with fractions, as the Trainer logs them: the first and the last row tell.
    return float(series.steps[-1] - series.steps[0]) / passed


def _named_groups(findings: list[Finding]) -> list[Finding]:
    """A log of several groups: where one of them is the plan, the others are groups of their own, not mistakes."""
    if not any(finding.equal for finding in findings):
        return findings
    plain = []
    for finding in findings:
        if finding.kind == "other-group":
            sentence = _("the plan at {ratio:.6g} of its rate: a group of its own", ratio=finding.numbers["ratio"])
            finding = replace(finding, kind="equal", sentence=sentence, cause="")
        plain.append(finding)
    return plain


def worded(series: Series, seen: Observed, plan: Reference, told: Explanation, first: int) -> Finding:
    """The finding for one series: the words and the evidence of an explanation."""
    planned = plan.rates(seen.updates, seen)
    sentence, cause = words_for(told.kind, told.numbers)
    evidence = [_counted(seen, told.predicted, planned, told.kind), *clock_evidence(told)]
    if told.kind != "equal":
        # The furthest point and not the first: the first may be off by a last digit.
        at = int(np.abs(seen.rates - planned).argmax())
        evidence.append(
            _(
                "furthest from the plan at update {at}: {found:.6g} instead of {planned:.6g}",
                at=seen.updates[at],
                found=seen.rates[at],
                planned=planned[at],
            )
        )
    if plan.base is None:
        evidence.append(_("peak taken from the rates: {peak:.6g}", peak=_peak(seen, plan, told)))
    evidence.append(_("step {step} of the log is the first update", step=first))
    return Finding(series.name, told.kind, sentence, cause, tuple(evidence), told.scale, told.offset,
                   seen.updates, seen.rates, planned, told.numbers, seen.agrees(planned))  # fmt: skip


def clock_evidence(told: Explanation) -> tuple[str, ...]:
    """The clock that explains what was seen."""
    if told.kind in ("logged-late", "ahead", "fast-clock"):
        if told.offset < 0:
            return (_("position = {scale:g} x update - {offset:g}", scale=told.scale, offset=-told.offset),)
        return (_("position = {scale:g} x update + {offset:g}", scale=told.scale, offset=told.offset),)
    if told.kind == "slow-clock":
        every, offset = told.numbers["every"], told.numbers["offset"]
        return (_("position = (update + {offset}) // {every}", offset=offset, every=every),)
    return ()


def _counted(seen: Observed, predicted: Floats, planned: Floats, kind: str) -> str:
    many = len(seen)
    span = {"first": seen.updates[0], "last": seen.updates[-1]}
    if kind == "equal":
        return _(
            "{many} of {many} rates agree to the digits they are written with (updates {first} to {last})",
            many=many,
            **span,
        )
    return _(
        "explains {explained} of {many} rates, the plan itself {agree} (updates {first} to {last})",
        explained=int(seen.agrees(predicted).sum()),
        many=many,
        agree=int(seen.agrees(planned).sum()),
        **span,
    )


def _peak(seen: Observed, plan: Reference, told: Explanation) -> float:
    factors = plan.schedule(seen.updates)
    if told.kind == "equal":
        return fitted_base(seen, factors)
    return float(told.predicted.max())
