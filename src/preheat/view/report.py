"""Templates of reports filled in: every page has the look of ``page.html.jinja``.

Drawings show everything. Where nicegui is installed each chart has its numbers beside its drawing, and the page one
script that makes charts to look into of them; the page's own policy names that script, and nothing else runs or loads.
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
from preheat.view.echarts import echarts_library
from preheat.view.image import DARK, LIGHT, variables

# --- A chart of a report: a drawing, what its colors mean, and what it shows in words ------------------------------


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        name: of the section, also the prefix of ids in the drawing.
        title: heading.
        unit: what the values are.
        svg: the ``<svg>`` element.
        legend: the class of each sample of color, and what is drawn like it.
        notes: sentences; the first also describes the drawing to those who do not see it.
        options: the same chart to look into (:func:`preheat.view.echarts.report_options`), its series named by
            the legend's words; None leaves it at the drawing.
    """

    name: str
    title: str
    unit: str
    svg: str
    legend: list[tuple[str, str]]
    notes: list[str]
    options: dict[str, Any] | None = None


# --- The one script of a report with charts to look into, and their data, both as a page can hold them --------------


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


def chart_script() -> Script | None:
    """The library and what draws with it; None where there is no library."""
    found = echarts_library()
    if found is None:
        return None
    library, name = found
    own = (resources.files("preheat.view") / "charts.js").read_text(encoding="utf-8")
    return Script(f"{_LICENSE}\n{library}\n({own})({name});\n")


def as_data(options: Mapping[str, Any]) -> str:
    r"""Plain data as the text of a data element; nothing in it can end the element or begin another.

    >>> as_data({"name": "</script><!-- & é"})
    '{"name":"\\u003c/script\\u003e\\u003c!-- \\u0026 \\u00e9"}'
    """
    text = json.dumps(options, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


# --- Numbers as a report writes them. Shares are 0 to 1; what is missing says so and is never a number --------------


NOT_RECORDED = "not recorded"


def number(value: Any, digits: int = 4) -> str:
    """A number with ``digits`` significant digits, small ones as 8.2e-5; "not recorded" for None.

    >>> number(0.00008215), number(12345.6), number(0.5), number(None), number(float("nan"))
    ('8.215e-5', '12,350', '0.5', 'not recorded', 'not finite')
    """
    if value is None:
        return NOT_RECORDED
    if not math.isfinite(value):
        return "not finite"
    if value == 0 or 1e-3 <= abs(value) < 1e15:
        rounded = float(f"{value:.{digits}g}")
        return f"{rounded:,.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


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
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def of(part: int, whole: int) -> str:
    """A part of a whole, with its share.

    >>> of(7, 144), of(0, 0)
    ('7 of 144 (0.049)', '0 of 0')
    """
    return f"{part:,} of {whole:,}" + (f" ({part / whole:.3f})" if whole else "")


def listing(numbers: Sequence[float], most: int = 8) -> str:
    """Update numbers one after the other, the first few.

    >>> listing([3, 5]), listing(range(20), 3)
    ('3, 5', '0, 1, 2 and 17 more')
    """
    shown = ", ".join(count(value) for value in numbers[:most])
    return f"{shown} and {len(numbers) - most:,} more" if len(numbers) > most else shown


def value(setting: Any) -> str:
    """A setting or a fact about the machine, as one would type it.

    >>> value(True), value(None), value(1e-05), value(["text"]), value({"num_cycles": 2}), value("a")
    ('yes', 'none', '1e-05', 'text', 'num_cycles=2', 'a')
    """
    if isinstance(setting, bool):
        return "yes" if setting else "no"
    if setting is None:
        return "none"
    if isinstance(setting, list):
        return ", ".join(value(item) for item in setting) or "none"
    if isinstance(setting, dict):
        return ", ".join(f"{key}={value(item)}" for key, item in setting.items()) or "none"
    return setting if isinstance(setting, str) else json.dumps(setting)


# --- Templates of reports filled in: every page has the look of ``page.html.jinja`` ---------------------------------


def fill(template: str, *, charts: Sequence[Chart] = (), **values: Any) -> str:
    """A page as text.

    Args:
        template: ``package/file``.
        charts: all charts of the page.
        values: what it is filled with; text in them is escaped.

    Raises:
        MissingExtraError: if Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError:
        raise missing_extra("jinja2", "plot") from None
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_text)
    )
    environment.filters |= {
        "score": score, "count": count, "value": value, "number": number, "data": _data,
    }  # fmt: skip
    script = chart_script() if any(chart.options for chart in charts) else None
    environment.globals |= {
        "light": variables(LIGHT), "dark": variables(DARK), "script": script, "script_text": _plain(script)
    }  # fmt: skip
    return environment.get_template(template).render(**values)


def drawings(charts: Sequence[Chart]) -> list[tuple[Chart, Any]]:
    """Charts, each with its drawing marked as one: it is not escaped."""
    from markupsafe import Markup

    return [(chart, Markup(chart.svg)) for chart in charts]


def _plain(script: Script | None) -> Any:
    """The script's text marked as what it is: it is not escaped."""
    from markupsafe import Markup

    return Markup("" if script is None else script.text)


def _data(options: Mapping[str, Any]) -> Any:
    from markupsafe import Markup

    return Markup(as_data(options))


def _text(template: str) -> str:
    """A template by ``package/file``; without a package one of this."""
    package, _, file = template.rpartition("/")
    return (resources.files(package or "preheat.view") / file).read_text(encoding="utf-8")
