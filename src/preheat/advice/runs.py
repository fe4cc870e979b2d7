"""What a run logged about its loss, gradient norm and learning rate: what laws are fitted to and checks are made on."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.auditing.logs import IN_FOLDERS, flat, log_in, rate_columns, step_column
from preheat.errors import DataError, refusal, sentences, system_words
from preheat.messages import Message, _, joined, plural

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Whole names: logs have other numbers that are called after the loss, such as loss_scale.
_LOSS = re.compile(r"(?:train[/_]?)?loss", re.IGNORECASE)
_HELD_OUT = re.compile(r"(?:eval|val|valid|validation|test)[/_]?loss", re.IGNORECASE)
_NORM = re.compile(r"(?:\w+/)?(?:grad(?:ient)?_?norm)(?:_mean)?", re.IGNORECASE)
_MISSING = 0.05  # of a run, at its end, that may be without gradient norms


@dataclass(frozen=True, slots=True, eq=False)
class RunLog:
    """One run as logged.

    Attributes:
        name: what it is called: the file, or its folder.
        updates: the log's step number of each loss, rising, shape (n,), int64.
        losses: the loss at each, finite, shape (n,).
        norm_updates: the step number of each gradient norm; empty if none was logged.
        norms: the norms, > 0.
        rates: the learning rate at each loss; NaN where the log has none.
        rate_updates: the step number of each logged learning rate, which need not be one with a loss.
        logged_rates: the learning rates there.
        lost: step numbers at which the loss was not finite.
        empty_norms: how many gradient norms were not finite and above 0.
        held_out: whether the losses are, by the name of their column, those of held-out data.
    """

    name: str
    updates: NDArray[np.int64]
    losses: Floats
    norm_updates: NDArray[np.int64]
    norms: Floats
    rates: Floats
    rate_updates: NDArray[np.int64] = field(default_factory=lambda: np.array([], dtype=np.int64))
    logged_rates: Floats = field(default_factory=lambda: np.array([]))
    lost: tuple[int, ...] = ()
    empty_norms: int = 0
    held_out: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the log, in words."""
        notes = []
        if self.lost:
            notes.append(
                plural(
                    "{run}: {n} loss that is not finite is left out",
                    "{run}: {n} losses that are not finite are left out",
                    len(self.lost),
                    run=self.name,
                )
            )
        if self.empty_norms and len(self.norms):
            notes.append(
                plural(
                    "{run}: {n} gradient norm that is not finite and > 0 is left out",
                    "{run}: {n} gradient norms that are not finite and > 0 are left out",
                    self.empty_norms,
                    run=self.name,
                )
            )
        return tuple(notes)

    def refuse_diverged(self) -> None:
        """Refuse a run whose last losses are not finite: its last finite one is not its end.

        Raises:
            DataError: with how many they are.
        """
        ends = [step for step in self.lost if step > self.updates[-1]]
        if ends:
            advice = _("It diverged: leave it out, or rows of the log that have no loss.")
            got = plural(
                "{n} that is not, at update {last}", "{n} that are not, up to update {last}", len(ends), last=ends[-1]
            )
            raise DataError(
                refusal(_("run {run!r}", run=self.name), _("one that ends with a finite loss"), got, advice)
            )

    @property
    def final(self) -> float:
        """The last loss."""
        return float(self.losses[-1])

    def loss_at(self, share: float) -> float:
        """The last loss logged when ``share`` of the logged run had passed."""
        return float(self.losses[max(0, int(np.searchsorted(self.updates, share * self.updates[-1], "right")) - 1)])

    def norms_over(self, updates: int) -> Floats:
        """A gradient norm for every update of a run of this length, between logged ones on a straight line.

        Raises:
            DataError: if none was logged, or the log ends well before this length.
        """
        self.refuse_few_norms(1)
        end = int(self.norm_updates[-1]) + 1
        # A log of every hundredth update ends up to a hundred early: that is no missing end.
        if updates > end + max(_MISSING * updates, *np.diff(self.norm_updates), 1):
            advice = _("What the norms do later nobody knows: ask about as many updates, or log a run as long.")
            raise DataError(
                refusal(
                    "updates",
                    _("at most the {end} that {run!r} has norms of", end=end, run=self.name),
                    updates,
                    advice,
                )
            )
        return np.interp(np.arange(updates), self.norm_updates, self.norms)

    def refuse_few_norms(self, least: int) -> None:
        """Refuse a run with fewer gradient norms than ``least``.

        Raises:
            DataError: with how many are not finite and above 0.
        """
        if len(self.norms) < least:
            advice = _("Log the gradient norm, before clipping, as grad_norm.")
            if self.empty_norms:
                many = plural(
                    "It has {n} that is not finite and > 0.",
                    "It has {n} that are not finite and > 0.",
                    self.empty_norms,
                )
                advice = sentences(many, advice)
            wanted = _("one with {least} gradient norms at least", least=least)
            if least <= 1:
                wanted = _("one with gradient norms")
            raise DataError(refusal(_("run {run!r}", run=self.name), wanted, len(self.norms), advice))


