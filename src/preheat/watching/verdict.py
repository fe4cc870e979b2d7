"""A script watched: run with the recorder attached, what it recorded read back, and what its learning rate did.

:func:`run_watched` runs a command, :func:`read_record` puts together what its processes wrote (one line of updates for
each set of parameters in each process), and :func:`report` holds the rates against a plan: the one given, or the one
the script's own scheduler asks for. Where nobody knows a plan, the scheduler's clock is looked at alone.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.auditing import Audit, Finding, audit, clock_finding, recognise_log
from preheat.auditing.causes import words_for
from preheat.auditing.logs import Log, Series, arithmetic
from preheat.auditing.observed import Observed
from preheat.auditing.recognition import recognize
from preheat.dialects import read
from preheat.errors import ConfigError, PreheatError, refusal
from preheat.messages import _, in_context, joined, plural
from preheat.schedule import Schedule
from preheat.schedule.named import build

if TYPE_CHECKING:
    from preheat.auditing import Recognized

_ATTACH = Path(__file__).parent / "attach"
# transformers' private functions, which its schedulers are partials of (5.23, optimization.py).
_TRANSFORMERS = {
    "_get_constant_schedule_with_warmup_lr_lambda": "constant_with_warmup",
    "_get_linear_schedule_with_warmup_lr_lambda": "linear",
    "_get_cosine_schedule_with_warmup_lr_lambda": "cosine",
    "_get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda": "cosine_with_restarts",
    "_get_polynomial_decay_schedule_with_warmup_lr_lambda": "polynomial",
    "_get_inverse_sqrt_schedule_lr_lambda": "inverse_sqrt",
    "_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda": "cosine_warmup_with_min_lr",
    "_get_wsd_scheduler_lambda": "warmup_stable_decay",
}


def run_watched(command: Sequence[str], folder: Path) -> int:
    """Run ``command`` to its end, recording into ``folder``; its exit code, or 128 + n where signal n ended it.

    Standard input, output and error are the command's own. Signals that stop this process are passed on.

    Raises:
        FileNotFoundError: if there is no such command.
    """
    # Every Python that the command starts finds our sitecustomize there, whatever its environment and its own path.
    paths = [str(_ATTACH), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PREHEAT_WATCH": str(folder), "PYTHONPATH": os.pathsep.join(paths)}
    child = subprocess.Popen(command, env=environment)

    def pass_on(number: int, _frame: object) -> None:
        child.send_signal(number)

    # The terminal's Ctrl-C reaches the child by itself: here it must only not end the waiting.
    earlier = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, pass_on),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
    }
    try:
        code = child.wait()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


# --- what was recorded ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Line:
    """The updates of one optimizer, and of those that took its parameters over from it.

    Attributes:
        optimizers: their classes, in order.
        rank: the process's number among those that train together.
        groups: names of the parameter groups.
        updates: number of each update, from 0 or from where a resumed optimizer's state says.
        values: (key, group) -> the value used by each update.
        positions: the scheduler's position at each update; nan without one.
        backwards: backward passes for each update.
        seconds: when each update was made, since the process began.
        skips: the update before which an attempt was skipped, once for each.
        schedulers: (update, class, what it is shaped by), in order.
        resumed: updates that the first optimizer's state had counted before.
    """

    rank: int = 0
    optimizers: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    positions: list[float] = field(default_factory=list)
    backwards: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    skips: list[int] = field(default_factory=list)
    schedulers: list[tuple[int, str, Any]] = field(default_factory=list)
    resumed: int = 0

    @property
    def next_update(self) -> int:
        """The number that the coming update will have."""
        return self.updates[-1] + 1 if self.updates else self.resumed

    def rates(self, group: str) -> Any:
        """The learning rate each update used, as an array; nan before the group was there."""
        return np.array(self.values["lr", group])


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything that was recorded.

    Attributes:
        lines: those of the first process with the most updates come first.
        processes: how many processes made updates.
        problems: what the recorders could not do, in words.
    """

    lines: tuple[Line, ...]
    processes: int
    problems: tuple[str, ...]


