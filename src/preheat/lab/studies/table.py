"""A study's folder read: every run with its scores, and its records joined over the stages it went through.

The same as tables, made anew from the folder's own files at any time: as an index in SQLite (``runs``, a row each, as
:class:`RunRow`; ``paths`` (run, place, stage); ``updates`` and ``evaluations`` by stage) and as Parquet files for
pandas, Polars, DuckDB and the like. The updates of a run, in SQL::

    select u.* from paths p join updates u using (stage) where p.run = ? order by u."update"
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from preheat.errors import RunError, missing_extra, refusal
from preheat.files import replacing
from preheat.lab.studies.folder import StudyFolder
from preheat.lab.training.records import EVALUATIONS, RECORDS, read_lines
from preheat.messages import _, joined

State = Literal["done", "went wrong", "missing"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run.

    Attributes:
        name: of the run.
        lr: peak learning rate.
        warmup: as given; None where the schedule says it.
        schedule: name or words.
        horizon: updates planned.
        seed: of the run.
        state: ``done``; ``went wrong``: its numbers were no longer finite; ``missing``: not trained to its end yet.
        updates: made so far.
        loss: on the validation split after the last update, in nats; None unless done, as are those below.
        accuracy: the share of rows classified rightly there.
        macro_f1: the mean over the classes of their F1 scores there.
        weights: SHA-256 of the last weights.
    """

    name: str
    lr: float
    warmup: int | float | str | None
    schedule: str
    horizon: int
    seed: int
    state: State
    updates: int
    loss: float | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    weights: str | None = None

    @property
    def cell(self) -> tuple[str, int | float | str | None, float, int]:
        """What runs of other seeds have in common with it."""
        return self.schedule, self.warmup, self.lr, self.horizon


@dataclass(frozen=True, slots=True)
class StudyTable:
    """All runs of a study, in the order of its design.

    Attributes:
        folder: the study's.
        question: what it is to answer.
        rows: the runs.
        stages: ids of the stages that each run goes through, by the run's name.
    """

    folder: StudyFolder
    question: str
    rows: tuple[RunRow, ...]
    stages: dict[str, list[str]]

    def row(self, name: str) -> RunRow:
        """The run called ``name``.

        Raises:
            RunError: if there is none.
        """
        row = next((one for one in self.rows if one.name == name), None)
        if row is None:
            advice = _("It has {runs}.", runs=joined(", ", self.stages))
            raise RunError(refusal("run", _("one of the study's"), name, advice))
        return row

    def records(self, name: str) -> list[dict[str, Any]]:
        """The records of a run, one an update from its first to its last, as ``preheat train`` would have them."""
        return self._lines(name, RECORDS)

    def evaluations(self, name: str) -> list[dict[str, Any]]:
        """The evaluations of a run, after each epoch and after its last update."""
        row, lines = self.row(name), self._lines(name, EVALUATIONS)
        if row.state == "done" and (not lines or lines[-1]["update"] != row.updates):
            epoch = self.records(name)[-1]["epoch"]
            result = self.folder.result(self.stages[name][-1])
            assert result is not None
            lines.append({"epoch": epoch, "update": row.updates, "split": "validation", **result["scores"]})
        return lines

    def to_rows(self) -> list[dict[str, Any]]:
        """The table as plain data."""
        return [asdict(row) for row in self.rows]

    def _lines(self, name: str, file: str) -> list[dict[str, Any]]:
        self.row(name)
        return [line for stage in self.stages[name] for line in read_lines(self.folder.stage(stage) / file)]


def read_study(folder: str | os.PathLike[str]) -> StudyTable:
    """The table of a study's runs, as far as they are trained.

    Raises:
        RunError: for a folder that is no study's.
    """
    study = StudyFolder(folder)
    header = study.header()
    known: dict[str, dict[str, Any] | None] = {}
    rows = []
    for run in header["runs"]:
        for stage in run["stages"]:
            if stage not in known:
                known[stage] = study.result(stage)
        rows.append(_row(run, [known[stage] for stage in run["stages"]]))
    stages = {run["name"]: run["stages"] for run in header["runs"]}
    return StudyTable(study, header["question"], tuple(rows), stages)


def _row(run: dict[str, Any], results: list[dict[str, Any] | None]) -> RunRow:
    values = {key: run[key] for key in ("name", "lr", "warmup", "schedule", "horizon", "seed")}
    updates = 0
    for result in results:
        if result is None:
            return RunRow(**values, state="missing", updates=updates)
        if result["failed"] is not None:
            return RunRow(**values, state="went wrong", updates=result["failed"]["update"])
        updates = result["until"]
    last = results[-1]
    assert last is not None
    scores = {key: last["scores"][key] for key in ("loss", "accuracy", "macro_f1")}
    return RunRow(**values, state="done", updates=updates, **scores, weights=last["weights"])


# --- An index in SQLite ----------------------------------------------------------------------------------------------


INDEX = "index.sqlite"
UPDATE_COLUMNS = ("update", "epoch", "lr", "loss", "grad_norm", "clipped", "tokens", "seconds", "update_ratio")
EVALUATION_COLUMNS = ("update", "epoch", "loss", "accuracy", "macro_f1")


def write_study_index(folder: str | os.PathLike[str]) -> Path:
    """Write ``index.sqlite`` into a study's folder, whole or not at all.

    Returns:
        Its path.

    Raises:
        RunError: for a folder that is no study's.
    """
    table = read_study(folder)
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


# --- Parquet ---------------------------------------------------------------------------------------------------------


FILES = ("runs.parquet", "updates.parquet", "evaluations.parquet")


def export_study(folder: str | os.PathLike[str], out: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
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
    table = read_study(folder)
    paths = [Path(out) / name for name in FILES]
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        raise RunError(
            refusal("out", _("a folder without these files"), there[0], _("Name another one, or add --force."))
        )
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
