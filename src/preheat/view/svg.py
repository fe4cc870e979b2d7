"""A figure as one SVG element, and schedules as HTML: without scripts, by the standard library alone.

Colors are variables of the page's style sheet (:mod:`preheat.view.figure`), so one drawing serves a light, a dark and
a printed page. Where a page has no such variables, a notebook say, curves have the colors of light screens, and lines
and words the text's own color. Words stay text: they can be searched and read aloud.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from preheat.messages import _
from preheat.messages.languages import tell
from preheat.view.figure import FEW, FONTS, LIGHT, Figure, Mark, Series, number, ticks
from preheat.view.sampling import Curves, named, schedule_figure

# Beside the axes, in pixels of the view box: numbers as wide as "0.00025" to the left, and below them the title.
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 22.0, 20.0, 42.0
_LINE = 14  # from one line of the legend to the next
# A run with hundreds of skipped updates would else be a wall of lines.
_MANY = 20  # marks of one label from which on they are short, and let the curves be seen
_SHORT = 0.06  # of the height: how long those are
_STROKES = {"line": "stroke-width:2", "faint": "stroke-width:1;stroke-opacity:.5",
            "plan": "stroke-width:7;stroke-opacity:.3", "points": "stroke-width:4"}  # fmt: skip
_EVENT = "stroke-opacity:.7"  # a spike is seen through the line that marks it
_DASHES = {"dashed": ";stroke-dasharray:5 3", "dotted": ";stroke-dasharray:1.5 3", "solid": ""}


def to_svg(
    figure: Figure, *, inline: bool = False, size: tuple[int, int] = (640, 240), language: str | None = None
) -> str:
    """The figure as one ``<svg>`` element, as wide as its place.

    Args:
        figure: what to draw.
        inline: for a page that has title, unit and legend beside the drawing: they are left out of it.
        size: width and height of the view box, in pixels.
        language: of its words; None is the reader's.

    >>> from preheat.view.figure import Axis, Series
    >>> used = Series(label="used", role="used", x=[0, 1], y=[0.0, 0.1])
    >>> drawing = to_svg(Figure(name="a", title="Rises to 0.1", y=Axis(title="lr"), series=(used,)))
    >>> drawing[:98]
    '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Rises to 0.1." id="a" viewBox="0 0 '
    """
    return _Drawing(figure.told(language), size, inline=inline).text()


class _Drawing:
    """The figure on a plane of pixels."""

    def __init__(self, figure: Figure, size: tuple[int, int], *, inline: bool) -> None:
        self.figure, self.inline = figure, inline
        self.top = _TOP if inline else _TOP + _LINE  # the title of the values stands above the numbers of marks
        self.width, self.height = size
        self.right, self.bottom = self.width - _RIGHT, self.height - (_BOTTOM if figure.x.title else _LINE)
        self.x_span, self.y_span = figure.x_span(), figure.y_span()

    # A tenth of a pixel is finer than any screen, and keeps a page with thousands of points small.

    def x(self, place: float) -> str:
        return f"{_LEFT + (self.right - _LEFT) * self.figure.x.share(place, self.x_span):.1f}"

    def y(self, value: float) -> str:
        return f"{self.bottom - (self.bottom - self.top) * self.figure.y.share(value, self.y_span):.1f}"

    def text(self) -> str:
        figure = self.figure
        clip, clipped = "", ""
        if (figure.y.low, figure.y.high, figure.x.low) != (None, None, None):  # else all of it is inside
            name = f"{figure.name}-inside"
            clip, clipped = (
                f'<clipPath id="{name}"><rect x="{_LEFT - 4}" y="{self.top - 4}" width="{self.right - _LEFT + 8:.0f}"'
                f' height="{self.bottom - self.top + 8:.0f}"/></clipPath>',
                f' clip-path="url(#{name})"',
            )
        order = {"plan": 0, "faint": 1}  # a plan lies below what was done, values below their mean
        curves = sorted(enumerate(figure.series), key=lambda pair: order.get(pair[1].style, 2))
        drawn = "".join(part for index, one in curves for part in self._series(index, one))
        identity = f' id="{figure.name}"' if figure.name else ""
        # HTML knows what an svg is; a file or a notebook has to be told.
        space = "" if self.inline else ' xmlns="http://www.w3.org/2000/svg"'
        return (
            f'<svg{space} role="img" aria-label="{escape(figure.described)}"'
            f'{identity} viewBox="0 0 {self.width} {self.height}" width="100%"'
            ' style="font:11px {FONTS};fill:none;stroke-linejoin:round">'
            f"{clip}{''.join(self._axes())}{''.join(self._marks())}<g{clipped}>{drawn}</g>"
            f"{''.join(self._legend()) if not self.inline else ''}</svg>"
        )

    # --- axes ------------------------------------------------------------------------------------------------------

    def _axes(self) -> Iterator[str]:
        figure = self.figure
        for value in ticks(figure.y, self.y_span):
            level = self.y(value)
            yield self._line(_LEFT, self.right, level, level, "stroke:var(--grid,#8883)")
            yield _text(_LEFT - 6, level, number(value), "end", ' dy=".35em"')
        base = f"{self.bottom:.1f}"
        yield self._line(_LEFT, self.right, base, base, "stroke:var(--soft,#888)")
        if not figure.x.title:
            return
        for place in ticks(figure.x, self.x_span):
            if figure.x.whole and place != int(place):
                continue  # updates are whole
            at = self.x(place)
            yield self._line(at, at, base, self.bottom + 4, "stroke:var(--soft,#888)")
            yield _text(at, self.bottom + 16, f"{place:,.0f}" if figure.x.whole else number(place))
        yield _text(f"{(_LEFT + self.right) / 2:.0f}", self.height - 6, escape(figure.x.words))

    def _line(self, left: object, right: object, top: object, bottom: object, style: str) -> str:
        return f'<line x1="{left}" x2="{right}" y1="{top}" y2="{bottom}" style="{style}"/>'

    # --- marks -----------------------------------------------------------------------------------------------------

    def _marks(self) -> Iterator[str]:
        labels = [mark.label for mark in self.figure.marks]
        low, high = self.x_span
        for mark in self.figure.marks:
            if mark.kind == "level":
                level = self.y(mark.position)
                yield self._line(_LEFT, self.right, level, level, "stroke:var(--level,#888);stroke-dasharray:6 4")
            elif low <= mark.position <= high:
                yield self._upright(mark, short=mark.kind == "event" and labels.count(mark.label) > _MANY)
        for index, words in self.figure.texts().items():
            mark = self.figure.marks[index]
            color = "" if mark.kind == "border" else f' style="fill:{_color(mark.color)}"'
            yield _text(self.x(mark.position), self.top - 6, escape(words), more=color)

    def _upright(self, mark: Mark, *, short: bool) -> str:
        at = self.x(mark.position)
        bottom = self.top + _SHORT * (self.bottom - self.top) if short else self.bottom
        if mark.kind != "event":
            style = {"border": "stroke:var(--soft,#888);stroke-dasharray:1.5 3", "grid": "stroke:var(--line,#8885)"}
            return self._line(at, at, self.top, bottom, style[mark.kind])
        return self._line(
            at, at, self.top, f"{bottom:.1f}", f"{_EVENT};stroke:{_color(mark.color)}{_DASHES[mark.dash]}"
        )

    # --- curves ----------------------------------------------------------------------------------------------------

    def _series(self, index: int, series: Series) -> Iterator[str]:
        figure, color = self.figure, f"stroke:{_color(series.color)};"
        places = figure.shifted(index)
        points = [
            point and (self.x(place), self.y(point[1]), number_at)
            for number_at, (place, point) in enumerate(zip(places, series.drawn(figure.x, figure.y), strict=True))
        ]
        known = [point for point in points if point is not None]
        if not known:
            return
        yield from self._margins(series, places, color)
        if series.style == "points":
            # A line of no length with round ends is a dot, in a third of the text of a circle.
            yield _path(" ".join(f"M {x} {y} h 0" for x, y, _at in known), color + _STROKES["points"], round_ends=True)
            return
        yield _path(_polyline(points), color + _STROKES[series.style], round_ends=False)
        if len(known) < FEW and series.style != "plan":
            dots = " ".join(f"M {x} {y} h 0" for x, y, at in known if at not in series.crossed)
            yield _path(dots, color + "stroke-width:6", round_ends=True)
        crossed = [(float(x), float(y)) for x, y, at in known if at in series.crossed]
        crosses = " ".join(f"M {x - 5} {y - 5} l 10 10 m 0 -10 l -10 10" for x, y in crossed)
        yield _path(crosses, color + "stroke-width:2", round_ends=True)

    def _margins(self, series: Series, places: list[float], color: str) -> Iterator[str]:
        bars = []
        for place, value, margin in zip(places, series.y, series.margins, strict=False):
            if margin:
                x, low, high = self.x(place), self.y(value - margin), self.y(value + margin)
                bars.append(f"M {x} {low} V {high} m -3 0 h 6 M {x} {low} m -3 0 h 6")
        yield _path(" ".join(bars), color + "stroke-width:1", round_ends=False)

    # --- words -----------------------------------------------------------------------------------------------------

    def _legend(self) -> Iterator[str]:
        yield _text(_LEFT, 12, escape(self.figure.y.words), "start", ' opacity=".7"')
        for index, one in enumerate(self.figure.series if len(self.figure.series) > 1 else ()):
            top = self.top + _LINE * (index + 1)
            yield _text(self.right, top, escape(one.label), "end", f' style="fill:{_color(one.color)}"')


# In styles, not in attributes: not everything that draws SVG resolves variables there.


def _color(of: int) -> str:
    return f"var(--c{of},{LIGHT[f'c{of}']})"


def _text(x: object, y: object, words: str, anchor: str = "middle", more: str = "") -> str:
    style = "" if "style=" in more else ' style="fill:var(--ink,currentColor)"'
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{more}{style}>{words}</text>'


def _path(steps: str, style: str, *, round_ends: bool) -> str:
    ends = ";stroke-linecap:round" if round_ends else ""
    return f'<path d="{steps}" style="{style}{ends}"/>' if steps else ""


def _polyline(points: list[tuple[str, str, int] | None]) -> str:
    """Lines from point to point, begun anew after a gap."""
    steps, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        steps.append(f"{pen} {point[0]} {point[1]}")
        pen = "L"
    return " ".join(steps)


# --- Schedules as HTML ----------------------------------------------------------------------------------------------


def to_html(curves: Curves, *, updates: int | None = None, lr: float = 1.0, language: str | None = None) -> str:
    """One self-contained HTML fragment: the curves as SVG, and below it what ``describe()`` says of each.

    Args:
        curves: a schedule, a list of them, or a dictionary of labels and schedules. One that still waits for a plan or
            a base value is shown as its text.
        updates: last position drawn; None takes the longest horizon, or twice the last border where there is none.
        lr: the peak learning rate; 1.0 shows shares of the peak.
        language: of its words; None is the reader's.

    >>> from preheat import get_schedule, parse
    >>> "<svg" in to_html(get_schedule("linear", warmup=10, total=100)), "<svg" in to_html(parse("cosine 50%"))
    (True, False)
    """
    schedules = named(curves)
    ready = {label: schedule for label, schedule in schedules.items() if not schedule.waits_for}
    parts = [to_svg(schedule_figure(ready, updates=updates, lr=lr, endless=True), language=language)] if ready else []
    for label, schedule in schedules.items():
        text = schedule.describe(lr) if label in ready else _waiting(schedule.waits_for)
        heading = f"<b>{escape(tell(label, language))}</b> " if len(schedules) > 1 else ""
        parts.append(f"<p>{heading}<code>{escape(str(schedule))}</code></p>")
        parts.append(f'<pre style="white-space:pre-wrap;font-size:11px">{escape(tell(text, language))}</pre>')
    return f'<div style="font:12px {FONTS};max-width:660px">{"".join(parts)}</div>'


def _waiting(what: str) -> str:
    """What a schedule waits for, in words."""
    return _("waits for a plan") if what == "a plan" else _("waits for a base")
