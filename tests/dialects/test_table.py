"""The translation tables of the docs are those of the code."""

from pathlib import Path

from preheat.dialects import DIALECTS
from preheat.dialects.table import with_tables

PAGE = Path(__file__).parents[2] / "docs" / "dialects.md"


def test_the_page_has_the_tables_of_the_code():
    """python -m preheat.dialects.table docs/dialects.md makes them anew."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page
    assert all(f"| `{name}` |" in page for name in DIALECTS)
