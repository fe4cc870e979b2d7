"""What the design page shows, as a value: schedules in words with the run around them. Its text is the page's address.

Address  ``s`` (a schedule; up to eight), ``updates``, ``lr``, ``epoch`` (updates in one), ``tokens`` (in an update),
         ``every`` (updates between checkpoints), ``axis``, ``log``, ``on`` (the schedule that is edited).
Figure   :func:`figure_of` draws the values that train.
Rows     :func:`rows_of` shows the phases of a schedule to be edited; :func:`changed`, :func:`added`, :func:`removed`,
         :func:`moved` and :func:`dragged` give the words of the changed schedule. A schedule made of schedules
         (``repeat(...)``, a product) has no rows and is edited as text.
Numbers  :func:`numbers_of` asks the functions of the core for description, findings and scores.
Copies   :func:`copy_as` writes a schedule as text to paste: words, a file, Python, other frameworks' configurations.
History  :class:`History` undoes and redoes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from preheat.advice import Bound, bound
from preheat.checking import Finding, check
from preheat.errors import ConfigError, PreheatError, ScheduleError, refusal
from preheat.messages import _, in_context, joined
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.base import VERSION, foreign
from preheat.schedule.curves import CURVE_NAMES, Constant, name_of, named_curve
from preheat.schedule.lengths import Length, as_length, count, lr, positive, rest
from preheat.schedule.named import get_schedule, is_text, usual_warmup
from preheat.schedule.text import parse
from preheat.view import Axis, Figure, Mark, Series
from preheat.view.sampling import sample

# --- The design -------------------------------------------------------------------------------------------------------


# As many as there are colors; words are read at every keystroke, and a link may come from anybody.
MOST_CURVES = 8
MOST_LETTERS = 2000  # of one schedule
MOST_UPDATES = 10**9  # far beyond any run
AXES: dict[str, str] = {
    "update": in_context("axis", "update"), "epoch": in_context("axis", "epoch"), "token": in_context("axis", "token")
}  # fmt: skip
_NUMBERS: dict[str, Callable[[str], float]] = {
    "updates": int, "lr": float, "epoch": float, "tokens": float, "every": int, "on": int
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What lengths are resolved by: the updates of the run, and what an epoch or an update has, if known."""

    updates: int
    epoch: float | None
    tokens: float | None

    def in_updates(self, length: Length) -> int:
        """Epochs and tokens from the start of the run, rounded up to whole updates."""
        per = {"epochs": self.epoch, "tokens": None if self.tokens is None else 1.0 / self.tokens}.get(length.unit)
        if per is None:
            advice = _("Say how many updates an epoch has, or how many tokens an update.")
            raise ScheduleError(refusal("length", _("countable in updates"), str(length), advice))
        return math.ceil(float(length.value) * per)


