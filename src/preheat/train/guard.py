"""Trouble seen as it comes: loss spikes, and which event of the schedule is nearest to one."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from preheat.schedule import Schedule

WINDOW = 64  # updates that tell what is usual
_LEAST = 16  # of them at least, before anything is called unusual
_FACTOR = 6.0  # deviations above the usual; of 10^6 normal values about one is so far
_MAD = 1.4826  # median absolute deviation to standard deviation, for normal values
_LONGEST = 2_000_000  # updates of a schedule that is searched for restarts
_SHARE = 0.1  # and at least this part of the usual loss above it
_RISE = 0.05  # and so many nats: what is nearly 0 doubles without meaning anything


@dataclass(frozen=True, slots=True)
class Spike:
    """A loss far above those before it.

    Attributes:
        loss: of the update, in nats.
        usual: median of the updates before.
        deviations: how far above, in standard deviations as the median absolute deviation tells them.
    """

    loss: float
    usual: float
    deviations: float


class SpikeWatch:
    """Compares each loss with the 64 before it; of a run of high ones only the first is told.

    >>> watch = SpikeWatch([1.0, 1.1] * 10)
    >>> watch.see(1.2), watch.see(3.0).usual, watch.see(3.1)
    (None, 1.1, None)
    """

    def __init__(self, losses: Iterable[float] = ()) -> None:
        self._recent: deque[float] = deque(losses, WINDOW)
        self._high = False

    @property
    def recent(self) -> list[float]:
        """The losses that tell what is usual, the newest last."""
        return list(self._recent)

    def see(self, loss: float) -> Spike | None:
        """Take the next loss in; the spike it is, if it is one and the one before was none."""
        found = self._compare(loss)
        first, self._high = found is not None and not self._high, found is not None
        self._recent.append(loss)
        return found if first else None

    def _compare(self, loss: float) -> Spike | None:
        if len(self._recent) < _LEAST:
            return None
        usual = median(self._recent)
        if loss <= usual + max(_RISE, _SHARE * usual):  # most updates: nothing more has to be worked out
            return None
        spread = _MAD * median(abs(value - usual) for value in self._recent)
        deviations = (loss - usual) / spread if spread else float("inf")
        return Spike(loss, usual, deviations) if deviations > _FACTOR else None


def nearest_event(update: int, schedule: Schedule, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What happened to the learning rate closest to an update: a border of the schedule, a resume, a skipped update.

    Returns:
        ``near`` in words, ``near_update``, and ``share``, the learning rate there as a share of the peak.

    >>> from preheat import get_schedule
    >>> nearest_event(103, get_schedule("warmuplinear", warmup=100, total=1000), [])["near"]
    '3 updates after the warm-up ended (update 100)'
    """
    places = {0: "the run began"}
    for border in schedule.borders:
        places[round(border)] = _border(schedule, border)
    for restart in _restarts(schedule):
        places[restart] = "the learning rate was restarted"
    for event in events:
        if event["event"] in ("resume", "skip"):
            places[int(event["update"])] = "the run was resumed" if event["event"] == "resume" else "one was skipped"
    at = min(places, key=lambda place: (abs(place - update), place))
    many = abs(update - at)
    when = "at the update" if not many else f"{many} update{'s' * (many > 1)} {'after' if update > at else 'before'}"
    words = f"{when} {places[at]} (update {at})"
    return {"near": words, "near_update": at, "share": schedule(update)}


def _restarts(schedule: Schedule) -> list[int]:
    """Updates at which the factor jumps up by more than a tenth of the peak, out of a decay."""
    import numpy as np

    if schedule.horizon is None or schedule.horizon > _LONGEST:
        return []
    factors = schedule(np.arange(math.ceil(schedule.horizon) + 1))
    moves = np.diff(factors)
    jumps = (moves[1:] > 0.1 * factors.max()) & (moves[:-1] < 0)
    return [int(place) + 2 for place in np.flatnonzero(jumps)]


def _border(schedule: Schedule, border: float) -> str:
    """What a border between phases is, by how the rate moves on its two sides."""
    before, here, after = (schedule(max(0, round(border) + step)) for step in (-2, 0, 2))
    if before < here >= after:
        return "the warm-up ended"
    if before >= here > after:
        return "the decay began"
    if before > here <= after:
        return "the decay ended"
    return "a phase ended"
