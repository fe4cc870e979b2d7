"""Audits of logs: nothing is found in correct runs, whatever they were written with; clocks, groups, refusals."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import preheat
from preheat.auditing.audits import audit, recognise_log
from preheat.auditing.observed import shortest_between
from preheat.auditing.recognition import descend
from preheat.errors import ConfigError, DataError
from support.logged import FORMATS, noisy, write_csv
from support.named_schedules import named

LINEAR = preheat.get_schedule("linear", warmup=100, total=1000)
COSINE = preheat.get_schedule("cosine", warmup=100, total=1000)
BASE = 1e-4
CURVES = Path(__file__).parents[2].parent / "shared" / "data" / "loss_curves" / "multi_power_law"


@pytest.mark.parametrize("shown", FORMATS)
def test_no_false_alarm_on_correct_runs(shown):
    """Fifty runs a format: any schedule and peak, rows missing and repeated, numbered from 0 or 1, told or not."""
    draw = random.Random(shown)
    for run in range(50):
        name = draw.choice(preheat.SCHEDULE_NAMES)
        total = draw.choice([120, 400, 1000, 3000])
        schedule = named(name, total, draw.choice([None, "native"]))
        base = draw.choice([1e-4, 5e-5, 3e-4, 2e-5, 1e-3, 6.25e-5, 0.1])
        first = draw.choice([0, 1])
        log = noisy(
            schedule, base, total, shown, run, every=draw.choice([1, 5]), first=first, known=draw.random() < 0.5
        )
        found = audit(log, schedule, lr=draw.choice([base, None])).findings[0]
        assert found.equal, (name, total, base, str(found))


@given(
    scale=st.integers(2, 40),
    share=st.floats(0, 1),
    base=st.sampled_from([BASE, 3e-4, 0.1]),
    shown=st.sampled_from(["all digits", "six digits", "float32"]),
)
@settings(max_examples=40)
def test_a_fast_clock_is_measured(scale, share, base, shown):
    """Scale and offset, from the rates alone."""
    offset = round(share * scale)
    moved = LINEAR.shift(offset)
    log = noisy_positions(lambda update: moved(scale * update), base, 1000 // scale, shown)
    found = audit(log, LINEAR, lr=base).findings[0]
    assert (found.kind, found.scale, found.offset) == ("fast-clock", scale, offset)


@given(every=st.integers(2, 60), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_a_slow_clock_is_measured(every, seed):
    """One position every so many updates, some rows missing."""
    log = noisy(_Every(LINEAR, every), BASE, 1000, "six digits", seed)
    found = audit(log, LINEAR, lr=BASE).findings[0]
    assert (found.kind, found.numbers["every"]) == ("slow-clock", every)


@given(st.sets(st.integers(1, 900), min_size=1, max_size=8))
@settings(max_examples=20)
def test_skipped_updates_are_counted(skips):
    """Each held the position back by one, for good."""
    lag = np.cumsum([update in skips for update in range(1000)])
    log = noisy_positions(lambda update: COSINE(int(update - lag[update])), BASE, 1000, "all digits")
    found = audit(log, COSINE, lr=BASE).findings[0]
    assert (found.kind, found.numbers["lag"]) == ("skipped-updates", len(skips))


@given(warmup=st.integers(0, 400), horizon=st.integers(500, 3000))
@settings(max_examples=20)
def test_other_lengths_are_measured(warmup, horizon):
    """Warm-up and horizon, when both may differ."""
    log = noisy(preheat.get_schedule("cosine", warmup=warmup, total=horizon), BASE, 1000, "six digits", warmup)
    found = audit(log, COSINE, lr=BASE).findings[0]
    if (warmup, horizon) == (100, 1000):
        assert found.equal
    elif found.kind != "fast-clock":  # both lengths divided by one number are another clock
        assert found.kind in ("other-warm-up", "other-horizon"), found
        assert (found.numbers["warmup"], found.numbers["horizon"]) == (warmup, horizon)


def test_a_fast_cosine_that_climbs_again_is_still_a_fast_clock():
    """transformers' cosine is a wave: eight processes go up and down with it."""

    def wave(update):
        position = 8 * update
        return position / 100 if position < 100 else 0.5 * (1 + np.cos(np.pi * (position - 100) / 900))

    found = audit(noisy_positions(wave, BASE, 1000, "all digits"), COSINE, lr=BASE).findings[0]
    assert (found.kind, found.scale) == ("fast-clock", 8)


def test_numbers_of_steps_are_told_apart_where_the_log_allows():
    """A log from 0 that has the next rate is late; one from 1 may count completed updates, unless it says otherwise."""
    late = [(update, BASE * LINEAR(update + 1)) for update in range(200)]
    assert audit(rows(late), LINEAR, lr=BASE).findings[0].kind == "logged-late"
    from_one = [(update + 1, BASE * LINEAR(update + 1)) for update in range(200)]
    assert audit(rows(from_one), LINEAR, lr=BASE).equal
    assert audit(rows(from_one), LINEAR, lr=BASE, first=1).findings[0].kind == "logged-late"


def test_groups_at_rates_of_their_own_are_no_mistake(tmp_path):
    """Where one series is the plan, another at a tenth of it is a group; where none is, it is a finding."""
    rates = [(update, BASE * LINEAR(update), BASE / 10 * LINEAR(update)) for update in range(0, 1000, 10)]
    both = write_csv(tmp_path / "both.csv", ["step", "lr-AdamW/pg1", "lr-AdamW/pg2"], rates)
    found = audit(both, LINEAR, lr=BASE)
    assert found.equal
    assert "a group of its own" in str(found)
    one = write_csv(tmp_path / "one.csv", ["step", "lr"], [(step, rate) for step, _, rate in rates])
    assert audit(one, LINEAR, lr=BASE).findings[0].kind == "other-group"
    assert audit(one, LINEAR).equal  # without a peak only the shape is compared


