"""A chart of a report: a drawing, what its colours mean, and what it shows in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        name: of the section, also the prefix of ids in the drawing.
        title: heading.
        unit: what the values are.
        svg: the ``<svg>`` element.
        legend: the class of each sample of colour, and what is drawn like it.
        notes: sentences; the first also describes the drawing to those who do not see it.
        options: the same chart to look into (:func:`preheat.view.report.options.report_options`), its series named by
            the legend's words; None leaves it at the drawing.
    """

    name: str
    title: str
    unit: str
    svg: str
    legend: list[tuple[str, str]]
    notes: list[str]
    options: dict[str, Any] | None = None
