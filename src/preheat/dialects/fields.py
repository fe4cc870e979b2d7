"""A configuration read field by field, each checked, with the field's name in every refusal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, near_miss, refusal
from preheat.plan import Plan
from preheat.schedule import Schedule
from preheat.schedule.curves import Constant, Curve, Linear
from preheat.schedule.lengths import Absolute, Count
from preheat.schedule.sequence import Phase, PhaseSchedule

if TYPE_CHECKING:
    from preheat.dialects.writing import Outline


# --- What a dialect is, what a reader is told, and what readers and writers give back -------------------------------


@dataclass(frozen=True, slots=True)
class Imported:
    """A configuration as a schedule.

    Attributes:
        schedule: completed updates to a share of ``base_lr``.
        base_lr: the learning rate the shares refer to; None where neither the file nor the context names it.
        notes: what a reader of the file should know: values its trainer takes by itself, what it ignores, where it
            behaves otherwise past the end.
        dialect: whose configuration it was.
        total: updates of the run, if known.
        also: schedules for other numbers the file drives (``weight_decay``, ``betas[0]``), as shares of their base;
            :class:`preheat.torch.Scheduler` takes them under the same name.
    """

    schedule: Schedule
    base_lr: float | None
    notes: tuple[str, ...] = ()
    dialect: str = ""
    total: int | None = None
    also: Mapping[str, Schedule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """A schedule as a configuration of another framework.

    Attributes:
        config: the configuration, as its dialect's reader takes it.
        text: the same, as people write it into a file.
        dialect: whose configuration it is.
        error: largest distance, in learning rate, from the schedule asked for, over all updates of the run.
        error_at: the update it is at.
        exact: whether that is rounding only.
        notes: what else to know.
    """

    config: Any
    text: str
    dialect: str
    error: float
    error_at: int
    exact: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a configuration leaves to its trainer.

    Attributes:
        total: updates of the run, >= 1.
        peak: the peak learning rate.
        warmup: updates of the climb, for files that leave it to their trainer (DeepSpeed's ``"auto"``).
        plan: counts the run, where the file does not say how long it is.
        examples: rows of the training set, for files that give a batch size and epochs.
        world_size: processes that share the data.
        updates_per_epoch: for files that count in epochs.
        samples_per_update: for files that count in samples.
        tokens_per_update: for files that count in tokens.
        version: of the framework, where it matters (``"4"`` or ``"5"`` for transformers).
    """

    total: int | None = None
    peak: float | None = None
    warmup: int | None = None
    plan: Plan | None = None
    examples: int | None = None
    world_size: int = 1
    updates_per_epoch: float | None = None
    samples_per_update: float | None = None
    tokens_per_update: float | None = None
    version: str | None = None

    @property
    def told(self) -> int | None:
        """Updates of the run, if the caller says them."""
        return self.total if self.plan is None else self.plan.updates

    def updates(self, name: str, own: int | None = None) -> int:
        """Updates of the run: what the file says (``own``), or the caller; refused where they differ or nobody says.

        ``name`` is the field of the file that could say it.
        """
        told = self.told
        if own is None and told is None:
            raise ConfigError(
                refusal(name, "in the file, or the run's updates given", None, "Give total= (--updates).")
            )
        if own is not None and told is not None and own != told:
            advice = "The file and you name different runs: leave one out."
            raise ConfigError(refusal(name, f"{told}, the total you gave", own, advice))
        return int(told if own is None else own)  # type: ignore[arg-type]

    def shaped(self, name: str, own: int | None, notes: list[str]) -> int:
        """Updates the schedule is shaped for, in a file that says them apart from the run: a note if they differ."""
        if own is None:
            return self.updates(name)
        if self.told is not None and self.told != own:
            notes.append(f"{name} shapes the schedule for {own} updates, the run takes {self.told}")
        return own

    def rate(self, name: str, own: float | None = None) -> float | None:
        """The peak learning rate: what the file says (``own``), or the caller, or None; refused where they differ."""
        if own is not None and self.peak is not None and own != self.peak:
            advice = "The file and you name different rates: leave one out."
            raise ConfigError(refusal(name, f"{self.peak!r}, the peak you gave", own, advice))
        return self.peak if own is None else own

    def known_rate(self, name: str, own: float | None = None, why: str = "") -> float:
        """As :meth:`rate`, for a file that cannot be read without it (``why``: what refers to it)."""
        rate = self.rate(name, own)
        if rate is None:
            raise ConfigError(refusal(name, f"known{why and ': ' + why}", None, "Give peak= (--lr)."))
        return rate

    def per(self, unit: str, name: str) -> float:
        """Epochs, samples or tokens: how many updates an epoch has, or how many of the others make an update."""
        asked = {"epoch": "updates_per_epoch", "sample": "samples_per_update", "token": "tokens_per_update"}[unit]
        value = getattr(self, asked)
        if value is None and self.plan is not None:
            value = getattr(self.plan, asked)
        if value is None:
            advice = f"Give {asked}= or a plan (--{asked.replace('_', '-')})."
            raise ConfigError(refusal(name, f"countable in {unit}s", None, advice))
        return float(value)


