"""The audit page: a log is dropped, the verdict is read.

The log is written to a file of its own for the time it takes to read it, held against a plan or recognized, and shown
with the report's figures; the report itself can be downloaded.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import run, ui

from preheat.auditing import recognise_log
from preheat.auditing.audits import audit
from preheat.auditing.logs import Log, read_log
from preheat.auditing.report import audit_figure, audit_html, logged_figure, recognized_figure, recognized_page
from preheat.errors import ConfigError, PreheatError, refusal
from preheat.messages import _, joined
from preheat.messages.languages import speaking
from preheat.schedule import Schedule
from preheat.schedule.named import get_schedule, usual_warmup
from preheat.studio.charts import chart, told
from preheat.studio.design import MOST_UPDATES, TITLE, in_words, parse_foreign
from preheat.studio.fields import as_page_says, read_count, read_number
from preheat.studio.frame import Section, Visit, framed, refusal_box, say, text
from preheat.view import Figure

if TYPE_CHECKING:
    from nicegui.events import UploadEventArguments


# --- A dropped log audited -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What a log is held against, as people write it; an empty plan asks what the log looks like."""

    against: str = ""
    updates: str = ""
    warmup: str = ""
    lr: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of one series of the log.

    Attributes:
        group: the log's name for it.
        equal: whether it is the plan; None where there is none.
        sentence: what happened, or what it looks like.
        cause: what that usually comes from.
        evidence: the numbers behind it.
        figure: the report's; None where there is nothing to draw.
    """

    group: str
    equal: bool | None
    sentence: str
    cause: str
    evidence: tuple[str, ...]
    figure: Figure | None = field(repr=False, default=None)

    @property
    def title(self) -> str:
        """The verdict in two words, and the group."""
        if self.equal is None:
            return _("Looks like ({group})", group=self.group)
        if self.equal:
            return _("As planned ({group})", group=self.group)
        return _("Not as planned ({group})", group=self.group)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a log.

    Attributes:
        log: its name and kind, and how many rates it has.
        parts: one for each series.
        notes: of the reader.
        report: makes the report of the audit, the text of a page.
    """

    log: str
    parts: list[Part]
    notes: tuple[str, ...]
    report: Callable[[], str] = field(repr=False)


def verdict_on(name: str, content: bytes, asked: Asked) -> Verdict:
    """Audit a log.

    Args:
        name: of the file, which says its kind; nothing else is made of it.
        content: of the file.
        asked: the plan.

    Raises:
        DataError: if the log cannot be read.
        ConfigError, ScheduleError: for a plan that cannot be.
    """
    # Readers take a path and go by the name; in a folder of its own no other log is near it.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _plain(name)
        path.write_bytes(content)
        try:
            return _verdict(path, asked)
        except PreheatError as error:  # the reader names the file by the place it has here
            raise type(error)(as_page_says(error, {}, {str(path): _plain(name)})) from None


def _plain(name: str) -> str:
    """The last part of a file's name, in letters that mean nothing to a file system."""
    # The end is kept, where the suffix is that says what kind of log it is.
    return re.sub(r"[^\w.-]", "_", re.split(r"[/\\]", name)[-1]).lstrip(".")[-120:] or "log"


def _verdict(path: Path, asked: Asked) -> Verdict:
    log = read_log(path, asked.column.strip() or None)
    rates = sum(len(series) for series in log.series)
    head = _("{log} ({kind}), {rates:,} learning rates", log=path.name, kind=log.kind, rates=rates)
    # The report is not to name a folder that is gone by then.
    log = replace(log, path=Path(path.name))
    parts, report = _held(log, asked) if asked.against.strip() else _recognized(log)
    return Verdict(head, parts, log.notes, report)


def _held(log: Log, asked: Asked) -> tuple[list[Part], Callable[[], str]]:
    updates, lr = read_count("updates", asked.updates), read_number("lr", asked.lr)
    if updates is not None and not 1 <= updates <= MOST_UPDATES:
        raise ConfigError(refusal("updates", _("1 to {most}", most=MOST_UPDATES), updates, _("Correct it.")))
    audited = audit(log, _plan(asked, updates or log.total, lr), lr=lr, total=updates)
    parts = [
        Part(one.group, one.equal, one.sentence, one.cause, one.evidence, audit_figure(audited.schedule, one))
        for one in audited.findings
    ]
    return parts, lambda: audit_html(audited)


def _plan(asked: Asked, updates: int | None, lr: float | None) -> Schedule:
    words = asked.against.strip()
    if in_words(words):
        return parse_foreign(words)
    if updates is None:
        advice = _("Say how many, or write the plan in words.")
        raise ConfigError(
            refusal("updates", _("given for {words!r}, which the log does not say", words=words), None, advice)
        )
    warmup = usual_warmup(words, asked.warmup.strip() or None)
    return get_schedule(words, warmup=warmup, total=updates, lr=1.0 if lr is None else lr)


def _recognized(log: Log) -> tuple[list[Part], Callable[[], str]]:
    parts, known = [], recognise_log(log)
    for series in log.series:
        one = known[series.name]
        if one is None:
            figure = logged_figure(replace(log, series=(series,))) if len(series) > 1 else None
            parts.append(Part(series.name, None, _("too few rates above zero to say"), "", (), figure))
            continue
        found = _("peak {peak:g}, nearest known shape", peak=one.base_lr)
        if one.exact:
            found = _("peak {peak:g}, every logged rate agrees", peak=one.base_lr)
        evidence = (found, *one.notes)
        figure = recognized_figure(series, one, log.first or 0)
        parts.append(Part(series.name, None, str(one.schedule), "", evidence, figure))
    return parts, lambda: recognized_page(log, known)


