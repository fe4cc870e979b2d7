"""The documentation site: built with every warning an error, and complete."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest

import preheat
from support.pages import CHROMIUM, opened

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site, from a copy of the sources: what is generated does not appear in the checkout."""
    place = tmp_path_factory.mktemp("docs")
    shutil.copytree(DOCS, place / "docs", ignore=shutil.ignore_patterns("_build", "_generated"))
    strict = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    command = [sys.executable, "-m", "sphinx", *strict, str(place / "docs"), str(place / "html")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return place / "html"


@pytest.fixture(scope="module")
def inventory(site):
    """Names in the site's inventory, by their kind: what other projects can link to."""
    head, _, body = (site / "objects.inv").read_bytes().partition(b"zlib.\n")
    assert head.startswith(b"# Sphinx inventory version 2")
    found = {}
    for line in zlib.decompress(body).decode().splitlines():
        name, kind = re.match(r"(.+?) (\S+:\S+) ", line).groups()
        found.setdefault(kind, set()).add(name)
    return found


def extension(name):
    """One of the site's own extensions, as a module."""
    sys.path.insert(0, str(DOCS / "_extensions"))
    try:
        spec = importlib.util.spec_from_file_location(name, DOCS / "_extensions" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DOCS / "_extensions"))
    return module


def test_every_public_name_is_in_the_inventory(inventory):
    """Names of preheat, and those of its public modules, as people import them."""
    names = extension("names")
    wanted = {f"preheat.{name}" for name in preheat._HOMES}
    wanted |= {f"preheat.{module}.{name}" for module in names.modules() for name in names.public(module)}
    kinds = ("py:function", "py:class", "py:exception", "py:data")
    assert wanted - set().union(*(inventory[kind] for kind in kinds)) == set()


def test_the_names_of_a_module_are_the_frozen_ones():
    """What is read off the sources is what tests/surface.json holds: nothing public is overlooked."""
    names = extension("names")
    frozen = json.loads((ROOT / "tests" / "surface.json").read_text(encoding="utf-8"))["names"]
    modules = set(names.modules()) - {"dialects"}  # whose frozen names are all it imports
    found = {f"{module}.{name}" for module in modules for name in names.public(module)}
    assert {name for name in frozen if name.rpartition(".")[0] in modules} - found == set()


def test_every_command_and_flag_is_in_the_inventory(inventory):
    """Each with the program it belongs to."""
    commands = extension("commands")
    for words, function in commands.commands().items():
        for one in function.params:
            if one.param_type_name == "option" and not one.hidden:
                assert f"preheat-{words.replace(' ', '-')}.{one.opts[0]}" in inventory["std:cmdoption"]


def test_every_command_has_a_page(site):
    """Also those without a flag."""
    frozen = json.loads((ROOT / "tests" / "surface.json").read_text(encoding="utf-8"))["commands"]
    pages = {page.stem for page in (site / "_generated" / "commands").glob("*.html")}
    assert {words.replace(" ", "-") for words in frozen} - pages == set()


def test_every_named_schedule_has_a_page_with_a_drawing(site, inventory):
    """All names that get_schedule knows, the article's under transformers'."""
    from preheat.schedule.named import schedule_name

    for name in preheat.SCHEDULE_NAMES:
        own = schedule_name(name)
        page = (site / "_generated" / "shapes" / f"{own}.html").read_text(encoding="utf-8")
        assert "<polyline" in page, name
        assert name in page
        assert f"shape-{own}" in inventory["std:label"]


def test_shapes_name_what_other_libraries_call_them():
    """A name that reads as the same curves stands on the page; one that differs in its climb does not."""
    others = extension("others")

    def called(name, **options):
        return {(row[0].strip("`"), row[1].strip("`")) for row in others.rows(preheat.get_schedule(name, **options))}

    assert ("timm", "wsd") in called("wsd", warmup=10, total=100, decay="20%")
    assert ("optax", "warmup_cosine_decay_schedule") in called("cosine", warmup=10, total=100)
    assert ("torch", "OneCycleLR") not in called("cosine", warmup=10, total=100)
    assert ("torch", "OneCycleLR") in called("one_cycle", total=100)
    assert called("max_cosine_inverse_sqrt", warmup=10, total=100) == set()


def test_pages_ask_for_nothing_outside_themselves(site):
    """No script, style, font or picture comes from another host; links may lead there."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"', text)
        assert loaded == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style


def chinese(site):
    """The Chinese pages of the site."""
    found = sorted(site.rglob("*.zh.html"))
    assert {"index.zh.html", "tutorial.zh.html", "timm.zh.html"} <= {page.name for page in found}
    return found


def test_lines_of_chinese_are_joined_without_a_blank(site):
    """Where a source line ends between ideographs or beside full-width punctuation there is nothing in the page."""
    for page in chinese(site):
        text = page.read_text(encoding="utf-8")
        assert "学习率" in text or "峰值" in text
        assert re.findall("[\u4e00-\u9fff]\n[\u4e00-\u9fff]|[，。；：、？！）]\n[^<\\s]", text) == [], page


def test_pages_say_in_which_language_they_are(site):
    """Also where the same stands in the other one; the frame around a page speaks its language."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        here = "zh-CN" if page.name.endswith(".zh.html") else "en"
        assert f'lang="{here}"' in text.partition("<head>")[0], page
    for page in chinese(site):
        text = page.read_text(encoding="utf-8")
        twin = page.name.replace(".zh.html", ".html")
        assert f'<link rel="alternate" hreflang="en" href="{twin}">' in text
        assert 'hreflang="zh-CN"' in page.with_name(twin).read_text(encoding="utf-8")
        assert re.findall(r'<p class="caption"[^>]*><span class="caption-text">([^<]*)', text)[0] == "中文"
        for word in ("On this page", "Skip to content", "Back to top", ">Next<", ">Previous<", 'placeholder="Search"'):
            assert word not in text, page


def test_chinese_is_in_the_index_of_the_search(site):
    """By ideographs and their pairs: 余弦退火 is found on the page that recommends it."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))

    def pages(word):
        found = {**index["terms"], **index["titleterms"]}.get(word, [])
        return {index["docnames"][number] for number in (found if isinstance(found, list) else [found])}

    assert {"tutorial.zh", "choosing.zh"} & pages("余弦")
    assert pages("余弦") & pages("弦退") & pages("退火") >= {"choosing.zh"}
    assert "studio" in pages("browser") | pages("page")  # English as before


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the search answer")
@pytest.mark.parametrize("words", ["余弦", "余弦退火", "梯度累积", "学习率调度", "冷却阶段", "步"])
def test_the_search_finds_chinese(site, words):
    """What a reader types into the field, in a browser: every page found has it, and one is found."""
    with opened(site / "search.html") as seen:
        seen.page.goto(f"{(site / 'search.html').as_uri()}?q={quote(words)}")
        seen.page.locator(".search-summary", has_text="finished").wait_for()
        found = seen.page.locator("#search-results li a").evaluate_all(
            "all => all.map(one => one.getAttribute('href'))"
        )
    pages = {target.partition("?")[0].partition("#")[0] for target in found}
    assert any(page.endswith(".zh.html") for page in pages)
    for page in pages:
        assert words in re.sub(r"\s|<[^>]*>", "", (site / page).read_text(encoding="utf-8")), page


def test_links_of_the_sources_lead_to_files():
    """Relative links of Markdown pages name files that are there, so that they work on a code host as well."""
    for page in [*ROOT.glob("*.md"), *(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not re.match(r"\w+:", target):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
