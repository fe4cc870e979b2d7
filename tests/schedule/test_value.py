"""A schedule is a value: what goes in and out, equality, printing, saving."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import (
    CURVES,
    Constant,
    Cosine,
    CosineRestarts,
    InverseSqrt,
    Linear,
    OneMinusSqrt,
    Polynomial,
)

LINEAR = preheat.get_schedule("warmuplinear", warmup=100, total=3600)

factors = st.floats(0, 1)
lengths = st.integers(0, 50)
curves = st.one_of(
    st.just(Linear()),
    st.just(OneMinusSqrt()),
    st.builds(Cosine, st.floats(0.1, 4)),
    st.builds(CosineRestarts, st.floats(0.1, 4)),
    st.builds(Polynomial, st.floats(0.1, 4)),
    st.builds(InverseSqrt, st.floats(0.5, 1e4)),
)


@st.composite
def phases(draw):
    if draw(st.booleans()):
        level = draw(factors)
        return Phase(curve=Constant(), length=draw(lengths), start=level, end=level)
    length = draw(lengths)
    return Phase(
        curve=draw(curves), length=length, start=draw(factors), end=draw(factors), skip=draw(st.integers(0, length))
    )


schedules = st.builds(
    PhaseSchedule, st.lists(phases(), min_size=1, max_size=5).map(tuple), st.one_of(st.none(), factors)
)


def test_int_gives_float_and_array_gives_float64_array_of_its_shape():
    """The two forms of the same question."""
    assert type(LINEAR(50)) is float
    assert type(LINEAR(np.int32(50))) is float
    for positions in (np.arange(12).reshape(3, 4), np.array(7, dtype=np.uint8), np.array([], dtype=np.int64)):
        values = LINEAR(positions)
        assert isinstance(values, np.ndarray)
        assert values.dtype == np.float64
        assert values.shape == positions.shape


@pytest.mark.parametrize(
    "position", [-1, 1.0, True, "3", None, np.array([0.5]), np.array([True]), np.array([3, -1]), np.float64(2), [1.5]]
)
def test_position_is_refused_unless_a_count(position):
    """No rounding, no guessing."""
    with pytest.raises(preheat.ScheduleError, match=r"position must be .*; got .*completed updates"):
        LINEAR(position)


@given(schedules)
def test_schedules_round_trip_through_dict_json_and_pickle(schedule):
    """What comes back is equal, has the same fingerprint, hash and values."""
    through_json = Schedule.from_dict(json.loads(json.dumps(schedule.to_dict())))
    for copy in (Schedule.from_dict(schedule.to_dict()), through_json, pickle.loads(pickle.dumps(schedule))):
        assert copy == schedule
        assert hash(copy) == hash(schedule)
        assert copy.fingerprint == schedule.fingerprint
        assert copy(np.arange(300)).tolist() == schedule(np.arange(300)).tolist()


@given(schedules)
def test_repr_can_be_evaluated(schedule):
    """The printed form is the value."""
    names = {curve.__name__: curve for curve in CURVES.values()}
    assert eval(repr(schedule), {"Phase": Phase, "PhaseSchedule": PhaseSchedule, **names}) == schedule


@given(schedules)
def test_schedules_are_finite_bounded_and_scalar_equals_array(schedule):
    """Over the run and past it; within the factors of the phases."""
    horizon = schedule.horizon
    values = schedule(np.arange(2 * horizon + 5))
    ends = [factor for phase in schedule.phases for factor in (phase.start, phase.end)] + [schedule.end or 0.0]

    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= max(ends) + 1e-15
    assert np.abs(values - [schedule(position) for position in range(len(values))]).max() <= 1e-15
    assert len(set(values[horizon:].tolist())) == 1


@given(schedules)
def test_each_phase_owns_its_positions(schedule):
    """Piecewise: at every border the later phase speaks, and phases of no length never do."""
    begin = 0
    for phase in schedule.phases:
        for done in range(phase.updates):
            expected = phase.at(done + phase.skip, phase.length - phase.skip - done)
            assert schedule(begin + done) == expected
        begin += phase.updates
    assert schedule.horizon == begin


def test_equal_functions_by_other_names_are_equal():
    """The article's name and transformers' name stand for one schedule."""
    assert preheat.get_schedule("linear", warmup="10%", total=1000) == preheat.get_schedule(
        "WarmupLinear", warmup=100, total=1000
    )
    assert preheat.get_schedule("warmuplinear", warmup=101, total=3600) != LINEAR


def test_schedules_are_immutable():
    """Nothing can be changed after construction."""
    with pytest.raises(AttributeError):
        LINEAR.end = 1.0
    with pytest.raises(AttributeError):
        LINEAR.phases[0].length = 3


def test_fingerprint_is_the_same_everywhere():
    """A known value: a change of it would orphan every saved state."""
    assert LINEAR.fingerprint == "5fa63f603b271ea7563ec8e4d3755638eb59885581b258d531b26c7812853506"


@pytest.mark.parametrize(
    ("warmup", "total", "updates"),
    [
        (0, 50, 0),
        ("10%", 3600, 360),
        (0.1, 3821, 383),
        (0.07, 100, 7),
        ("2.5%", 1000, 25),
        (360.0, 3600, 360),
        ("0%", 9, 0),
    ],
)
def test_warmup_in_every_spelling(warmup, total, updates):
    """Updates, percent and fraction; fractions are taken in decimals and rounded up."""
    schedule = preheat.get_schedule("linear", warmup=warmup, total=total)
    assert schedule == preheat.get_schedule("linear", warmup=updates, total=total)
    assert schedule(updates) == 1.0


def test_absolute_floors_refer_to_lr():
    """lr_end and min_lr are learning rates when lr is given, shares of the peak when it is not."""
    shares = preheat.get_schedule("polynomial", total=100, lr_end=0.1, power=2)
    rates = preheat.get_schedule("polynomial", total=100, lr_end=1e-5, lr=1e-4, power=2)
    assert abs(shares(100) - 0.1) < 1e-15
    assert abs(rates(100) - 0.1) < 1e-15


def test_endless_schedules_have_no_horizon():
    """Three need no total; given one, they hold their value there."""
    for name in ("constant", "constant_with_warmup", "inverse_sqrt"):
        assert preheat.get_schedule(name).horizon is None
        assert preheat.get_schedule(name, total=100).horizon == 100
    assert preheat.get_schedule("inverse_sqrt", warmup=4)(400) == pytest.approx(0.1)


def test_describe_names_phases_and_ends():
    """First value, peak, last value, what is held: what people get wrong."""
    text = preheat.get_schedule("warmup_stable_decay", warmup=10, total=100, num_decay_steps=20).describe(lr=1e-3)
    assert text.splitlines() == [
        "updates 0 to 9: linear, 0 -> 0.001",
        "updates 10 to 79: constant, 0.001",
        "updates 80 to 99: cosine(0.5), 0.001 -> 0",
        "learning rate at update 0: 0; peak 0.001 at update 10; at the last update, 99: 6.15583e-06; then held at 0",
    ]
    assert "from update 5 on" not in text
    assert preheat.get_schedule("constant").describe().startswith("updates 0 on: constant, 1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version must be 1; got 2"),
        ({"kind": "spline"}, "kind must be 'phases'; got 'spline'"),
        ({"extra": 1}, "schedule must be a dictionary with the keys end, kind, phases, version"),
        ({"phases": []}, "phases must be one Phase or more"),
        ({"phases": [{"curve": {"name": "linear"}}]}, "phase must be a dictionary with the keys"),
        ({"end": -1.0}, "end must be >= 0; got -1.0"),
    ],
)
def test_unknown_files_are_refused(change, message):
    """Anything unexpected in a dictionary is named, not skipped."""
    with pytest.raises(preheat.ScheduleError, match=message):
        Schedule.from_dict({**LINEAR.to_dict(), **change})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"curve": "linear", "length": 3}, "curve must be a curve of preheat"),
        ({"curve": Linear(), "length": None}, "length must be given"),
        ({"curve": Linear(), "length": -1}, "length must be >= 0; got -1"),
        ({"curve": Linear(), "length": 3, "start": -0.1}, "start must be >= 0; got -0.1"),
        ({"curve": Linear(), "length": 3, "start": True}, "start must be a finite number; got True"),
        ({"curve": Linear(), "length": 3, "skip": 4}, "skip must be at most length; got 4"),
        ({"curve": Constant(), "length": 3}, "end must be equal to start=1.0; got 0.0"),
    ],
)
def test_phase_refuses_what_cannot_be(arguments, message):
    """Each rule of a phase, with its name and the value."""
    with pytest.raises(preheat.ScheduleError, match=message):
        Phase(**arguments)


def test_only_the_last_phase_may_be_endless():
    """Nothing can follow a phase without end."""
    endless = Phase(curve=Constant(), length=None, start=1.0, end=1.0)
    with pytest.raises(preheat.ScheduleError, match="Only the last phase may be endless"):
        PhaseSchedule((endless, endless))
