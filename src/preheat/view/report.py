"""Pages made of templates and figures: every report has the look of ``page.html.jinja``.

Drawings show everything. Where nicegui is installed each figure has its numbers beside its drawing, and the page one
script that makes charts to look into of them; the page's own policy names that script, and nothing else runs or loads.
Numbers in a report are written by the functions here: shares are 0 to 1, and what is missing says so and is never a
number.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from preheat.errors import missing_extra
from preheat.messages import Message, _, in_context, joined
from preheat.messages.languages import reader, tell
from preheat.view.echarts import echarts_library, to_echarts
from preheat.view.figure import DARK, FONTS, LIGHT, Figure, number, variables
from preheat.view.svg import to_svg

_SIZE = (780, 290)  # of a drawing: wide and low, so that two are seen at a time


_LANG = {"zh": "zh-CN"}  # as browsers want it, for hyphens and fonts


def fill(template: str, *, figures: Sequence[Figure] = (), language: str | None = None, **values: Any) -> str:
    """A page as text.

    Args:
        template: ``package/file``; sentences in it are ``{{ _("...") }}``.
        figures: all figures of the page, each with a name of its own.
        language: what its messages are told in; None is the reader's language.
        values: what it is filled with; text in them is escaped.

    Raises:
        MissingExtraError: if Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise missing_extra("jinja2", "plot") from None
    language = reader() if language is None else language
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_text),
        finalize=lambda value: tell(value, language) if isinstance(value, Message) else value,
    )  # fmt: skip
    environment.filters |= {
        "score": score, "count": count, "value": value, "number": number,
        # What is marked is not escaped once more: both escape what is in them.
        "drawing": lambda figure: Markup(to_svg(figure, inline=True, size=_SIZE, language=language)),
        "data": lambda figure: Markup(as_data(to_echarts(figure, language=language))),
        "legend": legend_of, "unit": unit_of, "capital": lambda text: _capital(tell(text, language)),
    }  # fmt: skip
    script = chart_script(language) if figures else None
    environment.globals |= {
        "_": _, "in_context": in_context, "joined": joined, "lang": _LANG.get(language, language),
        "fonts": FONTS, "light": variables(LIGHT), "dark": variables(DARK), "script": script,
        "script_text": Markup("" if script is None else script.text),
    }  # fmt: skip
    return environment.get_template(template).render(**values)


def _capital(text: str) -> str:
    """The first letter large, where a sentence begins that is a piece of one elsewhere."""
    return text[:1].upper() + text[1:]


def _text(template: str) -> str:
    """A template by ``package/file``; without a package one of this."""
    package, _unused, file = template.rpartition("/")
    return (resources.files(package or "preheat.view") / file).read_text(encoding="utf-8")


# --- A figure on a page ---------------------------------------------------------------------------------------------


def legend_of(figure: Figure) -> list[tuple[str, str]]:
    """What a page's legend says: the classes of each sample, and the words; marks of one label once.

    >>> from preheat.view.figure import Mark, Series
    >>> mark = Mark(position=1, label="skip (1)", kind="event", role="skip")
    >>> legend_of(Figure(series=(Series(label="used", role="used", x=[], y=[]),), marks=(mark, mark)))
    [('line c1', 'used'), ('mark dotted c6', 'skip (1)')]
    """
    marks = {mark.label: mark for mark in figure.marks if mark.label}
    kinds = {
        label: f"mark {mark.dash} c{mark.color}" if mark.kind == "event" else mark.kind for label, mark in marks.items()
    }
    return [
        *((f"{one.style} c{one.color}", one.label) for one in figure.series),
        *((classes, label) for label, classes in kinds.items()),
    ]


def unit_of(figure: Figure) -> str:
    """What stands beside a figure's heading: the unit of its values, and whether their axis is logarithmic."""
    if not figure.y.log:
        return figure.y.unit
    return _("{unit}, logarithmic axis", unit=figure.y.unit) if figure.y.unit else _("logarithmic axis")


_LICENSE = (
    "/* Apache ECharts (echarts.apache.org), under the Apache License 2.0; then preheat's own lines, under MIT. */"
)


