"""A configuration read field by field, each checked, with the field's name in every refusal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from preheat.errors import ConfigError, near_miss, refusal, sentences, unknown_name
from preheat.messages import _, joined
from preheat.schedule.lengths import Absolute

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
                refusal(where or "configuration", _("a mapping of fields"), values, _("Give names and values."))
            )
        self.raw = values
        self.where = where
        # Launch lines have dashes, their code underscores; keys of YAML may be numbers.
        self._values = {str(name).replace("-", "_"): value for name, value in values.items()}
        # What finish() knows: a field that no reader asks for is a slip, and says nothing.
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        # A null is how YAML and saved configurations say that a field is left out.
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
            raise self.refusal(name, _("given"), _("The schedule cannot do without it."))
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
        # True is an int to Python, and NaN passes every comparison with a bound.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
            raise self.refusal(name, _("a finite number"), advice or _("Give a plain number."))
        if not low <= value <= high:
            # A bound that only keeps floats exact says nothing to a reader.
            bounds = (
                _(">= {low:g}", low=low)
                if value < low and high >= _MOST
                else _("in [{low:g}, {high:g}]", low=low, high=high)
            )
            raise self.refusal(name, bounds, advice or _("Change it."))
        return value

    def count(self, name: str, default: Any = REQUIRED, *, low: int = 0, advice: str = "") -> Any:
        """A whole number >= low; ``100.0`` is one."""
        value = self.number(name, default, low=low, high=_MOST, advice=advice)
        if value is default:
            return value
        if value != int(value):
            raise self.refusal(name, _("a whole number"), advice or _("Give a number of updates."))
        return int(value)

    def rate(self, name: str, default: Any = REQUIRED) -> Any:
        """A learning rate: a number > 0."""
        value = self.number(name, default, low=0.0, advice=_("It is a learning rate."))
        if value is not default and value <= 0:
            raise self.refusal(name, _("> 0"), _("It is a learning rate."))
        return value if value is default else float(value)

    def share(self, name: str, peak: float | None, default: float = 0.0) -> float:
        """A learning rate in [0, peak], as a share of the peak."""
        value = self.number(name, default, low=0.0, advice=_("It is a learning rate."))
        if not value:
            return 0.0
        if peak is None:
            raise self.refusal(name, _("0 where the peak is not known"), _("Give peak= (--lr)."))
        if value > peak:
            raise self.refusal(name, _("at most the peak, {peak!r}", peak=peak), _("Lower it."))
        # Its product with the peak is the rate again, to the last bit.
        return Absolute(float(value)).share(peak)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or False, also in words."""
        value = self.value(name, default)
        word = str(value).lower()
        if isinstance(value, bool) or word in (*_TRUE, *_FALSE):
            return word in _TRUE
        raise self.refusal(name, _("true or false"), _("Say one of them."))

    def word(self, name: str, known: Iterable[str], default: Any = REQUIRED) -> Any:
        """One of ``known``, refused with the nearest."""
        value = self.value(name, default)
        known = tuple(known)
        if value is default or (isinstance(value, str) and value in known):
            return value
        raise ConfigError(unknown_name(self.path(name), _("one of those known here"), value, known))

    def text(self, name: str, default: Any = REQUIRED) -> Any:
        """A piece of text."""
        value = self.value(name, default)
        if value is not default and not isinstance(value, str):
            raise self.refusal(name, _("text"), _("Write it in quotes."))
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
        raise self.refusal(name, _("a list"), _("Write its items in brackets."))

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
            # 1 == True in Python: a switch that is on is not the number 1.
            if not any(value is item or (value == item and type(value) is not bool) for item in harmless):
                raise self.refusal(name, _("left out"), why)

    def finish(self) -> None:
        """Refuse what nobody has read, with the nearest field known: for sections where every field matters."""
        for name in self._values:
            if name not in self._read and self._values[name] is not None:
                # Only what the reader asked for on its way: fields of another schedule would be no help.
                known = sorted(self._read - {name})
                advice = sentences(
                    near_miss(name, known),
                    _("Correct it, or take it out."),
                    _("Known: {names}.", names=joined(", ", known) if known else _("none")),
                )
                raise self.refusal(name, _("a field known here"), advice)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more digits than a float holds
        return False


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
