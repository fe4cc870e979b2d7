"""The colours of every page: variables of a style sheet, for light and for dark screens.

``--paper`` (background), ``--ink`` (words), ``--quiet`` (lesser words), ``--line`` and ``--panel`` (tables, boxes),
``--grid``, ``--soft`` and ``--level`` (in drawings), ``--c1`` to ``--c8`` (curves), ``--right`` and ``--wrong`` (heat).
"""

from __future__ import annotations

LIGHT = {
    "paper": "#fff", "ink": "#1c1917", "quiet": "#57534e", "line": "#d6d3d1", "panel": "#f5f5f4",
    "grid": "#ebebeb", "soft": "#78716c", "level": "#666",
    "c1": "#c2410c", "c2": "#1d4ed8", "c3": "#15803d", "c4": "#7e22ce",
    "c5": "#0e7490", "c6": "#a16207", "c7": "#be185d", "c8": "#4b5563",
    "right": "29 78 216", "wrong": "194 65 12",
}  # fmt: skip
DARK = {
    "paper": "#171717", "ink": "#ededec", "quiet": "#b5b2ae", "line": "#44403c", "panel": "#232221",
    "grid": "#33302e", "soft": "#a8a29e", "level": "#b5b2ae",
    "c1": "#fb923c", "c2": "#7ea6ff", "c3": "#4ade80", "c4": "#d0a2ff",
    "c5": "#4fd1e5", "c6": "#facc15", "c7": "#f783b8", "c8": "#a9b4c2",
    "right": "96 140 255", "wrong": "234 100 40",
}  # fmt: skip
CURVES = tuple(f"var(--c{number})" for number in range(1, 9))


def variables(colours: dict[str, str]) -> str:
    """Declarations of a style sheet.

    >>> variables(LIGHT)[:30]
    '--paper: #fff; --ink: #1c1917;'
    """
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
