"""Designs as values: their address, their phases as rows, and their history."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.errors import ConfigError, PreheatError, ScheduleError
from preheat.schedule.named import takes_warmup
from preheat.studio.design import (
    MOST_LETTERS,
    MOVING,
    STARTS,
    Design,
    History,
    added,
    changed,
    dragged,
    moved,
    removed,
    rows_of,
)

WORDS = st.sampled_from(
    ["warmup 10% > cosine to 0", "hold", "warmuplinear", "warmup 2 epochs > hold > 1-sqrt 20% to 0.1", "nonsense & =?"]
)


@st.composite
def designs(draw):
    """Any design; an axis of epochs or tokens only where they can be counted."""
    epoch, tokens = draw(st.none() | st.floats(0.5, 1e6)), draw(st.none() | st.floats(1.0, 1e9))
    axes = ["update", *(["epoch"] if epoch else []), *(["token"] if tokens else [])]
    curves = tuple(draw(st.lists(WORDS, min_size=1, max_size=8)))
    return Design(
        curves, draw(st.integers(1, 10**9)), draw(st.floats(1e-9, 10.0)), epoch, tokens,
        draw(st.none() | st.integers(1, 10**6)), draw(st.sampled_from(axes)), draw(st.booleans()),
        draw(st.integers(0, len(curves) - 1)),
    )  # fmt: skip


@given(designs())
def test_an_address_is_a_design(design):
    """What is written into the address comes back equal, whatever the words."""
    from urllib.parse import parse_qsl

    assert Design.from_query(parse_qsl(design.to_query(), keep_blank_values=True)) == design


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([("updates", "many")], "updates must be a whole number; got 'many'. Correct the address."),
        ([("updates", "0")], "updates must be >= 1; got 0. Give a whole number of updates."),
        ([("updates", "1e3")], "updates must be a whole number; got '1e3'. Correct the address."),
        ([("updates", "9" * 12)], "updates must be at most 1000000000; got " + "9" * 12 + ". Plan a shorter run."),
        (
            [("updates", "9" * 30)],
            "updates must be at most 1e+15; got " + "9" * 30 + ". Give a whole number of updates.",
        ),
        ([("lr", "nan")], "lr must be finite; got 'nan'. Correct the address."),
        ([("lr", "-1")], "lr must be > 0; got -1.0. It is the peak learning rate."),
        ([("axis", "day")], "axis must be one of update, epoch, token; got 'day'. Pick one of these."),
        (
            [("axis", "epoch")],
            "axis must be update until the updates in an epoch are given; got 'epoch'. Give them first.",
        ),
        (
            [("axis", "token")],
            "axis must be update until the tokens in an update are given; got 'token'. Give them first.",
        ),
        ([("on", "3")], "on must be the number of a curve, from 0; got 3. Pick one that is there."),
        ([("s", "hold")] * 9, "curves must be 1 to 8; got 9. Draw fewer at a time."),
        (
            [("s", "x" * (MOST_LETTERS + 1))],
            f"schedule must be at most {MOST_LETTERS} letters; got {MOST_LETTERS + 1}."
            " Write it shorter, or load it from a file in Python.",
        ),
    ],
)
def test_a_bad_address_is_refused(pairs, sentence):
    """By name, with what was written and what to do."""
    with pytest.raises(PreheatError) as refused:
        Design.from_query(pairs)
    assert str(refused.value) == sentence
    assert isinstance(refused.value, (ConfigError, ScheduleError))


@pytest.mark.parametrize("name", STARTS)
def test_starting_points_are_what_they_are_called(name):
    """Every one is a schedule over any run; those with a schedule's name have its values at every update."""
    for updates in (100, 1000, 12_345):
        schedule = Design((STARTS[name],), updates=updates).schedule(0)
        if name in preheat.SCHEDULE_NAMES:
            warmup = "10%" if takes_warmup(name) else 0
            known = preheat.get_schedule(name, warmup=warmup, total=updates)
            assert (schedule(np.arange(updates)) == known(np.arange(updates))).all()
        assert schedule(range(updates)).max() <= 1.0


