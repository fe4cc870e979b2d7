"""The translation tables of the documentation, made from the dialects themselves."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from preheat.dialects import DIALECTS, dialect, read
from preheat.dialects.definition import Dialect, Example

_TOTAL = 100  # updates, where an example leaves them to its context


def tables() -> str:
    """Two Markdown tables: every dialect with its step convention; every name it knows as a preheat schedule.

    >>> print(tables().splitlines()[0])
    | dialect | what it is | read | written | step convention |
    """
    return "\n".join([*_dialects(), "", *_names()])


def _dialects() -> Iterator[str]:
    yield "| dialect | what it is | read | written | step convention |"
    yield "|---|---|---|---|---|"
    for one in map(dialect, DIALECTS):
        written = "yes" if one.write is not None else ""
        yield f"| `{one.name}` | {one.title} ({one.source}) | yes | {written} | {_cell(one.convention)} |"


def _names() -> Iterator[str]:
    yield "| dialect | its name | the same in preheat's words | update 0 | last update | after it |"
    yield "|---|---|---|---|---|---|"
    for one in map(dialect, DIALECTS):
        for example in one.examples:
            yield _row(one, example)


def _row(one: Dialect, example: Example) -> str:
    found = read(example.config, one.name, **example.context)
    total = found.total or example.context.get("total", _TOTAL)
    values = [found.schedule(position) for position in (0, total - 1, total)]
    shown = " | ".join(f"{value:.4g}" for value in values)
    return f"| `{one.name}` | `{_cell(example.name)}` | `{_cell(_words(str(found.schedule)))}` | {shown} |"


def _words(text: str) -> str:
    """A schedule in words short enough for a table: floats to six digits, the end of a long one left out."""
    text = re.sub(r"\d+\.\d{7,}(?:e-?\d+)?", lambda found: f"{float(found[0]):.6g}", text)
    return text if len(text) <= 160 else text[:157] + "..."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


BEGIN = "<!-- tables: python -m preheat.dialects.table docs/dialects.md -->\n"
END = "<!-- end of tables -->"


def with_tables(page: str) -> str:
    """A page with everything between the two comments replaced by the tables."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
