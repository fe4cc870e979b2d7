"""Logs of the real programs, and of hands that wrote them in every way they do."""

import json
from decimal import Decimal

import numpy as np
import pytest

import preheat
from preheat.auditing.audits import audit
from preheat.auditing.logs import rate_columns, read_log, rounding, step_column
from preheat.errors import DataError
from support.logged import write_csv
from support.trainers import trainer

SCHEDULE = preheat.get_schedule("linear", warmup=5, total=40)
BASE = 1e-3
RATES = [BASE * SCHEDULE(update) for update in range(40)]


def test_the_real_trainer(tmp_path):
    """transformers' trainer_state.json, found in the run folder: as planned, numbered from 1, its total known."""
    trainer(tmp_path / "run", 40, warmup_steps=5).train()
    log = read_log(tmp_path / "run")
    assert (log.kind, log.first, log.total, len(log.series[0])) == ("Hugging Face Trainer", 1, 40, 40)
    assert log.path.parent.name == "checkpoint-40"
    assert audit(log, SCHEDULE, lr=BASE).equal
    assert audit(log, "transformers: warmup 5 > linear").equal  # the total is the log's own


def test_the_real_tensorboard_files(tmp_path):
    """Written by tensorboardX, rates in float32; a last record that is cut off; a file that is none."""
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(tmp_path / "events")) as writer:
        for step, rate in enumerate(RATES):
            writer.add_scalar("train/loss", 1.0, step)
            writer.add_scalar("train/lr", rate, step)
    log = read_log(tmp_path / "events")
    assert (log.kind, [series.name for series in log.series]) == ("TensorBoard", ["train/lr"])
    assert audit(log, SCHEDULE, lr=BASE).equal
    (path,) = (tmp_path / "events").iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    assert "unfinished" in read_log(path).notes[0]
    path.write_bytes(b"not an event file, but long enough to be taken for one")
    with pytest.raises(DataError, match="log must be a TensorBoard event file"):
        read_log(path)


def test_the_records_of_preheat_train(tmp_path):
    """Ours: one line an update, from 0; a last line that a kill cut off is left out."""
    lines = [json.dumps({"update": update, "epoch": 1, "lr": rate, "loss": 1.0}) for update, rate in enumerate(RATES)]
    (tmp_path / "records.jsonl").write_text("\n".join([*lines, '{"update": 40, "lr": 0.0'[:18]]))
    log = read_log(tmp_path)
    assert log.first == 0
    assert log.notes == ("line 41 is unfinished and was left out",)
    assert audit(log, SCHEDULE, lr=BASE).equal


def test_exports_of_weights_and_biases(tmp_path):
    """History as JSON Lines, where most rows have no rate; a chart as CSV, with columns of extremes."""
    history = tmp_path / "history.jsonl"
    rows = []
    for update, rate in enumerate(RATES):
        rows.append({"_step": 2 * update, "train/learning_rate": rate, "train/global_step": update + 1})
        rows.append({"_step": 2 * update + 1, "eval/loss": 0.1, "train/global_step": update + 1})
    history.write_text("".join(json.dumps(row) + "\n" for row in rows))
    log = read_log(history)
    assert log.first == 1
    assert audit(log, SCHEDULE, lr=BASE).equal
    name = "good-run-7 - train/learning_rate"
    chart = [(update + 1, rate, rate, rate) for update, rate in enumerate(RATES)]
    exported = write_csv(tmp_path / "chart.csv", ["train/global_step", name, f"{name}__MIN", f"{name}__MAX"], chart)
    assert [series.name for series in read_log(exported).series] == [name]
    assert audit(exported, SCHEDULE, lr=BASE).equal


def test_lightnings_csv(tmp_path):
    """metrics.csv: groups by the optimizer's name, momentum beside them, rows of other metrics between."""
    rows = []
    for update, rate in enumerate(RATES):
        rows += [(0, "", rate, rate / 10, 0.9, update), (0, "0.1", "", "", "", update)]
    columns = ["epoch", "loss", "lr-AdamW/pg1", "lr-AdamW/pg2", "lr-AdamW/pg1-momentum", "step"]
    write_csv(tmp_path / "metrics.csv", columns, rows)
    log = read_log(tmp_path)
    assert (log.kind, log.first) == ("Lightning CSV", 0)
    assert [series.name for series in log.series] == ["lr-AdamW/pg1", "lr-AdamW/pg2"]