def test_names_alone_climb_as_on_the_command_line():
    """A name without arguments has a warm-up of a tenth."""
    assert Design(("warmuplinear",), updates=500).schedule(0) == preheat.get_schedule(
        "warmuplinear", warmup="10%", total=500
    )


def test_lengths_in_tokens_and_learning_rates():
    """Tokens are counted by what an update has; a floor in learning rates by the peak."""
    design = Design(("warmup 1e6 tokens > cosine to lr 1e-5",), updates=1000, lr=1e-3, tokens=4096.0)
    schedule = design.schedule(0)
    assert schedule.warmup_updates == 245  # ceil(1e6 / 4096)
    assert schedule(999) == pytest.approx(0.01, rel=1e-12)
    with pytest.raises(ScheduleError, match="length must be countable in updates; got '2 epochs'"):
        Design(("warmup 2 epochs > hold",), updates=10).schedule(0)


PHASES = st.lists(
    st.sampled_from(["warmup 10%", "hold 20%", "linear 5% to 0.3", "hold 7", "1-sqrt 12 to 0.1", "hold 2 epochs"]),
    min_size=1,
    max_size=4,
).map(lambda parts: " > ".join([*parts, "cosine to 0"]))
NO_REST = st.sampled_from(["warmup 10% > hold 70% > 1-sqrt 20% to 0", "warmup 50% > linear 50%", "hold 100%"])


@given(PHASES | NO_REST, st.integers(0, 4), st.integers(1, 1000))
def test_dragging_keeps_the_run_filled(words, at, updates):
    """Whatever is dragged however far: the schedule stays one, fills the run, and at most two lengths are others."""
    design = Design((words,), updates=1000, epoch=12.5)
    before = rows_of(design, 0)
    at = min(at, len(before) - 1)
    after = rows_of(Design((dragged(design, 0, at, updates),), updates=1000, epoch=12.5), 0)
    assert sum(row.updates for row in after) == 1000
    assert sum(one.length != other.length for one, other in zip(before, after, strict=True)) <= 2
    assert [(row.curve, row.start, row.end) for row in before] == [(row.curve, row.start, row.end) for row in after]
    rest = next((row.updates for row in before if row.length == "rest"), None)
    if rest is not None and before[at].length != "rest":
        reached = min(updates, before[at].updates + rest)
        assert abs(after[at].updates - reached) <= 1
        assert before[at].length.strip("0123456789.") == after[at].length.strip("0123456789.") or updates < 2


@pytest.mark.parametrize(
    ("words", "at", "updates", "expected"),
    [
        ("warmup 10% > cosine to 0", 0, 256, "warmup 25.6% > cosine to 0"),
        ("warmup 100 > cosine to 0", 0, 256, "warmup 256 > cosine to 0"),
        ("warmup 100 > cosine 900 to 0", 0, 256, "warmup 256 > cosine 900 to 0"),
        ("warmup 2 epochs > cosine to 0", 0, 250, "warmup 20 epochs > cosine to 0"),
        ("warmup 2e6 tokens > cosine to 0", 0, 250, "warmup 1000000 tokens > cosine to 0"),
        ("warmup 10% > hold > 1-sqrt 20% to 0", 1, 600, "warmup 10% > hold > 1-sqrt 30% to 0"),
        ("warmup 10% > hold > 1-sqrt 20% to 0", 0, 950, "warmup 80% > hold > 1-sqrt 20% to 0"),
        ("warmup 10% > cosine to 0", 1, 700, "warmup 30% > cosine to 0"),
        ("warmup 10% > hold 70% > 1-sqrt 20% to 0", 0, 150, "warmup 15% > hold > 1-sqrt 20% to 0"),
        ("warmup 10% > hold forever", 1, 500, "warmup 10% > hold 50%"),
    ],
)
def test_dragged(words, at, updates, expected):
    """The dragged length keeps its unit; the difference goes where the rest is."""
    assert dragged(Design((words,), updates=1000, epoch=12.5, tokens=4000), 0, at, updates) == expected


