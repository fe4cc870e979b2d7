"""What a run writes down: one JSON line an update, an evaluation, an event."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from preheat.files import replacing

RECORDS, EVALUATIONS, EVENTS = "records.jsonl", "evaluations.jsonl", "events.jsonl"


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` as JSON, whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The data :func:`write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file; a last line that a kill left unfinished is dropped."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines[:-1] if line]


def keep_lines(path: Path, kept: list[dict[str, Any]]) -> None:
    """Replace the file by the records of ``kept``: what a resumed run starts from."""
    with replacing(path) as beside:
        beside.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")


class Records:
    """Appends records to a JSON Lines file, each flushed: a kill loses at most the line being written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def add(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Write one record, and return it as written. NaN and infinities are null: JSON has no such numbers."""
        written = {key: _finite(value) for key, value in record.items()}
        self._file.write(json.dumps(written) + "\n")
        self._file.flush()
        return written

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
