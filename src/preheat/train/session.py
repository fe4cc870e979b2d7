"""A training run, from configuration to result, in the order things happen."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, RunError, missing_extra, refusal
from preheat.train.changes import Changes, Wins
from preheat.train.config import BBC, TrainConfig
from preheat.train.data import NewsData, load_data
from preheat.train.data.order import Place
from preheat.train.data.rows import BBC_NOTICE
from preheat.train.data.synthetic import NOTICE as SYNTHETIC_NOTICE
from preheat.train.parts import Beginning, Parts, environment, order_of, plan_course, tokenise
from preheat.train.processes import is_main, start_accelerator
from preheat.train.saving.folder import RunFolder
from preheat.train.saving.records import read_json
from preheat.train.stopping import StopRequest

if TYPE_CHECKING:
    from accelerate import Accelerator

    from preheat.train.data.augment import Transform
    from preheat.train.loop import Run

Say = Callable[[str], None]


def say_to_stderr(line: str) -> None:
    """Print a line above the progress bars."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def train(
    config: TrainConfig,
    out: str | os.PathLike[str] | None = None,
    *,
    resume: bool = False,
    checkpoint: str | None = None,
    wins: Wins | None = None,
    bridge: int = 0,
    force: bool = False,
    given: set[str] | None = None,
    transform: Transform | None = None,
    callbacks: Sequence[object] = (),
    say: Say = say_to_stderr,
) -> dict[str, Any]:
    """Train a classifier and leave everything about it in a run folder.

    Args:
        config: the run's settings.
        out: the run folder, new or empty; None takes ``config.out``, or a new one under ``runs``.
        resume: go on from the newest complete checkpoint in ``out``, bit for bit as if nothing had happened; from the
            start, if the run ended before its first one.
        checkpoint: the name of the checkpoint to resume from; it has to be complete, and later ones are set aside.
        wins: at resume, what becomes of settings in ``given``, rows or processes that differ from the saved ones:
            ``"saved"`` goes on as before, ``"new"`` changes the run from its next update on; None refuses.
        bridge: with ``wins="new"``, updates over which the learning rate comes to a changed schedule; 0 is at once.
        force: replace an earlier run in the folder.
        given: at resume, the settings that were said again; all others are the saved ones.
        transform: changes the token ids of a training row each time it is used; what it draws from ``random``, NumPy
            and torch depends on seed, epoch and row alone.
        callbacks: objects that see the run while it runs, in the main process; see
            :class:`preheat.train.reporting.Callback`.
        say: receives every line for people.

    Returns:
        The result, as written to ``result.json``: run folder, updates, best checkpoint, scores on validation and test.

    Raises:
        ConfigError, DataError: before anything is written, for whatever would stop the run later.
        RunError: for a folder that is used, held by another run or cannot be written to; for numbers that are not
            finite; RunStoppedError when a signal asked for it and everything is saved.

    Under ``torchrun`` or ``accelerate launch`` every process calls this; one of them writes.
    """
    folder = RunFolder(out or run_path(config))
    if resume:
        folder.header()  # a folder that is no run's is refused before it is locked
    with StopRequest() as stop, folder.lock() if is_main() else nullcontext():
        if not resume and is_main():
            folder.refuse_if_used(force=force)
        say = say if is_main() else lambda _line: None
        start = _Start(config, folder, wins, bridge, transform, callbacks, say, stop)
        if resume:
            start.go_on_from(checkpoint, given or set())
        run = start.assemble()
        with run.notes:
            run.notes.begin(run.parts.header(), run.position)
            if start.beginning.checkpoint is not None:
                run.notes.event("resume", run.position, start.words())
            run.fit()
            return run.finish()


