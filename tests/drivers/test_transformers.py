"""The real transformers.Trainer: one line before train(), and what it trained with read off the optimizer."""

import json
import logging
import subprocess
import sys

import pytest
import torch
from accelerate.utils.deepspeed import DummyScheduler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import LayerWiseDummyOptimizer

import preheat
from preheat.torch import Scheduler

LR = 0.1


class Model(torch.nn.Module):
    """A line with a bias, so that the Trainer makes one group with weight decay and one without."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = torch.nn.Linear(2, 1)

    def forward(self, x, labels):
        """The squared error."""
        return {"loss": (self.line(x) - labels).square().mean()}


class Rows(torch.utils.data.Dataset):
    """As many rows as asked for, each fixed by its index."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return {"x": torch.randn(2, generator=generator), "labels": torch.randn(1, generator=generator)}


class Stream(torch.utils.data.IterableDataset):
    """Rows without a length; counts what was drawn."""

    drawn = 0

    def __iter__(self):
        for index in range(10_000):
            self.drawn += 1
            yield Rows(0)[index]


class Used(TrainerCallback):
    """The rates every real update used, read from the optimizer itself."""

    def __init__(self):
        self.rates = []

    def on_train_begin(self, args, state, control, optimizer=None, **_):
        optimizer.optimizer.register_step_post_hook(
            lambda inner, *_: self.rates.append([group["lr"] for group in inner.param_groups])
        )


def trainer(folder, rows=40, callbacks=(), dataset=None, kind=Trainer, model=None, **arguments):
    """A Trainer of 40 rows in batches of 4, everything logged; ``Used`` comes with it as ``used``."""
    settings = {"per_device_train_batch_size": 4, "learning_rate": LR, "num_train_epochs": 2, "weight_decay": 0.1}
    settings |= {"logging_steps": 1, "save_strategy": "no", "report_to": [], "disable_tqdm": True, "use_cpu": True}
    settings |= arguments
    optimizers = settings.pop("optimizers", (None, None))
    more = {name: settings.pop(name) for name in ("optimizer_cls_and_kwargs",) if name in settings}
    used = Used()
    made = kind(
        model=model or Model(),
        args=TrainingArguments(output_dir=str(folder), **settings),
        train_dataset=Rows(rows) if dataset is None else dataset,
        callbacks=[used, *callbacks],
        optimizers=optimizers,
        **more,
    )
    made.remove_callback(made.callback_handler.callbacks[-1])  # its printer
    made.used = used
    return made


def logged(made):
    return [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]


def weights(made):
    return [weight.detach().clone() for weight in made.model.parameters()]


def along(text, total):
    schedule = preheat.parse(text).over(total)
    return [LR * schedule(update) for update in range(total)]


WORDS = "warmup 20% > cosine to 0.1"


@pytest.mark.parametrize(
    ("arguments", "total"),
    [
        ({}, 20),
        ({"gradient_accumulation_steps": 4}, 6),
        ({"max_steps": 13}, 13),
        ({"num_train_epochs": 1.5}, 15),
        ({"rows": 41, "dataloader_drop_last": True}, 20),
        ({"rows": 41}, 22),
    ],
    ids=str,
)
def test_words_are_resolved_for_the_trainers_own_count(tmp_path, caplog, arguments, total):
    """Used in every group, logged and recorded: one list, and not a word of warning."""
    made = trainer(tmp_path, **arguments)
    preheat.transformers.use(made, WORDS)
    with caplog.at_level(logging.WARNING, logger="preheat"):
        made.train()
    planned = along(WORDS, total)
    assert made.used.rates == [[rate, rate] for rate in planned]
    assert logged(made) == planned
    assert made.lr_scheduler.history == made.lr_scheduler.group_history(1) == planned
    assert type(made.lr_scheduler) is Scheduler
    assert caplog.records == []


