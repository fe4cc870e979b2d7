"""Resuming: what changed is said, and what wins is chosen."""

import io
import itertools
import json
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import preheat
from preheat.torch import Scheduler
from support.strategies import schedules

SAVED = preheat.get_schedule("cosine", warmup=10, total=100)
NEW = preheat.get_schedule("cosine", warmup=10, total=200)


def started(schedule, lrs=(0.1,), **options):
    """An optimizer of one small group a rate, and its scheduler."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    return optimizer, Scheduler(optimizer, schedule, **options)


def run(optimizer, updates):
    for _ in range(updates):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)
        optimizer.step()


def state_after(schedule, updates, lrs=(0.1,), **options):
    optimizer, scheduler = started(schedule, lrs, **options)
    run(optimizer, updates)
    return json.loads(json.dumps(scheduler.state_dict()))


def resumed(schedule, state, updates, lrs=(0.1,), **options):
    """The scheduler after ``updates`` more."""
    optimizer, scheduler = started(schedule, lrs, **options)
    scheduler.load_state_dict(state)
    run(optimizer, updates)
    return scheduler


EXPECTED = {
    "keep": SAVED,
    "replace": NEW,
    "rescale": NEW.shift(50),
}


@pytest.mark.parametrize("policy", EXPECTED)
def test_policies_give_their_documented_curves(policy):
    """From the border on: the saved one, the new one at the same update, the new one at the same fraction."""
    scheduler = resumed(NEW, state_after(SAVED, 50), 100, resume=policy)
    assert scheduler.history == [0.1 * EXPECTED[policy](50 + update) for update in range(100)]
    assert [0.1 * scheduler.schedule(update) for update in range(50)] == [0.1 * SAVED(update) for update in range(50)]


def test_bridge_starts_at_the_saved_rate_and_ends_on_the_new_curve():
    """At the border, one update later, n and n + 1 later; no step above the new schedule's own plus gap / n."""
    scheduler = resumed(NEW, state_after(SAVED, 50), 20, resume="bridge", bridge=10)
    used = [rate / 0.1 for rate in scheduler.history]
    gap = SAVED(50) - NEW(50)
    assert used[0] == pytest.approx(SAVED(50), abs=1e-15)
    assert used[1] == pytest.approx(NEW(51) + 0.9 * gap, abs=1e-15)
    assert used[10:12] == pytest.approx([NEW(60), NEW(61)], abs=1e-15)
    own = max(abs(NEW(k + 1) - NEW(k)) for k in range(50, 70))
    assert max(abs(b - a) for a, b in itertools.pairwise([SAVED(49), *used])) <= own + abs(gap) / 10 + 1e-15


def test_a_changed_base_is_refused_and_rebased_when_asked():
    """The new peak with the saved shape; by default the difference is shown."""
    state = state_after(SAVED, 50, (0.1, 0.01))
    with pytest.raises(
        preheat.StateError, match=r"base lr of group 0: 0\.1 -> 0\.02; base lr of group 1: 0\.01 -> 0\.03"
    ):
        resumed(SAVED, state, 0, (0.02, 0.03))
    scheduler = resumed(SAVED, state, 30, (0.02, 0.03), resume="rebase")
    assert scheduler.group_history(0) == [0.02 * SAVED(50 + update) for update in range(30)]
    assert scheduler.group_history(1) == [0.03 * SAVED(50 + update) for update in range(30)]
    assert resumed(SAVED, state, 1, (0.02, 0.03), resume="keep").base_lrs == [0.1, 0.01]


def test_a_bridge_crosses_from_the_saved_rate_of_every_group():
    """New schedule and new base values at once: each group comes from the rate it had."""
    scheduler = resumed(NEW, state_after(SAVED, 50, (0.1, 0.01)), 12, (0.05, 0.04), resume="bridge", bridge=10)
    assert scheduler.group_history(0)[0] == pytest.approx(0.1 * SAVED(50))
    assert scheduler.group_history(1)[0] == pytest.approx(0.01 * SAVED(50))
    assert scheduler.group_history(0)[10:] == pytest.approx([0.05 * NEW(60), 0.05 * NEW(61)])
    assert scheduler.group_history(1)[10:] == pytest.approx([0.04 * NEW(60), 0.04 * NEW(61)])


