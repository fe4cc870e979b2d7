"""What a dialect is: its reader, its writer, its examples; what these are told, and what they give back.

A reader turns fields (or code) and a :class:`Context` into an :class:`Imported`. A writer is shown an :class:`Outline`
and proposes configurations; :mod:`preheat.dialects.writing` makes an :class:`Exported` of the nearest one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from preheat.dialects.fields import Fields
from preheat.errors import ConfigError, refusal
from preheat.messages import _
from preheat.plan import Plan
from preheat.schedule import Schedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Context:
    """What a configuration leaves to its trainer.

    Attributes:
        total: updates of the run, >= 1.
        peak: the peak learning rate.
        warmup: updates of the warm-up, for files that leave it to their trainer (DeepSpeed's ``"auto"``).
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
                refusal(name, _("in the file, or the run's updates given"), None, _("Give total= (--updates)."))
            )
        # Silently taking one of two would shape the schedule for a run that nobody makes.
        if own is not None and told is not None and own != told:
            advice = _("The file and you name different runs: leave one out.")
            raise ConfigError(refusal(name, _("{told}, the total you gave", told=told), own, advice))
        return int(told if own is None else own)  # type: ignore[arg-type]

    def shaped(self, name: str, own: int | None, notes: list[str]) -> int:
        """Updates the schedule is shaped for, in a file that says them apart from the run: a note if they differ."""
        if own is None:
            return self.updates(name)
        if self.told is not None and self.told != own:
            # Frameworks that say both mean both: a schedule longer than its run is a way to stop early.
            says = _(
                "{name} shapes the schedule for {own} updates, the run takes {run}", name=name, own=own, run=self.told
            )
            notes.append(says)
        return own

    def rate(self, name: str, own: float | None = None) -> float | None:
        """The peak learning rate: what the file says (``own``), or the caller, or None; refused where they differ."""
        if own is not None and self.peak is not None and own != self.peak:
            advice = _("The file and you name different rates: leave one out.")
            raise ConfigError(refusal(name, _("{peak!r}, the peak you gave", peak=self.peak), own, advice))
        return self.peak if own is None else own

    def known_rate(self, name: str, own: float | None = None, why: str = "") -> float:
        """As :meth:`rate`, for a file that cannot be read without it (``why``: what refers to it)."""
        rate = self.rate(name, own)
        if rate is None:
            rule = _("known: {why}", why=why) if why else _("known")
            raise ConfigError(refusal(name, rule, None, _("Give peak= (--lr).")))
        return rate

    def per(self, unit: str, name: str) -> float:
        """Epochs, samples or tokens: how many updates an epoch has, or how many of the others make an update."""
        asked, countable = {
            "epoch": ("updates_per_epoch", _("countable in epochs")),
            "sample": ("samples_per_update", _("countable in samples")),
            "token": ("tokens_per_update", _("countable in tokens")),
        }[unit]
        value = getattr(self, asked)
        if value is None and self.plan is not None:
            value = getattr(self.plan, asked)
        if value is None:
            advice = _("Give {option}= or a plan (--{flag}).", option=asked, flag=asked.replace("_", "-"))
            raise ConfigError(refusal(name, countable, None, advice))
        return float(value)


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
class Outline:
    """A schedule over a run, seen from outside.

    Attributes:
        schedule: the schedule itself, resolved.
        total: updates of the run, T.
        peak: the highest learning rate.
        factors: the values of updates 0 to T (one past the last), as shares of the peak; shape (T + 1,).
        warmups: lengths its warm-up may have, in the conventions of the field; (0,) without one.
        starts: factors the warm-up may begin at.
        decays: lengths its last descent may have, beyond the run too.
        floors: factors its last descent may end at.
        options: numbers that its curves carry (``power``, ``cycles``, ``timescale``...), by name.
    """

    schedule: Schedule
    total: int
    peak: float
    factors: NDArray[np.float64]
    warmups: tuple[int, ...]
    starts: tuple[float, ...]
    decays: tuple[int, ...]
    floors: tuple[float, ...]
    options: dict[str, tuple[float, ...]]

    def option(self, name: str, *others: float) -> tuple[float, ...]:
        """The values a curve of the schedule has for ``name``, and ``others`` to try."""
        return tuple(dict.fromkeys((*self.options.get(name, ()), *others)))

    def below(self, peak: float) -> Outline:
        """The same outline in shares of ``peak``, a rate that need not be that of any update."""
        # Rates stay; what changes is the unit they are shares of.
        ratio = self.peak / peak
        starts, floors = (tuple(share * ratio for share in shares) for shares in (self.starts, self.floors))
        return replace(self, peak=peak, factors=self.factors * ratio, starts=starts, floors=floors)


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
