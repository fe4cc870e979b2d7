"""What the design page copies, pasted where it belongs: executed, read back, handed to the command line."""

import json
import subprocess
import sys

import numpy as np
import pytest

import preheat
from preheat import dialects
from preheat.errors import ConfigError
from preheat.studio.design import Design, copy_as, targets

DESIGN = Design(("warmup 10% > cosine to 0.1",), updates=200, lr=0.02)
EVERY = np.arange(200)
PLANNED = 0.02 * preheat.parse("warmup 10% > cosine to 0.1").over(200)(EVERY)


@pytest.mark.parametrize("target", [name for name in targets() if name in dialects.DIALECTS and name != "transformers"])
def test_configurations_read_back(target):
    """Every configuration is read by its own dialect to the rates that the note claims."""
    copied = copy_as(DESIGN, 0, target)
    config = dialects.write(DESIGN.schedule(0), target, total=200, base_lr=0.02).config
    read = dialects.read(config, target, total=200)
    off = np.abs((read.base_lr or 0.02) * read.schedule(EVERY) - PLANNED).max()
    if copied.notes[0].startswith("exact"):
        assert off < 1e-9
    else:
        assert off == pytest.approx(float(copied.notes[0].split("off by ")[1].split()[0]), rel=1e-3)


def test_transformers_code_runs(monkeypatch, tmp_path):
    """The copied arguments make the real TrainingArguments, whose schedule has the rates."""
    import torch
    import transformers

    monkeypatch.chdir(tmp_path)
    names = {}
    exec(copy_as(DESIGN, 0, "transformers").text, names)
    arguments = names["arguments"]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=arguments.learning_rate)
    scheduler = transformers.get_scheduler(
        arguments.lr_scheduler_type, optimizer, int(arguments.warmup_steps), arguments.max_steps,
        arguments.lr_scheduler_kwargs,
    )  # fmt: skip
    used = []
    for _ in EVERY:
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert np.abs(np.array(used) - PLANNED).max() < 1e-9


@pytest.mark.parametrize("target", ["torch", "optax"])
def test_code_of_others_runs(target):
    """torch's and optax's own code, executed."""
    import torch

    names = {"model": torch.nn.Linear(1, 1)}
    exec(copy_as(DESIGN, 0, target).text, names)
    if target == "optax":
        used = [float(names["schedule"](int(at))) for at in EVERY]
        assert np.abs(np.array(used) - PLANNED).max() < 1e-7  # float32
        return
    used = []
    for _ in EVERY:
        used.append(names["optimizer"].param_groups[0]["lr"])
        names["optimizer"].step()
        names["scheduler"].step()
    assert np.abs(np.array(used) - PLANNED).max() < 1e-9


def test_yaml_is_a_plan_on_the_command_line(tmp_path):
    """A log is audited against the file that was copied."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(copy_as(DESIGN, 0, "yaml").text)
    log = tmp_path / "log.csv"
    log.write_text("update,lr\n" + "".join(f"{at},{rate!r}\n" for at, rate in enumerate(PLANNED.tolist())))
    command = [sys.executable, "-m", "preheat", "audit", str(log), "--against", str(plan), "--lr", "0.02", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["equal"] is True


def test_words_are_those_that_were_written():
    """Nothing is resolved in them."""
    assert copy_as(DESIGN, 0, "words").text == "warmup 10% > cosine to 0.1"


def test_refusals():
    """A target that is none, and a run too long to compare."""
    with pytest.raises(ConfigError, match="dialect must be one known here; got 'pytorch'. Did you mean 'torch'?"):
        copy_as(DESIGN, 0, "pytorch")
    with pytest.raises(ConfigError, match="updates must be at most 10000000 to compare a copy with the design"):
        copy_as(Design(updates=10**8), 0, "torch")
    assert "1000000000" not in copy_as(Design(updates=10**8), 0, "python").text
