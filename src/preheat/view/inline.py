"""A matplotlib figure as an SVG element that lives inside an HTML page: coloured by the page, with ids of its own.

Colours  become the page's variables, so that one drawing serves a light, a dark and a printed page:
         ``--ink`` (axes and words), ``--grid``, ``--soft`` (borders of phases), ``--level``, and ``--c1`` to ``--c8``.
Words    stay text, in the page's font, and can be searched and read aloud.
Ids      matplotlib numbers them anew in every figure: here each has the figure's prefix.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from preheat.view.image import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_VARIABLES = {
    "#000000": "ink",
    "#ebebeb": "grid",
    "#999999": "soft",
    "#666666": "level",
    **{colour: f"c{number}" for number, colour in enumerate(COLOURS, 1)},
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def inline_svg(figure: Figure, *, prefix: str, label: str) -> str:
    """The figure as one ``<svg>`` element, as wide as its place.

    Args:
        figure: what :func:`preheat.view.plot` or :func:`preheat.view.plot_series` returned; it is left as it is, but
            for its background, which becomes transparent.
        prefix: begins every id; one for each figure of a page: a letter, then letters, digits and hyphens.
        label: what the drawing shows, in words, for those who do not see it.

    >>> from preheat.view import plot_series
    >>> drawing = inline_svg(plot_series({"lr": ([0, 1], [0.0, 0.1])}, ylabel="lr"), prefix="a", label="Rises to 0.1.")
    >>> drawing[:53], "var(--c1)" in drawing
    ('<svg role="img" aria-label="Rises to 0.1." id="a" vie', True)
    """
    import matplotlib

    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": prefix, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata=_NO_METADATA)
    drawing = text.getvalue()
    box = re.search(r'viewBox="[^"]*"', drawing)
    assert box is not None  # every SVG of matplotlib has one
    body = drawing[drawing.index(">", box.end()) + 1 : drawing.rindex("</svg>")]
    return f'<svg role="img" aria-label="{escape(label)}" id="{prefix}" {box[0]}>{_adapted(body, prefix)}</svg>'


def _adapted(body: str, prefix: str) -> str:
    """The drawing without what the page does better, with its ids and colours changed."""
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    # Groups are numbered anew in each figure and nothing points to them; what is pointed to has a hash for a name.
    body = re.sub(r'<g id="[^"]*">', "<g>", body)
    body = re.sub(r'(id="|url\(#|xlink:href="#)', rf"\1{prefix}-", body)
    body = re.sub(r" font-family: [^;]*;", "", body)
    body = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", body)
    body = re.sub(r"#[0-9a-f]{6}\b", lambda found: _variable(found[0]), body)
    return re.sub(r"\s*\n\s*", " ", body)


def _variable(colour: str) -> str:
    return f"var(--{_VARIABLES[colour]})" if colour in _VARIABLES else colour
