"""The runs of a design, and the tree of stages they share: what several have in common is trained once.

Run      a configuration for every combination of the design's values, and the learning rates it will use: those of the
         first parameter group, peak times factor, an update each. They are computed as a training run does, one update
         after the other, so that equal here is equal there, to the last bit.
Standing everything else that decides what an update does.
Sharing  two runs share every update before the first one at which their learning rates differ in any bit, if their
         standings are equal.
Stage    a stretch [start, until) of updates that the same runs go through; it begins where its parent ended.
Id       SHA-256 of the stage's specification: the settings, the data, the versions, every learning rate from update 0
         to ``until``, and the two ends. The same stage of another study, or of this one asked again, has the same id.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import math
import os
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.errors import ConfigError, PreheatError, refusal
from preheat.lab.data import load_data
from preheat.lab.studies.design import StudyDesign
from preheat.lab.training.config import UNTUNED, TrainConfig, read_config, untuned_of
from preheat.lab.training.parts import Beginning, order_of, run_length_of, tokenize
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.named import is_text

if TYPE_CHECKING:
    from numpy.typing import NDArray


# --- What all runs have in common ------------------------------------------------------------------------------------


# Whose release may change the bits of a run.
PACKAGES = ("preheat", "torch", "transformers", "accelerate", "tokenizers", "numpy")


@dataclass(frozen=True, slots=True)
class StudyInputs:
    """What is the same for all runs and no setting of them.

    Attributes:
        data: fingerprint of the rows and their splits.
        classes: names of the classes, in the model's order.
        lengths: tokens of every training row where batches are sized by them; elsewhere 1 each, for their number.
        versions: of the packages that train, by name.
    """

    data: str
    classes: tuple[str, ...]
    lengths: tuple[int, ...]
    versions: dict[str, str]

    def per_epoch(self, config: TrainConfig) -> int:
        """Updates of one pass over the data."""
        return math.ceil(len(order_of(config, 1).epoch(self.lengths, 0)) / config.accumulation)

    def to_dict(self) -> dict[str, Any]:
        """What the study's folder says of it."""
        rows = len(self.lengths)
        return {"data": self.data, "classes": list(self.classes), "training_rows": rows, "versions": self.versions}


def read_inputs(config: TrainConfig) -> StudyInputs:
    """Read the rows that the runs of a study have in common.

    Raises:
        DataError: for whatever cannot be trained on, as :func:`preheat.lab.data.load_data` finds it.
    """
    config = config.filled()
    data = load_data(config)
    if config.batch_tokens:  # only then does the number of batches depend on how long the texts are
        lengths = tuple(tokenize(config, data).tokens["train"].lengths.tolist())
    else:
        # Tokenizing takes seconds to minutes, and lengths decide nothing here.
        lengths = (1,) * len(data.train)
    return StudyInputs(data.fingerprint, data.classes, lengths, versions())


def versions() -> dict[str, str]:
    """The releases that are installed."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def hardware() -> dict[str, Any]:
    """This machine, for people who read the study's folder later."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


# --- The runs of a design --------------------------------------------------------------------------------------------


