"""Floor 4: the fine-tuning harness. Configuration -> data -> batches -> loop -> records and checkpoints -> evaluation.

Importing this package is cheap; torch, transformers and Accelerate load when a run starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from preheat.train.config import TrainConfig as TrainConfig
from preheat.train.config import read_config as read_config

if TYPE_CHECKING:
    from preheat.train.estimating import estimate as estimate
    from preheat.train.predict import Classifier as Classifier
    from preheat.train.reporting.callbacks import Callback as Callback
    from preheat.train.reporting.callbacks import StopRun as StopRun
    from preheat.train.reporting.report import write_report as write_report
    from preheat.train.session import train as train

_HOMES = {
    "train": "session",
    "estimate": "estimating",
    "Classifier": "predict",
    "Callback": "reporting.callbacks",
    "StopRun": "reporting.callbacks",
    "write_report": "reporting.report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"preheat.train.{_HOMES[name]}"), name)
