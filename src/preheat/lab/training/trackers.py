"""Trackers: a run's numbers sent to TensorBoard, Trackio, W&B, MLflow and others, through Accelerate's tracker classes.

Step     the number of an update, from 0, as in ``records.jsonl``; scores have the number of updates made.
Names    ``lr``, ``lr/<group>``, ``loss``, ``grad_norm``, ``update_ratio``, ``critical_lr``, ``tokens_per_second``;
         ``validation/accuracy``, ``test/accuracy``, ... . What is null or not finite is left out.
Failure  one that cannot be started is refused before the first update. One that fails later is named once and left out
         for the rest of the run: a server that is down must not lose a run, whose own files have every number anyway.
Resume   TensorBoard is told where the run goes on, and hides what it has from there on. Others get a new run of theirs,
         named ``<run>-from-<update>``, so that no curve holds an update twice.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from preheat.errors import ConfigError, MissingExtraError, RunError, missing_extra, refusal
from preheat.lab.training.callbacks import Callback
from preheat.view.report import value

FOLDER = "trackers"
_NUMBERS = ("lr", "loss", "grad_norm", "update_ratio", "critical_lr", "tokens_per_second")


class Trackers(Callback):
    """A callback that sends a run's numbers to one tracker or several.

    Args:
        names: of trackers, as Accelerate knows them: ``["tensorboard", "trackio"]``.
        folder: the run folder: its name is the run's name in the trackers, and files of trackers that keep some with
            the run go into ``<folder>/trackers``.
        project: the trackers' word for a set of runs.
        options: more arguments for a tracker's own start (``wandb.init``, ``trackio.init``, ``SummaryWriter``, ...), by
            its name; they win over those that are given here.
        say: receives the line about a tracker that failed.

    Raises:
        ConfigError: for a name that Accelerate does not know, a repeated one, or options of a tracker not named.
        MissingExtraError: for a tracker that is not installed, with the command that installs it.
    """

    def __init__(
        self,
        names: Sequence[str],
        folder: str | os.PathLike[str],
        *,
        project: str = "preheat",
        options: Mapping[str, Mapping[str, Any]] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._classes = {name: _tracker_class(name) for name in names}
        if len(self._classes) < len(names):
            raise ConfigError(refusal("trackers", "named once each", list(names), "Leave out the repeated one."))
        self._options = dict(options or {})
        for name in self._options:
            if name not in self._classes:
                advice = "Name the tracker too, or leave them out."
                raise ConfigError(refusal("options", f"of the trackers {list(names)}", name, advice))
        self._folder, self._project = Path(folder), project
        self._say = say or _say_to_stderr
        self._running: dict[str, Any] = {}

    def on_start(self, header: Mapping[str, Any]) -> None:
        """Start every tracker and send the settings.

        Raises:
            RunError: for a tracker that cannot be started.
        """
        from accelerate import PartialState

        PartialState()  # Accelerate's trackers ask it whether this is the main process; an Accelerator's own is kept
        (self._folder / FOLDER).mkdir(parents=True, exist_ok=True)
        position = int(header["position"])
        for name, kind in self._classes.items():
            known = name == "tensorboard" and self._tensorboard.exists()
            try:
                with _stdout_to_stderr():
                    tracker = kind(*self._given(name, kind), **self._named(name, position))
                    tracker.start()
                    self._running[name] = tracker
                    if not known:  # TensorBoard has the settings of the run it goes on with
                        tracker.store_init_configuration(_flat(header["config"]))
            except Exception as error:
                advice = f"It failed: {_line(error)}. Set it up, or leave it out."
                raise RunError(refusal("tracker", "one that can be started", name, advice)) from error

    def on_update(self, record: Mapping[str, Any]) -> None:
        """Send an update's numbers."""
        values = {name: record.get(name) for name in _NUMBERS}
        values |= {f"lr/{_plain(group)}": lr for group, lr in record.get("lrs", {}).items()}
        self._log(values, record["update"])

    def on_evaluation(self, scores: Mapping[str, Any]) -> None:
        """Send the scores, as ``validation/accuracy``, ..."""
        split = scores.get("split", "validation")
        values = {f"{split}/{name}": score for name, score in scores.items() if name not in ("epoch", "update")}
        self._log(values, scores["update"])

    def on_end(self, result: Mapping[str, Any]) -> None:
        """Send the test scores."""
        self._log({f"test/{name}": score for name, score in result["test"].items()}, result["updates"])

    def on_close(self) -> None:
        """Finish every tracker, so that nothing it still holds is lost."""
        self._each(_finish)
        self._running.clear()

    @property
    def _tensorboard(self) -> Path:
        return self._folder / FOLDER / "tensorboard"

    def _given(self, name: str, kind: Any) -> list[Any]:
        """The arguments Accelerate itself gives: a name and, to those that want it, a folder."""
        if name == "tensorboard":  # it writes into a folder of the first in the second
            return ["tensorboard", self._folder / FOLDER]
        return [self._project, self._folder / FOLDER] if kind.requires_logging_directory else [self._project]

    def _named(self, name: str, position: int) -> dict[str, Any]:
        """What the tracker is told about the run, and the user's options."""
        own = self._folder.resolve().name
        run = f"{own}-from-{position}" if position else own
        known: dict[str, dict[str, Any]] = {
            "tensorboard": {"purge_step": position, "filename_suffix": f".from-{position}"},
            "trackio": {"name": run, "group": own},
            "wandb": {"name": run, "group": own, "dir": str(self._folder / FOLDER)},
            "mlflow": {"run_name": run},
        }
        return {**known.get(name, {}), **self._options.get(name, {})}

    def _log(self, values: Mapping[str, Any], step: int) -> None:
        """Send those that are finite numbers."""
        sent = {name: value for name, value in values.items() if _is_number(value)}
        if sent:
            self._each(lambda tracker: tracker.log(sent, step=step))

    def _each(self, call: Callable[[Any], None]) -> None:
        """Call every tracker; one that fails is told of, and left out from then on."""
        for name, tracker in list(self._running.items()):
            try:
                with _stdout_to_stderr():
                    call(tracker)
            except Exception as error:
                del self._running[name]
                self._say(f"tracker {name} failed and is left out for the rest of the run: {_line(error)}")


