"""Each preset gives the number the library itself gives: transformers 5.23, accelerate 1.15, lightning 2.6.

Nothing of a library's formula is repeated here: its own methods are called, and its own loops are counted.
"""

import random
import warnings

import accelerate
import lightning.pytorch as lightning
import pytest
import torch
import transformers

import preheat


def loader_of(examples, batch_size, drop_last):
    data = [{"x": torch.zeros(1), "labels": torch.zeros(1)} for _ in range(examples)]
    return torch.utils.data.DataLoader(data, batch_size=batch_size, drop_last=drop_last)


def draw_settings(draw, *, padded=False):
    """Small numbers; drop_last only where a full batch is left for each process (repeated rows may fill it)."""
    settings = {
        "examples": draw.randint(1, 120),
        "batch_size": draw.randint(1, 9),
        "accumulation": draw.randint(1, 6),
        "world_size": draw.randint(1, 4),
    }
    rows = (settings["batch_size"] - padded) * settings["world_size"] + padded
    settings["drop_last"] = draw.random() < 0.4 and settings["examples"] >= rows
    return settings


# Accelerate ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def accelerator():
    """A factory of Accelerators that start from nothing."""
    from accelerate.state import AcceleratorState, GradientState, PartialState
    from accelerate.utils import GradientAccumulationPlugin

    def clear():
        AcceleratorState._reset_state(True)
        GradientState._reset_state()
        PartialState._reset_state()

    def make(accumulation, sync_with_dataloader):
        clear()
        plugin = GradientAccumulationPlugin(num_steps=accumulation, sync_with_dataloader=sync_with_dataloader)
        return accelerate.Accelerator(cpu=True, gradient_accumulation_plugin=plugin)

    yield make
    clear()


def shard(loader, world_size, rank=0, **options):
    """The loader one of several processes gets from Accelerate."""
    from accelerate.data_loader import prepare_data_loader

    return prepare_data_loader(loader, num_processes=world_size, process_index=rank, put_on_device=False, **options)


def accelerate_updates(accelerator, loader, epochs):
    """Updates of a loop with ``accumulate()``."""
    updates = 0
    for _ in range(epochs):
        for _batch in loader:
            with accelerator.accumulate():
                updates += accelerator.sync_gradients
    return updates


def test_accelerate_counts_as_its_own_loop(accelerator):
    """300 settings: whole and split batches, even or not, one to four processes, flushed and carried tails."""
    draw = random.Random(0)
    for _ in range(300):
        settings = draw_settings(draw)
        split, sync, even = (draw.random() < 0.5 for _ in range(3))
        epochs = draw.randint(1, 4)
        loader_batch = settings["batch_size"] * (settings["world_size"] if split else 1)
        loader = loader_of(settings["examples"], loader_batch, settings["drop_last"])
        mine = shard(loader, settings["world_size"], split_batches=split, even_batches=even)
        counted = accelerate_updates(accelerator(settings["accumulation"], sync), mine, epochs)
        asked = {**settings, "batch_size": loader_batch, "split_batches": split, "sync_with_dataloader": sync}
        if not counted:
            with pytest.raises(preheat.PlanError, match="0 updates: "):
                preheat.Plan.accelerate(epochs=epochs, **asked)
            continue
        plan = preheat.Plan.accelerate(epochs=epochs, **asked)
        assert (plan.batches_per_epoch, plan.updates) == (len(list(mine)), counted), asked


def test_accelerate_gives_every_process_as_many_even_batches():
    """The count of the first process is everybody's, and so are its rows."""
    draw = random.Random(1)
    for _ in range(100):
        settings = {**draw_settings(draw), "accumulation": 1}
        plan = preheat.Plan.accelerate(epochs=1, **settings)
        loader = loader_of(settings["examples"], settings["batch_size"], settings["drop_last"])
        for rank in range(settings["world_size"]):
            batches = [batch["x"] for batch in shard(loader, settings["world_size"], rank)]
            assert len(batches) == plan.batches_per_epoch
            if settings["world_size"] > 1:
                assert sum(len(batch) for batch in batches) == plan.examples_per_process


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split_batches": 1}, "split_batches must be True or False; got 1"),
        ({"sync_with_dataloader": None}, "sync_with_dataloader must be True or False; got None"),
        (
            {"split_batches": True, "world_size": 3},
            "batch_size must be a multiple of world_size=3 with split_batches; got 8. Each process gets an equal piece",
        ),
    ],
)
def test_accelerate_refuses(settings, message):
    """Its own switches, by name."""
    with pytest.raises(preheat.PlanError, match=message):
        preheat.Plan.accelerate(100, 8, 3, **settings)


