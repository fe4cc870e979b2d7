"""Floor 5: studies. A design -> runs -> a tree of stages -> processes that train it -> a folder -> a table.

Importing this package is cheap; torch and the harness load when a stage is trained.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from preheat.study.design import StudyDesign as StudyDesign
from preheat.study.design import read_design as read_design

if TYPE_CHECKING:
    from preheat.study.driver import plan_study as plan_study
    from preheat.study.driver import run_study as run_study
    from preheat.study.executors import DaskCluster as DaskCluster
    from preheat.study.executors import LocalProcesses as LocalProcesses
    from preheat.study.exporting import export as export
    from preheat.study.findings import Findings as Findings
    from preheat.study.findings import find as find
    from preheat.study.index import write_index as write_index
    from preheat.study.page import write_report as write_report
    from preheat.study.report import report_text as report_text
    from preheat.study.report import summarise as summarise
    from preheat.study.table import StudyTable as StudyTable
    from preheat.study.table import read as read

_HOMES = {
    "plan_study": "driver",
    "run_study": "driver",
    "DaskCluster": "executors",
    "LocalProcesses": "executors",
    "export": "exporting",
    "Findings": "findings",
    "find": "findings",
    "write_index": "index",
    "write_report": "page",
    "report_text": "report",
    "summarise": "report",
    "StudyTable": "table",
    "read": "table",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"preheat.study.{_HOMES[name]}"), name)
