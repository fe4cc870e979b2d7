"""What a resume will do to the learning rate: what the framework does with a saved scheduler, and what preheat does.

torch, Lightning, Accelerate  a scheduler's ``load_state_dict`` copies every attribute: the lengths in the checkpoint
         (``T_max``, ``total_steps``, milestones) and the base rates win, whatever the new scheduler was made with.
LambdaLR, so transformers     its functions are not saved: the new lengths hold at once, from the saved position; the
         base rates are the saved ones. The first update runs at the rate that lies in the optimizer's groups.
preheat  a state of another schedule or other base rates is refused, with the differences; a policy says what wins.
Read     torch 2.13, transformers 5.23, lightning 2.6, accelerate 1.15; held to the real ones by tests.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preheat.dialects import read
from preheat.dialects.torch_states import saved as saved_in
from preheat.dialects.torch_states import state_class
from preheat.errors import ConfigError, PreheatError, refusal
from preheat.inspect.resuming.checkpoints import Checkpoint, read_checkpoint
from preheat.schedule import Schedule, parse, resume
from preheat.schedule.checks import count, positive
from preheat.schedule.operations import POLICIES, changed_fields

_ARGUMENTS = ("lr_scheduler_type", "lr_scheduler_kwargs", "learning_rate", "warmup_steps", "warmup_ratio")
_SAME = 1e-9  # of the larger rate
_NOTHING = "goes on: nothing has changed"


@dataclass(frozen=True, slots=True)
class Course:
    """Learning rates from the border on, under one way of resuming.

    Attributes:
        name: whose way: ``"as saved"``, the framework's, or a policy of preheat's.
        rates: the rate of each update shown.
    """

    name: str
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a resume will do.

    Attributes:
        checkpoint: what was read.
        position: updates completed when it was saved.
        saved: the schedule the run followed; None where the checkpoint does not say.
        saved_base: the learning rate its factors multiply.
        asked: the schedule to go on with.
        asked_base: its peak.
        updates: the updates shown.
        courses: the rates at these, by way of resuming; the framework's is the second.
        sentence: what the framework will do.
        ours: what preheat's scheduler will do.
        as_asked: whether the framework does what was asked, without a jump.
        notes: what could not be told, or is worth knowing.
    """

    checkpoint: Checkpoint
    position: int
    saved: Schedule | None
    saved_base: float
    asked: Schedule
    asked_base: float
    updates: tuple[int, ...]
    courses: tuple[Course, ...]
    sentence: str
    ours: str
    as_asked: bool
    notes: tuple[str, ...]

    def __str__(self) -> str:
        width = max(len(course.name) for course in self.courses)
        head = " ".join(f"{update:>11}" for update in self.updates)
        rows = [
            f"{course.name:<{width}} {' '.join(f'{rate:>11.4g}' for rate in course.rates)}" for course in self.courses
        ]
        lines = [
            f"{self.checkpoint.path}: {self.checkpoint.kind}, after {self.position} updates",
            f"saved: {self.saved if self.saved is not None else 'a schedule it does not describe'},"
            f" peak {self.saved_base:g}",
            f"asked: {self.asked}, peak {self.asked_base:g}",
            f"{_NAMES[self.checkpoint.framework]}: {self.sentence}",
        ]
        lines += [f"preheat: {self.ours}"] if self.checkpoint.framework != "preheat" else []
        return "\n".join([*lines, "", f"{'update':<{width}} {head}", *rows, *(f"note: {note}" for note in self.notes)])


_NAMES = {
    "preheat": "preheat",
    "transformers": "transformers",
    "lightning": "Lightning",
    "accelerate": "Accelerate",
    "torch": "torch",
}