@dataclass(frozen=True, slots=True)
class Design:
    """Schedules over one run.

    Args:
        curves: each in words, or the name of one without arguments; one to eight.
        updates: of the run, 1 to a thousand million.
        lr: the peak learning rate, > 0.
        epoch: updates in an epoch, > 0; None where nobody knows.
        tokens: tokens in an update, > 0; None where nobody knows.
        every: updates between checkpoints, >= 1; None marks none.
        axis: what the drawing counts: ``update``, ``epoch`` or ``token``.
        log: whether the axis of learning rates is logarithmic.
        on: which of the curves is edited.

    Raises:
        ConfigError, ScheduleError: for what cannot be; whether the words are a schedule, :meth:`schedule` says.

    >>> Design(("warmup 10% > cosine to 0",), updates=100).schedule(0)(5)
    0.6
    """

    curves: tuple[str, ...] = ("warmup 10% > cosine to 0",)
    updates: int = 10_000
    lr: float = 1e-3
    epoch: float | None = None
    tokens: float | None = None
    every: int | None = None
    axis: str = "update"
    log: bool = False
    on: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.curves) <= MOST_CURVES:
            raise ConfigError(
                refusal(
                    "curves",
                    _("1 to {most}", most=MOST_CURVES),
                    len(self.curves),
                    _("Draw fewer at a time."),
                )
            )
        for words in self.curves:
            refuse_long(words)
        if count("updates", self.updates, 1) > MOST_UPDATES:
            raise ConfigError(
                refusal(
                    "updates",
                    _("at most {most}", most=MOST_UPDATES),
                    self.updates,
                    _("Plan a shorter run."),
                )
            )
        positive("lr", self.lr, _("It is the peak learning rate."))
        for name in ("epoch", "tokens"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name), _("It counts what an epoch, or an update, has."))
        if self.every is not None:
            count("every", self.every, 1)
        if self.axis not in AXES:
            raise ConfigError(
                refusal("axis", _("one of {known}", known=joined(", ", AXES)), self.axis, _("Pick one of these."))
            )
        unknown = {
            "epoch": self.epoch is None and _("update until the updates in an epoch are given"),
            "token": self.tokens is None and _("update until the tokens in an update are given"),
        }
        if rule := unknown.get(self.axis):
            raise ConfigError(refusal("axis", rule, self.axis, _("Give them first.")))
        if not 0 <= self.on < len(self.curves):
            raise ConfigError(refusal("on", _("the number of a curve, from 0"), self.on, _("Pick one that is there.")))

    def schedule(self, index: int) -> Schedule:
        """A curve as a value, every length in updates and every learning rate as a share of the peak.

        Raises:
            ScheduleError, PlanError: if its words are no schedule, or do not fit the run.
        """
        words = self.curves[index]
        # A name alone has a warm-up of a tenth of the run, as it does on the command line.
        run = Run(self.updates, self.epoch, self.tokens)
        if in_words(words):
            return parse_foreign(words).over(run).for_base(self.lr)
        return get_schedule(words, warmup=usual_warmup(words), total=run, lr=self.lr).for_base(self.lr)

    @property
    def scale(self) -> float:
        """What a position is multiplied by on the axis of the drawing."""
        return {"update": 1.0, "epoch": 1.0 / (self.epoch or 1.0), "token": self.tokens or 1.0}[self.axis]

    def to_query(self) -> str:
        """The address, without what has its default.

        >>> Design(("hold",), updates=100).to_query()
        's=hold&updates=100'
        """
        pairs: list[tuple[str, Any]] = [("s", words) for words in self.curves]
        for name in (*_NUMBERS, "axis", "log"):
            value = getattr(self, name)
            if value != getattr(_DEFAULT, name):
                pairs.append((name, int(value) if isinstance(value, bool) else value))
        return urlencode(pairs)

    @staticmethod
    def from_query(pairs: Sequence[tuple[str, str]]) -> Design:
        """The design an address names; other words in it are left to others.

        Raises:
            ConfigError, ScheduleError: for numbers that are none, and for what :class:`Design` refuses.

        >>> Design.from_query([("s", "hold"), ("updates", "100")]) == Design(("hold",), updates=100)
        True
        """
        given: dict[str, Any] = {}
        curves = tuple(value for name, value in pairs if name == "s")
        if curves:
            given["curves"] = curves
        for name, value in pairs:
            if name in _NUMBERS:
                given[name] = _number(name, value)
            elif name == "axis":
                given["axis"] = value
            elif name == "log":
                given["log"] = value not in ("0", "")
        return Design(**given)


def in_words(words: str) -> bool:
    """Whether a curve is written in words; else it is the name of one. A hold alone is a word and no name."""
    return is_text(words) or words.strip() in ("hold", "warmup")


def refuse_long(words: str) -> None:
    """Refuse words that would take long to read."""
    if len(words) > MOST_LETTERS:
        advice = _("Write it shorter, or load it from a file in Python.")
        raise ConfigError(refusal("schedule", _("at most {most} letters", most=MOST_LETTERS), len(words), advice))


