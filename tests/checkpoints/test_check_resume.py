"""What a resume does: the forecast beside what the real framework then does, update by update."""

import copy
import pickle
import zipfile

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, OneCycleLR, SequentialLR, StepLR
from transformers.optimization import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

import preheat
from preheat.checkpoints import check_resume, plain, read_checkpoint, read_inert
from preheat.errors import ConfigError, DataError
from preheat.lab.training import read_config
from preheat.lab.training.session import train
from preheat.messages.languages import tell
from preheat.plan import Plan
from support.trainers import trainer

RATE, POSITION = 1e-3, 50


def started(make, updates, rate=RATE):
    """An optimizer and a scheduler after so many updates."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=rate)
    scheduler = make(optimizer)
    return optimizer, scheduler, trained(optimizer, scheduler, updates)


def trained(optimizer, scheduler, updates):
    """The rates that so many more updates use."""
    used = []
    for _ in range(updates):
        for group in optimizer.param_groups:
            group["params"][0].grad = torch.ones(3)
        used.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return used


def warm_cosine(optimizer, total):
    warmup = LinearLR(optimizer, 0.1, 1.0, 10)
    return SequentialLR(optimizer, [warmup, CosineAnnealingLR(optimizer, total - 10)], [10])


RESUMES = {
    "cosine of torch": (
        lambda optimizer: CosineAnnealingLR(optimizer, 100),
        lambda optimizer: CosineAnnealingLR(optimizer, 200),
        "transformers: cosine 200",
    ),
    "sequence of torch": (
        lambda optimizer: warm_cosine(optimizer, 100),
        lambda optimizer: warm_cosine(optimizer, 200),
        "transformers: warmup 10 from 0.1 > cosine 190",
    ),
    "steps": (
        lambda optimizer: StepLR(optimizer, 30),
        lambda optimizer: StepLR(optimizer, 80),
        "transformers: step(steps=80) forever from 1",
    ),
    "one cycle": (
        lambda optimizer: OneCycleLR(optimizer, RATE, total_steps=100),
        lambda optimizer: OneCycleLR(optimizer, RATE, total_steps=200),
        "transformers: warmup cosine 59 from 0.04 > cosine 140 from 1 to 4e-6",
    ),
    "linear of transformers": (
        lambda optimizer: get_linear_schedule_with_warmup(optimizer, 10, 100),
        lambda optimizer: get_linear_schedule_with_warmup(optimizer, 10, 200),
        "transformers: warmup 10 > linear 190",
    ),
    "cosine of transformers": (
        lambda optimizer: get_cosine_schedule_with_warmup(optimizer, 10, 100),
        lambda optimizer: get_cosine_schedule_with_warmup(optimizer, 10, 200),
        "transformers: warmup 10 > cosine 190",
    ),
}


@pytest.mark.parametrize("name", RESUMES)
def test_the_forecast_is_what_the_framework_then_does(name, tmp_path):
    """Saved at 50 of 100, resumed for 200, loaded in the usual order: every update the forecast shows."""
    first, second, asked = RESUMES[name]
    optimizer, scheduler, _ = started(first, POSITION)
    state = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(state, tmp_path / "checkpoint.pt")
    forecast = check_resume(tmp_path / "checkpoint.pt", asked)
    again, resumed, _ = started(second, 0)
    again.load_state_dict(copy.deepcopy(state["optimizer"]))
    resumed.load_state_dict(copy.deepcopy(state["scheduler"]))
    last = 100 if name == "one cycle" else 151
    used = trained(again, resumed, last - POSITION)
    curve = next(curve for curve in forecast.curves if curve.name == "torch")
    shown = [(update, rate) for update, rate in zip(forecast.updates, curve.rates, strict=True) if update < last]
    assert len(shown) > 4
    for update, rate in shown:
        assert rate == pytest.approx(used[update - POSITION], abs=1e-9), update
    assert not forecast.as_asked
    assert ("takes the new function" if "transformers" in name else "base rates win over") in forecast.sentence


def test_nothing_changed_is_said_for_every_kind(tmp_path):
    """The same schedule again: as asked, in torch and in ours."""
    optimizer, scheduler, _ = started(lambda optimizer: CosineAnnealingLR(optimizer, 100), POSITION)
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "torch.pt")
    forecast = check_resume(tmp_path / "torch.pt", "transformers: cosine 100")
    assert forecast.as_asked
    assert forecast.ours == "goes on: nothing has changed"
    schedule = preheat.get_schedule("cosine", warmup=10, total=100)
    optimizer, scheduler, _ = started(lambda optimizer: preheat.torch.Scheduler(optimizer, schedule), POSITION)
    torch.save(scheduler.state_dict(), tmp_path / "ours.pt")
    forecast = check_resume(tmp_path / "ours.pt", schedule)
    assert (forecast.as_asked, forecast.position, forecast.sentence) == (True, POSITION, "goes on: nothing has changed")


@pytest.mark.parametrize("policy", ["keep", "replace", "rescale", "bridge"])
def test_our_policies_are_shown_as_they_act(policy, tmp_path):
    """The table's row is what the driver then uses."""
    saved, new = (preheat.get_schedule("linear", warmup=10, total=total) for total in (100, 200))
    optimizer, scheduler, _ = started(lambda optimizer: preheat.torch.Scheduler(optimizer, saved), POSITION)
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "ours.pt")
    forecast = check_resume(tmp_path / "ours.pt", new, bridge=20)
    assert "phases[1].length: 90 -> 190" in forecast.sentence
    again = torch.optim.AdamW([torch.nn.Parameter(torch.ones(3))], lr=RATE)
    resumed = preheat.torch.Scheduler(again, new, resume=policy, bridge=20)
    resumed.load_state_dict(scheduler.state_dict())
    used = trained(again, resumed, 151 - POSITION)
    name = "preheat, bridge 20" if policy == "bridge" else f"preheat, {policy}"
    curve = next(curve for curve in forecast.curves if curve.name == name)
    shown = [(update, rate) for update, rate in zip(forecast.updates, curve.rates, strict=True) if update <= 150]
    for update, rate in shown:
        assert rate == pytest.approx(used[update - POSITION], abs=1e-15)


