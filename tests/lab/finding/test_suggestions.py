"""Curves with a known steepest point, a known minimum, a known turn: what each rule reads off them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preheat.lab.finding.range_test import curve_of, longest_fall, smooth, suggest
from preheat.lab.finding.search import CriticalLR

FOUND = CriticalLR(0.02, (0.019, 0.021), 2.3, 8)
STEEPEST, LOWEST = 1e-3, 1e-2


def planted(decades, noise=0.0, seed=0):
    """From 2.3 down by 1.2, steepest at 1e-3, and up steeply from 1e-1 on."""
    fall = 1.2 / (1 + np.exp(-4 * (decades + 3)))
    rise = 10 * np.exp(5 * (decades + 0.7))
    return 2.3 - fall + rise + noise * np.random.default_rng(seed).standard_normal(len(decades))


def read(losses, lrs, *, smoothing=0.8, complete=True, critical=FOUND):
    """Every rule's suggestion by its name."""
    return {one.name: one for one in suggest(curve_of(lrs, losses, smoothing, complete), critical)}


def known(many=100, noise=0.0, seed=0, smoothing=0.8, spacing=np.geomspace, start=1e-7):
    lrs = spacing(start, 1.0, many)
    return read(planted(np.log10(lrs), noise, seed), lrs, smoothing=smoothing)


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.8, 0.9])
@pytest.mark.parametrize("many", [60, 100, 237, 1000])
def test_the_number_of_points_moves_no_suggestion(many, smoothing):
    """Each within the spacing of the points of where it was planted; a one-sided average would lag by a factor of 4."""
    tolerance = 1.6 * 7 / (many - 1) + (0.1 if smoothing == 0.9 else 0.0)  # decades
    found = known(many, smoothing=smoothing)
    assert math.log10(found["steepest"].lr / STEEPEST) == pytest.approx(0, abs=tolerance)
    reference = known(1000, smoothing=0.0)
    for name in ("valley", "slide") if many >= 100 else ():
        assert math.log10(found[name].lr / reference[name].lr) == pytest.approx(0, abs=tolerance + 0.1)
    shift = math.log10(found["minimum / 10"].lr / reference["minimum / 10"].lr)
    assert shift == pytest.approx(0, abs=tolerance + 0.15)


def test_the_spacing_moves_no_suggestion():
    """Linear points lie dense at the top of the range: slopes by index, or by the rate itself, would be elsewhere."""
    lrs = np.linspace(1e-4, 1e-2, 300)
    found = read(2.3 - 1.2 / (1 + np.exp(-8 * (np.log10(lrs) + 3))), lrs, smoothing=0.0)
    assert found["steepest"].lr == pytest.approx(1e-3, rel=0.05)


@given(seed=st.integers(0, 1000))
def test_noise_moves_the_steepest_point_little(seed):
    """Half a decade at most, with batches whose losses differ by a twentieth of the fall."""
    found = known(noise=0.06, seed=seed)
    assert abs(math.log10(found["steepest"].lr / STEEPEST)) < 0.5
    assert abs(math.log10(found["minimum / 10"].lr / 1e-3)) < 0.5


@given(scale=st.floats(0.1, 10), offset=st.floats(-5, 5))
def test_scale_and_offset_of_the_loss_move_no_suggestion(scale, offset):
    """All but "slide", whose level is an absolute number by its definition."""
    lrs = np.geomspace(1e-7, 1.0, 100)
    losses = planted(np.log10(lrs))
    plain, other = read(losses, lrs), read(offset + scale * losses, lrs)
    for name in ("steepest", "minimum / 10"):
        assert other[name].lr == pytest.approx(plain[name].lr)
    assert other["valley"].lr == pytest.approx(plain["valley"].lr, rel=0.3)  # the flat part's last digits


def test_the_climb_does_not_leak_into_the_fall():
    """Whatever the heights of the divergence, and however early an isolated spike comes before the lowest average."""
    lrs = np.geomspace(1e-7, 1.0, 100)
    losses = planted(np.log10(lrs))
    plain = read(losses, lrs)
    for height in (10.0, 1e6, 1e30):
        higher = np.where((losses > 2.3) & (lrs > LOWEST), height, losses)
        assert {name: one.lr for name, one in read(higher, lrs).items() if name != "slide"} == {
            name: one.lr for name, one in plain.items() if name != "slide"
        }


def test_the_minimum_rule_divides_by_ten():
    """Without smoothing exactly."""
    lrs = np.geomspace(1e-5, 1.0, 61)
    losses = 1 + (np.log10(lrs) + 2) ** 2
    found = read(losses, lrs, smoothing=0.0)["minimum / 10"]
    assert found.lr == pytest.approx(1e-3)
    assert found.reason == "a tenth of 0.01, where the loss is lowest"


def test_the_steepest_point_lies_before_the_lowest():
    """What falls after the loss has been up again is the luck of a divergence."""
    losses = np.concatenate([np.linspace(3, 1, 60), np.linspace(1.1, 2.8, 10), np.linspace(2, 1.2, 3)])
    lrs = np.geomspace(1e-6, 1, len(losses))
    assert read(losses, lrs)["steepest"].lr < lrs[60]


