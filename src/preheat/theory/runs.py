"""What a run logged about its loss, gradient norm and learning rate: what laws are fitted to and checks are made on."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.errors import DataError, refusal
from preheat.inspect.logs.columns import flat, rate_columns, step_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LOSS = re.compile(r"(?:train[/_]?)?loss", re.IGNORECASE)
_HELD_OUT = re.compile(r"(?:eval|val|valid|validation|test)[/_]?loss", re.IGNORECASE)
_NORM = re.compile(r"(?:\w+/)?(?:grad(?:ient)?_?norm)(?:_mean)?", re.IGNORECASE)
_FILES = ("records.jsonl", "trainer_state.json", "metrics.csv")


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
    """

    name: str
    updates: NDArray[np.int64]
    losses: Floats
    norm_updates: NDArray[np.int64]
    norms: Floats
    rates: Floats

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
            DataError: if none was logged.
        """
        if not len(self.norms):
            advice = "Log the gradient norm, before clipping, as grad_norm."
            raise DataError(refusal("run", "one with gradient norms", self.name, advice))
        return np.interp(np.arange(updates), self.norm_updates, self.norms)


def run_log(name: str, updates: Iterable[int], losses: Iterable[float], rates: Iterable[float] | None = None) -> RunLog:
    """A run from its numbers.

    >>> run_log("a", [0, 10], [2.0, 1.5]).final
    1.5
    """
    steps, values = np.asarray([*updates], dtype=np.int64), np.asarray([*losses], dtype=np.float64)
    given = np.full(len(steps), np.nan) if rates is None else np.asarray([*rates], dtype=np.float64)
    if not len(steps) == len(values) == len(given) or not len(steps):
        advice = "Give one loss for each update."
        raise DataError(refusal("losses", f"{len(steps)} and at least one", len(values), advice))
    if not np.isfinite(values).all() or (np.diff(steps) <= 0).any():
        advice = "Leave out losses that are not finite; updates have to rise."
        raise DataError(refusal("losses", "finite, at rising updates", name, advice))
    return RunLog(name, steps, values, np.array([], dtype=np.int64), np.array([]), given)


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
        raise DataError(refusal("run", "a file that can be read", str(file), f"{error.strerror}.")) from error
    except ValueError as error:
        raise DataError(refusal("run", "CSV, JSON or JSON Lines", str(file), f"{error}.")) from error
    names = [*dict.fromkeys(name for row in rows for name in row)]
    steps = step_column(names)
    wanted = loss if loss in names else None if loss else _first(names, _LOSS) or _first(names, _HELD_OUT)
    if steps is None or wanted is None:
        advice = f"It holds {', '.join(names[:12]) or 'nothing'}. Name the columns step and loss, or say which loss."
        raise DataError(refusal("run", f"one with {loss or 'losses'} by step number", str(file), advice))
    losses = _column(rows, steps[0], wanted)
    norms = {step: norm for step, norm in _column(rows, steps[0], _first(names, _NORM)).items() if norm > 0}
    rates = _column(rows, steps[0], next(iter(rate_columns(names)), None))
    if not losses:
        raise DataError(refusal("run", "one with a finite loss", str(file), f"Every {wanted} in it is empty."))
    return RunLog(
        given.name, np.array([*losses]), np.array([*losses.values()]), np.array([*norms], dtype=np.int64),
        np.array([*norms.values()]), np.array([rates.get(step, math.nan) for step in losses]),
    )  # fmt: skip


def _in_folder(folder: Path) -> Path:
    for name in _FILES:
        if (folder / name).is_file():
            return folder / name
    states = sorted(folder.glob("checkpoint-*/trainer_state.json"), key=lambda found: found.stat().st_mtime)
    if not states:
        raise DataError(refusal("run", "a folder with a log", str(folder), f"Looked for {', '.join(_FILES)}."))
    return states[-1]


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix.lower() == ".json":
        data = json.loads(text)
        records = data.get("log_history") if isinstance(data, Mapping) else data
        if not isinstance(records, list):
            raise ValueError("it is neither a list of records nor a Trainer's state")
        yield from (record for record in records if isinstance(record, Mapping))
    elif file.suffix.lower() in (".jsonl", ".ndjson"):
        # A last line that a kill left unfinished has no end, and is no line yet.
        yield from (json.loads(line) for line in text.split("\n")[:-1] if line.strip())
    else:
        yield from csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=text.partition("\n")[0].count))


def _first(names: list[str], pattern: re.Pattern[str]) -> str | None:
    return next((name for name in names if pattern.fullmatch(name)), None)


def _column(rows: list[dict[str, Any]], step: str, name: str | None) -> dict[int, float]:
    """The finite values of a column by step, rising; of a step that comes again, the last: a resume writes over."""
    found: dict[int, float] = {}
    if name is None:
        return found
    for row in rows:
        try:
            at, value = float(row[step]), float(row[name])
        except (KeyError, TypeError, ValueError):
            continue
        if math.isfinite(value) and at == int(at):
            found[int(at)] = value
    return dict(sorted(found.items()))
