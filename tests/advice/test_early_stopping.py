"""Early stopping, asked of finished runs; and how runs are read."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import preheat
from preheat.advice import ShortRun, check_early_stopping, forecast, read_run, run_log
from preheat.advice.early_stopping import spearman
from preheat.cli.main import run as command
from preheat.errors import DataError
from preheat.messages.languages import tell
from support.loss_curves import needs_curves, schaipp_runs


def stitched(number, run):
    """A run's curve with what it shares with the constant run before its cool-down, as it was trained."""
    before = schaipp_runs()[151]
    shared = before["updates"] < (run["updates"][0] if run["updates"][0] > 300 else 0)
    updates = [*before["updates"][shared], *run["updates"], run["total"]]
    return run_log(str(number), updates, [*before["losses"][shared], *run["losses"], run["last"]])


@needs_curves
def test_the_way_does_not_tell_the_end():
    """Ten 124M runs of 50k updates at one peak: near 0 at the half, as for 70 runs: -0.03, 0.07, 0.32, 0.55, 0.80."""
    chosen = {
        number: run
        for number, run in schaipp_runs().items()
        if (run["group"], run["total"], run["peak"]) == ("main", 50_000, 1e-3)
    }
    check = check_early_stopping([stitched(number, run) for number, run in chosen.items()])
    agreements = [rung.agreement for rung in check.rungs]
    assert len(chosen) == 10
    assert agreements == pytest.approx([0.06, 0.16, 0.30, 0.56, 0.75], abs=0.006)
    assert check.rung(0.5).regret == pytest.approx(0.0105, abs=1e-4)
    with pytest.raises(preheat.DataError, match=r"agreement of these runs at 50% of the run must be at least 0\.8"):
        check.prune(0.5)
    assert "stopping runs early: safe at none of these" in str(check)


def crossing(count=8):
    """Runs of two shapes: slow ones are behind until they fall at the end."""
    runs, shapes = [], []
    for index in range(count):
        late = index % 2
        updates = np.arange(0, 101, 5)
        loss = 3 - updates / 100 + 0.05 * index + late * (0.5 - 1.5 * (updates > 80) * (updates - 80) / 20)
        runs.append(run_log(f"run {index}", updates, loss))
        shapes.append("late" if late else "steady")
    return runs, shapes


def test_within_a_shape_is_another_question():
    """Perfect order within, none across: refused across, allowed within."""
    runs, shapes = crossing()
    check = check_early_stopping(runs, [0.5, 0.95], groups=shapes)
    rung = check.rung(0.5)
    assert rung.within == 1.0
    assert rung.agreement < 0.2
    assert rung.regret > 0.5
    check.prune(0.5, within=True)
    with pytest.raises(preheat.DataError, match="agreement across shapes at 50% of the run"):
        check.prune(0.5)
    assert json.loads(json.dumps(check.to_dict()))["rungs"][0]["share"] == 0.5


def test_agreement_within_needs_groups():
    """One group says nothing of itself."""
    check = check_early_stopping(crossing()[0], [0.5])
    with pytest.raises(preheat.DataError, match="agreement within groups must be known; got None"):
        check.prune(0.5, within=True)
    with pytest.raises(preheat.ScheduleError, match=r"share must be one of 0\.5; got 0\.7"):
        check.prune(0.7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: (runs[:5], {}), "runs must be 6 or more; got 5"),
        (lambda runs: (runs, {"groups": ["a"]}), "groups must be one for each of the 8 runs; got 1"),
        (lambda runs: ([*runs, run_log("b", [0, 50], [2, 1])], {}), r"runs must be of one length; got \[50, 100\]"),
        (lambda runs: ([*runs, run_log("b", [0, 100], [2, 1])], {}), "run 'b' must be logged shortly before 20%"),
        (lambda runs: (runs, {"shares": [1.0]}), r"shares must be in \(0, 1\); got 1\.0"),
        (lambda runs: (runs, {"shares": []}), r"shares must be one or more; got \[\]"),
    ],
)
def test_check_refuses(change, message):
    """With the value."""
    runs, options = change(crossing()[0])
    with pytest.raises(preheat.PreheatError, match=message):
        check_early_stopping(runs, **options)


