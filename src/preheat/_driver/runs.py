"""A trainer's run, as long as the trainer itself says, and the schedule that waits for it.

Trainers know how many updates they will make only when they begin. A schedule that waits for a plan is resolved then,
for the trainer's own count; our plan of the same run is held against it.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from preheat.errors import PlanError, ScheduleError, refusal, unknown_name
from preheat.messages import _, joined
from preheat.messages.languages import logged
from preheat.plan import Plan
from preheat.schedule import Length, Schedule, parse

_LOG = logging.getLogger("preheat")


def as_schedule(schedule: Any) -> Schedule:
    """``schedule`` itself, or read from words."""
    if isinstance(schedule, str):
        return parse(schedule)
    if isinstance(schedule, Schedule):
        return schedule
    advice = _('Give one, or its words, as in "warmup 10% > cosine to 0.1".')
    raise ScheduleError(refusal("schedule", _("a preheat Schedule"), schedule, advice))


def refuse_unknown_options(options: Mapping[str, Any]) -> None:
    """Refuse options that the torch driver does not take, with the nearest it does."""
    from preheat.torch import Scheduler  # torch is there by now; keras and optax come here without it

    known = [name for name, item in inspect.signature(Scheduler).parameters.items() if item.kind is item.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise ScheduleError(unknown_name("option", _("one that the scheduler takes"), name, known))


@dataclass(frozen=True, slots=True)
class Run:
    """How long a trainer's run is: a timeline for :meth:`Schedule.over`.

    Attributes:
        trainer: the trainer's name, for messages.
        updates: its own count; None where it has none.
        arithmetic: how it comes to that, in words.
        plan: ours of the same run; None where the trainer does not say enough for one.
    """

    trainer: str
    updates: int | None
    arithmetic: str
    plan: Plan | None = None

    def in_updates(self, length: Length) -> int:
        """A length in epochs, samples or tokens, as our plan counts it."""
        if self.plan is None:
            advice = _(
                "{trainer} does not say how its data is batched: give updates, or a share of the run.",
                trainer=self.trainer,
            )
            raise PlanError(refusal("length", _("in updates or a share of the run"), str(length), advice))
        return self.plan.in_updates(length)

    def resolve(self, schedule: Schedule) -> Schedule:
        """``schedule`` for this run; what does not agree is logged as a warning, with both numbers.

        Raises:
            ScheduleError: where its lengths do not add up to the run, or need one of known length.
            PlanError: for lengths that nobody here can count.
        """
        if self.plan is not None and self.updates is not None and self.plan.updates != self.updates:
            counts = _(
                "{trainer} counts {updates} updates and preheat {ours}; the run is as long as {trainer} says.",
                trainer=self.trainer,
                updates=self.updates,
                ours=self.plan.updates,
            )
            theirs = joined(": ", (self.trainer, self.arithmetic))
            _LOG.warning("%s", logged(joined("\n", (counts, theirs, "preheat:", self.plan.explain()))))
        # Ours is only held against it: the trainer stops when its own count says so.
        resolved = self._over(schedule)
        horizon = resolved.for_base(1.0).horizon  # the same for every base
        # A warning and no refusal: a plateau at the end value, or a run cut short, may be meant.
        if horizon is not None and self.updates is not None and horizon != self.updates:
            both = {"horizon": horizon, "updates": self.updates, "arithmetic": self.arithmetic}
            if horizon < self.updates:
                warning = _(
                    "the schedule is shaped for {horizon:g} updates and the run takes {updates} ({arithmetic}):"
                    " the rest runs at its end value. Give lengths as shares of the run, or change one of the two.",
                    **both,
                )
            else:
                warning = _(
                    "the schedule is shaped for {horizon:g} updates and the run takes {updates} ({arithmetic}):"
                    " its end is never reached. Give lengths as shares of the run, or change one of the two.",
                    **both,
                )
            _LOG.warning("%s", logged(warning))
        return resolved

    def _over(self, schedule: Schedule) -> Schedule:
        try:
            return schedule.over(self)
        except ScheduleError:
            # Of an endless run it is the length that is missing, whatever the schedule itself complains of.
            if self.updates is not None:
                raise
            rule = _(
                "one that needs no horizon where {trainer} does not know its run ({arithmetic})",
                trainer=self.trainer,
                arithmetic=self.arithmetic,
            )
            advice = _("Set max_steps, or end with a phase that can run for ever: hold, inverse_sqrt, power_law.")
            raise ScheduleError(refusal("schedule", rule, str(schedule), advice)) from None
