"""The real Lightning: what every optimizer trained with, read off the optimizer itself."""

import logging
import subprocess
import sys

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.strategies import SingleDeviceStrategy

import preheat
from preheat.lightning import Guard, Schedules
from preheat.torch import Scheduler

LR = 0.1
WORDS = "warmup 20% > cosine to 0.1"

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning"),  # Lightning's advice
    pytest.mark.filterwarnings("ignore:.*logging interval:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec:FutureWarning"),  # torch's, inside Lightning
    pytest.mark.filterwarnings(
        "ignore:Be aware that when using `ckpt_path`:UserWarning"
    ),  # ModelCheckpoint is left out
    pytest.mark.filterwarnings("ignore:Starting from v1.9.0, `tensorboardX`:UserWarning"),
]


class Module(LightningModule):
    """One optimizer with two groups, or as many optimizers as there are rates; ``used`` has every update's rate."""

    def __init__(self, rates=(LR,), scheduler=None, manual=None):
        super().__init__()
        torch.manual_seed(0)
        self.lines = torch.nn.ModuleList([torch.nn.Linear(2, 1) for _ in rates])
        self.rates, self.scheduler, self.manual = rates, scheduler, manual
        self.automatic_optimization = manual is None
        self.used = [[] for _ in rates]

    def configure_optimizers(self):
        optimizers = [
            torch.optim.AdamW([{"params": [line.weight]}, {"params": [line.bias]}], lr=rate)
            for line, rate in zip(self.lines, self.rates, strict=True)
        ]
        for optimizer, used in zip(optimizers, self.used, strict=True):
            optimizer.register_step_post_hook(
                lambda one, *_, used=used: used.append([group["lr"] for group in one.param_groups])
            )
        return optimizers if self.scheduler is None else self.scheduler(optimizers)

    def training_step(self, batch, index):
        losses = [line(batch).square().mean() for line in self.lines]
        if self.automatic_optimization:
            return sum(losses)
        for every, optimizer, loss in zip(self.manual, self.optimizers(), losses, strict=True):
            if index % every == 0:
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
        return None


class Stream(torch.utils.data.IterableDataset):
    """Rows without a length; counts what was drawn, and goes on from a state."""

    drawn = 0

    def __iter__(self):
        for index in range(1000):
            self.drawn += 1
            yield torch.full((2,), float(index % 7))


class Resumable(torch.utils.data.DataLoader):
    """Saves how far it is, as Lightning asks of a loader that is to go on in the middle of an epoch."""

    done = skipped = 0

    def __iter__(self):
        skipped, self.skipped = self.skipped, 0
        for number, batch in enumerate(super().__iter__(), 1):
            if number > skipped:
                self.done = number % len(self)
                yield batch

    def state_dict(self):
        return {"done": self.done}

    def load_state_dict(self, state):
        self.skipped = state["done"]


def loader(rows=40, kind=torch.utils.data.DataLoader, **options):
    return kind(torch.randn(rows, 2, generator=torch.Generator().manual_seed(1)), batch_size=4, **options)


