"""A study's report as files: one HTML page that asks for nothing outside itself, and its pictures as PNG."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from preheat.errors import RunError, refusal
from preheat.files import replacing
from preheat.study.charts import pictures_of
from preheat.study.findings import Findings, Horizon, find
from preheat.study.report import cost_of, data_of, summarise
from preheat.study.table import StudyTable, read
from preheat.view.report.page import drawings, fill
from preheat.view.report.words import duration

NAME, PICTURES = "report.html", "pictures"
_MOST_CELLS = 400  # of a table


def write_report(folder: str | os.PathLike[str]) -> Path:
    """Write ``report.html`` and ``pictures/*.png`` into a study's folder; earlier ones are replaced.

    Args:
        folder: the study's, finished or not.

    Returns:
        The path of the page.

    Raises:
        RunError: if the folder is no study's, or none of its runs has begun.
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    table = read(folder)
    findings = find(table)
    if findings is None:
        advice = "Go on with preheat study resume."
        raise RunError(refusal("study", "one with a run that has begun", str(folder), advice))
    return write_page(table, findings)


def write_page(table: StudyTable, findings: Findings) -> Path:
    """Write the page and the pictures of a study whose findings are known; the path of the page."""
    path = table.folder.path / NAME
    page = _render(table, findings)
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path


def _render(table: StudyTable, findings: Findings) -> str:
    """The page as text; its pictures are written on the way."""
    header = table.folder.header()
    horizons, charts = [], []
    for horizon in findings.horizons:
        pictures = pictures_of(table, horizon, findings)
        (table.folder.path / PICTURES).mkdir(exist_ok=True)
        for picture in pictures:
            _write(picture.draw(True), table.folder.path / PICTURES / f"{picture.name}.png")
        drawn = [picture.chart() for picture in pictures]
        charts += drawn
        horizons.append({"of": horizon, "charts": drawings(drawn), "failures": _failures(horizon)})
    cells = summarise(table)
    return fill(
        "preheat.study/report.html.jinja",
        charts=charts,
        name=table.folder.path.resolve().name,
        question=header["question"],
        cost=f"{data_of(table)}; {cost_of(table)}",
        tiles=_tiles(table, findings),
        horizons=horizons,
        findings=findings,
        cells=cells[:_MOST_CELLS],
        more_cells=max(0, len(cells) - _MOST_CELLS),
        header=header,
        design=json.dumps(
            {key: value for key, value in header["design"].items() if value}, indent=2, ensure_ascii=False
        ),
    )


def _write(figure: Any, path: Path) -> None:
    with replacing(path) as beside:
        figure.savefig(beside, format="png", metadata={"Software": None})


def _tiles(table: StudyTable, findings: Findings) -> list[tuple[str, str, str]]:
    """The numbers people look for first."""
    states = [row.state for row in table.rows]
    ended = sum(state != "missing" for state in states)
    wrong = states.count("went wrong")
    stages = {stage for path in table.stages.values() for stage in path}
    results = [result for stage in stages if (result := table.folder.result(stage)) is not None]
    seeds = len({row.seed for row in table.rows})
    return [
        ("Runs", f"{ended:,}", f"of {len(states):,}" + (f"; {wrong} with bad numbers" if wrong else "")),
        ("Seeds", str(seeds), "of every cell"),
        ("Initial loss", f"{findings.initial:.4f}", "of an untrained model, in nats"),
        ("Time", duration(sum(result["seconds"] for result in results)), "of all stages together"),
    ]


def _failures(horizon: Horizon) -> dict[str, Any]:
    """How many seeds failed, by line and peak."""
    peaks = sorted({point.lr for one in horizon.compared for point in one.line.points})
    rows = []
    for one in sorted(horizon.compared, key=lambda each: (each.line.schedule, str(each.line.warmup))):
        known = {point.lr: point for point in one.line.points}
        cells = []
        for peak in peaks:
            point = known.get(peak)
            many = 0 if point is None else len(point.losses)
            failed = 0 if point is None else len(point.failed)
            cells.append((f"{failed} of {many}" if many else "", f"{failed / many if many else 0:.2f}"))
        rows.append((one.line.name, cells))
    return {"peaks": [f"{peak:g}" for peak in peaks], "rows": rows}
