"""Checkpoints of other frameworks: the schedule in them, and what a resume will do to the learning rate.

:func:`check_resume` says what the framework does with a saved scheduler, and what preheat does:

torch, Lightning, Accelerate  a scheduler's ``load_state_dict`` copies every attribute: the lengths in the checkpoint
         (``T_max``, ``total_steps``, milestones) and the base rates win, whatever the new scheduler was made with.
LambdaLR, so transformers     its functions are not saved: the new lengths hold at once, from the saved position; the
         base rates are the saved ones. The first update runs at the rate that lies in the optimizer's groups.
preheat  a state of another schedule or other base rates is refused, with the differences; a policy says what wins.
Read     torch 2.13, transformers 5.23, lightning 2.6, accelerate 1.15; held to the real ones by tests.

:func:`read_checkpoint` finds the scheduler's state in a file or folder. :func:`read_inert` reads what torch.save and
pickle wrote without running any of it. A pickle is a program that may call anything it names. Here every name gives an
inert stand-in that keeps what it is called with; only plain containers and numbers are real. Tensors are stand-ins too;
of those with a single number the number is read.

Formats  torch's zip archive (``<name>/data.pkl``, numbers in ``<name>/data/<key>``), its older run of pickles, and a
         plain pickle.
"""

from __future__ import annotations

import collections
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from preheat.dialects import read as read_config
from preheat.dialects.torch import OWN_KEYS, state_class
from preheat.dialects.torch import saved as saved_in
from preheat.errors import ConfigError, DataError, PreheatError, refusal, system_words
from preheat.messages import _, columns, joined, plural
from preheat.schedule import Schedule, parse, resume
from preheat.schedule.lengths import count, positive
from preheat.schedule.operations import POLICIES, changed_fields, first_of

_NAMES = {
    "preheat": "preheat",
    "transformers": "transformers",
    "lightning": "Lightning",
    "accelerate": "Accelerate",
    "torch": "torch",
}
_ARGUMENTS = ("lr_scheduler_type", "lr_scheduler_kwargs", "learning_rate", "warmup_steps", "warmup_ratio")
_NOTHING = _("goes on: nothing has changed")
# Of the larger rate: torch's recursive forms are rounded at every update, the closed ones once.
_SAME = 1e-9
_FILES = ("scheduler.pt", "scheduler.bin", "run.json")  # the last is preheat's
_OPTIMIZERS = {"scheduler.pt": "optimizer.pt", "scheduler.bin": "optimizer.bin"}


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Learning rates from the border on, under one way of resuming.

    Attributes:
        name: whose way: ``"as saved"``, the framework's, or a policy of preheat's.
        rates: the rate of each update shown.
    """

    name: str
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a resume will do.

    Attributes:
        checkpoint: what was read.
        position: updates completed when it was saved.
        saved: the schedule the run followed; None where the checkpoint does not say.
        saved_base: the learning rate its factors multiply.
        asked: the schedule to go on with.
        asked_base: its peak.
        updates: the updates shown.
        curves: the rates at these, by way of resuming; the framework's is the second.
        sentence: what the framework will do.
        ours: what preheat's scheduler will do.
        as_asked: whether the framework does what was asked, without a jump.
        notes: what could not be told, or is worth knowing.
    """

    checkpoint: Checkpoint
    position: int
    saved: Schedule | None
    saved_base: float
    asked: Schedule
    asked_base: float
    updates: tuple[int, ...]
    curves: tuple[RateCurve, ...]
    sentence: str
    ours: str
    as_asked: bool
    notes: tuple[str, ...]

    def __str__(self) -> str:
        rows = [(_("update"), *(f"{update:>10}" for update in self.updates))]
        rows += [(curve.name, *(f"{rate:>10.4g}" for rate in curve.rates)) for curve in self.curves]
        if self.saved is not None:
            saved = _("saved: {schedule}, peak {peak:g}", schedule=self.saved, peak=self.saved_base)
        else:
            saved = _("saved: a schedule it does not describe, peak {peak:g}", peak=self.saved_base)
        lines = [
            _(
                "{path}: {kind}, after {updates} updates",
                path=self.checkpoint.path,
                kind=self.checkpoint.kind,
                updates=self.position,
            ),
            saved,
            _("asked: {schedule}, peak {peak:g}", schedule=self.asked, peak=self.asked_base),
            joined(": ", (_NAMES[self.checkpoint.framework], self.sentence)),
        ]
        lines += [joined(": ", ("preheat", self.ours))] if self.checkpoint.framework != "preheat" else []
        return joined("\n", [*lines, "", columns(rows), *(_("note: {note}", note=note) for note in self.notes)])


