"""What all pages have in common: colors, header, the ways to the other pages, language and theme."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.language import Language
from starlette.requests import Request

from preheat.errors import ConfigError
from preheat.messages import _, in_context
from preheat.messages.languages import LANGUAGES, known, tell
from preheat.view.figure import DARK, LIGHT, variables

PAGES = {"design": "/", "plan": "/plan", "runs": "/runs", "studies": "/studies", "audit": "/audit"}
NAMES = {
    "design": in_context("page", "Design"),
    "plan": in_context("page", "Plan"),
    "runs": in_context("page", "Runs"),
    "studies": in_context("page", "Studies"),
    "audit": in_context("page", "Audit"),
}
THEMES = {"light": in_context("theme", "Light"), "dark": in_context("theme", "Dark")}
# As browsers and NiceGUI call them: what a page says by itself (a list without matches, a lost connection) follows.
_LOCALES: dict[str, Language] = {"en": "en-US", "zh": "zh-CN"}
_STYLE = (Path(__file__).with_name("look.css")).read_text(encoding="utf-8")


@dataclass(slots=True)
class Visit:
    """One opened page.

    Attributes:
        page: a key of ``PAGES``.
        language: ``en`` or ``zh``: by the address, else by the browser.
        theme: ``light`` or ``dark`` by the address; empty: the browser's own.
        queries: what each page shows, as its own address has it; the other pages' travel along in this one's, so
            that whoever comes back to a design finds it as it was.
        base: scheme and host the page was asked from.
    """

    page: str
    language: str
    theme: str
    queries: dict[str, str]
    base: str
    _ways: list[tuple[ui.link, Callable[[], str]]] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What the address says of this page."""
        return parse_qsl(self.queries.get(self.page, ""), keep_blank_values=True)

    def tell(self, text: object) -> str:
        """A message in the language of the page; anything else as it is written."""
        return tell(text, self.language)

    def value(self, name: str) -> str:
        """What the address says of ``name``, or nothing."""
        return next((value for key, value in self.pairs if key == name), "")

    def link(
        self, page: str, query: str | None = None, *, language: str | None = None, theme: str | None = None
    ) -> str:
        """The address of a page in this language and theme, with what the other pages show.

        Args:
            page: a key of ``PAGES``.
            query: what it is to show; None: what it showed last.
            language: another one.
            theme: another one.
        """
        others = [
            (f"{other}.{key}", value)
            for other, shown in self.queries.items()
            if other != page
            for key, value in parse_qsl(shown, keep_blank_values=True)
        ]
        return self._address(page, self.queries.get(page, "") if query is None else query, others, language, theme)

    def shared(self) -> str:
        """The address of this page to be sent on: it says nothing of the others."""
        return self.base + self._address(self.page, self.queries.get(self.page, ""), [], None, None)

    def _address(
        self, page: str, query: str, others: list[tuple[str, str]], language: str | None, theme: str | None
    ) -> str:
        kept = {"lang": language or self.language, "theme": self.theme if theme is None else theme}
        own = urlencode({key: value for key, value in kept.items() if value})
        return f"{PAGES[page]}?{'&'.join(filter(None, (query, own, urlencode(others))))}"

    def way(self, words: str, target: Callable[[], str]) -> ui.link:
        """A link of the header, which follows what the page shows."""
        link = ui.link(words, target())
        self._ways.append((link, target))
        return link

    def move(self, query: str) -> None:
        """The page shows something else: its address says so, and all ways from it."""
        if query == self.queries.get(self.page):
            return
        self.queries[self.page] = query
        for link, target in self._ways:
            link.props["href"] = target()
            link.update()
        # Replaced, so that Back leaves the page.
        ui.navigate.history.replace(self.link(self.page))


