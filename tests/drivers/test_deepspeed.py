"""DeepSpeed's engine, as far as a scheduler sees it, by a stand-in."""

import copy
import json
import sys
from types import SimpleNamespace

import pytest
import torch

import preheat

SCHEDULE = preheat.parse("warmup 4 > cosine 12 to 0.1 > hold 4")
ZERO_2 = {"zero_optimization": {"stage": 2}}


class Engine:
    """What DeepSpeed 0.19 does around a scheduler.

    * ``_configure_lr_scheduler`` (runtime/engine.py) calls ``lr_scheduler`` with the torch optimizer.
    * ``step`` updates at an accumulation boundary, then calls ``lr_scheduler.step()``; not after an overflow, which
      never reaches the torch optimizer.
    * Stage 1 and 2 (runtime/zero/stage_1_and_2.py, ``_optimizer_step``) step the torch optimizer once a group, its
      ``param_groups`` being a new list with this group alone. Stage 3 (stage3.py) steps it once a sub-group, the list
      staying, the other pieces taken out of ``params``; its flat parameters carry ``ds_id``.
    * ``load_checkpoint`` loads the scheduler's state first and the optimizer's after it, by torch's own method; stage 3
      puts the pieces back for that.
    """

    def __init__(self, optimizer, lr_scheduler, stage=0, accumulation=1, sub_groups=2):
        self.optimizer, self.stage, self.accumulation, self.sub_groups = optimizer, stage, accumulation, sub_groups
        self.lr_scheduler = lr_scheduler(optimizer)
        self.micro_steps = self.skipped_steps = 0
        self.pieces = [group["params"] for group in optimizer.param_groups]
        if stage == 3:
            for weight in [weight for weights in self.pieces for weight in weights]:
                weight.ds_id = None
            self._put([[] for _ in self.pieces])

    def _put(self, pieces):
        for group, weights in zip(self.optimizer.param_groups, pieces, strict=True):
            group["params"] = weights

    def step(self, overflow=False):
        self.micro_steps += 1
        if self.micro_steps % self.accumulation:
            return
        if overflow:
            self.skipped_steps += 1
            return
        self._step_the_optimizer()
        self.lr_scheduler.step()

    def _step_the_optimizer(self):
        groups = self.optimizer.param_groups
        if self.stage in (1, 2):
            for group in groups:
                self.optimizer.param_groups = [group]
                self.optimizer.step()
                self.optimizer.param_groups = groups
        elif self.stage == 3:
            for chosen in range(len(groups)):
                for _ in range(self.sub_groups):
                    self._put([weights if at == chosen else [] for at, weights in enumerate(self.pieces)])
                    self.optimizer.step()
                    self._put([[] for _ in groups])
        else:
            self.optimizer.step()

    def state(self):
        """A checkpoint."""
        self._put(self.pieces)
        state = {"lr_scheduler": self.lr_scheduler.state_dict(), "optimizer": self.optimizer.state_dict()}
        self._put([[] if self.stage == 3 else weights for weights in self.pieces])
        return copy.deepcopy(state)

    def load(self, state):
        self.lr_scheduler.load_state_dict(state["lr_scheduler"])
        self._put(self.pieces)
        self.optimizer.load_state_dict(state["optimizer"])
        self._put([[] if self.stage == 3 else weights for weights in self.pieces])


