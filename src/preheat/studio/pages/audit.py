"""The audit page: a log is dropped, the verdict is read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.studio.auditing import Asked, Verdict, verdict_on
from preheat.studio.charts import chart
from preheat.studio.chinese import AUDITS
from preheat.studio.frame import Section, Visit, framed, refusal_box, say, text

if TYPE_CHECKING:
    from nicegui.events import UploadEventArguments

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
            found = await run.io_bound(verdict_on, *self._log, asked)
        except PreheatError as error:
            self._refuse(str(error))
            return
        if found is not None:
            self._show(found)

    def _refuse(self, message: str) -> None:
        self._place.clear()
        with self._place:
            refusal_box(message)

    def _show(self, found: Verdict) -> None:
        words = self._visit.words
        self._place.clear()
        with self._place:
            with text("p", f"{words['audit.log']}{words['colon']}").classes("ph-quiet"):
                say(text("span"), found.log, words, AUDITS)
            for part in found.parts:
                with Section(part.title(words), "finding"):
                    say(text("p").classes("ph-verdict"), part.sentence, words, AUDITS)
                    if part.cause:
                        with text("p", f"{words['audit.cause']}{words['colon']}"):
                            say(text("span"), part.cause, words, AUDITS)
                    options = part.chart(words)
                    if options is not None:
                        chart(options, words["chart"], "chart-audit")
                    with ui.element("ul"):
                        for line in part.evidence:
                            say(text("li"), line, words, AUDITS)
            ui.button(words["audit.report"], on_click=partial(self._download, found)).props("flat dense").mark("report")
            for note in found.notes:
                with text("p", f"{words['note']}{words['colon']}").classes("ph-quiet"):
                    say(text("span"), note, words, AUDITS)

    async def _download(self, found: Verdict) -> None:
        try:
            page = await run.io_bound(found.report)
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