@dataclass(frozen=True, slots=True)
class Script:
    """A module script.

    Attributes:
        text: what stands between its tags.
    """

    text: str

    @property
    def digest(self) -> str:
        """As a content policy names it, which lets this text run and no other.

        >>> Script("draw()").digest
        'sha256-jm3FkV4tNIdBUr8jRVVl5n9PUixlaxTWD0pdpFiSH5A='
        """
        return "sha256-" + base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()


def chart_script(language: str | None = None) -> Script | None:
    """The library and what draws with it, in a language; None where there is no library."""
    known = echarts_library()
    if known is None:
        return None
    library, name = known
    words = {
        # Two words, so that neither is told: the sign between them is what is wanted.
        "colon": tell(joined(": ", ["", ""]), language),
        "whole": tell(_("Show all"), language),
    }
    return Script(f"{_LICENSE}\n{library}\n({_text('charts.js')})({name}, {_text('number.js')}, {as_data(words)});\n")


def as_data(option: Mapping[str, Any]) -> str:
    r"""Plain data as the text of a data element; nothing in it can end the element or begin another.

    >>> as_data({"name": "</script><!-- & é"})
    '{"name":"\\u003c/script\\u003e\\u003c!-- \\u0026 \\u00e9"}'
    """
    text = json.dumps(option, allow_nan=False, separators=(",", ":"))
    # A browser ends a script element at the first "</script", whatever JSON makes of it.
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


# --- Numbers and settings in words ----------------------------------------------------------------------------------


def score(value: Any) -> str:
    """A loss, an accuracy, an F1: four decimals, so that they stand below each other.

    >>> score(0.5), score(None)
    ('0.5000', 'not recorded')
    """
    return number(value) if value is None or not math.isfinite(value) else f"{value:.4f}"


def count(value: Any) -> str:
    """A whole number with separators.

    >>> count(1234567), count(None)
    ('1,234,567', 'not recorded')
    """
    return number(value) if value is None or not math.isfinite(value) else f"{int(value):,}"


def duration(seconds: Any) -> str:
    """Seconds as people say them.

    >>> duration(7.25), duration(75), duration(3_725), duration(200_000), duration(None)
    ('7.2 s', '1 min 15 s', '1 h 2 min', '2 days 7 h', 'not recorded')
    """
    if seconds is None or not math.isfinite(seconds):
        return number(seconds)
    # Rounded first: 59.7 seconds are a minute and not "60 s".
    if seconds < 59.5:
        return _("{seconds:.1f} s", seconds=seconds) if seconds < 10 else _("{seconds:.0f} s", seconds=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return _("{days} days {hours} h", days=hours // 24, hours=hours % 24)


def of(part: int, whole: int) -> str:
    """A part of a whole, with its share.

    >>> of(7, 144), of(0, 0)
    ('7 of 144 (0.049)', '0 of 0')
    """
    if not whole:
        return _("{part:,} of {whole:,}", part=part, whole=whole)
    return _("{part:,} of {whole:,} ({share:.3f})", part=part, whole=whole, share=part / whole)


def listing(numbers: Sequence[float], most: int = 8) -> str:
    """Update numbers one after the other, the first few.

    >>> listing([3, 5]), listing(range(20), 3)
    ('3, 5', '0, 1, 2 and 17 more')
    """
    shown = joined(", ", [count(value) for value in numbers[:most]])
    if len(numbers) <= most:
        return shown
    return _("{numbers} and {more:,} more", numbers=shown, more=len(numbers) - most)


def value(setting: Any) -> str:
    """A setting or a fact about the machine, as one would type it.

    >>> value(True), value(None), value(1e-05), value(["text"]), value({"num_cycles": 2}), value("a")
    ('yes', 'none', '1e-05', 'text', 'num_cycles=2', 'a')
    """
    if isinstance(setting, bool):
        return in_context("a setting", "yes") if setting else in_context("a setting", "no")
    if setting is None:
        return _("none")
    if isinstance(setting, list):
        return joined(", ", [value(item) for item in setting]) if setting else _("none")
    if isinstance(setting, dict):
        pairs = [joined("=", [key, value(item)]) for key, item in setting.items()]
        return joined(", ", pairs) if pairs else _("none")
    return setting if isinstance(setting, str) else json.dumps(setting)