def read_record(folder: Path) -> Watched:
    """Read the files of a folder that a run was recorded into."""
    lines: list[Line] = []
    problems: list[str] = []
    processes = 0
    for path in sorted(folder.glob("*.jsonl")):
        updated = [line for line in _process(path, problems) if line.updates]
        processes += bool(updated)
        lines += updated
    lines.sort(key=lambda line: (line.rank, -len(line.updates)))
    return Watched(tuple(lines), processes, tuple(dict.fromkeys(problems)))


def _process(path: Path, problems: list[str]) -> list[Line]:
    rank = 0
    lines: list[Line] = []
    of: dict[int, Line] = {}  # by the optimizer's number: one that takes parameters over goes on with their line
    readers: dict[int, _Values] = {}
    for event in _events(path):
        match event:
            case ["process", about]:
                rank = int(about["rank"])
            case ["optimizer", number, kind, groups, keys, seen, before]:
                line = of.get(number) or of.get(before)
                if line is None:
                    line = Line(rank=rank, resumed=seen)
                    lines.append(line)
                of[number] = line
                line.groups += [group for group in groups if group not in line.groups]
                if not readers.get(number):
                    line.optimizers.append(str(kind).rpartition(".")[2])
                readers[number] = _Values(groups, keys)
            case ["scheduler", number, kind, description]:
                of[number].schedulers.append((of[number].next_update, kind, description))
            case ["update", number, seconds, backwards, position, rows]:
                _add(of[number], readers[number].taken(rows), seconds, backwards, position)
            case ["skip", number, *_]:
                of[number].skips.append(of[number].next_update)
            case ["broken", what]:
                problems.append(_("the recorder stopped: {why}", why=what))
    return lines


class _Values:
    """The last known value of every number of an optimizer's groups."""

    def __init__(self, groups: list[str], keys: list[str]) -> None:
        self.groups, self.keys = groups, keys
        self.last: dict[tuple[str, str], float] = {}

    def taken(self, rows: list[Any]) -> dict[tuple[str, str], float]:
        """The values after an update's rows; a row of null has not changed."""
        for key, row in zip(self.keys, rows, strict=True):
            for group, value in zip(self.groups, row or (), strict=bool(row)):
                if isinstance(value, list):
                    self.last |= {(f"{key}[{index}]", group): float(item) for index, item in enumerate(value)}
                elif value is not None:
                    self.last[key, group] = float(value)
        return self.last


def _add(line: Line, values: dict[tuple[str, str], float], seconds: float, backwards: int, position: Any) -> None:
    count = len(line.updates)
    line.updates.append(line.next_update)
    line.seconds.append(seconds)
    line.backwards.append(backwards)
    line.positions.append(float("nan") if not isinstance(position, (int, float)) else float(position))
    for slot in (*line.values, *(slot for slot in values if slot not in line.values)):
        line.values.setdefault(slot, [float("nan")] * count).append(values.get(slot, float("nan")))


def _events(path: Path) -> Iterator[Any]:
    """The lines of a file; the zeros it ends with, and a line that a kill cut off, are no lines."""
    for text in path.read_bytes().rstrip(b"\0").split(b"\n"):
        if text:
            try:
                yield json.loads(text)
            except ValueError:
                return


# --- what it says ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be said of one line of updates.

    Attributes:
        line: the updates.
        title: which optimizer it was, with its counts.
        plan: what the rates were held against; None if there was nothing to hold them against.
        source: where the plan comes from, in words: given, asked for by the script, read off its scheduler; or nothing.
        findings: one for each group; of the clock alone where there is no plan.
        looks_like: what the rates look like, where there is no plan.
        notes: what else is worth knowing.
    """

    line: Line
    title: str
    plan: Schedule | None
    source: str
    findings: tuple[Finding, ...]
    looks_like: Recognized | None
    notes: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing was found."""
        return all(finding.equal for finding in self.findings)

    def __str__(self) -> str:
        lines = [self.title]
        if self.plan is not None:
            lines.append(_("plan ({source}): {schedule}", source=self.source, schedule=self.plan))
        elif self.looks_like is not None:
            lines.append(_("looks like: {schedule}", schedule=str(self.looks_like)))
        several = len(self.findings) > 1
        for finding in self.findings:
            of_group = _("group {group}: {sentence}", group=finding.group, sentence=finding.sentence)
            lines.append(of_group if several else finding.sentence)
            lines += [joined("", ["  ", line]) for line in finding.evidence]
            lines += [joined("", ["  ", _("likely cause: {cause}", cause=finding.cause)])] if finding.cause else []
        return joined("\n", [*lines, *(_("note: {note}", note=note) for note in self.notes)])


