"""Callbacks: what one's own code sees of a run while it runs.

Order    ``on_start`` once; then ``on_update`` after every update, ``on_evaluation``, ``on_event`` and ``on_checkpoint``
         as they happen; ``on_end`` once, if the run gets that far; ``on_close`` once, however it ends.
Reading  every mapping is what the run writes to its own files, and cannot be changed: callbacks watch, they do not
         steer.
Stopping raise :class:`StopRun`: the run ends in order, at the next border between updates.
Errors   anything else that a callback raises stops the run at once, with the callback named: one's own code is not to
         fail unseen. :class:`~preheat.lab.training.trackers.Trackers` catches what its trackers raise: a server
         that is down must not lose a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from preheat.errors import ConfigError, PreheatError, RunError, refusal, unknown_name


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
            event: the line of ``events.jsonl``: ``update``, ``event`` (its kind) and ``text``.
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
        for callback in self._started:
            try:
                self._call(callback, "on_close")
            except PreheatError as problem:
                failed.append(problem)
        if error is not None:
            for note in failed:
                error.add_note(str(note))
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
            self._stop = self._stop or str(asked) or f"asked by {_name(callback)}"
        except PreheatError:
            raise
        except Exception as error:
            where = f"callback {_name(callback)}.{method}"
            advice = "Mend it; to end a run in order, raise StopRun."
            raise RunError(refusal(where, "a method that raises no error", error, advice)) from error


def _name(callback: object) -> str:
    return type(callback).__name__


def _refuse_stranger(callback: object) -> None:
    """Refuse what would never be called, or not as it was meant."""
    if isinstance(callback, type):
        advice = f"Make one: {callback.__name__}()."
        raise ConfigError(refusal("callback", "an object, not a class", callback.__name__, advice))
    own = [name for name in dir(callback) if name.startswith("on_") and callable(getattr(callback, name))]
    for name in own:
        if name not in _METHODS:
            raise ConfigError(
                unknown_name(f"method of callback {_name(callback)}", "one that is called", name, _METHODS)
            )
    if not own:
        advice = f"Give it one or more of {', '.join(_METHODS)}."
        raise ConfigError(refusal("callback", "an object with methods of a Callback", callback, advice))
