"""ECharts itself, where nicegui is installed: its wheel holds the library as one module. No copy of it is kept here."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

_DIST = Path("elements", "echart", "dist")
# What would end a script inside a page or hide its end, and what would load another file.
_UNFIT = re.compile(r"""</script|<!--|\bimport\s*[{*"']""", re.IGNORECASE)


def echarts_library() -> tuple[str, str] | None:
    """The library as text to be set into a module script, and the name it has there.

    nicegui is looked for, not imported. None where it is not installed, or holds the library in another way.

    Returns:
        Source without exports and without anything that would be loaded, and the name of the ``echarts`` object in it.
    """
    folder = _folder()
    if folder is None:
        return None
    try:
        index = (folder / "index.js").read_text(encoding="utf-8")
        chunk = re.search(r'import\{([^}]*)\}from"\./([\w.-]+\.js)"', index)
        inner = None if chunk is None else _inner(chunk[1], _inner(_exports(index), "echarts"))
        if chunk is None or inner is None:
            return None
        source = (folder / chunk[2]).read_text(encoding="utf-8")
    except OSError:
        return None
    name = _inner(_exports(source), inner)
    if name is None or _UNFIT.search(source):
        return None
    return _alone(source), name


def _folder() -> Path | None:
    try:
        found = importlib.util.find_spec("nicegui")
    except ValueError:  # a stand-in for the package that says nothing of where it is
        return None
    places = [] if found is None else list(found.submodule_search_locations or [])
    return Path(places[0]) / _DIST if places else None


def _exports(source: str) -> str:
    """What stands in the braces of a module's last export; empty where there is none."""
    found = re.findall(r"\bexport\{([^}]*)\}", source)
    return found[-1] if found else ""


def _inner(names: str, outer: str | None) -> str | None:
    """What is called ``outer`` after the braces of an import or an export, by its name before them.

    >>> _inner("a as echarts,b", "echarts"), _inner("a as echarts,b", "b"), _inner("a as echarts,b", "c")
    ('a', 'b', None)
    """
    known = {pair[-1]: pair[0] for pair in (part.split(" as ") for part in names.split(","))}
    return known.get(outer or "")


def _alone(source: str) -> str:
    """The module without its exports, its further parts (never asked for: they draw in space) and its source map."""
    source = re.sub(r"\bexport\{[^}]*\};?", "", source)
    source = re.sub(r'\bimport\("[^"]*"\)', "Promise.reject()", source)
    return re.sub(r"^//# sourceMappingURL=.*$", "", source, flags=re.MULTILINE).strip()
