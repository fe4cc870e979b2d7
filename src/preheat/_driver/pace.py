"""Somebody else's torch scheduler, watched: does it move as often as its shape and the run ask for?

One that is stepped once an epoch and shaped for updates hardly moves; one that is stepped on every micro-batch, or once
a process, is over long before the run. Neither says a word. Nothing is changed here.
"""

from __future__ import annotations

import logging
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.messages import _
from preheat.messages.languages import logged
from preheat.schedule.lengths import count

_LOG = logging.getLogger("preheat")
# Off by more than this is said. Plans are off by a few per cent; the slips meant here (epochs for updates, steps on
# micro-batches or once a process) are off by two at least.
_FACTOR = 2
# Shapes that are meant for a whole run, with what torch calls their length.
_LENGTHS = {"OneCycleLR": "total_steps", "CosineAnnealingLR": "T_max", "PolynomialLR": "total_iters"}


class Pace:
    """Counts the moves of a scheduler and the updates of its optimizer, and says once if they do not fit the run.

    Args:
        scheduler: a torch scheduler, or Accelerate's wrapper around one. preheat's own keep the pace by themselves.
        run: updates of the run, >= 1; None where nobody knows: then only several moves an update are noticed.
        after: updates to look at before judging, >= 1 (in a short run half of it), and again at every doubling.

    Attributes:
        updates: updates seen so far.
        moves: steps the scheduler has made in them.

    The shape's length is read from ``OneCycleLR``, ``CosineAnnealingLR``, ``PolynomialLR``, ``SequentialLR`` ending in
    one of them, and transformers' schedules. Of others nobody can say how long they are meant to be.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
    >>> pace = Pace(scheduler, run=100)
    >>> for batch in range(50):
    ...     if batch % 10 == 9:
    ...         scheduler.step()
    ...     optimizer.step()
    >>> print(pace.verdict())  # at half of the run it is in the log, too
    CosineAnnealingLR moved 5 times in 50 updates: shaped for 100 of them, it makes about 10 in a run of 100 updates
    """

    def __init__(self, scheduler: Any, run: int | None = None, *, after: int = 50) -> None:
        from torch.optim.lr_scheduler import LRScheduler

        inner = getattr(scheduler, "scheduler", scheduler)  # of Accelerate's wrapper
        if not isinstance(inner, LRScheduler):
            raise ScheduleError(refusal("scheduler", _("a torch scheduler"), scheduler, _("Give the one to watch.")))
        self.run = None if run is None else int(count("run", run, 1))
        self._judged_at = int(count("after", after, 1))
        if self.run is not None:
            self._judged_at = min(self._judged_at, max(1, self.run // 2))
        self.updates = 0
        self._scheduler = inner
        self._begin = inner.last_epoch
        self._handle = inner.optimizer.register_step_post_hook(self._after_update)

    @property
    def moves(self) -> int:
        """Steps the scheduler has made."""
        return int(self._scheduler.last_epoch - self._begin)

    def verdict(self) -> str:
        """What does not fit, with both rates; an empty text if nothing is known to."""
        if not self.updates:
            return ""
        length, run = shaped_for(self._scheduler), self.run
        seen = {"scheduler": type(self._scheduler).__name__, "moves": self.moves, "updates": self.updates}
        if length is None or run is None:
            if self.moves < _FACTOR * self.updates:
                return ""
            return _("{scheduler} moved {moves} times in {updates} updates: one move an update was expected", **seen)
        # A step more or less may lie just outside of what was seen.
        most, least = ((self.moves + one) * run / self.updates for one in (1, -1))
        if least <= _FACTOR * length and most >= length / _FACTOR:
            return ""
        return _(
            "{scheduler} moved {moves} times in {updates} updates: shaped for {length:g} of them,"
            " it makes about {about} in a run of {run} updates",
            **seen,
            length=length,
            about=round(self.moves * run / self.updates),
            run=run,
        )

    def remove(self) -> None:
        """Stop watching."""
        self._handle.remove()

    def _after_update(self, *_unused: Any) -> None:
        self.updates += 1
        if self.updates == self._judged_at:
            # Again later: one that is stepped at the end of every epoch has not moved at all in the first.
            self._judged_at *= 2
            verdict = self.verdict()
            if verdict:
                self.remove()  # once is enough
                warning = _(
                    "{verdict}. Step it once an update, or count its length in the steps it makes.", verdict=verdict
                )
                _LOG.warning("%s", logged(warning))


def shaped_for(scheduler: Any) -> float | None:
    """The steps a torch scheduler is shaped for, where it says so."""
    if hasattr(scheduler, "_schedulers"):
        last = shaped_for(scheduler._schedulers[-1])
        return None if last is None else scheduler._milestones[-1] + last
    name = _LENGTHS.get(type(scheduler).__name__)
    if name is not None:
        return float(getattr(scheduler, name))
    # transformers' schedules are partials of a function that takes the length by this name.
    rules = [getattr(rule, "keywords", {}) for rule in getattr(scheduler, "lr_lambdas", ())]
    return next((float(rule["num_training_steps"]) for rule in rules if rule.get("num_training_steps")), None)
