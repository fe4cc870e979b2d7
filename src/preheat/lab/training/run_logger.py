"""What a run tells: records, evaluations and events in its folder, lines for people, spikes in its loss.

Spike   a loss far above the 64 before it, told with the event of the schedule that is nearest: the end of the warm-up,
        a restart, a resume. Usual is the median, far is in median absolute deviations, so that one spike does not hide
        the next.
Stop    SIGTERM and SIGINT end a run at the next update, with everything saved; a second signal ends it at once.
"""

from __future__ import annotations

import math
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import FrameType, TracebackType
from typing import Any, Self

from preheat.lab.training.callbacks import Callbacks
from preheat.lab.training.folder import RunFolder
from preheat.lab.training.records import EVALUATIONS, EVENTS, KINDS, RECORDS, Records, read_lines
from preheat.messages import Message, _, packed, plural
from preheat.schedule import Schedule

# --- Loss spikes -----------------------------------------------------------------------------------------------------


WINDOW = 64  # updates that tell what is usual
_LEAST = 16  # of them at least, before anything is called unusual
# A spike is so many deviations above the usual. Of 10^6 normal values about one is so far, the deviation being
# estimated from 64 values; losses have heavier tails, and a false alarm an epoch would teach people not to look.
_FACTOR = 6.0
_MAD = 1.4826  # median absolute deviation to standard deviation, for normal values
# It is also this part of the usual loss above it, and so many nats: a loss that lies still has deviations of almost
# nothing, and one that is nearly 0 doubles without meaning anything.
_SHARE = 0.1
_RISE = 0.05
_LONGEST = 2_000_000  # updates of a schedule that is searched for restarts: 16 MB of factors


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
        spike = self._compare(loss)
        # After a spike the loss often stays high for a while: that is one event, not fifty.
        first, self._high = spike is not None and not self._high, spike is not None
        self._recent.append(loss)
        return spike if first else None

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
    happened: dict[int, str] = {0: _("the run began")}
    # In this order: a resume at the border of a phase is the more telling of the two.
    for border in schedule.borders:
        happened[round(border)] = _border(schedule, border)
    for restart in _restarts(schedule):
        happened[restart] = _("the learning rate was restarted")
    for event in events:
        if event["event"] in _NEAR:
            happened[int(event["update"])] = _NEAR[event["event"]]
    at = min(happened, key=lambda where: (abs(where - update), where))
    return {"near": _near(update, at, happened[at]), "near_update": at, "share": schedule(update)}


_NEAR = {"resume": _("the run was resumed"), "skip": _("one was skipped")}


def _near(update: int, at: int, happened: str) -> str:
    """When an update was, seen from what happened at another."""
    if update == at:
        return _("at the update {happened} (update {at})", happened=happened, at=at)
    if update > at:
        return plural(
            "{n} update after {happened} (update {at})",
            "{n} updates after {happened} (update {at})",
            update - at, happened=happened, at=at,
        )  # fmt: skip
    return plural(
        "{n} update before {happened} (update {at})",
        "{n} updates before {happened} (update {at})",
        at - update, happened=happened, at=at,
    )  # fmt: skip


def _restarts(schedule: Schedule) -> list[int]:
    """Updates at which the factor jumps up by more than a tenth of the peak, out of a decay."""
    import numpy as np

    if schedule.horizon is None or schedule.horizon > _LONGEST:
        return []
    factors = schedule(np.arange(math.ceil(schedule.horizon) + 1))
    moves = np.diff(factors)
    # A tenth of the peak, upward out of a decay: steps of a warm-up go up after going up.
    jumps = (moves[1:] > 0.1 * factors.max()) & (moves[:-1] < 0)
    return [int(jump) + 2 for jump in np.flatnonzero(jumps)]


def _border(schedule: Schedule, border: float) -> str:
    """What a border between phases is, by how the rate moves on its two sides."""
    # Two updates to each side: conventions differ by one update in where a phase ends.
    before, here, after = (schedule(max(0, round(border) + step)) for step in (-2, 0, 2))
    if before < here >= after:
        return _("the warm-up ended")
    if before >= here > after:
        return _("the decay began")
    if before > here <= after:
        return _("the decay ended")
    return _("a phase ended")


# --- Being asked to stop ---------------------------------------------------------------------------------------------


STOPPED_EXIT = 75  # what a stopped run exits with: EX_TEMPFAIL of sysexits.h, "try again later"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Listens for signals while it is entered; ``reason`` is None until somebody asks.

    The first signal only leaves a note; it also restores the system's own way, so that a second one ends the process
    at once. Outside the main thread, where Python hears no signals, nothing is listened for.

    >>> with StopRequest() as stop:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     stop.reason
    'SIGTERM'
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._earlier: dict[signal.Signals, Any] = {}

    def ask(self, reason: str) -> None:
        """Ask from inside the process."""
        self.reason = self.reason or reason

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._earlier = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        return self

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.ask(signal.Signals(number).name)
        # The first signal restores the usual handlers, so that a second Ctrl-C is not swallowed by a run that hangs.
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_DFL)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)


