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

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any, NoReturn

from preheat.errors import ScheduleError, near_miss, refusal
from preheat.files import replacing
from preheat.schedule.base import Schedule
from preheat.schedule.combine import Product, Several, UserFunction, constant
from preheat.schedule.curves import CURVE_NAMES, Constant, Linear, name_of, named_curve
from preheat.schedule.kinds import KINDS, given, kind_of, options_of
from preheat.schedule.lengths import Absolute, Count, Factor, Length, absolute, as_length, rest
from preheat.schedule.metric import MetricFactor
from preheat.schedule.sequence import CONVENTIONS, Phase, PhaseSchedule

# --- Schedules as plain data: dictionaries, canonical JSON and its fingerprint, JSON and TOML files -----------------
# What has its default value is left out, so a field that a later release adds changes neither the data nor the
# fingerprint of the schedules there are.


VERSION = 1
_PHASE_KEYS = ("curve", "length", "start", "end", "skip", "convention")


def schedule_to_dict(schedule: Schedule) -> dict[str, Any]:
    """The dictionary of a schedule, with the version of the format."""
    return {"version": VERSION, **_node(schedule)}


def schedule_from_dict(data: Any) -> Schedule:
    """The schedule a dictionary describes; anything unexpected in it is refused."""
    if not isinstance(data, Mapping) or "version" not in data:
        raise ScheduleError(refusal("schedule", "a dictionary with a version", data, "Write it with to_dict()."))
    if data["version"] != VERSION:
        advice = "It was written by another release of preheat: upgrade to read it."
        raise ScheduleError(refusal("version", str(VERSION), data["version"], advice))
    return _schedule({key: value for key, value in data.items() if key != "version"})


def fingerprint(schedule: Schedule) -> str:
    """SHA-256 of the canonical JSON (sorted keys, no spaces, shortest floats)."""
    import hashlib
    import json

    text = json.dumps(schedule.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


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


def load_schedule(path: str | os.PathLike[str]) -> Schedule:
    """Read a schedule from a ``.json`` or ``.toml`` file that :func:`save_schedule` or a person wrote.

    A TOML file holds ``version = 1`` and ``schedule = "warmup 10% > cosine to 0"``; both kinds may hold a dictionary.

    Raises:
        ScheduleError: if the file is neither, or from a version this release does not know.
        OSError: if it cannot be read.
    """
    import json
    import tomllib

    target = Path(path)
    kind = _suffix(target)
    try:
        text = target.read_text(encoding="utf-8")
        data = json.loads(text) if kind == ".json" else tomllib.loads(text)
    except ValueError as error:  # broken JSON, TOML or UTF-8
        raise ScheduleError(refusal(str(target), f"readable {kind[1:].upper()}", str(error), "Mend it.")) from None
    return schedule_from_file(data)


def schedule_from_file(data: Any) -> Schedule:
    """The schedule in what a file of one holds: ``version`` and ``schedule`` (words), or a dictionary."""
    if isinstance(data, Mapping) and set(data) == {"version", "schedule"}:
        schedule_from_dict({"version": data["version"], "kind": "phases", "phases": [{"curve": "constant"}]})
        return parse(data["schedule"])
    return schedule_from_dict(data)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".toml"):
        raise ScheduleError(refusal("path", "a .json or .toml file", str(path), "Name it so."))
    return suffix


# --- writing ----------------------------------------------------------------------------------------------------------


def _node(schedule: Schedule) -> dict[str, Any]:
    if isinstance(schedule, PhaseSchedule):
        phases = [_node(part) if isinstance(part, Schedule) else _phase_to_dict(part) for part in schedule.phases]
        return {"kind": "phases", "phases": phases}
    data: dict[str, Any] = {"kind": kind_of(schedule)}
    inside = getattr(schedule, "of", None)
    if inside is not None:
        data["of"] = _node(inside) if isinstance(inside, Schedule) else [_node(part) for part in inside]
    return {**data, **{name: _plain(value) for name, value in given(schedule).items()}}


