"""The dialects in tables: which there are, in `docs/dialects.md`; and every name they know, a page of the reference.

The first table stands in the page itself, for readers on a code host; after a new dialect
`python docs/_extensions/dialect_tables.py` writes it anew; `tests/dialects/test_complete.py` asks for it. The second
is made at every build, out of the dialects' examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.dialects import DIALECTS, dialect, read
from preheat.dialects.definition import Dialect, Example

if TYPE_CHECKING:  # Sphinx is there only where the site is built; the first table needs none
    from sphinx.application import Sphinx

PAGE = Path(__file__).parents[1] / "dialects.md"
BEGIN = "<!-- table: python docs/_extensions/dialect_tables.py -->\n"
END = "<!-- end of table -->"
_TOTAL = 100  # updates, where an example leaves them to its context
_LONGEST = 160  # signs of a schedule in a cell: a staircase of 20 epochs would take a screen


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def generate(app: Sphinx) -> None:
    """Write the page of all names."""
    import markup

    markup.write(markup.folder(app, "dialects") / "index.rst", names_page())


def names_page() -> Iterator[str]:
    """Every name that a dialect knows, as a preheat schedule, with the factors at its ends."""
    import markup

    yield from markup.title("Dialects")
    yield "What each name of :doc:`another framework </dialects>` is in preheat's words. Lengths are those of a short"
    yield f"example, of {_TOTAL} updates where its configuration does not say; values are shares of the peak."
    yield ""
    head = ["its name", "the same in preheat's words", "update 0", "last update", "after it"]
    for one in map(dialect, DIALECTS):
        yield from markup.title(one.title, "-")
        yield f"``{one.name}``, read in {one.source}: {one.convention}."
        yield ""
        yield from markup.table(head, (_row(one, example) for example in one.examples))


def _row(one: Dialect, example: Example) -> list[str]:
    imported = read(example.config, one.name, **example.context)
    total = imported.total or example.context.get("total", _TOTAL)
    values = [imported.schedule(position) for position in (0, total - 1, total)]
    return [f"``{example.name}``", f"``{_words(str(imported.schedule))}``", *(f"{value:.4g}" for value in values)]


def _words(text: str) -> str:
    """A schedule in words short enough for a table: floats to six digits, the end of a long one left out."""
    text = re.sub(r"\d+\.\d{7,}(?:e-?\d+)?", lambda number: f"{float(number[0]):.6g}", text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def overview() -> str:
    """The dialects there are, as a Markdown table."""
    rows = ["| dialect | what it is | written | step convention |", "|---|---|---|---|"]
    for one in map(dialect, DIALECTS):
        written = "yes" if one.write is not None else ""
        convention = one.convention.replace("|", "\\|")
        rows.append(f"| `{one.name}` | {one.title} ({one.source}) | {written} | {convention} |")
    return "\n".join(rows)


def with_overview(page: str) -> str:
    """A page with everything between the two comments replaced by the overview."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{overview()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_overview(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