def test_a_new_peak_is_told(tmp_path):
    """torch and transformers keep the saved base rate; ours names both."""
    optimizer, scheduler, _ = started(lambda optimizer: get_linear_schedule_with_warmup(optimizer, 10, 100), POSITION)
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "a.pt")
    forecast = check_resume(tmp_path / "a.pt", "transformers: warmup 10 > linear 90", lr=1e-4)
    assert "the base rate stays the saved 0.001, not 0.0001" in forecast.sentence
    assert not forecast.as_asked


def test_a_checkpoint_of_the_real_trainer(tmp_path):
    """Read through its folder: the saved schedule comes from the arguments, which are not unpickled."""
    trainer(tmp_path / "run", 40).train()
    forecast = check_resume(tmp_path / "run" / "checkpoint-20", "transformers: warmup 4 > linear 76")
    assert (forecast.checkpoint.framework, forecast.position) == ("transformers", 20)
    assert str(forecast.saved) == "transformers: warmup 4 > linear 36 to 0"
    assert "takes the new function at once, at position 20" in forecast.sentence
    again = trainer(tmp_path / "run", 80)
    again.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-20"))
    logged = {row["step"] - 1: row["learning_rate"] for row in again.state.log_history if "learning_rate" in row}
    curve = next(curve for curve in forecast.curves if curve.name == "transformers")
    shown = [(update, rate) for update, rate in zip(forecast.updates, curve.rates, strict=True) if update in logged]
    assert len(shown) > 4
    for update, rate in shown:
        assert rate == pytest.approx(logged[update], abs=1e-12), update
    assert read_checkpoint(tmp_path / "run").path.parent.name == "checkpoint-80"


