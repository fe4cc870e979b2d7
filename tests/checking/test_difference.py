"""Two schedules, update by update."""

import numpy as np
import pytest
from hypothesis import given

import preheat
from support.strategies import schedules


@given(schedules, schedules)
def test_difference_is_what_the_values_say(a, b):
    """First update, gap, area and sums are those of the two arrays; the other way round they are the same."""
    updates = max(1, int(max(a.horizon, b.horizon)))
    k = np.arange(updates)
    apart = np.abs(a(k) - b(k))
    found = preheat.diff(a, b, updates=updates)
    assert found.gap == pytest.approx(apart.max(), abs=1e-12)
    assert found.area == pytest.approx(apart.sum(), abs=1e-9)
    assert found.sums == pytest.approx((a(k).sum(), b(k).sum()))
    assert found.same == bool((apart <= 1e-12 * np.maximum(a(k), b(k))).all())
    if not found.same:
        assert apart[found.first] > 0
        assert (apart[: found.first] <= 1e-12).all()
    back = preheat.diff(b, a, updates=updates)
    assert (back.first, back.gap, back.area) == (found.first, found.gap, found.area)


def test_convention_is_a_difference_and_spelling_is_not():
    """The same phases one update apart; the same schedule by name and in words."""
    named = preheat.get_schedule("linear", warmup=100, total=1000)
    assert preheat.diff(named, "transformers: warmup 10% > linear", updates=1000).same
    shifted = preheat.diff(named, "warmup 10% > linear", updates=1000)
    assert (shifted.first, shifted.gap) == (0, pytest.approx(0.01))
    assert "first difference at update 0; largest at update" in str(shifted)


def test_lengths_are_asked_for():
    """Two endless schedules."""
    with pytest.raises(preheat.ScheduleError, match="Neither schedule has an end"):
        preheat.diff("hold forever", "warmup 3 > hold forever")