def visit(page: str, request: Request) -> Visit:
    """What a request asks for."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    given = dict(pairs)
    theme = given.get("theme", "")
    shown: dict[str, list[tuple[str, str]]] = {}
    for key, value in pairs:
        other, dot, name = key.partition(".")
        if dot and other in PAGES:
            shown.setdefault(other, []).append((name, value))
        elif key not in ("lang", "theme"):
            shown.setdefault(page, []).append((key, value))
    queries = {name: urlencode(kept) for name, kept in shown.items()}
    language = language_of(request)
    return Visit(page, language, theme if theme in THEMES else "", queries, str(request.base_url).rstrip("/"))


def language_of(request: Request) -> str:
    """The language that the address names, if it is one of ours; else the browser's."""
    try:
        return known("lang", request.query_params.get("lang", ""))
    except ConfigError:
        return preferred(request.headers.get("accept-language", ""))


def preferred(accepted: str) -> str:
    """The language a browser asks for first among ours (its ``Accept-Language``), English where it names none.

    >>> preferred("fr, zh-CN;q=0.8, en;q=0.5"), preferred("")
    ('zh', 'en')
    """
    weights = []
    for part in accepted.split(","):
        name, _unused, quality = part.strip().partition(";q=")
        try:
            weights.append((-float(quality or 1), name[:2].lower()))
        except ValueError:
            continue
    return next((name for _unused, name in sorted(weights, key=lambda one: one[0]) if name in LANGUAGES), "en")


@contextmanager
def framed(here: Visit) -> Iterator[None]:
    """The frame of a page, whose content is built inside."""
    ui.page_title(f"{here.tell(NAMES[here.page])} · preheat studio")
    ui.add_css(f":root {{ {variables(LIGHT)} }} body.body--dark {{ {variables(DARK)} }}\n{_STYLE}")
    # NiceGUI has one language for all visits of a page; here each has its own.
    client = ui.context.client
    client.page = copy.copy(client.page)
    client.page.language = _LOCALES[here.language]
    ui.colors(primary="var(--c2)")
    ui.dark_mode({"light": False, "dark": True}.get(here.theme))
    with ui.element("header").classes("ph-header"):
        ui.link(here.tell(_("Skip to content")), "#content").classes("ph-skip")
        ui.label("preheat studio").classes("ph-brand")
        with ui.element("nav") as sections:
            sections.props["aria-label"] = here.tell(_("Sections"))
            for page, name in NAMES.items():
                link = here.way(here.tell(name), partial(here.link, page)).mark(f"to-{page}")
                if page == here.page:
                    link.props('aria-current="page"')
        with ui.element("div").classes("ph-settings"):
            for theme, shade in THEMES.items():
                here.way(here.tell(shade), partial(here.link, here.page, theme=theme))
            for language, own_name in LANGUAGES.items():
                if language != here.language:
                    way = here.way(own_name, partial(here.link, here.page, language=language))
                    way.props(f'lang="{language}"').mark(f"language-{language}")
    with ui.element("main").classes("ph-main").props('id="content" tabindex="-1"'):
        yield


# --- Pieces of pages ------------------------------------------------------------------------------------------------


class Text(TextElement):
    """An element of any tag with text in it."""

    def __init__(self, tag: str, text: str) -> None:
        super().__init__(tag=tag, text=text)


def text(tag: str, words: object = "") -> Text:
    """An element with text in it; the text is never taken as HTML."""
    return Text(tag, str(words))


def say(element: Text, sentences: object, here: Visit) -> Text:
    """Put into an element what somebody says, in the page's language.

    What no translation is there for stays English, and is marked as such for those who listen.
    """
    told = here.tell(sentences)
    element.text = told
    english = here.language != "en" and told == str(sentences)
    return element.props('lang="en"') if english else element.props(remove="lang")


class Section(ui.element):
    """A part of a page with its heading, to be filled by ``with``.

    Args:
        title: its heading.
        name: its style, after ``ph-``.
    """

    def __init__(self, title: str, name: str) -> None:
        super().__init__("section")
        self.classes(f"ph-section ph-{name}")
        self.props["aria-label"] = title  # not as text of props: it may have any signs, from a log say
        with self:
            self.heading = text("h2", title)


def refusal_box(message: str = "") -> Text:
    """A refusal, where people look for what they asked for."""
    return text("p", message).classes("ph-refusal").props('role="alert"')


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
