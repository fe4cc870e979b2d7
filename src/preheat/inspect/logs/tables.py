"""Logs that are tables: CSV (Lightning's, W&B's, anybody's), JSON Lines (ours, W&B's) and lists of records in JSON."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from preheat.errors import DataError, refusal
from preheat.inspect.logs.columns import epoch_column, flat, rate_columns, step_column
from preheat.inspect.logs.values import Log, Rows, refuse_without_rates

_LIGHTNING = re.compile(r"lr-[A-Z]\w*")  # LearningRateMonitor: lr-AdamW, lr-AdamW/pg1
_LARGEST_STEP = 2**53


def read_csv(path: Path, column: str | None = None) -> Log:
    """A CSV file with a header; commas, semicolons or tabs."""
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=first.count)
        return from_records(path, "CSV", csv.DictReader(file, delimiter=delimiter), column)


def read_json_lines(path: Path, column: str | None = None) -> Log:
    """One JSON object a line; a last line that a kill left unfinished is left out."""
    notes: list[str] = []
    log = from_records(path, "JSON Lines", _lines(path, notes), column)
    return Log(log.path, log.kind, log.series, log.first, log.total, (*notes, *log.notes))


def from_records(path: Path, kind: str, records: Iterable[Mapping[str, Any]], column: str | None = None) -> Log:
    """A log from records with the same columns, most of them perhaps empty.

    Raises:
        DataError: if there is no column of steps or of learning rates, or nothing in them.
    """
    found: dict[str, Rows] = {}
    seen: dict[str, None] = {}
    steps: tuple[str, int | None] | None = None
    dropped = 0
    for record in records:
        row = flat(record)
        seen.update(dict.fromkeys(str(name) for name in row))
        steps = step_column(row) if steps is None or steps[0] not in row else steps
        if steps is None:
            continue
        epoch = epoch_column(row)
        for name in rate_columns(row, column):
            if row[name] not in (None, ""):
                taken = found.setdefault(name, Rows(name)).add(row[steps[0]], row[name], row[epoch] if epoch else None)
                dropped += not taken
    if seen and steps is None:
        advice = f"It holds {', '.join([*seen][:12])}. Name the step numbers step, update or global_step."
        raise DataError(refusal("log", "one with step numbers", str(path), advice))
    kept = [rows for rows in found.values() if rows.steps]
    if not kept:
        raise refuse_without_rates(path, seen)
    notes = (f"{dropped} rows whose step or rate is no number were left out",) if dropped else ()
    numbering = steps[1] if steps else None
    if all(_LIGHTNING.match(rows.name) for rows in kept):
        kind, numbering = f"Lightning {kind}", 0
    return Log(path, kind, tuple(rows.series() for rows in kept), numbering, notes=notes)


def _lines(path: Path, notes: list[str]) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line, parse_float=Decimal)
            except (ValueError, RecursionError) as error:
                if not line.endswith("\n"):
                    notes.append(f"line {number} is unfinished and was left out")
                    return
                advice = f"Line {number}: {error}."
                raise DataError(refusal("log", "JSON Lines", str(path), advice)) from error
            if not isinstance(record, Mapping):
                raise DataError(refusal("log", "JSON objects, one a line", str(path), f"Line {number} is none."))
            yield record