def check_resume(
    checkpoint: str | os.PathLike[str],
    asked: Schedule | str,
    *,
    lr: float | None = None,
    total: int | None = None,
    bridge: int = 100,
) -> Forecast:
    """Say what resuming a checkpoint with a schedule does to the learning rate. Nothing in the checkpoint is run.

    Args:
        checkpoint: a file or folder, as :func:`read_checkpoint` takes it.
        asked: the schedule to go on with, or one in words.
        lr: its peak; None keeps the saved base.
        total: updates of the whole run, for a schedule in shares of it.
        bridge: updates that preheat's ``bridge`` policy is shown with.

    Raises:
        DataError: if there is no scheduler's state in it.
        ConfigError: for a schedule that waits for something.

    >>> import json, tempfile
    >>> state = {"T_max": 100, "eta_min": 0.0, "base_lrs": [0.001], "last_epoch": 50}  # of a CosineAnnealingLR
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     json.dump(state, file)
    ...     file.flush()
    ...     forecast = check_resume(file.name, "transformers: cosine 200")
    >>> forecast.as_asked, forecast.sentence
    (False, 'goes on with the saved CosineAnnealingLR: its lengths and base rates win over the new ones')
    """
    source = read_checkpoint(Path(checkpoint))
    notes: list[str] = []
    saved, base, position = _saved_schedule(source, notes)
    peak = base if lr is None else positive("lr", lr, _("It is the peak learning rate."))
    if not peak:
        raise ConfigError(refusal("lr", _("given"), None, _("The checkpoint does not say what its base rate is.")))
    schedule = _resolved(asked, total, peak)
    bridge = int(count("bridge", bridge, 1))
    updates = _shown(position, saved, schedule)
    theirs, sentence = _theirs(source, saved, base, schedule, peak, position, updates)
    curves = [RateCurve(_NAMES[source.framework], theirs)] if source.framework != "preheat" else []
    if saved is not None:
        curves.insert(0, RateCurve(_("as saved"), _rates(saved, base, updates)))
    curves += _ours(saved, base, schedule, peak, position, updates, bridge)
    # Past its horizon the asked schedule holds, and OneCycleLR raises: there is nothing to agree on.
    inside = [update for update in updates if schedule.horizon is None or update < schedule.horizon]
    as_asked = _agree(theirs[: len(inside)], _rates(schedule, peak, tuple(inside)))
    same = saved is not None and _same(saved, base, schedule, peak, updates)
    ours = _NOTHING if same and source.framework != "preheat" else _policy_sentence(saved, base, schedule, peak)
    if source.others:
        notes.append(
            plural(
                "{n} more scheduler is in it: this is the first",
                "{n} more schedulers are in it: this is the first",
                source.others,
            )
        )
    if source.updates is not None and source.updates != position:
        notes.append(
            _(
                "the trainer counts {updates} updates, its scheduler {steps}: it was not stepped once an update",
                updates=source.updates,
                steps=position,
            )
        )
    return Forecast(
        source, position, saved, base, schedule, peak, updates, tuple(curves), sentence, ours, as_asked, tuple(notes)
    )


def _saved_schedule(source: Checkpoint, notes: list[str]) -> tuple[Schedule | None, float, int]:
    """The schedule the run followed, its base rate and its position."""
    groups: list[Mapping[str, Any]] | None = list(source.groups) or None
    if state_class(source.state) != "LambdaLR":
        known = saved_in(source.state, groups)
        notes += known.notes
        return known.schedules[0], known.bases[0], known.position
    # Its state has no shape in it. transformers' arguments lie beside it, and say which function it was made of.
    bases = source.state.get("base_lrs")
    base = float(bases[0]) if isinstance(bases, list) and bases and isinstance(bases[0], (int, float)) else 0.0
    position = source.state.get("last_epoch")
    whole = int(count("last_epoch", position, advice=_("The state is damaged.")))
    arguments = {name: source.arguments[name] for name in _ARGUMENTS if source.arguments.get(name) is not None}
    if not arguments or source.total is None:
        notes.append(_("a LambdaLR does not save its function: what the run followed is not known"))
        return None, base, whole
    try:
        return read_config(arguments, "transformers", total=source.total).schedule, base, whole
    except PreheatError as error:
        notes.append(_("the saved arguments could not be read: {error}", error=error))
        return None, base, whole


