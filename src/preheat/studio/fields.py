"""What people write into fields: numbers, and refusals that call things as the page does."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import cast

from preheat.errors import ConfigError, PreheatError, Refusal, refusal
from preheat.messages import Joined, Message, _, in_context, joined

MOST_LETTERS = 40  # of a number: a pasted page is not to come back whole in the refusal
# Commas may part thousands and nothing else: "0,0003" is 0.0003 to half of the world, and would be 3 without its comma.
_IN_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", re.ASCII)
_DIGITS = re.compile(r"[-+]?\d{1,30}", re.ASCII)


def read_number(name: str, text: str | None) -> float | None:
    """The number in a field; None for an empty one.

    Args:
        name: of the field, for the refusal.
        text: as it was written; ``10,000`` is 10000.

    Raises:
        ConfigError: it is no number, or not a finite one.

    >>> read_number("lr", "3e-4"), read_number("epoch", "1,562.5"), read_number("lr", " ")
    (0.0003, 1562.5, None)
    >>> read_number("lr", "0,0003")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    preheat.errors.ConfigError: lr must be a number; got '0,0003'. Write a decimal point, as in 0.0003; commas...
    """
    word = _without_commas(text)
    value = _finite(word)
    if word and value is None:
        raise _no_number(name, _("a number"), text)
    return value


def read_count(name: str, text: str | None) -> int | None:
    """The whole number in a field; None for an empty one.

    Args:
        name: of the field, for the refusal.
        text: as it was written; ``10,000`` and ``1e4`` are 10000.

    Raises:
        ConfigError: it is no whole number.

    >>> read_count("updates", "10,000"), read_count("updates", "1e4"), read_count("updates", "")
    (10000, 10000, None)
    """
    word = _without_commas(text)
    if not word:
        return None
    if _DIGITS.fullmatch(word):  # not by way of a float, which has 53 bits
        return int(word)
    value = _finite(word)
    if value is None or not value.is_integer():
        raise _no_number(name, _("a whole number"), text)
    return int(value)


def _without_commas(text: str | None) -> str:
    word = (text or "").strip()
    return word.replace(",", "") if _IN_THOUSANDS.fullmatch(word) else word


def _finite(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _no_number(name: str, rule: str, text: str | None) -> ConfigError:
    word = (text or "").strip()
    advice = _("Write it in digits, as in 0.0003 or 10,000.")
    if re.search("[,，]", word):
        advice = _("Write a decimal point, as in 0.0003; commas may only part thousands, as in 10,000.")
    return ConfigError(refusal(name, rule, word[:MOST_LETTERS], advice))


def as_page_says(error: PreheatError, names: Mapping[str, str], values: Mapping[str, str] | None = None) -> str:
    """What an error says, with everything called as the page calls it.

    Args:
        error: a refusal, mostly.
        names: what a page calls parameters, by their names; also what advice calls them.
        values: what is shown for a value, by the value.

    >>> from preheat.errors import ScheduleError
    >>> as_page_says(ScheduleError(refusal("lr", _("> 0"), -1.0, "")), {"lr": _("Peak learning rate")})
    'Peak learning rate must be > 0; got -1.0.'
    """
    return _reworded(error.args[0] if len(error.args) == 1 else str(error), names, values or {})


def _reworded(text: str, names: Mapping[str, str], values: Mapping[str, str]) -> str:
    if isinstance(text, Refusal):
        name, value = str(text.pieces["name"]), _known(text.pieces["value"], values)
        rule, advice = (_reworded(cast("str", text.pieces[piece]), names, values) for piece in ("rule", "advice"))
        if name not in names:
            return refusal(name, rule, value, advice)
        # A context of its own: a label stands in quotes in some languages.
        if not advice:
            return in_context(
                "field", "{name} must be {rule}; got {value!r}.", name=names[name], rule=rule, value=value
            )
        return in_context(
            "field", "{name} must be {rule}; got {value!r}. {advice}",
            name=names[name], rule=rule, value=value, advice=advice,
        )  # fmt: skip
    if isinstance(text, Joined):
        return joined(text.separator, [_reworded(one, names, values) for one in text.items])
    if isinstance(text, Message):
        either = {**names, **values}
        return Message(
            text.id,
            {
                name: _reworded(one, names, values) if isinstance(one, Message) else _known(one, either)
                for name, one in text.arguments.items()
            },
            plural=text.plural,
            context=text.context,
        )
    for old, new in values.items():
        text = text.replace(old, new)
    return text


def _known(value: object, names: Mapping[str, str]) -> object:
    return names.get(value, value) if isinstance(value, str) else value
