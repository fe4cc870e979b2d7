"""What a run's learning rate really did, from its log: held against a plan, or recognised by itself.

Against a plan, hypotheses are tried from the plainest to the strangest, and the first that explains the logged rates to
the digits they are written with is the finding: the plan itself; the plan on another clock (late, fast, slow, behind by
skipped updates); the plan with other lengths, another floor, another peak; a run that left the plan at some update.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from preheat.errors import ConfigError, refusal
from preheat.inspect.auditing.clock import Explanation, Reference
from preheat.inspect.auditing.explain import explanations, unexplained
from preheat.inspect.auditing.finding import Finding, worded
from preheat.inspect.auditing.observed import observed
from preheat.inspect.auditing.recognise import Recognised, recognise
from preheat.inspect.auditing.stairs import every, first_of_each, plateaus
from preheat.inspect.logs import Log, Series, read_log
from preheat.schedule import Schedule, parse
from preheat.schedule.checks import positive


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
            lines.append(f"{finding.group}: {finding.sentence}" if several else finding.sentence)
            lines += [f"  {line}" for line in finding.evidence]
            lines += [f"  likely cause: {finding.cause}"] if finding.cause else []
        return "\n".join(lines)


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
        An :class:`Audit`; ``str()`` of it is the report.

    Raises:
        DataError: if the log cannot be read.
        ConfigError: if the plan waits for something that is not given.

    >>> import tempfile, pathlib, preheat
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
    >>> plan = preheat.get_schedule("linear", warmup=10, total=100)
    >>> rows = "".join(f"{k},{1e-4 * plan(4 * k)}\n" for k in range(100))
    >>> _ = path.write_text("update,lr\n" + rows)
    >>> found = audit(path, plan, lr=1e-4).findings[0]
    >>> found.kind, found.sentence, found.scale
    ('fast-clock', 'the schedule moves 4 times per update', 4.0)
    """
    whole = log if isinstance(log, Log) else read_log(log, column)
    base = None if lr is None else positive("lr", lr, "It is the peak learning rate.")
    schedule = _resolved(against, total if total is not None else whole.total, base)
    findings = [_finding(series, Reference(schedule, base), whole, first, epoch) for series in whole.series]
    if base is not None and len(findings) > 1:
        findings = _named_groups(findings)
    return Audit(whole, schedule, base, tuple(findings))


def recognise_log(
    log: Log | str | os.PathLike[str], *, column: str | None = None, first: int | None = None
) -> dict[str, Recognised | None]:
    """The schedule of every series of a log, from its curve alone.

    Arguments as :func:`audit`. None stands for a series with too few points, or rates that are all zero.
    """
    whole = log if isinstance(log, Log) else read_log(log, column)
    found: dict[str, Recognised | None] = {}
    for series in whole.series:
        seen = observed(series, _firsts(series, whole, first, None)[0])
        interval = every(seen)
        if interval is None or plateaus(seen) is not None:
            known = recognise(seen, whole.total)
        else:
            known = recognise(seen.part(first_of_each(seen)))
            note = f"the rate moves only once every {interval} updates: this is the curve through its steps"
            known = known and replace(known, exact=False, notes=(note, *known.notes))
        found[series.name] = known
    return found


def _resolved(against: Schedule | str, total: int | None, base: float | None) -> Schedule:
    schedule = parse(against) if isinstance(against, str) else against
    if schedule.waits_for == "a plan":
        if total is None:
            advice = "Its lengths are shares of the run: give total= (--updates)."
            raise ConfigError(refusal("total", "given for this plan", str(schedule), advice))
        schedule = schedule.over(total)
    if schedule.waits_for:
        if base is None:
            advice = "It names a learning rate: give lr= (--lr)."
            raise ConfigError(refusal("lr", "given for this plan", str(schedule), advice))
        schedule = schedule.for_base(base)
    return schedule


def _finding(series: Series, plan: Reference, log: Log, first: int | None, epoch: float | None) -> Finding:
    firsts = _firsts(series, log, first, plan.schedule.horizon)
    for number in firsts:
        seen = observed(series, number)
        predicted = plan.rates(seen.updates, seen)
        trained = len(seen) and (predicted.any() or not plan.schedule(seen.updates).any())
        if trained and seen.agrees(predicted).all():
            return worded(series, seen, plan, Explanation("equal", predicted), number)
    seen = observed(series, firsts[0])
    if not len(seen):
        raise ConfigError(refusal("first", "below the log's step numbers", firsts[0], "Give 0 or 1."))
    updates_per_epoch = epoch if epoch is not None else _epoch_of(series)
    explanation = next(explanations(seen, plan, updates_per_epoch, log.total), None)
    return worded(series, seen, plan, explanation or unexplained(seen, plan), firsts[0])


def _firsts(series: Series, log: Log, asked: int | None, horizon: Any) -> tuple[int, ...]:
    """The step numbers that may belong to the first update, the likeliest first."""
    if asked is not None:
        return (asked,)
    if log.first is not None:
        return (log.first,)
    if series.steps[0] == 0:
        return (0,)
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
    return float(series.steps[-1] - series.steps[0]) / passed


def _named_groups(findings: list[Finding]) -> list[Finding]:
    """A log of several groups: where one of them is the plan, the others are groups of their own, not mistakes."""
    if not any(finding.equal for finding in findings):
        return findings
    plain = []
    for finding in findings:
        if finding.kind == "other-group":
            sentence = f"the plan at {finding.numbers['ratio']:.6g} of its rate: a group of its own"
            finding = replace(finding, kind="equal", sentence=sentence, cause="")
        plain.append(finding)
    return plain
