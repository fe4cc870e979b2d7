"""TensorBoard event files.

Format   records of length (8 bytes), its checksum (4), data, its checksum (4); the data is an ``Event`` message whose
         ``summary`` holds values by tag: ``simple_value``, or a tensor of one float. Rates are float32.
Source   TensorFlow's record format; the messages as tensorboardX or tensorboard define them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from preheat.errors import DataError, MissingExtraError, refusal
from preheat.inspect.logs.columns import rate_columns
from preheat.inspect.logs.values import Log, Rows, refuse_without_rates


def read_events(paths: list[Path], folder: Path, column: str | None = None) -> Log:
    """The learning rates in event files, which are taken in the order of their names (they begin with the time)."""
    found: dict[str, Rows] = {}
    seen: dict[str, None] = {}
    notes: list[str] = []
    for path in sorted(paths):
        for step, tag, value in _values(path, notes):
            seen[tag] = None
            if rate_columns([tag], column):
                found.setdefault(tag, Rows(tag)).add(step, value)
    if not found:
        raise refuse_without_rates(folder, seen)
    series = tuple(rows.series(float32=True) for rows in found.values())
    return Log(folder, "TensorBoard", series, _numbering([*found]), notes=tuple(notes))


def _numbering(tags: list[str]) -> int | None:
    """The number of the first update: transformers' Trainer writes train/learning_rate, Lightning lr-<optimizer>."""
    if tags == ["train/learning_rate"]:
        return 1
    return 0 if all(tag.startswith("lr-") for tag in tags) else None


def _values(path: Path, notes: list[str]) -> Iterator[tuple[int, str, float]]:
    """Step, tag and value of every scalar."""
    event_type = _event_type()
    for data in _records(path, notes):
        event = event_type.FromString(data)
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield event.step, value.tag, value.simple_value
            elif value.HasField("tensor"):
                number = _scalar(value.tensor)
                if number is not None:
                    yield event.step, value.tag, number


def _event_type() -> Any:
    try:
        from tensorboardX.proto.event_pb2 import Event
    except ImportError:
        try:
            from tensorboard.compat.proto.event_pb2 import Event
        except ImportError:
            message = "tensorboardX is not installed: pip install 'preheat[logs]'"
            raise MissingExtraError(message) from None
    return Event


def _records(path: Path, notes: list[str]) -> Iterator[bytes]:
    """The data of each record; a last one that is cut off, as in a run that still writes, is left out."""
    with path.open("rb") as file:
        while header := file.read(12):
            length = struct.unpack("<Q", header[:8])[0] if len(header) == 12 else -1
            if length > 1 << 30:
                advice = "It is damaged, or no event file."
                raise DataError(refusal("log", "a TensorBoard event file", str(path), advice))
            body = file.read(length + 4) if length >= 0 else b""
            if len(body) < length + 4 or length < 0:
                notes.append(f"the last record of {path.name} is unfinished and was left out")
                return
            yield body[:-4]


def _scalar(tensor: Any) -> float | None:
    """The one number in a tensor of floats."""
    if len(tensor.float_val) == 1:
        return float(tensor.float_val[0])
    if len(tensor.double_val) == 1:
        return float(tensor.double_val[0])
    if len(tensor.tensor_content) == 4 and tensor.dtype == 1:
        return float(struct.unpack("<f", tensor.tensor_content)[0])
    return None