# Settings that change no update before the end: where things are kept, how much is printed, what the rates say already.
# Any other setting, those of later releases among them, keeps runs apart.
_SAY_NOTHING = {
    *("out", "cache", "log_every", "save_every", "keep_last", "keep_models", "trackers", "workers"),
    *("lr", "schedule", "warmup", "schedule_options", "epochs", "max_updates"),  # in the rates
    *("data", "encoding", "delimiter", "no_header"),
    *("text_column", "label_column", "split_column", "id_column", "bad_rows", "classes"),  # in the fingerprint
}
_CONVENTION = re.compile(r"\s*((?:transformers|native)\s*:)?\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Cell:
    """The values that runs of different seeds have in common.

    Attributes:
        lr: peak learning rate.
        warmup: as given; None where the schedule says it.
        schedule: name or words, as given, with options in brackets.
        horizon: updates.
    """

    lr: float
    warmup: int | float | str | None
    schedule: str
    horizon: int

    def __str__(self) -> str:
        warmup = "" if self.warmup is None else f", warm-up {self.warmup}"
        return f"{self.schedule}{warmup}, lr {self.lr!r}, {self.horizon} updates"


@dataclass(frozen=True, slots=True, eq=False)
class StudyRun:
    """One run of a study.

    Attributes:
        name: says its values; the same for the same values, whatever else is in the study.
        cell: its values but the seed.
        seed: of weights, dropout and order.
        config: its settings, as ``preheat train`` would take them.
        schedule: of the learning rate.
        factors: the share of the peak that every update uses, float64 of shape (updates,); one array for runs of all
            peaks and seeds.
        standing: SHA-256 of everything else that decides what an update does.
        settings: what the standing was made of.
    """

    name: str
    cell: Cell
    seed: int
    config: TrainConfig
    schedule: Schedule
    factors: NDArray[np.float64] = field(repr=False)
    standing: str
    settings: dict[str, Any] = field(repr=False)

    @property
    def updates(self) -> int:
        """Updates of the run."""
        return len(self.factors)

    @property
    def rates(self) -> NDArray[np.float64]:
        """The learning rate of every update."""
        return self.rates_of(0, self.updates)

    def rates_of(self, start: int, until: int) -> NDArray[np.float64]:
        """The learning rates of the updates in [start, until), as a training run multiplies them."""
        # The same multiplication as the driver's, in float64: equal bits decide what is shared.
        return self.factors[start:until] * self.cell.lr


def expand(design: StudyDesign, inputs: StudyInputs) -> list[StudyRun]:
    """Every run of a design, seeds innermost.

    Raises:
        ConfigError: naming the first combination that cannot be, and why.
    """
    maker = _Maker(design, inputs)
    runs = [maker.run(*values) for values in itertools.product(*map(design.values, _ORDER))]
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ConfigError(refusal("runs", _("ones that differ"), twice, _("It is asked for twice: remove one.")))
    return runs


# Seeds innermost: runs that differ in their seed alone are worked out one after the other, from the same schedule.
_ORDER = ("schedule", "warmup", "horizon", "lr", "seed")


class _Maker:
    """Makes runs; what runs of other peaks and seeds need again is kept."""

    def __init__(self, design: StudyDesign, inputs: StudyInputs) -> None:
        self.design, self.inputs, self._lengths = design, inputs, list(inputs.lengths)
        self._values: list[Any] = []
        self._like: TrainConfig
        self._run_length: tuple[Schedule, int]
        self._factors: dict[tuple[Schedule, int], NDArray[np.float64]] = {}
        self._per_epoch: int | None = None

    def run(self, shape: Any, warmup: Any, horizon: int | None, lr: float | None, seed: int | None) -> StudyRun:
        """One combination of values; None for a run's usual one."""
        values = [shape, warmup, horizon, lr]
        if values != self._values:  # seeds come one after the other: all else is as it was
            self._values, self._like = values, self._config(shape, warmup, horizon, lr, seed)
            self._run_length = self._length_of(self._like)
        config = self._like if seed is None else self._like.model_copy(update={"seed": seed})
        schedule, updates = self._run_length
        words = _words(shape) if shape is not None else config.schedule
        length = warmup if warmup is not None or is_text(config.schedule) else config.warmup
        cell = Cell(config.lr or 1.0, length, words, updates)
        settings = settings_of(config, self.inputs)
        name = f"{cell}, seed {config.seed}"
        factors = self._factors_of(schedule, updates)
        return StudyRun(name, cell, config.seed, config, schedule, factors, digest_of(settings), settings)

    def _config(self, shape: Any, warmup: Any, horizon: Any, lr: Any, seed: Any) -> TrainConfig:
        flags = {**self.design.common, "lr": lr, "seed": seed, "max_updates": horizon}
        flags |= _shaped(shape, untuned_of(self.design.common) if warmup == UNTUNED else warmup)
        flags = {key: value for key, value in flags.items() if value is not None}
        try:
            if horizon is not None:
                # As many epochs as the horizon needs, so that max_updates is what ends the run.
                flags["epochs"] = math.ceil(horizon / self._updates_per_epoch(flags))
            return read_config(None, flags).filled()
        except PreheatError as error:
            values = {"schedule": shape, "warmup": warmup, "horizon": horizon, "lr": lr, "seed": seed}
            said = ", ".join(f"{key} {value}" for key, value in values.items() if value is not None)
            raise ConfigError(_("the run of {values}: {error}", values=said, error=error.args[0])) from error

    def _updates_per_epoch(self, flags: dict[str, Any]) -> int:
        if self._per_epoch is None:
            self._per_epoch = self.inputs.per_epoch(read_config(None, flags).filled())
        return self._per_epoch

    def _length_of(self, config: TrainConfig) -> tuple[Schedule, int]:
        """Schedule and updates as a training run of this configuration finds them, whatever its seed."""
        try:
            run_length = run_length_of(config, order_of(config, 1), self._lengths, Beginning())
        except PreheatError as error:
            raise ConfigError(
                _(
                    "the run of {schedule}, warmup {warmup}: {error}",
                    schedule=config.schedule,
                    warmup=config.warmup,
                    error=error.args[0],
                )
            ) from error
        return run_length.schedule, run_length.total

    def _factors_of(self, schedule: Schedule, updates: int) -> NDArray[np.float64]:
        key = schedule, updates
        if key not in self._factors:
            # One update after the other, as the driver asks for them: an array call may round the last bit otherwise.
            self._factors[key] = np.fromiter(itertools.islice(schedule._from(0), updates), np.float64, updates)
        return self._factors[key]


def settings_of(config: TrainConfig, inputs: StudyInputs) -> dict[str, Any]:
    """Everything but the learning rates that decides what an update of a run does."""
    silent = set(_SAY_NOTHING)
    if config.layer_decay != 1:  # groups with peaks of their own: a peak times another factor is another rate there
        silent.remove("lr")
    kept = config.model_dump(mode="json", exclude=silent)
    return {"config": kept, "data": inputs.data, "classes": list(inputs.classes), "versions": inputs.versions}


def digest_of(data: Any) -> str:
    """SHA-256 of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _shaped(shape: Any, warmup: Any) -> dict[str, Any]:
    """The settings that a shape and a warm-up length make; words without a warm-up are given one."""
    if isinstance(shape, dict):
        options = {key: value for key, value in shape.items() if key != "name"}
        return {"schedule": shape["name"], "warmup": warmup, "schedule_options": options}
    if shape is None or not is_text(shape) or warmup is None:
        return {"schedule": shape, "warmup": warmup}
    if "warmup" in shape:
        advice = _("The words say how they climb: leave that out of them, or the axis.")
        raise ConfigError(refusal("warmup", _("part of {shape!r}", shape=shape), warmup, advice))
    if warmup == 0:
        return {"schedule": shape}
    # Words take percents: a share such as 0.1 is 10%.
    length = f"{100 * warmup:.12g}%" if isinstance(warmup, float) else warmup
    convention, words = _CONVENTION.fullmatch(shape).groups()  # type: ignore[union-attr]
    return {"schedule": f"{convention + ' ' if convention else ''}warmup {length} > {words}"}


def _words(shape: Any) -> str:
    if not isinstance(shape, dict):
        return str(shape)
    options = ", ".join(f"{key} {value}" for key, value in shape.items() if key != "name")
    return f"{shape['name']} ({options})" if options else str(shape["name"])


# --- The tree of stages ----------------------------------------------------------------------------------------------


FORMAT = 1
# Most runs part early or never: a small first look, then twice as many each time.
_CHUNK = 1024  # updates compared at a time, to begin with


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A stretch of training that one or more runs go through.

    Attributes:
        id: of its specification.
        parent: the stage whose last state it begins with; None for the start of a run.
        start: completed updates at its beginning.
        until: completed updates at its end.
        spec: everything that decides what comes of it.
        lead: the run as which it is trained; its rates are those of all.
        runs: names of the runs that go through it.
        ends: names of those that end with it.
    """

    id: str
    parent: str | None
    start: int
    until: int
    spec: dict[str, Any] = field(repr=False)
    lead: StudyRun = field(repr=False)
    runs: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()

    @property
    def updates(self) -> int:
        """Updates it makes."""
        return self.until - self.start

    @property
    def branches(self) -> bool:
        """Whether runs go on from its end."""
        return len(self.ends) < len(self.runs)


@dataclass(frozen=True, slots=True, eq=False)
class StageTree:
    """All stages of a study.

    Attributes:
        stages: by id, parents before their children.
        runs: in the order of the design.
        last: for every run's name the id of the stage it ends with.
    """

    stages: dict[str, Stage]
    runs: tuple[StudyRun, ...]
    last: dict[str, str] = field(repr=False)

    def path(self, run: str) -> list[Stage]:
        """The stages of the run called ``run``, from its first update to its last."""
        path: list[Stage] = []
        at: str | None = self.last[run]
        while at is not None:
            path.append(self.stages[at])
            at = path[-1].parent
        return path[::-1]

    def paths(self) -> Iterator[tuple[StudyRun, list[Stage]]]:
        """Every run with its stages."""
        return ((run, self.path(run.name)) for run in self.runs)

    def children(self) -> dict[str | None, list[Stage]]:
        """The stages that begin where a stage ends, by its id; under None those that begin a run."""
        children: dict[str | None, list[Stage]] = {}
        for stage in self.stages.values():
            children.setdefault(stage.parent, []).append(stage)
        return children

    def longest_after(self) -> dict[str, int]:
        """For every stage the most updates that are still to come when it begins, its own among them."""
        below: dict[str, int] = {}
        for stage in reversed(self.stages.values()):  # children before their parents
            below[stage.id] = below.get(stage.id, 0) + stage.updates
            if stage.parent is not None:
                below[stage.parent] = max(below.get(stage.parent, 0), below[stage.id])
        return below


def grow(runs: Sequence[StudyRun], shortest: int = 1) -> StageTree:
    """The stages of so many runs.

    Args:
        runs: with names that differ.
        shortest: updates that a shared stretch needs, >= 1; a shorter one is trained by each branch itself, because to
            save and load a state takes time too.
    """
    standings: dict[str, list[StudyRun]] = {}
    for run in runs:
        standings.setdefault(run.standing, []).append(run)
    stages: dict[str, Stage] = {}
    for group in standings.values():
        for stage in _stages_of(group, shortest):
            stages[stage.id] = stage
    last = {name: stage.id for stage in stages.values() for name in stage.ends}
    return StageTree(stages, tuple(runs), last)


@dataclass(slots=True)
class _Branch:
    """Runs that are equal before update ``at`` and trained together from update ``start`` on."""

    runs: list[StudyRun]
    start: int
    at: int
    parent: str | None
    past: Any  # the hash of all rates before ``start``
    alone: bool = False  # whether they end at ``at``


def _stages_of(group: list[StudyRun], shortest: int) -> Iterator[Stage]:
    """The stages of runs that differ in nothing but their rates."""
    todo = [_Branch(group, 0, 0, None, hashlib.sha256())]
    while todo:
        branch = todo.pop()
        end = branch.at if branch.alone else _agree_until(branch.runs, branch.at)
        ending = [run for run in branch.runs if run.updates == end]
        ways: dict[float, list[StudyRun]] = {}
        for run in branch.runs:
            if run.updates > end:
                ways.setdefault(float(run.rates_of(end, end + 1)[0]), []).append(run)
        several = len(ways) + bool(ending) > 1
        # Loading and saving a state takes as long as some updates: so short a stretch each branch trains itself.
        if several and end - branch.start < shortest:  # not worth a stage of its own
            start, parent, past = branch.start, branch.parent, branch.past
            if ending:
                todo.append(_Branch(ending, start, end, parent, past, alone=True))
        else:
            stage, past = _stage(branch, end, ending)
            yield stage
            start, parent = end, stage.id
        todo += [_Branch(way, start, end, parent, past) for way in reversed(ways.values())]


def _stage(branch: _Branch, end: int, ending: list[StudyRun]) -> tuple[Stage, Any]:
    """The stage of a branch up to ``end``, and the hash of all rates before that."""
    lead = branch.runs[0]
    past = branch.past.copy()
    # Little-endian float64 whatever the machine: ids are the same everywhere.
    past.update(lead.rates_of(branch.start, end).astype("<f8").tobytes())
    spec = {"format": FORMAT, **lead.settings, "start": branch.start, "until": end, "rates": past.hexdigest()}
    names = tuple(run.name for run in branch.runs)
    ends = tuple(run.name for run in ending)
    return Stage(digest_of(spec), branch.parent, branch.start, end, spec, lead, names, ends), past


def _agree_until(runs: list[StudyRun], at: int) -> int:
    """Where the first of the runs ends or differs from the others, all being equal before ``at``."""
    first = runs[0]
    end = min(run.updates for run in runs)
    for run in runs[1:]:
        end = agree(first, run, at, end)
    return end


def agree(one: StudyRun, other: StudyRun, start: int, end: int) -> int:
    """The first update in [start, end) whose rates differ in any bit; ``end`` if there is none."""
    # Runs of other seeds have the very same array: nothing to compare.
    if one.factors is other.factors and one.cell.lr == other.cell.lr:
        return end
    size = _CHUNK
    while start < end:
        stop = min(start + size, end)
        differing = (one.rates_of(start, stop) != other.rates_of(start, stop)).nonzero()[0]
        if len(differing):
            return start + int(differing[0])
        start, size = stop, 2 * size
    return end