def test_a_stream_is_never_drawn_from_early(tmp_path):
    """No length, max_steps: resolved without a batch, and no more rows drawn than with the Trainer's own scheduler."""
    drawn = []
    for ours in (False, True):
        stream = Stream()
        made = trainer(tmp_path, dataset=stream, max_steps=10)
        if ours:
            preheat.transformers.use(made, WORDS)
        made.train()
        drawn.append(stream.drawn)
    assert logged(made) == along(WORDS, 10)
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("text", "updates"),
    [("warmup 1 epochs > hold", 3), ("warmup 33 samples > hold", 3), ("warmup 1e3 tokens > hold", 4)],
)
def test_lengths_in_epochs_samples_and_tokens(tmp_path, text, updates):
    """As Plan.hf_trainer counts them: 40 rows make 10 batches, 4 of them an update of 16 rows and 256 tokens."""
    made = trainer(tmp_path, gradient_accumulation_steps=4)
    preheat.transformers.use(made, text, tokens_per_sample=16)
    made.train()
    assert made.lr_scheduler.schedule == preheat.warmup(updates) >> preheat.hold(6 - updates)


def test_lengths_nobody_can_count_are_refused(tmp_path):
    """Epochs of a stream, tokens of rows of unknown size: by name, before the first update."""
    made = trainer(tmp_path, dataset=Stream(), max_steps=10)
    preheat.transformers.use(made, "warmup 1 epochs > hold")
    with pytest.raises(preheat.PlanError, match="examples must be known to count in epochs; got None"):
        made.train()
    made = trainer(tmp_path)
    preheat.transformers.use(made, "warmup 100 tokens > hold")
    with pytest.raises(preheat.PlanError, match="tokens_per_sample must be given to count in tokens"):
        made.train()


class Halved(Trainer):
    """A loader of its own: every other batch."""

    def get_train_dataloader(self):
        return list(super().get_train_dataloader())[::2]


def test_a_count_that_is_not_ours_is_shown_with_both_sums(tmp_path, caplog):
    """The Trainer's number is used; the warning has the two ways of coming to a number."""
    made = trainer(tmp_path, kind=Halved)
    preheat.transformers.use(made, WORDS)
    with caplog.at_level(logging.WARNING, logger="preheat"):
        made.train()
    assert logged(made) == along(WORDS, 10)
    (record,) = caplog.records
    assert record.getMessage().splitlines() == [
        "HF Trainer counts 10 updates and preheat 20; the run is as long as HF Trainer says.",
        "HF Trainer: num_train_epochs=2 with batches of 4 on 1 processes and gradient_accumulation_steps=1 make 10",
        "preheat:",
        "counted as HF Trainer does",
        "batches per epoch: ceil(40 examples / 4) = 10",
        "updates: 10 batches x 2 epochs = 20",
    ]


@pytest.mark.parametrize(
    ("horizon", "said"), [(30, "its end is never reached"), (12, "the rest runs at its end value")]
)
def test_another_horizon_than_the_run_is_said_at_once(tmp_path, caplog, horizon, said):
    """A schedule in plain updates is left as it is; the warning has both numbers."""
    made = trainer(tmp_path)
    schedule = preheat.get_schedule("linear", warmup=2, total=horizon)
    preheat.transformers.use(made, schedule)
    with caplog.at_level(logging.WARNING, logger="preheat"):
        made.train()
    assert logged(made) == [LR * schedule(update) for update in range(20)]
    first = caplog.records[0].getMessage()
    assert first.startswith(f"the schedule is shaped for {horizon} updates and the run takes 20 (")
    assert said in first


def test_settings_of_the_arguments_are_not_used_and_that_is_said(tmp_path, caplog):
    """lr_scheduler_type has a default, so ours wins; whatever says something is named."""
    made = trainer(tmp_path, lr_scheduler_type="cosine", warmup_steps=5)
    preheat.transformers.use(made, WORDS)
    with caplog.at_level(logging.WARNING, logger="preheat"):
        made.train()
    assert logged(made) == along(WORDS, 20)
    assert [record.getMessage() for record in caplog.records] == [
        "of the TrainingArguments lr_scheduler_type=cosine, warmup_steps=5: not used, the learning rate follows"
        " preheat's schedule."
    ]


