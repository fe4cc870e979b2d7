"""The command line as people use it: real processes, exit codes, files."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import preheat
from preheat.cli.main import COMMANDS
from preheat.lab.training import TrainConfig
from preheat.lab.training.settings import SETTINGS
from support.rows import make_rows

AG_NEWS = Path(__file__).parents[2].parent / "shared" / "data" / "news" / "ag_news_7600.csv"


def test_show_draws_and_describes(cli):
    """The article's curve in the terminal."""
    code, out, _ = cli("show", "warmuplinear", "--warmup", 100, "--updates", 3600, "--lr", "1e-4")
    assert code == 0
    assert "1e-4┤" in out
    assert "peak 0.0001 at update 100; at the last update, 3599: 2.85714e-08" in out


def test_show_saves_pictures_and_tables_once(cli, tmp_path):
    """No file is replaced without --force."""
    for name in ("a.png", "a.svg", "a.csv"):
        assert cli("show", "linear", "cosine", "--save", name)[0] == 0
        code, _, err = cli("show", "linear", "--save", name)
        assert (code, "save must be a new file" in err) == (1, True)
        assert cli("show", "linear", "--save", name, "--force")[0] == 0
    assert (tmp_path / "a.csv").read_text().startswith("update,lr\n0,0.0\n")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "a.png", "a.svg"]


def test_show_json_can_be_read_back(cli):
    """The schedule itself, for other programs."""
    _, out, _ = cli(
        "show", "warmupcosinewithhardrestarts", "--schedule-options", "num_cycles=3", "--warmup", "5%", "--json"
    )
    data = json.loads(out)["warmupcosinewithhardrestarts"]
    fingerprint = data.pop("fingerprint")
    schedule = preheat.Schedule.from_dict(data)
    assert schedule == preheat.get_schedule("warmupcosinewithhardrestarts", warmup=50, total=1000, num_cycles=3)
    assert schedule.fingerprint == fingerprint


