"""The fine-tuning harness. Configuration -> data -> batches -> loop -> records and checkpoints -> evaluation.

Importing this package is cheap; torch, transformers and Accelerate load when a run starts.
"""

from __future__ import annotations

from preheat._faces import face

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.lab.training.callbacks import Callback as Callback
    from preheat.lab.training.callbacks import StopRun as StopRun
    from preheat.lab.training.callbacks import Trackers as Trackers
    from preheat.lab.training.config import TrainConfig as TrainConfig
    from preheat.lab.training.config import read_config as read_config
    from preheat.lab.training.estimating import Estimate as Estimate
    from preheat.lab.training.estimating import estimate as estimate
    from preheat.lab.training.evaluation import Classifier as Classifier
    from preheat.lab.training.evaluation import Guess as Guess
    from preheat.lab.training.evaluation import Scores as Scores
    from preheat.lab.training.loop import Run as Run
    from preheat.lab.training.report import write_run_report as write_run_report
    from preheat.lab.training.session import train as train

# Where each name lives; modules load when a name of theirs is first used.
_HOMES: dict[str, str] = {
    **dict.fromkeys(("TrainConfig", "read_config"), "preheat.lab.training.config"),
    **dict.fromkeys(("train",), "preheat.lab.training.session"),
    **dict.fromkeys(("Run",), "preheat.lab.training.loop"),
    **dict.fromkeys(("Estimate", "estimate"), "preheat.lab.training.estimating"),
    **dict.fromkeys(("Classifier", "Guess", "Scores"), "preheat.lab.training.evaluation"),
    **dict.fromkeys(("Callback", "StopRun", "Trackers"), "preheat.lab.training.callbacks"),
    **dict.fromkeys(("write_run_report",), "preheat.lab.training.report"),
}

__all__ = [*_HOMES]  # noqa: PLE0604 - names, every one

__getattr__, __dir__ = face(__name__, _HOMES)
