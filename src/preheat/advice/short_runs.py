"""Runs to fit laws to: their losses with the rates they used, and what such runs have to be like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from preheat.advice.last_iterate import factors, resolved, warmup_of
from preheat.advice.runs import RunLog, refuse_mixed
from preheat.errors import DataError, refusal
from preheat.messages import _, joined
from preheat.schedule import Schedule
from preheat.schedule.lengths import positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FURTHEST = 3.0  # times the longest run: as far as public runs have been predicted
LEAST_LOSSES = 50  # in all runs: seven parameters are fitted to them
_LEAST_IN_RUN = 10
_MOST_IN_RUN = 400  # more are averaged: the law is smooth, the losses of single batches are not
_FEWEST_MEANS = 40  # of a noisy run: as few as that, if their noise is still above the next number
_NOISE = 0.05  # of the loss, in a mean: laws are fitted to logarithms, which large noise pulls down
_SKIPPED = 0.04  # of a run: the first losses fall faster than any power
_SAME_PEAK = 0.01  # of the peak asked about: logs round rates
_SAME_SHAPE = 0.1  # of the peak, at one share of the run
_APART = 2  # updates, by which two logs may number one


@dataclass(frozen=True, slots=True, eq=False)
class ShortRun:
    """One run to fit to.

    Attributes:
        name: what it is called.
        rates: learning rate of every update, shape (total,) or a little longer.
        updates: where the losses are, rising, shape (n,), int64.
        losses: the losses, shape (n,).
        total: updates of the run.
        note: what was left out or made up, in words; empty if nothing was.
        held_out: whether the losses are of held-out data.
    """

    name: str
    rates: Floats
    updates: NDArray[np.int64]
    losses: Floats
    total: int
    note: str = ""
    held_out: bool = False

    @classmethod
    def from_log(
        cls,
        log: RunLog,
        schedule: Schedule | str | None = None,
        *,
        updates: int | None = None,
        lr: float | None = None,
    ) -> ShortRun:
        """A logged run with the rates it used.

        Args:
            log: its losses.
            schedule: what it followed, or words; None takes the logged rates, on straight lines between them.
            updates: length of the run; None takes the schedule's horizon, or what was logged.
            lr: its peak learning rate; needed with a schedule.

        Raises:
            DataError: if there is neither a schedule nor logged rates, if losses lie beyond the run or are not above 0,
                if the run diverged, or its logged rates are not those of the schedule.

        >>> from preheat.advice.runs import run_log
        >>> one = ShortRun.from_log(run_log("a", range(0, 100, 2), [3.0] * 50), "linear to 0", updates=100, lr=0.1)
        >>> one.peak, len(one.rates)
        (0.099, 101)
        """
        log.refuse_diverged()
        if log.losses.min() <= 0:
            advice = _("The laws are of losses above a floor: give the cross-entropy itself.")
            raise DataError(
                refusal(_("losses of run {run!r}", run=log.name), _("> 0"), float(log.losses.min()), advice)
            )
        notes = [*log.notes]
        if schedule is not None:
            lr = positive("lr", lr, _("It is the run's peak learning rate."))
            known, total = resolved(schedule, updates, lr)
            rates = lr * factors(known, total + 1)
        else:
            total, rates = _logged(log, updates)
            if (np.diff(log.rate_updates) > 1).any():
                notes.append(_("{run}: rates between logged ones are on straight lines", run=log.name))
        if log.updates[-1] > total:
            advice = _("Give the run's own length.")
            raise DataError(
                refusal(
                    _("updates of run {run!r}", run=log.name),
                    _("at most {total}", total=total),
                    int(log.updates[-1]),
                    advice,
                )
            )
        if schedule is not None:
            _refuse_other_rates(log, rates, str(schedule))
        return cls(log.name, rates, log.updates, log.losses, total, joined("; ", notes) if notes else "", log.held_out)

    @property
    def peak(self) -> float:
        """The highest learning rate."""
        return float(self.rates.max())

    def part(self, begin: int, end: int) -> ShortRun:
        """The losses from index ``begin`` up to ``end``, of the same run."""
        return replace(self, updates=self.updates[begin:end], losses=self.losses[begin:end])

    def settled(self) -> ShortRun:
        """Without the losses of the warm-up and of the first 4 % of the run, and with many or noisy losses averaged."""
        # These laws know no warm-up: its losses would bend the fit of all that come after.
        keep = self.updates >= max(warmup_of(self.rates), _SKIPPED * self.total)
        updates, losses = self.updates[keep], self.losses[keep]
        most = _means_of(losses)
        if len(losses) > most:
            parts = np.array_split(np.arange(len(losses)), most)
            updates = np.array([int(updates[part].mean()) for part in parts])
            losses = np.array([losses[part].mean() for part in parts])
        return replace(self, updates=updates, losses=losses)


def _means_of(losses: Floats) -> int:
    """Into how many means losses are to be put."""
    if len(losses) < 2:
        return _MOST_IN_RUN
    # The difference of two losses has twice the variance of one, and a mean of n has 1 / n of it.
    noise = float(np.diff(losses).std() / np.sqrt(2) / np.median(losses))  # neighbors differ by little else
    quiet = len(losses) / max(1.0, (noise / _NOISE) ** 2)
    return int(min(_MOST_IN_RUN, max(_FEWEST_MEANS, quiet)))


def _logged(log: RunLog, updates: int | None) -> tuple[int, Floats]:
    """Length and rates of a run, from the log alone."""
    if not len(log.rate_updates):
        advice = _("Log the learning rate, or say which schedule it followed.")
        raise DataError(refusal("run", _("one with learning rates"), log.name, advice))
    total = max(int(log.updates[-1]), int(log.rate_updates[-1])) + 1 if updates is None else int(updates)
    return total, np.interp(np.arange(total + 1), log.rate_updates, log.logged_rates)


def _refuse_other_rates(log: RunLog, rates: Floats, said: str) -> None:
    """Hold what a run is said to have followed to what it logged; logs number updates one or two apart."""
    at, logged = log.rate_updates, log.logged_rates
    if not len(at):
        return
    # Only the numbering is forgiven: the nearest of five shifts counts at each point, whatever the others say.
    apart = np.min(
        [np.abs(rates[np.clip(at + shift, 0, len(rates) - 1)] - logged) for shift in range(-_APART, _APART + 1)], axis=0
    )
    worst = int(np.argmax(apart))
    # A law would be fitted to rates nobody used, and its error need not show it.
    if apart[worst] > _SAME_SHAPE * rates.max():
        where = min(int(at[worst]), len(rates) - 1)
        advice = _(
            "At update {update} that would be {rate:.6g}. Say what it followed, or take the logged rates.",
            update=where,
            rate=rates[where],
        )
        name = _("logged learning rates of run {run!r}", run=log.name)
        raise DataError(refusal(name, _("those of {schedule!r}", schedule=said), float(f"{logged[worst]:.6g}"), advice))


def refuse_unfit(probes: Sequence[ShortRun], total: int, peak: float) -> None:
    """Hold runs, and what is asked of them, to what the laws have been seen to do.

    Args:
        probes: as they are fitted: settled.
        total: updates of the run asked about.
        peak: its highest rate.

    Raises:
        DataError: for one run, training losses beside held-out ones, decays of one shape, another peak, too far or too
            near a horizon, or too few losses.
    """
    if len(probes) < 2:
        advice = _("Two short runs with different cool-downs, of 20 % and of 90 % say, are enough.")
        raise DataError(refusal("runs", _("2 or more"), len(probes), advice))
    # Before any number is compared: held-out losses differ from training ones by more than schedules do.
    refuse_mixed((one.name, one.held_out) for one in probes)
    for one in probes:
        if abs(one.peak - peak) > _SAME_PEAK * peak:
            advice = _("Whether one law covers several peaks is open: take runs of the peak asked about.")
            raise DataError(
                refusal(
                    _("peak of run {run!r}", run=one.name), _("{peak:.6g}, as asked about", peak=peak), one.peak, advice
                )
            )
        if len(one.losses) < _LEAST_IN_RUN:
            advice = _("Log the loss more often; those of the warm-up and the first 4 % do not count.")
            raise DataError(
                refusal(
                    _("losses of run {run!r}", run=one.name),
                    _("{fewest} or more", fewest=_LEAST_IN_RUN),
                    len(one.losses),
                    advice,
                )
            )
    many = sum(len(one.losses) for one in probes)
    if many < LEAST_LOSSES:
        advice = _("Log the loss more often; those of the warm-up and the first 4 % do not count.")
        raise DataError(refusal(_("losses of all runs"), _("{fewest} or more", fewest=LEAST_LOSSES), many, advice))
    longest = max(one.total for one in probes)
    if total > FURTHEST * longest:
        advice = _(
            "The longest run has {longest}: nothing beyond has been measured. Train a longer one.", longest=longest
        )
        raise DataError(
            refusal("updates", _("at most {times:g} times the longest run's", times=FURTHEST), total, advice)
        )
    begins = min(int(one.updates[0]) for one in probes)
    if total < begins:
        advice = _("The losses that the law is fitted to begin there.")
        raise DataError(refusal("updates", _("at least {least}", least=begins), total, advice))
    if all(_alike(probes[0], one) for one in probes[1:]):
        advice = _("Runs that differ in length only predict no other shape: give one of them another cool-down.")
        raise DataError(refusal(_("decays of the runs"), _("of different shapes"), _("one shape"), advice))


def _alike(one: ShortRun, other: ShortRun) -> bool:
    """Whether two runs decay alike, at the same shares of the run."""
    # Shares of the run: the same cool-down at another length is the same shape (see the docs, "Runs alike").
    begin = max(warmup_of(one.rates) / one.total, warmup_of(other.rates) / other.total)
    shares = np.linspace(begin, 1.0, 200)
    both = [
        np.interp(shares, np.arange(run.total) / run.total, run.rates[: run.total] / run.peak) for run in (one, other)
    ]
    return bool(np.abs(both[0] - both[1]).max() <= _SAME_SHAPE)