@dataclass(frozen=True, slots=True)
class Example:
    """A configuration every reader test and the table in the docs run through.

    Attributes:
        name: what the dialect calls the schedule.
        config: the shortest configuration that means it.
        context: what :func:`preheat.dialects.read` has to be told beside it.
    """

    name: str
    config: Any
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One framework's configuration vocabulary and step convention.

    Attributes:
        name: what :func:`preheat.dialects.read` calls it.
        title: what people call it.
        source: where the vocabulary is defined, with the version read.
        convention: which update runs at which value, in a sentence.
        read: fields and context to a schedule.
        matches: how sure one can be, 0 to 3, that a configuration is of this dialect: 3 for a field nobody else has.
        examples: every name the dialect knows.
        write: configurations that might say what an outlined schedule does; the nearest is taken. None: not written.
        render: a configuration as text.
        only_fields: whether :attr:`read` takes a mapping of fields alone, and what :attr:`matches` does not know as
            another shape of it is refused before it is called.
    """

    name: str
    title: str
    source: str
    convention: str
    read: Callable[[Fields, Context], Imported]
    matches: Callable[[Any], int]
    examples: tuple[Example, ...]
    write: Callable[[Outline], Iterable[Any]] | None = None
    render: Callable[[Any], str] | None = None
    only_fields: bool = False


# --- Climbs in the step conventions of the field, as phases ---------------------------------------------------------
# W is the climb's length in the source's own words; ``start`` the factor it begins at. Which convention a framework has
# is measured: see each dialect.


Phases = tuple[Phase, ...]


def ramp(warmup: Count, start: float = 0.0, curve: Curve | None = None) -> Phases:
    """n / W for n < W: update 0 at ``start``, the peak at update W. transformers, optax, Megatron, most others."""
    return (Phase(curve=curve or Linear(), length=warmup, start=start, end=1.0),) if warmup else ()


def early_ramp(warmup: Count, start: float = 0.0, curve: Curve | None = None) -> Phases:
    """(n + 1) / W for n < W: the peak at update W - 1. torchtitan, fairseq's ``fixed``, OLMo's trainers."""
    if not warmup:
        return ()
    return (Phase(curve=curve or Linear(), length=warmup, start=start, end=1.0, convention="native"),)


def wide_ramp(warmup: Count, start: float = 0.0) -> Phases:
    """(n + 1) / (W + 1) for n <= W: the peak at update W, update 0 above ``start``. NeMo's warm-up policies."""
    return (Phase(curve=Linear(), length=warmup + 1, start=start, end=1.0, convention="native"),) if warmup else ()


