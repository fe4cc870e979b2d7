"""Every named schedule: its range, its borders, what follows its end, the field's numbers, the smallest runs."""

import inspect
import random
from itertools import product

import numpy as np
import pytest

import preheat
from preheat.schedule.named import _BUILDERS, _LENGTHS, schedule_name
from support.named_schedules import NO_WARMUP, OPTIONS, named

TOTAL = 10_000
STEEPEST = 0.08  # of the peak in one update of ten thousand: the logarithm's first step is 0.076
# Restarts, staircases, and the half cosine, which begins at half the peak.
JUMPING = {
    *("cosine_with_restarts", "warmupcosinewithhardrestarts", "sgdr", "wsd_s", "multistep", "step", "half_cosine"),
}
every_name = pytest.mark.parametrize("name", preheat.SCHEDULE_NAMES)
both_conventions = pytest.mark.parametrize("convention", ["transformers", "native"])


@every_name
@both_conventions
def test_named_schedules_are_shares_of_the_peak(name, convention):
    """Finite, never below zero, never above the peak: over the run and past it."""
    for total in (20, 100, 1000):
        factors = named(name, total, convention)(np.arange(2 * total + 5))
        assert np.isfinite(factors).all()
        assert factors.min() >= 0.0
        assert factors.max() <= 1.0


@every_name
@both_conventions
def test_named_schedules_are_continuous_at_their_borders(name, convention):
    """No jump where one phase hands over to the next, but in the schedules that are made of jumps."""
    schedule = named(name, TOTAL, convention)
    borders = [int(border) for border in schedule.borders if 0 < border < TOTAL]
    steps = np.abs(np.diff(schedule(np.arange(TOTAL))))
    if schedule_name(name) in JUMPING:
        assert steps.max() > 0.1
    else:
        assert all(steps[max(0, border - 2) : border + 2].max() <= STEEPEST for border in borders)
        assert steps.max() <= STEEPEST


@every_name
@both_conventions
def test_named_schedules_hold_their_end(name, convention):
    """At 100, 101, 150 and 200 % of the run there is one value: nothing rises again after the end."""
    schedule = named(name, TOTAL, convention)
    assert schedule.horizon == TOTAL
    held = [schedule(TOTAL * percent // 100) for percent in (100, 101, 150, 200)]
    assert held == [held[0]] * 4
    assert schedule(np.arange(TOTAL, TOTAL + 50)).tolist() == [held[0]] * 50


@every_name
def test_the_native_convention_is_one_update_ahead(name):
    """Its first update has left the start, and its warm-up is at the peak one update earlier."""
    ours, theirs = (named(name, 1000, convention) for convention in ("native", "transformers"))
    if name not in NO_WARMUP:
        assert [ours(k) for k in range(100)] == [theirs(k + 1) for k in range(99)] + [1.0]


GOLDEN_POSITIONS = (0, 1, 9, 10, 11, 55, 98, 99, 100, 101)
# P = 1, W = 10, T = 100: what each library's own code gave; transformers' own rows are in test_parity.
GOLDEN = {
    "Megatron cosine": (
        preheat.get_schedule("cosine", warmup=10, total=100),
        [0, 0.1, 0.9, 1, 0.99970, 0.5, 0.00122, 0.00030, 0, 0],
    ),
    "timm wsd": (
        preheat.get_schedule("wsd", warmup=10, total=100, decay=20),
        [0, 0.1, 0.9, 1, 1, 1, 0.05132, 0.02532, 0, 0],
    ),
    "timm cosine without prefix": (
        preheat.parse("transformers: warmup 10 > cosine 100 from 1 skip 10"),  # it had begun with the warm-up
        [0, 0.1, 0.9, 0.97553, 0.97044, 0.42178, 0.00099, 0.00025, 0, 0],
    ),
    "pytorch_warmup times CosineAnnealingLR": (
        preheat.warmup(10) * preheat.get_schedule("cosine", total=100),
        [0.1, 0.19995, 0.98015, 0.97553, 0.97044, 0.42178, 0.00099, 0.00025, 0, 0],  # torch rises again at 101
    ),
    "torch OneCycleLR": (
        preheat.get_schedule("one_cycle", total=100, pct_start=0.1),
        [0.04, 0.06895, 1, 0.99970, 0.99878, 0.48255, 0.00031, 0.000004, 0.000004, 0.000004],  # torch: .00031, error
    ),
    "optax cosine_onecycle": (
        preheat.parse("transformers: warmup cosine 10 from 0.04 > cosine 90 to 0.000004"),
        [0.04, 0.06349, 0.97651, 1, 0.99970, 0.5, 0.00122, 0.00031, 0.000004, 0.000004],
    ),
}


@pytest.mark.parametrize("peer", GOLDEN)
def test_golden_numbers_of_other_libraries(peer):
    """The values their own code printed, to the five digits they were noted with."""
    schedule, expected = GOLDEN[peer]
    assert [schedule(position) for position in GOLDEN_POSITIONS] == pytest.approx(expected, abs=5.1e-6)


def small_runs(name):
    """Runs of up to five updates, with up to six of warm-up and six in each length: all, or five hundred of them."""
    parameters = inspect.signature(_BUILDERS[schedule_name(name)]).parameters
    lengths = [key for key in parameters if key in _LENGTHS]
    runs = list(product(range(6), *[range(7)] * (1 + len(lengths))))
    for total, warmup, *updates in runs if len(lengths) < 2 else random.Random(name).sample(runs, 500):
        yield total, {"warmup": warmup, **dict(zip(lengths, updates, strict=True))}


@every_name
def test_the_smallest_runs_give_a_schedule_or_a_sentence(name):
    """Runs of 0 to 5 updates, warm-ups and phases of 0 to 6: an error that says so, or a share of the peak."""
    made = 0
    for total, lengths in small_runs(name):
        for convention in (None, "native"):
            try:
                schedule = named(name, total, convention, **lengths)
            except preheat.PreheatError:
                continue
            made += 1
            factors = [schedule(position) for position in range(3 * total + 1)]
            assert all(0.0 <= factor <= 1.0 for factor in factors), (total, lengths, convention, factors)
            assert schedule(range(3 * total + 1)) == pytest.approx(factors, abs=1e-12), (total, lengths)
    assert made


def test_every_option_in_the_table_is_of_a_name():
    """The table of options has no leftovers."""
    assert set(OPTIONS) <= set(preheat.SCHEDULE_NAMES)
    assert set(NO_WARMUP) <= set(preheat.SCHEDULE_NAMES)