def test_plan_prints_its_arithmetic(cli):
    """The article's numbers, for people and as JSON."""
    words = ("plan", "--examples", 3821, "--batch-size", 32, "--epochs", 30, "--warmup", "0.1")
    _, out, _ = cli(*words)
    assert out.splitlines()[-2:] == ["updates: 120 batches x 30 epochs = 3600", "warm-up: 0.1 of 3600 updates = 360"]
    _, out, _ = cli(*words, "--json")
    assert json.loads(out) == {
        "batches_per_epoch": 120,
        "updates_per_epoch": 120,
        "updates": 3600,
        "samples_per_update": 32,
        "warmup": 360,
    }


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("show", "linaer"), 2, "Did you mean 'linear'?"),
        (("show", "linear", "--warmup", "2000"), 2, "warmup must be below updates=1000; got 2000"),
        (("show", "linear", "--warmup", "lots"), 2, "warmup must be a length; got 'lots'"),
        (
            ("show", "linear", "--schedule-options", "power"),
            2,
            "schedule option must be written name=value; got 'power'",
        ),
        (("show", "linear", "--schedule-options", "warmup=3"), 2, "got 'warmup'. 'warmup' is an argument of its own"),
        (("train", "--schedule-options", "lr=3"), 2, "option must be one of the schedule's own; got 'lr'"),
        (
            ("show", "linear", "--updates", "ten"),
            2,
            "updates must be a whole number; got 'ten'. preheat show --help",
        ),
        (("plan", "--examples", "0", "--batch-size", "3", "--epochs", "1"), 2, "examples must be >= 1; got 0"),
        (("plan", "--examples", "5"), 2, "batch-size must be given; got None. Add --batch-size ROWS."),
        (("train", "--epochs", "0"), 2, "epochs must be greater than or equal to 1; got 0"),
        (("train", "--schedule", "warmup"), 2, "schedule must be the name of a schedule; got 'warmup'"),
        (("train", "--warmup", "1.0"), 2, r"warmup must be an int, or a float in (0, 1); got 1.0"),
        (("train", "--width", "30"), 2, "width must be a multiple of heads=4; got 30"),
        (("train", "--resume"), 2, "out must be given with --resume"),
        (("train", "--config", "none.toml"), 2, "config must be a file; got 'none.toml'"),
        (("train", "--data", "none.csv"), 2, "data must be an existing file"),
        (("evaluate", "--run", "nowhere"), 1, "run must be a folder that preheat train wrote; got 'nowhere'"),
        (("classify", "--run", "nowhere", "text"), 1, "run must be a folder that preheat train wrote"),
        (("nonsense",), 2, "command must be one of preheat's; got 'nonsense'. preheat --help lists"),
        (("forcast", "linear"), 2, "got 'forcast'. Did you mean 'forecast'?"),
        (("study", "exprt"), 2, "got 'exprt'. Did you mean 'export'? preheat study --help"),
        (("show", "linear", "--updtes", "9"), 2, "got '--updtes'. Did you mean '--updates'?"),
        (("--versoin",), 2, "flag must be one that preheat has; got '--versoin'. Did you mean '--version'?"),
        (("show",), 2, "SCHEDULE must be given; got None. Usage: preheat show [OPTIONS] SCHEDULE..."),
        (
            ("show", "linear", "--lr", "0,001"),
            2,
            "lr must be a number; got '0,001'. The decimal mark is a point: 0.001.",
        ),
        (("show", "linear", "--updates", "1e3"), 2, "updates must be a whole number; got '1e3'. Write 1000."),
        (("show", "linear", "--updates", "9" * 23), 2, "updates must be at most 1e+15; got 999"),
        (("show", "linear", "--lr"), 2, "lr must be followed by a value; got None. Write --lr RATE."),
        (("show", "linear", "--log=yes"), 2, "log must be written without a value"),
        (("diff", "warmup", "10%", ">", "linear"), 2, "must be what preheat diff takes; got '>'. Words that belong"),
        (("audit", "a", "--first", "2"), 2, "first must be a whole number from 0 to 1; got '2'."),
        (("train", "--bridge", "-1"), 2, "bridge must be a whole number, 0 or more; got '-1'."),
        (("evaluate", "--run", "r", "--split", "tset"), 2, "one of train, validation, test; got 'tset'. Did you mean"),
        (("study", "--debg"), 2, "flag must be one that preheat study has; got '--debg'."),
        (("--lang", "en"), 2, "command must be given; got None. preheat --help lists them."),
        (
            ("show", "linear", "--lang", "fr"),
            2,
            "lang must be a language that preheat speaks; got 'fr'. Known: en",
        ),
        (("resume-check", "x", "--with", "linear"), 2, "checkpoint must be a file or folder that exists; got 'x'"),
    ],
)
def test_misuse_exits_2_and_failure_1_without_a_traceback(cli, words, code, message):
    """One sentence on standard error."""
    got, out, err = cli(*words)
    assert got == code
    assert message in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize("words", [(), ("study",)])
def test_a_group_alone_says_what_there_is(cli, words):
    """Its page, as misuse."""
    code, out, err = cli(*words)
    assert (code, out, "Commands:" in err) == (2, "", True)


def test_failures_of_the_system_are_one_line_and_leave_no_file(cli, tmp_path):
    """A folder that is not there, a place that cannot be written."""
    code, _, err = cli("show", "linear", "--save", "nowhere/a.png")
    assert (code, "Traceback" in err) == (1, False)
    assert err.startswith("preheat: No such file or directory: ")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in make_rows(60)))
    code, _, err = cli("train", "--data", "rows.jsonl", "--out", "rows.jsonl/run")
    assert code == 1
    assert err.splitlines()[-1].startswith("preheat: out must be a folder that can be written to; got ")
    assert "rows.jsonl/run: Not a directory'" in err
    assert [file.name for file in tmp_path.iterdir()] == ["rows.jsonl"]


def test_an_unexpected_error_is_one_line_with_its_type(cli, monkeypatch):
    """And says how to see more."""
    monkeypatch.setattr("preheat.plan.Plan.explain", lambda *_: 1 / 0)
    code, _, err = cli("plan", "--examples", 9, "--batch-size", 2, "--epochs", 1)
    assert (code, err) == (1, "preheat: ZeroDivisionError: division by zero (preheat --debug ... shows where)\n")


def test_stopped_run_says_how_to_go_on(tmp_path):
    """SIGINT to a real process: exit code 75, one line with the command."""
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in make_rows()))
    small = ["--width", "16", "--layers", "1", "--heads", "2", "--epochs", "500"]
    words = ["train", "--data", "rows.jsonl", *small, "--out", "r"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "preheat", *words], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "r" / "update-000005").exists() and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 75, err
    said = r"preheat: stopped by SIGINT after update \d+ of 2500, saved; go on with: preheat train --resume --out r"
    assert re.fullmatch(said, err.splitlines()[-1])
    assert "Traceback" not in err


