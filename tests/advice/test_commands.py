"""The commands of this floor: tables, JSON, exit codes."""

import json
import re
import shlex

import numpy as np
import pytest

import preheat
from preheat.lab.quadratic import Quadratic


def test_score_prints_a_table_the_lowest_first(cli):
    """With what it assumes; one schedule alone by its phases."""
    code, out, _ = cli("score", "cosine", "linear", "--updates", 400, "--warmup", 0)
    lines = out.splitlines()
    assert code == 0
    assert lines[1].startswith("transformers: linear 400 to 0    0.100630     1.0000    0.049563     1.0000")
    assert lines[2].startswith("transformers: cosine 400 to 0    0.103386     1.0274    0.048242     0.9733")
    assert "cannot say: what the loss will be" in out
    assert "updates 0 to 99: " in cli("score", "linear", "--updates", 1000)[1]


def test_score_in_json(cli):
    """All of it."""
    code, out, _ = cli("score", "wsd", "--updates", 400, "--warmup", 0, "--schedule-options", "decay=20%", "--json")
    (found,) = json.loads(out)["scores"]
    assert code == 0
    assert (found["updates"], found["measured"]) == (400, False)
    assert len(found["phases"]) == 2


def test_score_refuses_to_choose_a_warm_up_without_norms(cli, tmp_path):
    """Exit 2, with the way out; with norms it does."""
    words = ("score", "linear to 0", "warmup 10% > linear to 0", "--updates", 1000)
    code, _, err = cli(*words)
    assert code == 2
    assert "warm-up must be the same in schedules to be ranked" in err
    rows = [f"{step},{1.0},{10.0 if step < 100 else 1.0}" for step in range(0, 1000, 10)]
    (tmp_path / "log.csv").write_text("\n".join(["step,loss,grad_norm", *rows]) + "\n")
    code, out, _ = cli(*words, "--grad-norms", "log.csv")
    assert code == 0
    assert out.splitlines()[1].startswith("warmup 100 > linear 900 to 0")


def test_transfer_prints_the_rate(cli):
    """And JSON; and the longer run where no target is named."""
    words = ("transfer", "--from", "hold 80% > linear to 0", "--updates", 4000)
    code, out, _ = cli(*words, "--lr", "1e-3", "--to", "linear to 0")
    assert code == 0
    assert "to   0.001946: linear 4000 to 0 over 4000 updates (1.946 times)" in out
    found = json.loads(cli(*words, "--lr", "1e-3", "--to", "linear to 0", "--to-updates", 8000, "--json")[1])
    assert found["ratio"] == pytest.approx(1.946 / 2**0.5, rel=1e-3)
    code, out, _ = cli(*words, "--to-updates", 6000)
    assert "cool-down from update" in out
    assert "at the peak" not in out
    code, out, _ = cli(*words, "--to-updates", 40_000, "--lr", "1e-3")
    assert out.startswith("at the peak 0.0006157:\nlinear 40000 to 0\n")
    found = json.loads(cli(*words, "--to-updates", 6000, "--lr", "1e-3", "--json")[1])
    assert (found["lr"], found["ratio"]) == (1e-3, 1.0)


def test_transfer_asks_for_what_is_missing(cli):
    """A rate, a target."""
    assert "to must be given, or to-updates" in cli("transfer", "--from", "linear", "--updates", 9)[2]
    code, _, err = cli("transfer", "--from", "linear", "--updates", 9, "--to", "cosine")
    assert (code, "lr must be given; got None" in err) == (2, True)


def test_optimize_withholds_what_the_law_cannot_tell(cli, tmp_path):
    """From two logs of the lab's losses."""
    lab, at = Quadratic(spectrum=1.5, source=1.0, modes=100), np.arange(20, 1000, 10)
    for name, share in (("a", 20), ("b", 90)):
        rates = 0.3 * preheat.parse(f"hold > linear {share}%").over(1000)(np.arange(1000))
        losses = 1 + lab.curves(rates[None], at)[0]
        rows = [f"{step},{loss},{rates[step]}" for step, loss in zip(at, losses, strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["step,loss,lr", *rows]) + "\n")
    logs = [
        word for name, share in (("a", 20), ("b", 90)) for word in ("--run", f"{name}.csv=hold > linear {share}%@1000")
    ]
    words = ("optimize", "hold > linear 40% to 0", "--updates", 1000, "--lr", 0.3, *logs)
    code, out, _ = cli(*words, "--floor", 0.0)
    assert code == 0
    assert "no gain is claimed" in out
    assert json.loads(cli(*words, "--json")[1])["gain"] is None
    code, out, _ = cli("forecast", *words[1:])
    assert (code, "final loss 1.0" in out) == (0, True)


@pytest.mark.parametrize("name", ["score", "transfer", "rung-check", "forecast", "optimize"])
def test_help_has_an_example(cli, name):
    """And shows without loading torch."""
    code, out, _ = cli(name, "--help")
    assert (code, "Example: preheat " + name in " ".join(out.split())) == (0, True)


def test_surface_example_of_the_help_works(cli):
    """As it stands there, lines joined."""
    (words,) = re.findall(r"Example: preheat (surface .*?)\n\n", cli("surface", "--help")[1], re.DOTALL)
    code, out, err = cli(*shlex.split(" ".join(words.split())))
    assert (code, "cosine to 0: best at" in out) == (0, True), err


def test_refine_prints_and_saves_the_schedule(cli, tmp_path):
    """Of a log whose gradients are large at first; the file is the schedule."""
    rows = [f"{step},1.0,{3.0 if step < 100 else 1.0}" for step in range(1000)]
    (tmp_path / "log.csv").write_text("\n".join(["step,loss,grad_norm", *rows]) + "\n")
    code, out, err = cli("refine", "log.csv", "--updates", 2000, "--save", "refined.json")
    assert code == 0
    assert out.startswith("refined over 2000 updates with the weights of sgd: begins at 0.1")
    assert err == "wrote refined.json\n"
    saved = preheat.load_schedule(tmp_path / "refined.json")
    assert saved(0) < 0.2 < 0.9 < saved(250)
    code, out, _ = cli("refine", "log.csv", "--updates", 2000, "--json")
    assert preheat.Schedule.from_dict(json.loads(out)["schedule"]) == saved
    code, _, err = cli("refine", "log.csv", "--updates", 2000, "--save", "refined.json")
    assert code == 1
    assert "save must be a new file" in err


def test_surface_prints_best_peaks_and_the_next_run(cli):
    """From outcomes that obey the formula: the best peak of linear is 1.95 times that of the cool-down over 20 %."""
    runs = [f"hold 80% > linear to 0@{peak}={3 + 1e-4 / peak + 30 * peak}" for peak in (1e-4, 1e-3, 2e-3, 1e-2)]
    words = ("surface", "--updates", 1000, *(word for run in runs for word in ("--run", run)), "--ask", "linear to 0")
    code, out, _ = cli(*words)
    assert code == 0
    assert "\nlinear to 0: best at 0.00356, " in out
    assert "the run that would tell most: linear 1000 to 0 at 0.0001" in out
    found = json.loads(cli(*words, "--peak", 5e-5, "--json")[1])
    assert found["asked"][0]["peak"] == pytest.approx(1.95 * (1e-4 / 30) ** 0.5, rel=2e-3)
    assert found["next"]["peak"] == 5e-5
    code, _, err = cli("surface", "--updates", 1000, "--run", "linear to 0@1e-3")
    assert code == 2
    assert "run must be written SCHEDULE@PEAK=LOSS" in err
    assert "runs must be 4 or more" in cli("surface", "--updates", 1000)[2]
