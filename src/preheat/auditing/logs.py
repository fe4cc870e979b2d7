"""Logs of other people's runs, read for their learning rates: what they say, and how finely it is written.

A log becomes series of rates by step number. Rates stay decimals until their rounding is known: how many digits a log
was written with decides what can be told from it. Read are tables (CSV, JSON Lines, JSON), the Trainer's state and
TensorBoard's event files; ``read_log`` at the end finds out which.
"""

from __future__ import annotations

import csv
import json
import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import DataError, missing_extra, refusal, system_words
from preheat.messages import _, joined, plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# --- What a log says about learning rates: series of rates by step number, and how finely they are written ----------


_EXACT_DIGITS = 15  # and more: a float64 that was not rounded on purpose has as many, mostly
_FEW = 8  # distinct values, below which digits say little about rounding
_AT_LEAST = 2  # significant digits assumed then
_CLEARLY = 0.1  # shares of rates that tell digits from decimals
_TELLING = 2  # digits from which on two rates that have them are no chance
_FLOAT64 = 1e-9  # of the peak: several formulas for one curve
_FLOAT32 = 3e-7  # the same, where the values were computed in float32


@dataclass(frozen=True, slots=True)
class Series:
    """The learning rate of one parameter group, as logged.

    Attributes:
        name: the log's own word for it.
        steps: the log's step numbers, rising, each once; shape (n,), int64.
        rates: the learning rate at each.
        rounding: how far each may lie from the value that was used, by the digits it is written with.
        epochs: epochs passed at each step, where the log says so.
        restarts: indices into ``steps`` before which the log went back to an earlier step: a resume, mostly.
    """

    name: str
    steps: NDArray[np.int64]
    rates: NDArray[np.float64]
    rounding: NDArray[np.float64]
    epochs: NDArray[np.float64] | None = None
    restarts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Log:
    """A log file as read.

    Attributes:
        path: where it is.
        kind: what wrote it: ``"Hugging Face Trainer"``, ``"TensorBoard"``, ``"CSV"``, ...
        series: the learning rates in it, one series or more.
        first: the step number that belongs to the first update: 0, 1, or None where the kind of log does not say.
        total: updates planned, where the log says so.
        notes: what was left out or repaired while reading, in words.
    """

    path: Path
    kind: str
    series: tuple[Series, ...]
    first: int | None = None
    total: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Rows:
    """Rates as they come out of a file, before they are sorted; one for each column.

    Attributes:
        name: the column.
        steps: step numbers.
        rates: rates, as Decimal where they were text, so that no digit is lost.
        epochs: epochs, None where a row has none.
    """

    name: str
    steps: list[int] = field(default_factory=list)
    rates: list[Decimal] = field(default_factory=list)
    epochs: list[float | None] = field(default_factory=list)

    def add(self, step: Any, rate: Any, epoch: Any = None) -> bool:
        """Take one row; False, and nothing taken, if its step or rate is no number."""
        number, value = as_decimal(step), as_decimal(rate)
        if number is None or value is None or number != int(number) or not 0 <= number < 2**53:
            return False
        self.steps.append(int(number))
        self.rates.append(value)
        passed = as_decimal(epoch)
        self.epochs.append(None if passed is None else float(passed))
        return True

    def series(self, *, float32: bool = False) -> Series:
        """Sorted by step; of a step that comes again, the last value, since a resumed run writes over its past."""
        import numpy as np

        steps = np.array(self.steps, dtype=np.int64)
        order = np.argsort(steps, kind="stable")
        last_of_each = np.append(np.diff(steps[order]) > 0, True)
        kept = order[last_of_each]
        went_back = {self.steps[index] for index in range(1, len(steps)) if self.steps[index] < self.steps[index - 1]}
        rates = [self.rates[index] for index in kept]
        known = [self.epochs[index] for index in kept]
        return Series(
            self.name,
            steps[kept],
            np.array([float(rate) for rate in rates]),
            rounding(rates, float32=float32),
            np.array(known, dtype=np.float64) if known and None not in known else None,
            tuple(index for index, step in enumerate(steps[kept].tolist()) if step in went_back and index),
        )


