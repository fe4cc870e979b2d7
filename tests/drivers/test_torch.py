"""The optimizer's own updates drive the clock, whatever is called around them."""

import copy
import gc
import io
import itertools
import json
import pickle
import weakref

import pytest
import torch

import preheat
from preheat.torch import Scheduler

SCHEDULE = preheat.get_schedule("warmuplinear", warmup=5, total=20)
PLANNED = [0.1 * SCHEDULE(update) for update in range(20)]


@pytest.mark.parametrize("calls", [0, 1, 4])
def test_rates_are_exact_however_often_step_is_called(make_optimizer, update, calls):
    """Zero, one and four calls of step() per update give one list of rates."""
    optimizer = make_optimizer()
    scheduler = Scheduler(optimizer, SCHEDULE)
    seen = []
    optimizer.register_step_post_hook(lambda *_: seen.append(optimizer.param_groups[0]["lr"]))
    for _ in range(20):
        update(optimizer)
        for _ in range(calls):
            scheduler.step()
    assert seen == PLANNED
    assert scheduler.history == PLANNED
    assert scheduler.position == 20


@pytest.mark.parametrize("fused", [False, True])
def test_skipped_amp_updates_do_not_move_the_clock(make_optimizer, update, fused):
    """GradScaler skips the first two and more in the middle; a fused optimizer is called even then."""
    optimizer = make_optimizer(fused=fused)
    scheduler = Scheduler(optimizer, SCHEDULE)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for attempt in range(25):
        before = scheduler.position
        update(optimizer, scaler, overflow=attempt in (0, 1, 8, 13, 14))
        assert scheduler.position - before == (attempt not in (0, 1, 8, 13, 14))
        scheduler.step()
    assert scheduler.history == PLANNED


def test_micro_batch_stepping_does_not_finish_the_schedule_early(make_optimizer, update):
    """step() on each of four micro-batches: three calls before an update, one after it."""
    optimizer = make_optimizer()
    scheduler = Scheduler(optimizer, SCHEDULE)
    for _ in range(20):
        for _ in range(3):
            scheduler.step()
        update(optimizer)
        scheduler.step()
    assert scheduler.history == PLANNED


ORDERS = [
    order
    for order in itertools.permutations(["optimizer", "scheduler", "state"])
    if order.index("scheduler") < order.index("state")
]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("cut", [0, 1, 5, 13, 19])
@pytest.mark.parametrize("twice", [False, True])
def test_resumed_rates_are_those_of_the_uncut_run(make_optimizer, update, order, cut, twice):
    """Whatever is loaded first, and loaded once or twice, the next update uses its own rate."""
    optimizer = make_optimizer()
    scheduler = Scheduler(optimizer, SCHEDULE)
    for _ in range(cut):
        update(optimizer)
        scheduler.step()
    saved = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, saved)
    saved.seek(0)
    states = torch.load(saved, weights_only=True)

    optimizer = make_optimizer()
    for part in order:
        for _ in range(1 + twice):
            if part == "optimizer":
                optimizer.load_state_dict(copy.deepcopy(states["optimizer"]))
            elif part == "scheduler":
                scheduler = Scheduler(optimizer, SCHEDULE)
            else:
                scheduler.load_state_dict(states["scheduler"])
    assert optimizer.param_groups[0]["lr"] == scheduler.get_last_lr()[0] == 0.1 * SCHEDULE(cut)
    for _ in range(20 - cut):
        update(optimizer)
    assert scheduler.history == PLANNED[cut:]


def test_optimizer_loaded_in_the_middle_of_a_run_shows_the_right_rate(make_optimizer, update):
    """Old rates in a loaded optimizer never reach an update."""
    optimizer = make_optimizer()
    scheduler = Scheduler(optimizer, SCHEDULE)
    early = copy.deepcopy(optimizer.state_dict())
    for _ in range(7):
        update(optimizer)
    optimizer.load_state_dict(early)
    assert optimizer.param_groups[0]["lr"] == PLANNED[7]
    update(optimizer)
    assert scheduler.history == PLANNED[:8]


@pytest.mark.parametrize("groups", [1, 3])
def test_tensor_rates_are_filled_in_place(make_optimizer, update, groups):
    """The tensor object stays the same over a run; base values are not aliased."""
    optimizer = make_optimizer(tensor=True, groups=groups)
    tensors = [group["lr"] for group in optimizer.param_groups]
    scheduler = Scheduler(optimizer, SCHEDULE)
    bases = list(scheduler.base_lrs)
    for _ in range(20):
        update(optimizer)
        scheduler.step()
    assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, tensors, strict=True))
    assert scheduler.base_lrs == bases
    assert scheduler.history == pytest.approx(PLANNED, rel=1e-6)
    assert all(type(value) is float for value in scheduler.history)


