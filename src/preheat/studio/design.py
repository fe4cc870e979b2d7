"""What the design page shows, as a value: schedules in words with the run around them. Its text is the page's address.

Address  ``s`` (a schedule; up to eight), ``updates``, ``lr``, ``epoch`` (updates in one), ``tokens`` (in an update),
         ``every`` (updates between checkpoints), ``axis``, ``log``, ``on`` (the schedule that is edited).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from preheat.errors import ConfigError, ScheduleError, refusal
from preheat.schedule import Schedule
from preheat.schedule.checks import count, positive
from preheat.schedule.lengths import Length
from preheat.schedule.named import get_schedule, is_text, usual_warmup
from preheat.schedule.text import parse

MOST_CURVES = 8
MOST_LETTERS = 2000  # of one schedule
MOST_UPDATES = 10**9
AXES = ("update", "epoch", "token")
_NUMBERS: dict[str, Callable[[str], float]] = {
    "updates": int, "lr": float, "epoch": float, "tokens": float, "every": int, "on": int
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What lengths are resolved by: the updates of the run, and what an epoch or an update has, if known."""

    updates: int
    epoch: float | None
    tokens: float | None

    def in_updates(self, length: Length) -> int:
        """Epochs and tokens from the start of the run, rounded up to whole updates."""
        per = {"epochs": self.epoch, "tokens": None if self.tokens is None else 1.0 / self.tokens}.get(length.unit)
        if per is None:
            advice = "Say how many updates an epoch has, or how many tokens an update."
            raise ScheduleError(refusal("length", "countable in updates", str(length), advice))
        return math.ceil(float(length.value) * per)


@dataclass(frozen=True, slots=True)
class Design:
    """Schedules over one run.

    Args:
        curves: each in words, or the name of one without arguments; one to eight.
        updates: of the run, 1 to a thousand million.
        lr: the peak learning rate, > 0.
        epoch: updates in an epoch, > 0; None where nobody knows.
        tokens: tokens in an update, > 0; None where nobody knows.
        every: updates between checkpoints, >= 1; None marks none.
        axis: what the drawing counts: ``update``, ``epoch`` or ``token``.
        log: whether the axis of learning rates is logarithmic.
        on: which of the curves is edited.

    Raises:
        ConfigError, ScheduleError: for what cannot be; whether the words are a schedule, :meth:`schedule` says.

    >>> Design(("warmup 10% > cosine to 0",), updates=100).schedule(0)(5)
    0.6
    """

    curves: tuple[str, ...] = ("warmup 10% > cosine to 0",)
    updates: int = 10_000
    lr: float = 1e-3
    epoch: float | None = None
    tokens: float | None = None
    every: int | None = None
    axis: str = "update"
    log: bool = False
    on: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.curves) <= MOST_CURVES:
            raise ConfigError(refusal("curves", f"1 to {MOST_CURVES}", len(self.curves), "Draw fewer at a time."))
        for words in self.curves:
            refuse_long(words)
        if count("updates", self.updates, 1) > MOST_UPDATES:
            raise ConfigError(refusal("updates", f"at most {MOST_UPDATES}", self.updates, "Plan a shorter run."))
        positive("lr", self.lr, "It is the peak learning rate.")
        for name in ("epoch", "tokens"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name), "It counts what an epoch, or an update, has.")
        if self.every is not None:
            count("every", self.every, 1)
        if self.axis not in AXES:
            raise ConfigError(refusal("axis", f"one of {', '.join(AXES)}", self.axis, "Pick one of these."))
        known = {"epoch": self.epoch, "token": self.tokens}
        if self.axis in known and known[self.axis] is None:
            advice = f"Say first what {'an epoch' if self.axis == 'epoch' else 'an update'} has."
            raise ConfigError(refusal("axis", "one that can be counted", self.axis, advice))
        if not 0 <= self.on < len(self.curves):
            raise ConfigError(refusal("on", "the number of a curve, from 0", self.on, "Pick one that is there."))

    def schedule(self, index: int) -> Schedule:
        """A curve as a value, every length in updates and every learning rate as a share of the peak.

        Raises:
            ScheduleError, PlanError: if its words are no schedule, or do not fit the run.
        """
        words = self.curves[index]
        # A name alone climbs over a tenth of the run, as it does on the command line.
        run = Run(self.updates, self.epoch, self.tokens)
        if in_words(words):
            return parse_foreign(words).over(run).for_base(self.lr)
        return get_schedule(words, warmup=usual_warmup(words), total=run, lr=self.lr).for_base(self.lr)

    @property
    def scale(self) -> float:
        """What a position is multiplied by on the axis of the drawing."""
        return {"update": 1.0, "epoch": 1.0 / (self.epoch or 1.0), "token": self.tokens or 1.0}[self.axis]

    def to_query(self) -> str:
        """The address, without what has its default.

        >>> Design(("hold",), updates=100).to_query()
        's=hold&updates=100'
        """
        pairs: list[tuple[str, Any]] = [("s", words) for words in self.curves]
        for name in (*_NUMBERS, "axis", "log"):
            value = getattr(self, name)
            if value != getattr(_DEFAULT, name):
                pairs.append((name, int(value) if isinstance(value, bool) else value))
        return urlencode(pairs)

    @staticmethod
    def from_query(pairs: Sequence[tuple[str, str]]) -> Design:
        """The design an address names; other words in it are left to others.

        Raises:
            ConfigError, ScheduleError: for numbers that are none, and for what :class:`Design` refuses.

        >>> Design.from_query([("s", "hold"), ("updates", "100")]) == Design(("hold",), updates=100)
        True
        """
        given: dict[str, Any] = {}
        curves = tuple(value for name, value in pairs if name == "s")
        if curves:
            given["curves"] = curves
        for name, value in pairs:
            if name in _NUMBERS:
                given[name] = _number(name, value)
            elif name == "axis":
                given["axis"] = value
            elif name == "log":
                given["log"] = value not in ("0", "")
        return Design(**given)


def in_words(words: str) -> bool:
    """Whether a curve is written in words; else it is the name of one. A hold alone is a word and no name."""
    return is_text(words) or words.strip() in ("hold", "warmup")


def refuse_long(words: str) -> None:
    """Refuse words that would take long to read."""
    if len(words) > MOST_LETTERS:
        advice = "Write it shorter, or load it from a file in Python."
        raise ConfigError(refusal("schedule", f"at most {MOST_LETTERS} letters", len(words), advice))


def parse_foreign(words: str) -> Schedule:
    """A schedule in words that may come from anybody: a link is enough. So no function of Python's is called.

    >>> parse_foreign("function('os:abort')")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    preheat.errors.ScheduleError: schedule must be without functions; got "function('os:abort')". A page calls none...
    """
    refuse_long(words)
    if re.search(r"\bfunction\b", words):
        raise ScheduleError(refusal("schedule", "without functions", words, "A page calls none: draw it in Python."))
    return parse(words)


def _number(name: str, text: str) -> float:
    try:
        value = _NUMBERS[name](text)
    except ValueError:
        kind = "a whole number" if _NUMBERS[name] is int else "a number"
        raise ConfigError(refusal(name, kind, text[:80], "Correct the address.")) from None
    if not math.isfinite(value):
        raise ConfigError(refusal(name, "finite", text[:80], "Correct the address."))
    return value


_DEFAULT = Design()