def test_ranks_with_ties():
    """As SciPy has them."""
    from scipy.stats import spearmanr

    draw = np.random.default_rng(0)
    for _ in range(20):
        one, other = draw.integers(0, 5, 12), draw.normal(size=12)
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def write(folder, name, losses):
    (folder / name).write_text("step,loss,lr\n" + "".join(f"{10 * i},{loss},0.1\n" for i, loss in enumerate(losses)))
    return name


def test_command_prints_and_gates(tmp_path, monkeypatch, capsys):
    """Exit 1 where runs may not be stopped."""
    monkeypatch.chdir(tmp_path)
    names = [write(tmp_path, f"{n}.csv", 2 - 0.01 * n - np.linspace(0, 1, 30) * (n % 3)) for n in range(6)]
    with pytest.raises(SystemExit) as stop:
        command(["rung-check", *names, "--at", "0.5", "--json"])
    assert stop.value.code in (0, None)
    assert json.loads(capsys.readouterr().out)["rungs"][0]["agreement"] == 1.0
    turned = [write(tmp_path, f"t{n}.csv", np.abs(np.linspace(-1, 1, 30) + 0.05 * n)) for n in range(6)]
    with pytest.raises(SystemExit) as stop:
        command(["rung-check", *turned, "--prune-at", "0.2"])
    captured = capsys.readouterr()
    assert stop.value.code == 1
    assert "must be at least 0.8 to stop runs there; got -1.0" in captured.err
    assert "cannot say" in captured.out


def test_runs_are_read_from_what_trainers_write(tmp_path):
    """A Trainer's state, JSON Lines with an unfinished end, CSV, a folder."""
    history = [
        {"step": 1, "loss": 2.0, "grad_norm": 1.5},
        {"step": 2, "loss": 1.5, "grad_norm": 1.0},
        {"step": 2, "eval_loss": 9},
    ]
    state = tmp_path / "checkpoint-2" / "trainer_state.json"
    state.parent.mkdir()
    state.write_text(json.dumps({"log_history": history}))
    for path in (state, tmp_path):
        found = read_run(path)
        assert (found.updates.tolist(), found.losses.tolist(), found.norms.tolist()) == ([1, 2], [2.0, 1.5], [1.5, 1.0])
    assert found.norms_over(4).tolist() == [1.5, 1.5, 1.0, 1.0]
    with pytest.raises(preheat.DataError, match="updates must be at most the 3 that .* has norms of; got 5"):
        found.norms_over(5)
    lines = tmp_path / "log.jsonl"
    lines.write_text(
        '{"update": 0, "loss": 3, "lr": 0.1}\n{"update": 1, "loss": null}\n{"update": 2, "loss": 2}\n{"upd'
    )
    assert read_run(lines).losses.tolist() == [3.0, 2.0]
    assert read_run(lines).rates.tolist()[0] == 0.1
    lines.write_text('{"update": 0, "loss": 3}\n{"update": 1, "loss": 2}')  # whole, though without an end
    assert read_run(lines).losses.tolist() == [3.0, 2.0]
    table = tmp_path / "log.csv"
    table.write_text("iter;val_loss\n5;2.5\n3;2.7\n5;2.4\n")
    assert read_run(table).losses.tolist() == [2.7, 2.4]
    assert read_run(table, loss="val_loss").final == 2.4


def test_newest_checkpoint_is_that_of_the_highest_number(tmp_path):
    """A copy has other times; and 1000 comes after 200."""
    for number, time in ((200, 3), (1000, 2), (30, 1)):
        state = tmp_path / f"checkpoint-{number}" / "trainer_state.json"
        state.parent.mkdir()
        state.write_text(json.dumps({"log_history": [{"step": number, "loss": 1.0}]}))
        os.utime(state, (time, time))
    assert read_run(tmp_path).updates.tolist() == [1000]
    assert read_run(state).name == str(Path("checkpoint-30", "trainer_state.json"))


