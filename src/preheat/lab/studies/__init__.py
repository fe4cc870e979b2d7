"""Studies. A design -> runs -> a tree of stages -> processes that train it -> a folder -> a table -> findings.

Importing this package is cheap; torch and the harness load when a stage is trained.
"""

from __future__ import annotations

from preheat._faces import face

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.lab.studies.design import StudyDesign as StudyDesign
    from preheat.lab.studies.design import read_design as read_design
    from preheat.lab.studies.driver import StudyPlan as StudyPlan
    from preheat.lab.studies.driver import plan_study as plan_study
    from preheat.lab.studies.driver import run_study as run_study
    from preheat.lab.studies.executors.dask import DaskCluster as DaskCluster
    from preheat.lab.studies.executors.local import LocalProcesses as LocalProcesses
    from preheat.lab.studies.findings import Findings as Findings
    from preheat.lab.studies.findings import analyze_study as analyze_study
    from preheat.lab.studies.findings import is_study as is_study
    from preheat.lab.studies.findings import study_logs as study_logs
    from preheat.lab.studies.findings import study_outcomes as study_outcomes
    from preheat.lab.studies.findings import study_probes as study_probes
    from preheat.lab.studies.report import CellSummary as CellSummary
    from preheat.lab.studies.report import study_report_text as study_report_text
    from preheat.lab.studies.report import summarize_cells as summarize_cells
    from preheat.lab.studies.report import write_study_report as write_study_report
    from preheat.lab.studies.stage import Done as Done
    from preheat.lab.studies.stage import Executor as Executor
    from preheat.lab.studies.table import StudyTable as StudyTable
    from preheat.lab.studies.table import export_study as export_study
    from preheat.lab.studies.table import read_study as read_study
    from preheat.lab.studies.table import write_study_index as write_study_index

# Where each name lives; modules load when a name of theirs is first used.
_HOMES: dict[str, str] = {
    **dict.fromkeys(("StudyDesign", "read_design"), "preheat.lab.studies.design"),
    **dict.fromkeys(("StudyPlan", "plan_study", "run_study"), "preheat.lab.studies.driver"),
    **dict.fromkeys(("LocalProcesses",), "preheat.lab.studies.executors.local"),
    **dict.fromkeys(("DaskCluster",), "preheat.lab.studies.executors.dask"),
    **dict.fromkeys(("Done", "Executor"), "preheat.lab.studies.stage"),
    **dict.fromkeys(("StudyTable", "export_study", "read_study", "write_study_index"), "preheat.lab.studies.table"),
    **dict.fromkeys(
        ("Findings", "analyze_study", "is_study", "study_logs", "study_outcomes", "study_probes"),
        "preheat.lab.studies.findings",
    ),
    **dict.fromkeys(
        ("CellSummary", "study_report_text", "summarize_cells", "write_study_report"), "preheat.lab.studies.report"
    ),
}

__all__ = [*_HOMES]  # noqa: PLE0604 - names, every one

__getattr__, __dir__ = face(__name__, _HOMES)
