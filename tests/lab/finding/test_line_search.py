"""The line search finds the crossing within its stated bracket, or says why there is none."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import preheat
from preheat.lab.finding import line_search

sizes = st.floats(1e-5, 1e5)


@example(crossing=1.0, start=1.0, power=2.0, offset=0.0)  # exactly at the crossing
@given(crossing=sizes, start=st.floats(1e-8, 1e8), power=st.floats(1.1, 6), offset=st.floats(-10, 10))
def test_crossing_of_a_convex_loss_is_in_the_bracket(crossing, start, power, offset):
    """s**p - s * c**(p-1) is convex, 0 at 0 and again at c only; three bisections leave an eighth of a doubling."""
    found = line_search(lambda size: offset + 4 * ((size / crossing) ** power - size / crossing), start, reach=1e20)
    low, high = found.bracket
    assert low * (1 - 1e-9) <= crossing <= high * (1 + 1e-9)
    assert high / low <= 2 ** (1 / 8) * (1 + 1e-9)
    assert low <= found.lr <= high
    assert found.evaluations == 1 + len(found.tried)
    assert found.reason == ""


@given(curvature=sizes, start=sizes)
def test_quadratic_gives_two_over_its_curvature(curvature, start):
    """Gradient descent on 0.5 * lam * x**2 from x = 1 multiplies x by 1 - s * lam: the loss is back at s = 2 / lam."""

    def loss_along(size):
        return 0.5 * curvature * (1 - size * curvature) ** 2

    found = line_search(loss_along, start, reach=2.0**50, bisections=30)
    assert found.lr == pytest.approx(2 / curvature, rel=1e-6)
    assert found.sharpness == pytest.approx(curvature, rel=1e-6)


@pytest.mark.parametrize(("start", "most"), [(1.0, 7), (0.3, 8), (4.0, 8), (0.02, 12)])
def test_search_is_as_cheap_as_it_says(start, most):
    """From within a factor of 2 seven losses do."""
    calls = []
    line_search(lambda size: calls.append(size) or (1 - size / 0.6) ** 2, start)
    assert len(calls) <= most
    assert calls[0] == 0.0
    assert len(set(calls)) == len(calls)


def nowhere(size):
    return 1.0 if size == 0 else math.nan


@pytest.mark.parametrize(
    ("loss_along", "reason"),
    [
        (lambda size: 3.0, "the loss stays at 3 along the direction, up to a size of"),
        (lambda size: 3.0 - size, "the loss never rises above 3, up to a size of 1.1e+09"),
        (
            lambda size: 3.0 + size,
            "the direction raises the loss at every size that changes it, from 9.09e-16 to 0.001",
        ),
        (lambda size: max(3.0, 2.99 + size), "the direction raises the loss at every size that changes it"),
        (nowhere, "the loss is not finite at any size down to"),
        (lambda size: math.nan, "the loss is nan before any step"),
        (lambda size: math.inf, "the loss is inf before any step"),
    ],
    ids=["flat", "falls", "rises", "level then rises", "nan", "nan at once", "inf at once"],
)
def test_none_found_says_why(loss_along, reason):
    """No rate, no bracket, and a reason."""
    found = line_search(loss_along, 1e-3)
    assert (found.lr, found.bracket, found.sharpness) == (None, None, None)
    assert found.reason.startswith(reason)
    assert str(found) == f"no critical learning rate, because {found.reason}"
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_loss_that_is_not_finite_counts_as_above():
    """What overflows is no descent."""
    found = line_search(lambda size: -size if size < 1.5 else math.nan, 0.1)
    low, high = found.bracket
    assert low < 1.5 <= high
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["tried"][-1][1] is not None
    assert None in [loss for _, loss in found.to_dict()["tried"]]


def test_a_size_exactly_at_the_crossing_is_not_above():
    """The loss of size 1 is that of no step: the smallest that raises it lies above."""
    found = line_search(lambda size: size * (size - 1), 4.0)
    assert found.bracket[0] == 1.0
    assert found.bracket[1] > 1.0


@pytest.mark.parametrize("start", [0.0, -1.0, math.nan, math.inf, True, "1"])
def test_refuses_a_start_that_is_no_rate(start):
    """By name."""
    with pytest.raises(preheat.ScheduleError, match="start must be"):
        line_search(lambda size: size, start)


def test_dips_of_rounding_are_no_way_down():
    """An ascent whose losses wobble by less than the stated rounding has no crossing; without it, one is made up."""

    def uphill(size):
        return 1.0 + size + (1e-8 * math.sin(1e9 * size) if size else 0.0)

    assert line_search(uphill, 1.0).lr is not None
    found = line_search(uphill, 1.0, rounding=1e-6)
    assert found.lr is None
    assert found.reason.startswith("the direction raises the loss at every size that changes it")
    assert line_search(lambda size: 1.0 + size * (size - 2), 1.0, rounding=1e-6).lr == pytest.approx(2, rel=0.05)
