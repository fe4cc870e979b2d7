"""Templates of reports filled in: every page has the look of ``page.html.jinja``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

from preheat.errors import missing_extra
from preheat.view.colours import DARK, LIGHT, variables
from preheat.view.report import words
from preheat.view.report.chart import Chart


def fill(template: str, **values: Any) -> str:
    """A page as text.

    Args:
        template: ``package/file``.
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
        "score": words.score, "count": words.count, "value": words.value, "number": words.number,
    }  # fmt: skip
    environment.globals |= {"light": variables(LIGHT), "dark": variables(DARK)}
    return environment.get_template(template).render(**values)


def drawings(charts: Sequence[Chart]) -> list[tuple[Chart, Any]]:
    """Charts, each with its drawing marked as one: it is not escaped."""
    from markupsafe import Markup

    return [(chart, Markup(chart.svg)) for chart in charts]


def _text(template: str) -> str:
    """A template by ``package/file``; without a package one of this."""
    package, _, file = template.rpartition("/")
    return (resources.files(package or __package__) / file).read_text(encoding="utf-8")
