"""Every way a learning rate goes wrong that users report, really run: the log is audited, the run watched live."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from preheat.auditing.audits import audit, recognise_log
from preheat.watching import read_record, report
from support.scripts_with_mistakes.table import LINEAR, MISTAKES

SCRIPTS = Path(__file__).parent.parent / "support" / "scripts_with_mistakes"
RATE = 1e-3


# Watched as people do it, the command and the script in processes of their own: this one, and the right loop.
ALONE = "four_processes"


def in_processes(name, tmp_path):
    """Run a script under preheat watch: its log, the folder of the report, what was printed, what was said."""
    log, out = tmp_path / "log.csv", tmp_path / "watch"
    words = ["watch", "--out", str(out), "--", sys.executable, f"{name}.py", str(log)]
    done = subprocess.run(
        [sys.executable, "-m", "preheat", *words],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return log, out, done.stdout, done.stderr


def in_forks(name, tmp_path, cli, warm_watched, monkeypatch):
    """The same command in this process, the script in a fork of the warm one."""
    log, out = tmp_path / "log.csv", tmp_path / "watch"
    monkeypatch.setattr("preheat.watching.run_watched", warm_watched.run_watched)
    code, said, errors = cli("watch", "--out", out, "--", sys.executable, SCRIPTS / f"{name}.py", log)
    assert code == 0, errors
    return log, out, said, errors


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_a_mistake_is_named_from_its_log_and_from_watching_it(mistake, tmp_path, cli, warm_watched, monkeypatch):
    """The audit of the log against the plan; the watched run by itself; the watched run against the plan."""
    if mistake.name == ALONE:
        log, out, _, said = in_processes(mistake.name, tmp_path)
    else:
        log, out, _, said = in_forks(mistake.name, tmp_path, cli, warm_watched, monkeypatch)
    for rate in (RATE, None) if mistake.kind != "other-group" else (RATE,):
        (finding,) = audit(log, mistake.plan, lr=rate).findings
        assert (finding.kind, rate) == (mistake.kind, rate), finding
        assert mistake.says in finding.sentence
        assert mistake.cause in finding.cause
    (own,) = json.loads((out / "report.json").read_text())
    assert own["findings"][0]["kind"] == mistake.watched, own
    text = (out / "report.txt").read_text()
    assert mistake.notes in text
    assert text.splitlines()[-1] in said
    assert (out / "watch.png").stat().st_size > 10_000
    against = report(read_record(out / "record"), mistake.plan, RATE)[0].findings[0]
    seen_as_logged = mistake.name not in ("logged_late", "amp_skips", "last_group")
    assert against.kind == (mistake.kind if seen_as_logged else "equal"), against


def test_the_right_loop_is_as_planned_and_recognized(tmp_path):
    """No finding by any way, and the log alone gives the schedule back."""
    log, out, printed, _ = in_processes("right", tmp_path)
    assert audit(log, LINEAR, lr=RATE).equal
    assert printed == ""
    (own,) = json.loads((out / "report.json").read_text())
    assert own["equal"]
    assert own["plan"] == LINEAR
    known = recognise_log(log)["lr"]
    assert known.exact
    assert (str(known.schedule), known.base_lr) == (LINEAR, RATE)