@dataclass(slots=True)
class _Start:
    """What :func:`train` was asked for, becoming a run."""

    config: TrainConfig
    folder: RunFolder
    wins: Wins | None
    bridge: int
    transform: Transform | None
    callbacks: Sequence[object]
    say: Say
    stop: StopRequest
    beginning: Beginning = field(default_factory=Beginning)
    changes: Changes = field(default_factory=Changes)
    leaves: bool = False  # whether the run leaves the course of later checkpoints

    def __post_init__(self) -> None:
        self.config = self.config.filled()

    def go_on_from(self, name: str | None, given: set[str]) -> None:
        """Find the checkpoint and settle with which settings the run goes on from it."""
        checkpoints = self.folder.checkpoints
        if name is not None:
            path: Path | None = checkpoints.named(name, resumable=True)
            self.leaves = True
        else:
            path, damaged = checkpoints.newest()
            for one in damaged:
                self.say(f"skipped {one}")
            if path is None and damaged:
                advice = "None can be gone on from: restore one, or start over with --force."
                raise RunError(refusal("out", "a run with an undamaged checkpoint", str(self.folder.path), advice))
        if path is None:
            self.say("no checkpoint yet: the run starts over")
            saved = self.folder.config()
        else:
            state = read_json(path / "run.json")
            saved = TrainConfig.model_validate(state["config"])
            self.beginning = Beginning(path, Place.from_dict(state["place"]), state["position"], state)
        self.config = self.changes.settle(saved, self.config, given, self.wins)

    def assemble(self) -> Run:
        """Load, plan, build; nothing is written before everything stands."""
        if self.config.data == BBC:
            self.say(BBC_NOTICE)
        if self.config.synthetic:
            self.say(SYNTHETIC_NOTICE)
        data = load_data(self.config)
        try:
            accelerator = start_accelerator(self.config)
        except ImportError as error:
            raise missing_extra(error.name or "torch", "train") from error
        self._compare(data, accelerator.num_processes)
        parts = self._parts(data, accelerator)
        for line in (data.summary(), parts.course.words, parts.course.schedule.describe(self.config.lr or 1.0)):
            self.say(line)
        return self._build(parts, accelerator)

    def _compare(self, data: NewsData, processes: int) -> None:
        """Rows, processes and transform, against those of the checkpoint."""
        state = self.beginning.state
        if not state:
            self.changes.refuse_undecided(self.wins)
            return
        if list(data.classes) != state["classes"]:
            advice = "The checkpoint scores these; start a new run for others."
            raise ConfigError(refusal("classes", ", ".join(state["classes"]), ", ".join(data.classes), advice))
        pairs = {
            "data": (state["data"], data.fingerprint),
            "processes": (state["processes"], processes),
            "transform": (state["transform"], name_of(self.transform)),
        }
        for key, (saved, now) in pairs.items():
            self.changes.add_outside(key, saved, now, self.wins)
        self.changes.refuse_undecided(self.wins)

    def _parts(self, data: NewsData, accelerator: Accelerator) -> Parts:
        config, state = self.config, self.beginning.state
        with accelerator.main_process_first():  # the others find the tokens in the cache
            texts = tokenise(config, data, self.beginning.checkpoint)
        order = order_of(config, accelerator.num_processes)
        if "data" in self.changes.found:
            self.say(f"other rows: epoch {self.beginning.place.epoch + 1} begins again")
            self.beginning = replace(self.beginning, place=Place(self.beginning.place.epoch))
        elif state:
            saved = order_of(TrainConfig.model_validate(state["config"]), state["processes"])
            if saved != order:
                self.beginning = replace(self.beginning, place=self.beginning.place.reordered(saved))
        lengths = texts.tokens["train"].lengths.tolist()
        known = state and not self.changes.touch_the_count and not self.beginning.forked
        total = state["updates"] if known else None
        # A fork follows the course that it would have had from its own first update on.
        beginning = Beginning() if self.beginning.forked else self.beginning
        course = plan_course(config, order, lengths, beginning, total)
        about = environment(accelerator)
        return Parts(config, self.folder, data, texts, order, course, self.beginning, name_of(self.transform), about)

    def _build(self, parts: Parts, accelerator: Accelerator) -> Run:
        """The moving parts, as they were at the checkpoint if there is one."""
        from preheat.train.building import build_run

        policy = "error" if not self.changes.found else "bridge" if self.bridge else "replace"
        callbacks = [*self.callbacks, *self._trackers()]
        run = build_run(parts, accelerator, self.transform, self.say, self.stop, policy, self.bridge, callbacks)
        if self.leaves and self.beginning.checkpoint and accelerator.is_main_process:
            aside = self.folder.checkpoints.set_aside(self.beginning.checkpoint)
            if aside:
                self.say(f"set aside, as aside-...: {', '.join(aside)}")
        return run

    def _trackers(self) -> list[object]:
        from preheat.train.reporting import Trackers

        return [Trackers(self.config.trackers, self.folder.path, say=self.say)] if self.config.trackers else []

    def words(self) -> str:
        """What a resumed run goes on from, and what has changed."""
        name = self.beginning.checkpoint.name if self.beginning.checkpoint else "the start"
        return f"from {name}" + "".join(f"; {key}: {words}" for key, words in self.changes.found.items())


def name_of(transform: Transform | None) -> str:
    """What a function that changes texts is called; empty if there is none."""
    if transform is None:
        return ""
    named: Any = transform if hasattr(transform, "__qualname__") else type(transform)
    return f"{named.__module__}.{named.__qualname__}"


def run_path(config: TrainConfig) -> Path:
    """``config.out``, or ``runs/<data>-<date>-<time>`` in the working folder."""
    return Path(config.out or f"runs/{Path(config.data).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
