"""Callbacks: what one's own code sees of a run while it runs; and the one that sends its numbers to trackers.

Order    ``on_start`` once; then ``on_update`` after every update, ``on_evaluation``, ``on_event`` and ``on_checkpoint``
         as they happen; ``on_end`` once, if the run gets that far; ``on_close`` once, however it ends.
Reading  every mapping is what the run writes to its own files, and cannot be changed: callbacks watch, they do not
         steer.
Stopping raise :class:`StopRun`: the run ends in order, at the next border between updates.
Errors   anything else that a callback raises stops the run at once, with the callback named: one's own code is not to
         fail unseen. :class:`Trackers` catches what its trackers raise: a server that is down must not lose a run.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from preheat.errors import ConfigError, MissingExtraError, PreheatError, RunError, missing_extra, refusal, unknown_name
from preheat.messages import _, joined
from preheat.messages.languages import tell
from preheat.view.report import value


class StopRun(Exception):  # noqa: N818 - a request, as StopIteration is, and no error
    """Raised by a callback to end the run at the next border between updates, saved and scored as any other.

    The text is the reason, for people: ``raise StopRun("validation loss below 0.3")``.
    """


class Callback:
    """The methods of a callback. Each does nothing: override those you need.

    An object with some of these methods will do as well; it need not be a subclass.
    """

    def on_start(self, header: Mapping[str, Any]) -> None:
        """The run is about to make its first update, or to go on.

        Args:
            header: what ``config.json`` holds, and ``position``: updates already made, 0 for a new run.
        """

    def on_update(self, record: Mapping[str, Any]) -> None:
        """An update was made.

        Args:
            record: its line of ``records.jsonl``.
        """

    def on_evaluation(self, scores: Mapping[str, Any]) -> None:
        """The model was scored on the validation split.

        Args:
            scores: the line of ``evaluations.jsonl``; ``update`` counts the updates made.
        """

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Something happened that people want to know.

        Args:
            event: the line of ``events.jsonl``: ``update``, ``event`` (its kind) and ``text``; ``message`` is the text
                as data, for other languages.
        """

    def on_checkpoint(self, path: Path) -> None:
        """A checkpoint was written.

        Args:
            path: its folder, whole and in its place.
        """

    def on_end(self, result: Mapping[str, Any]) -> None:
        """The run is complete.

        Args:
            result: what ``result.json`` holds.
        """

    def on_close(self) -> None:
        """The last call, however the run ended, if ``on_start`` was called: let go of what is open."""


_METHODS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class Callbacks:
    """Several callbacks, called in order. Use it in a ``with`` block, so that each is closed.

    Args:
        callbacks: objects with methods of :class:`Callback`.

    Raises:
        ConfigError: for a class instead of an object, an object with none of the methods, or one with a method
            ``on_...`` that is never called.

    >>> class Loud:
    ...     def on_update(self, record):
    ...         print("update", record["update"])
    >>> with Callbacks([Loud()]) as callbacks:
    ...     callbacks.on_update({"update": 0, "loss": 1.5})
    update 0
    """

    def __init__(self, callbacks: Iterable[object] = ()) -> None:
        self._callbacks = list(callbacks)
        for callback in self._callbacks:
            _refuse_stranger(callback)
        self._started: list[object] = []
        self._stop: str | None = None

    @property
    def stop(self) -> str | None:
        """Why a callback asked to end the run: the first reason given; None while none has."""
        return self._stop

    def on_start(self, header: Mapping[str, Any]) -> None:
        """Call every ``on_start``; see :class:`Callback`, also for the others."""
        for callback in self._callbacks:
            self._started.append(callback)  # also if it fails: it may have opened something
            self._call(callback, "on_start", MappingProxyType(dict(header)))

    def on_update(self, record: Mapping[str, Any]) -> None:
        """Call every ``on_update``."""
        self._call_all("on_update", MappingProxyType(dict(record)))

    def on_evaluation(self, scores: Mapping[str, Any]) -> None:
        """Call every ``on_evaluation``."""
        self._call_all("on_evaluation", MappingProxyType(dict(scores)))

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Call every ``on_event``."""
        self._call_all("on_event", MappingProxyType(dict(event)))

    def on_checkpoint(self, path: Path) -> None:
        """Call every ``on_checkpoint``."""
        self._call_all("on_checkpoint", path)

    def on_end(self, result: Mapping[str, Any]) -> None:
        """Call every ``on_end``."""
        self._call_all("on_end", MappingProxyType(dict(result)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close those that were started; one that fails keeps none of the others open, nor hides why the run ended."""
        failed: list[PreheatError] = []
        # Those that were started, in that order, each whatever the others do: one may hold a file open.
        for callback in self._started:
            try:
                self._call(callback, "on_close")
            except PreheatError as problem:
                failed.append(problem)
        if error is not None:
            for note in failed:
                # The run's own error is the one people have to see; what closing added stands below it.
                error.add_note(tell(note))
        elif failed:
            raise failed[0]

    def _call_all(self, method: str, *given: Any) -> None:
        for callback in self._callbacks:
            self._call(callback, method, *given)

    def _call(self, callback: object, method: str, *given: Any) -> None:
        """One method of one callback, if it has it; a request to stop is kept, so that the others are called too."""
        function = getattr(callback, method, None)
        if function is None:
            return
        try:
            function(*given)
        except StopRun as asked:
            # The first reason counts, and the remaining callbacks still see this update.
            said: object = asked.args[0] if len(asked.args) == 1 else str(asked)
            reason = said if isinstance(said, str) else str(said)
            self._stop = self._stop or reason or _("asked by {callback}", callback=_name(callback))
        except PreheatError:
            raise
        except Exception as error:
            where = _("callback {callback}.{method}", callback=_name(callback), method=method)
            advice = _("Mend it; to end a run in order, raise StopRun.")
            raise RunError(refusal(where, _("a method that raises no error"), error, advice)) from error


