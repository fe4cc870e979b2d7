"""What people run into with today's libraries, reproduced first, then shown right (torch 2.13, transformers 5.23)."""

import copy
import itertools
import logging
import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup, get_scheduler
from transformers.trainer_utils import SchedulerType

import preheat
from preheat.torch import Scheduler

pytestmark = [
    pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning"),
    pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning"),
]


def adam(*lrs):
    groups = [{"params": [torch.nn.Parameter(torch.ones(2))], "lr": lr} for lr in (lrs or (1.0,))]
    return torch.optim.AdamW(groups, lr=1.0)


def rate(optimizer, group=0):
    return float(optimizer.param_groups[group]["lr"])


def update(optimizer):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def stepped(optimizer, scheduler, updates):
    """The rate each update used."""
    used = []
    for _ in range(updates):
        used.append(rate(optimizer))
        update(optimizer)
        scheduler.step()
    return used


def test_s2_updates_are_counted_as_the_loop_counts_them():
    """A real loader: 10 batches, accumulation 4, 3 epochs; the hand formula says 7, the loops make 9, 6 and 7."""
    loader = torch.utils.data.DataLoader(list(range(10)), batch_size=1)
    counted = dict.fromkeys(("flush", "drop", "carry"), 0)
    waiting = dict.fromkeys(counted, 0)
    for _ in range(3):
        for number, _ in enumerate(loader, 1):
            for tail in counted:
                waiting[tail] += 1
                if waiting[tail] == 4 or (tail == "flush" and number == len(loader)):
                    counted[tail], waiting[tail] = counted[tail] + 1, 0
        waiting["drop"] = 0
    assert 10 * 3 // 4 == 7
    assert counted == {tail: preheat.Plan(10, 1, 3, accumulation=4, tail=tail).updates for tail in counted}
    assert list(counted.values()) == [9, 6, 7]
    assert preheat.Plan(1000, 8, 3, 4, 3).updates == 33
    assert preheat.Plan(1000, 8, 3, 4, 3, drop_last=True, tail="drop").updates == 30


def test_s3_stepping_every_micro_batch():
    """Accumulation 4, step() on each micro-batch: transformers' schedule is over after a quarter of the run."""
    optimizer = adam()
    peer = get_linear_schedule_with_warmup(optimizer, 10, 100)
    peer_used, ours_used = [], []
    mine = adam()
    ours = Scheduler(mine, preheat.get_schedule("linear", warmup=10, total=100))
    for _ in range(100):
        for micro in range(4):
            if micro == 3:
                peer_used.append(rate(optimizer))
                update(optimizer)
                update(mine)
                ours_used.append(ours.history[-1])
            peer.step()
            ours.step()
    assert peer_used[25:] == [0.0] * 75
    assert ours_used == [ours.schedule(k) for k in range(100)]


def test_s4_resuming_with_twice_the_length():
    """Saved at 50 of 100, rebuilt for 200: transformers jumps, torch ignores the 200 and climbs again after 100."""
    optimizer = adam()
    peer = get_cosine_schedule_with_warmup(optimizer, 0, 100)
    stepped(optimizer, peer, 50)
    again = adam()
    longer = get_cosine_schedule_with_warmup(again, 0, 200)
    longer.load_state_dict(copy.deepcopy(peer.state_dict()))
    longer.step()
    assert peer.get_last_lr() == [pytest.approx(0.5)]
    assert longer.get_last_lr()[0] == pytest.approx(0.848, abs=1e-3)  # from 0.492 without the change

    torchs = CosineAnnealingLR(adam(), T_max=100)
    for _ in range(50):
        torchs.step()
    other = CosineAnnealingLR(adam(), T_max=200)
    other.load_state_dict(copy.deepcopy(torchs.state_dict()))
    assert other.T_max == 100
    for _ in range(100):
        other.step()
    assert other.get_last_lr()[0] == pytest.approx(0.5)

    short, long = (preheat.get_schedule("cosine", total=total) for total in (100, 200))
    mine = adam()
    saved = Scheduler(mine, short)
    for _ in range(50):
        update(mine)
    with pytest.raises(
        preheat.StateError, match=r"phases\[0\]\.length: 100 -> 200\. At update 50 .* was 0\.5 and would be 0\.853553"
    ):
        Scheduler(adam(), long).load_state_dict(saved.state_dict())
    for policy, expected in (("keep", short(50)), ("replace", long(50)), ("rescale", long(100)), ("bridge", short(50))):
        resumed = Scheduler(adam(), long)
        resumed.load_state_dict(saved.state_dict(), resume=policy, bridge=10)
        assert resumed.next_lr == pytest.approx(expected, abs=1e-15)
        for _ in range(200):
            update(resumed.optimizer)
        assert max(resumed.history[160:]) < 1e-3  # none climbs again


