"""Curves in the terminal: lines of braille dots, marks for further curves, and plain ASCII where there is no braille.

A character cell holds 2 x 4 braille dots, so that 72 columns by 14 rows draw a curve with 144 x 56 of them. The letters
U+2800 to U+28FF are 0x2800 plus one bit a dot, numbered down the left column and then down the right, but for the
lowest row, which was added to the alphabet later.

The first curve is drawn in dots, each further one in a mark of its own, so that curves are told apart without color. An
output whose encoding has no braille (gbk, latin-1, ASCII) gets the same picture in ASCII.

Nothing here needs NumPy or a drawing library: ``preheat show`` should answer at once.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TextIO

from preheat.messages import _, cells
from preheat.messages.languages import tell
from preheat.view.sampling import Curves, sample

if TYPE_CHECKING:
    from preheat.view.figure import Figure

Series = tuple[Sequence[float], Sequence[float]]

# The bit of the dot at [row][column] of a cell.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800
_LINE = ""  # the mark of a curve that is drawn in dots
_MARKS = ("•", "x", "+", "o", "*")
_ASCII_MARKS = ("*", "o", "x", "+", "#", "@")
# Frame: corner, horizontal, vertical, tick of the left and of the lower side, border at top, inside and at the bottom.
_FRAME = ("┌", "┐", "└", "┘", "─", "│", "┤", "┬", "┬", "│", "┴")
_ASCII_FRAME = ("+", "+", "+", "+", "-", "|", "+", "+", "+", ":", "+")
_SAMPLE = "⣀"  # a curve of dots, in the legend
# ANSI: cyan, yellow, green, magenta, red, blue. Dark and light backgrounds show all of them.
_COLORS = (36, 33, 32, 35, 31, 34)
_ENDLESS = 1e300  # drawn as infinite is: the distance of two such numbers may be
_WIDEST = 100  # columns: a curve says no more in a wider terminal, and is harder to follow
_OUTSIDE = 4  # lines that are no rows of the picture: the title, the frame above and below, the ticks


def draw(
    curves: Curves,
    *,
    updates: int | None = None,
    lr: float = 1.0,
    width: int | None = None,
    height: int = 18,
    color: bool = False,
    log: bool = False,
    stream: TextIO | None = None,
) -> str:
    """The curve of one schedule or several as lines of text; phase borders are vertical lines.

    Args:
        curves: a schedule, a list of them, or a dictionary of labels and schedules.
        updates: last position shown; None shows the longest horizon.
        lr: the peak learning rate; 1.0 shows shares of the peak.
        width: columns; None takes the terminal's, at most 100.
        height: rows.
        color: add ANSI colors.
        log: a logarithmic axis; values of 0 are left out.
        stream: where it will be written, braille only if its encoding has it; None takes standard output.
    """
    width = width or terminal_width()
    # Two dots a column, and as many again between them: a wave as short as a column still fills it.
    sampled = sample(curves, updates, lr, points=4 * width)
    return draw_series(
        {curve.label: (curve.positions, curve.values) for curve in sampled},
        what=_("learning rate") if lr != 1.0 else _("share of the peak"),
        borders=sorted({border for curve in sampled for border in curve.borders if border}),
        width=width,
        height=height,
        color=color,
        log=log,
        stream=stream,
    )


def draw_series(
    series: Mapping[str, Series],
    *,
    what: str = _("learning rate"),
    borders: Sequence[float] = (),
    points: Sequence[str] = (),
    width: int | None = None,
    height: int = 18,
    color: bool = False,
    log: bool = False,
    stream: TextIO | None = None,
) -> str:
    """Values against updates as lines of text.

    Args:
        series: label to (updates, values).
        what: what the values are, for the title.
        borders: updates marked by vertical lines.
        points: labels drawn as dots instead of lines.
        width: columns; None takes the terminal's, at most 100.
        height: rows.
        color: add ANSI colors.
        log: a logarithmic axis; values of 0 are left out.
        stream: where it will be written, braille only if its encoding has it; None takes standard output.
    """
    return draw_lines(
        series,
        title=_("{what} by update, logarithmic", what=what) if log else _("{what} by update", what=what),
        borders=borders,
        points=points,
        width=width or terminal_width(),
        height=height,
        color=color,
        log=log,
        braille=can_show_braille(stream),
    )


def to_terminal(
    figure: Figure,
    *,
    width: int | None = None,
    height: int = 18,
    color: bool = False,
    stream: TextIO | None = None,
) -> str:
    """A figure as lines of text: a plan is drawn first, what was done on top of it.

    Args:
        figure: what to draw; of its marks the borders are drawn.
        width: columns; None takes the terminal's, at most 100.
        height: rows.
        color: add ANSI colors.
        stream: where it will be written, braille only if its encoding has it; None takes standard output.
    """
    ordered = sorted(figure.series, key=lambda one: one.style != "plan")
    return draw_series(
        {one.label: (one.x, one.y) for one in ordered},
        what=figure.y.title,
        borders=[mark.position for mark in figure.of("border")],
        points=[one.label for one in ordered if one.style == "points"],
        width=width,
        height=height,
        color=color,
        log=figure.y.log,
        stream=stream,
    )


def draw_lines(
    series: Mapping[str, Series],
    *,
    title: str = "",
    borders: Sequence[float] = (),
    points: Sequence[str] = (),
    width: int = 80,
    height: int = 18,
    color: bool = False,
    log: bool = False,
    braille: bool = True,
) -> str:
    """Lines and points over two axes, as text; a legend follows where there is more than one series.

    Args:
        series: label to (x values, y values); what is not finite is left out, as a gap.
        title: a line above.
        borders: x values marked by vertical lines behind the curves.
        points: labels drawn as single marks instead of lines.
        width: columns, all counted.
        height: rows with title and axes, without the legend.
        color: add ANSI colors.
        log: a logarithmic y axis; values that are not above 0 are left out.
        braille: whether letters beyond ASCII may be used.

    >>> print(draw_lines({"a": ([0, 5, 10], [0, 1, 0])}, title="up, down", width=24, height=9, braille=False))
            up, down
     +---------------------+
    1+         ***         |
     |       **   **       |
     |    ***       ***    |
     |  **             **  |
    0+**                 **|
     ++---------+---------++
      0         5         10
    """
    curves = {label: _pieces(*pair, log=log) for label, pair in series.items()}
    flat = [point for pieces in curves.values() for piece in pieces for point in piece]
    if not flat:
        return "\n".join(tell(line) for line in (title, _("(no value to draw)")) if line)
    # A logarithmic axis leaves the first update of a warm-up out, and still begins with it.
    left, right = _range([float(x) for xs, _ys in series.values() for x in xs if abs(x) < _ENDLESS])
    low, high = _range([y for _x, y in flat])
    rows = max(3, height - _OUTSIDE)
    y_ticks = _log_ticks(low, high, rows) if log else _ticks(low, high, most=max(2, (rows + 2) // 3))
    margin = max(map(len, y_ticks.values()), default=0)
    columns = max(8, width - margin - 2)
    # Labels as wide as the last one, four blanks between two.
    x_ticks = _ticks(left, right, most=max(2, columns // (len(_labels([left, right])[-1]) + 4)))

    canvas = _Canvas(columns, rows, (left, right), (low, high))
    marks = _marks_of([*series], points, braille)
    for index, (label, pieces) in enumerate(curves.items()):
        for piece in pieces:
            canvas.add(piece, marks[label], index, joined=label not in points)
    frame = _FRAME if braille else _ASCII_FRAME
    lines = canvas.framed(frame, y_ticks, x_ticks, margin, borders, color)
    if title:
        said = tell(title)
        lines.insert(0, " " * ((width - cells(said)) // 2) + said)
    if len(series) > 1:
        lines += _legend(marks, " " * (margin + 1), width, color)
    return "\n".join(line.rstrip() for line in lines)


def can_show_braille(stream: TextIO | None = None) -> bool:
    """Whether what is written to a stream, standard output unless told, may have braille and lines of frames in it."""
    encoding = getattr(stream or sys.stdout, "encoding", None)
    if encoding is None:  # text that stays text, as io.StringIO holds it
        return True
    try:
        "".join((chr(_BRAILLE), *_MARKS, *_FRAME)).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def terminal_width() -> int:
    """The terminal's columns, at most 100; 80 where the output is no terminal. ``COLUMNS`` has the last word."""
    try:
        columns = int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
        except (OSError, ValueError, AttributeError):
            columns = 80
    return min(_WIDEST, columns)


