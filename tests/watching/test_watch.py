"""Watching scripts: what they print, how they end, who steps their optimizers.

What is about the process itself (its output as it comes, signals, other Pythons, torchrun) is watched as people do it;
the other scripts run in forks of one process that has their frameworks loaded, and the command in this one.
"""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from preheat.watching import read_record

SCRIPT = """
import sys, torch
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95))
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=40)
for update in range(40):
    model(torch.ones(8, 4)).square().mean().backward()
    optimizer.step()
    scheduler.step() if update < 39 else None
    optimizer.zero_grad()
    print("update", update)
    {extra}
print("the end", file=sys.stderr)
"""


def command(tmp_path, extra="pass", *, watch=(), python=(), script=SCRIPT):
    """The words that run a script under watch."""
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(script.replace("{extra}", extra)))
    return [sys.executable, "-m", "preheat", "watch", *watch, "--", sys.executable, *python, str(path)]


def run(words, **more):
    return subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=240, **more
    )


@pytest.fixture
def watched(tmp_path, cli, warm_watched, monkeypatch):
    """Watch a script in a fork: ``watched(words of command())``, as ``run`` would."""

    def call(words):
        printed, said = tmp_path / "printed", tmp_path / "said"
        in_a_fork = functools.partial(warm_watched.run_watched, output=printed, errors=said)
        monkeypatch.setattr("preheat.watching.run_watched", in_a_fork)
        code, out, err = cli(*words[words.index("preheat") + 1 :])
        ran = printed.exists()
        return subprocess.CompletedProcess(
            words,
            code,
            stdout=out + (printed.read_text() if ran else ""),
            stderr=(said.read_text() if ran else "") + err,
        )

    return call


def test_the_script_runs_as_it_would_without(tmp_path):
    """Its output untouched, its exit code passed on, the report behind its standard error; other numbers noted."""
    done = run(command(tmp_path, "sys.exit(7) if update == 30 else None"))
    assert done.returncode == 7
    assert done.stdout == "".join(f"update {update}\n" for update in range(31))
    assert done.stderr.startswith("\npreheat watch\n")
    assert re.search(r"AdamW: 31 updates in \S+ s \(\S+ ms each\); scheduler OneCycleLR\n", done.stderr)
    assert "betas[0] changed too: 0.95 to 0.926602, between 0.85 and 0.95" in done.stderr
    assert "the run made 31 of the schedule's 40 updates" in done.stderr


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL) if update == 25 else None", 128 + signal.SIGKILL),
        ("1 / 0 if update == 25 else None", 1),
    ],
    ids=["killed", "crashed"],
)
def test_a_script_that_dies_has_lost_nothing(tmp_path, watched, extra, code):
    """26 updates were made, and all of them are in the report."""
    done = watched(command(tmp_path, extra, watch=["--out", str(tmp_path / "out")]))
    assert done.returncode == code
    (own,) = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (own["updates"], own["equal"]) == (26, True)
    assert "plan (asked for by the script)" in (tmp_path / "out" / "report.txt").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_script_and_then_comes_the_report(tmp_path, number):
    """Sent to watch alone for SIGTERM, to the whole group for Ctrl-C."""
    words = command(tmp_path, "import time; sys.stdout.flush(); time.sleep(0.1 if update < 5 else 3)")
    child = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while child.stdout.readline() != "update 5\n":
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(child.pid, number)
    else:
        child.send_signal(number)
    _, said = child.communicate(timeout=120)
    assert child.returncode in (128 + number, 1)  # Python ends by the signal, or with a traceback
    assert "OneCycleLR" in said
    assert "as planned" in said


def test_what_cannot_be_watched_is_said(tmp_path, cli, watched):
    """Isolated Python, a command without torch, one that is not there, a plan that does not fit."""
    done = run(command(tmp_path, python=["-I"]))
    assert done.returncode == 0
    assert "no update of a torch optimizer was seen" in done.stderr
    code, _, err = cli("watch", "--", "no-such-command")
    assert code == 2
    assert "command must be one that can be run; got 'no-such-command'" in err
    done = watched(command(tmp_path, watch=["--against", "warmup 10 > cosine 30 to lr 1e-6"]))
    assert done.returncode == 0
    assert "lr must be given for this plan" in done.stderr
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    (tmp_path / "printed").unlink()
    done = watched(command(tmp_path, watch=["--out", str(tmp_path / "used")]))
    assert done.returncode == 1
    assert "out must be a new or empty folder" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "printed").exists()


