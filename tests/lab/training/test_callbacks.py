"""Callbacks: who is called when, what stops a run, and what a mistake says."""

import pytest

import preheat
from preheat.lab.training.callbacks import Callback, Callbacks, StopRun


class RunLogger:
    """Keeps what it is called with; no subclass."""

    def __init__(self, log, name=""):
        self.log, self.name = log, name

    def on_start(self, header):
        self.log.append((self.name, "start", header["position"]))

    def on_update(self, record):
        self.log.append((self.name, "update", record["update"]))

    def on_close(self):
        self.log.append((self.name, "close"))


class Failing(Callback):
    """Fails in the methods it is told to."""

    def __init__(self, *methods, error=None):
        for method in methods:
            setattr(self, method, self._fail)
        self.error = error or ZeroDivisionError("no rate")

    def _fail(self, *given):
        raise self.error


def run(callbacks, updates=2):
    """What a loop calls."""
    with callbacks:
        callbacks.on_start({"position": 0})
        for update in range(updates):
            callbacks.on_update({"update": update})
            if callbacks.stop:
                break
        callbacks.on_evaluation({"update": updates, "accuracy": 0.5})
        callbacks.on_event({"update": 1, "event": "spike", "text": "high"})
        callbacks.on_checkpoint("update-000002")
        callbacks.on_end({"updates": updates})


def test_callbacks_are_called_in_order_and_closed():
    """Those without a method are passed over; plain objects and subclasses alike."""
    log = []
    run(Callbacks([RunLogger(log, "a"), Callback(), RunLogger(log, "b")]))
    started = [("a", "start", 0), ("b", "start", 0)]
    updates = [(name, "update", update) for update in (0, 1) for name in "ab"]
    assert log == [*started, *updates, ("a", "close"), ("b", "close")]


def test_what_callbacks_see_cannot_be_changed():
    """They watch, they do not steer: the record on disk is what the loop made."""

    class Steering:
        def on_update(self, record):
            record["lr"] = 1.0

    with pytest.raises(
        preheat.RunError, match="callback Steering.on_update must be a method that raises no error; got Ty"
    ):
        run(Callbacks([Steering()]))


def test_stop_is_kept_with_its_reason_and_the_others_are_still_called():
    """The loop asks ``stop`` between updates; the first reason counts."""

    class Enough:
        def on_update(self, record):
            raise StopRun(f"enough after {record['update']}")

    class Silent:
        def on_update(self, record):
            raise StopRun

    log = []
    callbacks = Callbacks([Enough(), Silent(), RunLogger(log)])
    run(callbacks, updates=5)
    assert callbacks.stop == "enough after 0"
    assert log == [("", "start", 0), ("", "update", 0), ("", "close")]
    silent = Callbacks([Silent()])
    run(silent)
    assert silent.stop == "asked by Silent"


def test_error_of_a_callback_stops_the_run_with_its_name():
    """One line, with the error itself as its cause; what was started is closed, also the one that failed."""
    log = []
    with pytest.raises(preheat.RunError) as caught:
        run(Callbacks([RunLogger(log), Failing("on_update")]))
    assert str(caught.value) == (
        "callback Failing.on_update must be a method that raises no error; got ZeroDivisionError('no rate')."
        " Mend it; to end a run in order, raise StopRun."
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert log == [("", "start", 0), ("", "update", 0), ("", "close")]


def test_own_errors_pass_as_they_are():
    """A refusal of ours has its sentence already."""
    refusal = preheat.ConfigError("lr must be above 0; got 0. Raise it.")
    with pytest.raises(preheat.ConfigError, match="lr must be above 0"):
        run(Callbacks([Failing("on_start", error=refusal)]))


def test_failure_to_close_hides_nothing():
    """The others are closed; the error that ended the run stays the one that is raised, with a note."""
    log = []
    with pytest.raises(preheat.RunError, match="callback Failing.on_close"):
        run(Callbacks([Failing("on_close"), RunLogger(log)]))
    assert log[-1] == ("", "close")
    interrupted = Callbacks([Failing("on_update", error=KeyboardInterrupt()), Failing("on_close")])
    with pytest.raises(KeyboardInterrupt) as caught:
        run(interrupted)
    assert "callback Failing.on_close" in caught.value.__notes__[0]


def test_only_started_callbacks_are_closed():
    """A run refused before it begins leaves nothing open."""
    log = []
    with Callbacks([RunLogger(log)]):
        pass
    assert log == []


class Typo(Callback):
    """One letter too many."""

    def on_updates(self, record):
        """Is never called."""


class Foreign:
    """No callback of ours."""

    def on_batch(self, batch):
        """Another library's."""


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (RunLogger, r"callback must be an object, not a class; got 'RunLogger'. Make one: RunLogger\(\)."),
        (Typo(), "method of callback Typo must be one that is called; got 'on_updates'. Did you mean 'on_update'?"),
        (Foreign(), "method of callback Foreign must be one that is called; got 'on_batch'. Known: on_start"),
        (print, "callback must be an object with methods of a Callback; got <built-in function print>. Give it"),
    ],
)
def test_what_would_never_be_called_is_refused(callback, message):
    """Before the run."""
    with pytest.raises(preheat.ConfigError, match=message):
        Callbacks([callback])
