"""A picture as a value: series, marks and two axes, which renderers turn into text, SVG, an image file or a live chart.

Whoever has something to show builds a :class:`Figure` once; the renderers are :func:`preheat.view.to_terminal`,
:func:`preheat.view.to_svg`, :func:`preheat.view.to_image` and :func:`preheat.view.to_echarts`. None of them looks at
anything but the figure, so a report, a notebook and the studio show the same thing. What all of them share is here
once: the color of a role, numbers as people write them, the running mean, the choice of points that keeps spikes.

Roles    say what a series or a mark is (``used``, ``planned``, ``validation``, ``spike``); the color follows from it,
         so that the same thing has the same color in every picture. Series that differ only in their name have a
         number as role, from 1.
Colors   are the variables of a style sheet, for light and for dark screens: ``--paper`` (background), ``--ink``
         (words), ``--quiet`` (lesser words), ``--line`` and ``--panel`` (tables, boxes), ``--grid``, ``--soft`` and
         ``--level`` (in drawings), ``--c1`` to ``--c8`` (series and marks), ``--right`` and ``--wrong`` (heat).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from preheat.messages import _

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]


# --- The picture ----------------------------------------------------------------------------------------------------


FEW = 30  # points below which each has a dot: more of them would merge into a thick line
# Of an axis: left free beside the outermost values, so that a curve does not lie on the frame.
_ROOM = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis.

    Attributes:
        title: what is counted or measured; an empty one of places means that they are only beside each other, and
            have no numbers.
        unit: of the values, in words; may be empty.
        log: a logarithmic axis; values of 0 and below have no place on it and are left out.
        low, high: where it ends; None follows the series (a linear axis then begins at 0).
    """

    title: str = ""
    unit: str = ""
    log: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def words(self) -> str:
        """Title and unit.

        >>> Axis(title="loss", unit="nats").words, Axis(title="update").words
        ('loss (nats)', 'update')
        """
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def share(self, value: float, span: tuple[float, float]) -> float:
        """Where a value stands between the ends of the axis: 0 at the lower, 1 at the upper.

        >>> Axis().share(5.0, (0.0, 10.0)), Axis(log=True).share(1e-2, (1e-4, 1.0))
        (0.5, 0.5)
        """
        low, high = span
        if self.log:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values over places.

    Attributes:
        label: its words in a legend.
        role: what it is, a key of ``ROLES``; or a number from 1 for one of several that differ in their name alone.
        x: places, rising, length n.
        y: a value at each; one that is not finite leaves a gap.
        style: ``line``; ``faint``, raw values behind their mean; ``plan``, wide and pale below what was done;
            ``points``, dots only.
        margins: half the height of an interval at each place; 0 draws none. Empty: no intervals.
        crossed: indices of points drawn as crosses.
    """

    label: str
    role: str | int
    x: Sequence[float]
    y: Sequence[float]
    style: str = "line"
    margins: Sequence[float] = ()
    crossed: Sequence[int] = ()

    @property
    def color(self) -> int:
        """The number of its color, 1 to 8."""
        return color_of(self.role)

    def drawn(self, x: Axis, y: Axis) -> Iterator[tuple[float, float] | None]:
        """The points that have a place on the axes, and None where there is a gap."""
        for place, value in zip(self.x, self.y, strict=True):
            shown = math.isfinite(value) and not (y.log and value <= 0) and not (x.log and place <= 0)
            yield (place, value) if shown else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place or a value that is marked.

    Attributes:
        position: a place for borders and events, a value for levels.
        label: its words in a legend; marks of one label are shown and hidden together, those without one have none.
        kind: ``border``, where phases hand over; ``event``; ``level``, a horizontal line; ``grid``, what only divides
            the axis, such as ends of epochs: pale, behind everything else.
        role: of an event, for its color.
        text: stands above a border or an event where there is room; empty: nothing does.
    """

    position: float
    label: str
    kind: str = "border"
    role: str | int = ""
    text: str = ""

    @property
    def color(self) -> int:
        """The number of an event's color, 1 to 8."""
        return color_of(self.role)

    @property
    def dash(self) -> str:
        """How an event's line is drawn: ``solid``, ``dashed`` or ``dotted``, so that its kind needs no color."""
        return _DASHES.get(str(self.role), "solid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One picture.

    Attributes:
        name: a letter, then letters, digits and hyphens: of its section or file, and before every id in a drawing;
            empty where it has neither.
        title: heading; may be empty.
        x: the axis of places.
        y: the axis of values.
        series: what is drawn, in the order of the legend.
        marks: likewise.
        notes: sentences; the first also describes the picture to those who do not see it.
        apart: factor between the places of neighboring series in still pictures, so that their intervals can be told
            apart; the places themselves stay what they are.

    >>> rates = Series(label="used", role="used", x=[0, 1], y=[0.0, 0.1])
    >>> figure = Figure(name="lr", title="Learning rate", y=Axis(title="learning rate"), series=(rates,))
    >>> figure.x_span(), figure.x.title
    ((0.0, 1.0), 'update')
    """

    name: str = ""
    title: str = ""
    x: Axis = Axis(title="update")
    y: Axis = Axis()
    series: tuple[Series, ...] = ()
    marks: tuple[Mark, ...] = ()
    notes: tuple[str, ...] = ()
    apart: float = 1.0

    @property
    def described(self) -> str:
        """The picture in a sentence, for those who do not see it."""
        return " ".join(part for part in (f"{self.title}." if self.title else "", *self.notes[:1]) if part)

    def of(self, kind: str) -> list[Mark]:
        """The marks of one kind."""
        return [mark for mark in self.marks if mark.kind == kind]

    def shifted(self, index: int) -> list[float]:
        """The places of a series as a still picture draws them."""
        factor = self.apart ** (index - (len(self.series) - 1) / 2)
        return [place * factor for place in self.series[index].x]

    def x_span(self) -> tuple[float, float]:
        """From where to where the places go."""
        places = [place for index in range(len(self.series)) for place in self.shifted(index)]
        if self.x.log:
            return _log_span(self.x, places)
        low = self.x.low if self.x.low is not None else min((0.0, *places))
        high = self.x.high if self.x.high is not None else max(places, default=1.0)
        return float(low), float(high) if high > low else low + 1.0

    def y_span(self) -> tuple[float, float]:
        """From where to where the values go, intervals and levels within."""
        values = [mark.position for mark in self.of("level")]
        for one in self.series:
            margins = one.margins or [0.0] * len(one.y)
            known = [point and point[1] for point in one.drawn(self.x, self.y)]
            values += [
                value + sign * margin
                for value, margin in zip(known, margins, strict=True)
                if value is not None
                for sign in (1, -1)
            ]
        if self.y.log:
            return _log_span(self.y, values)
        low = self.y.low if self.y.low is not None else min((0.0, *values))
        high = self.y.high if self.y.high is not None else max(values, default=1.0)
        if self.y.high is None:
            high += _ROOM * (high - low)
        return float(low), float(high) if high > low else low + 1.0

    def texts(self) -> dict[int, str]:
        """What stands above the marks that have room for it, by their index; events before borders."""
        low, high = self.x_span()
        places: list[tuple[float, float]] = []
        chosen: dict[int, str] = {}
        for kind in ("event", "border"):
            for index, mark in enumerate(self.marks):
                if mark.kind != kind or not mark.text or not low <= mark.position <= high:
                    continue
                center, half = self.x.share(mark.position, (low, high)), _SIGN * (_signs(mark.text) + 1) / 2
                if all(abs(center - other) >= half + reach for other, reach in places):
                    places.append((center, half))
                    chosen[index] = mark.text
        return chosen


# A sign of a number is about this share of the axis wide: 11 px digits are 6.4 px wide, an axis about 700 px.
_SIGN = 1 / 110


def _signs(text: str) -> int:
    """How wide a text is, in digits; a Chinese sign is as wide as two."""
    return sum(1 + (ord(sign) > 0x2E7F) for sign in text)


def _log_span(axis: Axis, values: Iterable[float]) -> tuple[float, float]:
    known = [value for value in values if value > 0]
    low, high = min(known, default=0.1), max(known, default=1.0)
    room = max((high / low) ** _ROOM, 1 + _ROOM)  # in the logarithm; one value alone gets room as well
    return (
        low / room if axis.low is None else axis.low,
        high * room if axis.high is None else axis.high,
    )


# --- Colors ---------------------------------------------------------------------------------------------------------


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
COLORS = 8  # of series; more of them share one

# What was done is orange, what was planned blue. Of a noisy value and its mean the mean is what is looked at: it has
# the color of a plan, which is never in the same picture. Events have the colors that curves come to last.
ROLES = {
    "used": 1, "log": 1, "each": 1,
    "planned": 2, "recognized": 2, "mean": 2,
    "validation": 3, "critical": 4,
    "other": 5, "skip": 6, "spike": 7, "resume": 8, "stop": 8, "parts": 8,
    "checkpoint": 8,
}  # fmt: skip
_DASHES = {"skip": "dotted", "stop": "dashed", "other": "dashed", "checkpoint": "dashed"}


def color_of(role: str | int) -> int:
    """The number of a role's color, 1 to 8.

    >>> color_of("planned"), color_of(3), color_of(9)
    (2, 3, 1)
    """
    return (role - 1) % COLORS + 1 if isinstance(role, int) else ROLES[role]


def variables(colors: dict[str, str]) -> str:
    """Declarations of a style sheet.

    >>> variables(LIGHT)[:30]
    '--paper: #fff; --ink: #1c1917;'
    """
    return " ".join(f"--{name}: {value};" for name, value in colors.items())


# --- Numbers --------------------------------------------------------------------------------------------------------


NOT_RECORDED = _("not recorded")


def number(value: Any, digits: int = 4) -> str:
    """A number with ``digits`` significant digits, small ones as 8.2e-5; "not recorded" for None.

    The browser writes them in the same way: ``number.js``.

    >>> number(0.00008215), number(12345.6), number(0.5), number(None), number(float("nan"))
    ('8.215e-5', '12,350', '0.5', 'not recorded', 'not finite')
    """
    if value is None:
        return NOT_RECORDED
    if not math.isfinite(value):
        return _("not finite")
    # Learning rates are written 3e-4 and not 0.0003; up to 1e15 a float has every whole number.
    if value == 0 or 1e-3 <= abs(value) < 1e15:
        rounded = float(f"{value:.{digits}g}")
        return f"{rounded:,.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def ticks(axis: Axis, span: tuple[float, float]) -> list[float]:
    """Round values to number an axis with, rising.

    >>> ticks(Axis(), (0.0, 3600.0)), ticks(Axis(log=True), (3e-4, 2.0))
    ([0.0, 1000.0, 2000.0, 3000.0], [0.001, 0.01, 0.1, 1.0])
    """
    low, high = span
    if axis.log:
        return _log_ticks(low, high)
    wide = high - low
    step = 10.0 ** math.floor(math.log10(wide))
    # The first step that gives at most six intervals: more numbers do not fit beside a low drawing.
    step *= next(part for part in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if wide / (step * part) <= 6)
    first = math.ceil(low / step - 1e-9)  # rounding must not lose a tick at the very end
    last = math.floor(high / step + 1e-9)
    # Multiples of a power of ten below 1 are better divided than multiplied: 3 * 0.1 is not 0.3.
    return [place / (1 / step) if step < 1 else place * step for place in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 2:
        every = -(-(last - first) // 6)  # at most seven powers of ten
        return [10.0**power for power in range(first, last + 1, every)]
    # Powers of ten alone say little about a narrow range.
    for parts in ((1, 2, 5), tuple(range(1, 10))):
        between = [part * 10.0**power for power in range(first - 1, last + 1) for part in parts]
        shown = [float(f"{value:.6g}") for value in between if low <= value <= high]
        if len(shown) > 2:
            return shown
    return ticks(Axis(), (low, high))


# --- Fewer points for the same picture, and the mean of a noisy one -------------------------------------------------


POINTS = 2000  # of a curve: more than a drawing has pixels, few enough for a small page


def thin(values: Column, most: int = POINTS) -> NDArray[np.int64]:
    """Which points to draw: of every stretch of a curve the lowest and the highest, so that spikes survive.

    Args:
        values: one curve, shape (n,); NaN where there is a gap.
        most: at most so many points, even, >= 4.

    Returns:
        Indices into ``values``, rising: all of them up to ``most``; else the first, the last, and of each of equally
        long stretches the lowest and the highest. A stretch without any number gives one index, so that its gap stays.

    >>> import numpy as np
    >>> spiky = np.zeros(10_000)
    >>> spiky[5_004] = 9.0
    >>> 5_004 in thin(spiky, most=100), len(thin(spiky, most=100)) <= 100
    (True, True)
    """
    import numpy as np

    many = len(values)
    if many <= most:
        return np.arange(many)
    edges = np.linspace(0, many, (most - 2) // 2 + 1).astype(np.int64)
    starts = edges[:-1]
    chosen = [np.array([0, many - 1])]
    for reduce, missing in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        filled: Any = np.where(np.isnan(values), missing, values)
        extremes = np.repeat(reduce.reduceat(filled, starts), np.diff(edges))
        at = np.flatnonzero(filled == extremes)
        # Of several equal extremes in a stretch the first.
        _unused, first = np.unique(np.searchsorted(edges, at, side="right"), return_index=True)
        chosen.append(at[first])
    return np.unique(np.concatenate(chosen))


def thinned(places: NDArray[Any], values: Column, most: int = POINTS) -> tuple[list[float], list[float]]:
    """The points that :func:`thin` chooses, ready to draw."""
    chosen = thin(values, most)
    return places[chosen].tolist(), values[chosen].tolist()


def mean_width(many: int) -> int:
    """Over how many updates to average a curve of ``many``: a fortieth, which is a few pixels of a drawing."""
    return max(2, many // 40)


def running_mean(values: Column, width: int) -> Column:
    """The mean of each value and the ``width`` - 1 before it, of those that are numbers; NaN where none is.

    >>> import numpy as np
    >>> running_mean(np.array([1.0, np.nan, 3.0, 5.0]), 2).tolist()
    [1.0, 1.0, 3.0, 4.0]
    """
    import numpy as np

    known = ~np.isnan(values)
    sums = _window_sums(np.where(known, values, 0.0), width)
    many = _window_sums(known.astype(np.float64), width)
    with np.errstate(invalid="ignore"):
        return np.where(many > 0, sums / many, np.nan)


def _window_sums(values: Column, width: int) -> Column:
    """The sum over each value and the ``width`` - 1 before it, from sums over stretches of 1, 2, 4, ... values.

    Differences of one long running sum would be quicker, but a loss of 1e12 would leave its rounding in all the rest.
    """
    import numpy as np

    width = min(width, len(values))
    total, covered = np.zeros(len(values)), 0
    stretch, span = values, 1
    while width:
        if width & 1:
            total[covered:] += stretch[: len(values) - covered]
            covered += span
        longer = stretch.copy()
        longer[span:] += stretch[:-span]
        stretch, span, width = longer, 2 * span, width >> 1
    return total


SMOOTH = 60  # values up to which a curve needs no mean to be read


def averaged(updates: Column, values: Column, points: int = POINTS) -> tuple[Series, ...]:
    """A noisy curve as series: each update, faint, and before it the running mean; alone where there are few.

    Args:
        updates: shape (n,), rising.
        values: one an update, shape (n,); NaN where there is none.
        points: at most so many of each curve.
    """
    import numpy as np

    if len(values) < SMOOTH:
        x, y = thinned(updates, values, points)
        return (Series(label=_("each update"), role="each", x=x, y=y),)
    width = mean_width(len(values))
    means = running_mean(values, width)
    # The points of both, so that each curve is known where the other is looked at.
    chosen = np.union1d(thin(values, points), thin(means, points))
    x = updates[chosen].tolist()
    return (
        Series(label=_("each update"), role="each", x=x, y=values[chosen].tolist(), style="faint"),
        Series(label=_("mean of {updates:,}", updates=width), role="mean", x=x, y=means[chosen].tolist()),
    )