def test_s5_order_of_loading():
    """Load optimizer, build scheduler, load its state: with LambdaLR the next update runs at the warm-up's start."""
    optimizer = adam()
    peer = get_linear_schedule_with_warmup(optimizer, 10, 100)
    stepped(optimizer, peer, 60)
    states = copy.deepcopy((optimizer.state_dict(), peer.state_dict()))
    restored = adam()
    restored.load_state_dict(states[0])
    get_linear_schedule_with_warmup(restored, 10, 100).load_state_dict(states[1])
    assert rate(restored) == 0.0
    assert rate(optimizer) == pytest.approx(40 / 90)

    schedule = preheat.get_schedule("linear", warmup=10, total=100)
    mine = adam()
    ours = Scheduler(mine, schedule)
    for _ in range(60):
        update(mine)
    states = copy.deepcopy((mine.state_dict(), ours.state_dict()))
    restored = adam()
    restored.load_state_dict(states[0])
    Scheduler(restored, schedule).load_state_dict(states[1])
    assert rate(restored) == schedule(60)


def test_s6_a_new_peak_on_resume():
    """Rebuilt at 1e-4, loaded: 1e-3 comes back in silence. Ours says so, and rebases when asked."""
    optimizer = adam(1e-3)
    peer = get_linear_schedule_with_warmup(optimizer, 10, 100)
    stepped(optimizer, peer, 50)
    states = copy.deepcopy((optimizer.state_dict(), peer.state_dict()))
    lower = adam(1e-4)
    resumed = get_linear_schedule_with_warmup(lower, 10, 100)
    lower.load_state_dict(states[0])
    resumed.load_state_dict(states[1])
    resumed.step()
    assert rate(lower) == pytest.approx(1e-3 * 49 / 90)

    schedule = preheat.get_schedule("linear", warmup=10, total=100)
    saved = Scheduler(adam(1e-3), schedule).state_dict()
    with pytest.raises(preheat.StateError, match=r"base lr of group 0: 0\.001 -> 0\.0001"):
        Scheduler(adam(1e-4), schedule).load_state_dict(saved)
    rebased = Scheduler(adam(1e-4), schedule)
    rebased.load_state_dict({**saved, "position": 50}, resume="rebase")
    assert rebased.next_lr == 1e-4 * schedule(50)


def test_s7_training_past_the_end(caplog):
    """At twice the horizon transformers' and torch's cosines are at the peak again, and OneCycle raises."""
    for peer in (get_cosine_schedule_with_warmup(adam(), 0, 100), CosineAnnealingLR(adam(), T_max=100)):
        for _ in range(200):
            peer.step()
        assert peer.get_last_lr()[0] == pytest.approx(1.0)
    one_cycle = OneCycleLR(adam(), max_lr=1.0, total_steps=100)
    for _ in range(100):
        one_cycle.step()
    with pytest.raises(ValueError, match="Tried to step"):
        one_cycle.step()

    mine = adam()
    ours = Scheduler(mine, preheat.get_schedule("cosine", total=100))
    with caplog.at_level(logging.WARNING, logger="preheat"):
        for _ in range(200):
            update(mine)
            ours.step()
    assert ours.history[100:] == [0.0] * 100
    assert [record.getMessage() for record in caplog.records] == [
        "update 100 is past the schedule's horizon of 100 updates; the learning rate is held at 0."
        " Plan more updates, or extend the schedule."
    ]
    strict = adam()
    guarded = Scheduler(strict, preheat.get_schedule("cosine", total=100).after_end("error"))
    for _ in range(100):
        update(strict)
        guarded.step()
    with pytest.raises(preheat.ScheduleError, match="position must be below the horizon, 100; got 100"):
        update(strict)


@pytest.mark.parametrize("fused", [False, True])
def test_s8_skipped_updates(fused):
    """5 of 100 attempts overflow: a loop that steps on attempts minus skips ends at 5 % of the peak."""
    skipped = {0, 7, 30, 31, 99}
    schedule = preheat.get_schedule("linear", total=100)
    held_back = 1.0
    for attempt in range(100):
        held_back = schedule(attempt + 1 - len([at for at in skipped if at <= attempt]))
    assert held_back == pytest.approx(0.05)
    for policy, updates in (("hold", 95), ("advance", 100)):
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=1.0, fused=fused)
        scheduler = Scheduler(optimizer, schedule, on_skip=policy)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
        for attempt in range(100):
            weight = optimizer.param_groups[0]["params"][0]
            scaler.scale(weight.sum() * (math.inf if attempt in skipped else 1.0)).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            scheduler.step()
        attempts = [attempt for attempt in range(100) if attempt not in skipped]
        expected = range(95) if policy == "hold" else attempts
        assert scheduler.history == [schedule(position) for position in expected]
        assert scheduler.position == updates
        if policy == "advance":
            assert scheduler.skipped == sorted(skipped)
            assert rate(optimizer) == 0.0