def test_optimizers_given_as_a_pair(tmp_path):
    """The Trainer's own way for a scheduler: optimizer and Scheduler, both made before."""
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    schedule = preheat.get_schedule("warmupcosine", warmup=4, total=20)
    made = trainer(tmp_path, model=model, optimizers=(optimizer, Scheduler(optimizer, schedule)))
    made.train()
    assert logged(made) == [rate for (rate,) in made.used.rates] == [LR * schedule(update) for update in range(20)]


def test_another_optimizer_and_own_schedules_of_groups(tmp_path):
    """``optimizer_cls_and_kwargs``; the group without weight decay stands still."""
    made = trainer(tmp_path, optimizer_cls_and_kwargs=(torch.optim.SGD, {"lr": 0.5}))
    preheat.transformers.use(made, "warmup 20% > hold", groups={1: preheat.parse("hold forever at 0.2")})
    made.train()
    rates = [0.5 * factor for factor in (0.25, 0.5, 0.75, *[1.0] * 17)]
    assert made.used.rates == [[rate, 0.1] for rate in rates]
    assert logged(made) == rates


def test_training_twice_starts_the_schedule_anew(tmp_path):
    """The Trainer resets its scheduler for every train(), and the count may be another one."""
    made = trainer(tmp_path)
    preheat.transformers.use(made, WORDS)
    made.train()
    made.args.num_train_epochs = 1
    made.train()
    assert made.used.rates[20::2] == [[rate, rate] for rate in along(WORDS, 10)]  # two callbacks' hooks by now


RESUME = """
import sys
sys.path[:0] = {paths!r}
import json
from test_transformers import *
made = trainer({folder!r}, save_strategy="steps", save_steps=7)
preheat.transformers.use(made, WORDS)
made.train(resume_from_checkpoint={checkpoint!r})
print(json.dumps([made.lr_scheduler.history, [weight.tolist() for weight in weights(made)]]))
"""


def test_resuming_in_a_new_process_is_exact(tmp_path):
    """The rates after the checkpoint and the last weights are those of the run that was not cut, bit for bit."""
    made = trainer(tmp_path, save_strategy="steps", save_steps=7)
    preheat.transformers.use(made, WORDS)
    made.train()
    here = str(__file__).rsplit("/", 1)[0]
    code = RESUME.format(paths=[here], folder=str(tmp_path / "again"), checkpoint=str(tmp_path / "checkpoint-14"))
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    history, last = json.loads(done.stdout.splitlines()[-1])
    assert history == along(WORDS, 20)[14:]
    assert last == [weight.tolist() for weight in weights(made)]


@pytest.mark.parametrize(
    ("policy", "options"), [("keep", {}), ("replace", {}), ("rescale", {}), ("bridge", {"bridge": 3})]
)
def test_resuming_with_another_schedule_is_refused_until_somebody_says_what_wins(tmp_path, policy, options):
    """A run of four epochs instead of two: the difference is shown; the policies are the torch driver's."""
    made = trainer(tmp_path, save_strategy="steps", save_steps=10)
    preheat.transformers.use(made, WORDS)
    made.train()
    checkpoint = str(tmp_path / "checkpoint-10")
    longer = trainer(tmp_path / "longer", num_train_epochs=4)
    preheat.transformers.use(longer, WORDS)
    with pytest.raises(preheat.StateError, match=r"phases\[0\]\.length: 4 -> 8"):
        longer.train(resume_from_checkpoint=checkpoint)
    longer = trainer(tmp_path / "longer", num_train_epochs=4)
    preheat.transformers.use(longer, WORDS, resume=policy, **options)
    longer.train(resume_from_checkpoint=checkpoint)
    saved, new = preheat.parse(WORDS).over(20), preheat.parse(WORDS).over(40)
    expected = preheat.schedule.resume(saved, new, 10, policy, **options)
    assert longer.lr_scheduler.history == [LR * expected(update) for update in range(10, 40)]


