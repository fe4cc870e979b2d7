"""What runs say of their events: bad numbers, spikes, a stop and a resume, near borders of all kinds."""

import signal
from dataclasses import replace
from types import SimpleNamespace

import preheat
from preheat.errors import RunStoppedError
from preheat.lab.training import StopRun, read_config
from preheat.lab.training.engine import Engine
from preheat.lab.training.folder import RunFolder
from preheat.lab.training.loop import Run
from preheat.lab.training.records import read_run
from preheat.lab.training.report import event_rows
from preheat.lab.training.run_logger import RunLogger
from preheat.lab.training.session import _Start, train
from support.runs import quiet

SETTINGS = {"data": "synthetic", "rows": 160, "layers": 1, "width": 16, "batch_size": 8, "epochs": 3, "lr": 1e-2}
# Schedules with the update of a spike, and what else happened.
NEAR = [
    ("warmup 10 > hold 50 > linear 40 to 0", 32, []),
    ("warmup 10 > hold 50 > linear 40 to 0", 60, []),
    ("warmup 30 > hold 50 > linear 40 to 0", 29, []),
    ("warmup 10 > hold 50 > linear 40 to 0", 97, []),
    ("warmup 10 > hold 50 > linear 40 to 0", 31, [{"event": "resume", "update": 30}]),
    ("warmup 10 > hold 50 > linear 40 to 0", 31, [{"event": "skip", "update": 33}]),
    ("warmup 10 > repeat(cosine 50, times=2)", 61, []),
    ("hold 50 at 0.5 > hold 50 at 0.5", 51, []),
    ("hold forever", 20, []),
]


class _Bad:
    """Multiplies the losses of some attempts, then asks to stop, or to end."""

    def __init__(self, factors, stop=None, end=None):
        self.factors, self.stop, self.end, self.seen = factors, stop, end, 0

    def on_update(self, record):
        if record["update"] == self.stop:
            signal.raise_signal(signal.SIGTERM)
        if record["update"] == self.end:
            raise StopRun("38.5")  # somebody's own words

    def install(self, monkeypatch):
        real = Engine.update

        def update(engine, batches):
            factor, forward = self.factors.get(self.seen, 1.0), engine.forward
            self.seen += 1

            def scaled(**inputs):
                output = forward(**inputs)
                output.loss = output.loss * factor
                return output

            engine.forward = scaled
            try:
                return real(engine, batches)
            finally:
                engine.forward = forward

        monkeypatch.setattr(Engine, "update", update)


def _trained(folder, monkeypatch):
    bad = _Bad({3: float("nan"), 30: 100.0}, stop=34)
    bad.install(monkeypatch)
    config = read_config(flags={**SETTINGS, "bad_numbers": "skip", "save_every": 10})
    try:
        train(config, folder, say=quiet, callbacks=[bad])
    except RunStoppedError:
        config = read_config(flags={"lr": 5e-3, "clip": 1.0})
        train(
            config,
            folder,
            resume=True,
            given={"lr", "clip"},
            on_conflict="new",
            say=quiet,
            callbacks=[_Bad({}, end=38)],
        )
    return read_run(folder)


def _resumed(checkpoint):
    """Where a run went on from, with nothing changed."""
    parts = SimpleNamespace(beginning=SimpleNamespace(checkpoint=checkpoint), changes=SimpleNamespace(differing={}))
    return _Start.words(parts)


def of_runs(folder, monkeypatch):
    """Every cell of the tables of events, first columns of numbers left out."""
    run = _trained(folder / "run", monkeypatch)
    rows = event_rows(run)
    assert [row.kind for row in rows] == ["skip", "spike", "stop", "resume", "end"]
    for words, at, others in NEAR:
        schedule = preheat.parse(words)
        logger = RunLogger(RunFolder(folder / "none"), schedule, 10, quiet, main=False)
        for event in others:
            logger.event(event["event"], event["update"], _resumed(None))
        for update in range(at - 20, at + 1):
            logger.update({"update": update, "loss": 1.0 + 0.001 * (update % 3) + 9 * (update == at)})
        rows += event_rows(replace(run, events=logger.events, schedule=schedule))
    logger = RunLogger(RunFolder(folder / "none"), schedule, 10, quiet, main=False)
    # Half precision overflows on other machines only, and from where a resumed run went on is its checkpoint mostly.
    Run._not_made(SimpleNamespace(position=4, logger=logger), SimpleNamespace(overflowed=True), [])
    logger.event("resume", 3, _resumed(SimpleNamespace(name="update-000003")))
    rows += event_rows(replace(run, events=logger.events))
    return [cell for row in rows for cell in (row.kind, row.text, row.lr, row.border) if cell != "38.5"]