def full_ramp(warmup: Count, start: float = 0.0) -> Phases:
    """n / (W - 1) for n < W: update 0 at ``start``, the peak at update W - 1. mmengine, ignite."""
    if warmup <= 1:
        return (hold(warmup),) if warmup else ()
    return (Phase(curve=Linear(), length=warmup - 1, start=start, end=1.0), hold(1))


def hold(updates: Count | None, factor: float = 1.0) -> Phase:
    """A constant factor for so many updates; None: for ever."""
    return Phase(curve=Constant(), length=updates, start=factor, end=factor)


def cut(schedule: Schedule, updates: Count) -> Schedule:
    """The first updates of a schedule, for another one to follow; a hold without end is simply that long."""
    if not schedule.waits_for and schedule.horizon == updates:
        return schedule
    if isinstance(schedule, PhaseSchedule) and len(schedule.phases) == 1:
        phase = schedule.phases[0]
        if isinstance(phase, Phase) and isinstance(phase.curve, Constant):
            return PhaseSchedule((Phase(curve=Constant(), length=updates, start=phase.start),))
    return schedule.until(updates)


def stairs(factors: Iterable[float], every: Count) -> PhaseSchedule:
    """Each factor for ``every`` updates, the last one then held: what a rate set once an epoch is to the optimizer."""
    runs = [(factor, sum(1 for _ in same)) for factor, same in groupby(factors)]
    return PhaseSchedule(tuple(hold(every * times, factor) for factor, times in runs))


# --- A configuration read field by field, each checked, with the field's name in every refusal ----------------------


REQUIRED: Any = object()
_MOST = 2**53  # updates that a float counts exactly
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")