@pytest.mark.filterwarnings("ignore")  # Lightning's advice, and torch's about Lightning
def test_a_checkpoint_of_lightning(tmp_path):
    """A real .ckpt with its optimizer, scheduler and counts."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 2)

        def training_step(self, batch, _):
            return self.layer(batch).square().mean()

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=RATE)
            scheduler = CosineAnnealingLR(optimizer, 100)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    fitting = lightning.Trainer(
        max_steps=30, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, default_root_dir=tmp_path,
    )  # fmt: skip
    fitting.fit(Module(), torch.utils.data.DataLoader(torch.ones(60, 4), batch_size=2))
    fitting.save_checkpoint(tmp_path / "last.ckpt")
    forecast = check_resume(tmp_path, "transformers: cosine 200")
    assert (forecast.checkpoint.framework, forecast.position, forecast.checkpoint.updates) == ("lightning", 30, 30)
    assert forecast.saved.horizon == 100
    assert "its lengths and base rates win" in forecast.sentence


def test_a_scheduler_stepped_at_another_pace_is_noticed(tmp_path):
    """Lightning's default: the trainer counts updates, the scheduler epochs."""
    _, scheduler, _ = started(lambda optimizer: CosineAnnealingLR(optimizer, 100), 3)
    data = {"global_step": 30, "pytorch-lightning_version": "2", "lr_schedulers": [scheduler.state_dict()]}
    torch.save(data, tmp_path / "a.ckpt")
    notes = check_resume(tmp_path / "a.ckpt", "transformers: cosine 100").notes
    assert "the trainer counts 30 updates, its scheduler 3: it was not stepped once an update" in notes


def test_a_state_saved_by_accelerate(tmp_path):
    """scheduler.bin beside optimizer.bin."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    scheduler = CosineAnnealingLR(optimizer, 100)
    model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)
    for _ in range(7):
        accelerator.backward(model(torch.ones(2)).sum())
        optimizer.step()
        scheduler.step()
    accelerator.save_state(str(tmp_path / "state"), safe_serialization=True)
    forecast = check_resume(tmp_path / "state", "transformers: cosine 100")
    assert (forecast.checkpoint.framework, forecast.position, forecast.as_asked) == ("accelerate", 7, True)


def test_a_run_of_preheat_train(tmp_path):
    """Its folder, or that of one checkpoint: the last one's position and schedule."""
    rows = "".join(f"{word} {number},{word}\n" for number in range(60) for word in ("red", "blue"))
    (tmp_path / "data.csv").write_text("text,label\n" + rows)
    flags = {"layers": 1, "width": 16, "heads": 2, "vocabulary": 300, "max_tokens": 8, "epochs": 2, "lr": 1e-3}
    config = read_config(flags={"data": str(tmp_path / "data.csv"), "warmup": 2, **flags})
    result = train(config, tmp_path / "run", say=lambda line: None)
    forecast = check_resume(tmp_path / "run", config.filled().build_schedule(Plan(96, 32, 4)))
    assert (forecast.checkpoint.framework, forecast.position) == ("preheat", result["updates"])
    assert "refuses (" in forecast.sentence
    assert check_resume(tmp_path / "run" / "update-000003", forecast.saved).as_asked


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("how", ["torch", "old torch", "pickle"])
def test_nothing_in_a_checkpoint_is_run(tmp_path, how):
    """A checkpoint that would touch a file when loaded is read, and the file is not there."""
    _, scheduler, _ = started(lambda optimizer: CosineAnnealingLR(optimizer, 100), POSITION)
    bait = tmp_path / "bait"
    data = {"evil": Malicious(bait), "scheduler": scheduler.state_dict(), "tensor": torch.ones(3)}
    if how == "pickle":
        data.pop("tensor")
        (tmp_path / "a.pt").write_bytes(pickle.dumps(data))
    else:
        torch.save(data, tmp_path / "a.pt", _use_new_zipfile_serialization=how == "torch")
    assert check_resume(tmp_path / "a.pt", "transformers: cosine 100").position == POSITION
    assert not bait.exists()