def _tracker_class(name: str) -> Any:
    """Accelerate's class for a tracker that is known and installed."""
    try:
        from accelerate import tracking
        from accelerate.utils import LoggerType
    except ImportError as error:
        raise missing_extra(error.name or "accelerate", "train") from error
    known = tracking.LOGGER_TYPE_TO_CLASS
    if name not in known:
        raise ConfigError(
            refusal("tracker", f"one that Accelerate knows ({', '.join(sorted(known))})", name, "Pick one.")
        )
    own = [str(kind) for kind in LoggerType]  # others were registered by the user, who has them
    if name in own and LoggerType(name) not in tracking.get_available_trackers():
        if name == "tensorboard":
            raise missing_extra("tensorboardX", "logs")
        raise MissingExtraError(f"{name} is not installed: pip install {name}")
    return known[name]


def _finish(tracker: Any) -> None:
    if tracker.name == "trackio":
        import trackio

        module: Any = trackio
        module.finish()  # forgets the run too: what the tracker calls leaves it to be finished again at exit
    else:
        tracker.finish()


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as trackers take them: numbers, flags and text."""
    return {name: part if isinstance(part, (bool, int, float, str)) else value(part) for name, part in config.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _plain(group: str) -> str:
    """A group's name in letters that every tracker takes in a metric's name."""
    return re.sub(r"[^\w./ -]", "_", group)


def _stdout_to_stderr() -> contextlib.redirect_stdout[Any]:
    """Standard output is for results that programs read; some trackers greet people there."""
    return contextlib.redirect_stdout(sys.stderr)


def _line(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {str(error).strip().split(chr(10))[0]}".removesuffix(": ").rstrip(".")


def _say_to_stderr(line: str) -> None:
    print(line, file=sys.stderr)
