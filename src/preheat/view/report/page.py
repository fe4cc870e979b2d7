"""Templates of reports filled in: every page has the look of ``page.html.jinja``.

Drawings show everything. Where nicegui is installed each chart has its numbers beside its drawing, and the page one
script that makes charts to look into of them; the page's own policy names that script, and nothing else runs or loads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from preheat.errors import missing_extra
from preheat.view.colours import DARK, LIGHT, variables
from preheat.view.report import words
from preheat.view.report.chart import Chart
from preheat.view.report.script import Script, as_data, chart_script


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
        "score": words.score, "count": words.count, "value": words.value, "number": words.number, "data": _data,
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
    return (resources.files(package or __package__) / file).read_text(encoding="utf-8")