def parse_foreign(words: str) -> Schedule:
    """A schedule in words that may come from anybody: a link is enough. So no function of Python's is called.

    >>> parse_foreign("function('os:abort')")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    preheat.errors.ScheduleError: schedule must be without functions; got "function('os:abort')". A page calls none...
    """
    refuse_long(words)
    if re.search(r"\bfunction\b", words):
        raise ScheduleError(
            refusal("schedule", _("without functions"), words, _("A page calls none: draw it in Python."))
        )
    with foreign():
        return parse(words)


def _number(name: str, text: str) -> float:
    try:
        value = _NUMBERS[name](text)
    except ValueError:
        kind = _("a whole number") if _NUMBERS[name] is int else _("a number")
        raise ConfigError(refusal(name, kind, text[:80], _("Correct the address."))) from None
    if not math.isfinite(value):
        raise ConfigError(refusal(name, _("finite"), text[:80], _("Correct the address.")))
    return value


_DEFAULT = Design()


# --- Its figure -------------------------------------------------------------------------------------------------------


# Half a point a pixel of a wide screen.
POINTS = 400  # of a curve, besides those at its borders: every one travels at every move of a slider
_MOST_LINES = 40  # borders, epochs or checkpoints that are marked
_LETTERS = 60  # of a schedule's words in the legend
TITLE = _("The learning rate of every update")


def label(design: Design, index: int) -> str:
    """What a curve is called: its number and its words."""
    words = design.curves[index]
    return f"{index + 1}. {words if len(words) <= _LETTERS else words[: _LETTERS - 3] + '...'}"


def figure_of(design: Design, schedules: Mapping[int, Schedule]) -> Figure:
    """The curves that are schedules, as learning rates over the axis that was chosen.

    Args:
        design: what is shown.
        schedules: the curves that can be drawn, by their number.
    """
    named = {label(design, index): one for index, one in schedules.items()}
    sampled = sample(named, design.updates, design.lr, POINTS) if named else []
    scale = design.scale
    return Figure(
        title=TITLE,
        x=Axis(title=AXES[design.axis], high=design.updates * scale),
        y=Axis(title=_("learning rate"), log=design.log),
        # Colors go by a curve's number, whatever else is drawn.
        series=tuple(
            Series(label=one.label, role=index + 1, x=[position * scale for position in one.positions], y=one.values)
            for index, one in zip(schedules, sampled, strict=True)
        ),
        marks=(*_borders(design, schedules.get(design.on)), *_divisions(design)),
    )


def _borders(design: Design, schedule: Schedule | None) -> list[Mark]:
    """The borders of the edited curve, the end of its warm-up by name; they need no legend."""
    marks = []
    for border in () if schedule is None else schedule.borders[:_MOST_LINES]:
        if 0 < border < design.updates:
            text = f"{math.ceil(border):,}"
            if schedule is not None and border == schedule.warmup_updates:
                text = _("warm-up ends {update:,}", update=math.ceil(border))
            marks.append(Mark(position=border * design.scale, label="", text=text))
    return marks


