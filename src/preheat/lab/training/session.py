"""A training run, from configuration to result, in the order things happen.

Resuming  the saved settings hold. What is said again and differs is refused, with both values, unless ``on_conflict``
          says which are taken: ``"saved"`` or ``"new"``. What only shows, measures or saves may always be changed; what
          the weights and tokens were made with, never.
Stretch   from a run's start, or from where another run was saved, to an update before its end or at it. Runs that
          agree up to an update can share that much: a stretch that begins with another run's checkpoint makes the same
          bits as the run would have made alone, if both used the same learning rates until then and agree on
          everything else. Studies train their stages so.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from preheat.errors import ConfigError, RunError, missing_extra, refusal
from preheat.lab.data import NewsData, load_data
from preheat.lab.data.batches import DataPosition
from preheat.lab.data.rows import BBC_NOTICE
from preheat.lab.data.synthetic import NOTICE as SYNTHETIC_NOTICE
from preheat.lab.training.checkpoints import Checkpoints
from preheat.lab.training.config import BBC, SYNTHETIC_SETTINGS, TrainConfig
from preheat.lab.training.folder import RunFolder
from preheat.lab.training.loop import Run, build_run
from preheat.lab.training.parts import Beginning, Parts, environment, order_of, run_length_of, tokenize
from preheat.lab.training.processes import is_main, start_accelerator
from preheat.lab.training.records import read_json
from preheat.lab.training.run_logger import StopRequest
from preheat.messages import _, joined
from preheat.messages.languages import tell
from preheat.schedule.text import vouch_for

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from preheat.lab.data.batches import Transform


Say = Callable[[str], None]
OnConflict = Literal["saved", "new"]


def say_to_stderr(line: str) -> None:
    """Print a line above the progress bars, in the reader's language."""
    from tqdm import tqdm

    tqdm.write(tell(line), file=sys.stderr)


