"""A dialect is in every place it belongs to: each test names the file that was forgotten."""

import runpy
from pathlib import Path

import pytest

from preheat import dialects
from preheat.dialects import DIALECTS, dialect

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "dialects.md"
# What the dialects are made of; everything else in their folder is one.
PARTS = {"__init__", "definition", "fields", "loading", "phases", "writing"}


def test_every_dialect_is_registered():
    """A file of the folder that ``DIALECTS`` does not have is found by nobody."""
    files = {path.stem for path in Path(dialects.__file__).parent.glob("*.py")} - PARTS
    registered = {name.replace("-", "_") for name in DIALECTS}
    assert files - registered == set(), "add it to DIALECTS in src/preheat/dialects/__init__.py"
    assert registered - files == set(), "it has no file in src/preheat/dialects"


@pytest.mark.parametrize("name", DIALECTS)
def test_every_name_is_tested(name):
    """In the dialect's own file (the three that are transformers' with other words share one): every name it knows."""
    own = HERE / f"test_{name.replace('-', '_')}.py"
    path = HERE / "test_trainers.py" if name in ("llama-factory", "sentence-transformers", "diffusers") else own
    assert path.exists(), f"write {own.relative_to(ROOT)}"
    text = path.read_text(encoding="utf-8")
    untested = [one.name for one in dialect(name).examples if " " not in one.name and one.name not in text]
    assert untested == [], f"test their values in {path.relative_to(ROOT)}"


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_says_what_it_is(name):
    """Its name, where its words are from, its step convention, and examples of them."""
    one = dialect(name)
    assert one.name == name
    assert one.title
    assert one.source
    assert one.convention
    assert one.examples, f"give {name} examples: tests, docs and tables are made of them"


def test_the_page_has_the_table_of_the_code():
    """The overview in the docs; the page of all names is made at every build."""
    tables = runpy.run_path(str(ROOT / "docs" / "_extensions" / "dialect_tables.py"), run_name="tables")
    page = PAGE.read_text(encoding="utf-8")
    assert tables["with_overview"](page) == page, "run python docs/_extensions/dialect_tables.py"