def _resolved(asked: Schedule | str, total: int | None, base: float) -> Schedule:
    schedule = parse(asked) if isinstance(asked, str) else asked
    if schedule.waits_for == "a plan":
        if total is None:
            advice = _("Its lengths are shares of the run: give total= (--updates).")
            raise ConfigError(refusal("total", _("given for this schedule"), str(schedule), advice))
        schedule = schedule.over(total)
    return schedule.for_base(base)


def _shown(position: int, saved: Schedule | None, asked: Schedule) -> tuple[int, ...]:
    """The updates worth showing: the border, a little later, and the ends of both schedules; a line holds eight."""
    ends = [int(one.horizon) for one in (saved, asked) if one is not None and one.horizon is not None]
    # At the border the groups' own rate is used, and one update later the scheduler's first: a jump shows there.
    later = [position + step for step in (0, 1, 2, 10, 100)]
    middle = [(position + end) // 2 for end in ends] + [end - 1 for end in ends] + [max(ends)] if ends else []
    return tuple(sorted({*later, *(update for update in middle if update > position)}))[:8]


def _rates(schedule: Schedule, base: float, updates: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(base * schedule(update) for update in updates)


def _theirs(
    source: Checkpoint,
    saved: Schedule | None,
    base: float,
    asked: Schedule,
    peak: float,
    position: int,
    updates: tuple[int, ...],
) -> tuple[tuple[float, ...], str]:
    """The rates the framework will use, and what it does in words."""
    if source.framework == "preheat" or saved is None or state_class(source.state) == "LambdaLR":
        if source.framework == "preheat":
            return _rates(asked, peak, updates), _policy_sentence(saved, base, asked, peak)
        first = source.saved_rate
        rates = [base * asked(update) for update in updates]
        if first is not None:
            rates[0] = first  # the groups' own rate, until the scheduler is stepped
        return tuple(rates), _lambda_sentence(source, saved, base, peak, position, rates)
    # What torch does past the end, where CosineAnnealingLR climbs again, and not what a reader of the state wants.
    onwards = saved_in(source.state, list(source.groups) or None, onwards=True)
    rates = list(_rates(onwards.schedules[0], base, updates))
    sentence = _(
        "goes on with the saved {scheduler}: its lengths and base rates win over the new ones",
        scheduler=state_class(source.state),
    )
    if _same(saved, base, asked, peak, updates):
        sentence = _("goes on as asked: the saved scheduler and the new one are the same")
    if state_class(source.state) == "OneCycleLR" and saved.horizon is not None:
        end = _("it raises an error after update {update}", update=int(saved.horizon))
        sentence = joined("; ", (sentence, end))
    return tuple(rates), sentence


def _lambda_sentence(
    source: Checkpoint,
    saved: Schedule | None,
    base: float,
    peak: float,
    position: int,
    rates: list[float],
) -> str:
    said = _("takes the new function at once, at position {position}", position=position)
    before = source.saved_rate if source.saved_rate is not None else None if saved is None else base * saved(position)
    if before and len(rates) > 1:
        ratio = rates[1] / before
        # Below a twentieth of the rate nobody would call it a jump: schedules move by as much in a few updates.
        if abs(ratio - 1) > 0.05:
            said = _(
                "takes the new function at once, at position {position}:"
                " {before:.4g} -> {after:.4g}, times {ratio:.4g}",
                position=position,
                before=before,
                after=rates[1],
                ratio=ratio,
            )
        else:
            said = _("takes the new function at once, at position {position}, without a jump", position=position)
    if abs(peak - base) > _SAME * base:
        kept = _("the base rate stays the saved {saved:g}, not {asked:g}", saved=base, asked=peak)
        said = joined("; ", (said, kept))
    return said


def _same(saved: Schedule, base: float, asked: Schedule, peak: float, updates: tuple[int, ...]) -> bool:
    return _agree(_rates(saved, base, updates), _rates(asked, peak, updates))


def _agree(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(abs(before - after) <= _SAME * max(before, after) for before, after in pairs)


def _ours(
    saved: Schedule | None,
    base: float,
    asked: Schedule,
    peak: float,
    position: int,
    updates: tuple[int, ...],
    bridge: int,
) -> list[RateCurve]:
    """The rates under each of preheat's policies."""
    if saved is None:
        return [RateCurve("preheat, replace", _rates(asked, peak, updates))]
    curves = []
    # Its policies join schedules, not rates: the past as shares of the new peak.
    past = saved if base == peak else saved * (base / peak)
    for policy in POLICIES:
        try:
            resumed = resume(past, asked, position, policy, bridge=bridge)
        except PreheatError:  # a policy that these two do not allow
            continue
        name = f"preheat, {policy}" + (f" {bridge}" if policy == "bridge" else "")
        curves.append(RateCurve(name, _rates(resumed, peak, updates)))
    if base != peak:
        curves.append(RateCurve("preheat, rebase", _rates(saved, peak, updates)))
    return curves


def _policy_sentence(saved: Schedule | None, base: float, asked: Schedule, peak: float) -> str:
    if saved is None:
        return _(
            "its own states say which schedule they followed; this one does not,"
            " so the schedule starts where it is told to"
        )
    lines = changed_fields(saved.to_dict(), asked.to_dict())
    if base != peak:
        lines.append(_("base lr: {saved:g} -> {asked:g}", saved=base, asked=peak))
    if not lines:
        return _NOTHING
    return _(
        "refuses ({changes}) until a policy says what wins: resume='keep', 'replace', 'rescale', 'bridge' or 'rebase'",
        changes=first_of(lines, 4),
    )


# --- the scheduler in a checkpoint: its state, the optimizer's groups, and what says how it was made ------------------


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says of its schedule.

    Attributes:
        path: the file that was read.
        kind: what wrote it, in words.
        framework: ``"preheat"``, ``"transformers"``, ``"lightning"``, ``"accelerate"`` or ``"torch"``.
        state: the scheduler's state, as plain data.
        groups: the optimizer's parameter groups; empty where the checkpoint has none.
        arguments: the trainer's arguments (transformers), as far as they are plain data.
        updates: updates the run has made, by the trainer's own count.
        total: updates the run was planned for, by the trainer's own count.
        others: how many more schedulers there are.
    """

    path: Path
    kind: str
    framework: str
    state: Mapping[str, Any]
    groups: tuple[Mapping[str, Any], ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    updates: int | None = None
    total: int | None = None
    others: int = 0

    @property
    def saved_rate(self) -> float | None:
        """The learning rate in the optimizer's first group."""
        value = self.groups[0].get("lr") if self.groups else None
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def read_checkpoint(path: Path) -> Checkpoint:
    """Find the scheduler's state in a checkpoint, running nothing that is in it.

    Args:
        path: a file (``.pt``, ``.ckpt``, ``.bin``, ``.pth``, a scheduler's state as ``.json``) or the folder of a
            checkpoint: of transformers' Trainer, Accelerate, or preheat (the whole run too).

    Raises:
        DataError: if there is none.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise DataError(refusal("checkpoint", _("a file or folder that exists"), str(path), _("Check the path.")))
    data = _data(path)
    if path.name in _OPTIMIZERS:
        return _beside(path, data)
    states = [*_states(data)]
    if not states:
        advice = _("No scheduler's state is in it. Give the file that has one, or the checkpoint's folder.")
        raise DataError(refusal("checkpoint", _("one with a scheduler"), str(path), advice))
    updates = data.get("global_step") if isinstance(data, Mapping) else None
    lightning = isinstance(data, Mapping) and "pytorch-lightning_version" in data
    own = {*states[0]} >= OWN_KEYS
    framework = "preheat" if own else "lightning" if lightning else "torch"
    kind = {"preheat": "preheat", "lightning": "Lightning", "torch": "torch"}[framework]
    return Checkpoint(
        path,
        _("a checkpoint of {framework}", framework=kind),
        framework,
        states[0],
        _groups(data),
        updates=updates if isinstance(updates, int) else None,
        others=len(states) - 1,
    )


def _folder(path: Path) -> Checkpoint:
    """The checkpoint in a folder, or the last one of the run it belongs to."""
    # A checkpoint's own folder first, then the folder of a run: whatever it is, one path is enough to give.
    for name in _FILES:
        if (path / name).is_file():
            return read_checkpoint(path / name)
    numbered = [folder for folder in path.glob("checkpoint*-*") if folder.name.rpartition("-")[2].isdigit()]
    own = sorted(path.glob("update-*/run.json"))  # preheat's, named by updates
    files = sorted((*path.glob("**/*.ckpt"), *path.glob("*.pt")), key=lambda file: file.stat().st_mtime)
    if numbered:  # by number, not by name or time: checkpoint-1000 comes after checkpoint-500, copied or not
        return _folder(max(numbered, key=lambda folder: int(folder.name.rpartition("-")[2])))
    if own or files:
        return read_checkpoint((own or files)[-1])
    advice = _("Looked for {files}, checkpoint-*, update-* and *.ckpt.", files=joined(", ", _FILES))
    raise DataError(refusal("checkpoint", _("a folder with a checkpoint in it"), str(path), advice))


def _beside(path: Path, data: Any) -> Checkpoint:
    """A folder of transformers' Trainer or of Accelerate: the optimizer and the trainer's own state lie beside."""
    if not isinstance(data, Mapping):
        raise DataError(
            refusal("checkpoint", _("one with a scheduler"), str(path), _("Its state is not a dictionary."))
        )
    optimizer = path.with_name(_OPTIMIZERS[path.name])
    groups = _groups({"optimizer": _data(optimizer)}) if optimizer.is_file() else ()
    trainer = path.with_name("trainer_state.json")
    counts = _data(trainer) if trainer.is_file() else {}
    if not isinstance(counts, Mapping):
        raise DataError(
            refusal("checkpoint", _("one with the trainer's counts"), str(trainer), _("It is not a dictionary."))
        )
    arguments = path.with_name("training_args.bin")
    given = plain(read_inert(arguments)) if arguments.is_file() else {}
    transformers = path.suffix == ".pt"  # scheduler.pt is the Trainer's name, scheduler.bin Accelerate's
    return Checkpoint(
        path,
        _("a checkpoint of transformers' Trainer") if transformers else _("a state saved by Accelerate"),
        "preheat" if {*data} >= OWN_KEYS else "transformers" if transformers else "accelerate",
        data,
        groups,
        given if isinstance(given, dict) else {},
        counts.get("global_step"),
        counts.get("max_steps"),
    )


def _data(path: Path) -> Any:
    if path.suffix.lower() == ".json":
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(refusal("checkpoint", _("JSON"), str(path), _("{error}.", error=error))) from error
    return plain(read_inert(path))


# Three levels down: a Lightning checkpoint keeps a list of states, people's own files a dictionary of those. What nests
# deeper is weights, or meant to keep us busy.
def _states(data: Any, depth: int = 3) -> Iterator[Mapping[str, Any]]:
    """Every scheduler's state in a nest of mappings and lists, the outermost first."""
    if isinstance(data, Mapping):
        if {*data} >= OWN_KEYS or state_class(data) is not None:
            yield data
            return
        inside = [value for value in data.values() if isinstance(value, (Mapping, list))]
    else:
        inside = [value for value in data if isinstance(value, (Mapping, list))] if isinstance(data, list) else []
    for value in inside if depth else ():
        yield from _states(value, depth - 1)


def _groups(data: Any, depth: int = 3) -> tuple[Mapping[str, Any], ...]:
    """The first optimizer's parameter groups in a nest of mappings and lists."""
    if isinstance(data, Mapping):
        groups = data.get("param_groups")
        if isinstance(groups, list) and groups and all(isinstance(group, Mapping) for group in groups):
            return tuple({key: value for key, value in group.items() if key != "params"} for group in groups)
    inside = data.values() if isinstance(data, Mapping) else data if isinstance(data, list) else ()
    for value in inside if depth else ():
        inner = _groups(value, depth - 1) if isinstance(value, (Mapping, list)) else ()
        if inner:
            return inner
    return ()


# --- reading without running ------------------------------------------------------------------------------------------


# Bytes of the pickle itself, beside which the weights lie: those of real checkpoints have a few MB at most.
_LARGEST = 1 << 30
_LEGACY = 0x1950A86A20F9469CFC6C  # what torch wrote before 1.6 begins with
# How the numbers of a storage are packed, by torch's older name of it and the newer one.
_FORMATS = {
    "FloatStorage": "<f",
    "DoubleStorage": "<d",
    "LongStorage": "<q",
    "IntStorage": "<i",
    "float32": "<f",
    "float64": "<d",
    "int64": "<q",
    "int32": "<i",
}
_REAL: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): lambda *_unused: {},  # its factory is left out
    ("collections", "Counter"): collections.Counter,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "list"): list,
    ("builtins", "dict"): dict,
    ("builtins", "tuple"): tuple,
    ("builtins", "int"): int,
    ("builtins", "float"): float,
    ("builtins", "bool"): bool,
    ("builtins", "str"): str,
    ("builtins", "complex"): complex,
}