def made(schedule=SCHEDULE, *, stage=0, accumulation=1, config=ZERO_2, **options):
    """An engine with two groups, and the rates of every step of the torch optimizer by group."""
    names = {"body": 0.1, "head": 0.01}
    optimizer = torch.optim.SGD(
        [{"name": name, "params": [torch.nn.Parameter(torch.ones(2))], "lr": lr} for name, lr in names.items()]
    )
    engine = Engine(
        optimizer, preheat.deepspeed.scheduler(schedule, config, **options), stage=stage, accumulation=accumulation
    )
    used = {name: [] for name in names}
    optimizer.register_step_pre_hook(
        lambda one, *_: (
            [used[group["name"]].append(group["lr"]) for group in one.param_groups if group["params"]] and None
        )
    )
    return engine, used


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_one_step_of_the_engine_is_one_update(stage, accumulation):
    """Whatever ZeRO makes of an update, and micro-batches do not count."""
    engine, used = made(stage=stage, accumulation=accumulation)
    for _ in range(20 * accumulation):
        engine.step()
    repeats = 2 if stage == 3 else 1
    scheduler = engine.lr_scheduler
    for name, lr in (("body", 0.1), ("head", 0.01)):
        planned = [lr * SCHEDULE(update) for update in range(20)]
        assert used[name] == [rate for rate in planned for _ in range(repeats)]
        assert scheduler.group_history(name) == planned
    assert scheduler.position == 20
    assert scheduler.get_last_lr() == [0.1 * SCHEDULE(19), 0.01 * SCHEDULE(19)]
    assert [scheduler.used_lr, scheduler.next_lr] == [0.1 * SCHEDULE(19), 0.1 * SCHEDULE(20)]


def test_the_last_rate_is_the_one_that_was_used():
    """Asked after the update, whether the engine has stepped the scheduler by then or its trainer is about to."""
    engine, _ = made()
    scheduler = engine.lr_scheduler
    assert scheduler.get_last_lr() == [0.1 * SCHEDULE(0), 0.01 * SCHEDULE(0)]
    for update in range(3):
        engine.optimizer.step()
        before = scheduler.get_last_lr()
        scheduler.step()
        assert before == scheduler.get_last_lr() == [0.1 * SCHEDULE(update), 0.01 * SCHEDULE(update)]


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_accelerates_wrapper_counts_an_update_once(stage):
    """It calls step() once a process."""
    engine, _ = made(stage=stage)
    inner = engine.lr_scheduler
    engine.lr_scheduler = SimpleNamespace(step=lambda: [inner.step() for _ in range(4)])
    for _ in range(20):
        engine.step()
    assert inner.history == [0.1 * SCHEDULE(update) for update in range(20)]


def test_an_optimizer_that_is_never_stepped_itself():
    """Some offloading steps a twin of it: then every call of step() is an update."""
    engine, _ = made()
    for _ in range(20):
        engine.lr_scheduler.step()
    assert engine.lr_scheduler.history == [0.1 * SCHEDULE(update) for update in range(20)]


def test_overflows_do_not_count():
    """The engine does not call step() for them."""
    engine, used = made()
    for update in range(25):
        engine.step(overflow=update in (0, 1, 7, 12, 20))
    assert used["body"] == [0.1 * SCHEDULE(update) for update in range(20)]
    assert engine.skipped_steps == 5


@pytest.mark.parametrize("stage", [0, 2, 3])
@pytest.mark.parametrize("cut", [0, 3, 11])
def test_a_checkpoint_goes_on_exactly(stage, cut):
    """The optimizer's state comes after the scheduler's, and brings old rates along."""
    engine, _ = made(stage=stage)
    for _ in range(cut):
        engine.step()
    state = engine.state()
    json.dumps(state["lr_scheduler"])
    again, used = made(stage=stage)
    again.load(state)
    for _ in range(20 - cut):
        again.step()
    assert again.lr_scheduler.history == [0.1 * SCHEDULE(update) for update in range(cut, 20)]
    assert used["head"][0] == 0.01 * SCHEDULE(cut)


def test_another_schedule_at_a_checkpoint():
    """Refused with the difference; under a policy the very next update follows it, though old rates come after it."""
    engine, _ = made()
    for _ in range(8):
        engine.step()
    state = engine.state()
    other = preheat.get_schedule("linear", total=100)
    with pytest.raises(preheat.StateError, match="schedule must be the saved one"):
        made(other)[0].load(state)
    again, used = made(other, resume="replace")
    again.load(state)
    again.step()
    assert used["body"] == [0.1 * other(8)]


