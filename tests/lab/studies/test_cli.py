"""``preheat study``: plan, run, resume, report, as people use them."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from preheat.lab.studies.folder import StudyFolder
from support import stopping_stages


@pytest.fixture
def flags(settings):
    """The settings as flags."""
    return [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", str(value))]


def start(*words, program=("-m", "preheat")):
    environment = {**os.environ, "COLUMNS": "80"}
    command = [sys.executable, *program, "study", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


AXES = [
    "--schedule",
    "hold > linear 20% to 0",
    "--schedule",
    "hold > linear 50% to 0",
    "--shortest",
    "1",
    "--horizon",
    "20..40x2",
]


def test_plan_says_what_will_be_trained(cli, flags, tmp_path):
    """For people, and as JSON; nothing is written."""
    code, out, _ = cli("study", "plan", *flags, *AXES, "--seed", "0..2", "--processes", "3")
    assert code == 0
    assert "runs: 12 in 21 stages" in out
    assert "updates one by one: 360\nupdates with shared stages: 222 (62%, 1.62x; 138 saved)" in out
    assert "horizons: 10 to 16 updates shared by neighbors" in out
    assert "seeds: nothing shared: other weights, dropout and order of the rows" in out
    assert "time: unknown before the first stage" in out
    code, out, err = cli("study", "plan", *flags, *AXES, "--seed", "0..2", "--processes", "3", "--measure", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["update_seconds"] > 0
    assert found["stage_seconds"] > 0
    took = found["turns"] * found["update_seconds"] + 7 * found["stage_seconds"]  # 21 stages, three at a time
    assert found["seconds"] == pytest.approx(took)
    _, out, _ = cli("study", "plan", *flags, *AXES, "--measure")
    assert re.search(r"^time: about \d", out, re.MULTILINE)
    _, out, _ = cli("study", "plan", *flags, *AXES, "--alone", "--json")
    assert json.loads(out)["saved"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["news.csv"]


def test_mistakes_are_one_line(cli, flags, tmp_path):
    """Exit code 2 for misuse, 1 for a folder that is no study's."""
    code, _, err = cli("study", "plan", *flags, "--lr", "1e-2..1e-3x3")
    assert (code, "preheat: lr must be a range that rises" in err) == (2, True)
    code, _, err = cli("study", "report", tmp_path)
    assert (code, "It has no study.json" in err) == (1, True)
    code, _, err = cli("study", "plan", *flags, "--out", tmp_path / "stduy")
    assert (code, "study must be the folder of a study" in err) == (1, True)
    assert cli("study", "plan", "--trackers", "wandb")[0] == 2
    assert cli("study", "sweep")[0] == 2


def test_study_is_run_interrupted_resumed_and_reported(cli, flags, tmp_path):
    """Ctrl-C in the middle; resume needs the folder alone; the report says what is not to be told apart."""
    file = tmp_path / "study.toml"
    file.write_text('question = "Which one?"\nhorizon = [20, 40]\nseed = "0..1"\n')
    folder = tmp_path / "study"
    words = ("run", "--design", file, *flags, *AXES[:6], "--out", folder, "--processes", 1)
    stopping_stages.stop_after(folder, 2)
    child = start(*words, program=(stopping_stages.__file__,))
    deadline = time.monotonic() + 300
    while not stopping_stages.stopped(folder) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=300)
    assert (child.returncode, out) == (130, ""), err
    assert f"go on with: preheat study resume {folder}" in err
    _, out, _ = cli("study", "report", folder)
    assert "not trained yet" in out
    _, out, _ = cli("study", "plan", "--design", file, *flags, *AXES[:6], "--out", folder)
    assert "to do:" in out
    assert "time: about" in out
    assert "MB)" in out
    child = start("resume", folder, "--processes", 2, "--json")
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    found = json.loads(out)
    assert {run["state"] for run in found["runs"]} == {"done"}
    assert len(found["cells"]) == 4
    code, out, _ = cli("study", "report", folder)
    assert code == 0
    assert (
        f"question: Which one?\ndata: {flags[1]}\nruns: 8 of 8; 148 updates trained, 240 without sharing (62%)" in out
    )
    assert "lowest mean" in out
    events = [event["event"] for event in StudyFolder(folder).events()]
    assert len(list(folder.glob("stages/*/result.json"))) == 14
    assert (events.count("begun"), events.count("done")) == (15, 14)  # one was begun twice
    assert "lost" not in events