@pytest.mark.parametrize("policy", ["keep", "replace", "rescale", "bridge"])
def test_own_schedules_of_groups_and_other_numbers_survive_every_policy(policy):
    """Rules by group and for weight decay go on beside the shared schedule."""
    own = preheat.parse("warmup 80 > hold forever")
    options = {"groups": {1: own}, "also": {"weight_decay": own}}
    state = state_after(SAVED, 50, (0.1, 0.01), **options)
    bridge = {"bridge": 10} if policy == "bridge" else {}
    scheduler = resumed(NEW, state, 20, (0.1, 0.01), resume=policy, **options, **bridge)
    assert scheduler.group_history(1) == pytest.approx([0.01 * own(50 + update) for update in range(20)])


@pytest.mark.parametrize("policy", ["keep", "replace", "rescale", "bridge"])
def test_resuming_again_goes_on_along_the_same_curve(policy):
    """A run that is stopped a second time, with the same arguments, is not moved a second time."""
    options = {"resume": policy, "bridge": 40 if policy == "bridge" else 0}
    uncut = resumed(NEW, state_after(SAVED, 50), 60, **options).history
    first = resumed(NEW, state_after(SAVED, 50), 20, **options)
    second = resumed(NEW, json.loads(json.dumps(first.state_dict())), 40, **options)
    assert first.history + second.history == uncut


def test_loading_twice_changes_nothing():
    """Whatever the policy."""
    state = state_after(SAVED, 50)
    optimizer, scheduler = started(NEW, resume="rescale")
    scheduler.load_state_dict(state)
    once = scheduler.state_dict()
    scheduler.load_state_dict(state)
    assert scheduler.state_dict() == once
    assert optimizer.param_groups[0]["lr"] == 0.1 * NEW(100)


def test_a_metric_is_resumed_in_the_middle_of_its_patience():
    """Reports before and after the cut count together, as in the uncut run."""
    schedule = (preheat.warmup(5) >> preheat.hold("forever")) * preheat.plateau(factor=0.5, patience=2)
    losses = [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0]

    def epochs(optimizer, scheduler, part):
        for loss in part:
            run(optimizer, 10)
            scheduler.report(loss)
        return scheduler.history

    uncut = epochs(*started(schedule), losses)
    assert sorted(set(uncut[10:])) == [0.025, 0.05, 0.1]
    for cut in range(len(losses)):
        optimizer, scheduler = started(schedule)
        before = epochs(optimizer, scheduler, losses[:cut])
        state = json.loads(json.dumps(scheduler.state_dict()))
        optimizer, scheduler = started(schedule)
        scheduler.load_state_dict(state)
        assert before + epochs(optimizer, scheduler, losses[cut:]) == uncut


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(schedules, st.integers(0, 30), st.permutations(["optimizer", "scheduler", "state"]))
def test_cut_and_resumed_equals_uncut_for_any_schedule(schedule, cut, order):
    """Bit for bit, in every order of loading in which the scheduler exists before its state."""
    if order.index("scheduler") > order.index("state"):
        order = ["optimizer", "scheduler", "state"]
    optimizer, scheduler = started(schedule)
    run(optimizer, cut)
    saved = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "state": scheduler.state_dict()}, saved)
    run(optimizer, 40 - cut)
    uncut = scheduler.history
    saved.seek(0)
    states = torch.load(saved, weights_only=True)

    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1}], lr=1.0)
    for part in order:
        if part == "optimizer":
            optimizer.load_state_dict(states["optimizer"])
        elif part == "scheduler":
            scheduler = Scheduler(optimizer, schedule)
        else:
            scheduler.load_state_dict(states["state"])
    run(optimizer, 40 - cut)
    assert uncut[:cut] + scheduler.history == uncut
    assert uncut == [0.1 * schedule(update) for update in range(40)]


def test_schedules_go_to_another_process():
    """Pickled, sent, evaluated by a fresh interpreter, as spawned workers do."""
    sent = [SAVED, preheat.parse("repeat(cosine 4, times=3) * 0.5"), preheat.parse('function("math:log1p")')]
    child = "import pickle, sys; print([(s.fingerprint, s(7)) for s in pickle.load(sys.stdin.buffer)])"
    answer = subprocess.run([sys.executable, "-c", child], input=pickle.dumps(sent), capture_output=True, check=True)
    assert answer.stdout.decode().strip() == str([(schedule.fingerprint, schedule(7)) for schedule in sent])


def test_states_stay_small():
    """Below 4 KiB for ordinary schedules, a resumed one too."""
    state = state_after(preheat.get_schedule("wsd", warmup=100, total=1000, decay="20%"), 3, (0.1, 0.01, 0.001))
    assert len(json.dumps(state)) < 4096
    scheduler = resumed(NEW, state_after(SAVED, 50), 1, resume="bridge", bridge=10)
    assert len(json.dumps(scheduler.state_dict())) < 4096
