"""What a run tells: records, evaluations and events in its folder, lines for people, spikes in its loss."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from preheat.schedule import Schedule
from preheat.train.guard import WINDOW, Spike, SpikeWatch, nearest_event
from preheat.train.reporting.callbacks import Callbacks
from preheat.train.saving.folder import RunFolder
from preheat.train.saving.records import EVALUATIONS, EVENTS, RECORDS, Records, read_lines

Say = Callable[[str], None]


class Notes:
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
            self.say(f"update {done}: average loss of the last {len(self._recent)}: {average:.4f}")
        spike = self._spikes.see(record["loss"])
        if spike is not None:
            self._spike(record["update"], spike)
        return spike

    def _spike(self, update: int, spike: Spike) -> None:
        near = nearest_event(update, self.schedule, self.events)
        text = (
            f"loss {spike.loss:.4g} where {spike.usual:.4g} is usual ({spike.deviations:.1f} deviations above);"
            f" {near['near']}, learning rate at {near['share']:.0%} of the peak"
        )
        self.event("spike", update, text, loss=spike.loss, usual=spike.usual, **near)

    def event(self, kind: str, update: int, text: str, **details: Any) -> None:
        """Anything else that happened at an update."""
        event = {"update": update, "event": kind, "text": text, **details}
        self.events.append(event)
        if self.main:
            self._callbacks.on_event(self._events.add(event))
        self.say(f"update {update}: {kind}: {text}")

    def evaluation(self, line: Mapping[str, Any]) -> None:
        """Scores on the validation split."""
        if self.main:
            self._callbacks.on_evaluation(self._evaluations.add(line))

    def checkpoint(self, path: Path) -> None:
        """A checkpoint that is whole and in its place."""
        self._callbacks.on_checkpoint(path)

    def end(self, result: Mapping[str, Any]) -> None:
        """The run is complete."""
        self._callbacks.on_end(result)