def test_model_init_and_trials(tmp_path):
    """A model made anew for every train(), as in hyperparameter search: optimizer and schedule too."""
    made = Trainer(
        model_init=Model,
        args=TrainingArguments(
            output_dir=str(tmp_path), per_device_train_batch_size=4, learning_rate=LR, num_train_epochs=1,
            save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True,
        ),
        train_dataset=Rows(40),
    )  # fmt: skip
    made.remove_callback(made.callback_handler.callbacks[-1])
    preheat.transformers.use(made, WORDS)
    for epochs in (1, 2):
        made.args.num_train_epochs = epochs
        made.train()
        assert made.lr_scheduler.history == along(WORDS, 10 * epochs)


def test_refusals(tmp_path):
    """Anything but a Trainer, two owners, unknown options and words: at once, by name."""
    use = preheat.transformers.use
    with pytest.raises(preheat.ScheduleError, match=r"trainer must be a transformers\.Trainer; got 3"):
        use(3, WORDS)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    foreign = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    made = trainer(tmp_path, model=model, optimizers=(optimizer, foreign))
    with pytest.raises(
        preheat.ScheduleError, match="without a scheduler of its own; got 'StepLR beside warmup 20% > cosine to 0.1'"
    ):
        use(made, WORDS)
    made = trainer(tmp_path)
    with pytest.raises(preheat.ScheduleError, match="Did you mean 'resume'"):
        use(made, WORDS, resum="keep")
    with pytest.raises(preheat.ScheduleError, match="schedule must be a preheat Schedule; got <function"):
        use(made, lambda step: 1.0)
    with pytest.raises(preheat.ScheduleError, match="Did you mean 'warmup'"):
        use(made, "warmupcosine")
    use(made, "warmup 30 > cosine")
    with pytest.raises(
        preheat.ScheduleError, match="the warm-up must be no longer than the 20 updates there are; got 30"
    ):
        made.train()


def test_layer_wise_optimizers_are_refused(tmp_path):
    """They are many optimizers behind one that does nothing: no update of it could be counted."""
    made = trainer(tmp_path, optimizers=(LayerWiseDummyOptimizer({}), None))
    preheat.transformers.use(made, WORDS)
    with pytest.raises(preheat.ScheduleError, match="optim must be one optimizer for all layers; got 'LayerWiseDummy"):
        made.train()


def on_deepspeed(made, monkeypatch, scheduler=None):
    """The Trainer with DeepSpeed's part taken out: what ``deepspeed_init`` would give, and nothing behind it."""
    made.is_deepspeed_enabled, made.args.deepspeed = True, {"zero_optimization": {"stage": 2}}
    made._prepare_inputs = lambda inputs: inputs  # else cast to the engine's type
    monkeypatch.setattr(
        "transformers.trainer.deepspeed_init", lambda made, num_training_steps: (made.create_optimizer(), scheduler)
    )
    return made


def test_on_deepspeed_the_trainers_calls_are_counted(tmp_path, monkeypatch):
    """DeepSpeed's driver takes the place of torch's; the log has the rates that were used all the same."""
    made = on_deepspeed(trainer(tmp_path), monkeypatch)
    preheat.transformers.use(made, WORDS)
    made.train()
    assert type(made.lr_scheduler) is preheat.deepspeed.Scheduler
    assert made.lr_scheduler.history == logged(made) == [rate for rate, _ in made.used.rates] == along(WORDS, 20)


def test_a_scheduler_of_deepspeeds_configuration_is_refused(tmp_path, monkeypatch):
    """Both are named, before the first update."""
    made = on_deepspeed(trainer(tmp_path), monkeypatch, DummyScheduler(None))
    preheat.transformers.use(made, WORDS)
    with pytest.raises(preheat.ScheduleError, match="the only one of the run; got 'DummyScheduler beside warmup 20%"):
        made.train()


def test_without_transformers_it_is_one_line():
    """What to install."""
    code = "import sys; sys.modules['transformers'] = None\nimport preheat\npreheat.transformers.use(3, 'hold')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "preheat.errors.MissingExtraError: transformers is not installed: pip install 'preheat[train]'"
    )
