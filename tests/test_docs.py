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
TRANSLATED = [ROOT / "README.md", *(page.with_suffix("").with_suffix(".md") for page in DOCS.glob("*.zh.md"))]


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


@pytest.mark.parametrize("page", TRANSLATED, ids=[page.name for page in TRANSLATED])
def test_translations_hold_the_same_examples(page):
    """A Chinese page follows the English one: same commands, same code but for its comments."""

    def code(page):
        text = page.read_text(encoding="utf-8")
        blocks = [block.partition("\n")[2] for block in text.split("```")[1::2]]
        return [[line.split("#")[0].rstrip() for line in block.splitlines()] for block in blocks]

    assert code(page) == code(page.with_suffix(".zh.md"))


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