def test_the_valley_rule_goes_half_way():
    """From 1e-6 to 1e-2 the loss falls: half-way in decades is 1e-4; a bump is no part of the longest fall."""
    lrs = np.geomspace(1e-6, 1.0, 61)
    decades = np.log10(lrs)
    losses = np.where(decades <= -2 + 1e-9, 3 - 0.4 * (decades + 6), 1.4 + (decades + 2))
    losses[20] += 0.5
    found = read(losses, lrs, smoothing=0.0)["valley"]
    assert found.lr == pytest.approx(1e-4)
    assert found.reason == "half-way through the longest fall, from 1e-06 to 0.01"


def test_the_slide_rule_stands_left_of_the_turn():
    """Level to 1e-4, steadily down to 1e-2, then up: the slopes agree once the window lies on the fall as a whole."""
    decades = np.linspace(-6, -1.5, 451)
    losses = np.interp(decades, [-6, -4, -2, -1.5], [3.0, 3.0, 1.0, 2.9])
    found = read(losses, 10**decades, smoothing=0.0)["slide"]
    assert math.log10(found.lr) == pytest.approx(-2 - 1.2, abs=0.05)


@pytest.mark.parametrize(
    ("losses", "complete", "reasons"),
    [
        (np.full(80, 2.0), True, dict.fromkeys(("steepest", "minimum / 10", "valley", "slide"), "never falls below")),
        (
            np.linspace(2, 3, 80),
            True,
            dict.fromkeys(("steepest", "minimum / 10", "valley", "slide"), "2 can be read: the loss rises at once"),
        ),
        (
            2 + 0.1 * np.random.default_rng(0).standard_normal(80),
            True,
            dict.fromkeys(("steepest", "minimum / 10"), "within the noise of the batches"),
        ),
        (
            3 - np.linspace(0, 1, 80) ** 4,
            True,
            {
                "steepest": "fastest at the end of the range, 1: raise it",
                "minimum / 10": "still falls at the end of the range, 1: raise it",
                "valley": "goes on to the end of the range, 1: raise it",
            },
        ),
        (
            np.concatenate([3 - np.linspace(0, 1, 40) ** 0.3, np.linspace(2, 2.9, 40)]),
            True,
            {"steepest": "fastest at the start of the range, 1e-07: lower it"},
        ),
        (np.linspace(3, 2, 80), True, {"slide": "there is no turn to slide from"}),
        (np.linspace(3, 2, 8), True, {"steepest": "10 points are needed and 8 can be read"}),
        ([2.0, 5.0, 9.0, math.inf], False, {"valley": "can be read: the loss rises at once, so start lower"}),
        ([math.nan], False, {"slide": "10 points are needed and 0 can be read: the loss rises at once"}),
    ],
    ids=["flat", "rises", "noise", "range too short", "starts too high", "falls", "few", "at once", "nan"],
)
def test_none_says_why(losses, complete, reasons):
    """A rule that finds nothing gives no rate."""
    found = read(losses, np.geomspace(1e-7, 1, len(losses)), smoothing=0.0, complete=complete)
    for name, reason in reasons.items():
        assert found[name].lr is None, name
        assert reason in found[name].reason, name
        assert str(found[name]).startswith(f"{name}: none, because ")


def test_every_rule_is_always_there():
    """In one order, whatever is found."""
    names = ["steepest", "minimum / 10", "valley", "slide", "critical"]
    assert list(known()) == names
    assert list(read([math.nan], [1.0])) == names


def test_the_critical_rate_is_a_bound_and_says_so():
    """Or has the search's own reason."""
    assert known()["critical"].lr == 0.02
    assert "a bound on the peak" in known()["critical"].reason
    none = CriticalLR(None, None, 2.0, 1, "the update moves no weight")
    assert str(read([2.0], [1.0], critical=none)["critical"]) == "critical: none, because the update moves no weight"


@given(values=st.lists(st.floats(-10, 10), min_size=1, max_size=12))
def test_longest_fall_is_the_longest(values):
    """Against every subsequence there is."""

    def falls(start):
        later = [1 + falls(at) for at in range(start + 1, len(values)) if values[at] < values[start]]
        return max(later, default=1)

    first, last, many = longest_fall(values)
    assert many == max(map(falls, range(len(values))))
    assert first <= last
    assert (first == last) == (many == 1)
    assert many == 1 or values[first] > values[last]


@given(
    values=st.lists(st.floats(-10, 10), min_size=2, max_size=40),
    smoothing=st.sampled_from([0.0, 0.5, 0.9, 0.99]),
)
def test_smoothing_has_no_lag_and_keeps_the_range(values, smoothing):
    """Reversed values give reversed averages; no average leaves the range; 0 changes nothing."""
    array = np.array(values)
    averaged = smooth(array, smoothing)
    assert smooth(array[::-1], smoothing)[::-1] == pytest.approx(averaged, rel=1e-9, abs=1e-9)
    assert averaged.min() >= array.min() - 1e-9
    assert averaged.max() <= array.max() + 1e-9
    assert smoothing or averaged.tolist() == values