# HF Trainer ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trainer_of(tmp_path_factory):
    """A factory of real Trainers on a model of one weight."""
    folder = tmp_path_factory.mktemp("trainer")

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))

        def forward(self, x, labels):
            return {"loss": ((x * self.weight - labels) ** 2).mean()}

    def make(settings, ends):
        arguments = transformers.TrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=settings["batch_size"],
            gradient_accumulation_steps=settings["accumulation"],
            dataloader_drop_last=settings["drop_last"],
            num_train_epochs=ends.get("epochs", 3.0),
            max_steps=ends.get("max_steps", -1),
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
            save_strategy="no",
        )
        data = loader_of(settings["examples"], 1, False).dataset
        return transformers.Trainer(Model(), arguments, train_dataset=data)

    return make


def draw_ends(draw):
    epochs = draw.randint(1, 4) if draw.random() < 0.5 else draw.randint(1, 40) / 10
    steps = draw.randint(1, 60)
    return draw.choice(({"epochs": epochs}, {"max_steps": steps}, {"epochs": epochs, "max_steps": steps}))


def test_hf_trainer_counts_as_the_trainers_own_sum(trainer_of):
    """300 settings on one to four processes: the Trainer's sum over the loader that Accelerate shards."""
    draw = random.Random(2)
    trainer = trainer_of({"examples": 8, "batch_size": 2, "accumulation": 1, "drop_last": False}, {"max_steps": 1})
    for _ in range(300):
        settings, ends = draw_settings(draw), draw_ends(draw)
        loader = loader_of(settings["examples"], settings["batch_size"], settings["drop_last"])
        trainer.args.gradient_accumulation_steps = settings["accumulation"]
        trainer.args.num_train_epochs = ends.get("epochs", 3.0)
        trainer.args.max_steps = ends.get("max_steps", -1)
        found = trainer.set_initial_training_values(trainer.args, shard(loader, settings["world_size"]))
        plan = preheat.Plan.hf_trainer(**settings, **ends)
        assert (plan.updates_per_epoch, plan.updates) == (found[1], found[-1]), (settings, ends)


def test_hf_trainer_really_makes_these_updates(trainer_of):
    """12 trainings on one process, optimizer updates counted."""
    draw = random.Random(3)
    for _ in range(12):
        settings, ends = {**draw_settings(draw), "world_size": 1}, draw_ends(draw)
        settings["drop_last"] = settings["drop_last"] and settings["examples"] >= settings["batch_size"]
        trainer = trainer_of(settings, ends)
        updates = []
        trainer.create_optimizer().register_step_post_hook(lambda *_, done=updates: done.append(1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pinned memory and the like: not ours
            trainer.train()
        assert preheat.Plan.hf_trainer(**settings, **ends).updates == len(updates), (settings, ends)


# Lightning -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fit_of():
    """A factory of real Lightning trainers, which pretend to several processes."""

    class Distributed(lightning.strategies.SingleDeviceStrategy):
        is_distributed = True

    class Pretender(lightning.Trainer):
        processes = 1

        @property
        def distributed_sampler_kwargs(self):
            return {"num_replicas": self.processes, "rank": 0}

    class Module(lightning.LightningModule):
        def __init__(self, loader):
            super().__init__()
            self.weight, self.loader = torch.nn.Parameter(torch.zeros(())), loader

        def train_dataloader(self):
            return self.loader

        def training_step(self, batch, _):
            return ((batch["x"] * self.weight - batch["labels"]) ** 2).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def make(settings, ends):
        trainer = Pretender(
            accelerator="cpu",
            strategy=Distributed(),
            accumulate_grad_batches=settings["accumulation"],
            max_epochs=ends.get("epochs", -1),
            max_steps=ends.get("max_steps", -1),
            **dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False),
        )
        trainer.processes = settings["world_size"]
        module = Module(loader_of(settings["examples"], settings["batch_size"], settings["drop_last"]))
        trainer.strategy.connect(module)
        trainer._data_connector.attach_data(module)
        return trainer, module

    return make


def lightning_ends(draw):
    epochs, steps = draw.randint(1, 4), draw.randint(1, 60)
    return draw.choice(({"epochs": epochs}, {"max_steps": steps}, {"epochs": epochs, "max_steps": steps}))


@pytest.mark.filterwarnings("ignore")  # few workers, short logs: Lightning's advice, not ours
def test_lightning_counts_as_its_own_estimate(fit_of):
    """200 settings on one to four processes: ``estimated_stepping_batches``."""
    draw = random.Random(4)
    for _ in range(200):
        settings, ends = draw_settings(draw, padded=True), lightning_ends(draw)
        trainer, _ = fit_of(settings, ends)
        assert preheat.Plan.lightning(**settings, **ends).updates == trainer.estimated_stepping_batches, (
            settings,
            ends,
        )


@pytest.mark.filterwarnings("ignore")
def test_lightning_really_makes_these_updates(fit_of):
    """15 trainings, the sampler dealing rows as for one to four processes."""
    draw = random.Random(5)
    for _ in range(15):
        settings, ends = draw_settings(draw, padded=True), lightning_ends(draw)
        trainer, module = fit_of(settings, ends)
        trainer.fit(module)
        assert preheat.Plan.lightning(**settings, **ends).updates == trainer.global_step, (settings, ends)
