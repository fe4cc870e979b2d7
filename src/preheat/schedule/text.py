"""Schedules as text: ``warmup 10% > hold 70% > 1-sqrt to 0``. Read without ``eval``, printed canonically.

    schedule   [transformers: | native:] product > product > ...
    product    item * item * ...
    item       phase | number | name(schedule, ..., option=value, ...) | (schedule)
    phase      [warmup] curve[(option=value, ...)] [length] [from factor] [to factor] [skip updates]
               hold [length] [at factor]
    length     100 | 100 updates | 10% | 2 epochs | 5e5 samples | 2e9 tokens | rest (or nothing) | forever
    factor     0.1 | lr 1e-6

``>`` is "then". A phase starts where the one before arrived unless ``from`` says otherwise; ``warmup`` rises from 0
to 1; a curve falls to 0 unless ``to`` says otherwise. Names: the curves, and repeat, until, shift, blend, clip, lift,
strict, min, max, plateau, greedy, function.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING
from pathlib import Path
from typing import Any, NoReturn

from preheat.errors import ScheduleError, near_miss, reading, refusal, sentences
from preheat.files import replacing
from preheat.limits import MOST_DIGITS, MOST_LETTERS, MOST_NESTED
from preheat.messages import _, in_context, joined
from preheat.schedule.base import VERSION, WORDS, Schedule, foreign, known_kinds, options_of, takes_schedules
from preheat.schedule.curves import CURVE_NAMES, Constant, Linear, named_curve
from preheat.schedule.lengths import Count, Factor, Length, as_length, lr, rest
from preheat.schedule.sequence import CONVENTIONS, Phase, PhaseSchedule

# Names come first, because 1-sqrt begins like a number.
_TOKEN = re.compile(
    r"(?P<name>1-[a-z]+|[A-Za-z_]\w*)"
    r"|(?P<number>(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?%?)"
    r"|(?P<string>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>[>*(),=\[\]:-])"
)
_SPACE = re.compile(r"\s*")
_UNITS = ("update", "updates", "epoch", "epochs", "sample", "samples", "token", "tokens")
# What is called with brackets: every kind but phases, whose words are this grammar itself.
_CALLED = {name: kind for name, kind in known_kinds().items() if name != "phases"}


def parse(text: str) -> Schedule:
    """The schedule that ``text`` describes (the grammar is this module's own docstring).

    The words are taken for the caller's own. Those that come from somewhere else are read inside
    :func:`preheat.schedule.base.foreign`, where they can name no function.

    Raises:
        ScheduleError: with the column of what could not be read.

    >>> schedule = parse("warmup 10% > hold 70% > 1-sqrt to 0").over(1000)
    >>> schedule(99), schedule(500), schedule(999)
    (1.0, 1.0, 0.0)
    >>> print(parse("(warmup 5 > cosine 45) * 0.5"))
    (warmup 5 > cosine 45 to 0) * 0.5
    """
    if not isinstance(text, str):
        raise ScheduleError(refusal("text", _("a schedule in words"), text, _('As in "warmup 10% > cosine to 0".')))
    if len(text) > MOST_LETTERS:
        advice = _("Build it in Python, or write what repeats with repeat(...).")
        raise ScheduleError(refusal("text", _("at most {most:,} letters", most=MOST_LETTERS), len(text), advice))
    with reading("text", ScheduleError):
        reader = _Reader(text)
        schedule = reader.sequence("native")
        if reader.kind != "end":
            reader.fail(_("'>', '*' or the end"))
    return schedule


def vouch_for(words: object) -> None:
    """Take words of a schedule for the caller's own: what functions they name may be called from now on.

    For settings that code or a command line made, before they become data that looks like everybody's.
    """
    if isinstance(words, str) and "function" in words:
        # What else is wrong with them is said where they are used.
        with suppress(ScheduleError):
            parse(words)


class _Reader:
    """A recursive-descent reader over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.position = self.end = 0
        self.kind = self.word = ""
        self.advance()

    # --- tokens ---

    def advance(self) -> str:
        """Step to the next token; the word left behind."""
        left = self.word
        space = _SPACE.match(self.text, self.end)
        self.position = space.end() if space else self.end
        if self.position == len(self.text):
            self.kind, self.word = "end", ""
            return left
        token = _TOKEN.match(self.text, self.position)
        if token is None:
            self.kind, self.word = "", self.text[self.position]
            self.fail(_("a word, a number or one of > * ( ) ,"))
        self.kind, self.word, self.end = str(token.lastgroup), token[0], token.end()
        return left

    def take(self, word: str) -> bool:
        """Step over ``word`` if it is next."""
        # What stands in quotes is a value, even if it reads like a word of the grammar.
        if self.word != word or self.kind == "string":
            return False
        self.advance()
        return True

    def expect(self, word: str) -> None:
        if not self.take(word):
            self.fail(repr(word))

    def fail(self, wanted: str, hint: str = "") -> NoReturn:
        at = {"column": self.position + 1, "wanted": wanted}
        if self.word:
            place = _("At column {column}: expected {wanted}, found {found!r}.", **at, found=self.word)
        else:
            place = _("At column {column}: expected {wanted}, but the text ends.", **at)
        self.refuse(sentences(place, hint))

    def refuse(self, why: str) -> NoReturn:
        raise ScheduleError(refusal("text", _("a schedule"), self.text, why))

    # --- grammar ---

    def sequence(self, convention: str) -> Schedule:
        self.depth += 1
        if self.depth > MOST_NESTED:
            column = self.position + 1
            self.refuse(
                _(
                    "At column {column}: more than {most} brackets in brackets. Use fewer.",
                    column=column,
                    most=MOST_NESTED,
                )
            )
        # What is said of a convention holds to the end of its brackets.
        if self.word in CONVENTIONS:
            convention = self.advance()
            self.expect(":")
        # Put together once: one by one, each would copy and check all before it.
        parts = [self.product(convention)]
        while self.take(">"):
            parts.append(self.product(convention))
        self.depth -= 1
        return parts[0] if len(parts) == 1 else PhaseSchedule(tuple(parts))

    def product(self, convention: str) -> Schedule:
        factors = [self.item(convention)]
        while self.take("*"):
            factors.append(self.item(convention))
        if len(factors) == 1:
            return factors[0]
        product: Schedule = _CALLED["product"](tuple(part for factor in factors for part in factor._multiplied()))
        return product

    def item(self, convention: str) -> Schedule:
        if self.take("("):
            schedule = self.sequence(convention)
            self.expect(")")
            return schedule
        if self.kind == "number":
            return PhaseSchedule.constant(self.number())
        if self.kind == "name" and self.word in _CALLED:
            return self.call(convention)
        return PhaseSchedule((self.phase(convention),))

    def call(self, convention: str) -> Schedule:
        name = self.advance()
        kind = _CALLED[name]
        self.expect("(")
        inside: list[Schedule] = []
        options: dict[str, Any] = {}
        while not self.take(")"):
            if inside or options:
                self.expect(",")
            # The one option that may stand without its name: function("package.module:name").
            if self.kind == "string":
                options["path"] = self.advance()[1:-1]
            elif self.kind == "name" and self._next_sign() == "=":
                option = self.advance()
                self.expect("=")
                options[option] = self.value()
            else:
                inside.append(self.sequence(convention))
        if inside:
            if len(inside) > 1 and not kind._several:
                self.refuse(
                    _("{name}(...) takes one schedule and was given {n}. Join them with >.", name=name, n=len(inside))
                )
            options["of"] = tuple(inside) if kind._several else inside[0]
        self._check_options(name, options)
        schedule: Schedule = kind(**options)
        return schedule

    def _check_options(self, name: str, options: dict[str, Any]) -> None:
        """Refuse unknown and missing options by name."""
        known = options_of(_CALLED[name])
        unknown = [option for option in options if option not in (*known, "of")]
        missing = [option for option, default in known.items() if default is MISSING and option not in options]
        listed = joined(", ", known or [_("none")])
        if unknown:
            self.refuse(
                _(
                    "In {name}(...) {option!r} is unknown; its options are {options}.",
                    name=name,
                    option=unknown[0],
                    options=listed,
                )
            )
        if "of" not in options and takes_schedules(_CALLED[name]):
            self.refuse(
                _("In {name}(...) a schedule is missing; its options are {options}.", name=name, options=listed)
            )
        if missing:
            self.refuse(
                _(
                    "In {name}(...) {option} is missing; its options are {options}.",
                    name=name,
                    option=missing[0],
                    options=listed,
                )
            )

    def _next_sign(self) -> str:
        return self.text[self.end :].lstrip()[:1]

    def phase(self, convention: str) -> Phase:
        if self.kind != "name":
            self.fail(_("a phase"))
        # "warmup cosine 10" names its curve, "warmup 10" is a line; what is no curve's name after it is a unit's or an
        # error, which the length reports better.
        rising = self.take("warmup")
        if not rising and (self.take("hold") or self.take("constant")):
            length = self.length()
            return Phase(
                curve=Constant(),
                length=length,
                start=self.factor() if self.take("at") else None,
                end=None,
                convention=convention,
            )
        curve: Any = Linear()
        if self.kind == "name" and (not rising or self.word in CURVE_NAMES):
            curve = self.curve()
        elif not rising:
            self.fail(_("a curve"))
        length = self.length()
        given: dict[str, Any] = {"start": 0.0 if rising else None, "end": 1.0 if rising else 0.0}
        while self.word in ("from", "to", "skip"):
            key = {"from": "start", "to": "end", "skip": "skip"}[self.advance()]
            given[key] = self.number() if key == "skip" else self.factor()
        return Phase(curve=curve, length=length, convention=convention, **given)

    def curve(self) -> Any:
        if self.word not in CURVE_NAMES:
            hint = near_miss(self.word, (*CURVE_NAMES, *_CALLED, "warmup", "hold"))
            self.fail(
                in_context("in a text", "the name of a curve"),
                hint or _("Known: {names}.", names=joined(", ", CURVE_NAMES)),
            )
        name = self.advance()
        options: dict[str, Any] = {}
        if self.take("("):
            while not self.take(")"):
                if options:
                    self.expect(",")
                option = self.advance()
                self.expect("=")
                options[option] = self.value()
        return named_curve(name, **options)

    def length(self) -> Count | Length | None:
        if self.take("forever"):
            return None
        if self.take("rest") or self.kind != "number":
            return rest()  # a length left out is the rest
        amount = self.advance()
        if self.kind == "name" and self.word.lower() in _UNITS:
            unit = self.advance().lower()
            # Printed where a cycle was stretched to 7.5 updates: a text has to read back as the same schedule.
            if unit.startswith("update"):
                return float(amount) if "." in amount else as_length("length", amount)
            return as_length("length", f"{amount} {unit}")
        return as_length("length", amount)

    def number(self) -> float:
        negative = self.take("-")
        if self.kind != "number" or self.word.endswith("%"):
            self.fail(in_context("in a text", "a number"))
        if len(self.word) > MOST_DIGITS:
            self.fail(_("a number of at most {most} digits", most=MOST_DIGITS))
        word = self.advance()
        value: float = int(word) if re.fullmatch(r"\d+", word) else float(word)
        return -value if negative else value

    def factor(self) -> Factor:
        return lr(self.number()) if self.take("lr") else self.number()

    def value(self) -> Any:
        if self.kind == "string":
            return self.advance()[1:-1]
        if self.take("["):
            items: list[Any] = []
            while not self.take("]"):
                if items:
                    self.expect(",")
                items.append(self.value())
            return tuple(items)
        if self.take("lr"):
            return lr(self.number())
        if self.kind == "name":
            word = self.advance()
            return WORDS.get(word.lower(), word)
        return self.number()


# --- Files ------------------------------------------------------------------------------------------------------------


def save_schedule(schedule: Schedule, path: str | os.PathLike[str]) -> None:
    """Write a schedule to a ``.json`` file (as data) or a ``.toml`` file (as text), replacing it in one step."""
    import json

    target = Path(path)
    if _suffix(target) == ".json":
        text = json.dumps(schedule.to_dict(), indent=2, allow_nan=False) + "\n"
    else:
        text = f"version = {VERSION}\nschedule = {json.dumps(str(schedule), ensure_ascii=False)}\n"
    with replacing(target) as beside:
        beside.write_text(text, encoding="utf-8")


def load_schedule(
    path: str | os.PathLike[str], *, functions: Mapping[str, Callable[[int], float]] | None = None
) -> Schedule:
    """Read a schedule from a ``.json`` or ``.toml`` file that :func:`save_schedule` or a person wrote.

    A TOML file holds ``version = 1`` and ``schedule = "warmup 10% > cosine to 0"``; both kinds may hold a dictionary.

    Args:
        path: the file. Reading it imports and calls nothing.
        functions: as in :meth:`Schedule.from_dict`.

    Raises:
        ScheduleError: if the file is neither, or from a version this release does not know.
        OSError: if it cannot be read.
    """
    import json
    import tomllib

    target = Path(path)
    suffix = _suffix(target)
    try:
        text = target.read_text(encoding="utf-8")
        data = json.loads(text) if suffix == ".json" else tomllib.loads(text)
    except ValueError as error:  # broken JSON, TOML or UTF-8
        raise ScheduleError(
            refusal(str(target), _("readable {format}", format=suffix[1:].upper()), str(error), _("Correct it."))
        ) from None
    return schedule_from_file(data, functions)


def schedule_from_file(data: Any, functions: Mapping[str, Callable[[int], float]] | None = None) -> Schedule:
    """The schedule in what a file of one holds: ``version`` and ``schedule`` (words), or a dictionary."""
    if isinstance(data, Mapping) and set(data) == {"version", "schedule"}:
        # Words carry no version of their own: the file's is checked as that of any data.
        Schedule.from_dict({"version": data["version"], "kind": "phases", "phases": [{"curve": "constant"}]})
        with foreign(functions):
            return parse(data["schedule"])
    return Schedule.from_dict(data, functions=functions)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".toml"):
        raise ScheduleError(refusal("path", _("a .json or .toml file"), str(path), _("Give it one of these endings.")))
    return suffix