def report(watched: Watched, against: Schedule | str | None = None, lr: float | None = None) -> list[Report]:
    """What each optimizer of the first process did, the one with the most updates first.

    Args:
        watched: what was recorded.
        against: the plan of the one with the most updates; None takes what its scheduler was asked for.
        lr: the plan's peak; None takes it from the rates.
    """
    rank = min((line.rank for line in watched.lines), default=0)
    first = [line for line in watched.lines if line.rank == rank]
    reports = [_report(line, against if not index else None, lr) for index, line in enumerate(first)]
    others = [line for line in watched.lines if line.rank != rank]
    if reports and others:
        reports[0] = replace(reports[0], notes=(*reports[0].notes, _ranks(first[0], others)))
    return reports


def _report(line: Line, against: Schedule | str | None, lr: float | None) -> Report:
    notes = _notes(line)
    plan, source, base = against, in_context("a plan", "given"), lr
    if plan is None:
        plan, source, base = _own_plan(line)
    if plan is None:
        finding = _undriven(line) or _clock(line)
        known = next(iter(recognise_log(_log(line)).values()))
        return Report(line, _title(line), None, "", (finding,) if finding else (), known, notes)
    held = audit(_log(line), plan, lr=base, total=line.next_update)
    findings = tuple(_sharpened(finding, line) for finding in held.findings)
    notes = (*notes, *_run_length(line, held))
    return Report(line, _title(line), held.schedule, source, findings, None, notes)


def _own_plan(line: Line) -> tuple[Schedule | None, str, float | None]:
    """The schedule that the script's own scheduler follows: as it says, or as its rates by its positions show."""
    if not line.schedulers:
        return None, "", None
    asked = _asked_for(line.schedulers[0][2])
    if asked is not None:
        return asked[0], _("asked for by the script"), asked[1]
    # A second scheduler, after a resume say, may follow another curve.
    begun = [start for start, *_unused in line.schedulers[1:]]
    positions = np.array(line.positions)
    driven = np.isfinite(positions) & (np.array(line.updates) < (begun[0] if begun else math.inf))
    places, first = np.unique(positions[driven].astype(np.int64), return_index=True)
    rates = line.rates(line.groups[0])[driven][first]
    # Through three points there is a curve of every family.
    if len(places) > 3 and np.isfinite(rates).all():
        known = recognize(Observed(places, rates, _rounding(rates)))
        # Held against a curve that is only near, a run that did right would look wrong.
        if known is not None and known.exact:
            return known.schedule, _("read off its scheduler's own curve"), known.base_lr
    return None, "", None


def _undriven(line: Line) -> Finding | None:
    """A scheduler that was left behind with an earlier optimizer."""
    driven = np.isfinite(np.array(line.positions))
    if not driven.any() or driven.all() or driven[-1]:
        return None
    begin = int(np.flatnonzero(driven)[-1]) + 1
    rates = line.rates(line.groups[0])
    at, rate = line.updates[begin], float(rates[begin])
    sentence = _(
        "from update {at} on no scheduler drives the optimizer; its rate is {rate:.6g} there", at=at, rate=rate
    )
    cause = _("Another optimizer took the parameters over, and the scheduler was left with the earlier one.")
    updates = np.array(line.updates)
    return Finding(
        line.groups[0], "frozen", sentence, cause, (), 0.0, 0.0, updates, rates, rates, {"at": at}, updates < at
    )


def _log(line: Line) -> Log:
    """The used rates as a log that nobody rounded."""
    updates = np.array(line.updates, dtype=np.int64)
    series = []
    for group in line.groups:
        rates = line.rates(group) if ("lr", group) in line.values else np.full(len(updates), np.nan)
        there = np.isfinite(rates)
        if there.any():
            series.append(Series(group, updates[there], rates[there], _rounding(rates[there])))
    if not series:
        raise ConfigError(
            refusal("optimizer", _("one with learning rates"), line.optimizers, _("Its groups hold no lr."))
        )
    return Log(Path("the watched run"), "watched run", tuple(series), first=0)