def _name(callback: object) -> str:
    return type(callback).__name__


def _refuse_stranger(callback: object) -> None:
    """Refuse what would never be called, or not as it was meant."""
    if isinstance(callback, type):
        advice = _("Make one: {kind}().", kind=callback.__name__)
        raise ConfigError(refusal("callback", _("an object, not a class"), callback.__name__, advice))
    # A method on_updates would never be called, and nobody would notice: refused before the run.
    own = [name for name in dir(callback) if name.startswith("on_") and callable(getattr(callback, name))]
    for name in own:
        if name not in _METHODS:
            what = _("method of callback {callback}", callback=_name(callback))
            raise ConfigError(unknown_name(what, _("one that is called"), name, _METHODS))
    if not own:
        advice = _("Give it one or more of {methods}.", methods=joined(", ", _METHODS))
        raise ConfigError(refusal("callback", _("an object with methods of a Callback"), callback, advice))


# --- Trackers: TensorBoard, Trackio, W&B, MLflow and others, through Accelerate's classes for them --------------------


FOLDER = "trackers"
# What changes from update to update; the rest of a record is there to find a batch again.
_NUMBERS = ("lr", "loss", "grad_norm", "update_ratio", "critical_lr", "tokens_per_second")


class Trackers(Callback):
    """A callback that sends a run's numbers to one tracker or several.

    - Steps are the numbers of updates, from 0, as in ``records.jsonl``; scores have the number of updates made.
    - Names: ``lr``, ``lr/<group>``, ``loss``, ``grad_norm``, ``update_ratio``, ``critical_lr``, ``tokens_per_second``;
      ``validation/accuracy``, ``test/accuracy``, ... . What is null or not finite is left out.
    - A tracker that cannot be started is refused before the first update. One that fails later is named once and left
      out for the rest of the run: a server that is down must not lose a run, whose own files have every number anyway.
    - At a resume TensorBoard is told where the run goes on, and hides what it has from there on. Others get a new run
      of theirs, named ``<run>-from-<update>``, so that no curve holds an update twice.

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
            raise ConfigError(refusal("trackers", _("named once each"), list(names), _("Leave out the repeated one.")))
        self._options = dict(options or {})
        for name in self._options:
            if name not in self._classes:
                advice = _("Name the tracker too, or leave them out.")
                raise ConfigError(refusal("options", _("of the trackers {names}", names=list(names)), name, advice))
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
                advice = _("It failed: {error}. Set it up, or leave it out.", error=_line(error))
                raise RunError(refusal("tracker", _("one that can be started"), name, advice)) from error

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
        # A copy: one that fails is taken out on the way.
        for name, tracker in list(self._running.items()):
            try:
                with _stdout_to_stderr():
                    call(tracker)
            except Exception as error:
                del self._running[name]
                self._say(
                    _(
                        "tracker {name} failed and is left out for the rest of the run: {error}",
                        name=name, error=_line(error),
                    )
                )  # fmt: skip


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
            refusal(
                "tracker",
                _("one that Accelerate knows ({known})", known=joined(", ", sorted(known))),
                name,
                _("Pick one."),
            )
        )
    own = [str(kind) for kind in LoggerType]  # others were registered by the user, who has them
    if name in own and LoggerType(name) not in tracking.get_available_trackers():
        if name == "tensorboard":
            raise missing_extra("tensorboardX", "logs")
        install = f"pip install {name}"
        raise MissingExtraError(_("{module} is not installed: {install}", module=name, install=install))
    return known[name]


def _finish(tracker: Any) -> None:
    # Accelerate's finish() leaves Trackio's global run in place.
    if tracker.name == "trackio":
        import trackio

        module: Any = trackio
        module.finish()  # it would be finished again at exit
    else:
        tracker.finish()


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as trackers take them: numbers, flags and text, which is English: it is data there."""
    return {
        name: part if isinstance(part, (bool, int, float, str)) else str(value(part)) for name, part in config.items()
    }


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
    print(tell(line), file=sys.stderr)
