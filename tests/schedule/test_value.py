"""A schedule is a value: what goes in and out, equality, printing, saving."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.messages.languages import tell
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.base import KINDS
from preheat.schedule.curves import CURVES, Constant, Linear, Logarithmic, Rectification
from support.strategies import schedules, sequences

LINEAR = preheat.get_schedule("warmuplinear", warmup=100, total=3600)


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
def test_schedules_round_trip_through_dict_json_pickle_and_text(schedule):
    """What comes back is equal, has the same fingerprint, hash and values."""
    through_json = Schedule.from_dict(json.loads(json.dumps(schedule.to_dict())))
    through_text = preheat.parse(str(schedule))
    for copy in (through_json, through_text, pickle.loads(pickle.dumps(schedule))):
        assert copy == schedule
        assert hash(copy) == hash(schedule)
        assert copy.fingerprint == schedule.fingerprint
        assert copy(np.arange(300)).tolist() == schedule(np.arange(300)).tolist()


@given(schedules)
def test_repr_can_be_evaluated(schedule):
    """The printed form is the value."""
    names = {curve.__name__: curve for curve in CURVES.values()}
    kinds = {kind.__name__: kind for kind in KINDS.values()}
    assert eval(repr(schedule), {"Phase": Phase, "PhaseSchedule": PhaseSchedule, **names, **kinds}) == schedule


@given(schedules)
def test_schedules_are_finite_bounded_and_scalar_equals_array(schedule):
    """Over the run and past it, in order or not; a share of the peak stays one."""
    last = int(schedule.horizon) + 1
    positions = np.arange(2 * last + 5)
    values = schedule(positions)

    assert np.isfinite(values).all()
    assert values.min() >= -1e-15
    assert values.max() <= 1 + 1e-14
    assert np.abs(values - [schedule(position) for position in range(len(values))]).max() <= 1e-14
    assert schedule(positions[::-1])[::-1].tolist() == values.tolist()
    assert np.ptp(values[last:]) == 0.0


@given(sequences)
def test_each_phase_owns_its_positions(schedule):
    """Piecewise: at every border the later phase speaks, and phases of no length never do."""
    begin, arrived = 0, 1.0
    for phase in schedule.phases:
        phase = phase.following(arrived)
        for done in range(phase.updates):
            assert schedule(begin + done) == phase.at(done, phase.updates - done)
        begin += phase.updates
        arrived = phase.arrival
    assert schedule.horizon == begin
    assert schedule(begin) == schedule(begin + 7) == arrived


@given(sequences, sequences)
def test_then_is_the_piecewise_definition(before, after):
    """``(a >> b)(k)`` is a(k) before a's horizon and b(k - horizon) from there on, whatever the lengths."""
    after = after.following(before(before.horizon))
    both = before >> after
    border = before.horizon
    for k in range(border + after.horizon + 5):
        assert both(k) == (before(k) if k < border else after(k - border))


@given(schedules, schedules)
def test_composing_is_pointwise(a, b):
    """Product, minimum and maximum at every update are those of the factors."""
    k = np.arange(int(max(a.horizon, b.horizon)) + 5)
    # Products of almost 0 have few digits.
    assert np.allclose((a * b)(k), a(k) * b(k), atol=1e-300, rtol=1e-15)
    assert np.array_equal(preheat.minimum(a, b)(k), np.minimum(a(k), b(k)))
    assert np.array_equal(preheat.maximum(a, b)(k), np.maximum(a(k), b(k)))
    assert np.allclose((0.5 * a)(k), 0.5 * a(k), atol=1e-300, rtol=1e-15)