def _phase_to_dict(phase: Phase) -> dict[str, Any]:
    name, options = name_of(phase.curve)
    data: dict[str, Any] = {"curve": name, **options}
    data["length"] = "forever" if phase.length is None else _plain(phase.length)
    if phase.start is not None:
        data["start"] = _plain(phase.start)
    if phase.end is not None and not isinstance(phase.curve, Constant):
        data["end"] = _plain(phase.end)
    if phase.skip:
        data["skip"] = phase.skip
    if phase.convention != "native":
        data["convention"] = phase.convention
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, (Absolute, Length)):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


# --- reading ----------------------------------------------------------------------------------------------------------


def _schedule(data: Any) -> Schedule:
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind == "phases":
        _only("schedule", data, {"kind", "phases"}, {"kind", "phases"})
        if not isinstance(data["phases"], (list, tuple)):
            raise ScheduleError(refusal("phases", "a list", data["phases"], "Give one dictionary a phase."))
        parts = [
            _schedule(item) if "kind" in item else _phase_from_dict(item) for item in map(_mapping, data["phases"])
        ]
        return PhaseSchedule(tuple(parts))
    if kind not in KINDS:
        raise ScheduleError(refusal("kind", f"one of phases, {', '.join(KINDS)}", kind, "Write it with to_dict()."))
    options = options_of(KINDS[kind])
    needed = {name for name, default in options.items() if default is MISSING} | {"kind"}
    if kind not in ("plateau", "greedy", "function"):
        needed.add("of")
    _only(f"schedule of kind {kind}", data, needed, needed | set(options))
    values = {name: _value(value) for name, value in data.items() if name not in ("kind", "of")}
    if "of" in data:
        inside = data["of"]
        several = issubclass(KINDS[kind], Several)
        if several and not isinstance(inside, (list, tuple)):
            raise ScheduleError(refusal("of", "a list", inside, "Give one dictionary a schedule."))
        values["of"] = tuple(_schedule(part) for part in inside) if several else _schedule(inside)
    return KINDS[kind](**values)


def _phase_from_dict(data: Mapping[str, Any]) -> Phase:
    if "curve" not in data:
        raise ScheduleError(refusal("phase", "a dictionary with a curve", dict(data), "Write it with to_dict()."))
    options = {key: value for key, value in data.items() if key not in _PHASE_KEYS}
    values = {key: _value(data[key]) for key in ("start", "end", "skip") if key in data}
    curve = named_curve(data["curve"], **options)
    if isinstance(curve, Constant):
        values["end"] = None
    values.setdefault("start", None)
    length = data.get("length", "rest")
    return Phase(
        curve=curve,
        length=None if length == "forever" else length,
        convention=data.get("convention", "native"),
        **values,
    )


def _value(value: Any) -> Any:
    """Lists as tuples, and ``"lr 1e-6"`` as a learning rate."""
    if isinstance(value, str) and value.startswith("lr "):
        try:
            return absolute(float(value[3:]))
        except ValueError:
            raise ScheduleError(refusal("a factor", "a number or 'lr' and a number", value, "As in lr 1e-6.")) from None
    return tuple(_value(item) for item in value) if isinstance(value, list) else value


def _mapping(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ScheduleError(refusal("phase", "a dictionary", data, "Write it with to_dict()."))
    return data


def _only(what: str, data: Mapping[str, Any], needed: set[str], known: set[str]) -> None:
    """Refuse a dictionary that lacks a needed key or has an unknown one."""
    missing, unknown = sorted(needed - set(data)), sorted(map(str, set(data) - known))
    if missing or unknown:
        wrong = f"{', '.join(missing)} missing" if missing else f"{', '.join(unknown)} unknown"
        raise ScheduleError(refusal(what, f"a dictionary with the keys {', '.join(sorted(known))}", wrong, "Mend it."))


# --- Schedules as text: ``warmup 10% > hold 70% > 1-sqrt to 0``. Read without ``eval``, printed canonically ---------


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
        if self.word not in CURVE_NAMES:
            hint = near_miss(self.word, (*CURVE_NAMES, *KINDS, "warmup", "hold"))
            self.fail("the name of a curve", f" {hint}".rstrip() or f" Known: {', '.join(CURVE_NAMES)}.")
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
