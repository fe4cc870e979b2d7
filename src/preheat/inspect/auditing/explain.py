"""The hypotheses in order: which of them explains what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from preheat.inspect.auditing.causes import clock_words_for
from preheat.inspect.auditing.clock import Explanation, Reference, base_of_beginning, fast, shifted, skipped, slow
from preheat.inspect.auditing.finding import Finding, clock_evidence
from preheat.inspect.auditing.observed import Observed
from preheat.inspect.auditing.pieces import frozen, in_pieces
from preheat.inspect.auditing.recognise import recognise
from preheat.inspect.auditing.reshaping import other_base, other_floor, other_lengths
from preheat.schedule import Phase, PhaseSchedule
from preheat.schedule.curves import Linear

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Counts, Floats

_LONGEST = 2**40  # updates: longer than any run


def explanations(seen: Observed, plan: Reference, epoch: float | None, total: int | None) -> Iterator[Explanation]:
    """Whatever explains the log, the plainest first."""
    # Where the peak is left to the log: hypotheses that keep the plan's beginning take it from there.
    begun = plan if plan.base is not None else Reference(plan.schedule, base_of_beginning(seen, plan))
    yield from _first_found(
        lambda: frozen(seen, plan),
        lambda: shifted(seen, plan),
        lambda: other_base(seen, plan),
        lambda: other_floor(seen, begun, round_only=True),
        lambda: fast(seen, plan),
        lambda: slow(seen, plan, epoch),
        lambda: other_lengths(seen, plan),
        lambda: other_floor(seen, begun),
        lambda: skipped(seen, begun),
        lambda: in_pieces(seen, begun),
    )
    known = recognise(seen, total)
    if known is not None and known.exact:
        rates = known.base_lr * known.schedule(seen.updates)
        yield Explanation("other-schedule", rates, numbers={"text": str(known), "schedule": known.schedule})


def _first_found(*hypotheses: Callable[[], Explanation | None]) -> Iterator[Explanation]:
    for hypothesis in hypotheses:
        found = hypothesis()
        if found is not None:
            yield found


def clock_finding(updates: Counts, positions: Floats) -> Finding:
    """What a scheduler's clock did: its position at each update, where every update should move it by one.

    The curve is of no account here, so this can be said of any scheduler whose positions are known.
    """
    clock = PhaseSchedule((Phase(curve=Linear(), length=_LONGEST, start=0.0, end=1.0),))
    plan = Reference(clock, float(_LONGEST))
    seen = Observed(updates, positions, np.full(len(updates), 1e-3))
    planned = plan.rates(updates, seen)
    found = Explanation("equal", planned)
    if not seen.agrees(planned).all():
        hypotheses = _first_found(
            lambda: frozen(seen, plan),
            lambda: shifted(seen, plan),
            lambda: fast(seen, plan),
            lambda: slow(seen, plan, None),
            lambda: skipped(seen, plan),
            lambda: in_pieces(seen, plan),
        )
        found = next(hypotheses, unexplained(seen, plan))
    kind = "ahead" if found.kind == "logged-late" else found.kind
    sentence, cause = clock_words_for(kind, found.numbers)
    return Finding("clock", kind, sentence, cause, clock_evidence(found), found.scale, found.offset,
                   updates, positions, planned, found.numbers, seen.agrees(planned))  # fmt: skip


def unexplained(seen: Observed, plan: Reference) -> Explanation:
    """What is left to say: where the rates leave the plan."""
    predicted = plan.rates(seen.updates, seen)
    apart = np.flatnonzero(~seen.agrees(predicted))
    return Explanation("unexplained", predicted, numbers={"at": int(seen.updates[apart[0]])})