# --- The logger ------------------------------------------------------------------------------------------------------


Say = Callable[[str], None]


class RunLogger:
    """Writes down a run while it is entered; in processes that are not the main one, nothing.

    Args:
        folder: the run's.
        schedule: of the learning rate, to say what is near a spike.
        log_every: updates the printed average loss is taken over.
        say: receives every line for people.
        main: whether this process writes.
        callbacks: objects that are told everything that is written; in the main process only.
        earlier: losses before those of the folder: of the run that this one was forked from.
    """

    def __init__(
        self,
        folder: RunFolder,
        schedule: Schedule,
        log_every: int,
        say: Say,
        *,
        main: bool,
        callbacks: Iterable[object] = (),
        earlier: Iterable[float] = (),
    ) -> None:
        self.folder, self.schedule, self.log_every, self.main = folder, schedule, log_every, main
        self.say: Say = say if main else lambda _line: None
        self._callbacks = Callbacks(callbacks if main else ())
        # What a resumed run goes on from is what it wrote before: so it finds the same spikes and averages.
        losses = [*earlier]
        losses += [float(line["loss"]) for line in read_lines(folder.path / RECORDS) if line["loss"] is not None]
        self.events = read_lines(folder.path / EVENTS)
        self._spikes = SpikeWatch(losses[-WINDOW:])
        self._recent = deque(losses[-log_every:], log_every)
        self._files = ExitStack()

    @property
    def wants_an_end(self) -> str | None:
        """Why a callback asked to end the run; None while none has."""
        return self._callbacks.stop

    @property
    def losses(self) -> list[float]:
        """The newest losses, as many as tell what is usual."""
        return self._spikes.recent

    def __enter__(self) -> Self:
        self._files.enter_context(self._callbacks)
        if self.main:
            open_file = self._files.enter_context
            self._records = open_file(Records(self.folder.path / RECORDS))
            self._evaluations = open_file(Records(self.folder.path / EVALUATIONS))
            self._events = open_file(Records(self.folder.path / EVENTS))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, trace)

    def begin(self, header: Mapping[str, Any], position: int) -> None:
        """The run is about to make an update, after ``position`` of them."""
        self._callbacks.on_start({**header, "position": position})

    def update(self, record: Mapping[str, Any]) -> Spike | None:
        """An update that was made; the spike its loss is, if it is one."""
        if self.main:
            self._callbacks.on_update(self._records.add(record))
        self._recent.append(record["loss"])
        done = record["update"] + 1
        if done % self.log_every == 0:
            average = sum(self._recent) / len(self._recent)
            self.say(
                _(
                    "update {update}: average loss of the last {updates}: {average:.4f}",
                    update=done, updates=len(self._recent), average=average,
                )
            )  # fmt: skip
        spike = self._spikes.see(record["loss"])
        if spike is not None:
            self._spike(record["update"], spike)
        return spike

    def _spike(self, update: int, spike: Spike) -> None:
        near = nearest_event(update, self.schedule, self.events)
        text = _(
            "loss {loss:.4g} where {usual:.4g} is usual ({deviations:.1f} deviations above);"
            " {near}, learning rate at {share:.0%} of the peak",
            loss=spike.loss, usual=spike.usual, deviations=spike.deviations, near=near["near"], share=near["share"],
        )  # fmt: skip
        self.event("spike", update, text, loss=spike.loss, usual=spike.usual, **near)

    def event(self, kind: str, update: int, text: str, **details: Any) -> None:
        """Anything else that happened at an update."""
        event = {"update": update, "event": kind, "text": text, **details}
        if isinstance(text, Message):  # reports are written from the file, in their reader's language
            event["message"] = packed(text)
        self.events.append(event)
        if self.main:
            self._callbacks.on_event(self._events.add(event))
        self.say(_("update {update}: {kind}: {text}", update=update, kind=KINDS.get(kind, kind), text=text))

    def evaluation(self, line: Mapping[str, Any]) -> None:
        """Scores on the validation split."""
        if self.main:
            self._callbacks.on_evaluation(self._evaluations.add(line))

    def sync(self) -> None:
        """Have the disk hold what was written down: a checkpoint that outlives its records could not say so."""
        if self.main:
            for file in (self._records, self._evaluations, self._events):
                file.sync()

    def checkpoint(self, path: Path) -> None:
        """A checkpoint that is whole and in its place."""
        self._callbacks.on_checkpoint(path)

    def end(self, result: Mapping[str, Any]) -> None:
        """The run is complete."""
        self._callbacks.on_end(result)
