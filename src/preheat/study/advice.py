"""The lines of a horizon against each other, and what to take, in sentences with their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from preheat.study.estimates import Estimate, differences
from preheat.study.lines import Line
from preheat.theory import RungCheck
from preheat.train.config import UNTUNED


@dataclass(frozen=True, slots=True)
class Compared:
    """A line among those of its horizon.

    Attributes:
        line: itself.
        loss: over seeds, at peaks that the other seeds chose; None while runs are missing.
        behind: how much more that is than the best line's, seed by seed; None for the best, and without common seeds.
        target: updates until its training loss, smoothed and the mean over seeds, came to what every line reaches in
            the end; None where no run of its best cell is done.
        total_rate: sum of the learning rates of its best cell's runs.
    """

    line: Line
    loss: Estimate | None
    behind: Estimate | None
    target: int | None
    total_rate: float | None

    @property
    def verdict(self) -> str:
        """In words, against the best line of the horizon."""
        if self.loss is None:
            return "not trained yet"
        if self.behind is None:
            return "lowest"
        if self.behind.margin is None:
            return "one seed tells no difference"
        if self.behind.apart:
            return f"worse by {self.behind.words()}"
        return f"not distinguishable with {self.behind.seeds} seeds"


def advice(compared: Sequence[Compared], rungs: RungCheck | None, why: str, untuned: int) -> list[str]:
    """What to take, and why."""
    known = [one for one in compared if one.loss is not None]
    if not known:
        return ["No line has a seed that has ended at every peak yet."]
    best, others = known[0], known[1:]
    assert best.loss is not None
    if best.loss.mean >= best.line.initial:
        learned = f"No line came below the loss of an untrained model, {best.line.initial:.4f}: nothing was learned,"
        return [f"{learned} so nothing is ranked. Train longer, at other peaks, or a larger model."]
    said = [f"Lowest loss, {best.loss.words()}: {best.line.name}, {_at_peak(best.line)}."]
    if best.loss.margin is None:
        said.append("One seed tells no difference: add seeds with --extend.")
    told = [(one.line.name, one.behind) for one in others if one.behind is not None and one.behind.margin is not None]
    close = [name for name, behind in told if not behind.apart]
    worse = [f"{name} by {behind.words()}" for name, behind in told if behind.apart]
    if close:
        said.append(f"Not distinguishable from it: {'; '.join(close)}.")
    if worse:
        said.append(f"Worse: {'; '.join(worse)}.")
    return [*said, *_of_warmup(known, untuned), *_of_range(best.line), _early(rungs, why)]


def _at_peak(line: Line) -> str:
    usable, best = line.usable(), line.best
    assert usable is not None
    assert best is not None
    return f"peak {best.lr:g}" + (f"; within 1 % of it: {usable.words()}" if len(line.points) > 1 else "")


def _of_range(line: Line) -> list[str]:
    """Whether the peaks tried are enough to believe the best."""
    if len(line.points) == 1:
        return ["One peak was tried: at the best peak of each line the order may be another."]
    if line.best in (line.points[0], line.points[-1]):
        return ["The best peak is the last one tried on its side: widen the range before believing it."]
    return []


def _of_warmup(known: Sequence[Compared], untuned: int) -> list[str]:
    """What the warm-up changed, of each schedule that was tried with several."""
    said = []
    for schedule in dict.fromkeys(one.line.schedule for one in known):
        lines = [one.line for one in known if one.line.schedule == schedule]
        lines.sort(key=lambda line: _updates_of_warmup(line, untuned))
        first, others = lines[0], lines[1:]
        gained = [differences(line.held_out(), first.held_out()) for line in others]
        if others and not any(one is not None and one.apart for one in gained):
            seeds = min((one.seeds for one in gained if one is not None), default=0)
            show = "1 seed shows" if seeds == 1 else f"{seeds} seeds show"
            said.append(f"{schedule}: at its best peak the length of the warm-up makes no difference that {show}.")
        spared = {line.warmup: differences(line.sensitivities(), first.sensitivities()) for line in others}
        words = [f"{warmup}: {_changed(one)}" for warmup, one in spared.items() if one is not None]
        if words:
            said.append(
                f"{schedule}: LR sensitivity less that of warm-up {first.warmup}, by warm-up, {'; '.join(words)}."
            )
        if others and words:
            limits = "; ".join(f"{line.warmup}: {line.boundary()}" for line in lines)
            said.append(f"{schedule}: the peak at which half of the seeds fail, by warm-up, {limits}.")
    if len({one.line.warmup for one in known}) > 1:
        said.append(f"Adam's untuned warm-up (Ma & Yarats 2019) would be {untuned} updates.")
    return said


def _changed(found: Estimate) -> str:
    return found.words() if found.apart else f"{found.words()}, not distinguishable"


def _updates_of_warmup(line: Line, untuned: int) -> tuple[bool, float]:
    """What warm-ups are ordered by: whether the climb has a unit of its own, which the table knows no updates of."""
    if line.warmup == UNTUNED:
        return False, untuned
    if isinstance(line.warmup, str):
        if line.warmup.endswith("%"):
            return False, float(line.warmup.removesuffix("%")) / 100 * line.horizon
        return True, float(line.warmup.split()[0])
    if isinstance(line.warmup, float) and line.warmup < 1:
        return False, line.warmup * line.horizon
    return False, line.warmup or 0


def _early(rungs: RungCheck | None, why: str) -> str:
    if rungs is None:
        return f"Whether runs may be stopped early is not known: {why}"
    half = rungs.rung(0.5)
    where = "across shapes" if rungs.groups > 1 else "over peaks and warm-ups"
    known = f"Spearman between training loss half-way and final loss, {where}: {half.agreement:.2f}"
    if rungs.groups > 1 and half.within is not None:
        known += f" (within a shape {half.within:.2f})"
    may = "may be stopped there" if half.agreement >= rungs.least else "are to be run to their end"
    return f"{known}: runs like these {may} ({rungs.least:g} is asked for)."