def forecast_resume(
    checkpoint: str | os.PathLike[str],
    asked: Schedule | str,
    *,
    lr: float | None = None,
    total: int | None = None,
    bridge: int = 100,
) -> Forecast:
    """Say what resuming a checkpoint with a schedule does to the learning rate. Nothing in the checkpoint is run.

    Args:
        checkpoint: a file or folder, as :func:`read_checkpoint` takes it.
        asked: the schedule to go on with, or one in words.
        lr: its peak; None keeps the saved base.
        total: updates of the whole run, for a schedule in shares of it.
        bridge: updates that preheat's ``bridge`` policy is shown with.

    Raises:
        DataError: if there is no scheduler's state in it.
        ConfigError: for a schedule that waits for something.
    """
    found = read_checkpoint(Path(checkpoint))
    notes: list[str] = []
    saved, base, position = _saved_schedule(found, notes)
    peak = base if lr is None else positive("lr", lr, "It is the peak learning rate.")
    if not peak:
        raise ConfigError(refusal("lr", "given", None, "The checkpoint does not say what its base rate is."))
    schedule = _resolved(asked, total, peak)
    bridge = int(count("bridge", bridge, 1))
    updates = _shown(position, saved, schedule)
    theirs, sentence = _theirs(found, saved, base, schedule, peak, position, updates)
    courses = [Course(_NAMES[found.framework], theirs)] if found.framework != "preheat" else []
    if saved is not None:
        courses.insert(0, Course("as saved", _rates(saved, base, updates)))
    courses += _ours(saved, base, schedule, peak, position, updates, bridge)
    inside = [update for update in updates if schedule.horizon is None or update < schedule.horizon]
    as_asked = _agree(theirs[: len(inside)], _rates(schedule, peak, tuple(inside)))
    same = saved is not None and _same(saved, base, schedule, peak, updates)
    ours = _NOTHING if same and found.framework != "preheat" else _policy_sentence(saved, base, schedule, peak)
    if found.others:
        notes.append(f"{found.others} more schedulers are in it: this is the first")
    if found.updates is not None and found.updates != position:
        notes.append(
            f"the trainer counts {found.updates} updates, its scheduler {position}: it was not stepped once an update"
        )
    return Forecast(
        found, position, saved, base, schedule, peak, updates, tuple(courses), sentence, ours, as_asked, tuple(notes)
    )


def _saved_schedule(found: Checkpoint, notes: list[str]) -> tuple[Schedule | None, float, int]:
    """The schedule the run followed, its base rate and its position."""
    groups: list[Mapping[str, Any]] | None = list(found.groups) or None
    if state_class(found.state) != "LambdaLR":
        known = saved_in(found.state, groups)
        notes += known.notes
        return known.schedules[0], known.bases[0], known.position
    bases = found.state.get("base_lrs")
    base = float(bases[0]) if isinstance(bases, list) and bases and isinstance(bases[0], (int, float)) else 0.0
    position = found.state.get("last_epoch")
    whole = int(count("last_epoch", position, advice="The state is damaged."))
    arguments = {name: found.arguments[name] for name in _ARGUMENTS if found.arguments.get(name) is not None}
    if not arguments or found.total is None:
        notes.append("a LambdaLR does not save its function: what the run followed is not known")
        return None, base, whole
    try:
        return read(arguments, "transformers", total=found.total).schedule, base, whole
    except PreheatError as error:
        notes.append(f"the saved arguments could not be read: {error}")
        return None, base, whole


def _resolved(asked: Schedule | str, total: int | None, base: float) -> Schedule:
    schedule = parse(asked) if isinstance(asked, str) else asked
    if schedule.waits_for == "a plan":
        if total is None:
            advice = "Its lengths are shares of the run: give total= (--updates)."
            raise ConfigError(refusal("total", "given for this schedule", str(schedule), advice))
        schedule = schedule.over(total)
    return schedule.for_base(base)