def test_s9_sequences_of_schedules():
    """torch's SequentialLR leaves the optimizer at its first child's start; ours is the piecewise definition."""
    optimizer = adam()
    first = LinearLR(optimizer, start_factor=0.1, total_iters=5)
    second = CosineAnnealingLR(optimizer, T_max=10)
    peer = SequentialLR(optimizer, [first, second], milestones=[5])
    used = stepped(optimizer, peer, 16)
    climb, fall = preheat.parse("transformers: warmup 5 from 0.1"), preheat.parse("transformers: cosine 10 from 1")
    assert used[:15] == pytest.approx([(climb >> fall)(k) for k in range(15)], abs=1e-12)
    a, b, c = preheat.parse("hold 0 at 0.3"), preheat.parse("hold 1 at 0.2"), preheat.parse("cosine 9 from 1")
    for parts in itertools.permutations([a, b, c]):
        whole = parts[0] >> parts[1] >> parts[2]
        flat = [one(k) for one in parts for k in range(one.horizon)]
        assert [whole(k) for k in range(10)] == flat


def test_s10_spellings_of_a_warmup():
    """constant ignores 20 warm-up steps, 1000 of 300 never reach the peak, in silence; ours refuses each by name."""
    optimizer = adam()
    assert stepped(optimizer, get_scheduler("constant", optimizer, num_warmup_steps=20), 5) == [1.0] * 5
    optimizer = adam()
    assert max(stepped(optimizer, get_linear_schedule_with_warmup(optimizer, 1000, 300), 300)) == pytest.approx(0.299)

    meant = {0.03: 9, "3%": 9, 1: 1, 50: 50, "50": 50, "9 updates": 9}
    for spelling, updates in meant.items():
        assert preheat.get_schedule("linear", warmup=spelling, total=300) == preheat.get_schedule(
            "linear", warmup=updates, total=300
        )
    for name, spelling, message in (
        ("linear", 1.0, "Write 1 for one update"),
        ("linear", 1.5, "warmup must be a whole number"),
        ("constant", 20, "This schedule has no warm-up"),
        ("linear", 1000, "no update would come higher than 0.299 of it"),
    ):
        with pytest.raises(preheat.ScheduleError, match=message):
            preheat.get_schedule(name, warmup=spelling, total=300)


def test_s13_floors_of_several_groups():
    """transformers turns min_lr into a share of the optimizer's default: a 1e-5 group ends far from it."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (1e-2, 1e-3, 1e-5)]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    peer = get_scheduler(
        SchedulerType.COSINE_WITH_MIN_LR, optimizer, 10, 100, scheduler_specific_kwargs={"min_lr": 1e-6}
    )
    for _ in range(100):
        peer.step()
    assert peer.get_last_lr() == pytest.approx([1e-5, 1e-6, 1e-8])

    mine = adam(1e-2, 1e-3, 1e-5)
    ours = Scheduler(mine, preheat.parse("warmup 10 > cosine 90 to lr 1e-6"))
    for _ in range(100):
        update(mine)
    assert [ours.group_history(group)[-1] for group in range(3)] == [1e-6] * 3


def test_s14_branches_of_one_trunk():
    """transformers takes 50 + 80 updates of 100 and drops from 0.98 at once; ours refuses with the sums."""
    optimizer = adam()
    peer = get_scheduler("warmup_stable_decay", optimizer, 50, 100, {"num_decay_steps": 80})
    used = stepped(optimizer, peer, 60)
    assert used[49] == pytest.approx(0.98)
    assert used[50] < 0.75
    with pytest.raises(preheat.ScheduleError, match=r"50 warm-up \+ 80 decay = 130, more than 100"):
        preheat.get_schedule("warmup_stable_decay", warmup=50, total=100, num_decay_steps=80)

    trunk = preheat.parse("warmup 50 > hold forever")
    for shape in ("linear", "cosine", "1-sqrt"):
        branch = preheat.cooldown(trunk, at=800, length=200, shape=shape)
        assert [branch(k) for k in range(800)] == [trunk(k) for k in range(800)]
        assert branch(999) == 0.0
    finished = preheat.get_schedule("cosine", warmup=10, total=100)
    for how, options in (("rewarm", {}), ("constant_tail", {"level": 0.1}), ("rescale", {})):
        longer = preheat.extend(finished, 50, how, **options)
        assert [longer(k) for k in range(100)] == [finished(k) for k in range(100)]
        assert longer.horizon == 150
        assert max(longer(k) for k in range(100, 150)) > 0.05
    with pytest.raises(preheat.ScheduleError, match="Updates at 0 change nothing"):
        preheat.extend(preheat.parse("warmup 10 > cosine 90"), 50, "constant_tail")
