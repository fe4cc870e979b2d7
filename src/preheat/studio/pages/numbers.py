"""Beside the drawing: what the edited schedule does in numbers, what may be wrong with it, and how all score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.studio.chinese import CHECKS, SCHEDULES
from preheat.studio.figures import Figures, figures_of
from preheat.studio.frame import Section, say, text

if TYPE_CHECKING:
    from preheat.studio.pages.design import DesignPage


class NumbersPanel:
    """Three parts, worked out beside the server's loop."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        words = page.words
        with ui.element("div"):
            with Section(words["numbers"], "numbers"):
                self._describe = text("pre").mark("describe")
            with Section(words["findings"], "findings"):
                self._findings = ui.element("div").mark("findings")
            with Section(words["score"], "score"):
                ui.label(words["score.help"]).classes("ph-quiet")
                self._scores = ui.element("div").classes("ph-wide").mark("scores")

    async def show(self) -> None:
        """Keep in step with the design."""
        page = self._page
        design, schedules = page.design, dict(page.schedules)
        found = await run.io_bound(figures_of, design, schedules)
        if found is None or design != page.design:
            return
        refusal = page.refusals.get(design.on)
        say(self._describe, refusal or found.describe, page.words, SCHEDULES)
        self._show_findings(found)
        self._show_scores(found)

    def _show_findings(self, found: Figures) -> None:
        words = self._page.words
        self._findings.clear()
        with self._findings:
            if not found.findings:
                ui.label(words["findings.none"]).classes("ph-quiet")
                return
            with ui.element("ul"):
                for finding in found.findings:
                    with text("li", f"{words[finding.severity]}{words['colon']}"):
                        say(text("span"), f"{finding.message}. {finding.advice}", words, CHECKS)

    def _show_scores(self, found: Figures) -> None:
        words = self._page.words
        self._scores.clear()
        with self._scores:
            if found.too_long:
                ui.label(words["score.long"]).classes("ph-quiet")
                return
            rows = [
                (str(index + 1), "–", score) if isinstance(score, PreheatError) else
                (str(index + 1), f"{score.ratio:.4f}", f"{score.peak_ratio:.4f}")
                for index, score in found.scores.items()
            ]  # fmt: skip
            table(("", words["score.bound"], words["score.peak"]), rows, (1, 2))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[int] = ()) -> None:
    """A plain table whose first column is its rows' heads; ``numbers`` are columns set to the right."""
    with ui.element("table"):
        with ui.element("thead"), ui.element("tr"):
            for at, head in enumerate(heads):
                text("th", head).classes("n" if at in numbers else "").props('scope="col"')
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    for at, value in enumerate(row):
                        text("td" if at else "th", value).classes("n" if at in numbers else "")