# --- The page --------------------------------------------------------------------------------------------------------


# A million updates at 200 bytes a line; longer logs are for the command line.
MOST_BYTES = 200_000_000  # of a log
_DROP = _("Drop a log here: trainer_state.json, CSV, JSON Lines, TensorBoard events")
_HEADER = '<label class="ph-pick">{label} <q-uploader-add-trigger></q-uploader-add-trigger></label>'


# What fields are called, by what they are for.
LABELS: dict[str, str] = {
    "updates": _("Updates"),
    "warmup": _("Warm-up"),
    "lr": _("Peak learning rate"),
    "column": _("Column of the learning rate"),
}
# What refusals of the log's reader call the last one.
NAMED = {**LABELS, "log": _("log"), "column= (--column)": _("the field {label}", label=LABELS["column"])}


class AuditPage:
    """The log that was dropped last, held against what the fields say."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._log: tuple[str, bytes] | None = None

    def build(self) -> None:
        """Make the page."""
        tell, known = self._visit.tell, dict(self._visit.pairs)
        against = _("The plan, in words or by name; empty: say what it looks like")
        self._against = ui.input(tell(against), value=known.get("against", ""), on_change=self._point)
        self._against.classes("w-full")
        with ui.element("div").classes("ph-fields"):
            self._fields = {
                name: ui.input(tell(label), value=known.get(name, ""), on_change=self._point).props("dense").mark(name)
                for name, label in LABELS.items()
            }
        self._fields["column"].props["hint"] = tell(_("if its name does not say so"))
        self._against.props("dense").mark("against")
        upload = ui.upload(
            auto_upload=True, max_files=1, max_file_size=MOST_BYTES,
            on_upload=self._take, on_rejected=self._reject,
        ).classes("w-full").mark("log")  # fmt: skip
        upload.props("flat bordered")
        # Quasar's own header is a button without a name, its field one that no key reaches.
        upload.add_slot("header", _HEADER.format(label=tell(_DROP)))
        upload.add_slot("list", "<div></div>")
        ui.run_javascript("document.querySelector('.q-uploader__input').tabIndex = 0")
        self._upload = upload
        self._again = ui.button(tell(_("Start the audit")), on_click=self._audit).props("outline").mark("again")
        self._again.disable()
        self._place = ui.element("div").mark("verdict").props('aria-live="polite"')

    def _asked(self) -> Asked:
        fields = {name: field.value or "" for name, field in self._fields.items()}
        return Asked(self._against.value or "", **fields)

    def _point(self) -> None:
        self._visit.move(urlencode({name: value for name, value in asdict(self._asked()).items() if value}))

    async def _take(self, event: UploadEventArguments) -> None:
        self._log = (event.file.name, await event.file.read())
        # With one file allowed, the next log would be refused.
        self._upload.reset()
        self._again.enable()
        await self._audit()

    def _reject(self) -> None:
        larger = _("log must be at most {most:,} bytes; got a larger one. Use preheat audit on it.", most=MOST_BYTES)
        self._refuse(self._visit.tell(larger))

    async def _audit(self) -> None:
        if self._log is None:
            return
        self._place.clear()
        with self._place, ui.element("div").classes("ph-line"):
            ui.spinner()
            text("p", self._visit.tell(_("Reading and comparing; some logs take ten seconds."))).classes("ph-quiet")
        try:
            verdict = await run.io_bound(verdict_on, *self._log, self._asked())
        except PreheatError as error:
            self._refuse(self._visit.tell(as_page_says(error, NAMED)))
            return
        if verdict is not None:
            self._show(verdict)

    def _refuse(self, message: str) -> None:
        self._place.clear()
        with self._place:
            refusal_box(message)

    def _show(self, verdict: Verdict) -> None:
        visit = self._visit
        self._place.clear()
        with self._place:
            say(text("p").classes("ph-quiet"), joined(": ", [_("log"), verdict.log]), visit)
            for part in verdict.parts:
                with Section(visit.tell(part.title), "finding"):
                    say(text("p").classes("ph-verdict"), part.sentence, visit)
                    if part.cause:
                        say(text("p"), joined(": ", [_("Likely cause"), part.cause]), visit)
                    if part.figure is not None:
                        chart(told(part.figure, visit), visit.tell(TITLE), "chart-audit")
                    with ui.element("ul"):
                        for line in part.evidence:
                            say(text("li"), line, visit)
            button = ui.button(visit.tell(_("Download the report")), on_click=partial(self._download, verdict))
            button.props("flat dense").mark("report")
            for note in verdict.notes:
                say(text("p").classes("ph-quiet"), joined(": ", [_("note"), note]), visit)

    async def _download(self, verdict: Verdict) -> None:
        try:
            page = await run.io_bound(_report, verdict, self._visit.language)
        except PreheatError as error:  # what draws it may not be installed
            ui.notify(self._visit.tell(error))
            return
        if page is not None:
            ui.download.content(page, "audit.html", "text/html")


def _report(verdict: Verdict, language: str) -> str:
    with speaking(language):  # here: a thread does not know what its caller speaks
        return verdict.report()


def audit_page(visit: Visit) -> None:
    """The page at ``/audit``."""
    with framed(visit):
        text("h1", visit.tell(_("What a run's learning rate really did")))
        AuditPage(visit).build()
