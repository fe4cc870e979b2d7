"""What is read is bounded before it is computed, and everything unexpected in it is a refusal."""

import faulthandler

import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat import limits


@pytest.fixture(autouse=True)
def ends():
    """What used to hang says where, instead of holding up everything: minutes are no measure of speed."""
    faulthandler.dump_traceback_later(300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("warmup 1e9999999 > cosine", "at most 1e+15"),
        ("linear 1e999995", "at most 1e+15"),
        ("linear 1e99999", "at most 1e+15"),
        ("linear 1e9999999999999999999 epochs", "at most 1e+15"),
        ("hold 1e30 tokens", "between 1e-21 and 1e+21"),
        ("hold 1e-30 samples", "between 1e-21 and 1e+21"),
        (f"hold {'9' * 5000}", "at most 1000 digits"),
        (f"hold 5 at {'9' * 5000}", "a number of at most 1000 digits"),
        ("linear 1000000000000001", "at most 1e+15"),
        ("repeat(linear 1, growth=1.0000001)", ">= 1.000001"),
        ("repeat(linear 5, growth=2, times=5000)", "at most 1e+15 updates together"),
        ("repeat(linear 1000, times=9999999999999999)", "at most 1e+15"),
        (f"{'(' * 60}linear 1{')' * 60}", "more than 50 brackets in brackets"),
        (" > ".join(["linear 1"] * 40_000), "at most 200,000 letters"),
    ],
)
def test_words_over_a_limit(words, limit):
    """Each refusal names it."""
    with pytest.raises(preheat.ScheduleError) as caught:
        preheat.parse(words)
    assert limit in str(caught.value)


def test_updates_of_a_run_are_bounded_too():
    """Numbers from code and flags alike."""
    with pytest.raises(preheat.ScheduleError, match=r"total must be at most 1e\+15; got 1\d+"):
        preheat.get_schedule("linear", warmup=0, total=10**20)
    with pytest.raises(preheat.ScheduleError, match=r"total must be a finite number; got 'about 10\^400'"):
        preheat.get_schedule("linear", warmup=0, total=10**400)
    assert preheat.get_schedule("linear", warmup=0, total=limits.MOST_UPDATES)(10**14) == pytest.approx(0.9)


def test_cycles_that_hardly_grow_are_counted_before_they_are_laid_out():
    """Two million updates reach into tens of thousands of cycles; one is found by a formula."""
    schedule = preheat.parse("repeat(linear 1, growth=1.00001)")
    with pytest.raises(preheat.ScheduleError, match="within 10,000 cycles of growing length"):
        schedule(range(2_000_000))
    assert 0 <= schedule(1_999_999) <= 1


def test_what_is_listed_of_repetitions_is_bounded():
    """Eight levels of eight cycles have sixteen million borders."""
    for times, depth in ((8, 8), (300, 3)):
        schedule = preheat.parse("repeat(" * depth + "linear 10" + f", times={times})" * depth)
        assert len(schedule.borders) <= limits.MOST_BORDERS
        assert "learning rate at update 0" in schedule.describe()


def test_many_phases_are_many_and_no_more():
    """Read, drawn and described one after the other, with the values that few have."""
    words = " > ".join(["linear 1 to 0.5", "hold 2 at 0.25"] * 4000)
    schedule = preheat.parse(words)
    assert preheat.parse(str(schedule)) == schedule
    assert [schedule(k) for k in (0, 1, 2, 3, 11_999, 12_001)] == [0.5, 0.25, 0.25, 0.5, 0.25, 0.25]
    assert len(schedule.describe().splitlines()) == 8002
    product = preheat.parse(" * ".join(["0.5", "linear 10"] * 1000))
    assert 0 <= product(0) < 1e-300


PHASE = {"curve": "linear", "length": 3}


def nested(depth):
    """Repetitions in repetitions, as data."""
    data = {"kind": "phases", "phases": [PHASE]}
    for _level in range(depth):
        data = {"kind": "repeat", "of": data, "times": 1}
    return data


@pytest.mark.parametrize(
    "data",
    [
        nested(120),
        nested(5_000),
        {"kind": [1]},
        {"kind": {}},
        {"kind": "phases", "phases": [PHASE | {"curve": [1]}]},
        {"kind": "phases", "phases": [PHASE | {"curve": {}}]},
        {"kind": "phases", "phases": [PHASE | {"name": 1}]},
        {"kind": "phases", "phases": [PHASE | {"length": 10**400}]},
        {"kind": "phases", "phases": [PHASE | {"length": "1e9999999"}]},
        {"kind": "phases", "phases": [PHASE | {"end": 10**400}]},
        {"kind": "phases", "phases": [PHASE | {"end": "lr 1e400"}]},
        {"kind": "phases", "phases": {"curve": "linear"}},
        {"kind": "plateau", "factor": [[[[[]]]]]},
        {"kind": "plateau", "factor": None, "patience": {}},
        {"kind": "repeat", "of": [], "times": "x"},
        {"kind": "product", "of": {"kind": "phases"}},
        {"kind": "until", "of": {"kind": "phases", "phases": [PHASE]}, "updates": [1]},
        {"kind": "function", "path": [1]},
    ],
    ids=lambda data: f"{str(data)[:40]}" if "of" not in data else str(data["kind"]),
)
def test_odd_data(data):
    """As a file may have them: a refusal, and nothing else."""
    with pytest.raises(preheat.ScheduleError):
        preheat.Schedule.from_dict({"version": 1, **data})


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=8),
    st.sampled_from(["linear", "cosine", "rest", "10%", "lr 1e-3", "1e99999", "3 epochs", "forever"]),
)  # fmt: skip
KEYS = st.sampled_from(
    ["kind", "of", "phases", "curve", "length", "start", "end", "skip", "times", "growth", "scale", "updates", "path"]
)
KINDS = st.sampled_from(
    ["phases", "product", "repeat", "until", "clip", "min", "plateau", "shift", "function", "blend"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@given(data=st.dictionaries(KEYS, VALUES, max_size=5), kind=KINDS)
def test_any_data(data, kind):
    """A schedule, or a refusal."""
    try:
        schedule = preheat.Schedule.from_dict({"version": 1, **data, "kind": kind})
    except preheat.PreheatError:
        return
    assert preheat.parse(str(schedule)) == schedule


WORDS = st.lists(
    st.sampled_from(
        [
            *(">", "*", "(", ")", ",", "=", "warmup", "hold", "linear", "cosine", "repeat(", "min(", "clip(", "to"),
            *("from", "0.1", "10", "10%", "3 epochs", "1e99999", "9" * 400, "times=3", "growth=2", "lr 1e-3"),
            *("forever", "'", "余"),
        ]
    ),
    max_size=14,
)


@given(words=WORDS)
def test_any_words(words):
    """A schedule that its own text gives back, or a refusal."""
    try:
        schedule = preheat.parse(" ".join(words))
    except preheat.PreheatError:
        return
    assert preheat.parse(str(schedule)) == schedule
