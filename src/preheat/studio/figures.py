"""The numbers beside a drawing: descriptions, findings and scores, as the functions of the lower floors give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from preheat.errors import PreheatError
from preheat.inspect import check
from preheat.inspect.check import Finding
from preheat.schedule import Schedule
from preheat.studio.design import Design
from preheat.theory import score
from preheat.theory.score import Score

MOST_SCORED = 2_000_000  # updates


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said of a design.

    Attributes:
        describe: of the edited curve.
        findings: of the edited curve.
        scores: of every curve that can be drawn, by number; the refusal where it has none.
        too_long: whether the run is too long to be scored.
    """

    describe: str
    findings: list[Finding]
    scores: dict[int, Score | PreheatError]
    too_long: bool


def figures_of(design: Design, schedules: Mapping[int, Schedule]) -> Figures:
    """Work the numbers out; a curve that cannot be drawn has none."""
    edited = schedules.get(design.on)
    describe = "" if edited is None else edited.describe(design.lr, design.updates)
    findings = [] if edited is None else check(edited, updates=design.updates, lr=design.lr)
    too_long = not 2 <= design.updates <= MOST_SCORED
    scores = {} if too_long else {index: _score(one, design.updates) for index, one in schedules.items()}
    return Figures(describe, findings, scores, too_long)


def _score(schedule: Schedule, updates: int) -> Score | PreheatError:
    try:
        return score(schedule, updates=updates)
    except PreheatError as error:
        return error