@given(PHASES, st.data())
def test_moved_there_and_back(words, data):
    """Moving a phase and moving it back is nothing; so is adding one and removing it."""
    canonical = str(preheat.parse(words))
    many = words.count(">") + 1
    at, to = data.draw(st.integers(0, many - 1)), data.draw(st.integers(0, many - 1))
    assert moved(moved(canonical, at, to), to, at) == canonical
    assert removed(added(canonical, at, "hold"), at) == canonical


def test_rows_in_words():
    """Each phase with its kind, and its own words where they are given."""
    rows = rows_of(
        Design(("warmup cosine 5% from 0.1 > hold 20% > rex(beta=0.25) to lr 1e-5",), updates=200, lr=1e-3), 0
    )
    assert [(row.kind, row.curve, row.length, row.start, row.end, row.updates, row.first) for row in rows] == [
        ("warmup", "cosine", "5%", "0.1", "1", 10, 0),
        ("hold", "constant", "20%", "", "", 40, 10),
        ("decay", "rex(beta=0.25)", "rest", "", "lr 1e-05", 150, 50),
    ]
    assert rows_of(Design(("repeat(warmup 2 > linear 8, times=3)",), updates=30), 0) is None


@pytest.mark.parametrize(
    ("words", "at", "new", "expected"),
    [
        ("warmup 10% > cosine to 0", 1, {"curve": "1-sqrt"}, "warmup 10% > 1-sqrt to 0"),
        ("warmup 10% > cosine to 0", 1, {"curve": "rex(beta=0.25)"}, "warmup 10% > rex(beta=0.25) to 0"),
        ("warmup 10% > cosine to 0", 1, {"end": "lr 1e-6"}, "warmup 10% > cosine to lr 1e-06"),
        ("warmup 10% > cosine to 0", 0, {"start": "0.2"}, "warmup 10% from 0.2 > cosine to 0"),
        ("warmup 10% > hold > linear 5% to 0", 1, {"start": "0.8"}, "warmup 10% > hold at 0.8 > linear 5% to 0"),
        ("warmup 10% > cosine to 0", 1, {"length": "2 epochs"}, "warmup 10% > cosine 2 epochs to 0"),
        ("warmup 10% > cosine 5% to 0", 1, {"length": ""}, "warmup 10% > cosine to 0"),
        ("transformers: warmup 10% > linear to 0", 0, {"length": "7"}, "transformers: warmup 7 > linear to 0"),
    ],
)
def test_fields_change_the_words(words, at, new, expected):
    """What is written into a field of a row."""
    assert changed(words, at, **new) == expected


@pytest.mark.parametrize("curve", MOVING)
def test_every_curve_offered_can_be_chosen(curve):
    """Without any option, at either place."""
    for at in (0, 1):
        words = changed("warmup 10% > cosine to 0", at, curve=curve)
        assert Design((words,), updates=1000).schedule(0)(range(1000)).max() <= 1.0


def test_fields_refuse_what_is_none():
    """A factor that is no number, a curve that is none, a sequence that is none."""
    with pytest.raises(ScheduleError, match="end must be a share of the peak, or a learning rate; got 'low'"):
        changed("warmup 10% > cosine to 0", 1, end="low")
    with pytest.raises(ScheduleError, match="Did you mean 'cosine'"):
        changed("warmup 10% > cosine to 0", 1, curve="cosinus")
    with pytest.raises(ScheduleError, match="schedule must be a plain sequence of phases"):
        changed("repeat(hold 3)", 0, length="2")
    with pytest.raises(ScheduleError, match="phases must be one Phase or more"):
        removed("hold 10%", 0)


def test_a_drag_is_one_step():
    """Changes of one kind in quick succession are undone together; a pause or another kind begins a new step."""
    history = History(0)
    for step in range(1, 6):
        history.change(step, at=0.1 * step, kind="slide-0")
    history.change(10, at=5.0, kind="slide-0")
    history.change(11, at=5.1, kind="slide-1")
    assert [history.undo() for _ in range(4)] == [10, 5, 0, 0]
    assert not history.can_undo
    assert [history.redo() for _ in range(4)] == [5, 10, 11, 11]
    history.undo()
    history.change(12, at=9.0)
    assert not history.can_redo
