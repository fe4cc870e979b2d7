"""Trackers, written for real and read back: TensorBoard always, Trackio where it is installed."""

import json
import os
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import preheat
from preheat.lab.training.callbacks import Callbacks, Trackers

HEADER = {"config": {"lr": 1e-3, "epochs": 2, "text_column": ["title", "text"], "out": None, "seed": 0}}
SCHEDULE = preheat.get_schedule("warmupcosine", warmup=4, total=24)


def record(update, *, lost=()):
    """A line of a run of 24 updates; groups are recorded at every fourth."""
    lr = 1e-3 * SCHEDULE(update)
    line = {
        "update": update,
        "epoch": 0,
        "lr": lr,
        "loss": 2.0 / (update + 1),
        "grad_norm": 1.5 + update,
        "clipped": True,
    }
    line |= {"batch": "00c0ffee", "tokens": 90, "seconds": 0.1, "tokens_per_second": 900.0 + update}
    if update % 4 == 0:
        line |= {"lrs": {"body": lr / 2, "head[0]": lr}, "update_ratio": 1e-3 + update / 1e5, "critical_lr": None}
    return line | dict.fromkeys(lost)


def run(trackers, start, stop, *, end=False, lost=()):
    """What a loop calls, from one position to another."""
    with Callbacks([trackers]) as callbacks:
        callbacks.on_start({**HEADER, "position": start})
        for update in range(start, stop):
            callbacks.on_update(record(update, lost=lost))
        callbacks.on_evaluation({"epoch": 0, "update": stop, "split": "validation", "loss": 0.5, "accuracy": 0.75})
        if end:
            callbacks.on_end({"updates": stop, "test": {"loss": 0.4, "accuracy": 0.8}})


def logged(folder, tag):
    """Steps and values of a tag, as our own reader of event files finds them."""
    (series,) = preheat.read_log(folder / "trackers" / "tensorboard", column=tag).series
    return dict(zip(series.steps.tolist(), series.rates.tolist(), strict=True))


def test_tensorboard_has_every_value_of_every_update(tmp_path):
    """Under its name and the number of its update, in float32 as the format is; null is left out."""
    run(Trackers(["tensorboard"], tmp_path), 0, 24, end=True)
    records = [record(update) for update in range(24)]
    for tag in ("lr", "loss", "grad_norm", "tokens_per_second", "update_ratio"):
        expected = {line["update"]: line[tag] for line in records if tag in line}
        assert logged(tmp_path, tag) == pytest.approx(expected, rel=1e-6, abs=1e-12), tag
    groups = {line["update"]: line["lrs"] for line in records if "lrs" in line}
    assert logged(tmp_path, "lr/body") == pytest.approx({at: lrs["body"] for at, lrs in groups.items()}, abs=1e-9)
    assert logged(tmp_path, "lr/head_0_") == pytest.approx({at: lrs["head[0]"] for at, lrs in groups.items()}, abs=1e-9)
    for tag, value in (("validation/accuracy", 0.75), ("validation/loss", 0.5), ("test/accuracy", 0.8)):
        assert logged(tmp_path, tag) == pytest.approx({24: value})
    with pytest.raises(preheat.DataError, match="critical_lr|one with learning rates"):
        logged(tmp_path, "critical_lr")


def test_audit_reads_what_trackers_wrote(tmp_path):
    """The event files are a log like any other."""
    run(Trackers(["tensorboard"], tmp_path), 0, 24)
    log = preheat.read_log(tmp_path / "trackers" / "tensorboard")
    assert [series.name for series in log.series] == ["lr", "lr/body", "lr/head_0_"]


def test_settings_are_kept_once_as_flat_values(tmp_path):
    """As text where they are lists; not again at a resume."""
    import yaml

    for start in (0, 8):
        run(Trackers(["tensorboard"], tmp_path), start, 12)
    (file,) = (tmp_path / "trackers" / "tensorboard").glob("*/hparams.yml")
    settings = {"lr": 1e-3, "epochs": 2, "text_column": "title, text", "out": "none", "seed": 0}
    assert yaml.safe_load(file.read_text()) == settings