def fit(module, callbacks, data=None, checkpoint=None, folder=None, **options):
    """Fit on 10 batches for two epochs, unless told otherwise; the trainer."""
    settings = {"max_epochs": 2, "accelerator": "cpu", "logger": False, "enable_checkpointing": folder is not None}
    settings |= {"default_root_dir": folder, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(**(settings | options), callbacks=callbacks)
    trainer.fit(module, loader() if data is None else data, ckpt_path=checkpoint)
    return trainer


def along(text, total, lr=LR):
    schedule = preheat.parse(text).over(total)
    return [lr * schedule(update) for update in range(total)]


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({}, 20),
        ({"accumulate_grad_batches": 4}, 6),
        ({"max_steps": 13}, 13),
        ({"max_epochs": -1, "max_steps": 13}, 13),
        ({"limit_train_batches": 7}, 14),
        ({"limit_train_batches": 0.5, "accumulate_grad_batches": 2}, 6),
        ({"overfit_batches": 3}, 6),
        ({"fast_dev_run": 5}, 5),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:You requested to overfit:UserWarning")
def test_words_are_resolved_for_lightnings_own_count(caplog, options, total):
    """Used in every group and recorded: one list, and not a word of warning."""
    module, schedules = Module(), Schedules(WORDS)
    with caplog.at_level(logging.WARNING, logger="preheat"):
        fit(module, [schedules], **options)
    planned = along(WORDS, total)
    assert module.used == [[[rate, rate] for rate in planned]]
    assert schedules.schedulers[0].history == planned
    assert [record for record in caplog.records if record.name == "preheat"] == []


def test_configure_optimizers_may_return_a_scheduler_of_ours():
    """In Lightning's shortest form, which steps once an epoch: the optimizer's updates count all the same."""
    schedule = preheat.parse(WORDS).over(20)
    module = Module(scheduler=lambda optimizers: (optimizers, [Scheduler(optimizers[0], schedule)]))
    trainer = fit(module, [])
    assert trainer.lr_scheduler_configs[0].interval == "epoch"
    assert module.used == [[[rate, rate] for rate in along(WORDS, 20)]]


def test_manual_optimization_with_several_optimizers():
    """A schedule for each, each on its own updates: the second optimizer makes one every other batch."""
    module = Module(rates=(LR, 0.01), manual=(1, 2))
    linear = preheat.get_schedule("linear", total=10)
    schedules = Schedules([WORDS, linear])
    trainer = fit(module, [schedules])
    assert module.used[0] == [[rate, rate] for rate in along(WORDS, 20)]
    assert module.used[1] == [[0.01 * linear(update)] * 2 for update in range(10)]
    assert [scheduler.position for scheduler in schedules.schedulers] == [20, 10]
    assert trainer.global_step == 30  # Lightning counts both


def test_one_schedule_for_several_optimizers():
    """The same words, each optimizer's own rate."""
    module = Module(rates=(LR, 0.01), manual=(1, 1))
    fit(module, [Schedules(WORDS)])
    assert module.used == [[[rate, rate] for rate in along(WORDS, 20, lr)] for lr in (LR, 0.01)]


def test_max_steps_of_several_optimizers_is_no_horizon():
    """Lightning's max_steps counts the updates of all of them: how many each makes is in the module's hands."""
    module = Module(rates=(LR, 0.01), manual=(1, 1))
    with pytest.raises(preheat.ScheduleError, match="max_steps counts the updates of all optimizers together"):
        fit(module, [Schedules(WORDS)], max_steps=10)
    fit(module, [Schedules("warmup 3 > hold")], max_steps=10)
    assert [len(used) for used in module.used] == [5, 5]


def test_streams():
    """Without a length and without max_steps: what needs no horizon works, the rest is refused by name."""
    stream = Stream()
    data = torch.utils.data.DataLoader(stream, batch_size=4)
    module, schedules = Module(), Schedules("warmup 3 > inverse_sqrt")
    with pytest.raises(preheat.ScheduleError, match="schedule must be one that needs no horizon where Lightning does"):
        fit(module, [Schedules(WORDS)], data)
    fit(module, [schedules], data, max_epochs=1)
    endless = preheat.parse("warmup 3 > inverse_sqrt").over(None)
    assert schedules.schedulers[0].history == [LR * endless(update) for update in range(250)]
    module = Module()
    fit(module, [Schedules(WORDS)], data, max_steps=10)
    assert module.used[0] == [[rate, rate] for rate in along(WORDS, 10)]


class Asking(Module):
    """Asks for the estimate where Lightning's documentation does."""

    def configure_optimizers(self):
        self.estimate = self.trainer.estimated_stepping_batches
        self.drawn = self.trainer.train_dataloader.dataset.drawn
        return super().configure_optimizers()


def test_a_stream_is_not_drawn_from_early():
    """As many rows as without the callback; an estimate in configure_optimizers draws a batch before the checkpoint."""
    drawn = []
    for module, callbacks in ((Module(), []), (Module(), [Schedules(WORDS)]), (Asking(), [])):
        stream = Stream()
        fit(module, callbacks, torch.utils.data.DataLoader(stream, batch_size=4), max_steps=10)
        drawn.append(stream.drawn)
    assert drawn == [44, 44, 44]
    assert module.drawn == 4


class Half(torch.utils.data.DataLoader):
    """Says it is half as long as it is."""

    def __len__(self):
        return super().__len__() // 2


def test_a_count_that_is_not_ours_is_shown_with_both_sums(caplog):
    """Lightning's number is used; the warning has the two ways of coming to a number."""
    module = Module()
    with caplog.at_level(logging.WARNING, logger="preheat"):
        fit(module, [Schedules(WORDS)], loader(kind=Half))
    assert len(module.used[0]) == 10
    assert module.used[0] == [[rate, rate] for rate in along(WORDS, 10)]
    (record,) = [record for record in caplog.records if record.name == "preheat"]
    assert record.getMessage().splitlines() == [
        "Lightning counts 10 updates and preheat 20; the run is as long as Lightning says.",
        "Lightning: 5 batches an epoch, accumulate_grad_batches=1, max_epochs=2, max_steps=-1:"
        " estimated_stepping_batches=10",
        "preheat:",
        "counted as Lightning does",
        "batches per epoch: ceil(40 examples / 4) = 10",
        "updates: 10 batches x 2 epochs = 20",
    ]


def test_lengths_in_epochs_and_where_they_cannot_be_counted():
    """10 batches, 4 an update: 3 updates an epoch; a loader with a batch sampler of its own says too little."""
    module, schedules = Module(), Schedules("warmup 1 epochs > hold")
    fit(module, [schedules], accumulate_grad_batches=4)
    assert schedules.schedulers[0].schedule == preheat.warmup(3) >> preheat.hold(3)
    own = torch.utils.data.DataLoader(torch.zeros(8, 2), batch_sampler=[[0, 1], [2, 3], [4]])
    with pytest.raises(preheat.PlanError, match="length must be in updates or a share of the run; got '1 epochs'"):
        fit(Module(), [Schedules("warmup 1 epochs > hold")], own)


def test_accumulation_that_changes_is_no_horizon():
    """Lightning's estimate takes the first factor for the whole run."""
    changing = GradientAccumulationScheduler({0: 1, 1: 4})
    with pytest.raises(preheat.ScheduleError, match=r"accumulation changes on the way: {0: 1, 1: 4}"):
        fit(Module(), [changing, Schedules(WORDS)])
    schedules = Schedules("warmup 3 > hold")
    fit(Module(), [GradientAccumulationScheduler({0: 1, 1: 4}), schedules])
    assert schedules.schedulers[0].position == 10 + 3


def test_the_monitor_shows_what_the_coming_update_uses(tmp_path):
    """LearningRateMonitor before our callback or after it: at each batch the rate that its update uses."""
    for order in (1, -1):
        monitor = LearningRateMonitor(logging_interval="step")
        callbacks = [Schedules(WORDS), monitor][::order]
        fit(Module(), callbacks, logger=CSVLogger(tmp_path), log_every_n_steps=1, accumulate_grad_batches=2)
        assert monitor.lrs["lr-AdamW/pg1"] == [rate for rate in along(WORDS, 10) for _ in range(2)]


def trained(module):
    return [weight.detach().clone() for weight in module.parameters()]


@pytest.mark.filterwarnings("ignore:Using ModelCheckpoint with manual optimization:UserWarning")
@pytest.mark.parametrize("manual", [None, (1, 2)])
@pytest.mark.parametrize("cut", [3, 10, 14])
def test_resuming_from_a_checkpoint_is_exact(tmp_path, manual, cut):
    """In the middle of an epoch and between two: rates and weights of the run that was not cut, bit for bit."""
    rates = (LR,) if manual is None else (LR, 0.01)
    words = [WORDS] if manual is None else [WORDS, "warmup 2 > linear 8"]
    saving = ModelCheckpoint(tmp_path, every_n_train_steps=1, save_top_k=-1, filename="{step}")
    whole = Module(rates, manual=manual)
    fit(whole, [Schedules(words), saving], loader(kind=Resumable), folder=tmp_path)
    steps = cut if manual is None else cut + (cut + 1) // 2
    again, schedules = Module(rates, manual=manual), Schedules(words)
    fit(again, [schedules], loader(kind=Resumable), checkpoint=tmp_path / f"step={steps}.ckpt")
    assert schedules.schedulers[0].history == along(WORDS, 20)[cut:]
    assert again.used[0] == whole.used[0][cut:]
    assert all(torch.equal(one, other) for one, other in zip(trained(again), trained(whole), strict=True))


@pytest.mark.parametrize(("policy", "options"), [("keep", {}), ("replace", {}), ("bridge", {"bridge": 3})])
def test_resuming_with_another_schedule_is_refused_until_somebody_says_what_wins(tmp_path, policy, options):
    """A run of four epochs instead of two: the difference is shown; the policies are the torch driver's."""
    fit(Module(), [Schedules(WORDS), ModelCheckpoint(tmp_path, save_last=True)], folder=tmp_path)
    with pytest.raises(preheat.StateError, match=r"phases\[0\]\.length: 4 -> 8"):
        fit(Module(), [Schedules(WORDS)], checkpoint=tmp_path / "last.ckpt", max_epochs=4)
    schedules = Schedules(WORDS, resume=policy, **options)
    fit(Module(), [schedules], checkpoint=tmp_path / "last.ckpt", max_epochs=4)
    saved, new = preheat.parse(WORDS).over(20), preheat.parse(WORDS).over(40)
    expected = preheat.schedule.resume(saved, new, 20, policy, **options)
    assert schedules.schedulers[0].history == [LR * expected(update) for update in range(20, 40)]


def test_a_checkpoint_without_our_state_is_refused(tmp_path):
    """The run goes on at update 20; where its schedule stands nobody knows."""
    fit(Module(), [ModelCheckpoint(tmp_path, save_last=True)], folder=tmp_path)
    with pytest.raises(
        preheat.StateError, match="checkpoint must be one with a state for every optimizer; got '0 for 1"
    ):
        fit(Module(), [Schedules(WORDS)], checkpoint=tmp_path / "last.ckpt", max_epochs=4)


def test_fitting_again_goes_on():
    """As Lightning's own counters do."""
    schedules, module = Schedules("warmup 5 > hold forever"), Module()
    trainer = fit(module, [schedules], max_epochs=1)
    trainer.fit_loop.max_epochs = 2
    trainer.fit(module, loader())
    assert schedules.schedulers[0].position == 20
    assert module.used[0][10] == [LR, LR]
    fresh = Module()
    fit(fresh, [schedules])
    assert fresh.used[0][0] == [LR * 0.2] * 2


class Engine(SingleDeviceStrategy):
    """As DeepSpeed's strategy says of itself."""

    handles_gradient_accumulation = True


def test_refusals():
    """Two owners, a strategy that steps for itself, too many schedules, unknown options: by name."""
    module = Module(scheduler=lambda optimizers: (optimizers, [torch.optim.lr_scheduler.StepLR(optimizers[0], 3)]))
    with pytest.raises(
        preheat.ScheduleError, match="the only one of its optimizer; got 'StepLR beside warmup 20% > cosine to 0.1'"
    ):
        fit(module, [Schedules(WORDS)])
    with pytest.raises(preheat.ScheduleError, match="one that steps torch optimizers itself; got 'Engine'"):
        fit(Module(), [Schedules(WORDS)], strategy=Engine())
    with pytest.raises(preheat.ScheduleError, match="schedule must be as many as the 1 optimizers; got 2"):
        fit(Module(), [Schedules([WORDS, WORDS])])
    with pytest.raises(preheat.ScheduleError, match="Did you mean 'resume'"):
        Schedules(WORDS, resum="keep")
    with pytest.raises(preheat.ScheduleError, match="schedule must be a preheat Schedule; got 3"):
        Schedules([WORDS, 3])


def epoch_interval(total):
    """What people write: no ``interval``, so the scheduler moves once an epoch."""
    return lambda optimizers: (optimizers, [torch.optim.lr_scheduler.CosineAnnealingLR(optimizers[0], T_max=total)])


@pytest.mark.parametrize(("length", "said"), [(1000, True), (40, True), (100, False), (190, False), (55, False)])
def test_the_guard_watches_others_schedulers(caplog, length, said):
    """100 epochs of 10 batches, stepped once an epoch: a shape for 100 steps fits, one for 1000 updates does not."""
    guard = Guard()
    with caplog.at_level(logging.WARNING, logger="preheat"):
        fit(Module(scheduler=epoch_interval(length)), [guard], max_epochs=100, limit_train_batches=10)
    found = [record.getMessage() for record in caplog.records if record.name == "preheat"]
    assert bool(found) == said
    if length == 1000:
        assert found == [
            "CosineAnnealingLR moved 4 times in 50 updates: shaped for 1000 of them, it makes about 80 in a run of 1000"
            " updates. Step it once an update, or count its length in the steps it makes."
        ]
    assert guard.paces[0].moves == 100


def test_the_guard_leaves_ours_alone():
    """A Scheduler keeps the pace by itself, whatever Lightning's interval is."""
    guard = Guard()
    schedule = preheat.parse(WORDS).over(20)
    fit(Module(scheduler=lambda optimizers: (optimizers, [Scheduler(optimizers[0], schedule)])), [guard])
    assert guard.paces == []


def test_without_lightning_it_is_one_line():
    """What to install."""
    code = "import sys; sys.modules['lightning.pytorch.callbacks'] = None\nimport preheat\npreheat.lightning"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "preheat.errors.MissingExtraError: lightning is not installed: pip install 'lightning>=2.6.6'"
    )
