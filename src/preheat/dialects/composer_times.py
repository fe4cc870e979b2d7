"""composer's times, such as "100ba" and "0.5dur", in updates."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from preheat.dialects.common.fields import REQUIRED, Fields
from preheat.dialects.common.values import Context
from preheat.schedule.checks import Count

Time = tuple[float, str]
Counted = tuple[int, str]

TIME = re.compile(r"(.+?)(iter|ep|ba|sp|tok|dur|sec)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Job:
    """A scheduler's fields, the trainer's around them, scale_schedule_ratio, and what is to be said."""

    own: Fields
    root: Fields
    context: Context
    ratio: float
    notes: list[str]

    def time(self, name: str, default: Any = REQUIRED, fields: Fields | None = None) -> Time:
        """A field as a number and its unit: ba, ep, sp, tok or dur."""
        fields = fields or self.own
        value = fields.value(name, default)
        found = TIME.fullmatch(value.strip()) if isinstance(value, str) else None
        try:
            number = float(found[1]) if found else math.nan
        except ValueError:
            number = math.nan
        unit = found[2].lower() if found else ""
        if not 0 <= number < math.inf or unit in ("iter", "sec") or (unit != "dur" and number != int(number)):
            raise fields.refusal(name, 'a time such as "100ba", "2ep", "1e9tok" or "0.5dur"', "Write it with its unit.")
        return number, unit

    @property
    def duration(self) -> Time:
        """max_duration as the file has it; a plain number counts epochs, the caller's total batches."""
        value = self.root.value("max_duration", None)
        if value is None:
            return float(self.context.updates("max_duration")), "ba"
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return float(value), "ep"
        time = self.time("max_duration", fields=self.root)
        if time[1] == "dur":
            raise self.root.refusal("max_duration", "in ba, ep, sp or tok", "dur is a share of it.")
        return time

    def whole(self, ratio: float) -> Counted:
        """max_duration scaled, in batches, samples or tokens."""
        value, unit = self.duration
        if int(value * ratio) < 1:
            raise self.root.refusal("max_duration", f"above 0 after scale_schedule_ratio={ratio:g}", "Nothing is left.")
        return self.counted((int(value * ratio), unit))

    def counted(self, time: Time, ratio: float = 1.0) -> Counted:
        """A time scaled, in batches, samples or tokens, rounded as composer rounds it; dur is never scaled."""
        value, unit = time
        if unit == "dur":
            whole, unit = self.duration
            whole = int(whole * self.ratio)
            return (int(value * self.epoch * whole), "ba") if unit == "ep" else (int(value * whole), unit)
        if unit == "ep":
            value, unit = value * self.epoch, "ba"
        return int(value * ratio), unit

    @property
    def epoch(self) -> int:
        """Batches in an epoch."""
        return int(self.context.per("epoch", "max_duration"))

    def updates(self, counted: Counted) -> Count:
        """A count in updates; parts of one are kept, and every batch is a full one."""
        amount, unit = counted
        if unit == "ba":
            return amount
        each: float | None = self.root.number("global_train_batch_size", None, low=1.0)
        if unit == "tok" and each is not None:
            length = self.root.number("max_seq_len", None, low=1.0)
            each = None if length is None else each * length
        if each is None:
            each = self.context.per("sample" if unit == "sp" else "token", "max_duration")
        if amount % each == 0:
            return int(amount // each)
        parts = amount / each  # rounded down, so that a step that falls on an update is not missed
        return parts if Fraction(parts) * Fraction(each) <= amount else math.nextafter(parts, 0.0)

    def length(self, name: str, default: Any = REQUIRED) -> Count:
        """A field in updates, stretched by the ratio."""
        return self.updates(self.counted(self.time(name, default), self.ratio))

    def factor(self, name: str, default: float) -> float:
        """A field that is a share of the optimizer's rate."""
        return float(self.own.number(name, default, low=0.0))

    def total(self) -> int:
        """Updates of the run: it ends with the batch that reaches max_duration."""
        return math.ceil(self.updates(self.whole(self.ratio)))