def as_decimal(value: Any) -> Decimal | None:
    """A finite number as the digits it is written with; None for anything else.

    >>> as_decimal("1.50e-04"), as_decimal(0.1), as_decimal("nan"), as_decimal("")
    (Decimal('0.000150'), Decimal('0.1'), None, None)
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except ArithmeticError:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 300 else None


def rounding(rates: Sequence[Decimal], *, float32: bool = False) -> NDArray[np.float64]:
    """How far each written rate may lie from the true one: half a unit of its last digit, or the arithmetic's own.

    Printed with a fixed number of decimals, large rates have as many of them as small ones; printed with so many
    significant digits, large ones have fewer. What has fifteen digits or more was not rounded.

    >>> rounding([Decimal(text) for text in ("0.000100", "0.000050", "0.000001")]).tolist()
    [5e-07, 5e-07, 5e-07]
    """
    import numpy as np

    values = np.array([float(rate) for rate in rates])
    least = arithmetic(values, float32=float32)
    digits = max((_digits(rate) for rate in rates), default=0)
    # float32 values print with digits they do not have: their rounding is that of the arithmetic.
    half = np.zeros(len(values)) if digits >= _EXACT_DIGITS or float32 else _half_units(rates, digits)
    return np.maximum(half, least)


def arithmetic(values: NDArray[np.float64], *, float32: bool = False) -> float:
    """How far rates that nobody rounded may lie from a plan's: several formulas for a curve, in float32 or float64."""
    import numpy as np

    peak = float(np.abs(values).max()) if len(values) else 0.0
    return (_FLOAT32 if float32 or _is_float32(values) else _FLOAT64) * peak


def _half_units(rates: Sequence[Decimal], digits: int) -> NDArray[np.float64]:
    """Half a unit of the last digit, with as many digits or as many decimals as most of the rates have."""
    import numpy as np

    distinct = {rate for rate in rates if rate}
    decimals = max(_decimals(rate) for rate in rates)
    by_digits = _filled(distinct, _digits, digits, digits)
    by_decimals = _filled(distinct, _decimals, decimals, digits)
    if len(rates) > 1 and any(_has_trailing_zero(rate) for rate in rates) and {*map(_decimals, rates)} == {decimals}:
        by_decimals = 1.0  # spelled out: 0.000100
    fixed = 0.5 * 10.0**-decimals
    shown = digits if by_digits else max(digits, _AT_LEAST)
    halves = np.array([0.5 * 10.0 ** (rate.adjusted() - shown + 1) if rate else fixed for rate in rates])
    if by_decimals > by_digits + _CLEARLY:
        return np.full(len(rates), fixed)
    return np.maximum(halves, fixed) if by_decimals >= by_digits - _CLEARLY and by_decimals else halves


def _filled(distinct: set[Decimal], measure: Callable[[Decimal], int], most: int, digits: int) -> float:
    """Which share of the rates has the most digits (or decimals); 0.0 where that may be chance."""
    reaching = sum(measure(rate) == most for rate in distinct)
    return reaching / len(distinct) if reaching >= (2 if digits >= _TELLING else _FEW) else 0.0


def _digits(rate: Decimal) -> int:
    return len(rate.as_tuple().digits) if rate else 0


def _decimals(rate: Decimal) -> int:
    return -int(rate.as_tuple().exponent)


def _has_trailing_zero(rate: Decimal) -> bool:
    return rate.as_tuple().digits[-1] == 0 and _decimals(rate) > 1


def _is_float32(values: NDArray[np.float64]) -> bool:
    """Whether every value is one that float32 has, and they are not just short numbers."""
    import numpy as np

    long = [value for value in values.tolist() if len(repr(value)) > 12]
    return bool(long) and all(float(np.float32(value)) == value for value in long)


_COLUMN = "column= (--column)"  # an argument of what is said: a page has a field of another name for it


def refuse_without_rates(path: Path, seen: Iterable[str]) -> DataError:
    """The error for a log that has no learning rate, with what it has."""
    names = sorted(dict.fromkeys(seen))
    advice = _("It holds nothing. Log the learning rate, or name its column with {option}.", option=_COLUMN)
    if names:
        shown = joined(", ", [*names[:12], *(["..."] if len(names) > 12 else [])])
        advice = _(
            "It holds {columns}. Log the learning rate, or name its column with {option}.",
            columns=shown,
            option=_COLUMN,
        )
    return DataError(refusal("log", _("one with learning rates"), str(path), advice))


# --- Which columns of a table are step numbers and learning rates, by the names trainers give them ------------------


# Step numbers, the most telling first, and what number the first update has in them (None: nobody can tell).
_STEPS: tuple[tuple[str, int | None], ...] = (
    ("update", 0),
    ("train/global_step", 1),  # transformers' Trainer through W&B: counted after the update
    ("trainer/global_step", 0),  # Lightning through W&B: counted before it
    ("global_step", None),
    ("num_updates", None),
    ("step", None),
    ("_step", None),
    ("iteration", None),
    ("iter", None),
    ("steps", None),
    ("batch", None),
)
_RATE = re.compile(r"(?:^|[/_.\-\s:])(?:lr|learning[_\- ]?rate)(?:$|[/_.\-\s:\d])", re.IGNORECASE)
# Rates that are not the one in use, other numbers that are named after it, and W&B's columns of extremes.
_NOT_RATE = re.compile(
    r"(?:^|[/_.\-\s])(?:min|max|base|initial|peak|target|init|end)[_\- ](?:lr|learning)|momentum|weight[_\- ]?decay"
    r"|betas?|__(?:min|max)$|loss|scheduler|next_lr",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"(?:.*/)?epoch", re.IGNORECASE)


