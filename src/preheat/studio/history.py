"""Undo and redo of immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")

_MOST = 200  # steps that are kept
_TOGETHER = 0.8  # seconds between changes of one kind that are one step: a slider on its way


@dataclass(slots=True)
class History(Generic[Value]):
    """The values a page went through, and which of them is shown.

    >>> history = History(1)
    >>> history.change(2, at=0.0), history.change(3, at=9.0), history.undo(), history.undo(), history.redo()
    (2, 3, 2, 1, 2)
    """

    now: Value
    _before: list[Value] = field(default_factory=list)
    _after: list[Value] = field(default_factory=list)
    _kind: str = ""
    _at: float = float("-inf")

    def change(self, value: Value, *, at: float, kind: str = "") -> Value:
        """Show ``value`` from now on; ``kind`` and ``at`` (seconds) tell a drag from several changes."""
        if value != self.now:
            if not (kind and kind == self._kind and at - self._at < _TOGETHER):
                self._before = [*self._before[-_MOST:], self.now]
            self.now, self._after = value, []
            self._kind, self._at = kind, at
        return self.now

    def undo(self) -> Value:
        """The value before, if there is one."""
        return self._step(self._before, self._after)

    def redo(self) -> Value:
        """The value that was undone last, if there is one."""
        return self._step(self._after, self._before)

    def _step(self, source: list[Value], target: list[Value]) -> Value:
        if source:
            target.append(self.now)
            self.now, self._kind = source.pop(), ""
        return self.now

    @property
    def can_undo(self) -> bool:
        """Whether there is a value before."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether a value was undone."""
        return bool(self._after)