def test_numbers_in_tensors_are_read(tmp_path):
    """A rate and a count kept as tensors, of several types."""
    data = {"lr": torch.tensor(0.25), "step": torch.tensor(7), "wide": torch.tensor(0.1, dtype=torch.float64)}
    torch.save({**data, "weights": torch.ones(9)}, tmp_path / "a.pt")
    assert plain(read_inert(tmp_path / "a.pt")) == {"lr": 0.25, "step": 7, "wide": 0.1, "weights": None}


def test_what_a_lambda_was_cannot_be_told(tmp_path):
    """A LambdaLR on its own does not save its function: said, and what is asked for holds at once."""
    _, scheduler, _ = started(lambda optimizer: LambdaLR(optimizer, lambda k: 0.5), POSITION)
    torch.save(scheduler.state_dict(), tmp_path / "a.pt")
    forecast = check_resume(tmp_path / "a.pt", "transformers: cosine 100")
    assert forecast.saved is None
    assert "a LambdaLR does not save its function" in forecast.notes[0]


def test_checkpoints_without_a_scheduler_are_refused(tmp_path):
    """By name, with what was looked for."""
    torch.save({"model": {"weight": torch.ones(2)}}, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(b"not a checkpoint")
    with zipfile.ZipFile(tmp_path / "c.pt", "w") as archive:
        archive.writestr("x/other", "y")
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("a.pt", "checkpoint must be one with a scheduler"),
        ("b.pt", "It is damaged, or torch did not write it"),
        ("c.pt", "It has no data.pkl"),
        ("none.pt", "a file or folder that exists"),
        ("empty", r"Looked for scheduler.pt, scheduler.bin, run.json, checkpoint-\*"),
    ):
        with pytest.raises(DataError, match=message):
            read_checkpoint(tmp_path / name)
    _, scheduler, _ = started(lambda optimizer: CosineAnnealingLR(optimizer, 100), 3)
    (tmp_path / "run").mkdir()
    torch.save(scheduler.state_dict(), tmp_path / "run" / "scheduler.pt")
    for damaged, message in (
        ("{", "checkpoint must be JSON"),
        ("[3]", "checkpoint must be one with the trainer's counts"),
    ):
        (tmp_path / "run" / "trainer_state.json").write_text(damaged)
        with pytest.raises(DataError, match=message):
            read_checkpoint(tmp_path / "run")
    torch.save(scheduler.state_dict(), tmp_path / "d.pt")
    with pytest.raises(ConfigError, match="total must be given for this schedule"):
        check_resume(tmp_path / "d.pt", "warmup 10% > cosine")


def test_a_forecast_in_chinese(tmp_path):
    """The whole screen; schedules, policies and numbers are as in English, and the table's columns hold."""
    optimizer, scheduler, _unused = started(lambda one: CosineAnnealingLR(one, 100), POSITION)
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "one.pt")
    forecast = check_resume(tmp_path / "one.pt", "transformers: cosine 200")
    lines, english = tell(forecast, "zh").splitlines(), str(forecast).splitlines()
    assert lines[0] == f"{tmp_path / 'one.pt'}：torch 的检查点，已训练 50 步"
    assert lines[3] == "torch：沿用保存的 CosineAnnealingLR：以它的长度和基准学习率为准，新的设置不起作用"
    assert lines[4].startswith("preheat：拒绝恢复（phases[0].length: 100 -> 200；phases[0].start: 1.0 -> 无），")
    head, saved = lines[6:8]
    assert (head.split()[0], saved.split()[0]) == ("步", "按保存的调度")
    # Chinese signs are as wide as two letters.
    assert len(head) + 1 == len(saved) + 6 == len(english[7])
