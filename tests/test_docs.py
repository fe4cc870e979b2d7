"""Every example in the Markdown pages runs: Python blocks, and the ``$ preheat`` lines of console blocks."""

import re
import shlex
import tempfile
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import preheat
from support.warm_process import WarmProcess

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WRITTEN = [page for page in sorted(DOCS.rglob("*.md")) if not {"_build", "_generated"} & set(page.parts)]
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *WRITTEN]
# Nothing on them can be run in seconds: what was measured with which command, and how the code is laid out.
WITHOUT = {"architecture.md", "versioning.md", "warmup.md", "warmup-advice.md", "forecast.md"}
CHINESE = [page for page in PAGES if page.name.endswith(".zh.md")]
# Word for word, or another word for what has one already; see the glossary of any Chinese paper on learning rates.
UNWANTED = {
    "审计": "核查",
    "方言": "各框架的写法",
    "(?<!仅限)研究": "对比实验",
    "余弦下降|余弦衰减": "余弦退火",
    "末尾降温|降温": "冷却阶段",
    "(?:学习率|余弦|线性|预热)计划": "学习率调度",
    "学习率(?:日程|时间表|排程)": "学习率调度",
    "热身|暖身|升温": "预热",
    "批次大小|批尺寸": "批大小",
    "(?<!置信)区间": "置信区间",
    "检查站|存档点": "检查点",
    "数清|被杀|处理器核上": "计算, 被终止, 双核 CPU",
}


CONSOLE = []  # the process that runs the commands, while there is one


@pytest.fixture(autouse=True, scope="module")
def warm():
    """The process that runs the commands in forks of itself."""
    process = WarmProcess(
        "preheat.cli.main", "preheat.lab.training.session", "preheat.lab.studies", "matplotlib.pyplot"
    )
    CONSOLE.append(process)
    yield
    CONSOLE.remove(process)
    process.close()


def run_console(example):
    """Each ``$ preheat ...`` has to succeed; output shown under a command has to be its own."""
    for command in example.parsed.split("$ ")[1:]:
        line, _, shown = command.partition("\n")
        program, *words = shlex.split(line)
        assert program == "preheat", f"only preheat commands are run: {line}"
        with tempfile.TemporaryDirectory() as folder:
            output, errors = Path(folder) / "output", Path(folder) / "errors"
            code = CONSOLE[0].run(program, words, folder=Path.cwd(), output=output, errors=errors)
            assert code == 0, errors.read_text(encoding="utf-8")
            if shown.strip():
                assert output.read_text(encoding="utf-8").rstrip() == shown.rstrip()


SYBIL = Sybil(parsers=[PythonCodeBlockParser(), CodeBlockParser(language="console", evaluator=run_console)])


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_examples_of_a_page_run(page, tmp_path, monkeypatch):
    """In order, in one namespace, from an empty folder."""
    monkeypatch.chdir(tmp_path)
    examples = list(SYBIL.parse(page).examples())
    for example in examples:
        example.evaluate()
    assert examples or page.name in WITHOUT


def english(page):
    """The page that a Chinese one follows."""
    return page.with_name(page.name.replace(".zh.md", ".md"))


def blocks(page):
    """Code on a page, without comments, which are in the page's language, and without the site's own directives."""
    found = page.read_text(encoding="utf-8").split("```")[1::2]
    return [[line.split("#")[0].rstrip() for line in one.splitlines()] for one in found if not one.startswith("{")]


def links(page):
    """What a page links to, without the names of headings there; other hosts are left out."""
    found = re.findall(r"(?<!!)\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in found if not re.match(r"\w+:", target)}


@pytest.mark.parametrize("page", CHINESE, ids=[str(page.relative_to(ROOT)) for page in CHINESE])
def test_translations_hold_the_same_examples(page):
    """A Chinese page follows the English one: same commands, same code but for its comments, in the same order.

    The README in Chinese leads its readers in, with blocks of its own; all of the English one follow.
    """
    theirs = iter(blocks(page))
    if page == ROOT / "README.zh.md":
        assert [one for one in blocks(english(page)) if one not in theirs] == []
    else:
        assert [*theirs] == blocks(english(page))


@pytest.mark.parametrize("page", CHINESE, ids=[str(page.relative_to(ROOT)) for page in CHINESE])
def test_a_chinese_page_and_the_english_one_lead_to_each_other(page):
    """From there on a reader stays in Chinese, wherever there is a page."""
    assert page in links(english(page))
    assert english(page) in links(page)
    chinese = {english(other) for other in CHINESE} - {english(page)}
    assert links(page) & chinese == set()
    assert all(target.exists() for target in links(page))


@pytest.mark.parametrize("page", CHINESE, ids=[str(page.relative_to(ROOT)) for page in CHINESE])
def test_chinese_pages_use_the_words_of_the_literature(page):
    """One word for one thing, and full-width punctuation between ideographs."""
    text = page.read_text(encoding="utf-8")
    found = {word: right for pattern, right in UNWANTED.items() for word in re.findall(pattern, text)}
    assert found == {}
    assert re.findall("[\u4e00-\u9fff][,;:!?(][^\n]{,20}", text) == []
    # A code host shows a line's end as a blank, which nobody sees beside punctuation, and everybody between ideographs.
    assert re.findall("[\u4e00-\u9fff]\n *[\u4e00-\u9fff].*", text) == []
    for number, line in enumerate(text.splitlines(), 1):
        assert not re.search("[\u4e00-\u9fff] [\u4e00-\u9fff]", line), f"{page.name}:{number}: a blank inside Chinese"


def test_every_page_that_is_read_first_is_there_in_chinese():
    """The way in, the two guides, and every framework one may come from."""
    wanted = {ROOT / "README.md", *(DOCS / name for name in ("index.md", "tutorial.md", "choosing.md"))}
    wanted |= {page for page in (DOCS / "coming-from").glob("*.md") if not page.name.endswith(".zh.md")}
    assert wanted - {english(page) for page in CHINESE} == set()


def test_architecture_names_every_module_and_no_other():
    """One finds every file of the source in its table; dialects and pages, one like the other, are told together."""
    rooms = Path(preheat.__file__).parent
    told = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = told[told.index("## The rooms") : told.index("## Where do I change")]
    named = set(re.findall(r"`([a-z][a-z_]*)/?`", table))
    together = {path for folder in ("dialects", "studio/pages") for path in (rooms / folder).glob("*.py")}
    modules = {path for path in rooms.rglob("*.py") if not path.name.startswith("_") and path.parent.name != "attach"}
    shared = {"fields", "definition", "phases", "loading", "writing"}
    missing = {path.stem for path in modules - together} | shared
    assert missing - named == set()
    folders = {path.name for path in rooms.rglob("*") if path.is_dir()}
    assert named - {path.stem for path in modules} - folders - {"plot"} == set()