def test_losses_of_single_batches_are_averaged():
    """Runs in one order all the way, under noise twice their differences: single losses would order them by chance."""
    at, draw = np.arange(2000), np.random.default_rng(3)
    plain = [3 - at / 2000 + 0.1 * n for n in range(8)]
    noisy = [run_log(str(n), at, loss + 0.5 * draw.normal(size=2000)) for n, loss in enumerate(plain)]
    check = check_early_stopping(noisy, [0.5, 0.9])
    assert [rung.agreement >= 0.8 for rung in check.rungs] == [True, True]
    assert check.notes[0].startswith("the losses are noisy, by 0.5: means over the last 50 logged are compared")
    assert check.notes[1].startswith("those of the ends differ by 0.2")
    assert str(check).count("note: ") == len(check.to_dict()["notes"]) == 2
    quiet = check_early_stopping([run_log(str(n), at, loss) for n, loss in enumerate(plain)], [0.5])
    assert (quiet.notes, quiet.rungs[0].agreement) == ((), 1.0)


def test_command_takes_no_run_twice(tmp_path, cli):
    """A run that counts twice agrees with itself; lengths are for studies."""
    names = [write(tmp_path, f"{n}.csv", 2 - 0.01 * n - np.linspace(0, 1, 30)) for n in range(6)]
    paths = [tmp_path / name for name in names]
    code, _, err = cli("rung-check", *paths, tmp_path / "." / "2.csv")
    assert (code, "runs must be each named once; got" in err) == (2, True)
    code, _, err = cli("rung-check", *paths, "--updates", 290)
    assert (code, "updates must be left out for runs; got 290" in err) == (2, True)


def test_training_and_held_out_losses_are_not_mixed(tmp_path):
    """By the names of the columns; in a check and in a forecast."""
    names = [write(tmp_path, f"{n}.csv", 2 - 0.01 * n - np.linspace(0, 1, 60)) for n in range(6)]
    (tmp_path / "5.csv").write_text((tmp_path / "5.csv").read_text().replace("loss", "eval_loss"))
    runs = [read_run(tmp_path / name) for name in names]
    message = "losses must be of one kind in all runs; got 'training losses in 0.csv, held-out ones in 5.csv'"
    with pytest.raises(preheat.DataError, match=message):
        check_early_stopping(runs, [0.5])
    with pytest.raises(preheat.DataError, match=message):
        forecast([ShortRun.from_log(runs[0]), ShortRun.from_log(runs[5])], "linear to 0", updates=600, lr=0.1)


def test_a_diverged_run_is_no_run_to_check(tmp_path):
    """It is named, and not taken for a shorter one."""
    names = [write(tmp_path, f"{n}.csv", 2 - 0.01 * n - np.linspace(0, 1, 30)) for n in range(6)]
    names.append(write(tmp_path, "gone.csv", [*np.linspace(2, 1, 29), np.nan]))
    with pytest.raises(preheat.DataError, match=r"run 'gone.csv' must be one that ends with a finite loss"):
        check_early_stopping([read_run(tmp_path / name) for name in names], [0.5])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "step,accuracy\n1,0.5\n", "run must be one with losses by step number"),
        ("a.csv", "loss\n1\n", "It holds loss. Name the columns step and loss"),
        ("a.csv", "step,loss\n1,nan\n", "run must be one with a finite loss"),
        ("a.json", "{", "run must be CSV, JSON or JSON Lines"),
        ("a.json", '{"a": 1}', "it is neither a list of records nor a Trainer's state"),
    ],
)
def test_reading_refuses(tmp_path, name, text, message):
    """With the file."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(preheat.DataError, match=message):
        read_run(path)
    with pytest.raises(preheat.DataError, match="run must be a file that can be read"):
        read_run(tmp_path / "none.csv")


def test_the_rungs_and_a_refusal_are_told_in_chinese():
    """A whole screen, and why runs are not stopped there."""
    losses = [[2 - run / 10 - step / 20 if step else run for step in range(11)] for run in range(6)]
    runs = [run_log(str(run), range(0, 101, 10), one) for run, one in enumerate(losses)]
    check = check_early_stopping(runs, [0.05, 0.5])
    assert tell(check.explain(), "zh").splitlines()[:4] == [
        "6 次训练，记录到第 100 步，共 1 组",
        "比较点  与最终损失的 Spearman  组内  领先者的差距",
        "    5%                  -1.00     -        0.5000",
        "   50%                   1.00     -        0.0000",
    ]
    with pytest.raises(DataError) as refused:
        check.prune(0.05)
    assert tell(refused.value, "zh") == (
        "训练到 5% 时这些训练的一致度必须不小于 0.8，才能在那里提前停止，实际是 -1.0。"
        "当时领先的训练最终比最好的训练高 0.5：请把它们都训练到底。"
    )