@given(schedules, st.integers(0, 60))
def test_cut_shift_and_clip_say_what_they_do(schedule, n):
    """until(n) is the schedule before n and its value at n from there on; shift(n) starts n updates later in it."""
    k = np.arange(80)
    assert np.array_equal(schedule.until(n)(k), schedule(np.minimum(k, n)))
    assert np.array_equal(schedule.shift(n)(k), schedule(k + n))
    assert np.array_equal(schedule.shift(-n)(k), schedule(np.maximum(k - n, 0)))
    assert np.array_equal(schedule.clip(0.25, 0.75)(k), np.clip(schedule(k), 0.25, 0.75))
    assert np.allclose(schedule.lift(0.25)(k), 0.25 + 0.75 * schedule(k), atol=1e-15)


@given(sequences, st.integers(1, 5))
def test_repeating_is_the_schedule_again_and_again(schedule, times):
    """Equal cycles; a cycle twice as long takes two updates for each."""
    schedule = schedule >> preheat.hold(1, at=0.5)
    length = schedule.horizon
    k = np.arange(times * length)
    assert np.array_equal(schedule.repeat(times)(k), schedule(k % length))
    assert schedule.repeat(times)(times * length + 3) == schedule.repeat(times)(times * length)
    growing = schedule.with_convention("transformers").repeat(2, growth=2)
    assert growing.horizon == 3 * length
    own_clocks = (Logarithmic, Rectification)  # no shape to scale: their value depends on the count itself
    if not any(phase.skip or isinstance(phase.curve, own_clocks) for phase in schedule.phases):
        second = growing(length + 2 * np.arange(length))
        assert np.allclose(second, schedule.with_convention("transformers")(np.arange(length)), atol=1e-12)


@pytest.mark.parametrize("curve", ["linear", "cosine", "1-sqrt", "rex", "polynomial(power=2)"])
def test_cycles_that_end_between_two_updates_end_at_their_end(curve):
    """Native phases of 5, 7.5, 11.25... updates: the last update of each is at its end or above, never beyond it."""
    factors = preheat.parse(f"repeat({curve} 5 from 1 to 0.2, times=6, growth=1.5)")(np.arange(120))
    assert factors.min() == 0.2
    assert factors.max() < 1.0
    one_cycle = preheat.get_schedule("one_cycle", total=15, pct_start=0.3, convention="native")  # a warm-up of 3.5
    assert one_cycle(3) == 1.0 == max(one_cycle(range(15)))


@given(schedules, st.integers(0, 60), st.integers(0, 30), st.floats(0, 1))
def test_a_blend_never_steps_further_than_its_parts(schedule, at, updates, start):
    """From ``start`` at update 0 to the schedule itself after ``updates``, no step above its own plus gap / updates."""
    later = schedule.shift(at)
    blended = later.blend(updates, start)
    k = np.arange(updates + 20)
    assert np.array_equal(blended(k[updates:]), later(k[updates:]))
    if updates:
        assert abs(blended(0) - start) < 1e-15
        gap = abs(start - later(0))
        allowed = np.abs(np.diff(later(k))) + gap / updates + 1e-12
        assert (np.abs(np.diff(blended(k))) <= allowed).all()


@given(sequences, st.integers(0, 100))
def test_a_cut_schedule_goes_on_as_the_uncut_one(schedule, cut):
    """Any prefix and the rest of a schedule are the schedule: nothing depends on how one got there."""
    k = np.arange(150)
    assert np.array_equal((schedule.until(cut) >> schedule.shift(cut))(k), schedule(k))