def test_a_schedule_that_waits_is_told_the_run():
    """In words, for a number of updates or a plan; the engine itself knows no horizon."""
    plan = preheat.Plan(examples=200, batch_size=10, epochs=1)
    for total in (20, plan):
        engine, used = made("warmup 20% > cosine to 0.1", total=total, groups={"head": preheat.parse("hold forever")})
        for _ in range(20):
            engine.step()
        schedule = preheat.parse("warmup 4 > cosine 16 to 0.1")
        assert used == {"body": [0.1 * schedule(update) for update in range(20)], "head": [0.01] * 20}
    with pytest.raises(preheat.ScheduleError, match="schedule must be resolved; got 'warmup 20% > cosine to 0.1'"):
        made("warmup 20% > cosine to 0.1")


def test_the_end_of_the_schedule(caplog):
    """Held, with one warning; ``after_end("error")`` stops before an update without a value."""
    engine, used = made()
    for _ in range(25):
        engine.step()
    assert used["body"][20:] == [0.1 * SCHEDULE(20)] * 5
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "update 20 is past the schedule's horizon of 20 updates"
    ]
    engine, used = made(SCHEDULE.after_end("error"))
    for _ in range(20):
        engine.step()
    with pytest.raises(preheat.ScheduleError, match="position must be below the horizon, 20; got 20"):
        engine.step()
    assert len(used["body"]) == 20


def test_foreign_writes_are_noticed():
    """Before the update, as with any torch optimizer."""
    engine, _ = made()
    engine.step()
    engine.optimizer.param_groups[1]["lr"] = 7.0
    with pytest.raises(
        preheat.ScheduleError, match="lr of group head must be left to the scheduler, which wrote 0.005"
    ):
        engine.step()


def test_a_scheduler_section_is_refused_with_both(tmp_path):
    """DeepSpeed would run one of the two and say nothing; in a dictionary or in the file it reads."""
    config = {**ZERO_2, "scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 100}}}
    path = tmp_path / "ds.json"
    path.write_text(json.dumps(config))
    for given in (config, path, str(path)):
        with pytest.raises(
            preheat.ConfigError,
            match="scheduler must be the only one of the run; got 'WarmupLR beside warmup 4 > cosine",
        ):
            preheat.deepspeed.scheduler(SCHEDULE, given)
    path.write_text(json.dumps(ZERO_2))
    assert callable(preheat.deepspeed.scheduler(SCHEDULE, path))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (3, "config must be a DeepSpeed configuration or its JSON file; got 3"),
        ("no/such/file.json", "It could not be read: .*No such file"),
        (None, "Give the one that deepspeed.initialize gets"),
    ],
)
def test_what_is_no_configuration(config, message):
    """By name, at once."""
    with pytest.raises(preheat.ConfigError, match=message):
        preheat.deepspeed.scheduler(SCHEDULE, config)


@pytest.mark.parametrize(("option", "value"), [("on_skip", "advance"), ("join", "fresh")])
def test_options_that_need_the_optimizers_own_clock(option, value):
    """The engine tells neither of skipped updates nor of new groups."""
    with pytest.raises(preheat.ScheduleError, match=f"{option} must be left out with DeepSpeed"):
        preheat.deepspeed.scheduler(SCHEDULE, ZERO_2, **{option: value})


def test_steps_with_an_epoch_and_steps_after_a_takeover_are_refused():
    """As with the torch driver."""
    engine, _ = made()
    with pytest.raises(preheat.ScheduleError, match=r"epoch must be left out of step\(\); got 3"):
        engine.lr_scheduler.step(3)
    preheat.torch.Scheduler(engine.optimizer, SCHEDULE)
    with pytest.raises(preheat.ScheduleError, match="scheduler must be attached to its optimizer"):
        engine.lr_scheduler.step()


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_the_torch_driver_refuses_to_be_stepped_in_pieces(stage, monkeypatch):
    """It would count each piece; it says so at the first, with the line to write instead."""
    monkeypatch.setitem(sys.modules, "deepspeed", preheat)  # DeepSpeed is loaded where ZeRO runs
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    engine = Engine(optimizer, lambda one: preheat.torch.Scheduler(one, SCHEDULE), stage=stage)
    with pytest.raises(
        preheat.ScheduleError, match=r"optimizer must be stepped once an update; got 'ZeRO.*lr_scheduler="
    ):
        engine.step()