def test_other_shapes_of_json(tmp_path):
    """Nested records with a list of rates, and columns as lists."""
    nested = tmp_path / "nested.json"
    nested.write_text(json.dumps([{"step": k, "optim": {"lr": [rate, rate / 2]}} for k, rate in enumerate(RATES)]))
    assert [series.name for series in read_log(nested).series] == ["optim/lr/0", "optim/lr/1"]
    columns = tmp_path / "columns.json"
    columns.write_text(json.dumps({"iteration": list(range(40)), "learning_rate": RATES}))
    assert audit(columns, SCHEDULE, lr=BASE).equal


def test_a_resumed_log_keeps_the_later_rows(tmp_path):
    """A run resumed from update 20 writes 20 to 30 again."""
    path = write_csv(
        tmp_path / "log.csv",
        ["step", "lr"],
        [
            *((update, 9.0 if update > 25 else rate) for update, rate in list(enumerate(RATES))[:31]),
            *list(enumerate(RATES))[20:],
        ],
    )
    (series,) = read_log(path).series
    assert series.steps.tolist() == list(range(40))
    assert audit(path, SCHEDULE, lr=BASE).equal


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("log.csv", "step,loss\n0,1\n", "log must be one with learning rates; .* It holds loss, step"),
        ("log.csv", "lr,loss\n0.1,1\n", "log must be one with step numbers"),
        ("log.csv", "step,lr\nx,y\n", "log must be one with learning rates"),
        ("log.jsonl", '{"step": 0, "lr": 0.1}\n{"step": 1, lr\n{"step": 2}\n', "log must be JSON Lines; .* Line 2"),
        ("log.jsonl", "[1, 2]\n", "log must be JSON objects, one a line"),
        ("log.json", "{", "log must be JSON"),
        ("log.json", '{"a": 1}', "log must be JSON with learning rates by step"),
    ],
)
def test_files_without_rates_are_refused_by_name(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_log(path)


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_log(tmp_path / "none.csv")
    with pytest.raises(DataError, match="a file, or a folder with one"):
        read_log(tmp_path)


def test_a_column_can_be_named(tmp_path):
    """A rate under a name nobody would know."""
    path = write_csv(tmp_path / "log.csv", ["step", "eta"], list(enumerate(RATES)))
    assert audit(path, SCHEDULE, lr=BASE, column="eta").equal


def test_names_of_columns():
    """Rates in use, and nothing that only looks like one."""
    names = ["lr", "learning_rate", "train/lr", "optimizer.lr.0", "lr-Adam", "Learning Rate", "lr_0"]
    others = ["max_lr", "min_learning_rate", "lr-SGD-momentum", "flr", "learning_rates_note", "lr-Adam-weight_decay"]
    assert rate_columns([*names, *others]) == names
    assert step_column(["Step", "loss"]) == ("Step", None)
    assert step_column(["_step", "trainer/global_step"]) == ("trainer/global_step", 0)


@pytest.mark.parametrize(
    ("texts", "half"),
    [
        (["0.000100", "0.000097", "0.000050"], 5e-7),  # fixed decimals, spelled out
        ([repr(round(1e-4 * k / 977, 8)) for k in range(977)], 5e-9),  # the same without trailing zeros
        ([repr(1e-4 * k / 977) for k in range(977)], 1e-13),  # not rounded: the arithmetic's own
        (["0.0001"] * 9, 5e-6),  # one value says nothing: two digits are taken for granted
    ],
)
def test_digits_tell_how_rates_were_rounded(texts, half):
    """Half a unit of the last digit."""
    assert rounding([Decimal(text) for text in texts]).max() == pytest.approx(half)


def test_significant_digits_scale_with_the_rate():
    """Six digits of 1e-4 are finer than six of 0.1."""
    found = rounding([Decimal(f"{10.0**-k * 1.23456789 * (1 + k / 50):.6g}") for k in range(1, 30)])
    assert found[0] == pytest.approx(5e-7)
    assert found[3] == pytest.approx(5e-10, rel=1e-6)
    assert np.all(np.diff(found) <= 0)