class Fields:
    """The fields of one section of a configuration.

    A field that is absent or null has its default. Numbers may be written as text, as YAML and flags do. Spellings with
    dashes and underscores are the same field.

    Args:
        values: the section.
        where: its name in messages, such as ``scheduler.params``; empty for the whole file.

    Raises:
        ConfigError: naming the field, from every method.

    >>> fields = Fields({"lr": "1e-4", "warmup-steps": 10})
    >>> fields.number("lr"), fields.count("warmup_steps"), fields.count("total", 100)
    (0.0001, 10, 100)
    """

    def __init__(self, values: Any, where: str = "") -> None:
        if not isinstance(values, Mapping):
            raise ConfigError(
                refusal(where or "configuration", "a mapping of fields", values, "Give names and values.")
            )
        self.raw = values
        self.where = where
        self._values = {str(name).replace("-", "_"): value for name, value in values.items()}
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def path(self, name: str) -> str:
        """The field's name with its section."""
        return f"{self.where}.{name}" if self.where else name

    def refusal(self, name: str, rule: str, advice: str) -> ConfigError:
        """The error that this field is not what it has to be."""
        return ConfigError(refusal(self.path(name), rule, self._values.get(name), advice))

    def value(self, name: str, default: Any = REQUIRED) -> Any:
        """The field as it stands."""
        self._read.add(name)
        value = self._values.get(name)
        if value is not None:
            return value
        if default is REQUIRED:
            raise self.refusal(name, "given", "The schedule cannot do without it.")
        return default

    def number(
        self, name: str, default: Any = REQUIRED, *, low: float = -math.inf, high: float = math.inf, advice: str = ""
    ) -> Any:
        """A finite number in [low, high]; int where it is whole and not written as a float."""
        value = self.value(name, default)
        if value is default:
            return value
        if isinstance(value, str):
            value = _parsed(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.refusal(name, "a finite number", advice or "Give a plain number.")
        if not low <= value <= high:
            bounds = f">= {low:g}" if value < low and high >= _MOST else f"in [{low:g}, {high:g}]"
            raise self.refusal(name, bounds, advice or "Change it.")
        return value

    def count(self, name: str, default: Any = REQUIRED, *, low: int = 0, advice: str = "") -> Any:
        """A whole number >= low; ``100.0`` is one."""
        value = self.number(name, default, low=low, high=_MOST, advice=advice)
        if value is default:
            return value
        if value != int(value):
            raise self.refusal(name, "a whole number", advice or "Give a number of updates.")
        return int(value)

    def rate(self, name: str, default: Any = REQUIRED) -> Any:
        """A learning rate: a number > 0."""
        value = self.number(name, default, low=0.0, advice="It is a learning rate.")
        if value is not default and value <= 0:
            raise self.refusal(name, "> 0", "It is a learning rate.")
        return value if value is default else float(value)

    def share(self, name: str, peak: float | None, default: float = 0.0) -> float:
        """A learning rate in [0, peak], as a share of the peak."""
        value = self.number(name, default, low=0.0, advice="It is a learning rate.")
        if not value:
            return 0.0
        if peak is None:
            raise self.refusal(name, "0 where the peak is not known", "Give peak= (--lr).")
        if value > peak:
            raise self.refusal(name, f"at most the peak, {peak!r}", "Lower it.")
        return Absolute(float(value)).share(peak)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or False, also in words."""
        value = self.value(name, default)
        word = str(value).lower()
        if isinstance(value, bool) or word in (*_TRUE, *_FALSE):
            return word in _TRUE
        raise self.refusal(name, "true or false", "Say one of them.")

    def word(self, name: str, known: Iterable[str], default: Any = REQUIRED) -> Any:
        """One of ``known``, refused with the nearest."""
        value = self.value(name, default)
        known = tuple(known)
        if value is default or (isinstance(value, str) and value in known):
            return value
        raise self.refusal(name, "one of those known here", f"{near_miss(value, known)}Known: {', '.join(known)}.")

    def text(self, name: str, default: Any = REQUIRED) -> Any:
        """A piece of text."""
        value = self.value(name, default)
        if value is not default and not isinstance(value, str):
            raise self.refusal(name, "text", "Write it in quotes.")
        return value

    def list(self, name: str, default: Any = REQUIRED) -> Any:
        """A list; text is read as JSON."""
        value = self.value(name, default)
        if value is default:
            return value
        if isinstance(value, str):
            value = _parsed(value)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [*value]
        raise self.refusal(name, "a list", "Write its items in brackets.")

    def numbers(
        self, name: str, default: Any = REQUIRED, *, low: float = -math.inf, high: float = math.inf, whole: bool = False
    ) -> Any:
        """A list of numbers in [low, high], whole ones where asked; each is named by its place in refusals."""
        values = self.list(name, default)
        if values is default:
            return values
        inside = Fields({str(index): value for index, value in enumerate(values)}, self.path(name))
        if whole:
            return [inside.count(index, low=int(max(low, 0))) for index in inside.raw]
        return [inside.number(index, low=low, high=high) for index in inside.raw]

    def section(self, name: str, default: Any = REQUIRED) -> Fields:
        """A mapping inside this one; text is read as JSON."""
        value = self.value(name, default)
        if isinstance(value, str):
            value = _parsed(value)
        return Fields(value, self.path(name))

    def refuse(self, *names: str, why: str, unless: Iterable[Any] = ()) -> None:
        """Refuse fields that cannot be expressed, if they are given and say more than ``unless``."""
        harmless = (None, *unless)
        for name in names:
            self._read.add(name)
            value = self._values.get(name)
            if not any(value is item or (value == item and type(value) is not bool) for item in harmless):
                raise self.refusal(name, "left out", why)

    def finish(self) -> None:
        """Refuse what nobody has read, with the nearest field known: for sections where every field matters."""
        for name in self._values:
            if name not in self._read and self._values[name] is not None:
                known = sorted(self._read - {name})
                advice = f"{near_miss(name, known)}Or take it out. Known: {', '.join(known) or 'none'}."
                raise self.refusal(name, "a field known here", advice)


def _parsed(text: str) -> Any:
    """Text as the JSON value it spells, or as it is; ``1_000`` and ``1e-4`` are numbers."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return float(text)
    except ValueError:
        return text