def _shown(position: int, saved: Schedule | None, asked: Schedule) -> tuple[int, ...]:
    """The updates worth showing: the border, a little later, and the ends of both schedules."""
    ends = [int(one.horizon) for one in (saved, asked) if one is not None and one.horizon is not None]
    later = [position + step for step in (0, 1, 2, 10, 100)]
    middle = [(position + end) // 2 for end in ends] + [end - 1 for end in ends] + [max(ends)] if ends else []
    return tuple(sorted({*later, *(update for update in middle if update > position)}))[:8]


def _rates(schedule: Schedule, base: float, updates: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(base * schedule(update) for update in updates)


def _theirs(
    found: Checkpoint,
    saved: Schedule | None,
    base: float,
    asked: Schedule,
    peak: float,
    position: int,
    updates: tuple[int, ...],
) -> tuple[tuple[float, ...], str]:
    """The rates the framework will use, and what it does in words."""
    if found.framework == "preheat" or saved is None or state_class(found.state) == "LambdaLR":
        if found.framework == "preheat":
            return _rates(asked, peak, updates), _policy_sentence(saved, base, asked, peak)
        first = found.saved_rate
        rates = [base * asked(update) for update in updates]
        if first is not None:
            rates[0] = first  # the groups' own rate, until the scheduler is stepped
        return tuple(rates), _lambda_sentence(found, saved, base, peak, position, rates)
    onwards = saved_in(found.state, list(found.groups) or None, onwards=True)
    rates = list(_rates(onwards.schedules[0], base, updates))
    sentence = f"goes on with the saved {state_class(found.state)}: its lengths and base rates win over the new ones"
    if _same(saved, base, asked, peak, updates):
        sentence = "goes on as asked: the saved scheduler and the new one are the same"
    if state_class(found.state) == "OneCycleLR" and saved.horizon is not None:
        sentence += f"; it raises an error after update {int(saved.horizon)}"
    return tuple(rates), sentence


def _lambda_sentence(
    found: Checkpoint,
    saved: Schedule | None,
    base: float,
    peak: float,
    position: int,
    rates: list[float],
) -> str:
    said = f"takes the new function at once, at position {position}"
    before = found.saved_rate if found.saved_rate is not None else None if saved is None else base * saved(position)
    if before and len(rates) > 1:
        ratio = rates[1] / before
        said += f": {before:.4g} -> {rates[1]:.4g}, times {ratio:.4g}" if abs(ratio - 1) > 0.05 else ", without a jump"
    if abs(peak - base) > _SAME * base:
        said += f"; the base rate stays the saved {base:g}, not {peak:g}"
    return said


def _same(saved: Schedule, base: float, asked: Schedule, peak: float, updates: tuple[int, ...]) -> bool:
    return _agree(_rates(saved, base, updates), _rates(asked, peak, updates))


def _agree(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(abs(before - after) <= _SAME * max(before, after, 1e-300) for before, after in pairs)


def _ours(
    saved: Schedule | None,
    base: float,
    asked: Schedule,
    peak: float,
    position: int,
    updates: tuple[int, ...],
    bridge: int,
) -> list[Course]:
    """The rates under each of preheat's policies."""
    if saved is None:
        return [Course("preheat, replace", _rates(asked, peak, updates))]
    courses = []
    past = saved if base == peak else saved * (base / peak)
    for policy in POLICIES:
        try:
            course = resume(past, asked, position, policy, bridge=bridge)
        except PreheatError:  # a policy that these two do not allow
            continue
        name = f"preheat, {policy}" + (f" {bridge}" if policy == "bridge" else "")
        courses.append(Course(name, _rates(course, peak, updates)))
    if base != peak:
        courses.append(Course("preheat, rebase", _rates(saved, peak, updates)))
    return courses


def _policy_sentence(saved: Schedule | None, base: float, asked: Schedule, peak: float) -> str:
    if saved is None:
        return "its own states say what they followed; this one does not, so the schedule starts where it is told to"
    lines = changed_fields(saved.to_dict(), asked.to_dict())
    if base != peak:
        lines.append(f"base lr: {base:g} -> {peak:g}")
    if not lines:
        return _NOTHING
    shown = "; ".join(lines[:4]) + (" ..." if len(lines) > 4 else "")
    return f"refuses ({shown}) until a policy says what wins: resume='keep', 'replace', 'rescale', 'bridge' or 'rebase'"
