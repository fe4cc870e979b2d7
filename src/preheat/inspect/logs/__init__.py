"""Logs of other people's runs, read for their learning rates."""

from __future__ import annotations

import os
from pathlib import Path

from preheat.errors import DataError, refusal
from preheat.inspect.logs.folders import IN_FOLDERS, log_in
from preheat.inspect.logs.values import Log as Log
from preheat.inspect.logs.values import Series as Series


def read_log(path: str | os.PathLike[str], column: str | None = None) -> Log:
    """Read the learning rates of a run from what it logged.

    Args:
        path: ``trainer_state.json``, a TensorBoard event file, CSV, JSON Lines or JSON; or a folder, in which one of
            these is looked for (in the last checkpoint too).
        column: the column (or tag) of the learning rate, where its name does not say so; None finds it.

    Raises:
        DataError: if the file is not there, cannot be read, or holds no learning rate.
    """
    from preheat.inspect.logs.events import read_events
    from preheat.inspect.logs.tables import read_csv, read_json_lines
    from preheat.inspect.logs.trainer_state import read_json

    given = Path(path)
    try:
        if given.is_dir():
            events = [found for found in given.rglob("*tfevents*") if found.is_file()]
            known = log_in(given) or next(iter(sorted(given.glob("**/metrics.csv"))[-1:]), None)
            if known is None and events:
                return read_events(events, given, column)
            if known is None:
                advice = f"Looked for {', '.join(IN_FOLDERS)} and TensorBoard events."
                raise DataError(refusal("log", "a file, or a folder with one", str(given), advice))
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
        raise DataError(refusal("log", "a file that can be read", str(given), f"{error.strerror}.")) from error
