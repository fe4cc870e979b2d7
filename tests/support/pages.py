"""A report read as a browser would: its elements, ids, references and words."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
AXE = Path(__file__).parents[2] / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements in order with their attributes, text by element, and whether tags are closed in order.

    ``scripts`` has the kind of each script and what stands in it, ``source`` the page without the one that draws.
    """

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.words = []
        self.scripts = []
        self._open = []
        self.source = re.sub(r'(<script type="module">).*?(</script>)', r"\1\2", text, flags=re.DOTALL)
        self.feed(text)
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "script":
            self.scripts.append((self.elements[-1][1].get("type"), data))
        if self._open and self._open[-1] not in ("style", "script") and data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self):
        return " ".join(self.words)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def charts(self):
        """The options of the charts to look into, in order."""
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]

    @property
    def drawings(self):
        """The drawings, which have ids; charts to look into have none."""
        return [attributes for attributes in self.all("svg") if "id" in attributes]

    @property
    def policy(self):
        """The page's own content policy."""
        (policy,) = [
            meta["content"] for meta in self.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"
        ]
        return policy

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    def references(self):
        """Ids pointed to: by aria attributes, links within the page, and drawings."""
        for _, attributes in self.elements:
            for name in ("aria-labelledby", "aria-describedby"):
                yield from (attributes.get(name) or "").split()
            for name in ("href", "xlink:href"):
                if name in attributes:
                    assert attributes[name].startswith("#"), attributes[name]
                    yield attributes[name][1:]
        yield from re.findall(r"url\(#([^)]*)\)", self.source)


def browse(page, profile):
    """What Chromium makes of a page, and what it says on its console; it can reach no host."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]
    flags += ["--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}"]
    done = subprocess.run([CHROMIUM, *flags, page.as_uri()], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def unreadable(page):
    """What axe-core finds to be serious or critical in a page of the driver's; skipped where it is not installed."""
    if not AXE.is_file():
        pytest.skip("NO axe-core: npm install --prefix .venv/axe axe-core")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return [
        (one["id"], [(node["html"][:200], node["failureSummary"][:300]) for node in one["nodes"][:5]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def without_library():
    """A context in which nicegui is not installed, so that reports have drawings only."""
    patch = pytest.MonkeyPatch()
    patch.setattr("preheat.view.echarts._folder", lambda: None)
    return closing(SimpleNamespace(close=patch.undo))


def refuse_other_scripts(page):
    """A page has data and the one script its policy names, or no script; nothing else in it runs or loads."""
    kinds = [kind for kind, _ in page.scripts]
    assert len(kinds) == len(page.all("script"))
    drawing = [text for kind, text in page.scripts if kind == "module"]
    expected = "default-src 'none'; style-src 'unsafe-inline'"
    if kinds:
        assert set(kinds) == {"application/json", "module"}
        (text,) = drawing
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        expected += f"; script-src 'sha256-{digest}'"
        assert not re.search(r"\bimport\b\s*[({'\"*]|sourceMappingURL", text)
    assert page.policy == expected
    assert not {"link", "img", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")} | ({"src", "srcset"} & names)
    assert not re.search(r"@import|url\((?!#)|https?:|//[a-z]", page.source)


@dataclass
class Opened:
    """A page in Chromium: the driver's own, the addresses it asked for, what it said on its console or in dialogs."""

    page: object
    asked: list = field(default_factory=list)
    said: list = field(default_factory=list)

    def chart(self, name):
        """The figure of a chart, in sight."""
        figure = self.page.locator(f"figure[aria-labelledby='{name}-title']")
        figure.scroll_into_view_if_needed()
        return figure

    def hint(self, name, place):
        """What a chart says where the mouse rests on it: at a place of its axis."""
        figure = self.chart(name)
        box = figure.locator(".chart").bounding_box()
        left, right = 64, 20  # what the chart leaves beside its axes
        reach = json.loads(figure.locator("script").text_content())["xAxis"]["max"]
        x = box["x"] + left + (box["width"] - left - right) * place / reach
        self.page.mouse.move(x - 3, box["y"] + box["height"] / 2)
        self.page.mouse.move(x, box["y"] + box["height"] / 2)
        said = figure.locator(".hint")
        said.wait_for(state="visible")
        return " ".join(said.locator("xpath=..").inner_text().split())

    def scrolled_to(self, height):
        """Whether the page comes to stand there within five seconds."""
        for _ in range(100):
            if self.page.evaluate("scrollY") == height:
                return True
            self.page.wait_for_timeout(50)
        return False

    def shown(self, name):
        """Which of a chart's two forms is in sight: (to look into, drawing)."""
        figure = self.chart(name)
        chart = figure.locator(".chart")
        return bool(chart.count()) and chart.is_visible(), figure.locator("> svg").is_visible()


@contextmanager
def opened(path, **how):
    """A page opened in Chromium, which can reach no host; ``how`` is the context's: size, colors, scripts or none."""
    from playwright.sync_api import sync_playwright

    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            page = browser.new_page(**how)
            seen = Opened(page)
            page.on("request", lambda request: seen.asked.append(request.url))
            page.on("console", lambda message: seen.said.append(message.text))
            page.on("pageerror", lambda error: seen.said.append(str(error)))
            page.on("dialog", lambda dialog: (seen.said.append(dialog.message), dialog.dismiss()))
            page.goto(Path(path).as_uri())
            yield seen
        finally:
            browser.close()
