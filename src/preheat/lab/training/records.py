"""What a run writes down, a JSON line an update, an evaluation, an event; and its folder read as columns for reports.

Numbers  are taken as written. One that is null (JSON has no NaN), or that a line does not have, is NaN in a column;
         nothing is filled in.
Kills    leave at most half a last line, which is dropped; damage anywhere else is refused.
"""

from __future__ import annotations

import json
import math
import os
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from preheat.errors import RunError, refusal
from preheat.files import replacing
from preheat.messages import _, in_context, joined, unpacked
from preheat.schedule import Schedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# --- Writing and reading back ----------------------------------------------------------------------------------------


RECORDS, EVALUATIONS, EVENTS = "records.jsonl", "evaluations.jsonl", "events.jsonl"

# The kinds of events, for people; a file has the words on the left.
KINDS = {
    "spike": in_context("an event of a run", "spike"),
    "skip": in_context("an event of a run", "skip"),
    "resume": in_context("an event of a run", "resume"),
    "stop": in_context("an event of a run", "stop"),
    "end": in_context("an event of a run", "end"),
}


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` as JSON, whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The data :func:`write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file; a last line that a kill left unfinished is dropped."""
    return list(_lines(path))


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
        # To the system, not to the disk: a kill of the process loses nothing then, and fsync at every update would
        # cost more than the update.
        self._file.flush()
        return written

    def sync(self) -> None:
        """Wait until all of it is on the disk, which what vouches for it has to do first: a checkpoint."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- A run folder in columns -----------------------------------------------------------------------------------------


if TYPE_CHECKING:
    Column = NDArray[np.float64]

# The format of config.json and of what it stands for: other releases' folders are refused, not guessed at.
FORMAT = 2
_HEADER = ("config", "classes", "data", "updates", "schedule")
_NAN = float("nan")
_COLUMNS = (
    *("update", "lr", "loss", "grad_norm", "clipped", "tokens", "seconds", "tokens_per_second"),
    *("update_ratio", "critical_lr"),
)


@dataclass(frozen=True, slots=True)
class RunData:
    """What a run folder holds.

    Attributes:
        path: the folder.
        header: ``config.json``.
        schedule: the schedule in it, for the learning rate in it.
        columns: one value an update for each name, in the order written; NaN where there is none. All of one length.
        groups: updates and learning rates of each parameter group, where lines have ``lrs``.
        evaluations: ``evaluations.jsonl``, in the order written.
        events: ``events.jsonl``, the same.
        result: ``result.json``; None for a run that is not finished.
    """

    path: Path
    header: dict[str, Any]
    schedule: Schedule
    columns: dict[str, Column]
    groups: dict[str, tuple[Column, Column]]
    evaluations: list[dict[str, Any]]
    events: list[dict[str, Any]]
    result: dict[str, Any] | None

    @property
    def done(self) -> int:
        """Updates made, as far as they are recorded."""
        made = self.columns["update"]
        return int(made[-1]) + 1 if len(made) else 0

    def numbers(self, name: str) -> tuple[Column, Column]:
        """Updates and values of a column, where there is a value."""
        import numpy as np

        known = ~np.isnan(self.columns[name])
        return self.columns["update"][known], self.columns[name][known]

    @property
    def total(self) -> int:
        """Updates planned."""
        return int(self.header["updates"])

    @property
    def validation(self) -> list[dict[str, Any]]:
        """The evaluations on the validation split."""
        return [line for line in self.evaluations if line.get("split") == "validation"]

    @property
    def lr(self) -> float:
        """The learning rate that the schedule's factor 1 stands for."""
        return float(self.header["config"]["lr"])


def read_run(path: Path) -> RunData:
    """Read a run folder.

    Raises:
        RunError: if it is none, of another format, or a file in it is damaged.
    """
    header = _header(path)
    columns, groups = _records(path / "records.jsonl")
    result = path / "result.json"
    return RunData(
        path,
        header,
        Schedule.from_dict(header["schedule"]).for_base(float(header["config"]["lr"])),
        columns,
        groups,
        list(_lines(path / "evaluations.jsonl")),
        [_told_later(event) for event in _lines(path / "events.jsonl")],
        _json(result) if result.is_file() else None,
    )


def _told_later(event: dict[str, Any]) -> dict[str, Any]:
    """An event whose text is a message again, where the file has it as data; older releases wrote the text alone."""
    with suppress(KeyError, TypeError, ValueError):
        event["text"] = unpacked(event.pop("message"))
    return event


def _header(path: Path) -> dict[str, Any]:
    file = path / "config.json"
    if not file.is_file():
        raise RunError(refusal("run", _("a folder that preheat train wrote"), str(path), _("It has no config.json.")))
    header: dict[str, Any] = _json(file)
    if header.get("format") != FORMAT:
        advice = _("Use the release that wrote it.")
        raise RunError(refusal("run", _("of format {format}", format=FORMAT), header.get("format"), advice))
    with suppress(KeyError, TypeError, ValueError):
        header["plan"] = unpacked(header.pop("plan_message"))
    missing = [key for key in _HEADER if key not in header]
    if missing:
        advice = _("It lacks {keys}: restore the file.", keys=joined(", ", missing))
        raise RunError(
            refusal(f"{file}", _("a header with {keys}", keys=joined(", ", _HEADER)), sorted(header), advice)
        )
    return header


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(
            _("{path}: cannot be read as JSON: {error}. Restore the file.", path=path, error=error)
        ) from None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSON Lines file, one by one; none if it is not there."""
    # Asked for by opening it: a stage of a study may be moved away between a question and its answer.
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return  # what a kill left of the last line
            try:
                record = json.loads(line.decode())
            except ValueError as error:
                raise RunError(
                    _(
                        "{path}, line {number}: cannot be read as JSON: {error}. Restore the file.",
                        path=path,
                        number=number,
                        error=error,
                    )
                ) from None
            if not isinstance(record, dict):
                raise RunError(refusal(_line(path, number), _("an object"), record, _("Restore the file.")))
            yield record


def _line(path: Path, number: int) -> str:
    return _("{file}, line {number}", file=path, number=number)


def _records(path: Path) -> tuple[dict[str, Column], dict[str, tuple[Column, Column]]]:
    """Columns of ``records.jsonl``, read line by line: a million updates are more than one holds as dictionaries."""
    import numpy as np

    # Eight bytes a number: as dictionaries a million updates take gigabytes.
    columns = {name: array("d") for name in _COLUMNS}
    groups: dict[str, tuple[array[float], array[float]]] = {}
    for number, record in enumerate(_lines(path), 1):
        try:
            update = record["update"]
            for name, column in columns.items():
                value = record.get(name)
                column.append(_NAN if value is None else value)
            for group, lr in record.get("lrs", {}).items():
                at, lrs = groups.setdefault(group, (array("d"), array("d")))
                at.append(update)
                lrs.append(_NAN if lr is None else lr)
        except (KeyError, TypeError, AttributeError):
            advice = _("Restore the file.")
            raise RunError(refusal(_line(path, number), _("the record of an update"), record, advice)) from None
    plain = {name: np.array(column) for name, column in columns.items()}
    for values in plain.values():
        values[np.isinf(values)] = np.nan
    return plain, {group: (np.array(at), np.array(lrs)) for group, (at, lrs) in groups.items()}
