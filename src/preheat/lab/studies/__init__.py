"""Floor 5: studies. A design -> runs -> a tree of stages -> processes that train it -> a folder -> a table.

Importing this package is cheap; torch and the harness load when a stage is trained.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from preheat.lab.studies.design import StudyDesign as StudyDesign
from preheat.lab.studies.design import read_design as read_design

if TYPE_CHECKING:
    from preheat.lab.studies.driver import plan_study as plan_study
    from preheat.lab.studies.driver import run_study as run_study
    from preheat.lab.studies.executors import DaskCluster as DaskCluster
    from preheat.lab.studies.executors import LocalProcesses as LocalProcesses
    from preheat.lab.studies.findings import Findings as Findings
    from preheat.lab.studies.findings import find as find
    from preheat.lab.studies.report import report_text as report_text
    from preheat.lab.studies.report import summarize as summarize
    from preheat.lab.studies.report import write_report as write_report
    from preheat.lab.studies.table import StudyTable as StudyTable
    from preheat.lab.studies.table import export as export
    from preheat.lab.studies.table import read as read
    from preheat.lab.studies.table import write_index as write_index

_HOMES = {
    "plan_study": "driver",
    "run_study": "driver",
    "DaskCluster": "executors",
    "LocalProcesses": "executors",
    "export": "table",
    "Findings": "findings",
    "find": "findings",
    "write_index": "table",
    "write_report": "report",
    "report_text": "report",
    "summarize": "report",
    "StudyTable": "table",
    "read": "table",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"preheat.lab.studies.{_HOMES[name]}"), name)
