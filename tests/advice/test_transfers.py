"""Learning rates carried over: measured ratios, horizons, longer runs."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.advice import bound, transfer, transfer_horizon

# ln(best peak of linear / of a linear cool-down over this share): 124M Llama, 50k updates, warm-up of 300; best peaks
# by a fit of a / peak + b peak + c to the final losses (logs of Schaipp et al. 2025, arXiv:2501.18965).
MEASURED = {10: 0.818, 20: 0.667, 40: 0.470, 60: 0.311, 80: 0.163, 90: 0.067}
BY_THE_BOUND = {10: 0.771, 20: 0.661, 40: 0.495, 60: 0.341, 80: 0.179, 90: 0.090}


@pytest.mark.parametrize("share", MEASURED)
def test_ratio_is_within_5_percent_of_the_measured_one(share):
    """And to three digits the one that was published with it."""
    before = f"transformers: warmup 300 > hold > linear {share}% to 0"
    found = transfer(1e-3, before, "transformers: warmup 300 > linear to 0", updates=50_000)
    assert math.log(found.ratio) == pytest.approx(BY_THE_BOUND[share], abs=5.1e-4)
    assert math.log(found.ratio) == pytest.approx(MEASURED[share], abs=0.05)
    assert found.lr == pytest.approx(1e-3 * found.ratio)
    assert found.notes == ()


@pytest.mark.parametrize(("shape", "ratio"), [("linear", 1.95), ("cosine", 1.89)])
def test_full_decay_takes_twice_the_rate_of_a_fifth(shape, ratio):
    """Linear 1.95 times, cosine 1.89 times the peak of a cool-down over 20 %."""
    found = transfer(1.0, "transformers: hold 80% > linear to 0", f"transformers: {shape} to 0", updates=4000)
    assert found.ratio == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize(("to", "share"), [(75_000, 0.45), (100_000, 0.63), (150_000, 0.88), (200_000, 1.0)])
def test_longer_run_keeps_the_peak(to, share):
    """From 50k updates with a cool-down of 20 %."""
    before = preheat.parse("warmup 300 > hold > linear 20% to 0").over(50_000)
    longer = transfer_horizon(before, to)
    assert longer.cooldown == pytest.approx(share, abs=0.006)
    assert longer.schedule.horizon == longer.updates == to
    if to < 200_000:
        assert bound(longer.schedule).best_peak == pytest.approx(bound(before).best_peak, rel=1e-4)
        shared = min(longer.cooldown_at, 40_000)
        assert np.array_equal(longer.schedule(range(shared)), before(range(shared)))
    else:
        assert longer.ratio == pytest.approx(0.97, abs=0.005)
        assert "no cool-down keeps the peak" in longer.notes[0]


@given(
    st.sampled_from(["linear to 0", "cosine to 0", "hold > linear 20% to 0", "hold forever"]),
    st.sampled_from(["linear to 0", "cosine to 0.1", "1-sqrt to 0"]),
    st.integers(20, 200),
    st.integers(20, 200),
)
def test_there_and_back_is_where_it_was(source, target, updates, other):
    """A transfer and its reverse; two transfers and one over both."""
    there = transfer(1e-3, source, target, updates=updates, target_updates=other)
    assert transfer(there.lr, target, source, updates=other, target_updates=updates).lr == pytest.approx(1e-3)
    half = transfer(1e-3, source, source, updates=updates, target_updates=other)
    assert transfer(half.lr, source, target, updates=other).lr == pytest.approx(there.lr)


def test_doubts_are_said():
    """Floors, other warm-ups, far horizons."""
    floor = transfer(1e-3, "hold 80% > linear to 0", "cosine to 0.1", updates=4000)
    assert "one of them ends on a floor (the source at 0, the target at 0.1 of its peak)" in floor.notes[0]
    warmup = transfer(1e-3, "linear to 0", "warmup 10% > linear to 0", updates=4000)
    assert "the warm-ups differ (0 and 399 updates)" in warmup.notes[0]
    far = transfer(1e-3, "linear to 0", "linear to 0", updates=1000, target_updates=10_000)
    assert "one run is 10 times as long: with updates ** -0.3 the factor of the horizon would be 0.501" in far.notes[0]
    assert "cannot say" in str(far)
    assert json.loads(json.dumps(far.to_dict()))["ratio"] == pytest.approx(10**-0.5, rel=0.01)


def test_longer_run_says_which_checkpoint_it_needs():
    """A cool-down that begins before the shorter run's did."""
    longer = transfer_horizon("warmup 300 > hold > linear 20% to 0", 100_000, updates=50_000)
    assert "go on from a checkpoint of update 36496 or before" in str(longer)
    again = preheat.Schedule.from_dict(json.loads(json.dumps(longer.to_dict()))["schedule"])
    assert again == longer.schedule


@pytest.mark.parametrize("words", ["linear to 0", "cosine to 0", "1-sqrt to 0"])
def test_longer_run_of_a_decay_is_plain(words):
    """No plateau of no length, and the peak is 1 though the first update is a step below it."""
    assert str(transfer_horizon(words, 2000, updates=1000).schedule) == "linear 2000 to 0"
    assert str(transfer_horizon(f"warmup 10 > {words}", 2000, updates=1000).schedule) == "warmup 10 > linear 1990 to 0"
    longer = transfer_horizon("hold 800 at 0.5 > linear to 0", 1200, updates=1000)
    assert str(longer.schedule) == "hold 836 at 0.5 > linear 364 to 0"


def test_longer_run_says_what_is_doubtful():
    """A horizon far off, and a floor that goes."""
    longer = transfer_horizon("hold > linear 20% to 0.1", 10_000, updates=1000)
    assert "one run is 10 times as long: with updates ** -0.3 the factor of the horizon would be 0.501" in str(longer)
    assert "the shorter run ends at 0.1 of its peak, this one at 0" in str(longer)
    assert transfer_horizon("hold > linear 20% to 0", 1500, updates=1000).notes == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transfer(0, "linear to 0", "linear to 0", updates=9), "lr must be > 0; got 0"),
        (lambda: transfer(1e-3, "hold forever", "linear 9"), "updates must be given; got None"),
        (lambda: transfer_horizon("linear 100", 100), "to must be >= 101; got 100"),
        (
            lambda: transfer_horizon(preheat.parse("cosine 10 to 0").repeat(3), 100),
            "schedule must be one that stays at its peak",
        ),
        (lambda: transfer_horizon("linear 100", 200, shape="wavy"), "shape must be one of 'constant'"),
    ],
)
def test_refusals(call, message):
    """With the value."""
    with pytest.raises(preheat.ScheduleError, match=message):
        call()
