"""The plan page: updates counted from the data, with the arithmetic."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from preheat.errors import PlanError, PreheatError, refusal
from preheat.messages import _, in_context
from preheat.plan import CONVENTIONS, TAILS, Plan
from preheat.studio.fields import as_page_says, read_count, read_number
from preheat.studio.frame import Section, Visit, framed, refusal_box, say, text

# Field: its label, how it is read, and what it holds at first.
_FIELDS: dict[str, tuple[str, type, str]] = {
    "examples": (_("Examples"), int, "3821"),
    "batch_size": (_("Batch size of a process"), int, "32"),
    "epochs": (_("Epochs"), float, "30"),
    "accumulation": (_("Batches in an update"), int, "1"),
    "world_size": (_("Processes"), int, "1"),
    "max_steps": (_("Maximum updates"), int, ""),
    "tokens_per_sample": (_("Tokens in a row"), float, ""),
    "warmup": (_("Warm-up"), str, "10%"),
}
LABELS: dict[str, str] = {
    **{name: label for name, (label, _kind, _first) in _FIELDS.items()},
    "trainer": _("Trainer"),
    "tail": _("Last incomplete accumulation of an epoch"),
    "drop_last": _("Leave an incomplete batch out"),
}
_UNSAID = {"accumulation": "1", "world_size": "1", "trainer": "plain_loop"}  # what the command takes by itself


def planned(given: Mapping[str, str]) -> tuple[Plan, str]:
    """The plan that fields ask for, and its warm-up as written.

    Args:
        given: text by field; a field left empty is left out.

    Raises:
        ConfigError, PlanError, ScheduleError: for what is no number, and what cannot be.

    >>> planned({"examples": "3821", "batch_size": "32", "epochs": "30"})[0].updates
    3600
    """
    values: dict[str, Any] = {}
    for name, (_label, kind, _first) in _FIELDS.items():
        if name != "warmup":
            read = read_count if kind is int else read_number
            if (value := read(name, given.get(name))) is not None:
                values[name] = value
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
        self._given = {
            name: known.get(name, first if fresh else "") for name, (_label, _kind, first) in _FIELDS.items()
        }
        self._given |= {name: known.get(name, "") for name in ("trainer", "tail", "drop_last")}
        self._given["trainer"] = self._given["trainer"] or "plain_loop"

    def build(self) -> None:
        """Make the page."""
        tell = self._visit.tell
        with ui.element("div").classes("ph-columns"):
            with Section(tell(in_context("settings", "Run")), "plan"), ui.element("div").classes("ph-fields"):
                for name, (label, kind, _first) in _FIELDS.items():
                    field = ui.input(tell(label), value=self._given[name], on_change=partial(self._set, name))
                    mode = {int: "numeric", float: "decimal"}.get(kind, "text")
                    field.props(f"dense debounce=200 inputmode={mode}").mark(name)
                self._select("trainer", {name: tell(one.title) for name, one in CONVENTIONS.items()})
                self._select("tail", {"": tell(_("as the trainer does")), **{tail: tail for tail in TAILS}})
                ui.switch(
                    tell(LABELS["drop_last"]), value=self._given["drop_last"] == "1",
                    on_change=lambda event: self._put("drop_last", "1" if event.value else ""),
                ).mark("drop_last")  # fmt: skip
            with Section(tell(_("Arithmetic")), "arithmetic"):
                self._result = text("pre").mark("arithmetic")
                self._refusal = refusal_box().mark("refusal")
                self._use = ui.link(tell(_("Use in a design")), "/").mark("use")
                text("p", tell(_("The same on the command line"))).classes("ph-quiet")
                self._command = text("pre").mark("command")
        self._show()

    def _select(self, name: str, options: dict[str, str]) -> None:
        # An address may name a trainer that is none.
        value = self._given[name] if self._given[name] in options else next(iter(options))
        ui.select(
            options, value=value, label=self._visit.tell(LABELS[name]),
            on_change=lambda event: self._put(name, str(event.value))
        ).props("dense options-dense").mark(name)  # fmt: skip

    def _set(self, name: str, event: Any) -> None:
        self._put(name, event.value or "")

    def _put(self, name: str, value: str) -> None:
        self._given[name] = value
        self._show()
        self._visit.move(urlencode({name: value for name, value in self._given.items() if value}))

    def _show(self) -> None:
        refused = ""
        # Shown where the count is refused too: the command refuses it alike.
        self._command.text = command_of(self._given)
        try:
            plan, warmup = planned(self._given)
            say(self._result, plan.explain(warmup or None), self._visit)
            self._use.props["href"] = self._visit.link("design", _design_query(plan, warmup))
        except PreheatError as error:
            refused = self._visit.tell(as_page_says(error, LABELS))
        self._refusal.text = refused
        self._refusal.set_visibility(bool(refused))
        self._result.set_visibility(not refused)
        self._use.set_visibility(not refused)
        self._use.update()


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
    with framed(visit):
        text("h1", visit.tell(_("How many updates a run takes")))
        PlanPage(visit).build()