def test_a_metric_driven_curve_stays_unexplained():
    """No rule says what a plateau did: the update where it left the plan is named."""
    reported = (preheat.warmup(10) >> preheat.hold("forever")) * preheat.plateau(factor=0.37, patience=0)
    for update in (40, 77, 79, 83, 91):
        reported = reported.report(1.0, update)
    plan = preheat.parse("warmup 10 > linear 190")
    found = audit(noisy_positions(reported, BASE, 200, "all digits"), plan, lr=BASE).findings[0]
    assert found.kind in ("unexplained", "jump")
    assert not found.equal


def test_plans_that_wait_are_refused_by_name(tmp_path):
    """Shares need a total, learning rates a peak."""
    log = write_csv(tmp_path / "log.csv", ["step", "lr"], [(0, 1e-4), (1, 1e-4)])
    with pytest.raises(ConfigError, match=r"total must be given for this plan; got 'warmup 10% > hold'"):
        audit(log, "warmup 10% > hold")
    with pytest.raises(ConfigError, match="lr must be given for this plan"):
        audit(log, "cosine 100 to lr 1e-6")
    with pytest.raises(DataError, match="one with learning rates"):
        audit(write_csv(tmp_path / "other.csv", ["step", "loss"], [(0, 1)]), LINEAR)


RECOGNIZED = [
    *("linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt", "cosine_with_min_lr"),
    *("wsd", "trapezoidal", "flat_cosine", "cosine_with_restarts", "one_cycle", "rex", "warmup_stable_decay", "step"),
    *("exponential", "mirror_cosine", "tanh", "1-sqrt", "multistep"),
]


@pytest.mark.parametrize("convention", ["transformers", "native"])
@pytest.mark.parametrize("name", RECOGNIZED)
def test_schedules_are_recognized_by_their_curves(name, convention):
    """Six digits, rows missing: the same rates, and for the common ones the very numbers of the schedule."""
    options = {"exponential": {"rate": 0.997, "steps": 1}}.get(name, {})
    schedule = named(name, 1000, convention, **options)
    known = recognise_log(noisy(schedule, 5e-5, 1000, "six digits", 1))["lr"]
    assert known.exact
    updates = np.arange(1000)
    assert np.abs(known.base_lr * known.schedule(updates) - 5e-5 * schedule(updates)).max() < 1e-9
    assert known.base_lr == 5e-5
    if name in ("linear", "cosine", "cosine_with_min_lr", "wsd"):
        assert known.schedule.horizon == 1000
        assert known.schedule.warmup_updates == 100
        assert known.schedule.with_convention(convention) == known.schedule


PUBLISHED = {
    "cosine_24000": "transformers: warmup 2160 > cosine 21840 to 0.1",
    "cosine_72000": "transformers: warmup 2160 > cosine 69840 to 0.1",
    "wsd_20000_24000": "transformers: hold 20000 > geometric 4000 to 0.1",
    "wsdld_20000_24000": "transformers: hold 20000 > linear 4000 to 0.1",
    "wsdcon_9": "hold 8000 at 1 > hold forever at 0.3",
    "constant_24000": "hold forever",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_runs_are_recognized(name):
    """Logs of Luo et al. 2025 (arXiv:2503.12811), a row every 128 updates after the warm-up: what they describe."""
    if not CURVES.is_dir():
        pytest.skip(f"the published curves are not at {CURVES}")
    known = recognise_log(CURVES / f"25M_{name}.csv")["lr"]
    assert known.exact
    assert (str(known.schedule), known.base_lr) == (PUBLISHED[name], 3e-4)


def test_what_a_log_cannot_tell_is_said():
    """A log that ends in the climb, at the peak, before the horizon; a staircase; too few points."""

    def notes(schedule, updates):
        return " ".join(recognise_log(noisy_positions(schedule, BASE, updates, "all digits"))["lr"].notes)

    assert "ends while the rate climbs" in notes(LINEAR, 60)
    assert "whether a descent follows cannot be told" in notes(preheat.get_schedule("wsd", total=1000, decay=200), 700)
    assert "the horizon is where the curve points to" in notes(COSINE, 500)
    assert "moves only once every 25 updates" in notes(_Every(COSINE, 25), 1000)
    assert recognise_log(noisy_positions(LINEAR, BASE, 3, "all digits"))["lr"] is None


@given(st.floats(1e-9, 1e9), st.floats(1e-12, 0.5))
def test_the_shortest_number_lies_in_its_interval(value, width):
    """And has no more digits than the middle."""
    low, high = value * (1 - width), value * (1 + width)
    assert low <= shortest_between(low, high) <= high


def test_a_pattern_search_follows_a_valley():
    """Two lengths that trade places are moved together."""
    assert descend(lambda p: abs(p[0] + p[1] - 500) * 100 + abs(p[0] - 17), (1, 1), (0, 0), (999, 999))[0] == (17, 483)


class _Every:
    """A schedule stepped once every so many updates."""

    def __init__(self, schedule, every):
        self.schedule, self.every = schedule, every

    def __call__(self, update):
        return self.schedule(update // self.every)


def noisy_positions(factor, base, updates, shown):
    """A dense log of ``base * factor(update)``."""
    return rows([(update, FORMATS[shown](base * factor(update))) for update in range(updates)])


def rows(pairs):
    """A log of (step, rate) pairs that does not say where it counts from."""
    from preheat.auditing.logs import Log, Rows

    taken = Rows("lr")
    for step, rate in pairs:
        taken.add(step, rate)
    return Log("rows", "a test", (taken.series(),))
