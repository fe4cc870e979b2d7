"""What the generated pages are made with: reStructuredText, written only where it has changed."""

from collections.abc import Iterable
from pathlib import Path

from sphinx.application import Sphinx


def folder(app: Sphinx, *parts: str) -> Path:
    """A folder below ``docs/_generated``, made if it is not there."""
    found = Path(app.srcdir, "_generated", *parts)
    found.mkdir(parents=True, exist_ok=True)
    return found


def write(path: Path, lines: Iterable[str]) -> None:
    """The page, left alone where it says the same already: Sphinx reads again what is newer."""
    text = "\n".join(lines).rstrip() + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def keep_only(place: Path, names: Iterable[str]) -> None:
    """Remove pages of names that are no more."""
    kept = {*names, "index"}
    for page in place.glob("*.rst"):
        if page.stem not in kept:
            page.unlink()


def title(text: str, sign: str = "=") -> list[str]:
    """A heading, twice as wide as its text needs: some signs take two columns."""
    return [text, sign * (2 * len(text)), ""]


def indented(lines: Iterable[str], by: int = 3) -> list[str]:
    """The lines as the body of a directive."""
    return [" " * by + line if line else "" for line in lines]


def code(lines: Iterable[str], language: str) -> list[str]:
    """A highlighted block."""
    return [f".. code-block:: {language}", "", *indented(lines), ""]


def table(head: Iterable[str], rows: Iterable[Iterable[str]], widths: str = "auto") -> list[str]:
    """A table; a cell is a line of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [head, *rows]:
        first, *others = row
        lines += [f"   * - {first}".rstrip(), *(f"     - {cell}".rstrip() for cell in others)]
    return [*lines, ""]


def contents(pages: Iterable[str], depth: int = 1) -> list[str]:
    """A table of contents, in the order given."""
    return [".. toctree::", f"   :maxdepth: {depth}", "", *indented(pages), ""]
