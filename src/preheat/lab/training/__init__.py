"""Floor 4: the fine-tuning harness. Configuration -> data -> batches -> loop -> records and checkpoints -> evaluation.

Importing this package is cheap; torch, transformers and Accelerate load when a run starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from preheat.lab.training.config import TrainConfig as TrainConfig
from preheat.lab.training.config import read_config as read_config

if TYPE_CHECKING:
    from preheat.lab.training.callbacks import Callback as Callback
    from preheat.lab.training.callbacks import StopRun as StopRun
    from preheat.lab.training.estimating import estimate as estimate
    from preheat.lab.training.evaluation import Classifier as Classifier
    from preheat.lab.training.report import write_report as write_report
    from preheat.lab.training.session import train as train

_HOMES = {
    "train": "session",
    "estimate": "estimating",
    "Classifier": "predict",
    "Callback": "callbacks",
    "StopRun": "callbacks",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"preheat.lab.training.{_HOMES[name]}"), name)
