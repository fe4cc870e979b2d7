"""A run's events (spikes, skipped updates, resumes): marked on the curves, and in a table with the schedule there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from preheat.train.reporting.folder import RunData
from preheat.view.report.words import NOT_RECORDED, count, number

# Kinds with a colour of their own; any other is marked as one of "other events".
_KINDS = {"resume": "c8", "spike": "c7", "skip": "c6", "stop": "c5"}
_OTHER = "c4"
MOST_MARKS = 100  # of a kind: more would be a block of colour
MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Marks:
    """Updates to mark on the curves, by the legend's words for a kind, in a fixed order; what their colours mean."""

    drawn: dict[str, list[float]]
    legend: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the table of events, in words."""

    update: str
    kind: str
    text: str
    lr: str
    border: str


def marks_of(events: list[dict[str, Any]]) -> Marks:
    """Where the events are; of a kind with very many, evenly chosen ones.

    >>> marks_of([{"update": 3, "event": "spike"}, {"update": 9, "event": "moved"}]).legend
    [('mark c7', 'spike (1)'), ('mark c4', 'other events (1)')]
    """
    found: dict[str, list[float]] = {**{kind: [] for kind in _KINDS}, "other events": []}
    for event in events:
        if isinstance(event.get("update"), int):
            found[event["event"] if event.get("event") in _KINDS else "other events"].append(event["update"])
    drawn: dict[str, list[float]] = {}
    legend = []
    for kind, updates in found.items():
        marked = updates[:: -(-len(updates) // MOST_MARKS) or 1]
        some = f", {len(marked)} of them marked" if len(marked) < len(updates) else ""
        words = f"{kind} ({len(updates):,}{some})"
        drawn[words] = marked
        if updates:
            legend.append((f"mark {_KINDS.get(kind, _OTHER)}", words))
    return Marks(drawn, legend)


def event_rows(run: RunData) -> list[EventRow]:
    """The last events, newest last, each with the learning rate there and the nearest border of the schedule."""
    return [_row(run, event) for event in run.events[-MOST_ROWS:]]


def _row(run: RunData, event: dict[str, Any]) -> EventRow:
    update = event.get("update")
    return EventRow(
        update=count(update),
        kind=str(event.get("event", NOT_RECORDED)),
        text=str(event.get("text", "")),
        lr=_rate_at(run, update),
        border=_nearest_border(run, update),
    )


def _rate_at(run: RunData, update: int | None) -> str:
    """The rate of the update as used, and as a share of the peak."""
    import numpy as np

    at = np.flatnonzero(run.columns["update"] == update)
    if update is None or not len(at):
        return NOT_RECORDED
    lr = float(run.columns["lr"][at[-1]])
    return f"{number(lr)} ({number(lr / run.lr, 3)} of the peak)"


def _nearest_border(run: RunData, update: int | None) -> str:
    borders = [round(border) for border in run.schedule.borders] if not run.schedule.waits_for else []
    if update is None or not borders:
        return "none"
    border = min(borders, key=lambda border: abs(border - update))
    if border == update:
        return f"here, at {count(border)}"
    return f"{count(border)}, {count(abs(border - update))} {'later' if border > update else 'before'}"
