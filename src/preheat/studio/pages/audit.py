"""The audit page: a log is dropped, the verdict is read.

The log is written to a file of its own for the time it takes to read it, held against a plan or recognized, and shown
with the report's figures; the report itself can be downloaded.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from nicegui import run, ui

from preheat.auditing import recognise_log
from preheat.auditing.audits import audit
from preheat.auditing.logs import Log, read_log
from preheat.auditing.report import audit_figure, audit_html, logged_figure, recognized_figure, recognized_page
from preheat.errors import ConfigError, PreheatError, refusal
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.named import get_schedule, usual_warmup
from preheat.studio.charts import chart, told
from preheat.studio.chinese import AUDITS
from preheat.studio.design import MOST_UPDATES, in_words, parse_foreign
from preheat.studio.frame import Section, Visit, framed, refusal_box, say, text
from preheat.studio.words import Words
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

    def title(self, words: Words) -> str:
        """The verdict in two words, and the group."""
        key = "audit.looks" if self.equal is None else "audit.equal" if self.equal else "audit.other"
        return f"{words[key]} ({self.group})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a log.

    Attributes:
        log: its name, kind, and how many rates it has.
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
        except ValueError as error:  # the reader names the file by the place it has here
            raise type(error)(str(error).replace(str(path), _plain(name))) from None


def _plain(name: str) -> str:
    """The last part of a file's name, in letters that mean nothing to a file system."""
    # The end is kept, where the suffix is that says what kind of log it is.
    return re.sub(r"[^\w.-]", "_", re.split(r"[/\\]", name)[-1]).lstrip(".")[-120:] or "log"


def _verdict(path: Path, asked: Asked) -> Verdict:
    log = read_log(path, asked.column.strip() or None)
    rates = sum(len(series) for series in log.series)
    head = f"{path.name} ({log.kind}), {rates:,} learning rates"
    # The report is not to name a folder that is gone by then.
    log = replace(log, path=Path(path.name))
    parts, report = _held(log, asked) if asked.against.strip() else _recognized(log)
    return Verdict(head, parts, log.notes, report)


def _held(log: Log, asked: Asked) -> tuple[list[Part], Callable[[], str]]:
    updates = _number("updates", asked.updates, int)
    lr = _number("lr", asked.lr, float)
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
            parts.append(Part(series.name, None, "too few rates above zero to say", "", (), figure))
            continue
        agrees = "every logged rate agrees" if one.exact else "nearest known shape"
        evidence = (f"peak {one.base_lr:g}, {agrees}", *one.notes)
        figure = recognized_figure(series, one, log.first or 0)
        parts.append(Part(series.name, None, str(one.schedule), "", evidence, figure))
    return parts, lambda: recognized_page(log, known)


def _number(name: str, text: str, kind: Any) -> Any:
    word = text.strip().replace(",", "")
    if not word:
        return None
    try:
        value = kind(word)
    except ValueError:
        raise ConfigError(refusal(name, _("a number"), word[:80], _("Correct it."))) from None
    if name == "updates" and not 1 <= value <= MOST_UPDATES:
        raise ConfigError(refusal(name, _("1 to {MOST_UPDATES}", MOST_UPDATES=MOST_UPDATES), value, _("Correct it.")))
    return value


# --- The page --------------------------------------------------------------------------------------------------------


# A million updates at 200 bytes a line; longer logs are for the command line.
MOST_BYTES = 200_000_000  # of a log
_HEADER = '<label class="ph-pick">{label} <q-uploader-add-trigger></q-uploader-add-trigger></label>'


class AuditPage:
    """The log that was dropped last, held against what the fields say."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._log: tuple[str, bytes] | None = None

    def build(self) -> None:
        """Make the page."""
        words, known = self._visit.words, dict(self._visit.pairs)
        self._against = ui.input(words["audit.against"], value=known.get("against", "")).classes("w-full")
        with ui.element("div").classes("ph-fields"):
            self._fields = {
                name: ui.input(words[key], value=known.get(name, "")).props("dense").mark(name)
                for name, key in (
                    ("updates", "updates"), ("warmup", "warmup"), ("lr", "peak"), ("column", "audit.column")
                )
            }  # fmt: skip
        self._against.props("dense").mark("against")
        upload = ui.upload(
            auto_upload=True, max_files=1, max_file_size=MOST_BYTES,
            on_upload=self._take, on_rejected=self._reject,
        ).classes("w-full").mark("log")  # fmt: skip
        upload.props("flat bordered")
        # Quasar's own header is a button without a name, its field one that no key reaches.
        upload.add_slot("header", _HEADER.format(label=words["audit.drop"]))
        upload.add_slot("list", "<div></div>")
        ui.run_javascript("document.querySelector('.q-uploader__input').tabIndex = 0")
        self._upload = upload
        self._again = ui.button(words["audit.again"], on_click=self._audit).props("outline").mark("again")
        self._again.disable()
        self._place = ui.element("div").mark("verdict").props('aria-live="polite"')

    async def _take(self, event: UploadEventArguments) -> None:
        self._log = (event.file.name, await event.file.read())
        # With one file allowed, the next log would be refused.
        self._upload.reset()
        self._again.enable()
        await self._audit()

    def _reject(self) -> None:
        self._refuse(f"log must be at most {MOST_BYTES:,} bytes; got a larger one. Use preheat audit on it.")

    async def _audit(self) -> None:
        if self._log is None:
            return
        asked = Asked(self._against.value or "", **{name: field.value or "" for name, field in self._fields.items()})
        self._place.clear()
        with self._place, ui.element("div").classes("ph-line"):
            ui.spinner()
            text("p", self._visit.words["audit.working"]).classes("ph-quiet")
        try:
            verdict = await run.io_bound(verdict_on, *self._log, asked)
        except PreheatError as error:
            self._refuse(str(error))
            return
        if verdict is not None:
            self._show(verdict)

    def _refuse(self, message: str) -> None:
        self._place.clear()
        with self._place:
            refusal_box(message)

    def _show(self, verdict: Verdict) -> None:
        words = self._visit.words
        self._place.clear()
        with self._place:
            with text("p", f"{words['audit.log']}{words['colon']}").classes("ph-quiet"):
                say(text("span"), verdict.log, words, AUDITS)
            for part in verdict.parts:
                with Section(part.title(words), "finding"):
                    say(text("p").classes("ph-verdict"), part.sentence, words, AUDITS)
                    if part.cause:
                        with text("p", f"{words['audit.cause']}{words['colon']}"):
                            say(text("span"), part.cause, words, AUDITS)
                    if part.figure is not None:
                        chart(told(part.figure, self._visit.language), words["chart"], "chart-audit")
                    with ui.element("ul"):
                        for line in part.evidence:
                            say(text("li"), line, words, AUDITS)
            ui.button(words["audit.report"], on_click=partial(self._download, verdict)).props("flat dense").mark(
                "report"
            )
            for note in verdict.notes:
                with text("p", f"{words['note']}{words['colon']}").classes("ph-quiet"):
                    say(text("span"), note, words, AUDITS)

    async def _download(self, verdict: Verdict) -> None:
        try:
            page = await run.io_bound(verdict.report)
        except PreheatError as error:  # what draws it may not be installed
            ui.notify(str(error))
            return
        if page is not None:
            ui.download.content(page, "audit.html", "text/html")


def audit_page(visit: Visit) -> None:
    """The page at ``/audit``."""
    with framed(visit, urlencode(visit.pairs)):
        text("h1", visit.words["audit.title"])
        AuditPage(visit).build()