def test_another_sitecustomize_still_runs(tmp_path):
    """Python loads one module of that name: ours loads the one it hides."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("print('the other one')\n")
    words = command(tmp_path, "break")
    done = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, timeout=240
    )
    assert "the other one\nupdate 0\n" in done.stdout  # once more where some other Python is started


def test_our_own_scheduler_and_a_tensor_rate(tmp_path, watched):
    """Stepped four times an update, with its rate in a tensor: one position an update all the same."""
    script = """
    import torch, preheat
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(1e-3), capturable=False, foreach=False)
    scheduler = preheat.torch.Scheduler(optimizer, preheat.parse("warmup 5 > cosine 25"))
    for update in range(30):
        model(torch.ones(8, 4)).square().mean().backward()
        optimizer.step()
        for _ in range(4):
            scheduler.step()
        optimizer.zero_grad()
    """
    out = tmp_path / "out"
    done = watched(command(tmp_path, script=script, watch=["--out", str(out)]))
    assert done.returncode == 0, done.stderr
    (line,) = read_record(out / "record").lines
    assert line.positions == list(range(30))
    (own,) = json.loads((out / "report.json").read_text())
    assert own["equal"], own
    assert own["plan"] == "warmup 5 > cosine 25 to 0"


def test_a_compiled_step_is_watched_as_any_other(tmp_path, watched):
    """torch.compile, a rate in a tensor: as many graphs as without, every update seen."""
    script = """
    import torch
    from torch._dynamo.utils import counters
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(1e-3))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    step = torch.compile(optimizer.step, backend="eager")
    for update in range(20):
        model(torch.ones(8, 4)).square().mean().backward()
        step()
        scheduler.step()
        optimizer.zero_grad()
    print(counters["stats"]["unique_graphs"], counters["stats"]["calls_captured"])
    """
    words = command(tmp_path, script=script)
    done = watched(words)
    assert done.returncode == 0, done.stderr
    assert done.stdout == run(words[words.index("--") + 1 :]).stdout
    assert "; scheduler CosineAnnealingLR\nplan (asked for by the script)" in done.stderr
    assert "as planned" in done.stderr


def test_two_optimizers_are_two_reports(tmp_path, watched):
    """One with a scheduler, one without."""
    script = """
    import torch
    nets = [torch.nn.Linear(4, 2) for _ in range(2)]
    first = torch.optim.AdamW(nets[0].parameters(), lr=1e-3)
    second = torch.optim.SGD(nets[1].parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(first, 30)
    for update in range(30):
        sum(net(torch.ones(8, 4)).square().mean() for net in nets).backward()
        for optimizer in (first, second):
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
    """
    done = watched(command(tmp_path, script=script))
    assert re.search("AdamW: 30 updates .*; scheduler CosineAnnealingLR", done.stderr)
    assert re.search("SGD: 30 updates .*; scheduler none", done.stderr)
    assert "no torch scheduler was made for it" in done.stderr


def test_processes_of_torchrun_are_watched(tmp_path):
    """Two real processes with gloo and DDP: the first is reported, and that both used the same rates."""
    path = tmp_path / "train.py"
    path.write_text(
        textwrap.dedent("""
        import os
        import torch
        import torch.distributed as distributed
        distributed.init_process_group("gloo")
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 2))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
        for update in range(20):
            model(torch.ones(8, 4)).square().mean().backward()
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        distributed.destroy_process_group()
        os._exit(0)  # threads of gloo, which DDP keeps, now and then abort while an interpreter shuts down
    """)
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(path)]
    done = run([sys.executable, "-m", "preheat", "watch", "--out", str(tmp_path / "out"), "--", *torchrun])
    assert done.returncode == 0, done.stderr
    assert read_record(tmp_path / "out" / "record").processes == 2
    assert "all 2 processes used the same rates" in done.stderr
    assert "as planned" in done.stderr


TRAINERS = {
    "the article's loop": """
    import torch
    from transformers import GPT2Config, GPT2ForSequenceClassification
    from transformers.optimization import get_linear_schedule_with_warmup
    config = GPT2Config(
        vocab_size=50, n_positions=16, n_embd=8, n_layer=1, n_head=2, num_labels=3, pad_token_id=0, bos_token_id=1,
        eos_token_id=1,
    )
    model = GPT2ForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=4, num_training_steps=20)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    for update in range(20):
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16):
                loss = model(torch.ones(2, 8, dtype=torch.long), labels=torch.tensor([0, 1])).loss
            scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        optimizer.zero_grad()
    """,
    "transformers": """
    import tempfile, torch
    from transformers import Trainer, TrainingArguments
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)
        def forward(self, x, labels=None):
            return {"loss": self.layer(x).square().mean()}
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, learning_rate=1e-3, lr_scheduler_type="cosine", warmup_steps=4, max_steps=20, report_to="none",
            per_device_train_batch_size=2, gradient_accumulation_steps=2, use_cpu=True, disable_tqdm=True,
            save_strategy="no",
        )
        rows = [{"x": torch.ones(2), "labels": torch.ones(1)}] * 16
        Trainer(Model(), arguments, train_dataset=rows).train()
    """,
    "lightning": """
    import lightning, torch, warnings
    warnings.filterwarnings("ignore")
    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 2)
        def training_step(self, batch, _):
            return self.layer(batch).square().mean()
        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
    trainer = lightning.Trainer(
        max_steps=20, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, accumulate_grad_batches=2,
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.ones(80, 4), batch_size=2))
    """,
    "accelerate": """
    import torch
    from accelerate import Accelerator
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    loader = torch.utils.data.DataLoader(torch.ones(80, 4), batch_size=2)
    model, optimizer, scheduler, loader = accelerator.prepare(model, optimizer, scheduler, loader)
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(batch).square().mean())
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    """,
}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_runs_of_the_real_trainers_are_as_planned(tmp_path, watched, trainer):
    """With accumulation over two batches: 20 updates, by the schedule the trainer was asked for."""
    done = watched(command(tmp_path, script=TRAINERS[trainer], watch=["--out", str(tmp_path / "out")]))
    assert done.returncode == 0, done.stderr
    (own,) = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (own["updates"], own["source"], own["equal"]) == (20, "asked for by the script", True), done.stderr
    assert ", 2 backward passes each" in done.stderr
