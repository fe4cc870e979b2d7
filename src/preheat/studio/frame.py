"""What all pages have in common: colors, header, the ways to the other pages, language and theme."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from starlette.requests import Request

from preheat.studio.chinese import Sayings
from preheat.studio.words import LANGUAGES, Words, preferred
from preheat.view.figure import DARK, LIGHT, variables

PAGES = {"design": "/", "plan": "/plan", "runs": "/runs", "studies": "/studies", "audit": "/audit"}
THEMES = ("light", "dark")
_STYLE = (Path(__file__).with_name("look.css")).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Visit:
    """One opened page.

    Attributes:
        page: a key of ``PAGES``.
        language: ``en`` or ``zh``: by the address, else by the browser.
        theme: ``light`` or ``dark`` by the address; empty: the browser's own.
        pairs: the rest of the address.
        base: scheme and host the page was asked from.
    """

    page: str
    language: str
    theme: str
    pairs: tuple[tuple[str, str], ...]
    base: str

    @property
    def words(self) -> Words:
        """The words of its language."""
        return Words(self.language)

    def value(self, name: str) -> str:
        """What the address says of ``name``, or nothing."""
        return next((value for key, value in self.pairs if key == name), "")

    def link(self, page: str, query: str = "", *, language: str | None = None, theme: str | None = None) -> str:
        """The address of a page in this language and theme.

        Args:
            page: a key of ``PAGES``, or a path.
            query: of that page.
            language: another one.
            theme: another one.
        """
        kept = {"lang": language or self.language, "theme": self.theme if theme is None else theme}
        query = "&".join(filter(None, (query, urlencode({key: value for key, value in kept.items() if value}))))
        return f"{PAGES.get(page, page)}?{query}"


def visit(page: str, request: Request) -> Visit:
    """What a request asks for."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    given = dict(pairs)
    language = given.get("lang", "")
    if language not in LANGUAGES:
        language = preferred(request.headers.get("accept-language", ""))
    theme = given.get("theme", "")
    rest = tuple(pair for pair in pairs if pair[0] not in ("lang", "theme"))
    return Visit(page, language, theme if theme in THEMES else "", rest, str(request.base_url).rstrip("/"))


@contextmanager
def framed(here: Visit, query: str = "") -> Iterator[None]:
    """The frame of a page, whose content is built inside.

    Args:
        here: the page.
        query: its address as it was opened, kept by the ways to another language or theme.
    """
    words = here.words
    ui.page_title(f"{words[here.page]} · preheat studio")
    ui.add_css(f":root {{ {variables(LIGHT)} }} body.body--dark {{ {variables(DARK)} }}\n{_STYLE}")
    # NiceGUI has one language for all its pages; here each visit has its own.
    ui.add_head_html(f"<script>document.documentElement.lang = '{here.language}'</script>")
    ui.colors(primary="var(--c2)")
    ui.dark_mode({"light": False, "dark": True}.get(here.theme))
    with ui.element("header").classes("ph-header"):
        ui.link(words["skip"], "#content").classes("ph-skip")
        ui.label("preheat studio").classes("ph-brand")
        with ui.element("nav").props(f'aria-label="{words["sections"]}"'):
            for page in PAGES:
                link = ui.link(words[page], here.link(page)).mark(f"to-{page}")
                if page == here.page:
                    link.props('aria-current="page"')
        with ui.element("div").classes("ph-settings"):
            for theme in THEMES:
                ui.link(words[f"theme.{theme}"], here.link(here.page, query, theme=theme))
            for language, name in LANGUAGES.items():
                if language != here.language:
                    ui.link(name, here.link(here.page, query, language=language)).props(f'lang="{language}"')
    with ui.element("main").classes("ph-main").props('id="content" tabindex="-1"'):
        yield


class Text(TextElement):
    """An element of any tag with text in it."""

    def __init__(self, tag: str, text: str) -> None:
        super().__init__(tag=tag, text=text)


def text(tag: str, words: object = "") -> Text:
    """An element with text in it; the text is never taken as HTML."""
    return Text(tag, str(words))


def say(element: Text, sentences: str, words: Words, by: Sayings) -> Text:
    """Put into an element what a floor below says, one sentence a line, in the page's language.

    What has no form in it stays English, and is marked as such for those who listen.
    """
    lines = sentences.split("\n")
    told = [by.told(line, words.language) for line in lines]
    element.text = "\n".join(told)
    return element.props('lang="en"') if told == lines else element.props(remove="lang")


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


def refusal_box(message: str) -> Text:
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
