"""A study's tables as Parquet files, for pandas, Polars, DuckDB and the like."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from preheat.errors import RunError, missing_extra, refusal
from preheat.files import replacing
from preheat.study.index import EVALUATION_COLUMNS, UPDATE_COLUMNS
from preheat.study.table import RunRow, StudyTable, read

FILES = ("runs.parquet", "updates.parquet", "evaluations.parquet")


def export(folder: str | os.PathLike[str], out: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
    """Write ``runs.parquet``, ``updates.parquet`` and ``evaluations.parquet``.

    A row a run, an update of a run and an evaluation of a run; the last two name it in the column ``run``. What runs
    have shared is there for each of them, as if it had been trained alone.

    Args:
        folder: the study's.
        out: folder to write to; made if it is not there.
        force: replace files that are there.

    Returns:
        The three paths.

    Raises:
        RunError: if the folder is no study's, or a file is there already.
        MissingExtraError: if pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401 - the import is the question
    except ImportError as error:
        raise missing_extra("pyarrow", "data") from error
    table = read(folder)
    paths = [Path(out) / name for name in FILES]
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        raise RunError(refusal("out", "a folder without these files", there[0], "Name another one, or add --force."))
    Path(out).mkdir(parents=True, exist_ok=True)
    # A warm-up may be updates, a share or words: as text, so that a column has one type.
    runs = [{**row, "warmup": None if row["warmup"] is None else str(row["warmup"])} for row in table.to_rows()]
    _write(paths[0], [field.name for field in fields(RunRow)], runs)
    _write(paths[1], ["run", *UPDATE_COLUMNS], _of_runs(table, UPDATE_COLUMNS, StudyTable.records))
    _write(paths[2], ["run", *EVALUATION_COLUMNS], _of_runs(table, EVALUATION_COLUMNS, StudyTable.evaluations))
    return paths


def _of_runs(table: StudyTable, columns: Iterable[str], lines: Any) -> list[dict[str, Any]]:
    return [
        {"run": row.name, **{name: line.get(name) for name in columns}}
        for row in table.rows
        for line in lines(table, row.name)
    ]


def _write(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    """A table with all of its columns, also of no rows."""
    import pyarrow
    import pyarrow.parquet

    with replacing(path) as beside:
        pyarrow.parquet.write_table(pyarrow.table({name: [row[name] for row in rows] for name in columns}), beside)
