"""``trainer_state.json`` of transformers' Trainer, and other JSON documents with records in them.

Steps    ``global_step``, counted after the update: the rate logged at step s is the one update s - 1 used. Until
         transformers 4.5x it was the next one (transformers#28124, #36973).
Source   transformers 5.23, trainer.py and trainer_callback.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from preheat.errors import DataError, refusal
from preheat.inspect.logs.tables import from_records
from preheat.inspect.logs.values import Log


def read_json(path: Path, column: str | None = None) -> Log:
    """A JSON document: the Trainer's state, a list of records, or columns as lists."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig", errors="replace"), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise DataError(refusal("log", "JSON", str(path), f"{error}.")) from error
    if isinstance(data, Mapping) and isinstance(data.get("log_history"), list):
        return _trainer_state(path, data, column)
    if isinstance(data, list) and all(isinstance(record, Mapping) for record in data):
        return from_records(path, "JSON", data, column)
    if isinstance(data, Mapping) and data and all(isinstance(values, list) for values in data.values()):
        rows = [dict(zip(data, values, strict=False)) for values in zip(*data.values(), strict=False)]
        return from_records(path, "JSON", rows, column)
    advice = "Give the Trainer's state, a list of records, or columns as lists."
    raise DataError(refusal("log", "JSON with learning rates by step", str(path), advice))


def _trainer_state(path: Path, data: Mapping[str, Any], column: str | None) -> Log:
    records = [record for record in data["log_history"] if isinstance(record, Mapping)]
    log = from_records(path, "Hugging Face Trainer", records, column)
    total = data.get("max_steps")
    known = isinstance(total, int) and not isinstance(total, bool) and total > 0
    return Log(path, log.kind, log.series, 1, total if known else None, log.notes)