def train(
    config: TrainConfig,
    out: str | os.PathLike[str] | None = None,
    *,
    resume: bool = False,
    checkpoint: str | None = None,
    on_conflict: OnConflict | None = None,
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
        on_conflict: at resume, what becomes of settings, rows or processes that differ from the saved ones:
            ``"saved"`` goes on as before, ``"new"`` changes the run from its next update on; None refuses.
        bridge: with ``on_conflict="new"``, updates over which the rate comes to a changed schedule; 0 is at once.
        force: replace an earlier run in the folder.
        given: at resume, the settings that were said again; all others are the saved ones.
        transform: changes the token ids of a training row each time it is used; what it draws from ``random``, NumPy
            and torch depends on seed, epoch and row alone.
        callbacks: objects that see the run while it runs, in the main process; see
            :class:`preheat.lab.training.Callback`.
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
    if not resume or "schedule" in (given or ()):
        vouch_for(config.schedule)
    if resume:
        # Locking would make a folder that is not there, and leave a file in one that is somebody else's.
        folder.header()
    with StopRequest() as stop, folder.lock() if is_main() else nullcontext():
        if not resume and is_main():
            folder.refuse_if_used(force=force)
        say = say if is_main() else lambda _line: None
        start = _Start(config, folder, on_conflict, bridge, transform, callbacks, say, stop)
        if resume:
            start.go_on_from(checkpoint, given or set())
        run = start.assemble()
        with run.logger:
            run.logger.begin(run.parts.header(), run.position)
            # The event is written once the records are cut back to the checkpoint, so that it is not cut away itself.
            if start.beginning.checkpoint is not None:
                run.logger.event("resume", run.position, start.words())
            run.fit()
            return run.finish()


# --- What a resumed run may change -----------------------------------------------------------------------------------


# What is shown, measured and saved; never a number of the run.
_FREE = {
    *("out", "cache", "workers", "log_every", "measure_every", "angles", "critical_every"),
    *("save_every", "keep_last", "keep_models", "trackers"),
}
# Where the rows come from: what counts is which rows they are, and that is compared by their fingerprint.
_SOURCE = {
    *("data", "encoding", "delimiter", "no_header", "text_column", "label_column", "split_column", "id_column"),
    *("bad_rows", *SYNTHETIC_SETTINGS),
}
# What the weights and tokens of the checkpoint were made with.
_BUILT = {
    *("model", "head", "dropout", "layers", "width", "heads", "norm", "vocabulary", "max_tokens", "classes"),
    "layer_decay",
}
# What decides how many updates there are.
_COUNT = {"epochs", "max_updates", "batch_size", "batch_tokens", "accumulation", "data", "processes"}


@dataclass(slots=True)
class Changes:
    """What is not as it was saved.

    Attributes:
        differing: by name, ``"saved X, now Y"``.
    """

    differing: dict[str, str] = field(default_factory=dict)

    def settle(
        self, saved: TrainConfig, now: TrainConfig, given: Set[str], on_conflict: OnConflict | None
    ) -> TrainConfig:
        """The settings a resumed run goes on with; those that were said and differ are kept in ``differing``.

        Args:
            saved: the settings of the checkpoint.
            now: the settings of this start, filled.
            given: the settings that were said this time; all others are the saved ones.
            on_conflict: which side's settings are taken where they differ.

        Raises:
            ConfigError: for those that no resumed run can change.
        """
        free = {key: getattr(now, key) for key in given & (_FREE | _SOURCE)}
        # The settings of the other kind of data stay behind: they would be refused as belonging to other data.
        if free.get("data", saved.data) != saved.data:  # made rows come with their own settings, others with none
            free |= {key: getattr(now, key) for key in SYNTHETIC_SETTINGS}
        differing = sorted(key for key in given - _FREE - _SOURCE if getattr(saved, key) != getattr(now, key))
        if on_conflict != "saved":
            self.differing = {key: _both(getattr(saved, key), getattr(now, key)) for key in differing}
            self._refuse_built()
        if on_conflict == "new":
            free |= {key: getattr(now, key) for key in differing}
            # A run has either rows or tokens a batch: the saved tokens would outlive the new number of rows.
            if "batch_size" in differing:  # the one replaces the other
                free.setdefault("batch_tokens", None)
        return TrainConfig.model_validate({**saved.model_dump(), **free})

    def _refuse_built(self) -> None:
        built = [joined("", [f"{key}: ", words]) for key, words in self.differing.items() if key in _BUILT]
        if built:
            advice = _("The checkpoint's weights were made with them: leave them out, or start a new run.")
            what = _("settings of the model")
            raise ConfigError(refusal(what, _("the saved ones"), joined("; ", built), advice))

    def add_outside(self, name: str, saved: Any, now: Any, on_conflict: OnConflict | None) -> None:
        """Compare something that is no setting, and that nobody can put back: rows, processes, a function."""
        if saved == now:
            return
        words = _both(saved, now)
        if on_conflict == "saved":
            advice = _("Give the run its own {name} again, or say --on-conflict new.", name=name)
            raise ConfigError(refusal(name, _("the saved one, which is to be taken"), words, advice))
        self.differing[name] = words

    def refuse_undecided(self, on_conflict: OnConflict | None) -> None:
        """Raise if anything differs and nobody has said which side is taken."""
        if self.differing and on_conflict is None:
            lines = [joined("", [f"  {key}: ", words]) for key, words in self.differing.items()]
            raise ConfigError(
                joined(
                    "\n",
                    [
                        _("a resumed run must go on with what it was saved with; got"),
                        *lines,
                        _(
                            "Say which side is taken: --on-conflict saved goes on as before, --on-conflict new changes"
                            " the run from its next update on."
                        ),
                    ],
                )
            )

    @property
    def touch_the_count(self) -> bool:
        """Whether the number of updates has to be worked out again."""
        return bool(self.differing.keys() & _COUNT)


def _both(saved: Any, now: Any) -> str:
    return _("saved {saved}, now {now}", saved=_short(saved), now=_short(now))


def _short(value: Any) -> str:
    """A value as people read it: of a fingerprint, the beginning tells."""
    text = repr(value)
    return f"{value[:12]}..." if isinstance(value, str) and len(text) > 40 else text


# --- From what was asked for to a run --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Start:
    """What :func:`train` was asked for, becoming a run."""

    config: TrainConfig
    folder: RunFolder
    on_conflict: OnConflict | None
    bridge: int
    transform: Transform | None
    callbacks: Sequence[object]
    say: Say
    stop: StopRequest
    beginning: Beginning = field(default_factory=Beginning)
    changes: Changes = field(default_factory=Changes)
    leaves: bool = False  # whether the run leaves later checkpoints behind

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
                self.say(_("skipped {checkpoint}", checkpoint=str(one)))
            if path is None and damaged:
                advice = _("None can be gone on from: restore one, or start over with --force.")
                raise RunError(refusal("out", _("a run with an undamaged checkpoint"), str(self.folder.path), advice))
        if path is None:
            self.say(_("no checkpoint yet: the run starts over"))
            saved = self.folder.config()
        else:
            state = read_json(path / "run.json")
            saved = TrainConfig.model_validate(state["config"])
            self.beginning = Beginning(path, DataPosition.from_dict(state["place"]), state["position"], state)
        self.config = self.changes.settle(saved, self.config, given, self.on_conflict)

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
        for line in (data.summary(), parts.run_length.words, parts.run_length.schedule.describe(self.config.lr or 1.0)):
            self.say(line)
        return self._build(parts, accelerator)

    def _compare(self, data: NewsData, processes: int) -> None:
        """Rows, processes and transform, against those of the checkpoint."""
        state = self.beginning.state
        if not state:
            self.changes.refuse_undecided(self.on_conflict)
            return
        if list(data.classes) != state["classes"]:
            advice = _("The checkpoint scores these; start a new run for others.")
            rule = _("{classes}", classes=joined(", ", state["classes"]))
            raise ConfigError(refusal("classes", rule, ", ".join(data.classes), advice))
        pairs = {
            "data": (state["data"], data.fingerprint),
            "processes": (state["processes"], processes),
            "transform": (state["transform"], name_of(self.transform)),
        }
        for key, (saved, now) in pairs.items():
            self.changes.add_outside(key, saved, now, self.on_conflict)
        self.changes.refuse_undecided(self.on_conflict)

    def _parts(self, data: NewsData, accelerator: Accelerator) -> Parts:
        config, state = self.config, self.beginning.state
        # One process tokenizes and fills the cache.
        with accelerator.main_process_first():
            texts = tokenize(config, data, self.beginning.checkpoint)
        order = order_of(config, accelerator.num_processes)
        if "data" in self.changes.differing:
            epoch = self.beginning.data_position.epoch + 1
            self.say(_("other rows: epoch {epoch} begins again", epoch=epoch))
            self.beginning = replace(self.beginning, data_position=DataPosition(self.beginning.data_position.epoch))
        elif state:
            # Another batch size or number of processes deals the epoch's rows out anew: those already used stay used.
            saved = order_of(TrainConfig.model_validate(state["config"]), state["processes"])
            if saved != order:
                self.beginning = replace(self.beginning, data_position=self.beginning.data_position.reordered(saved))
        lengths = texts.tokens["train"].lengths.tolist()
        # The saved total where nothing that decides it has changed: worked out again from the middle of an epoch it
        # could round otherwise.
        known = state and not self.changes.touch_the_count and not self.beginning.forked
        total = state["updates"] if known else None
        # A fork is as long as it would have been from its own first update on.
        beginning = Beginning() if self.beginning.forked else self.beginning
        run_length = run_length_of(config, order, lengths, beginning, total)
        about = environment(accelerator)
        return Parts(
            config, self.folder, data, texts, order, run_length, self.beginning, name_of(self.transform), about
        )

    def _build(self, parts: Parts, accelerator: Accelerator) -> Run:
        """The moving parts, as they were at the checkpoint if there is one."""
        # Without a change that was agreed to, the scheduler refuses any schedule but its own.
        policy = "error" if not self.changes.differing else "bridge" if self.bridge else "replace"
        callbacks = [*self.callbacks, *self._trackers()]
        run = build_run(parts, accelerator, self.transform, self.say, self.stop, policy, self.bridge, callbacks)
        if self.leaves and self.beginning.checkpoint and accelerator.is_main_process:
            aside = self.folder.checkpoints.set_aside(self.beginning.checkpoint)
            if aside:
                self.say(_("set aside, as aside-...: {checkpoints}", checkpoints=joined(", ", aside)))
        return run

    def _trackers(self) -> list[object]:
        from preheat.lab.training.callbacks import Trackers

        return [Trackers(self.config.trackers, self.folder.path, say=self.say)] if self.config.trackers else []

    def words(self) -> str:
        """What a resumed run goes on from, and what has changed."""
        begun = _("from the start")
        if self.beginning.checkpoint:
            begun = _("from {checkpoint}", checkpoint=self.beginning.checkpoint.name)
        changes = [joined(": ", [key, words]) for key, words in self.changes.differing.items()]
        return joined("; ", [begun, *changes])


def name_of(transform: Transform | None) -> str:
    """What a function that changes texts is called; empty if there is none."""
    if transform is None:
        return ""
    # An object with __call__ has no name of its own: its class's.
    named: Any = transform if hasattr(transform, "__qualname__") else type(transform)
    return f"{named.__module__}.{named.__qualname__}"


def run_path(config: TrainConfig) -> Path:
    """``config.out``, or ``runs/<data>-<date>-<time>`` in the working folder."""
    return Path(config.out or f"runs/{Path(config.data).stem}-{time.strftime('%Y%m%d-%H%M%S')}")


# --- A stretch of a run ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stretch:
    """What came of a stretch.

    Attributes:
        start: completed updates at its beginning.
        until: completed updates at its end.
        scores: on the validation split, at its end.
        weights: SHA-256 of the weights at its end (:func:`weights_digest`).
        checkpoint: the state at its end; None if it was not kept.
    """

    start: int
    until: int
    scores: dict[str, Any]
    weights: str
    checkpoint: Path | None


def train_stretch(
    config: TrainConfig,
    out: str | os.PathLike[str],
    *,
    until: int,
    start: Path | None = None,
    save: bool = False,
    say: Say = say_to_stderr,
) -> Stretch:
    """Train a run from ``start`` to ``until`` completed updates.

    Args:
        config: the settings of the whole run, whose schedule is shaped for its whole length.
        out: a new or empty folder; of the run's files it gets those that belong to the stretch.
        until: completed updates to stop at, above those of ``start`` and at most the run's.
        start: the checkpoint of another run to begin with; None begins the run.
        save: whether the state at the end is kept.
        say: receives every line for people.

    Raises:
        ConfigError: if rows, classes or processes are not those of ``start``.
        BadNumbersError: for a loss, gradients or weights that are no finite numbers.
        RunError: for a damaged ``start``, and an ``until`` out of its bounds.
    """
    folder = RunFolder(out)
    with folder.lock():
        folder.refuse_if_used(force=False)
        asked = _Start(config, folder, None, 0, None, (), say, StopRequest())
        if start is not None:
            asked.beginning = fork(start)
        run = asked.assemble()
        begun = run.position
        # After assembling: only then is the run's total known.
        if not begun < until <= run.total:
            advice = _("It is the number of updates completed at the end.")
            raise RunError(
                refusal("until", _("above {begun} and at most {total}", begun=begun, total=run.total), until, advice)
            )
        with run.logger:
            run.logger.begin(run.parts.header(), run.position)
            scores = run.stretch(until, save=save)
        kept = folder.path / f"update-{until:06d}" if save else None
        return Stretch(begun, run.position, scores, weights_digest(run.engine.bare), kept)


def fork(checkpoint: Path) -> Beginning:
    """The state of another run as the beginning of this one.

    Raises:
        RunError: if it is damaged, or only its model was kept.
    """
    path = Checkpoints(checkpoint.parent).named(checkpoint.name, resumable=True)
    state = read_json(path / "run.json")
    return Beginning(path, DataPosition.from_dict(state["place"]), state["position"], state, forked=True)


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256 over names, types, shapes and bits of everything in a model's state."""
    import torch

    digest = hashlib.sha256()
    # Names, types and shapes too: the same bytes under another shape are other weights.
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
