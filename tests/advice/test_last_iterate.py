"""The convex bound: published values, closed forms, what every shape has to obey."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.advice import bound, rank
from preheat.advice.last_iterate import constant_bound, terms, wsd_limit
from preheat.messages.languages import tell


def shape(name, updates):
    """A shape of the paper's, in the convention that its end falls on the update after the last."""
    words = {
        "constant": "hold forever",
        "cosine": "transformers: cosine to 0",
        "cosine to 10%": "transformers: cosine to 0.1",
        "linear": "transformers: linear to 0",
        "wsd 5%": "transformers: hold 95% > linear to 0",
        "wsd 10%": "transformers: hold 90% > linear to 0",
        "wsd 20%": "transformers: hold 80% > linear to 0",
        "wsd 20% 1-sqrt": "transformers: hold 80% > 1-sqrt to 0",
        "wsd 40%": "transformers: hold 60% > linear to 0",
        "wsd 80%": "transformers: hold 20% > linear to 0",
        "1-sqrt": "transformers: 1-sqrt to 0",
    }
    return preheat.parse(words[name]).over(updates)


# Bound and best peak at D = G = 1 over 400 updates: Schaipp et al. 2025, arXiv:2501.18965, by their package.
PUBLISHED = {
    "constant": (0.137545, 0.018176),
    "cosine": (0.103386, 0.048242),
    "cosine to 10%": (0.104053, 0.043595),
    "linear": (0.100630, 0.049563),
    "wsd 5%": (0.123623, 0.020715),
    "wsd 10%": (0.116136, 0.022630),
    "wsd 20%": (0.109323, 0.025374),
    "wsd 20% 1-sqrt": (0.107288, 0.026846),
    "wsd 40%": (0.103762, 0.030070),
    "1-sqrt": (0.101243, 0.073797),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_bound_is_the_published_one(name):
    """Every digit that was printed."""
    found = bound(shape(name, 400), updates=400)
    assert (found.bound, found.best_peak) == pytest.approx(PUBLISHED[name], abs=5.1e-7)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (1 / np.sqrt(np.arange(1, 401)), (0.122264, 0.212086)),
        (0.01 ** (np.arange(400) / 400), (0.113259, 0.102089)),
    ],
    ids=["inverse square root", "exponential to 1 %"],
)
def test_bound_of_values_is_the_published_one(values, expected):
    """Two shapes of the table that no phase of ours is exactly."""
    found = terms(values)
    assert (found.best, found.best_peak) == pytest.approx(expected, abs=5.1e-7)


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("constant", 1.570),
        ("cosine", 1.030),
        ("cosine to 10%", 1.087),
        ("wsd 10%", 1.143),
        ("wsd 20%", 1.081),
        ("wsd 40%", 1.029),
        ("wsd 80%", 1.001),
        ("1-sqrt", 1.007),
    ],
)
def test_ratio_to_linear_over_4000_updates(name, ratio):
    """Three decimals of the same source; for the constant it has 1.570 where the closed form gives 1.5695."""
    assert bound(shape(name, 4000), updates=4000).ratio == pytest.approx(ratio, abs=5.4e-4)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("linear", 0.999),
        ("cosine", 0.970),
        ("1-sqrt", 1.488),
        ("wsd 10%", 0.460),
        ("wsd 20%", 0.513),
        ("wsd 40%", 0.607),
        ("wsd 80%", 0.831),
    ],
)
def test_best_peak_over_4000_updates(name, peak):
    """In units of 1 / sqrt(updates)."""
    assert bound(shape(name, 4000), updates=4000).best_peak * math.sqrt(4000) == pytest.approx(peak, abs=5.1e-4)


@pytest.mark.parametrize("updates", [2, 3, 50, 4000, 1_000_000])
def test_constant_has_a_closed_form(updates):
    """sqrt((1 + H(T - 1)) / T), to 1e-12."""
    found = bound("hold forever", updates=updates)
    assert (found.bound, found.best_peak) == pytest.approx(constant_bound(updates), rel=1e-12)


@pytest.mark.parametrize("updates", [100, 400, 4000])
@pytest.mark.parametrize("cooldown", [10, 20, 50, 90])
def test_wsd_is_below_its_closed_limit(updates, cooldown):
    """The paper's simplified bound for a linear cool-down is an upper one, and no worse than 1.6 times it."""
    at = updates * (100 - cooldown) // 100
    found = bound(f"transformers: hold {at} > linear {updates - at} to 0")
    assert found.bound <= wsd_limit(updates, at) <= 1.6 * found.bound