def test_debug_shows_the_traceback():
    """Only when asked for."""
    done = subprocess.run([sys.executable, "-m", "preheat", "--debug", "show", "x"], capture_output=True, text=True)
    assert "Traceback" in done.stderr
    assert "ScheduleError" in done.stderr


def test_every_mistake_of_a_config_file_is_reported_at_once(cli, tmp_path):
    """Wrong type, 0 batch, unknown key, empty list: each with the file and its key."""
    (tmp_path / "run.toml").write_text(
        'batch-size = 0\nlr = "fast"\nwarmpu = 3\ntext_column = []\nschedule_options = {num_cycles = []}\n'
    )
    code, _, err = cli("train", "--config", "run.toml")
    assert code == 2
    lines = err.removeprefix("preheat: ").splitlines()
    assert all(line.startswith("run.toml: ") for line in lines)
    for start in (
        "batch_size must be",
        "lr must be",
        "text_column must be a list of 1 or more; got []",
        "schedule_options.num_cycles must be",
    ):
        assert any(line.startswith(f"run.toml: {start}") for line in lines), start
    assert any("got 'warmpu'. Did you mean 'warmup'?" in line for line in lines)


def test_flags_are_the_fields_of_the_configuration(cli):
    """A file's keys and the flags cannot drift apart; every flag has help."""
    _, out, _ = cli("train", "--help")
    flags = set(re.findall(r"^  --([a-z0-9-]+)", out, flags=re.MULTILINE))
    fields = {name.replace("_", "-") for name in TrainConfig.model_fields}
    own = {"config", "resume", "checkpoint", "on-conflict", "bridge", "force", "dry-run", "json", "help"}
    assert flags == fields | own
    assert [*SETTINGS] == [*TrainConfig.model_fields]
    assert all(setting.help for setting in SETTINGS.values())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["show", "linear"], 0),
        (["show", *(f"warmup {length} > linear" for length in range(1, 300)), "--json"], 0),  # more than a pipe holds
        (["diff", "linear", "cosine"], 1),
        (["show", "linaer"], 2),
    ],
)
def test_a_reader_that_leaves_early_changes_no_exit_code(words, code):
    """As head does: nothing is said, the command ends with what it found, however fast the reader was."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "preheat", *words], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.returncode == code
    assert "BrokenPipe" not in done.stderr
    assert (done.stderr == "") == (code < 2)
    both = subprocess.Popen([sys.executable, "-m", "preheat", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    both.stdout.close()
    assert both.wait() == code


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "latin-1", "cp1252", "utf-8"])
def test_output_of_any_encoding_has_the_curve(tmp_path, encoding):
    """Braille where its letters can be written, ASCII elsewhere; a label that cannot be written is escaped."""
    words = ["show", "warmup 10% > linear to 0", "linear", "--updates", "100"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-m", "preheat", *words], env=environment, capture_output=True, check=True)
    text = done.stdout.decode(encoding)
    assert done.stderr == b""
    assert ("┤" in text, "⠉" in text) == ((True, True) if encoding == "utf-8" else (False, False))
    assert "share of the peak by update" in text
    assert text.isascii() == (encoding != "utf-8")
    done = subprocess.run([sys.executable, "-m", "preheat", "show", "线"], env=environment, capture_output=True)
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "study"])
def test_every_help_ends_in_an_example(cli, command):
    """Something to paste."""
    code, out, _ = cli(command, "--help")
    assert code == 0
    assert f"Example: preheat {command}" in out


@pytest.mark.parametrize("kind", ["toml", "json"])
def test_train_evaluate_and_classify_from_a_config_file(cli, tmp_path, monkeypatch, kind):
    """The whole way on a small file: flags win over the file, --resume goes on, stdin is read."""
    (tmp_path / "news.jsonl").write_text("".join(json.dumps(row) + "\n" for row in make_rows()))
    keys = {
        "data": "news.jsonl",
        "out": "run",
        "width": 16,
        "layers": 1,
        "heads": 2,
        "vocabulary": 400,
        "epochs": 9,
        "batch-size": 8,
        "lr": 0.01,
    }
    text = (
        json.dumps(keys) if kind == "json" else "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    )
    (tmp_path / f"run.{kind}").write_text(text)

    code, out, err = cli("train", "--config", f"run.{kind}", "--epochs", 5)
    assert code == 0, err
    assert re.fullmatch(
        r"test accuracy [01]\.\d{4}, macro F1 [01]\.\d{4}\nrun folder run; learning-rate curve run/lr.png\n", out
    )
    assert "epoch 5/5: validation loss" in err
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"]["epochs"] == 5
    assert cli("train", "--out", "run")[0] == 1
    _, out, _ = cli("train", "--out", "run", "--resume", "--json")
    result = json.loads(out)

    _, out, _ = cli("evaluate", "--run", "run", "--json")
    assert json.loads(out)["accuracy"] == pytest.approx(result["test"]["accuracy"])
    code, out, _ = cli("evaluate", "--run", "run", "--data", "news.jsonl", "--checkpoint", "last")
    assert (code, out.startswith("loss ")) == (0, True)

    _, out, _ = cli("classify", "--run", "run", "striker goal cup", "bank shares profit")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["sport", "trade"]
    (tmp_path / "texts.txt").write_text("bank shares profit\n\nstriker goal cup\n")
    _, from_file, _ = cli("classify", "--run", "run", "--file", "texts.txt")
    monkeypatch.setattr(sys, "stdin", io.StringIO((tmp_path / "texts.txt").read_text()))
    _, from_stdin, _ = cli("classify", "--run", "run")
    assert from_file == from_stdin
    assert [line.split("\t")[0] for line in from_file.splitlines()] == ["trade", "sport"]
    code, _, err = cli("classify", "--run", "run", "--file", "texts.txt", "goal")
    assert (code, "texts must be left out with --file" in err) == (2, True)


def preheat_process(*words, cwd):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "preheat", *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_default_run_learns_bbc_news(tmp_path):
    """The newcomer's command, as a process, cut short: real headlines, notice, a log file without progress bars."""
    done = preheat_process("train", "--out", "demo", "--max-updates", 100, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "for research and non-commercial use only" in done.stderr
    assert "\r" not in done.stderr
    assert "%|" not in done.stderr
    accuracy = float(re.match(r"test accuracy (0\.\d+)", done.stdout)[1])
    assert accuracy > 0.4  # five classes, the largest of them a quarter of the rows
    assert (tmp_path / "demo" / "lr.png").stat().st_size > 5000


@pytest.mark.figure
def test_default_run_reaches_the_accuracy_of_the_readme(tmp_path):
    """All of the newcomer's command; docs/training.md has what came of it."""
    done = preheat_process("train", "--out", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    accuracy = float(re.match(r"test accuracy (0\.\d+)", done.stdout)[1])
    assert accuracy > 0.8  # 0.867 over three seeds, standard error 2.4 points on 208 rows


AG_COLUMNS = (
    *("--text-column", "title", "--text-column", "description"),
    *("--label-column", "label_name", "--split-column", "split"),
)


def test_columns_and_splits_are_named_by_flags(cli, tmp_path):
    """As for AG News: two columns of text, names of the classes, the rows of each split."""
    splits = ["train"] * 96 + ["validation"] * 24 + ["test"] * 40
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["label", "label_name", "title", "description", "split"])
        for number, (row, split) in enumerate(zip(make_rows(160), splits, strict=True)):
            rows.writerow([number % 3, row["label"], f"title {number}", row["text"], split])
    small = ("--width", 16, "--layers", 1, "--heads", 2, "--vocabulary", 400, "--max-tokens", 64, "--lr", 0.01)
    code, out, err = cli("train", "--data", "rows.csv", *AG_COLUMNS, *small, "--batch-size", 8, "--epochs", 5, "--json")
    assert code == 0, err
    assert "96 train, 24 validation, 40 test" in err
    assert "sport" in err
    assert json.loads(out)["test"]["accuracy"] > 0.6


@pytest.mark.figure
@pytest.mark.skipif(not AG_NEWS.exists(), reason=f"AG News is not here: {AG_NEWS}")
def test_ag_news_reaches_the_anchor_of_its_size(tmp_path):
    """0.83 was measured for this size from random weights; 1,000 test rows have a standard error of 1.2 points."""
    size = ("--max-tokens", 64, "--epochs", 5)
    done = preheat_process("train", "--data", AG_NEWS, *AG_COLUMNS, *size, "--out", "ag", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6,000 train, 600 validation, 1,000 test" in done.stderr
    assert json.loads(done.stdout)["test"]["accuracy"] > 0.833 - 3 * 0.012