def _rounding(rates: Any) -> Any:
    """The recorder writes all digits: what is left is the arithmetic's."""
    return np.full(len(rates), arithmetic(rates) or 1e-300)  # of rates that are all 0, next to nothing: not nothing


def _clock(line: Line) -> Finding | None:
    """What the scheduler's positions say, for a scheduler whose curve nobody knows."""
    positions = np.array(line.positions)
    # ReduceLROnPlateau counts evaluations: its position is no clock of updates.
    if not np.isfinite(positions).all() or any("Plateau" in kind for _unused, kind, _unused in line.schedulers):
        return None
    offset = line.resumed if positions[0] == line.resumed else 0
    finding = clock_finding(np.array(line.updates) - offset, positions - offset)
    return _sharpened(finding, line)


def _sharpened(finding: Finding, line: Line) -> Finding:
    """A finding with the cause that the counts of backward passes and skips single out."""
    backwards = int(np.median(line.backwards))
    evidence = list(finding.evidence[:-1])  # the numbering of a watched run is its own
    cause = finding.cause
    if finding.kind == "fast-clock":
        scale = finding.numbers["scale"]
        evidence.append(plural("{n} backward pass an update", "{n} backward passes an update", backwards))
        one = {**finding.numbers, "offset": scale - 1 if backwards == scale else 0}
        # One pass an update: processes step the scheduler; as many as it moves: micro-batches do.
        if backwards in (1, scale):
            cause = words_for("fast-clock", one)[1]
    if finding.kind == "skipped-updates":
        evidence.append(plural("{n} attempt was skipped", "{n} attempts were skipped", len(line.skips)))
    if finding.kind == "frozen" and len(line.optimizers) > 1:
        evidence.append(_("{many} optimizers had these parameters, one after the other", many=len(line.optimizers)))
    return replace(finding, evidence=tuple(evidence), cause=cause)


def _title(line: Line) -> str:
    about = [plural("{n} update", "{n} updates", len(line.updates))]
    pace = float(np.median(np.diff(line.seconds))) if len(line.seconds) > 1 else 0.0
    if pace:
        took = line.seconds[-1] - line.seconds[0]
        about = [
            plural(
                "{n} update in {seconds:.3g} s ({pace:.3g} ms each)",
                "{n} updates in {seconds:.3g} s ({pace:.3g} ms each)",
                len(line.updates),
                seconds=took,
                pace=1000 * pace,
            )
        ]
    backwards = int(np.median(line.backwards))  # the last group of an epoch has fewer
    if backwards > 1:
        about.append(_("{many} backward passes each", many=backwards))
    if len(line.groups) != 1:
        about.append(_("{many} groups", many=len(line.groups)))
    moves = np.diff(np.array(line.positions))
    moved = float(np.mean(moves[np.isfinite(moves)])) if np.isfinite(moves).any() else 1.0
    driver = _("scheduler {names}", names=_driver(line))
    # A hundredth off is a skipped update or two, which has a note of its own.
    if abs(moved - 1.0) >= 0.01:
        driver = _("scheduler {names}, {moves:.3g} moves an update", names=_driver(line), moves=moved)
    optimizers = _one_after_another(line.optimizers)
    return joined(": ", [optimizers, joined("; ", [joined(", ", about), driver])])


def _driver(line: Line) -> str:
    return _one_after_another([kind.rpartition(".")[2] for _at, kind, _about in line.schedulers]) or _("none")


def _one_after_another(names: Sequence[str]) -> str:
    """Each once, in the order of their use."""
    said = ""
    for name in dict.fromkeys(names):
        said = _("{earlier} then {later}", earlier=said, later=name) if said else name
    return said


