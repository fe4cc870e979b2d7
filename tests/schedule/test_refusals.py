"""Nonsense is refused at construction, by name and value."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from support.nonsense import NAMES, NAN, NEEDED, NONSENSE


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("warmup", "total", "message"), NONSENSE)
def test_get_schedule_refuses_nonsense(name, warmup, total, message):
    """The sentence names the argument, the rule and the value."""
    expected = message.format(warmup="warmup", total="total")
    with pytest.raises(preheat.ScheduleError) as caught:
        preheat.get_schedule(name, warmup=warmup, total=total, **NEEDED.get(name, {}))
    assert str(caught.value).startswith(f"{expected}.")
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("warmup", "total", "message"),
    [
        (2.5, 10, "warmup must be a whole number; got 2.5"),
        (2, 10.5, "total must be a whole number; got 10.5"),
        (1.0, 10, r"warmup must be an int, or a float in \(0, 1\); got 1.0"),
        ("two", 10, "warmup must be a length; got 'two'"),
        ("1.5", 10, "warmup must be a length; got '1.5'"),
        ("2 epochs", 10, "warmup must be in updates or a fraction without a plan; got '2 epochs'"),
        ("110%", 10, "warmup must be at most 100%; got '110%'"),
        ("100%", 10, "warmup must be below total=10; got '100%'"),
        ("-5%", 10, "warmup must be a length; got '-5%'"),
        (0.999, 100, "warmup must be below total=100; got 0.999"),
    ],
)
def test_get_schedule_refuses_lengths_that_could_mean_two_things(name, warmup, total, message):
    """Only the drop-in functions take floats as counts."""
    with pytest.raises(preheat.ScheduleError, match=message):
        preheat.get_schedule(name, warmup=warmup, total=total, **NEEDED.get(name, {}))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "linear",
            {"num_cycles": 2},
            "option must be one that 'linear' takes; got 'num_cycles'. Known: none",
        ),
        ("cosine", {"num_cycle": 2}, "Did you mean 'num_cycles'"),
        ("cosine", {"num_cycles": 0}, "num_cycles must be > 0; got 0"),
        ("cosine", {"num_cycles": "2"}, "num_cycles must be a finite number; got '2'"),
        ("cosine_with_restarts", {"num_cycles": NAN}, "num_cycles must be a finite number; got nan"),
        ("polynomial", {"power": -1}, "power must be > 0; got -1"),
        ("polynomial", {"lr_end": 1.0}, "lr_end must be below the peak, lr=1.0; got 1.0"),
        ("polynomial", {"lr_end": 1e-3, "lr": 1e-4}, "lr_end must be below the peak, lr=0.0001; got 0.001"),
        ("polynomial", {"lr_end": -1}, "lr_end must be >= 0; got -1"),
        ("inverse_sqrt", {"timescale": 0}, "timescale must be > 0; got 0"),
        ("cosine_with_min_lr", {}, "min_lr_rate must be given alone, or min_lr in its place; got None"),
        ("cosine_with_min_lr", {"min_lr": 0.1, "min_lr_rate": 0.1}, "min_lr_rate must be given alone"),
        ("cosine_with_min_lr", {"min_lr_rate": 5}, r"min_lr_rate must be in \[0, 1\]; got 5"),
        ("cosine_with_min_lr", {"min_lr": 2}, "min_lr must be at most the peak, lr=1.0; got 2"),
        ("cosine_warmup_with_min_lr", {"min_lr_rate": 0, "warmup_lr_rate": 2}, r"warmup_lr_rate must be in \[0, 1\]"),
        ("warmup_stable_decay", {}, "num_decay_steps must be given"),
        ("warmup_stable_decay", {"num_decay_steps": 50}, "num_decay_steps must be at most 8; got 50. 2 warm-up"),
        ("warmup_stable_decay", {"num_decay_steps": -3}, "num_decay_steps must be >= 0; got -3"),
        ("warmup_stable_decay", {"num_decay_steps": 2, "num_stable_steps": 3}, "num_stable_steps must be 6; got 3"),
        ("warmup_stable_decay", {"num_decay_steps": 2, "min_lr_ratio": 2}, r"min_lr_ratio must be in \[0, 1\]; got 2"),
        (
            "warmup_stable_decay",
            {"num_decay_steps": 2, "decay_type": "sqrt"},
            "decay_type must be one of 'linear', 'cosine'",
        ),
        ("warmup_stable_decay", {"num_decay_steps": 2, "warmup_type": 3}, "warmup_type must be one of"),
        ("linear", {"lr": 0}, "lr must be > 0; got 0"),
        ("sgdr", {"period": 3, "growth": "2"}, "growth must be a finite number; got '2'"),
        ("sgdr", {"period": 3, "growth": 0.5}, "growth must be >= 1; got 0.5"),
    ],
)
def test_options_are_refused_by_name(name, options, message):
    """Floors above the peak, powers that explode, phases that do not fit, options that do not exist."""
    with pytest.raises(preheat.ScheduleError, match=message):
        preheat.get_schedule(name, warmup=2, total=10, **options)


def test_unknown_name_lists_the_known_and_the_nearest():
    """A typo costs one look."""
    with pytest.raises(preheat.ScheduleError) as caught:
        preheat.get_schedule("warmuplinaer", total=10)
    assert all(name in str(caught.value) for name in preheat.SCHEDULE_NAMES)
    assert "got 'warmuplinaer'. Did you mean 'warmuplinear'? Known: " in str(caught.value)  # the hint before the list


@pytest.mark.parametrize("name", [None, 3, ""])
def test_names_that_are_no_text_are_refused(name):
    """No crash inside the message."""
    with pytest.raises(preheat.ScheduleError, match="name must be the name of a schedule"):
        preheat.get_schedule(name, total=10)


def test_a_warmup_is_refused_where_there_is_none():
    """transformers ignores the warm-up of its constant schedule; here that is said."""
    with pytest.raises(preheat.ScheduleError, match="warmup must be 0 for 'constant'; got 20.*constant_with_warmup"):
        preheat.get_schedule("constantlr", warmup=20, total=100)


def test_total_is_asked_for_where_it_is_needed():
    """With the list of the schedules that do without."""
    with pytest.raises(preheat.ScheduleError, match="total must be given for 'linear'; got None. .*inverse_sqrt"):
        preheat.get_schedule("linear", warmup=10)
    with pytest.raises(preheat.ScheduleError, match="warmup must be a number of updates where total is not given"):
        preheat.get_schedule("inverse_sqrt", warmup=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_small_counts_give_a_schedule_or_a_sentence(name):
    """Every total in 0..5, warm-up in 0..6 and decay in 0..6: an error, or finite values within [0, peak]."""
    for total, warmup, decay in itertools.product(range(6), range(7), range(7)):
        options = dict(NEEDED.get(name, {}))
        if name == "warmup_stable_decay":
            options["num_decay_steps"] = decay
        try:
            schedule = preheat.get_schedule(name, warmup=warmup, total=total, **options)
        except preheat.ScheduleError as error:
            assert "; got " in str(error)
        else:
            assert all(0 <= schedule(position) <= 1 for position in range(3 * total + 1))


@given(
    st.sampled_from(NAMES),
    st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans()),
    st.integers(1, 9),
)
def test_any_warmup_gives_a_schedule_or_a_schedule_error(name, warmup, total):
    """No other exception type escapes."""
    try:
        schedule = preheat.get_schedule(
            name, warmup=warmup, total=total, **NEEDED.get(name, {}) if total > 3 else {"x": 1}
        )
    except preheat.ScheduleError:
        return
    assert 0 <= schedule(0) <= 1


@pytest.mark.parametrize(
    ("milestones", "message"),
    [
        ([10, 20], r"milestones must be 0 at first; got \[10, 20\]. Say where"),
        ([0, 0], "milestones must be rising"),
        ([0, 200], "milestones must be rising, above -1 and below 101"),
        ([0, 1.5], "milestones must be a whole number; got 1.5"),
    ],
)
def test_piecewise_refuses_knots_it_would_have_to_move(milestones, message):
    """The first knot is where the schedule begins; none is moved in silence."""
    with pytest.raises(preheat.ScheduleError, match=message):
        preheat.get_schedule("piecewise", total=100, milestones=milestones, values=[1.0, 0.5])
