"""The lab: everything that trains something. Training, finding rates, studies, and data to do it on.

``preheat.lab`` has the names one starts with; its packages have more. Importing it is cheap: torch, transformers,
Accelerate and Dask load when something of theirs is used.

>>> import preheat
>>> preheat.lab.TrainConfig(epochs=3).epochs
3
"""

from __future__ import annotations

from preheat._faces import face

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.lab.data.rows import NewsData as NewsData
    from preheat.lab.data.rows import load_data as load_data
    from preheat.lab.data.synthetic import Ceiling as Ceiling
    from preheat.lab.data.synthetic import Headlines as Headlines
    from preheat.lab.finding import CriticalLR as CriticalLR
    from preheat.lab.finding import RangeTest as RangeTest
    from preheat.lab.finding import Suggestion as Suggestion
    from preheat.lab.finding import WarmupAdvice as WarmupAdvice
    from preheat.lab.finding import advise_warmup as advise_warmup
    from preheat.lab.finding import advise_warmup_of_run as advise_warmup_of_run
    from preheat.lab.finding import critical_lr as critical_lr
    from preheat.lab.finding import critical_lr_of_update as critical_lr_of_update
    from preheat.lab.finding import find_lr as find_lr
    from preheat.lab.finding import find_lr_of_run as find_lr_of_run
    from preheat.lab.finding import line_search as line_search
    from preheat.lab.quadratic import Quadratic as Quadratic
    from preheat.lab.quadratic import Tuned as Tuned
    from preheat.lab.studies.design import StudyDesign as StudyDesign
    from preheat.lab.studies.design import read_design as read_design
    from preheat.lab.studies.driver import StudyPlan as StudyPlan
    from preheat.lab.studies.driver import plan_study as plan_study
    from preheat.lab.studies.driver import run_study as run_study
    from preheat.lab.studies.executors.dask import DaskCluster as DaskCluster
    from preheat.lab.studies.executors.local import LocalProcesses as LocalProcesses
    from preheat.lab.studies.findings import Findings as Findings
    from preheat.lab.studies.findings import analyze_study as analyze_study
    from preheat.lab.studies.report import CellSummary as CellSummary
    from preheat.lab.studies.report import study_report_text as study_report_text
    from preheat.lab.studies.report import summarize_cells as summarize_cells
    from preheat.lab.studies.report import write_study_report as write_study_report
    from preheat.lab.studies.table import StudyTable as StudyTable
    from preheat.lab.studies.table import export_study as export_study
    from preheat.lab.studies.table import read_study as read_study
    from preheat.lab.studies.table import write_study_index as write_study_index
    from preheat.lab.training.callbacks import Callback as Callback
    from preheat.lab.training.callbacks import StopRun as StopRun
    from preheat.lab.training.callbacks import Trackers as Trackers
    from preheat.lab.training.config import TrainConfig as TrainConfig
    from preheat.lab.training.config import read_config as read_config
    from preheat.lab.training.estimating import Estimate as Estimate
    from preheat.lab.training.estimating import estimate as estimate
    from preheat.lab.training.evaluation import Classifier as Classifier
    from preheat.lab.training.report import write_run_report as write_run_report
    from preheat.lab.training.session import train as train

# Where each name lives; modules load when a name of theirs is first used.
_HOMES: dict[str, str] = {
    **dict.fromkeys(("TrainConfig", "read_config"), "preheat.lab.training.config"),
    **dict.fromkeys(("train",), "preheat.lab.training.session"),
    **dict.fromkeys(("Estimate", "estimate"), "preheat.lab.training.estimating"),
    **dict.fromkeys(("Classifier",), "preheat.lab.training.evaluation"),
    **dict.fromkeys(("Callback", "StopRun", "Trackers"), "preheat.lab.training.callbacks"),
    **dict.fromkeys(
        (
            "RangeTest",
            "Suggestion",
            "find_lr",
            "critical_lr",
            "critical_lr_of_update",
            "CriticalLR",
            "line_search",
            "WarmupAdvice",
            "advise_warmup",
            "advise_warmup_of_run",
            "find_lr_of_run",
        ),
        "preheat.lab.finding",
    ),
    **dict.fromkeys(("write_run_report",), "preheat.lab.training.report"),
    **dict.fromkeys(("StudyDesign", "read_design"), "preheat.lab.studies.design"),
    **dict.fromkeys(("StudyPlan", "plan_study", "run_study"), "preheat.lab.studies.driver"),
    **dict.fromkeys(("LocalProcesses",), "preheat.lab.studies.executors.local"),
    **dict.fromkeys(("DaskCluster",), "preheat.lab.studies.executors.dask"),
    **dict.fromkeys(("StudyTable", "export_study", "read_study", "write_study_index"), "preheat.lab.studies.table"),
    **dict.fromkeys(("Findings", "analyze_study"), "preheat.lab.studies.findings"),
    **dict.fromkeys(
        ("CellSummary", "study_report_text", "summarize_cells", "write_study_report"), "preheat.lab.studies.report"
    ),
    **dict.fromkeys(("NewsData", "load_data"), "preheat.lab.data.rows"),
    **dict.fromkeys(("Ceiling", "Headlines"), "preheat.lab.data.synthetic"),
    **dict.fromkeys(("Quadratic", "Tuned"), "preheat.lab.quadratic"),
}

# A run; a rate before a run; many runs; what they are made on.
_PACKAGES = ("training", "finding", "studies", "data")

__all__ = [*_HOMES, *_PACKAGES]  # noqa: PLE0604 - names, every one

__getattr__, __dir__ = face(__name__, _HOMES, _PACKAGES)
