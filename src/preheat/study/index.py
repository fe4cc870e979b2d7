"""A study's folder as tables, for questions in SQL; made anew from the folder's own files at any time.

``runs`` a row each, as :class:`~preheat.study.table.RunRow`; ``paths`` (run, place, stage); ``updates`` and
``evaluations`` by stage. The updates of a run::

    select u.* from paths p join updates u using (stage) where p.run = ? order by u."update"
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

from preheat.files import replacing
from preheat.study.table import RunRow, StudyTable, read
from preheat.train.saving.records import EVALUATIONS, RECORDS, read_lines

INDEX = "index.sqlite"
UPDATE_COLUMNS = ("update", "epoch", "lr", "loss", "grad_norm", "clipped", "tokens", "seconds", "update_ratio")
EVALUATION_COLUMNS = ("update", "epoch", "loss", "accuracy", "macro_f1")


def write_index(folder: str | os.PathLike[str]) -> Path:
    """Write ``index.sqlite`` into a study's folder, whole or not at all.

    Returns:
        Its path.

    Raises:
        RunError: for a folder that is no study's.
    """
    table = read(folder)
    path = table.folder.path / INDEX
    with replacing(path) as beside, closing(sqlite3.connect(beside)) as database, database:
        _fill(database, table)
    return path


def _fill(database: sqlite3.Connection, table: StudyTable) -> None:
    names = [field.name for field in fields(RunRow)]
    _make(database, "runs", names, ([getattr(row, name) for name in names] for row in table.rows))
    paths = ((run, place, stage) for run, stages in table.stages.items() for place, stage in enumerate(stages))
    _make(database, "paths", ("run", "place", "stage"), paths)
    stages = list(dict.fromkeys(stage for path in table.stages.values() for stage in path))
    for name, file, columns in (("updates", RECORDS, UPDATE_COLUMNS), ("evaluations", EVALUATIONS, EVALUATION_COLUMNS)):
        lines = (
            (stage, *map(line.get, columns))
            for stage in stages
            for line in read_lines(table.folder.stage(stage) / file)
        )
        _make(database, name, ("stage", *columns), lines)
        database.execute(f"create index {name}_by_stage on {name} (stage)")


def _make(database: sqlite3.Connection, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table of rows; the names are this module's own."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    database.execute(f"create table {name} ({quoted})")
    database.executemany(f"insert into {name} values ({', '.join('?' * len(columns))})", rows)
