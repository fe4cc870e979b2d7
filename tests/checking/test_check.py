"""Each finding has a schedule that triggers it and one that does not; nothing is read off a name."""

import json
import time

import pytest
from hypothesis import assume, given

import preheat
from preheat import checking
from preheat.messages.languages import tell
from support.strategies import schedules


def codes(schedule, **options):
    return {finding.code: finding.severity for finding in preheat.check(schedule, **options)}


@pytest.mark.parametrize(
    ("code", "severity", "schedule", "options", "mended"),
    [
        ("always-zero", "error", "hold 10 at 0", {}, "hold 10 at 0.1"),
        ("warm-up-not-finished", "error", "warmup 1000 > hold 10", {"updates": 300}, "warmup 100 > hold 200"),
        ("long-warm-up", "warning", "warmup 60% > cosine", {"updates": 100}, "warmup 10% > cosine"),
        ("first-update-at-zero", "warning", "transformers: warmup 10 > linear 90", {}, "warmup 10 > linear 90"),
        ("first-update-at-peak", "warning", "warmup 1 > warmup 10 > linear 90", {}, "warmup 10 > linear 90"),
        ("no-warm-up", "note", "linear 1000", {}, "warmup 10 > linear 990"),
        ("ends-before-run", "error", "warmup 10 > linear 90", {"updates": 200}, "warmup 10 > linear 190"),
        ("ends-before-run", "warning", "warmup 10 > linear 90 to 0.1", {"updates": 200}, "warmup 10 > linear 190"),
        ("ends-after-run", "warning", "warmup 10 > linear 990", {"updates": 200}, "warmup 10 > linear 190"),
        ("ends-at-peak", "warning", "warmup 10 > cosine(cycles=1) 90", {}, "warmup 10 > cosine 90"),
        ("end-value-not-used", "note", "transformers: warmup 10 > linear 90", {}, "warmup 10 > linear 90"),
        ("warm-up-below-floor", "note", "warmup 10 > cosine 90 to 0.5", {}, "warmup 10 from 0.5 > cosine 90 to 0.5"),
        ("jump", "warning", "warmup 10 > hold 40 > hold 50 at 0.1", {}, "warmup 10 > hold 40 > linear 50 to 0.1"),
        ("restart", "note", "warmup 10 > repeat(cosine 45, times=2)", {}, "warmup 10 > cosine 90"),
        ("late-restart", "warning", "warmup 4 > repeat(cosine 48, times=3)", {"updates": 102}, "warmup 4 > cosine 98"),
        ("above-base", "warning", "warmup 10 > linear 90 from 2", {}, "warmup 10 > linear 90"),
        ("mostly-near-zero", "warning", "warmup 10 > exponential(rate=0.5) 990", {}, "warmup 10 > linear 990"),
        (
            "metric-in-warm-up",
            "note",
            "(warmup 10 > hold forever) * plateau(during_warmup=true)",
            {"updates": 100},
            "(warmup 10 > hold forever) * plateau()",
        ),
        ("floor-above-base", "error", "warmup 9 > cosine 9 to lr 1e-3", {"lr": 1e-4}, "warmup 9 > cosine 9 to lr 1e-6"),
    ],
)  # fmt: skip
def test_each_finding_is_found_and_goes_when_mended(code, severity, schedule, options, mended):
    """The code and its severity; the mended schedule no longer has it."""
    assert codes(schedule, **options)[code] == severity
    assert code not in codes(mended, **options)


def test_a_sound_schedule_has_nothing_to_say():
    """Warm-up from above zero, down to a floor that the last update reaches, shaped for the run."""
    assert preheat.check("warmup 10% > cosine to 0", updates=1000) == []


def test_floors_are_held_against_every_group():
    """One group's base value is below the floor, the other's is not."""
    findings = preheat.check("warmup 10 > cosine 90 to lr 1e-5", lr=1e-3, bases=[1e-3, 1e-6])
    assert [finding.message for finding in findings if finding.code == "floor-above-base"] == [
        "the learning rate 1e-05 of the schedule is above the base value 1e-06 of a group"
    ]


def test_numbers_in_messages_are_learning_rates():
    """Of the lr given."""
    findings = preheat.check("warmup 1000 > hold 10", updates=500, lr=1e-3)
    assert "the highest rate is 0.0005" in str(findings[0])


def test_long_runs_are_looked_at_where_it_matters():
    """A jump between two far updates of 10^9 is found at its place."""
    findings = preheat.check("warmup 1000 > hold 599_999_000 > hold 400_000_000 at 0.5")
    assert any("drops at update 600000000" in finding.message for finding in findings)


@pytest.mark.parametrize("updates", [10**7, 10**8])
@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("warmup 10% > cosine to 0.1", {"warm-up-below-floor"}),
        (
            "warmup 60% > hold 20% > cosine(cycles=1.0) 20% to 0",
            {"long-warm-up", "ends-at-peak", "warm-up-below-floor"},
        ),
        ("warmup 1% from 0.1 > cosine 19% to 0.005 > hold 80%", {"mostly-near-zero"}),
        ("transformers: warmup 10% > linear to 0", {"first-update-at-zero", "end-value-not-used"}),
    ],
)
def test_a_run_of_ten_or_a_hundred_million_updates_is_checked_as_a_short_one(schedule, expected, updates):
    """The same findings as at 10,000 updates, and in no time."""
    begin = time.process_time()
    assert {*codes(schedule, updates=updates)} == {*codes(schedule, updates=10_000)} == expected
    assert time.process_time() - begin < 1  # 0.03 s; looking at every update takes 8 s


def test_a_staircase_in_a_long_phase_is_seen_step_by_step():
    """Its drops are inside a phase, at no border."""
    findings = preheat.check("warmup 1000000 > exponential(rate=0.5, steps=2000000, staircase=true) 9000000")
    drops = [finding.message for finding in findings if finding.code == "jump"]
    assert [drop.split()[5].rstrip(":") for drop in drops] == ["2999999", "4999999", "6999999", "8999999"]


@given(schedules)
def test_a_part_of_the_updates_shows_what_all_of_them_show(schedule):
    """Whatever is found in a run whose every update is looked at is found through a net."""
    assume(schedule.horizon)
    long = schedule.stretch(20_000)
    every = codes(long)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "_MOST", 10_000)
        patch.setattr(checking, "_NET", 2_000)
        assert codes(long) == every


@given(schedules)
def test_any_schedule_can_be_checked(schedule):
    """No schedule breaks the checks; findings are plain data."""
    for finding in preheat.check(schedule, updates=max(1, int(schedule.horizon))):
        assert finding.severity in ("error", "warning", "note")
        json.dumps(finding.message)


def test_without_any_length_it_asks_for_one():
    """An endless schedule and no run."""
    with pytest.raises(preheat.ScheduleError, match="updates must be given"):
        preheat.check("warmup 10 > hold forever")


def test_findings_in_chinese():
    """Severity, message and advice; the code is for programs, and stays."""
    told = [tell(finding, "zh") for finding in preheat.check("transformers: warmup 100 > linear 900", updates=2000)]
    assert told == [
        "错误：训练共 2000 步，调度在 1000 步后就结束；其余各步的学习率为 0。"
        "请按训练长度设定调度；若有意如此，请用 extend() 写明。 [ends-before-run]",
        '警告：第 0 步的学习率是 0，什么也学不到。请改用 native 约定（with_convention("native")），它从高一步处开始。'
        " [first-update-at-zero]",
        "警告：50% 的更新低于峰值的 1%。训练短一些，效果也差不多。 [mostly-near-zero]",
    ]