def test_drawing_without_updates_sees_every_value(make_optimizer, update):
    """The usual drawing loop; the first real update starts from update 0 all the same."""
    optimizer = make_optimizer()
    scheduler = Scheduler(optimizer, SCHEDULE)
    groups, last, now = [], [], []
    for step in range(20):
        groups.append(optimizer.param_groups[0]["lr"])
        last.append(scheduler.get_last_lr()[0])
        now.append(scheduler.get_lr()[0])
        assert scheduler.last_epoch == step
        scheduler.step()
        if step == 10:
            scheduler.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    assert groups == last == now == PLANNED
    update(optimizer)
    assert scheduler.history == [PLANNED[0]]
    assert scheduler.position == 1


def test_five_schedules_drawn_on_one_optimizer_keep_its_base(make_optimizer):
    """Each scheduler takes over from the one before, and finds the base value under the drawn ones."""
    optimizer = make_optimizer(lr=1e-4)
    for name in ("warmuplinear", "warmupcosine", "warmupconstant", "warmuplinear"):
        scheduler = Scheduler(optimizer, preheat.get_schedule(name, warmup=5, total=20))
        for _ in range(20):
            scheduler.step()
        assert scheduler.base_lrs == [1e-4]


def test_second_phase_starts_from_the_rate_the_user_sets(make_optimizer, update):
    """Pretraining at 0.1, then a new schedule at 0.01: not back to 0.1."""
    optimizer = make_optimizer()
    Scheduler(optimizer, SCHEDULE)
    for _ in range(7):
        update(optimizer)
    optimizer.param_groups[0]["lr"] = 0.01
    second = Scheduler(optimizer, SCHEDULE)
    for _ in range(20):
        update(optimizer)
    assert second.history == [0.01 * SCHEDULE(position) for position in range(20)]


def test_taken_over_scheduler_refuses_to_step(make_optimizer):
    """torch's ChainedScheduler of two of ours would be one of them in silence."""
    optimizer = make_optimizer()
    first = Scheduler(optimizer, SCHEDULE)
    Scheduler(optimizer, SCHEDULE)
    with pytest.raises(preheat.ScheduleError, match="scheduler must be attached to its optimizer"):
        first.step()


def test_sequential_lr_is_refused_with_the_way_out(make_optimizer):
    """torch composes schedulers by rewinding them; a schedule is composed before it drives anything."""
    optimizer = make_optimizer()
    parts = [Scheduler(optimizer, SCHEDULE), Scheduler(optimizer, SCHEDULE)]
    with pytest.raises(preheat.ScheduleError, match="compose schedules"):
        torch.optim.lr_scheduler.SequentialLR(optimizer, parts, milestones=[3])
    with pytest.raises(preheat.ScheduleError, match=r"epoch must be left out of step\(\); got 3"):
        parts[1].step(3)


def test_groups_have_their_own_bases_and_histories(make_optimizer, update):
    """One factor, every group its own base value; a group that joins later is driven from then on."""
    optimizer = make_optimizer(groups=2)
    scheduler = Scheduler(optimizer, SCHEDULE)
    for _ in range(3):
        update(optimizer)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))], "lr": 5.0})
    for _ in range(2):
        update(optimizer)
    assert scheduler.group_history(0) == PLANNED[:5]
    assert scheduler.group_history(1) == [0.01 * SCHEDULE(position) for position in range(5)]
    assert scheduler.group_history(2) == [5.0 * SCHEDULE(position) for position in (3, 4)]
    assert scheduler.group_history(3) == []


