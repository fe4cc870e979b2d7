"""Curves as text: where points fall, what ticks say, and the ASCII form."""

import io
import math

import pytest

from preheat.view.terminal import can_show_braille, draw_lines, draw_series

RAMP = ([0, 50, 100], [0.0, 0.5, 1.0])


def test_a_line_goes_from_corner_to_corner():
    """The first value in the lowest row of dots, the last in the highest."""
    lines = draw_lines({"a": RAMP}, width=40, height=14).splitlines()
    assert lines[-3].startswith("  0┤⡠")
    assert lines[1].startswith("  1┤")
    assert lines[1].endswith("⠊│")
    assert lines[-1].split() == ["0", "25", "50", "75", "100"]


@pytest.mark.parametrize("width", [20, 40, 80, 100])
@pytest.mark.parametrize("log", [False, True])
def test_nothing_is_wider_than_asked_for(width, log):
    """Labels of any length, of ticks and of curves."""
    series = {"a": ([0, 123456], [1e-7, 3e-4]), "warmup 10% > hold > linear 20% to 0.1, and so on": ([0, 9], [1e-6, 0])}
    text = draw_lines(series, title="both", width=width, log=log)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 1e-4], ["1e-4", "5e-5", "0"]),
        ([0, 0.73], ["0.6", "0.4", "0.2", "0"]),
        ([3.0, 3.0], ["4", "3", "2"]),
        ([-2.5e6, 5e6], ["4000000", "2000000", "0", "-2000000"]),
    ],
)
def test_ticks_are_round_and_in_one_notation(values, labels):
    """Multiples of 1, 2, 2.5 or 5 times a power of ten."""
    lines = draw_lines({"a": ([0, 1], values)}, height=14).splitlines()
    assert [line.partition("┤")[0].strip() for line in lines if "┤" in line] == labels


def test_a_logarithmic_axis_has_powers_of_ten_and_leaves_zeros_out():
    """The axis of updates begins where the curve does, zeros included."""
    text = draw_lines({"a": ([0, 1, 2, 3], [0.0, 1e-5, 1e-3, 1e-2])}, log=True, width=40)
    assert [line.partition("┤")[0].strip() for line in text.splitlines() if "┤" in line] == [
        "1e-2",
        "1e-3",
        "1e-4",
        "1e-5",
    ]
    assert text.splitlines()[-1].split()[0] == "0"


def test_what_is_not_finite_is_a_gap():
    """No line is drawn across it; nothing at all is said to be so."""
    whole, broken = (
        draw_lines({"a": ([0, 1, 2, 3], [1.0, 1.0, middle, 1.0])}, width=40, height=9) for middle in (1.0, math.nan)
    )
    assert broken.count("⠤") < whole.count("⠤")
    assert draw_lines({"a": ([0, 1], [math.inf, -math.inf])}, title="t") == "t\n(no value to draw)"


def test_curves_are_told_apart_without_color_and_by_it():
    """A mark each, shown in the legend; points are not joined."""
    text = draw_series({"plan": RAMP, "log": ([0, 100], [1.0, 0.0])}, points=["log"], width=40)
    assert text.splitlines()[-1].split() == ["⣀", "plan", "•", "log"]
    assert sum(line.count("•") for line in text.splitlines()[:-1]) == 2
    colored = draw_series({"plan": RAMP, "log": RAMP}, width=40, color=True)
    assert "\x1b[36m" in colored.splitlines()[-1]
    assert "\x1b[33m" in colored.splitlines()[-1]


@pytest.mark.parametrize(("encoding", "braille"), [("utf-8", True), ("utf-16", True), ("gbk", False), ("ascii", False)])
def test_an_encoding_without_braille_gets_ascii(encoding, braille):
    """The stream that is written to decides."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert can_show_braille(stream) is braille
    assert can_show_braille(io.StringIO())
    assert draw_series({"a": RAMP, "b": RAMP}, stream=stream, borders=[50]).isascii() is not braille
