"""Schedules as text: ``warmup 10% > hold 70% > 1-sqrt to 0``. Read without ``eval``, printed canonically.

    schedule   [transformers: | native:] product > product > ...
    product    item * item * ...
    item       phase | number | name(schedule, ..., option=value, ...) | (schedule)
    phase      [warmup] curve[(option=value, ...)] [length] [from factor] [to factor] [skip updates]
               hold [length] [at factor]
    length     100 | 100 updates | 10% | 2 epochs | 5e5 samples | 2e9 tokens | rest (or nothing) | forever
    factor     0.1 | lr 1e-6

``>`` is "then". A phase starts where the one before arrived unless ``from`` says otherwise; ``warmup`` climbs from 0
to 1; a curve falls to 0 unless ``to`` says otherwise. Names: the curves, and repeat, until, shift, blend, clip, lift,
strict, min, max, plateau, greedy, function.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, NoReturn

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count
from preheat.schedule.combine import Product, Several, constant
from preheat.schedule.curve_names import CURVE_NAMES, name_of, named_curve
from preheat.schedule.curves import Constant, Linear
from preheat.schedule.factors import Absolute, Factor, absolute
from preheat.schedule.function import UserFunction
from preheat.schedule.kinds import KINDS, given, kind_of, options_of
from preheat.schedule.lengths import Length, as_length, rest
from preheat.schedule.metric import MetricFactor
from preheat.schedule.phases import CONVENTIONS, Phase
from preheat.schedule.sequence import PhaseSchedule

_TOKEN = re.compile(
    r"(?P<name>1-[a-z]+|[A-Za-z_]\w*)"
    r"|(?P<number>(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?%?)"
    r"|(?P<string>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>[>*(),=\[\]:-])"
)
_UNITS = ("update", "updates", "epoch", "epochs", "sample", "samples", "token", "tokens")
_WORDS = {"true": True, "false": False, "none": None}
_MOST_NESTED = 50


def parse(text: str) -> Schedule:
    """The schedule that ``text`` describes (the grammar is this module's own docstring).

    Raises:
        ScheduleError: with the column of what could not be read.

    >>> schedule = parse("warmup 10% > hold 70% > 1-sqrt to 0").over(1000)
    >>> schedule(99), schedule(500), schedule(999)
    (1.0, 1.0, 0.0)
    >>> print(parse("(warmup 5 > cosine 45) * 0.5"))
    (warmup 5 > cosine 45 to 0) * 0.5
    """
    if not isinstance(text, str):
        raise ScheduleError(refusal("text", "a schedule in words", text, 'As in "warmup 10% > cosine to 0".'))
    reader = _Reader(text)
    schedule = reader.sequence("native")
    if reader.kind != "end":
        reader.fail("'>', '*' or the end")
    return schedule


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
        self.position = self.end + len(self.text[self.end :]) - len(self.text[self.end :].lstrip())
        if self.position == len(self.text):
            self.kind, self.word = "end", ""
            return left
        found = _TOKEN.match(self.text, self.position)
        if found is None:
            self.kind, self.word = "", self.text[self.position]
            self.fail("a word, a number or one of > * ( ) ,")
        self.kind, self.word, self.end = str(found.lastgroup), found[0], found.end()
        return left

    def take(self, word: str) -> bool:
        """Step over ``word`` if it is next."""
        if self.word != word or self.kind == "string":
            return False
        self.advance()
        return True

    def expect(self, word: str) -> None:
        if not self.take(word):
            self.fail(repr(word))

    def fail(self, wanted: str, hint: str = "") -> NoReturn:
        here = f"{self.word!r}" if self.word else "the end"
        advice = f"At column {self.position + 1} there is {here} where {wanted} should be.{hint}"
        raise ScheduleError(refusal("text", "a schedule", self.text, advice))

    # --- grammar ---

    def sequence(self, convention: str) -> Schedule:
        self.depth += 1
        if self.depth > _MOST_NESTED:
            self.fail("less nesting")
        if self.word in CONVENTIONS:
            convention = self.advance()
            self.expect(":")
        schedule = self.product(convention)
        while self.take(">"):
            schedule = schedule >> self.product(convention)
        self.depth -= 1
        return schedule

    def product(self, convention: str) -> Schedule:
        schedule = self.item(convention)
        while self.take("*"):
            schedule = schedule * self.item(convention)
        return schedule

    def item(self, convention: str) -> Schedule:
        if self.take("("):
            schedule = self.sequence(convention)
            self.expect(")")
            return schedule
        if self.kind == "number":
            return constant(self.number())
        if self.kind == "name" and self.word in KINDS:
            return self.call(convention)
        return PhaseSchedule((self.phase(convention),))

    def call(self, convention: str) -> Schedule:
        kind = KINDS[self.advance()]
        self.expect("(")
        inside: list[Schedule] = []
        options: dict[str, Any] = {}
        while not self.take(")"):
            if inside or options:
                self.expect(",")
            if self.kind == "string":
                options["path"] = self.advance()[1:-1]
            elif self.kind == "name" and self._next_sign() == "=":
                name = self.advance()
                self.expect("=")
                options[name] = self.value()
            else:
                inside.append(self.sequence(convention))
        if inside:
            several = issubclass(kind, Several)
            if len(inside) > 1 and not several:
                self.fail("one schedule only")
            options["of"] = tuple(inside) if several else inside[0]
        self._check_options(kind, options)
        return kind(**options)

    def _check_options(self, kind: type[Schedule], options: dict[str, Any]) -> None:
        """Refuse unknown and missing options by name."""
        name = next(name for name, one in KINDS.items() if one is kind)
        known = options_of(kind)
        unknown = [option for option in options if option not in (*known, "of")]
        missing = [option for option, default in known.items() if default is MISSING and option not in options]
        if "of" not in options and not issubclass(kind, (MetricFactor, UserFunction)):
            missing.insert(0, "a schedule")
        if unknown or missing:
            wrong = f"{unknown[0]!r} is unknown" if unknown else f"{missing[0]} is missing"
            advice = f"In {name}(...) {wrong}; its options are {', '.join(known) or 'none'}."
            raise ScheduleError(refusal("text", "a schedule", self.text, advice))

    def _next_sign(self) -> str:
        return self.text[self.end :].lstrip()[:1]

    def phase(self, convention: str) -> Phase:
        if self.kind != "name":
            self.fail("a phase")
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
            self.fail("a curve")
        length = self.length()
        given: dict[str, Any] = {"start": 0.0 if rising else None, "end": 1.0 if rising else 0.0}
        while self.word in ("from", "to", "skip"):
            key = {"from": "start", "to": "end", "skip": "skip"}[self.advance()]
            given[key] = self.number() if key == "skip" else self.factor()
        return Phase(curve=curve, length=length, convention=convention, **given)

    def curve(self) -> Any:
        import difflib

        if self.word not in CURVE_NAMES:
            known = (*CURVE_NAMES, *KINDS, "warmup", "hold")
            near = difflib.get_close_matches(self.word, known, n=1)
            self.fail(
                "the name of a curve", f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(CURVE_NAMES)}."
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
            return rest()
        amount = self.advance()
        if self.kind == "name" and self.word.lower() in _UNITS:
            unit = self.advance().lower()
            if unit.startswith("update"):
                return float(amount) if "." in amount else as_length("length", amount)
            return as_length("length", f"{amount} {unit}")
        return as_length("length", amount)

    def number(self) -> float:
        negative = self.take("-")
        if self.kind != "number" or self.word.endswith("%"):
            self.fail("a number")
        word = self.advance()
        value: float = int(word) if re.fullmatch(r"\d+", word) else float(word)
        return -value if negative else value

    def factor(self) -> Factor:
        return absolute(self.number()) if self.take("lr") else self.number()

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
            return absolute(self.number())
        if self.kind == "name":
            word = self.advance()
            return _WORDS.get(word.lower(), word)
        return self.number()


# --- printing ---------------------------------------------------------------------------------------------------------


def to_text(schedule: Schedule) -> str:
    """The canonical text of a schedule; :func:`parse` gives the same schedule back."""
    conventions = set(_conventions(schedule))
    if conventions == {"transformers"}:
        return f"transformers: {_text(schedule, 'transformers')}"
    return _text(schedule, "native")


def _conventions(schedule: Schedule) -> list[str]:
    parts = schedule.phases if isinstance(schedule, PhaseSchedule) else schedule.parts
    found = []
    for part in parts:
        if isinstance(part, Schedule):
            found += _conventions(part)
        elif not isinstance(part.curve, Constant):
            found.append(part.convention)
    return found


def _text(schedule: Schedule, convention: str) -> str:
    if isinstance(schedule, PhaseSchedule):
        return _sequence(schedule, convention)
    if isinstance(schedule, Product):
        return " * ".join(_factor_text(part, convention) for part in schedule.of)
    inside = getattr(schedule, "of", ())
    words = [_text(part, convention) for part in ((inside,) if isinstance(inside, Schedule) else inside)]
    words += [f"{name}={_literal(value)}" for name, value in given(schedule).items()]
    return f"{kind_of(schedule)}({', '.join(words)})"


def _factor_text(part: Schedule, convention: str) -> str:
    """One factor of a product: a plain number where it is one, in brackets where it is a sequence."""
    if isinstance(part, PhaseSchedule):
        first = part.phases[0]
        if len(part.phases) == 1 and isinstance(first, Phase):
            if isinstance(first.curve, Constant) and first.length is None and isinstance(first.start, float):
                return _number(first.start)
            return _text(part, convention)
        return f"({_text(part, convention)})"
    return _text(part, convention)


def _sequence(schedule: PhaseSchedule, convention: str) -> str:
    """Phases of another convention than the text's stand in brackets of their own."""
    texts: list[str] = []
    others: list[str] = []

    def close() -> None:
        if others:
            other = next(name for name in CONVENTIONS if name != convention)
            texts.append(f"({other}: {' > '.join(others)})")
            others.clear()

    for part in schedule.phases:
        if isinstance(part, Phase) and not isinstance(part.curve, Constant) and part.convention != convention:
            others.append(_phase(part))
        else:
            close()
            texts.append(_phase(part) if isinstance(part, Phase) else _text(part, convention))
    close()
    return " > ".join(texts)


def _phase(phase: Phase) -> str:
    length = _length(phase.length)
    if isinstance(phase.curve, Constant):
        words = ["hold", length, f"at {_factor(phase.start)}" if phase.start is not None else ""]
        return " ".join(filter(None, words))
    name, options = name_of(phase.curve)
    curve = name + (f"({', '.join(f'{key}={_literal(value)}' for key, value in options.items())})" if options else "")
    start, end = phase.start, phase.end
    skip = f"skip {phase.skip}" if phase.skip else ""
    if end == 1.0 and start is not None and (isinstance(start, Absolute) or start < 1.0):
        words = ["warmup", "" if curve == "linear" else curve, length, f"from {_factor(start)}" if start != 0.0 else ""]
    else:
        arrives = "" if phase.curve.endless and end == 0.0 else f"to {_factor(end)}"
        words = [curve, length, f"from {_factor(start)}" if start is not None else "", arrives]
    return " ".join(filter(None, [*words, skip]))


def _length(length: Count | Length | None) -> str:
    if length is None:
        return "forever"
    if isinstance(length, Length):
        return "" if length.unit == "rest" else str(length)
    return str(length) if isinstance(length, int) else f"{length!r} updates"


def _factor(factor: Factor | None) -> str:
    return str(factor) if isinstance(factor, Absolute) else _number(factor or 0.0)


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


_LITERALS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: str(value).lower()),
    (Absolute, str),
    (str, lambda value: value if value.isidentifier() and value.lower() not in _WORDS else f'"{value}"'),
    (tuple, lambda value: f"[{', '.join(map(_literal, value))}]"),
    (float, _number),
)


def _literal(value: Any) -> str:
    """An option's value as the reader takes it back."""
    for kind, write in _LITERALS:
        if isinstance(value, kind):
            return write(value)
    return "none" if value is None else str(value)
