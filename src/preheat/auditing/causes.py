"""What each finding of an audit means in words: what happened, and what it usually comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Words = tuple[str, str]

_RESUMED = "The run was resumed and its scheduler's position was not restored, was restored twice, or counts epochs."


def words_for(kind: str, numbers: dict[str, Any]) -> Words:
    """What happened, and the likely cause with what to do about it."""
    return _WORDS[kind](numbers)


def clock_words_for(kind: str, numbers: dict[str, Any]) -> Words:
    """As :func:`words_for`, where the positions of a scheduler are all that is known."""
    at = numbers.get("at")
    if kind == "equal":
        return "the scheduler moved by one position an update", ""
    if kind == "frozen":
        where = f"from update {at} on" if at else "from the first update on"
        return f"frozen: the scheduler stays at position {numbers['rate']:g} {where}", _frozen(numbers)[1]
    if kind == "jump" and numbers["what"] == "odd":
        return f"the scheduler's position is {numbers['found']:g} at update {at}, then right again", _jump(numbers)[1]
    if kind == "jump":
        moved = f"{numbers['from']:g} -> {numbers['to']:g}"
        return f"the scheduler's position jumps at update {at}: {moved}", _RESUMED
    if kind == "unexplained":
        return f"the scheduler's positions follow no rule; they leave the updates at update {at}", ""
    return words_for(kind, numbers)


def _equal(_numbers: dict[str, Any]) -> Words:
    return "as planned", ""


def _late(_numbers: dict[str, Any]) -> Words:
    return (
        "logged one update late: each rate is the one the next update used",
        "The log line is written after scheduler.step() (transformers' Trainer did so until 2025): the training is"
        " right, its picture is not; log the rate before the step. Or the scheduler was stepped once before the first"
        " update.",
    )


def _ahead(numbers: dict[str, Any]) -> Words:
    offset = numbers["offset"]
    return (
        f"{offset} {_updates(offset)} ahead: the schedule began at position {offset}",
        "The scheduler was stepped before the first update, or the run goes on from an earlier one.",
    )


def _fast(numbers: dict[str, Any]) -> Words:
    scale, offset = numbers["scale"], numbers["offset"]
    processes = (
        f"{scale} processes: Accelerate's wrapper steps the scheduler once for each of them. Count the total and the"
        f" warm-up times {scale} there, or use preheat's scheduler, which follows the optimizer"
    )
    batches = (
        f"{scale} micro-batches to an update, with scheduler.step() after each of them. Step it only after"
        " optimizer.step()"
    )
    if offset == 0:
        cause = f"{processes}."
    elif offset == scale - 1:
        cause = f"{batches}."
    else:
        cause = f"Either {processes}; or {batches}."
    return f"the schedule moves {scale} times per update", cause[0].upper() + cause[1:]


def _slow(numbers: dict[str, Any]) -> Words:
    every, epoch = numbers["every"], numbers["epoch"]
    cause = (
        "scheduler.step() is called once an epoch: Lightning does so unless interval is 'step', and so do loops written"
        " for schedules that count epochs."
    )
    if epoch is not None and abs(every - epoch) <= 1:
        return f"stepped per epoch: the schedule moves once every {every} updates, which is an epoch", cause
    return (
        f"the schedule moves once every {every} updates",
        f"If an epoch has {every} updates: {cause} Otherwise it is stepped at every log or save, or {every} updates are"
        " counted as one by accumulation that both the loop and the trainer do.",
    )


def _skipped(numbers: dict[str, Any]) -> Words:
    lag, lost = numbers["lag"], numbers["lost"]
    ends = f"the schedule ends {lag} {_updates(lag)} short of its end"
    if lost[0][0] == 0:
        return (
            f"{lag} skipped {_updates(lag)} at the beginning: the schedule runs {lag} behind all along",
            "Mixed precision skips the first updates while it looks for its loss scale, or the scheduler gives its"
            f" first value twice, as DeepSpeed's do: {ends}.",
        )
    shown = ", ".join(f"{many} by update {at}" if many > 1 else f"by update {at}" for at, many in lost[:8])
    return (
        f"{lag} skipped {_updates(lag)}: the schedule fell behind ({shown}{', ...' if len(lost) > 8 else ''}) and never"
        " caught up",
        "Mixed precision skipped those updates (overflowing gradients), the scheduler waited, and the step numbers went"
        f" on: {ends}.",
    )


def _horizon(numbers: dict[str, Any]) -> Words:
    sentence = (
        f"another horizon: the schedule is shaped for {numbers['horizon']} updates, not {numbers['planned_horizon']}"
    )
    if numbers["warmup"] != numbers["planned_warmup"]:
        sentence += f", and warms up over {numbers['warmup']}, not {numbers['planned_warmup']}"
    return (
        sentence,
        "The total was counted otherwise: epochs, accumulation, the number of processes or the last incomplete batch"
        " (preheat plan shows the arithmetic).",
    )


def _warmup(numbers: dict[str, Any]) -> Words:
    found, planned = numbers["warmup"], numbers["planned_warmup"]
    cause = "A share was taken of another total, or rounded otherwise, or a count was read as a share."
    if not found:
        cause = "The schedule ignores its warm-up (transformers' 'constant' does), or warmup_steps did not get through."
    return f"another warm-up: {found} updates, not {planned}", cause


def _floor(numbers: dict[str, Any]) -> Words:
    rates = f"{numbers['floor'] * numbers['base']:.4g}, not {numbers['planned'] * numbers['base']:.4g}"
    return (
        f"another floor: it falls to {rates}",
        "A floor given as a rate was taken for a share, or transformers made it a share of another group's rate.",
    )


def _group(numbers: dict[str, Any]) -> Words:
    ratio = numbers["ratio"]
    named = numbers.get("group")
    return (
        f"another group: the plan at {ratio:.6g} of its rate, with a peak of {numbers['base']:.6g}",
        f"It is the rate that group {named} should have."
        if named is not None
        else "The log shows another parameter group (layer-wise decay, a head of its own), or the peak was changed or"
        " scaled by the trainer.",
    )


def _frozen(numbers: dict[str, Any]) -> Words:
    where = f"from update {numbers['at']} on" if numbers["at"] else "from the first update on"
    more = " any more" if numbers["at"] else ""
    return (
        f"frozen: the rate stays at {numbers['rate']:.6g} {where}, where the plan moves",
        f"Nobody calls scheduler.step(){more}, or it drives another optimizer than the one that is stepped, or its end"
        " came early.",
    )


def _rising(numbers: dict[str, Any]) -> Words:
    return (
        f"rising past the end: after the schedule's {numbers['horizon']:g} updates the rate climbs again, to"
        f" {numbers['rate']:.4g} at update {numbers['last']}",
        "transformers' and torch's cosines are waves and go up again past their end. Plan the updates that are trained,"
        " or take a schedule that holds.",
    )


def _jump(numbers: dict[str, Any]) -> Words:
    if numbers.get("what") == "odd":
        several = numbers["updates"]
        where = f"update {several[0]}" if len(several) == 1 else f"{len(several)} updates, the first {several[0]}"
        return (
            f"off the plan at {where}: {numbers['found']:.4g} instead of {numbers['planned']:.4g}, then back on it",
            "After a resume the first update runs at what the scheduler's constructor wrote, until it is stepped; or"
            " somebody else writes the rate.",
        )
    step = f"a jump at update {numbers['at']}: {numbers['from']:.4g} -> {numbers['to']:.4g}"
    what = numbers["what"]
    if what == "moved":
        return (
            f"{step}; the schedule goes on from position {numbers['position']}",
            _RESUMED,
        )
    if what == "other-lengths":
        return (
            f"{step}; from there on the plan is shaped for {numbers['horizon']} updates instead of"
            f" {numbers['planned_horizon']}",
            "The run was resumed with another total: transformers' schedules take the new one at once.",
        )
    if what == "scaled":
        return (
            f"{step}; from there on the peak is {numbers['base']:.6g} instead of {numbers['planned_base']:.6g}",
            "The run was resumed with another learning rate or batch scaling, or a callback changed it.",
        )
    return f"{step}, and nothing like the plan from there on", "A resume, a restart, or somebody else writes the rate."


def _shape(numbers: dict[str, Any]) -> Words:
    return (
        f"another schedule: {numbers['text']}",
        "Another name or other options got through than the plan has.",
    )


def _unexplained(numbers: dict[str, Any]) -> Words:
    return (
        f"not the plan, and nothing known explains it; the two part at update {numbers['at']}",
        "Look at the picture; if the rate follows a metric (plateau) or noise, no plan can say it.",
    )


def _updates(many: int) -> str:
    return "update" if abs(many) == 1 else "updates"


_WORDS: dict[str, Callable[[dict[str, Any]], Words]] = {
    "equal": _equal,
    "logged-late": _late,
    "ahead": _ahead,
    "fast-clock": _fast,
    "slow-clock": _slow,
    "skipped-updates": _skipped,
    "other-horizon": _horizon,
    "other-warm-up": _warmup,
    "other-floor": _floor,
    "other-group": _group,
    "frozen": _frozen,
    "rises-past-end": _rising,
    "jump": _jump,
    "other-schedule": _shape,
    "unexplained": _unexplained,
}
KINDS = tuple(_WORDS)