# Exact worst cases over 60 updates, found by performance estimation (Schaipp et al. 2025).
@pytest.mark.parametrize(
    ("name", "worst"), [("linear", 0.1292), ("cosine", 0.1332), ("wsd 20%", 0.1396), ("constant", 0.1781)]
)
def test_bound_is_above_the_exact_worst_case(name, worst):
    """By a factor near 2."""
    assert 1.7 < bound(shape(name, 60), updates=60).bound / worst < 2.1


def test_bound_of_the_inverse_square_root_is_above_the_exact_worst_case():
    """The fifth of that source, which no phase of ours is exactly."""
    assert terms(1 / np.sqrt(np.arange(1, 61))).best / 0.1542 == pytest.approx(1.83, abs=0.01)


rates = st.lists(st.floats(0.01, 1), min_size=2, max_size=60).map(np.array)


@given(rates, st.floats(1e-6, 1e6), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter(values, scale, norm, distance):
    """Rates times c: the best peak over c. Norms and distance: the bound by both, the peak by their quotient."""
    plain, scaled = terms(values), terms(values * scale, norm, distance)
    assert scaled.best == pytest.approx(plain.best * norm * distance)
    assert scaled.best_peak * scale == pytest.approx(plain.best_peak * distance / norm)
    assert scaled.at(scaled.best_peak) == pytest.approx(scaled.best)
    assert scaled.at(1.3 * scaled.best_peak) > scaled.best


@given(rates)
def test_parts_add_up(values):
    """Updates' parts to the terms; the definition, written as sums of sums, to the same."""
    found = terms(values)
    assert found.start_parts.sum() == pytest.approx(1)
    assert (found.noise_parts.sum(), found.last_parts.sum()) == pytest.approx((found.noise, found.last))
    slow = sum(
        values[k] / values[k + 1 :].sum() * (values[k:] ** 2).sum() / values[k:].sum() for k in range(len(values) - 1)
    )
    assert found.last == pytest.approx(slow / 2)


@given(rates)
def test_nothing_is_below_linear_but_for_the_last_rate(values):
    """Linear decay is worst-case optimal, up to 3 / T: the last rate does not move the last iterate, only the bound."""
    line = terms(np.arange(len(values), 0, -1) / len(values)).best
    assert terms(values).best >= line * (1 - 3 / len(values))


@pytest.mark.parametrize("updates", [400, 1000, 40_000])
def test_linear_is_lowest_of_the_named_shapes(updates):
    """At constant norms."""
    assert all(bound(shape(name, updates), updates=updates).ratio >= 1.0 for name in PUBLISHED)


@given(st.sampled_from(sorted(PUBLISHED)), st.integers(20, 400))
def test_longer_is_better(name, updates):
    """The bound falls with the horizon, and so does the best peak."""
    short, long = (bound(shape(name, total), updates=total) for total in (updates, 2 * updates))
    assert long.bound < short.bound
    assert long.best_peak < short.best_peak


def test_phases_share_the_bound():
    """All shares add up to 1, whatever is left out."""
    found = bound("warmup 10% > hold > linear 20% to 0", updates=1000)
    assert [(one.first, one.last) for one in found.phases] == [(0, 99), (100, 799), (800, 999)]
    for name in ("share", "start", "noise", "iterate"):
        assert sum(getattr(one, name) for one in found.phases) == pytest.approx(1)
    assert found.notes[0] == "1 of 1000 updates at 0 change nothing and are left out"


def test_curve_ends_at_the_bound():
    """The bound along the run at the whole run's best peak: slow under a constant rate, fast in the cool-down."""
    found = bound("hold 80% > linear to 0", updates=1000, curve=40)
    ends, bounds = zip(*found.curve, strict=True)
    assert ends[-1] == 999  # the last update is at 0
    assert bounds[-1] == pytest.approx(found.bound)
    assert bounds[-1] < 0.8 * dict(found.curve)[min(ends, key=lambda end: abs(end - 800))]


def test_measured_norms_can_favor_a_warm_up():
    """Constant norms never do; large early gradients do. Fewer norms than updates are equal stretches."""
    climbing, plain = "warmup 10% > linear to 0", "linear to 0"
    norms = np.where(np.arange(100) < 10, 10.0, 1.0)
    with pytest.raises(preheat.ScheduleError, match=r"warm-up must be the same in schedules to be ranked; got \[0, 99"):
        rank([climbing, plain], updates=1000)
    assert rank([climbing, plain], updates=1000, grad_norms=norms).bounds[0].schedule == climbing
    spread = np.repeat(norms, 10)
    assert bound(plain, updates=1000, grad_norms=norms).bound == bound(plain, updates=1000, grad_norms=spread).bound


def test_two_conventions_of_one_warmup_are_ranked():
    """One update apart is no other warm-up; another curve or length is."""
    native = preheat.parse("warmup 100 > linear 900 to 0")
    assert len(rank([native, native.with_convention("transformers")]).bounds) == 2
    for other in ("warmup 120 > linear 880 to 0", "cosine 100 from 0 to 1 > linear 900 to 0"):
        with pytest.raises(preheat.ScheduleError, match="warm-up must be the same"):
            rank([native, other])


def test_a_last_step_to_almost_nothing_is_noted():
    """The bound blows up there, while the last iterate does not depend on that rate."""
    found = bound("transformers: linear 399 to 0.0025 > hold 1 at 0.000001")
    assert any("judge the shape without them" in note for note in found.notes)
    for name in PUBLISHED:
        assert bound(shape(name, 4000), updates=4000).notes == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": "hold forever"}, "updates must be given; got None"),
        ({"schedule": "hold 10 at 0"}, "schedule must be above 0 for two updates at least"),
        ({"schedule": "linear 10", "grad_norms": [1.0, 0.0]}, "grad_norms must be finite and > 0; got 0.0"),
        ({"schedule": "linear 10", "grad_norms": [1.0] * 11}, r"grad_norms must be a list of numbers; got 'shape \(11"),
        ({"schedule": "linear 10", "distance": 0}, "distance must be > 0; got 0"),
        ({"schedule": "linear 10", "updates": 1}, "updates must be >= 2; got 1"),
        ({"schedule": 7, "updates": 10}, "schedule must be a Schedule, or one in words; got 7"),
    ],
)
def test_score_refuses(arguments, message):
    """With the value."""
    with pytest.raises(preheat.ScheduleError, match=message):
        bound(**arguments)