def test_detach_leaves_the_optimizer_alone(make_optimizer, update):
    """After detach() updates keep the rate they find."""
    optimizer = make_optimizer()
    scheduler = Scheduler(optimizer, SCHEDULE)
    for _ in range(3):
        update(optimizer)
    scheduler.detach()
    optimizer.param_groups[0]["lr"] = 0.7
    update(optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.7
    assert scheduler.position == 3


def test_a_copy_drives_its_own_optimizer(make_optimizer, update):
    """deepcopy and pickle take the optimizer along; the original does not notice."""
    scheduler = Scheduler(make_optimizer(), SCHEDULE)
    for _ in range(4):
        update(scheduler.optimizer)
    for twin in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
        assert twin.optimizer is not scheduler.optimizer
        for _ in range(16):
            update(twin.optimizer)
        assert twin.history == PLANNED
    assert scheduler.position == 4


def test_a_group_may_vanish(make_optimizer, update):
    """The groups that are left keep their own base values."""
    optimizer = make_optimizer(groups=2)
    scheduler = Scheduler(optimizer, SCHEDULE)
    update(optimizer)
    del optimizer.param_groups[1]
    update(optimizer)
    scheduler.step()
    assert scheduler.history == PLANNED[:2]


def test_state_is_small_plain_json(make_optimizer):
    """Ready for any checkpoint format."""
    state = Scheduler(make_optimizer(groups=3), SCHEDULE).state_dict()
    assert len(json.dumps(state)) < 4096
    assert json.loads(json.dumps(state)) == state


def saved_state(make_optimizer, **changes):
    return {**Scheduler(make_optimizer(), SCHEDULE).state_dict(), **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version must be 1; got 2"),
        ({"get_lr": 3}, "state_dict must be one that preheat wrote"),
        ({"position": -1}, "position must be an int >= 0; got -1"),
        ({"position": True}, "position must be an int >= 0; got True"),
        ({"groups": {"0": {"lr": 0.1}, "1": {"lr": 0.1}}}, "groups must be those of the saved state; got 'no 1'"),
        ({"groups": {"0": {"lr": float("nan")}}}, "must be a finite number; got nan"),
        ({"groups": 3}, "state_dict must be readable"),
        ({"schedules": {"lr": {}}}, "state_dict must be readable"),
    ],
)
def test_damaged_states_are_refused_and_change_nothing(make_optimizer, changes, message):
    """torch takes any dictionary; here every field is checked first."""
    scheduler = Scheduler(make_optimizer(), SCHEDULE)
    with pytest.raises(preheat.PreheatError, match=message):
        scheduler.load_state_dict(saved_state(make_optimizer, **changes))
    assert (scheduler.position, scheduler.base_lrs) == (0, [0.1])


@pytest.mark.parametrize("state", [{}, {"last_epoch": 3, "_step_count": 4, "base_lrs": [0.1], "lr_lambdas": [None]}])
def test_states_of_other_schedulers_are_refused(make_optimizer, state):
    """An empty dictionary and a LambdaLR state."""
    with pytest.raises(preheat.StateError, match="state_dict must be one that preheat wrote"):
        Scheduler(make_optimizer(), SCHEDULE).load_state_dict(state)


def test_state_of_another_schedule_is_refused_with_both_values(make_optimizer, update):
    """Resuming with twice the horizon says what would jump, and from where to where."""
    optimizer = make_optimizer()
    scheduler = Scheduler(optimizer, SCHEDULE)
    for _ in range(10):
        update(optimizer)
    longer = Scheduler(make_optimizer(), preheat.get_schedule("warmuplinear", warmup=5, total=40))
    with pytest.raises(
        preheat.StateError, match=r"phases\[1\]\.length: 15 -> 35\. .* was 0\.0666667 and would be 0\.0857143"
    ):
        longer.load_state_dict(scheduler.state_dict())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, SCHEDULE), "optimizer must be a torch optimizer; got None"),
        (("optimizer", lambda step: 1.0), "schedule must be a preheat Schedule"),
        (("optimizer", SCHEDULE, -2), "last_epoch must be >= -1; got -2"),
        (("optimizer", SCHEDULE, 3), "last_epoch must be -1 for groups without initial_lr"),
    ],
)
def test_constructor_refuses(make_optimizer, arguments, message):
    """At construction, by name."""
    first, *rest = arguments
    with pytest.raises(preheat.ScheduleError, match=message):
        Scheduler(make_optimizer() if first == "optimizer" else first, *rest)


def test_last_epoch_goes_on_from_a_restored_optimizer(make_optimizer, update):
    """torch's way of resuming without a scheduler state: initial_lr is in the optimizer's own."""
    optimizer = make_optimizer()
    Scheduler(optimizer, SCHEDULE)
    for _ in range(8):
        update(optimizer)
    restored = make_optimizer()
    restored.load_state_dict(optimizer.state_dict())
    scheduler = Scheduler(restored, SCHEDULE, last_epoch=7)
    assert restored.param_groups[0]["lr"] == PLANNED[8]
    for _ in range(12):
        update(restored)
    assert scheduler.history == PLANNED[8:]


def test_is_a_real_scheduler_for_trainers(make_optimizer):
    """isinstance and the attributes that trainers read."""
    scheduler = Scheduler(make_optimizer(), SCHEDULE)
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    assert scheduler.get_last_lr() == [0.0]
    assert scheduler.base_lrs == [0.1]
    assert scheduler.optimizer.param_groups[0]["initial_lr"] == 0.1


def test_optimizer_and_scheduler_are_collected_together(make_optimizer):
    """No registry keeps a dropped run alive."""
    optimizer = make_optimizer()
    dropped = weakref.ref(Scheduler(optimizer, SCHEDULE))
    assert dropped() is not None
    del optimizer
    gc.collect()
    assert dropped() is None