@pytest.mark.parametrize(
    "text",
    [
        "transformers: warmup 7000 > linear 90000 to 0.1",
        "warmup cosine 40000 > hold 30000 > 1-sqrt 40000 to lr 1e-6",
        "warmup 500 > inverse_sqrt(timescale=500) forever",
        "(warmup 100 > repeat(cosine 3000, growth=1.5, times=7)) * 0.5",
        "clip(repeat(rex 999), floor=0.2)",
    ],
)
def test_long_curves_are_the_values_one_by_one(text):
    """Worked out in blocks, some inside one phase and some across a border: the same bits in every form of asking."""
    schedule, length = preheat.parse(text).for_base(1e-3), 100_000
    curve = schedule(range(length))
    positions = np.arange(length)
    assert curve.tobytes() == schedule(positions).tobytes() == schedule(positions.astype(np.int32)).tobytes()
    assert curve.tobytes() == schedule(positions.reshape(20, -1)).tobytes()
    assert curve[::-1].tobytes() == schedule(range(length - 1, -1, -1)).tobytes()
    assert curve[5::7].tobytes() == schedule(range(5, length, 7)).tobytes()
    shuffled = np.random.default_rng(0).permutation(length)
    assert curve[shuffled].tobytes() == schedule(shuffled).tobytes()
    at = [0, 1, 99, 100, 6999, 7000, 32_767, 32_768, 65_535, 65_536, 96_999, 97_000, length - 1]
    assert curve[at] == pytest.approx([schedule(position) for position in at], abs=1e-15)
    with pytest.raises(preheat.ScheduleError, match="position must be >= 0; got -3"):
        schedule(range(-3, length))
    with pytest.raises(preheat.ScheduleError, match="position must be >= 0; got -1"):
        schedule(np.append(positions, -1))
    assert schedule(range(0)).shape == (0,)


def test_equal_functions_by_other_names_are_equal():
    """The article's name and transformers' name stand for one schedule."""
    assert preheat.get_schedule("linear", warmup="10%", total=1000) == preheat.get_schedule(
        "WarmupLinear", warmup=100, total=1000
    )
    assert preheat.get_schedule("warmuplinear", warmup=101, total=3600) != LINEAR


def test_schedules_are_immutable():
    """Nothing can be changed after construction."""
    with pytest.raises(AttributeError):
        LINEAR.phases = ()
    with pytest.raises(AttributeError):
        LINEAR.phases[0].length = 3


def test_fingerprint_is_the_same_everywhere():
    """A known value: a change of it would orphan every saved state."""
    assert LINEAR.fingerprint == "992dbd1f0297a69ee7d8dbbd2b5545d2262ee7d0b25dbed9a5aa48ad35fdb6cd"


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
        "updates 80 to 99: cosine, 0.001 -> 0",
        "learning rate at update 0: 0; peak 0.001 at update 10; at the last update, 99: 6.15583e-06; then held at 0",
        "sum of the learning rates: 0.085, as 85 updates at the peak; 2 updates below 1 % of the peak",
    ]
    assert "from update 5 on" not in text
    assert preheat.get_schedule("constant").describe().startswith("updates 0 on: constant, 1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version must be 1; got 2"),
        ({"kind": "spline"}, "kind must be the kind of a schedule; got 'spline'. Write it with .*Known: .*phases"),
        ({"extra": 1}, "schedule must be a dictionary with the keys kind, phases; got 'extra unknown'"),
        ({"phases": []}, "phases must be one Phase or more"),
        ({"phases": [{"length": 3}]}, "phase must be a dictionary with a curve"),
        ({"phases": [{"curve": "linear", "length": 3, "end": -1.0}]}, "end must be >= 0; got -1.0"),
        ({"phases": [{"curve": "cosin", "length": 3}]}, "Did you mean 'cosine'"),
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
        ({"curve": Constant(), "length": 3, "start": 1, "end": 0}, "end must be equal to start=1.0; got 0.0"),
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


def test_a_schedule_is_described_in_chinese():
    """Every line but the phases' own words, which are those that a schedule is written in."""
    text = preheat.get_schedule("warmuplinear", warmup=100, total=3600).describe(1e-4, 5000)
    assert tell(text, "zh").splitlines() == [
        "第 0 至 99 步：linear, 0 -> 0.0001",
        "第 100 至 3599 步：linear, 0.0001 -> 0",
        "第 0 步的学习率：0；第 100 步达到峰值 0.0001；最后一步（第 3599 步）：2.85714e-08；此后保持 0",
        "学习率总和：0.18，相当于以峰值训练 1800 步；低于峰值 1% 的有 1435 步",
        "调度结束后训练还要继续 1400 步，学习率为 0",
    ]