def test_resumed_run_has_every_update_once_in_tensorboard(tmp_path):
    """Killed at 20, resumed at 16: a new file that says from where on the older one does not count."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    from preheat.auditing.logs import _records

    run(Trackers(["tensorboard"], tmp_path), 0, 20)
    run(Trackers(["tensorboard"], tmp_path), 16, 24, lost=["grad_norm"])
    assert sorted(logged(tmp_path, "lr")) == list(range(24))
    folder = tmp_path / "trackers" / "tensorboard"
    first, second = sorted(path for path in folder.iterdir() if path.is_file())
    assert (first.name.endswith(".from-0"), second.name.endswith(".from-16")) == (True, True)
    events = [Event.FromString(data) for data in _records(second, [])]
    assert [event.step for event in events if event.session_log.status == SessionLog.START] == [16]
    assert min(event.step for event in events if event.summary.value) == 16


def test_callbacks_say_and_leave_out_a_tracker_that_fails(tmp_path, monkeypatch):
    """Once; the run and the other trackers go on."""
    from accelerate import tracking

    class Broken(tracking.GeneralTracker):
        name, requires_logging_directory, tracker = "broken", False, None

        def __init__(self, project):
            super().__init__()
            assert project == "mine"

        def log(self, values, step=None):
            if step == 3:
                raise ConnectionError("server is gone\nwith details")

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "broken", Broken)
    lines = []
    run(Trackers(["broken", "tensorboard"], tmp_path, project="mine", say=lines.append), 0, 24)
    assert lines == ["tracker broken failed and is left out for the rest of the run: ConnectionError: server is gone"]
    assert len(logged(tmp_path, "lr")) == 24


def test_tracker_that_cannot_start_is_refused_and_others_are_closed(tmp_path, monkeypatch):
    """Before the first update, when nothing is lost yet."""
    from accelerate import tracking

    class Closed(tracking.GeneralTracker):
        name, requires_logging_directory, tracker = "closed", True, None

        def __init__(self, project, folder):
            raise PermissionError(f"no access to {folder.name}")

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "closed", Closed)
    with pytest.raises(preheat.RunError) as caught:
        run(Trackers(["tensorboard", "closed"], tmp_path), 0, 2)
    assert str(caught.value) == (
        "tracker must be one that can be started; got 'closed'."
        " It failed: PermissionError: no access to trackers. Set it up, or leave it out."
    )


def test_trackers_that_cannot_be_are_refused_before_the_run(tmp_path, monkeypatch):
    """Unknown, not installed, twice, options of another."""
    from accelerate import tracking

    with pytest.raises(
        preheat.ConfigError, match=r"tracker must be one that Accelerate knows \(aim, .*wandb\); got 'tensorbord'"
    ):
        Trackers(["tensorbord"], tmp_path)
    with pytest.raises(preheat.ConfigError, match="trackers must be named once each"):
        Trackers(["tensorboard", "tensorboard"], tmp_path)
    with pytest.raises(preheat.ConfigError, match="options must be of the trackers .*; got 'wandb'"):
        Trackers(["tensorboard"], tmp_path, options={"wandb": {"mode": "offline"}})
    monkeypatch.setattr(tracking, "_available_trackers", [])
    with pytest.raises(preheat.MissingExtraError, match="^wandb is not installed: pip install wandb$"):
        Trackers(["wandb"], tmp_path)
    with pytest.raises(
        preheat.MissingExtraError, match=r"^tensorboardX is not installed: pip install 'preheat\[logs\]'$"
    ):
        Trackers(["tensorboard"], tmp_path)
    assert not any(tmp_path.iterdir())


def test_options_reach_the_tracker(tmp_path):
    """They win over what is given here."""
    options = {"tensorboard": {"filename_suffix": ".mine"}}
    run(Trackers(["tensorboard"], tmp_path, options=options), 0, 2)
    assert [path.suffix for path in (tmp_path / "trackers" / "tensorboard").iterdir() if path.is_file()] == [".mine"]


@pytest.mark.skipif(find_spec("trackio") is None, reason="NO TRACKIO: pip install trackio to test it for real")
def test_trackio_has_every_value_and_a_resume_is_a_run_of_its_own(tmp_path):
    """Read back from its SQLite file; nothing on standard output. (It reads its folder when it is imported.)"""
    code = (
        "from test_trackers import *\n"
        "run(Trackers(['trackio'], 'news', project='preheat tests'), 0, 20)\n"
        "run(Trackers(['trackio'], 'news', project='preheat tests'), 16, 24, end=True)\n"
    )
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio"), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    (file,) = (tmp_path / "trackio").glob("*.db")
    rows = sqlite3.connect(file).execute("select run_name, step, metrics from metrics order by id").fetchall()
    found = {}
    for name, step, metrics in rows:
        found.setdefault(name, {}).setdefault(step, {}).update(json.loads(metrics))
    assert list(found) == ["news", "news-from-16"]
    assert len(rows) == 20 + 1 + 8 + 2
    for name, updates in (("news", range(20)), ("news-from-16", range(16, 24))):
        for update in updates:
            line = record(update)
            expected = {key: line[key] for key in ("lr", "loss", "grad_norm", "tokens_per_second")}
            if "lrs" in line:
                expected |= {"lr/body": line["lrs"]["body"], "lr/head_0_": line["lrs"]["head[0]"]}
                expected["update_ratio"] = line["update_ratio"]
            assert {
                key: value for key, value in found[name][update].items() if "/" not in key or key[:3] == "lr/"
            } == expected
    assert found["news-from-16"][24]["test/accuracy"] == 0.8
    (config, *_) = sqlite3.connect(file).execute("select config from configs").fetchone()
    assert json.loads(config)["text_column"] == "title, text"
