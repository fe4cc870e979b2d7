"""The plan page: updates counted from the data, with the arithmetic."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from preheat.errors import PlanError, PreheatError, refusal
from preheat.messages import _
from preheat.plan import CONVENTIONS, TAILS, Plan
from preheat.studio.chinese import PLANS
from preheat.studio.frame import Section, Visit, framed, say, text

# Field: its label, how it is read, and what it holds at first.
_FIELDS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "examples": ("examples", int, "3821"),
    "batch_size": ("batch", int, "32"),
    "epochs": ("epochs", float, "30"),
    "accumulation": ("accumulation", int, "1"),
    "world_size": ("processes", int, "1"),
    "max_steps": ("max.steps", int, ""),
    "tokens_per_sample": ("row.tokens", float, ""),
    "warmup": ("warmup", str, "10%"),
}
_UNSAID = {"accumulation": "1", "world_size": "1", "trainer": "plain_loop"}  # what the command takes by itself
_MOST_LETTERS = 40  # of a number


def planned(given: Mapping[str, str]) -> tuple[Plan, str]:
    """The plan that fields ask for, and its warm-up as written.

    Args:
        given: text by field; a field left empty is left out.

    Raises:
        PlanError, ScheduleError: for what is no number, and what cannot be.

    >>> planned({"examples": "3821", "batch_size": "32", "epochs": "30"})[0].updates
    3600
    """
    values: dict[str, Any] = {}
    for name, (_label, kind, _first) in _FIELDS.items():
        word = given.get(name, "").strip()
        if word and name != "warmup":
            try:
                # People write 1,000,000; and a pasted page is not to come back whole in the refusal.
                values[name] = kind(word.replace(",", "")[:_MOST_LETTERS])
            except ValueError:
                raise PlanError(refusal(name, _("a number"), word[:_MOST_LETTERS], _("Correct it."))) from None
    values.setdefault("examples", None)
    if "batch_size" not in values:
        raise PlanError(refusal("batch_size", _("given"), None, _("Say how many rows a batch of one process has.")))
    for name in ("trainer", "tail"):
        if given.get(name):
            values[name] = given[name]
    plan = Plan(**values, drop_last=given.get("drop_last") == "1")
    return plan, given.get("warmup", "").strip()


def command_of(given: Mapping[str, str]) -> str:
    """The same count on the command line."""
    words = ["preheat", "plan"]
    for name, value in given.items():
        if name == "drop_last":
            words += ["--drop-last"] if value == "1" else []
        elif value.strip() and value != _UNSAID.get(name):
            words += [f"--{name.replace('_', '-')}", value.strip()]
    return shlex.join(words)


class PlanPage:
    """Fields, and what they come to."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        known = dict(visit.pairs)
        # Only a bare address begins with an example: in a link a field left out is empty.
        fresh = not known
        self._given = {name: known.get(name, field[2] if fresh else "") for name, field in _FIELDS.items()}
        self._given |= {name: known.get(name, "") for name in ("trainer", "tail", "drop_last")}
        self._given["trainer"] = self._given["trainer"] or "plain_loop"

    def build(self) -> None:
        """Make the page."""
        words = self._visit.words
        with ui.element("div").classes("ph-columns"):
            with Section(words["run"], "plan"), ui.element("div").classes("ph-fields"):
                for name, (key, kind, _unused) in _FIELDS.items():
                    field = ui.input(words[key], value=self._given[name], on_change=partial(self._set, name))
                    mode = {int: "numeric", float: "decimal"}.get(kind, "text")  # type: ignore[call-overload]
                    field.props(f"dense debounce=200 inputmode={mode}").mark(name)
                self._select("trainer", words["trainer"], _trainers(words.language))
                self._select("tail", words["tail"], {"": words["default"], **{tail: tail for tail in TAILS}})
                ui.switch(
                    words["drop"], value=self._given["drop_last"] == "1",
                    on_change=lambda event: self._put("drop_last", "1" if event.value else ""),
                ).mark("drop_last")  # fmt: skip
            with Section(words["arithmetic"], "arithmetic"):
                self._result = text("pre").mark("arithmetic")
                self._refusal = text("p").classes("ph-refusal").props('role="alert"').mark("refusal")
                self._use = ui.link(words["use"], "/").mark("use")
                text("p", words["command"]).classes("ph-quiet")
                self._command = text("pre").mark("command")
        self._show()

    def _select(self, name: str, label: str, options: dict[str, str]) -> None:
        # An address may name a trainer that is none.
        value = self._given[name] if self._given[name] in options else next(iter(options))
        ui.select(
            options, value=value, label=label, on_change=lambda event: self._put(name, str(event.value))
        ).props("dense options-dense").mark(name)  # fmt: skip

    def _set(self, name: str, event: Any) -> None:
        self._put(name, event.value or "")

    def _put(self, name: str, value: str) -> None:
        self._given[name] = value
        self._show()
        # The address says what the page shows, to be sent on; replaced, so that Back leaves the page.
        query = urlencode({name: value for name, value in self._given.items() if value})
        ui.navigate.history.replace(self._visit.link("plan", query))

    def _show(self) -> None:
        refused = ""
        # Shown where the count is refused too: the command refuses it alike.
        self._command.text = command_of(self._given)
        try:
            plan, warmup = planned(self._given)
            say(self._result, plan.explain(warmup or None), self._visit.words, PLANS)
            self._use.props["href"] = self._visit.link("design", _design_query(plan, warmup))
        except PreheatError as error:
            refused = str(error)
        self._refusal.text = refused
        self._refusal.set_visibility(bool(refused))
        self._result.set_visibility(not refused)
        self._use.set_visibility(not refused)
        self._use.update()


def _trainers(language: str) -> dict[str, str]:
    return {name: PLANS.told(one.title, language) for name, one in CONVENTIONS.items()}


def _design_query(plan: Plan, warmup: str) -> str:
    """A design over the counted run."""
    pairs: list[tuple[str, Any]] = [("s", f"warmup {plan.warmup(warmup)} > cosine to 0" if warmup else "cosine to 0")]
    if plan.updates is not None:
        pairs.append(("updates", plan.updates))
    if plan.examples is not None:
        pairs.append(("epoch", float(plan.updates_per_epoch)))
    if plan.tokens_per_update is not None:
        pairs.append(("tokens", plan.tokens_per_update))
    return urlencode(pairs)


def plan_page(visit: Visit) -> None:
    """The page at ``/plan``."""
    with framed(visit, urlencode(visit.pairs)):
        text("h1", visit.words["plan.title"])
        PlanPage(visit).build()
