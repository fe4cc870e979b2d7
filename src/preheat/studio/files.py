"""What can be downloaded: drawings of a design, and reports of runs and studies."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.responses import Response

from preheat.errors import ConfigError, RunError, refusal
from preheat.studio.design import Design
from preheat.studio.drawing import label
from preheat.studio.found import inside

_KINDS = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv; charset=utf-8"}
_MOST_ROWS = 2_000_000  # of a table


def curve_file(kind: str, query: str) -> Response:
    """The curves of a design as a picture or a table.

    Args:
        kind: ``png``, ``svg`` or ``csv``.
        query: the design, as its page has it in the address.

    Raises:
        ConfigError, ScheduleError, PlanError: for another kind, and for a design that cannot be.
        MissingExtraError: if matplotlib is not installed.
    """
    from preheat.view import plot, to_csv

    if kind not in _KINDS:
        raise ConfigError(refusal("kind", f"one of {', '.join(_KINDS)}", kind, "Download one of these."))
    design = Design.from_query(parse_qsl(query, keep_blank_values=True))
    schedules = {label(design, index): design.schedule(index) for index in range(len(design.curves))}
    if kind == "csv":
        if design.updates > _MOST_ROWS:
            advice = "Write it in Python, by preheat.view.to_csv."
            raise ConfigError(refusal("updates", f"at most {_MOST_ROWS} in a table", design.updates, advice))
        content = to_csv(schedules, updates=design.updates, lr=design.lr).encode()
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"curve.{kind}"
            plot(schedules, path=path, updates=design.updates, lr=design.lr, log=design.log)
            content = path.read_bytes()
    return Response(content, media_type=_KINDS[kind])


def report_file(folder: Path, kind: str, name: str) -> Response:
    """The report of a run or a study, written anew.

    Args:
        folder: where both are looked for.
        kind: ``run`` or ``study``.
        name: of its folder, below ``folder``.
    """
    from preheat.study import write_report as study_report
    from preheat.train import write_report as run_report

    writers: dict[str, Callable[[Path], Path]] = {"run": run_report, "study": study_report}
    if kind not in writers:
        raise ConfigError(refusal("kind", f"one of {', '.join(writers)}", kind, "Open it from its page."))
    place = inside(folder, name)
    if not place.is_dir():
        raise RunError(refusal(kind, "a folder that is there", name, "Choose one on its page."))
    return Response(writers[kind](place).read_bytes(), media_type="text/html; charset=utf-8")