def run_log(name: str, updates: Iterable[int], losses: Iterable[float], rates: Iterable[float] | None = None) -> RunLog:
    """A run from its numbers.

    >>> run_log("a", [0, 10], [2.0, 1.5]).final
    1.5
    """
    steps, values = np.asarray([*updates], dtype=np.int64), np.asarray([*losses], dtype=np.float64)
    given = np.full(len(steps), np.nan) if rates is None else np.asarray([*rates], dtype=np.float64)
    if not len(steps) == len(values) == len(given) or not len(steps):
        advice = _("Give one loss for each update.")
        raise DataError(
            refusal(
                "losses", _("as many as updates, {updates}, and at least one", updates=len(steps)), len(values), advice
            )
        )
    if not np.isfinite(values).all() or (np.diff(steps) <= 0).any():
        advice = _("Leave out losses that are not finite; updates have to rise.")
        raise DataError(refusal("losses", _("finite, at rising updates"), name, advice))
    known = np.isfinite(given)
    no_norms = np.array([], dtype=np.int64), np.array([])
    return RunLog(name, steps, values, *no_norms, given, steps[known], given[known])


def refuse_mixed(runs: Iterable[tuple[str, bool]]) -> None:
    """Refuse training losses beside held-out ones.

    Args:
        runs: name of each, and whether its losses are of held-out data.

    Raises:
        DataError: with one run of each kind.
    """
    kinds: dict[bool, str] = {}
    for name, held_out in runs:
        kinds.setdefault(held_out, name)
    if len(kinds) > 1:
        got = _(
            "training losses in {training}, held-out ones in {held_out}", training=kinds[False], held_out=kinds[True]
        )
        advice = _("They differ by more than schedules do: name a column that all logs have, with --loss or loss=.")
        raise DataError(refusal("losses", _("of one kind in all runs"), got, advice))