def _divisions(design: Design) -> list[Mark]:
    """Where epochs end and checkpoints are written; evenly chosen ones where there are many."""
    marks = []
    for kind, role, name, every in (
        ("grid", "", _("epoch"), design.epoch), ("event", "checkpoint", _("checkpoint"), design.every)
    ):  # fmt: skip
        if every and every < design.updates:
            many = math.ceil(design.updates / every) - 1
            step = -(-many // _MOST_LINES)
            marks += [
                Mark(position=number * every * design.scale, label=name, kind=kind, role=role)
                for number in range(step, many + 1, step)
            ]
    return marks


# --- The phases of a schedule as rows: words in, words out ------------------------------------------------------------


_CENTS, _SHARES = Decimal("0.01"), Decimal("0.0001")  # to which dragged epochs and shares are rounded
KINDS: dict[str, str] = {"warmup": _("warm-up"), "hold": _("hold"), "decay": _("decay")}
# The page has fields for lengths and ends, and none for options.
_BY_OPTIONS = ("exponential", "step", "rectification")  # whose shape is in their options: written in words
MOVING = tuple(name for name in CURVE_NAMES if name not in ("constant", *_BY_OPTIONS))


@dataclass(frozen=True, slots=True)
class Row:
    """One phase as people edit it.

    Attributes:
        kind: ``warmup`` (a rise to the peak), ``hold`` or ``decay`` (any other change).
        curve: its curve's name; ``constant`` of a hold.
        length: as written: ``100``, ``10%``, ``2 epochs``, ``rest`` or ``forever``.
        start, end: as written, empty where it goes on from the phase before, or has none.
        updates: how long it is in this run; None for ever.
        first: the update it begins at.
    """

    kind: str
    curve: str
    length: str
    start: str
    end: str
    updates: float | None
    first: float


def rows_of(design: Design, index: int) -> list[Row] | None:
    """The phases of a curve; None where it is no plain sequence of phases."""
    phases = _phases(design.curves[index])
    if phases is None:
        return None
    rows, begin = [], 0.0
    resolved = design.schedule(index)
    assert isinstance(resolved, PhaseSchedule)
    for phase, known in zip(phases, resolved.phases, strict=True):
        assert isinstance(known, Phase)
        taken = known.updates
        rows.append(_row(phase, taken, begin))
        begin += taken or 0
    return rows


def _phases(words: str) -> tuple[Phase, ...] | None:
    if not in_words(words):
        return None
    schedule = parse_foreign(words)
    if not isinstance(schedule, PhaseSchedule) or not all(isinstance(part, Phase) for part in schedule.phases):
        return None
    return schedule.phases  # type: ignore[return-value]


def _row(phase: Phase, updates: float | None, first: float) -> Row:
    name, options = name_of(phase.curve)
    steady = isinstance(phase.curve, Constant)
    written = f"{name}({', '.join(f'{key}={value}' for key, value in options.items())})" if options else name
    length = "forever" if phase.length is None else str(phase.length)
    return Row(
        kind_of(phase), written, length, _factor(phase.start), "" if steady else _factor(phase.end), updates, first
    )


def kind_of(phase: Phase) -> str:
    """``hold`` for a constant, ``warmup`` for a rise to the peak, else ``decay``."""
    if isinstance(phase.curve, Constant):
        return "hold"
    return "warmup" if phase.end == 1.0 and phase.start is not None and phase.start != 1.0 else "decay"


def _factor(factor: Any) -> str:
    return "" if factor is None else str(factor) if not isinstance(factor, float) else f"{factor:g}"


# Changes: each gives the words of the changed schedule.


def changed(words: str, at: int, **new: str) -> str:
    """A row with another ``curve``, ``length``, ``start`` or ``end``, as people write them.

    >>> changed("warmup 10% > cosine to 0", 0, length="200")
    'warmup 200 > cosine to 0'
    """
    return _edited(words, lambda phases: [*phases[:at], _with(phases[at], new), *phases[at + 1 :]])


def added(words: str, at: int, kind: str) -> str:
    """A new phase of a kind, before the row ``at``: a tenth of the run long.

    >>> added("warmup 10% > cosine to 0", 1, "hold")
    'warmup 10% > hold 10% > cosine to 0'
    """
    text = {"warmup": "warmup 10%", "hold": "hold 10%", "decay": "linear 10% to 0"}[kind]
    (new,) = parse(text).phases  # type: ignore[attr-defined]

    def insert(phases: list[Phase]) -> list[Phase]:
        moving = [phase.convention for phase in phases if not isinstance(phase.curve, Constant)]
        return [*phases[:at], replace(new, convention=(moving or ["native"])[0]), *phases[at:]]

    return _edited(words, insert)


def removed(words: str, at: int) -> str:
    """Without one row; the last one stays."""
    return _edited(words, lambda phases: [*phases[:at], *phases[at + 1 :]])


def moved(words: str, at: int, to: int) -> str:
    """A row in another place.

    >>> moved("warmup 10% > hold 20% > cosine to 0", 1, 2)
    'warmup 10% > cosine to 0 > hold 20%'
    """

    def move(phases: list[Phase]) -> list[Phase]:
        phases.insert(to, phases.pop(at))
        return phases

    return _edited(words, move)


def dragged(design: Design, index: int, at: int, updates: int) -> str:
    """A row of a curve about ``updates`` long, so that the phases still fill the run.

    Its length keeps its unit. The phase that has the rest of the run gives or takes the difference; where it is the
    rest itself that is dragged, its neighbor does; where no phase has the rest, the next one has it from now on.

    >>> design = Design(("warmup 10% > hold > 1-sqrt 20% to 0",), updates=1000)
    >>> dragged(design, 0, 0, 256), dragged(design, 0, 1, 650)
    ('warmup 25.6% > hold > 1-sqrt 20% to 0', 'warmup 10% > hold > 1-sqrt 25% to 0')
    """
    words, rows = design.curves[index], rows_of(design, index)
    assert rows is not None
    # What is dragged is the border to the next phase; the last phase has only the one before it.
    neighbor = at + 1 if at + 1 < len(rows) else at - 1
    rest = next((place for place, row in enumerate(rows) if row.length == "rest"), None)
    known = rows[at].updates
    if known is None or all(row.length.isdigit() or row.length == "forever" for row in rows):
        return _resized(words, {at: _length(rows[at], updates, design)})  # nothing has to fill the run
    if rest == at:
        if neighbor < 0:
            return words  # one phase, and it is the whole run
        least = (rows[neighbor].updates or 0) + known - updates
        return dragged(design, index, neighbor, max(1, round(least)))
    if rest is not None:
        updates = min(updates, round(known + (rows[rest].updates or 0)))
        return _resized(words, {at: _length(rows[at], updates, design)})
    if neighbor < 0:
        return words
    updates = min(updates, round(known + (rows[neighbor].updates or 0)))
    return _resized(words, {at: _length(rows[at], updates, design), neighbor: Length(Decimal(0), "rest")})


def _length(row: Row, updates: int, design: Design) -> int | Length:
    """So many updates, in the unit of a row."""
    unit = row.length.rpartition(" ")[2]
    per = {"epochs": design.epoch, "tokens": design.tokens and 1.0 / design.tokens}.get(unit)
    if per:
        amount = Decimal(repr(updates / per)).quantize(_CENTS) if unit == "epochs" else Decimal(int(updates / per))
        return Length(amount.normalize(), unit) if amount else updates
    if row.length.isdigit():
        return updates
    # Rounded down: shares are rounded up to whole updates, and must not come to more than the run together.
    share = (Decimal(updates) / Decimal(design.updates)).quantize(_SHARES, rounding=ROUND_DOWN)
    return Length(share.normalize(), "fraction") if share else updates


def _resized(words: str, lengths: dict[int, int | Length]) -> str:
    def resize(phases: list[Phase]) -> list[Phase]:
        for at, length in lengths.items():
            phases[at] = replace(phases[at], length=length)
        return phases

    return _edited(words, resize)


def _edited(words: str, change: Callable[[list[Phase]], list[Phase]]) -> str:
    phases = _phases(words)
    if phases is None:
        raise ScheduleError(refusal("schedule", _("a plain sequence of phases"), words, _("Edit it as text.")))
    return str(PhaseSchedule(tuple(change(list(phases)))))


def _with(phase: Phase, new: dict[str, str]) -> Phase:
    values: dict[str, Any] = {}
    for name, text in new.items():
        if name == "curve":
            values |= _curve(phase, text)
        elif name == "length":
            values["length"] = None if text == "forever" else as_length("length", text) if text.strip() else rest()
        else:
            values[name] = _read_factor(name, text)
    if isinstance(values.get("curve", phase.curve), Constant):
        values["end"] = None if values.get("start", phase.start) is None else values.get("start", phase.start)
    return replace(phase, **values)


def _curve(phase: Phase, name: str) -> dict[str, Any]:
    """Another curve; a warm-up stays one, and what held falls to 0."""
    curve: Any = parse_foreign(name).phases[0].curve if "(" in name else named_curve(name)  # type: ignore[attr-defined]
    if isinstance(curve, Constant):
        return {"curve": curve, "start": None, "end": None}
    return {"curve": curve} if not isinstance(phase.curve, Constant) else {"curve": curve, "start": None, "end": 0.0}


def _read_factor(name: str, text: str) -> Any:
    word = text.strip()
    if not word:
        return None
    try:
        return lr(float(word[3:])) if word.startswith("lr ") else float(word)
    except ValueError:
        advice = _("As in 0.1, or lr 1e-6 for a learning rate.")
        raise ScheduleError(refusal(name, _("a share of the peak, or a learning rate"), text, advice)) from None


# --- The numbers beside the drawing -----------------------------------------------------------------------------------


MOST_SCORED = 2_000_000  # updates: of more, a score takes longer than a page may keep one waiting


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is said of a design.

    Attributes:
        describe: of the edited curve.
        findings: of the edited curve.
        scores: of every curve that can be drawn, by number; the refusal where it has none.
        too_long: whether the run is too long to be scored.
    """

    describe: str
    findings: list[Finding]
    scores: dict[int, Bound | PreheatError]
    too_long: bool


def numbers_of(design: Design, schedules: Mapping[int, Schedule]) -> Numbers:
    """Work the numbers out; a curve that cannot be drawn has none."""
    edited = schedules.get(design.on)
    describe = "" if edited is None else edited.describe(design.lr, design.updates)
    findings = [] if edited is None else check(edited, updates=design.updates, lr=design.lr)
    too_long = not 2 <= design.updates <= MOST_SCORED
    scores = {} if too_long else {index: _score(one, design.updates) for index, one in schedules.items()}
    return Numbers(describe, findings, scores, too_long)


def _score(schedule: Schedule, updates: int) -> Bound | PreheatError:
    try:
        return bound(schedule, updates=updates)
    except PreheatError as error:
        return error


# --- Text to paste ----------------------------------------------------------------------------------------------------


# A comparison evaluates both at every update, which takes seconds for ten million.
MOST_CHECKED = 10_000_000  # updates over which a copy is compared with the design


@dataclass(frozen=True, slots=True)
class Copy:
    """Text to paste.

    Attributes:
        text: what is copied.
        notes: how far it is the design: exact, or how much off, and what else to know.
    """

    text: str
    notes: tuple[str, ...] = ()


def targets() -> dict[str, str]:
    """What a design can be copied as: name to what people call it.

    >>> list(targets())[:7]
    ['words', 'yaml', 'python', 'transformers', 'torch', 'keras', 'optax']
    """
    from preheat.dialects import DIALECTS, dialect

    written = {name: dialect(name).title for name in DIALECTS if dialect(name).write is not None}
    return {"words": _("preheat: words"), "yaml": "preheat: YAML", "python": "preheat: Python", **written}


def copy_as(design: Design, index: int, target: str) -> Copy:
    """A curve of a design as text.

    Args:
        design: what is shown.
        index: which of its curves.
        target: one of :func:`targets`.

    Raises:
        ScheduleError, PlanError: if the curve is no schedule over this run.
        ConfigError: for an unknown target, one that has nothing near the curve, and runs too long to compare.
    """
    schedule = design.schedule(index)
    if target == "words":
        return Copy(design.curves[index])
    if target == "yaml":
        return Copy(_yaml(schedule, design))
    if target == "python":
        return Copy(_python(schedule, design))
    if design.updates > MOST_CHECKED:
        rule = _("at most {most} to compare a copy with the design", most=MOST_CHECKED)
        raise ConfigError(refusal("updates", rule, design.updates, _("Use preheat's own words.")))
    from preheat.dialects import write

    done = write(schedule, target, total=design.updates, base_lr=design.lr)
    how = _("exact: the same rate at every update")
    if not done.exact:
        how = _("nearest: off by {error:.4g} at most, at update {update:,}", error=done.error, update=done.error_at)
    notes = (how, *done.notes)
    return Copy(_arguments(done.config) if target == "transformers" else done.text, notes)


def _yaml(schedule: Schedule, design: Design) -> str:
    return f"# the peak learning rate is {design.lr!r}\nversion: {VERSION}\nschedule: {json.dumps(str(schedule))}\n"


def _python(schedule: Schedule, design: Design) -> str:
    return (
        "import preheat\nimport torch\n\n"
        f"schedule = preheat.parse({json.dumps(str(schedule))})\n"
        f"optimizer = torch.optim.AdamW(model.parameters(), lr={design.lr!r})\n"
        "scheduler = preheat.torch.Scheduler(optimizer, schedule)\n"
    )


def _arguments(config: dict[str, Any]) -> str:
    """TrainingArguments as code: what people have in their scripts."""
    lines = "".join(f"    {name}={value!r},\n" for name, value in config.items())
    return (
        f'from transformers import TrainingArguments\n\narguments = TrainingArguments(\n    output_dir="out",\n{lines})'
    )


# --- Where to start ---------------------------------------------------------------------------------------------------


# What the names mean at a warm-up of a tenth of the run, value for value.
STARTS = {
    "constantlr": "hold",
    "warmupconstant": "transformers: warmup 10% > hold",
    "warmuplinear": "transformers: warmup 10% > linear to 0",
    "warmupcosine": "transformers: warmup 10% > cosine to 0",
    "warmupcosinewithhardrestarts": "transformers: warmup 10% > cosine_restarts to 0",
    _("linear (native)"): "warmup 10% > linear to 0",
    _("cosine (native)"): "warmup 10% > cosine to 0",
    _("cosine to a tenth"): "warmup 10% > cosine to 0.1",
    _("warm-up, stable, decay (1-sqrt)"): "warmup 10% > hold > 1-sqrt 20% to 0",
    _("warm-up, stable, decay (linear)"): "warmup 10% > hold > linear 20% to 0",
    _("falling as a square"): "warmup 10% > polynomial(power=2) to 0",
    _("one cycle"): "warmup cosine 30% from 0.04 > cosine to 0",
    _("cosine, three cycles"): "warmup 10% > cosine_restarts(cycles=3) to 0",
    _("geometric to a hundredth"): "warmup 10% > geometric to 0.01",
}


# --- Undo and redo of immutable values --------------------------------------------------------------------------------


Value = TypeVar("Value")

_MOST = 200  # steps that are kept
# Longer than between two moves of a drag, shorter than between two thoughts.
_TOGETHER = 0.8  # seconds between changes of one kind that are one step: a slider on its way


@dataclass(slots=True)
class History(Generic[Value]):
    """The values a page went through, and which of them is shown.

    >>> history = History(1)
    >>> history.change(2, at=0.0), history.change(3, at=9.0), history.undo(), history.undo(), history.redo()
    (2, 3, 2, 1, 2)
    """

    now: Value
    _before: list[Value] = field(default_factory=list)
    _after: list[Value] = field(default_factory=list)
    _kind: str = ""
    _at: float = float("-inf")

    def change(self, value: Value, *, at: float, kind: str = "") -> Value:
        """Show ``value`` from now on; ``kind`` and ``at`` (seconds) tell a drag from several changes."""
        if value != self.now:
            if not (kind and kind == self._kind and at - self._at < _TOGETHER):
                self._before = [*self._before[-_MOST:], self.now]
            self.now, self._after = value, []
            self._kind, self._at = kind, at
        return self.now

    def undo(self) -> Value:
        """The value before, if there is one."""
        return self._step(self._before, self._after)

    def redo(self) -> Value:
        """The value that was undone last, if there is one."""
        return self._step(self._after, self._before)

    def _step(self, source: list[Value], target: list[Value]) -> Value:
        if source:
            target.append(self.now)
            self.now, self._kind = source.pop(), ""
        return self.now

    @property
    def can_undo(self) -> bool:
        """Whether there is a value before."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether a value was undone."""
        return bool(self._after)