# --- Where points fall ----------------------------------------------------------------------------------------------


def _pieces(xs: Sequence[float], ys: Sequence[float], *, log: bool) -> list[list[tuple[float, float]]]:
    """The points in stretches without a gap, y values as their logarithm where the axis has it."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if abs(x) < _ENDLESS and abs(y) < _ENDLESS and (y > 0 or not log):  # NaN is not below it either
            pieces[-1].append((float(x), math.log10(y) if log else float(y)))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest, apart: what never changes is drawn in the middle."""
    low, high = min(values), max(values)
    if low == high:
        around = abs(low) / 2 or 0.5
        return low - around, high + around
    return low, high


class _Canvas:
    """The cells between the axes: dots of the curves that are drawn in them, and marks."""

    def __init__(self, columns: int, rows: int, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self.columns, self.rows, self._x, self._y = columns, rows, x_range, y_range
        self._dots: dict[tuple[int, int], int] = {}  # (column, row) to bits
        self._marks: dict[tuple[int, int], str] = {}
        self._curve: dict[tuple[int, int], int] = {}  # which curve a cell shows, for its color

    def column(self, x: float, fine: int = 1) -> int:
        """The column of an x value; ``fine`` = 2 counts columns of dots."""
        low, high = self._x
        return round((x - low) / (high - low) * (fine * self.columns - 1))

    def row(self, y: float, fine: int = 1) -> int:
        """The row of a y value from the top; ``fine`` = 4 counts rows of dots."""
        low, high = self._y
        return round((high - y) / (high - low) * (fine * self.rows - 1))

    def add(self, points: Sequence[tuple[float, float]], mark: str, curve: int, *, joined: bool) -> None:
        """Draw points, joined or not, in dots (an empty mark) or in a mark. What is drawn later lies above."""
        across, down = (2, 4) if mark == _LINE else (1, 1)
        places = [(self.column(x, across), self.row(y, down)) for x, y in points]
        for x, y in _joined(places) if joined else places:
            cell = (x // across, y // down)
            if mark == _LINE:
                self._dots[cell] = self._dots.get(cell, 0) | _DOTS[y % down][x % across]
                self._marks.pop(cell, None)
            else:
                self._marks[cell] = mark
            self._curve[cell] = curve

    def framed(
        self,
        frame: Sequence[str],
        y_ticks: Mapping[float, str],
        x_ticks: Mapping[float, str],
        margin: int,
        borders: Sequence[float],
        color: bool,
    ) -> list[str]:
        """The cells with axes and ticks around them, top to bottom."""
        top_left, top_right, low_left, low_right, flat, upright, y_tick, x_tick, top, inner, bottom = frame
        at_rows = {self.row(y): label for y, label in y_ticks.items()}
        at_columns = {self.column(x): label for x, label in x_ticks.items()}
        inside = [self.column(x) for x in borders if self._x[0] < x < self._x[1]]
        upper = "".join(top if column in inside else flat for column in range(self.columns))
        lower = "".join(
            x_tick if column in at_columns else bottom if column in inside else flat for column in range(self.columns)
        )
        lines = [f"{'':{margin}}{top_left}{upper}{top_right}"]
        for row in range(self.rows):
            label = at_rows.get(row, "")
            cells = "".join(self._shown((column, row), inside, inner, color) for column in range(self.columns))
            lines.append(f"{label:>{margin}}{y_tick if label else upright}{cells}{upright}")
        lines.append(f"{'':{margin}}{low_left}{lower}{low_right}")
        lines.append(_placed({margin + 1 + at: label for at, label in at_columns.items()}, margin + 2 + self.columns))
        return lines

    def _shown(self, cell: tuple[int, int], borders: Sequence[int], border: str, color: bool) -> str:
        if cell not in self._curve:
            return border if cell[0] in borders else " "
        letter = self._marks.get(cell) or chr(_BRAILLE + self._dots[cell])
        return _colored(letter, self._curve[cell]) if color else letter


def _joined(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The places and those on straight lines between them."""
    yield places[0]
    for (x, y), (next_x, next_y) in pairwise(places):
        steps = max(abs(next_x - x), abs(next_y - y))
        for step in range(1, steps + 1):
            yield x + round(step * (next_x - x) / steps), y + round(step * (next_y - y) / steps)


def _colored(text: str, curve: int) -> str:
    return f"\x1b[{_COLORS[curve % len(_COLORS)]}m{text}\x1b[0m"


# --- Ticks and legend -----------------------------------------------------------------------------------------------


def _ticks(low: float, high: float, most: int) -> dict[float, str]:
    """Round values in a range, at most so many where two are, with their labels."""
    # A step of 1, 2, 2.5 or 5 times a power of ten: what people count in.
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * power
        # The sum of the range's two ends may lie a rounding beside a multiple.
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            break
    values = [number * step for number in range(first, last + 1)]
    if len(values) < 2:  # a range whose round values lie outside it
        values = [low, high]
    return dict(zip(values, _labels(values), strict=True))


def _log_ticks(low: float, high: float, rows: int) -> dict[float, str]:
    """Powers of ten in a range of logarithms; where there are fewer than two, 2 and 5 times them as well."""
    most = max(2, rows // 2)
    decades = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    if len(decades) >= 2:
        every = math.ceil(len(decades) / most)
        short = decades[0] < -3 or decades[-1] > 6
        return {float(decade): _number(10.0**decade, 1, short and decade != 0) for decade in decades[::-1][::every]}
    around = range(math.floor(low), math.ceil(high) + 1)
    values = [math.log10(digit) + decade for decade in around for digit in (1, 2, 5)]
    inside = [value for value in values if low - 1e-9 <= value <= high + 1e-9]
    chosen = inside if len(inside) > 1 else [low, high]
    return dict(zip(chosen, _labels([float(f"{10.0**value:.3g}") for value in chosen]), strict=True))


def _labels(values: Sequence[float]) -> list[str]:
    """Numbers in as few digits as tell them apart and are right; all in the same notation.

    >>> _labels([0.0, 2.5e-05, 5e-05]), _labels([0.0, 0.25, 1.0]), _labels([0, 1000.0, 2000.0])
    (['0', '2.5e-5', '5e-5'], ['0', '0.25', '1'], ['0', '1000', '2000'])
    """
    largest = max(map(abs, values))
    near = largest * 1e-6
    short = largest >= 1e7 or 0 < largest < 1e-3
    for digits in range(1, 17):
        labels = [_number(value, digits, short) for value in values]
        right = all(abs(float(label) - value) <= near for label, value in zip(labels, values, strict=True))
        if right and len({*labels}) == len({*values}):
            break
    return labels


def _number(value: float, digits: int, short: bool) -> str:
    if not value:
        return "0"
    if not short:
        text = f"{value:.{digits}g}"
        return f"{float(text):.0f}" if "e" in text and abs(value) >= 1 else text
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return f"{float(mantissa):g}e{int(power)}" if digits < 7 else f"{mantissa}e{int(power)}"


def _placed(labels: Mapping[int, str], width: int) -> str:
    """A line with each label below its column; one that would touch the label before it is left out."""
    line = ""
    for column, label in sorted(labels.items()):
        start = max(0, min(column - (len(label) - 1) // 2, width - len(label)))
        if not line or start > len(line):
            line = line.ljust(start) + label
    return line


def _marks_of(labels: Sequence[str], points: Sequence[str], braille: bool) -> dict[str, str]:
    """Each curve's mark: dots for the first where there is braille, if it is a line; single dots are hardly seen."""
    marks = _MARKS if braille else _ASCII_MARKS
    dotted = braille and labels[0] not in points
    chosen = {label: marks[(index - dotted) % len(marks)] for index, label in enumerate(labels)}
    return {**chosen, labels[0]: _LINE} if dotted else chosen


def _legend(marks: Mapping[str, str], margin: str, width: int, color: bool) -> list[str]:
    """Every curve's mark and label: in one line where they fit, else a line each, long ones over several."""
    entries = []
    for index, (label, mark) in enumerate(marks.items()):
        shown = mark or _SAMPLE
        entries.append((_colored(shown, index) if color else shown, tell(label)))
    if len(margin) + sum(cells(label) + 5 for _mark, label in entries) - 3 <= width:
        return [margin + "   ".join(f"{mark} {label}" for mark, label in entries)]
    room = max(8, width - len(margin) - 2)
    lines = []
    for mark, label in entries:
        parts = _broken(label, room)
        lines += [f"{margin}{mark} {parts[0]}", *(f"{margin}  {part}" for part in parts[1:])]
    return lines


def _broken(label: str, room: int) -> list[str]:
    """A label in lines of at most ``room`` cells.

    >>> _broken("abcde", 2), _broken("a预热", 3)
    (['ab', 'cd', 'e'], ['a预', '热'])
    """
    lines = [""]
    for letter in label:
        if cells(lines[-1]) + cells(letter) > room:
            lines.append("")
        lines[-1] += letter
    return lines