class Inert:
    """A stand-in for an object of a class, or the result of a function, that a pickle names.

    Attributes:
        name: what the pickle names.
        args: what it was to be called with.
        fields: what its attributes were to be.
    """

    name = ""
    args: tuple[Any, ...] = ()
    fields: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, *args: Any, **_unused: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.fields = state if isinstance(state, dict) else {"state": state}

    def __setitem__(self, _key: Any, _value: Any) -> None:
        """What stands in for a dictionary keeps nothing."""

    def append(self, _item: Any) -> None:
        """What stands in for a list keeps nothing."""

    def extend(self, _items: Any) -> None:
        """What stands in for a list keeps nothing."""


class _Reader(pickle.Unpickler):
    """Unpickles with stand-ins for every name."""

    def __init__(self, file: BinaryIO, archive: zipfile.ZipFile | None = None, root: str = "") -> None:
        super().__init__(file)
        self.archive, self.root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        # The one place where a pickle gets hold of anything that can be called.
        if (module, name) in _REAL:
            return _REAL[module, name]
        if (module, name) in (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter")):
            return self._tensor
        return type(name.rpartition(".")[2] or "Inert", (Inert,), {"name": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> Any:
        return pid  # torch's way to name a tensor's storage; what _tensor() is then given

    def _tensor(self, storage: Any, *about: Any) -> Any:
        """The number in a tensor that has one; None for any other."""
        if isinstance(storage, (int, float)) or storage is None:  # a parameter around a tensor
            return storage
        offset, size = about[0], about[1]  # then stride, requires_grad and hooks
        # Older files keep the numbers behind all pickles, far from where they are named: those are left unread.
        if self.archive is None or not isinstance(storage, tuple) or len(storage) < 3 or size not in ((), (1,)):
            return None
        layout = _FORMATS.get(getattr(storage[1], "name", "").rpartition(".")[2])
        if layout is None:
            return None
        data = self.archive.read(f"{self.root}data/{storage[2]}")
        return struct.unpack_from(layout, data, int(offset) * struct.calcsize(layout))[0]


def read_inert(path: Path) -> Any:
    """The data in a file that torch.save or pickle wrote; nothing in it is run.

    Raises:
        DataError: if it is no such file, or a damaged one.
    """
    try:
        if zipfile.is_zipfile(path):
            return _from_archive(path)
        with path.open("rb") as file:
            first = _Reader(file).load()
            if first == _LEGACY:
                for _unused in range(2):  # protocol and machine
                    _Reader(file).load()
                return _Reader(file).load()
            return first
    except OSError as error:
        raise DataError(
            refusal("checkpoint", _("a file that can be read"), str(path), _("{problem}.", problem=system_words(error)))
        ) from error
    except Exception as error:  # a damaged pickle raises whatever it meets
        advice = _(
            "It is damaged, or torch did not write it ({kind}: {error}).", kind=type(error).__name__, error=error
        )
        raise DataError(refusal("checkpoint", _("what torch.save or pickle writes"), str(path), advice)) from error


def _from_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"), None)
        if name is None:
            raise DataError(refusal("checkpoint", _("a torch archive"), str(path), _("It has no data.pkl.")))
        if archive.getinfo(name).file_size > _LARGEST:
            rule = _("below {bytes:,} bytes beside its weights", bytes=_LARGEST)
            raise DataError(refusal("checkpoint", rule, str(path), ""))
        return _Reader(io.BytesIO(archive.read(name)), archive, name.removesuffix("data.pkl")).load()


def plain(value: Any) -> Any:
    """Containers and numbers as they are; of a stand-in for an enumeration its value, of any other its fields."""
    if isinstance(value, Inert):
        if value.fields:
            return {str(name): plain(item) for name, item in value.fields.items()}
        # An enumeration is pickled as its class called with the value.
        return plain(value.args[0]) if len(value.args) == 1 else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if isinstance(key, (str, int))}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else None
