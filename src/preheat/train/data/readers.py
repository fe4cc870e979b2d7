"""Files and data sets as records: where each stands, its columns, and the split the data itself puts it in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from preheat.errors import DataError, missing_extra, refusal
from preheat.train.data.faults import Fault, fault

KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
SPLIT_NAMES = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}

Record = tuple[str, Mapping[str, Any], str | None]


def read_records(name: str, faults: list[Fault]) -> Iterator[Record]:
    """(where, columns, split) of every row; rows that cannot be read go to ``faults``.

    Raises:
        DataError: if there is no such file or data set, or it cannot be read at all.
    """
    path = Path(name)
    kind = path.suffix.lower()
    if path.is_dir() or not (path.exists() or kind in KINDS):
        yield from _data_set(name)
    elif not path.exists():
        raise DataError(refusal("data", "an existing file, a data set, 'bbc' or 'synthetic'", name, "Check the path."))
    elif kind in (".csv", ".tsv"):
        yield from _delimited(path, faults)
    elif kind in (".jsonl", ".ndjson"):
        yield from _json_lines(path, faults)
    elif kind == ".parquet":
        yield from _parquet(path)
    else:
        raise DataError(refusal("data", f"a file of a known kind ({', '.join(KINDS)})", name, "Convert it."))


def _text(path: Path) -> str:
    # Bytes that are no UTF-8 become lone surrogates, so that their rows can be named, each with its line.
    return path.read_bytes().decode("utf-8-sig", "surrogateescape")


def _broken(where: str, text: str, faults: list[Fault]) -> bool:
    """Whether ``text`` holds bytes that are no UTF-8; they are reported."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        byte = text[error.start].encode("utf-8", "surrogateescape")
        faults.append(fault(where, "encoding", "UTF-8", byte, "Save the file as UTF-8."))
        return True
    return False


def _delimited(path: Path, faults: list[Fault]) -> Iterator[Record]:
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
                faults.append(fault(where, "columns", f"{many} columns as in the header", found))
            elif not _broken(where, "\x1f".join(record.values()), faults):
                yield where, record, None
    except csv.Error as error:
        where = f"{path}, near line {reader.line_num}"
        faults.append(Fault(where, "table", f"{where}: cannot be read as a table: {error}"))


def _json_lines(path: Path, faults: list[Fault]) -> Iterator[Record]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        where = f"{path}, line {number}"
        if not line.strip() or _broken(where, line, faults):
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            faults.append(Fault(where, "JSON", f"{where}: cannot be read as JSON: {error}"))
            continue
        if isinstance(record, dict):
            yield where, record, None
        else:
            faults.append(fault(where, "columns", "a JSON object", record, "Write one object a line."))


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
        raise DataError(
            refusal("data", "a file, a data set, 'bbc' or 'synthetic'", name, f"Loading it failed: {reason}")
        ) from error
    for split, part in loaded.items():
        names = {key: feature for key, feature in part.features.items() if hasattr(feature, "int2str")}
        own = SPLIT_NAMES.get(split) if len(loaded) > 1 else None
        if own is None and len(loaded) > 1:
            continue
        for number, record in enumerate(part, 1):
            for key, feature in names.items():
                if isinstance(record[key], int) and record[key] >= 0:
                    record[key] = feature.int2str(record[key])
            yield f"{name}, {split} row {number}", record, own
