"""Whether runs may be stopped early: does the loss on the way order runs as their final losses do?

Measured  124M runs of 50k updates, peaks of 5e-4 to 2e-3, many shapes: Spearman between the loss at 20, 50, 80, 90 and
          95 % of training and the final one -0.03, 0.07, 0.32, 0.55, 0.80: before its cool-down a run looks bad.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.advice.last_iterate import Answer, noted
from preheat.advice.runs import RunLog, refuse_mixed
from preheat.errors import DataError, ScheduleError, refusal
from preheat.messages import _, columns, data, joined, plural
from preheat.schedule.lengths import ratio
from preheat.view.figure import mean_width, running_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# The shares that the table above was measured at, so that runs of one's own can be held against it.
RUNGS = (0.2, 0.5, 0.8, 0.9, 0.95)
LEAST = 0.8  # the public runs above reach it at 95 % of training only
# Chance puts six runs into one order once in 720 times, and three once in 6: groups count in a mean only.
_FEWEST = 6  # runs: of fewer, a perfect order is no proof of any
_FEWEST_IN_GROUP = 3
_SAME_LENGTH = 0.01
_FEWEST_NOISY = 20  # losses of a run, to tell its noise from its trend
_NOISE = 0.2  # of what the finals differ by: beyond, single losses order runs by chance
# The last default rungs lie 5 % apart: an older loss would be another rung's.
_LATE = 0.05  # of a run: how long before a rung its last logged loss may lie
ASSUMES = (
    _(
        "assumes: runs of one model, data and horizon, each logged on the same batches;"
        " the next runs will be like these."
    ),
    _("cannot say: anything of another horizon; a high number within one shape says nothing of two shapes."),
)


@dataclass(frozen=True, slots=True)
class Rung:
    """One point on the way.

    Attributes:
        share: of the run, in (0, 1).
        agreement: Spearman between the loss there and the final one, over all runs.
        within: the same within groups, their mean weighted by size; None without groups of three runs or more.
        regret: how much worse than the best run the one is that led there.
    """

    share: float
    agreement: float
    within: float | None
    regret: float


@dataclass(frozen=True, slots=True)
class EarlyStoppingCheck(Answer):
    """What stopping early would have cost over a set of finished runs.

    Attributes:
        runs: their names.
        updates: the last update any of them logged.
        rungs: one for each share asked about, rising.
        least: agreement below which stopping is refused.
        groups: how many groups (shapes, mostly) the runs belong to.
        notes: what makes it doubtful, or was done to the losses.
    """

    runs: tuple[str, ...]
    updates: int
    rungs: tuple[Rung, ...]
    least: float
    groups: int
    notes: tuple[str, ...] = ()

    def rung(self, share: float) -> Rung:
        """The rung at ``share``.

        Raises:
            ScheduleError: if it was not asked about.
        """
        for one in self.rungs:
            # Shares come from arithmetic too, and 0.1 + 0.2 is not 0.3.
            if math.isclose(one.share, share):
                return one
        known = joined(", ", [f"{one.share:g}" for one in self.rungs])
        raise ScheduleError(
            refusal("share", _("one of {known}", known=known), share, _("Ask about it with shares=..."))
        )

    def prune(self, share: float, *, within: bool = False) -> None:
        """Pass if runs may be stopped at ``share``, refuse with the reason if not.

        Args:
            share: a rung that was asked about.
            within: whether only runs of one group are compared there.

        Raises:
            DataError: if the agreement is below ``least``, or within groups not known.
        """
        one = self.rung(share)
        known = one.within if within else one.agreement
        if known is None:
            advice = _("Give groups, with {fewest} runs or more in one.", fewest=_FEWEST_IN_GROUP)
            raise DataError(refusal(_("agreement within groups"), _("known"), None, advice))
        if known < self.least:
            if within:
                name = _("agreement within a shape at {share:.0%} of the run", share=share)
            elif self.groups > 1:
                name = _("agreement across shapes at {share:.0%} of the run", share=share)
            else:
                name = _("agreement of these runs at {share:.0%} of the run", share=share)
            advice = _(
                "The leader there ended {regret:.4g} above the best run: run them to the end.", regret=one.regret
            )
            raise DataError(
                refusal(name, _("at least {least:g} to stop runs there", least=self.least), round(known, 2), advice)
            )

    def explain(self) -> str:
        """A table of the rungs, a verdict, and what it assumes."""
        lines = [
            _(
                "{runs} runs logged up to update {updates}, in {groups}",
                runs=len(self.runs),
                updates=self.updates,
                groups=plural("{n} group", "{n} groups", self.groups),
            ),
        ]
        rows = [[_("at the rung"), _("Spearman with the final loss"), _("within groups"), _("the leader's regret")]]
        for one in self.rungs:
            within = "-" if one.within is None else f"{one.within:.2f}"
            rows.append([f"{one.share:.0%}", f"{one.agreement:.2f}", within, f"{one.regret:.4f}"])
        lines.append(columns(rows, right=range(4)))
        # A good rung before a bad one is luck: safe is where every later rung is good as well.
        doubtful = [one.share for one in self.rungs if one.agreement < self.least]
        safe = [one.share for one in self.rungs if not doubtful or one.share > max(doubtful)]
        verdict = _("safe from {share:.0%} on", share=min(safe)) if safe else _("safe at none of these")
        lines.append(
            _("stopping runs early: {verdict} (Spearman {least:g} asked for)", verdict=verdict, least=self.least)
        )
        return joined("\n", [*lines, *noted(self.notes), *ASSUMES])

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        plain = {
            "runs": list(self.runs),
            "notes": list(self.notes),
            "note_messages": [data(note) for note in self.notes],
            "assumptions": list(ASSUMES),
        }
        return {**asdict(self), **plain}


def check_early_stopping(
    runs: Sequence[RunLog],
    shares: Sequence[float] = RUNGS,
    *,
    groups: Sequence[str] | None = None,
    least: float = LEAST,
) -> EarlyStoppingCheck:
    """Ask finished runs whether they could have been stopped early.

    Args:
        runs: six at least, of one length.
        shares: rungs, each in (0, 1).
        groups: what each run belongs to, its shape mostly; None puts all into one.
        least: agreement needed to stop, in [0, 1].

    Raises:
        DataError: for too few runs, runs of different length, diverged ones, or runs without a loss near a rung.

    >>> from preheat.advice.runs import run_log
    >>> runs = [run_log(str(n), range(0, 101, 10), [2 - n / 10 - k / 20 for k in range(11)]) for n in range(6)]
    >>> check_early_stopping(runs, [0.5]).rung(0.5).agreement
    1.0
    """
    least = ratio("least", least, _("It is a rank correlation."))
    if len(runs) < _FEWEST:
        advice = _("Of fewer, an order that agrees is chance.")
        raise DataError(refusal("runs", _("{fewest} or more", fewest=_FEWEST), len(runs), advice))
    if groups is not None and len(groups) != len(runs):
        raise DataError(
            refusal(
                "groups", _("one for each of the {runs} runs", runs=len(runs)), len(groups), _("Name each run's shape.")
            )
        )
    refuse_mixed((run.name, run.held_out) for run in runs)
    for run in runs:
        run.refuse_diverged()
    # Logs of one length may end a row apart.
    ends = [int(run.updates[-1]) for run in runs]
    if max(ends) - min(ends) > _SAME_LENGTH * max(ends):
        advice = _("Losses at one share of runs of different length are no rungs: compare runs of one horizon.")
        raise DataError(refusal("runs", _("of one length"), sorted({*ends}), advice))
    wanted = sorted({_share(one) for one in shares})
    if not wanted:
        raise ScheduleError(refusal("shares", _("one or more"), [*shares], _("Name a rung, such as 0.5.")))
    names = [""] * len(runs) if groups is None else [*groups]
    used, notes = _quiet(runs)
    rungs = tuple(_rung(used, share, names) for share in wanted)
    lost = [note for run in runs for note in run.notes]
    return EarlyStoppingCheck(tuple(run.name for run in runs), max(ends), rungs, least, len({*names}), (*lost, *notes))


def _quiet(runs: Sequence[RunLog]) -> tuple[Sequence[RunLog], tuple[str, ...]]:
    """The runs, with running means for losses whose noise would order them by chance, and what is to be said of it."""
    # Held against what the finals differ by, not against the losses: it is their order that noise would change.
    noise = float(np.median([_noise(run.losses) for run in runs]))
    if noise <= _NOISE * float(np.std([run.final for run in runs])):
        return runs, ()
    used = [replace(run, losses=running_mean(run.losses, mean_width(len(run.losses)))) for run in runs]
    differ = float(np.std([run.final for run in used]))
    many = min(mean_width(len(run.losses)) for run in runs)
    notes = [
        _(
            "the losses are noisy, by {noise:.2g}: means over the last {many} logged are compared",
            noise=noise,
            many=many,
        )
    ]
    if noise / math.sqrt(many) > _NOISE * differ:
        notes.append(
            _(
                "those of the ends differ by {differ:.2g} only, which noise alone may do: log a validation loss, or"
                " means over seeds",
                differ=differ,
            )
        )
    return used, tuple(notes)


def _noise(losses: Floats) -> float:
    """The standard deviation of one loss, from second differences: trends and a few kinks do not count."""
    if len(losses) < _FEWEST_NOISY:
        return 0.0
    # 0.6745 makes a median deviation a standard one; a second difference of noise has 1 + 4 + 1 times its variance.
    return float(np.median(np.abs(np.diff(losses, 2))) / (0.6745 * math.sqrt(6.0)))


def _share(value: float) -> float:
    share = ratio("shares", value, _("It is a share of the run."))
    if not 0 < share < 1:
        raise ScheduleError(refusal("shares", _("in (0, 1)"), value, _("The end of a run is no rung.")))
    return share


def _rung(runs: Sequence[RunLog], share: float, groups: list[str]) -> Rung:
    for run in runs:
        at = share * run.updates[-1]
        before = run.updates[run.updates <= at]
        if not len(before) or at - before[-1] > _LATE * run.updates[-1]:
            advice = _("Log the loss more often, or leave the rung out.")
            raise DataError(
                refusal(
                    _("run {run!r}", run=run.name),
                    _("logged shortly before {share:.0%} of it", share=share),
                    None,
                    advice,
                )
            )
    there = np.array([run.loss_at(share) for run in runs])
    final = np.array([run.final for run in runs])
    members = [[index for index, group in enumerate(groups) if group == name] for name in sorted({*groups})]
    large = [one for one in members if len(one) >= _FEWEST_IN_GROUP]
    within = None
    # Of one group alone this would be the agreement over all runs once more.
    if large and len(members) > 1:
        agreements = [spearman(there[one], final[one]) for one in large]
        within = float(np.average(agreements, weights=[len(one) for one in large]))
    regret = float(final[there == there.min()].max() - final.min())  # of equal leaders the worst
    return Rung(share, spearman(there, final), within, regret)


def spearman(one: Sequence[float] | Floats, other: Sequence[float] | Floats) -> float:
    """Spearman's rank correlation, in [-1, 1]; equal values share their ranks.

    0 where one side is all equal, since it orders nothing.

    >>> spearman([1, 2, 3], [10, 20, 15]), spearman([1, 1, 1], [1, 2, 3])
    (0.5, 0.0)
    """
    first, second = (_ranks(np.asarray(side, dtype=np.float64)) for side in (one, other))
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size else 0.0


def _ranks(values: Floats) -> Floats:
    # Equal values share the mean of the ranks they take together.
    _unused, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - 0.5 * (counts - 1))[which], dtype=np.float64)
