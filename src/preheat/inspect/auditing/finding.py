"""What is found of one group's rates, with its words and its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.inspect.auditing.causes import words_for
from preheat.inspect.auditing.clock import Explanation, Reference, fitted_base
from preheat.inspect.auditing.observed import Observed
from preheat.inspect.logs import Series

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Floats


@dataclass(frozen=True, slots=True)
class Finding:
    """What one group's logged rates are.

    Attributes:
        group: the log's name for it.
        kind: stable name, one of ``KINDS`` in :mod:`preheat.inspect.auditing.causes`.
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
        return None if self.agrees.all() else int(self.updates[self.agrees.argmin()])


def worded(series: Series, seen: Observed, plan: Reference, found: Explanation, first: int) -> Finding:
    """The finding for one series: the words and the evidence of an explanation."""
    planned = plan.rates(seen.updates, seen)
    sentence, cause = words_for(found.kind, found.numbers)
    evidence = [_counted(seen, found.predicted, planned, found.kind), *clock_evidence(found)]
    if found.kind != "equal":
        at = int(np.abs(seen.rates - planned).argmax())
        both = f"{seen.rates[at]:.6g} instead of {planned[at]:.6g}"
        evidence.append(f"furthest from the plan at update {seen.updates[at]}: {both}")
    if plan.base is None:
        evidence.append(f"peak taken from the rates: {_peak(seen, plan, found):.6g}")
    evidence.append(f"step {first} of the log is the first update")
    return Finding(series.name, found.kind, sentence, cause, tuple(evidence), found.scale, found.offset,
                   seen.updates, seen.rates, planned, found.numbers, seen.agrees(planned))  # fmt: skip


def clock_evidence(found: Explanation) -> tuple[str, ...]:
    """The clock that explains what was seen."""
    if found.kind in ("logged-late", "ahead", "fast-clock"):
        sign = "+" if found.offset >= 0 else "-"
        return (f"position = {found.scale:g} x update {sign} {abs(found.offset):g}",)
    if found.kind == "slow-clock":
        return (f"position = (update + {found.numbers['offset']}) // {found.numbers['every']}",)
    return ()


def _counted(seen: Observed, predicted: Floats, planned: Floats, kind: str) -> str:
    many = len(seen)
    span = f"updates {seen.updates[0]} to {seen.updates[-1]}"
    agree = int(seen.agrees(planned).sum())
    if kind == "equal":
        return f"{many} of {many} rates agree to the digits they are written with ({span})"
    explained = int(seen.agrees(predicted).sum())
    return f"explains {explained} of {many} rates, the plan itself {agree} ({span})"


def _peak(seen: Observed, plan: Reference, found: Explanation) -> float:
    factors = plan.schedule(seen.updates)
    if found.kind == "equal":
        return fitted_base(seen, factors)
    return float(found.predicted.max())