def _notes(line: Line) -> tuple[str, ...]:
    notes = []
    if line.skips:
        shown = [*map(str, dict.fromkeys(line.skips[:6])), *(["..."] if len(line.skips) > 6 else [])]
        notes.append(
            plural(
                "{n} attempt skipped by the gradient scaler, before updates {updates}",
                "{n} attempts skipped by the gradient scaler, before updates {updates}",
                len(line.skips),
                updates=joined(", ", shown),
            )
        )
    if line.resumed:
        notes.append(_("the optimizer's state had {updates} updates when the run began", updates=line.resumed))
    for (key, group), values in sorted(line.values.items()):
        known = _finite(values)
        if key != "lr" and np.ptp(known) > 0:
            ends = {"key": key, "first": known[0], "last": known[-1], "low": known.min(), "high": known.max()}
            note = _("{key} changed too: {first:.6g} to {last:.6g}, between {low:.6g} and {high:.6g}", **ends)
            if len(line.groups) != 1:
                note = _(
                    "{key} of group {group} changed too: {first:.6g} to {last:.6g}, between {low:.6g} and {high:.6g}",
                    group=group,
                    **ends,
                )
            notes.append(note)
    if not line.schedulers:
        notes.append(_("no torch scheduler was made for it"))
    return tuple(notes)


def _finite(values: list[float]) -> Any:
    array = np.array(values)
    return array[np.isfinite(array)] if np.isfinite(array).any() else np.zeros(1)


def _run_length(line: Line, held: Audit) -> list[str]:
    """What a plan for another number of updates meant for the run."""
    horizon, made = held.schedule.horizon, line.next_update
    if horizon is None or any(not finding.equal for finding in held.findings):
        return []
    last = line.values["lr", line.groups[0]][-1]
    if made < math.floor(horizon):
        return [
            _(
                "the run made {made} of the schedule's {horizon:g} updates and stopped at a rate of {rate:.4g}",
                made=made,
                horizon=horizon,
                rate=last,
            )
        ]
    if made > math.ceil(horizon):
        past = made - math.ceil(horizon)
        return [
            plural(
                "the run went on for {n} update past the schedule's {horizon:g}",
                "the run went on for {n} updates past the schedule's {horizon:g}",
                past,
                horizon=horizon,
            )
        ]
    return []


def _ranks(line: Line, others: list[Line]) -> str:
    """Whether all processes used the same rates."""
    group = line.groups[0]
    rates = line.rates(group)
    different = [
        other.rank
        for other in others
        if other.groups[:1] != [group]
        or len(other.updates) != len(rates)
        or not np.array_equal(other.rates(group), rates)
    ]
    if different:
        numbers = joined(", ", map(str, sorted(set(different))))
        return _("processes {numbers} used other rates than process {first}", numbers=numbers, first=line.rank)
    return _("all {many} processes used the same rates", many=1 + len(others))


# --- the schedule a script asked for, from what its scheduler says of itself ------------------------------------------


def _asked_for(description: Any) -> tuple[Schedule, float | None] | None:
    """The schedule that a recorded scheduler follows and the base of the first group; None where it does not say."""
    if not isinstance(description, Mapping):
        return None
    try:
        if "lambdas" in description:
            first = description["lambdas"][0]
            schedule = _transformers(first["function"], dict(first["keywords"]))
            bases = description.get("bases")
            return None if schedule is None else (schedule, float(bases[0]) if bases and bases[0] else None)
        reading = read(
            {"scheduler": description["state"], "optimizer": {"param_groups": description["groups"]}}, "torch"
        )
        return None if reading.schedule.waits_for else (reading.schedule, reading.base_lr)
    except (PreheatError, KeyError, IndexError, TypeError):
        return None


def _transformers(function: str, options: dict[str, Any]) -> Schedule | None:
    name = _TRANSFORMERS.get(function)
    if name is None:
        return None
    if name == "cosine" and "min_lr_rate" in options:  # one function of theirs for two of our names
        name = "cosine_with_min_lr"
    warmup, total = options.pop("num_warmup_steps", 0), options.pop("num_training_steps", None)
    lr = options.pop("lr_init", 1.0)
    known = {option: value for option, value in options.items() if value is not None}
    if name == "warmup_stable_decay":
        # Theirs works the total out of the stable steps where both are given; ours takes one of the two.
        total = None if known.get("num_stable_steps") is not None else total
    return build(name, warmup, total, lr=lr, whole=False, **known)