def rate_columns(names: Iterable[str], asked: str | None = None) -> list[str]:
    """The columns that hold learning rates; the one asked for, where one is.

    >>> rate_columns(["step", "lr-AdamW/pg1", "lr-AdamW/pg1-momentum", "min_lr", "train/learning_rate", "loss"])
    ['lr-AdamW/pg1', 'train/learning_rate']
    """
    if asked is not None:
        return [name for name in names if name == asked]
    return [name for name in names if _RATE.search(name) and not _NOT_RATE.search(name)]


def step_column(names: Iterable[str]) -> tuple[str, int | None] | None:
    """The column of step numbers, and which number the first update has in it.

    >>> step_column(["epoch", "train/global_step", "_step"])
    ('train/global_step', 1)
    """
    plain = {name.strip().lower(): name for name in names}
    return next(((plain[known], first) for known, first in _STEPS if known in plain), None)


def epoch_column(names: Iterable[str]) -> str | None:
    """The column that says how many epochs have passed."""
    return next((name for name in names if _EPOCH.fullmatch(name)), None)


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """One record with what is nested in it under joined names; a list gives one entry an item.

    >>> flat({"step": 1, "optim": {"lr": [0.1, 0.2]}})
    {'step': 1, 'optim/lr/0': 0.1, 'optim/lr/1': 0.2}
    """
    joined: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list) and len(value) <= 64:
            value = {str(index): item for index, item in enumerate(value)}
        if isinstance(value, Mapping):
            joined |= flat(value, f"{prefix}{name}/")
        else:
            joined[f"{prefix}{name}"] = value
    return joined


# --- Logs that are tables: CSV (Lightning's, W&B's, anybody's), JSON Lines (ours, W&B's) and lists of records in JSON


_LIGHTNING = re.compile(r"lr-[A-Z]\w*")  # LearningRateMonitor: lr-AdamW, lr-AdamW/pg1


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
    by_column: dict[str, Rows] = {}
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
                taken = by_column.setdefault(name, Rows(name)).add(
                    row[steps[0]], row[name], row[epoch] if epoch else None
                )
                dropped += not taken
    if seen and steps is None:
        advice = _(
            "It holds {columns}. Name the step numbers step, update or global_step.",
            columns=joined(", ", [*seen][:12]),
        )
        raise DataError(refusal("log", _("one with step numbers"), str(path), advice))
    kept = [rows for rows in by_column.values() if rows.steps]
    if not kept:
        raise refuse_without_rates(path, seen)
    left_out = plural(
        "{n} row whose step or rate is no number was left out",
        "{n} rows whose step or rate is no number were left out",
        dropped,
    )
    notes = (left_out,) if dropped else ()
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
                    notes.append(_("line {number} is unfinished and was left out", number=number))
                    return
                advice = _("Line {number}: {error}.", number=number, error=error)
                raise DataError(refusal("log", _("JSON Lines"), str(path), advice)) from error
            if not isinstance(record, Mapping):
                raise DataError(
                    refusal("log", _("JSON objects, one a line"), str(path), _("Line {number} is none.", number=number))
                )
            yield record


# --- ``trainer_state.json`` of transformers' Trainer, and other JSON documents with records in them -----------------
# Steps    ``global_step``, counted after the update: the rate logged at step s is the one update s - 1 used. Until
#          transformers 4.5x it was the next one (transformers#28124, #36973).
# Source   transformers 5.23, trainer.py and trainer_callback.py.