def test_ranking_refuses_runs_of_different_length():
    """And one schedule that is no list."""
    with pytest.raises(preheat.ScheduleError, match=r"updates must be the same in every run; got \[10, 20\]"):
        rank(["linear 10", "linear 20"])
    with pytest.raises(preheat.ScheduleError, match="schedules must be a list of one or more"):
        rank("linear 10")


def test_results_are_plain_data_and_words():
    """JSON, and assumptions with every answer."""
    ranking = rank(["linear to 0", "cosine to 0"], updates=100)
    assert json.loads(json.dumps(ranking.to_dict()))["scores"][0]["schedule"] == "linear to 0"
    assert "cannot say: what the loss will be" in str(ranking)
    assert "cannot say: what the loss will be" in str(ranking.bounds[0])


def test_a_ranking_is_told_in_chinese():
    """A whole screen: the table's columns stay below each other, its notes and assumptions are sentences."""
    ranking = rank(["linear to 0", "hold 80% > linear to 0"], updates=1000)
    assert tell(ranking.explain(), "zh").splitlines() == [
        "学习率调度                    上界  相对线性衰减    最佳峰值  相对线性衰减",
        "linear to 0               0.063466        1.0005    0.031544        1.0015",
        "hold 80% > linear to 0    0.068736        1.0836    0.016174        0.5135",
        "注：1000 步中有 1 步的学习率为 0，不改变任何东西，已略去",
        "前提：损失是凸的，用普通 SGD 走一条路径，梯度范数如上所述；上界针对末次迭代。",
        "可以说明：各自取最佳峰值时哪种形状更好，以及各最佳峰值之比。",
        "不能说明：损失会是多少、该预热多久；也不涉及动量、权重衰减和重复的数据。",
    ]
    [message] = ranking.to_dict()["scores"][0]["note_messages"]
    assert message["id"].startswith("{zeros} of {updates} updates")
    assert message["arguments"] == {"zeros": 1, "updates": 1000}
