"""Being asked to stop: SIGTERM and SIGINT end a run at the next update, with everything saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

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
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_DFL)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