def read_json(path: Path, column: str | None = None) -> Log:
    """A JSON document: the Trainer's state, a list of records, or columns as lists."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig", errors="replace"), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise DataError(refusal("log", _("JSON"), str(path), f"{error}.")) from error
    if isinstance(data, Mapping) and isinstance(data.get("log_history"), list):
        return _trainer_state(path, data, column)
    if isinstance(data, list) and all(isinstance(record, Mapping) for record in data):
        return from_records(path, "JSON", data, column)
    if isinstance(data, Mapping) and data and all(isinstance(values, list) for values in data.values()):
        rows = [dict(zip(data, values, strict=False)) for values in zip(*data.values(), strict=False)]
        return from_records(path, "JSON", rows, column)
    advice = _("Give the Trainer's state, a list of records, or columns as lists.")
    raise DataError(refusal("log", _("JSON with learning rates by step"), str(path), advice))


def _trainer_state(path: Path, data: Mapping[str, Any], column: str | None) -> Log:
    records = [record for record in data["log_history"] if isinstance(record, Mapping)]
    log = from_records(path, "Hugging Face Trainer", records, column)
    total = data.get("max_steps")
    known = isinstance(total, int) and not isinstance(total, bool) and total > 0
    return Log(path, log.kind, log.series, 1, total if known else None, log.notes)


# --- Which file of a run's folder is its log ------------------------------------------------------------------------


IN_FOLDERS = ("records.jsonl", "trainer_state.json", "metrics.csv")


def log_in(folder: Path) -> Path | None:
    """The log file of a run folder, or of its last checkpoint: by their numbers, times do not survive a copy."""
    for name in IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    checkpoints = [path for path in folder.glob("checkpoint-*/trainer_state.json") if path.parent.name[11:].isdigit()]
    return max(checkpoints, key=lambda path: int(path.parent.name[11:]), default=None)


# --- TensorBoard event files ----------------------------------------------------------------------------------------
# Format   records of length (8 bytes), its checksum (4), data, its checksum (4); the data is an ``Event`` message whose
#          ``summary`` holds values by tag: ``simple_value``, or a tensor of one float. Rates are float32.
# Source   TensorFlow's record format; the messages as tensorboardX or tensorboard define them.


def read_events(paths: list[Path], folder: Path, column: str | None = None) -> Log:
    """The learning rates in event files, which are taken in the order of their names (they begin with the time)."""
    by_tag: dict[str, Rows] = {}
    seen: dict[str, None] = {}
    notes: list[str] = []
    for path in sorted(paths):
        for step, tag, value in _values(path, notes):
            seen[tag] = None
            if rate_columns([tag], column):
                by_tag.setdefault(tag, Rows(tag)).add(step, value)
    if not by_tag:
        raise refuse_without_rates(folder, seen)
    series = tuple(rows.series(float32=True) for rows in by_tag.values())
    return Log(folder, "TensorBoard", series, _numbering([*by_tag]), notes=tuple(notes))


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
            raise missing_extra("tensorboardX", "logs") from None
    return Event


def _records(path: Path, notes: list[str]) -> Iterator[bytes]:
    """The data of each record; a last one that is cut off, as in a run that still writes, is left out."""
    with path.open("rb") as file:
        while header := file.read(12):
            length = struct.unpack("<Q", header[:8])[0] if len(header) == 12 else -1
            # No event is a gigabyte: what says so is no length, and reading on would fill the memory.
            if length > 1 << 30:
                advice = _("It is damaged, or no event file.")
                raise DataError(refusal("log", _("a TensorBoard event file"), str(path), advice))
            body = file.read(length + 4) if length >= 0 else b""
            if len(body) < length + 4 or length < 0:
                notes.append(_("the last record of {file} is unfinished and was left out", file=path.name))
                return
            yield body[:-4]  # checksums are not held: a rate with a flipped bit shows by itself


def _scalar(tensor: Any) -> float | None:
    """The one number in a tensor of floats."""
    if len(tensor.float_val) == 1:
        return float(tensor.float_val[0])
    if len(tensor.double_val) == 1:
        return float(tensor.double_val[0])
    if len(tensor.tensor_content) == 4 and tensor.dtype == 1:
        return float(struct.unpack("<f", tensor.tensor_content)[0])
    return None


# --- Any of them, by its name -----------------------------------------------------------------------------------------


def read_log(path: str | os.PathLike[str], column: str | None = None) -> Log:
    """Read the learning rates of a run from what it logged.

    Args:
        path: ``trainer_state.json``, a TensorBoard event file, CSV, JSON Lines or JSON; or a folder, in which one of
            these is looked for (in the last checkpoint too).
        column: the column (or tag) of the learning rate, where its name does not say so; None finds it.

    Raises:
        DataError: if the file is not there, cannot be read, or holds no learning rate.
    """
    given = Path(path)
    try:
        if given.is_dir():
            events = [path for path in given.rglob("*tfevents*") if path.is_file()]
            known = log_in(given) or next(iter(sorted(given.glob("**/metrics.csv"))[-1:]), None)
            if known is None and events:
                return read_events(events, given, column)
            if known is None:
                advice = _("Looked for {files} and TensorBoard events.", files=joined(", ", IN_FOLDERS))
                raise DataError(refusal("log", _("a file, or a folder with one"), str(given), advice))
            given = known
        if "tfevents" in given.name:
            return read_events([given], given, column)
        kind = given.suffix.lower()
        if kind in (".csv", ".tsv", ".txt"):
            return read_csv(given, column)
        if kind == ".json":
            return read_json(given, column)
        return read_json_lines(given, column)
    except OSError as error:
        problem = _("{problem}.", problem=system_words(error))
        raise DataError(refusal("log", _("a file that can be read"), str(given), problem)) from error
