"""A run's report: one HTML page made of what the run folder holds.

The page asks for nothing outside itself and has no scripts (its own policy forbids both), so it can be mailed, kept and
opened offline. The same folder gives the same page, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from preheat.files import replacing
from preheat.train.reporting.charts import draw_charts
from preheat.train.reporting.events import MOST_ROWS, event_rows, marks_of
from preheat.train.reporting.folder import RunData, read_run
from preheat.train.reporting.scores import by_class, worst_pairs
from preheat.train.reporting.settings import setting_rows
from preheat.view.report import words
from preheat.view.report.page import drawings, fill

NAME = "report.html"
_MOST_CLASSES = 25  # in the matrix; of more classes the most frequent mistakes are listed
_MOST_LINES = 200  # of a table


def write_report(folder: str | os.PathLike[str]) -> Path:
    """Write ``report.html`` into a run folder, whole or not at all; an earlier one is replaced.

    Args:
        folder: a run folder, finished or not; only ``config.json`` has to be there.

    Returns:
        The path of the page.

    Raises:
        RunError: if the folder is no run, of another format, or a file in it is damaged.
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    page = render(read_run(Path(folder)))
    path = Path(folder) / NAME
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path


def render(run: RunData) -> str:
    """The page as text."""
    charts, missing = draw_charts(run, marks_of(run.events))
    return fill(
        "preheat.train.reporting/report.html.jinja",
        name=run.path.resolve().name,
        run=run,
        state=_state(run),
        tiles=_tiles(run),
        charts=charts,
        drawn=drawings(charts),
        missing=missing,
        speed=_speed(run),
        events=event_rows(run),
        more_events=max(0, len(run.events) - MOST_ROWS),
        schedule=_schedule(run),
        evaluations=_evaluations(run),
        more_evaluations=max(0, len(run.validation) - _MOST_LINES),
        test=_test(run),
        settings=setting_rows(run.header["config"]),
    )


def _state(run: RunData) -> str:
    """Whether the run is complete, or how far it got."""
    if run.result is not None:
        made = run.result["updates"]
        how = "Complete:" if made >= run.total else "Ended early, and scored:"
        return f"{how} {made:,} of {run.total:,} updates."
    if not run.done:
        return f"Unfinished: no update of {run.total:,} is recorded yet."
    return f"Unfinished: {run.done:,} of {run.total:,} updates are recorded, and there is no test score."


def _tiles(run: RunData) -> list[tuple[str, str, str]]:
    """The numbers people look for first: what, how much, and a remark."""
    tiles = []
    if run.result is not None:
        rows = run.header.get("rows", {}).get("test")
        remark = f"best checkpoint, {words.count(rows)} rows" if rows else "best checkpoint"
        for key, what in (("accuracy", "Test accuracy"), ("macro_f1", "Test macro F1"), ("loss", "Test loss")):
            tiles.append((what, words.score(run.result["test"].get(key)), remark))
    for key, score in run.header.get("ceiling", {}).items():
        name = f"Bayes-optimal {key.replace('_', '-')}"
        tiles.append((name, words.score(score), "the best there is to reach: synthetic headlines"))
    best = _best(run)
    if best is not None:
        line = run.validation[best]
        remark = f"after update {words.count(line['update'])}" + ("" if run.result else ", the best so far")
        tiles.append(("Validation accuracy", words.score(line.get("accuracy")), remark))
    tiles.append(("Updates", words.count(run.done), f"of {words.count(run.total)}"))
    updates, rates = run.numbers("lr")
    if len(rates):
        top = int(rates.argmax())
        tiles.append(("Largest learning rate", words.number(rates[top]), f"at update {words.count(updates[top])}"))
    seconds = run.result.get("seconds") if run.result else _sum(run, "seconds")
    tiles.append(("Time", words.duration(seconds), "as measured at the end" if run.result else "of recorded updates"))
    return tiles


def _sum(run: RunData, name: str) -> float | None:
    """The sum of what is recorded; None where nothing is."""
    _, values = run.numbers(name)
    return float(values.sum()) if len(values) else None


def _speed(run: RunData) -> str:
    """Tokens a second, in words."""
    import numpy as np

    _, speeds = run.numbers("tokens_per_second")
    if not len(speeds):
        return f"Tokens a second: {words.NOT_RECORDED}."
    slow, usual, fast = (words.number(part, 3) for part in np.quantile(speeds, [0.05, 0.5, 0.95]))
    tokens = _sum(run, "tokens")
    return (
        f"Tokens a second: {usual} at the median, between {slow} and {fast} at nine updates of ten;"
        f" {words.count(tokens)} tokens in all, in {words.duration(_sum(run, 'seconds'))} of updates."
    )


def _schedule(run: RunData) -> dict[str, str]:
    schedule = run.schedule
    waits = schedule.waits_for
    described = f"waits for {waits}" if waits else schedule.describe(run.lr, run.total)
    return {"text": str(schedule), "words": described, "plan": str(run.header.get("plan", words.NOT_RECORDED))}


def _best(run: RunData) -> int | None:
    """Which evaluation belongs to the best checkpoint; before the run is finished, the most accurate one so far."""
    if run.result is not None:
        number = str(run.result.get("best", "")).rpartition("-")[2]
        update = int(number) if number.isdecimal() else None
        return next((at for at, line in enumerate(run.validation) if line["update"] == update), None)
    scored = [(line["accuracy"], -at) for at, line in enumerate(run.validation) if line.get("accuracy") is not None]
    return -max(scored)[1] if scored else None


def _evaluations(run: RunData) -> list[tuple[dict[str, Any], bool]]:
    """The last evaluations and the best one, and whether each is it."""
    best = _best(run)
    skipped = max(0, len(run.validation) - _MOST_LINES)
    return [(line, at == best) for at, line in enumerate(run.validation) if at >= skipped or at == best]


def _test(run: RunData) -> dict[str, Any] | None:
    """The test scores, and from the confusion matrix, where there is one, those of each class."""
    if run.result is None:
        return None
    test: dict[str, Any] = {"scores": run.result["test"], "matrix": [], "pairs": [], "classes": [], "more": 0}
    confusion = run.result.get("confusion")
    if confusion is not None:
        names: Sequence[str] = run.header["classes"]
        scores = by_class(names, confusion)
        if len(names) <= _MOST_CLASSES:
            test["matrix"] = [
                (one, [_cell(rows, one.rows, right=place == at) for place, rows in enumerate(confusion[at])])
                for at, one in enumerate(scores)
            ]
        else:
            pairs = worst_pairs(confusion, _MOST_CLASSES)
            test["pairs"] = [(names[true], names[guess], rows) for true, guess, rows in pairs]
        if len(scores) > _MOST_LINES:
            test["more"] = len(scores) - _MOST_LINES
            scores = sorted(scores, key=lambda one: -1.0 if one.f1 is None else one.f1)[:_MOST_LINES]
        test["classes"] = scores
    return test


def _cell(rows: int, of: int, *, right: bool) -> tuple[int, str, str]:
    """A cell of the matrix: its count, the class that colours it, and how strongly, from 0 to 1."""
    return rows, "right" if right else "wrong", f"{rows / of if of else 0:.2f}"