def read_run(path: str | os.PathLike[str], *, loss: str | None = None) -> RunLog:
    """Read the losses of a run from what it logged.

    Args:
        path: a ``trainer_state.json``, CSV, JSON Lines or JSON list of records; or a run's folder with one of these.
        loss: the column of the loss; None takes ``loss`` or ``train_loss``, and held-out ones where there is no other.

    Raises:
        DataError: if the file is not there or cannot be read, or has no losses by step.
    """
    given = Path(path)
    file = _in_folder(given) if given.is_dir() else given
    try:
        rows = [flat(row) for row in _rows(file)]
    except OSError as error:
        raise DataError(
            refusal("run", _("a file that can be read"), str(file), _("{problem}.", problem=system_words(error)))
        ) from error
    except ValueError as error:
        # Its first argument may be a message, where a parser's own would be its words.
        problem = error.args[0] if error.args and isinstance(error.args[0], Message) else str(error)
        advice = _("{problem}.", problem=problem)
        raise DataError(refusal("run", _("CSV, JSON or JSON Lines"), str(file), advice)) from error
    names = [*dict.fromkeys(name for row in rows for name in row)]
    steps = step_column(names)
    # Training losses first: they are logged far more often, and a law needs fifty.
    wanted = loss if loss in names else None if loss else _first(names, _LOSS) or _first(names, _HELD_OUT)
    if steps is None or wanted is None:
        holds = joined(", ", names[:12]) if names else _("nothing")
        advice = _("It holds {columns}. Name the columns step and loss, or say which loss.", columns=holds)
        rule = _("one with losses by step number")
        if loss:
            rule = _("one with {column} by step number", column=loss)
        raise DataError(refusal("run", rule, str(file), advice))
    # In our own records null is a number that JSON has not; elsewhere it is nothing.
    losses, lost = _column(rows, steps[0], wanted, null=math.nan if file.name == "records.jsonl" else None)
    all_norms, no_norms = _column(rows, steps[0], _first(names, _NORM))
    # The schedule weighs with powers of 1 / norm: one of 0 would take all of it.
    norms = {step: norm for step, norm in all_norms.items() if norm > 0}
    rates, _unused = _column(rows, steps[0], next(iter(rate_columns(names)), None))
    if not losses:
        raise DataError(
            refusal("run", _("one with a finite loss"), str(file), _("Every {column} in it is empty.", column=wanted))
        )
    # A log of a common name is called after its folder too: two of them would be one.
    name = str(Path(given.parent.name, given.name)) if given.name in IN_FOLDERS else given.name
    return RunLog(
        name, *_arrays(losses), *_arrays(norms), np.array([rates.get(step, math.nan) for step in losses]),
        *_arrays(rates), tuple(lost), len(all_norms) - len(norms) + len(no_norms),
        _HELD_OUT.fullmatch(wanted) is not None,
    )  # fmt: skip


def _arrays(column: dict[int, float]) -> tuple[NDArray[np.int64], Floats]:
    return np.array([*column], dtype=np.int64), np.array([*column.values()], dtype=np.float64)


def _in_folder(folder: Path) -> Path:
    log = log_in(folder)
    if log is None:
        raise DataError(
            refusal(
                "run",
                _("a folder with a log"),
                str(folder),
                _("Looked for {files}.", files=joined(", ", IN_FOLDERS)),
            )
        )
    return log


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    # Spreadsheets begin a UTF-8 file with a mark that would become part of the first column's name.
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix.lower() == ".json":
        data = json.loads(text)
        records = data.get("log_history") if isinstance(data, Mapping) else data
        if not isinstance(records, list):
            raise ValueError(_("it is neither a list of records nor a Trainer's state"))
        yield from (record for record in records if isinstance(record, Mapping))
    elif file.suffix.lower() in (".jsonl", ".ndjson"):
        *lines, last = text.split("\n")
        yield from (json.loads(line) for line in lines if line.strip())
        # A last line without an end is whole where it can be read, and else what a kill left unfinished.
        with suppress(ValueError):
            yield json.loads(last)
    else:
        yield from csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=text.partition("\n")[0].count))


def _first(names: list[str], pattern: re.Pattern[str]) -> str | None:
    return next((name for name in names if pattern.fullmatch(name)), None)


def _column(
    rows: list[dict[str, Any]], step: str, name: str | None, null: float | None = None
) -> tuple[dict[int, float], list[int]]:
    """The finite values of a column by step, and the steps whose value is not finite; both rising.

    Of a step that comes again the last value counts: a resume writes over.
    """
    by_step: dict[int, float] = {}
    for row in rows if name is not None else ():
        value = row.get(str(name))
        try:
            at, value = float(row[step]), float(null if value is None else value)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError):
            continue
        # Steps may be written 10.0, as in tables with gaps; half a step belongs to no update.
        if at == int(at):
            by_step[int(at)] = value
    kept = {at: value for at, value in sorted(by_step.items()) if math.isfinite(value)}
    return kept, sorted({*by_step} - {*kept})
