"""Going on exactly: killed runs, stopped runs, and runs that are resumed with something changed."""

import json
import os
import random
import signal
import time

import numpy as np
import pytest
import torch

import preheat
from preheat.lab.training import TrainConfig, read_config
from preheat.lab.training.evaluation import Classifier
from preheat.lab.training.folder import RunFolder
from preheat.lab.training.records import read_lines
from preheat.lab.training.run_logger import StopRequest
from preheat.lab.training.session import train
from support.runs import Child, checkpoints_of, child_train, lines_of, quiet, records_of, same_run, weights_of

# What is compared is what the run computed; its pictures are test_run's and test_report's.
pytestmark = pytest.mark.usefixtures("without_pictures")


def jitter(tokens, label):
    """An augmentation that draws from all three generators."""
    kept = [token for token in tokens if random.random() > 0.1] or tokens[:1]
    if np.random.rand() < 0.3:
        kept = kept[::-1]
    return [*kept[:-1], *torch.randint(300, (1,)).tolist()]


@pytest.fixture
def killed(tmp_path):
    """Train in a child, kill it once so many updates are recorded, and go on here; (folder, lines said)."""

    def run(config, updates, **options):
        folder = tmp_path / f"killed-{updates}"
        child = child_train(tmp_path, config, folder, **options)
        child.wait_for(lambda: lines_of(folder) >= updates)
        assert child.send(signal.SIGKILL) == -signal.SIGKILL, child.log.read_text()
        lines = []
        train(config, folder, resume=True, say=lines.append, **options)
        return folder, lines

    return run


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accumulation": 2},
        {"workers": 2},
        {"batch_tokens": 96, "batch_size": None},
        {"token_dropout": 0.2, "layer_decay": 0.8, "head": "double", "lm_weight": 0.1},
    ],
    ids=lambda changes: ",".join(changes) or "plain",
)
def test_killed_run_ends_as_if_nothing_had_happened(tmp_path, tiny, killed, changes):
    """SIGKILL in the middle of an epoch and after its end, with dropout: every bit of the rest is the same."""
    config = tiny(save_every=5, epochs=2, **changes)
    train(config, tmp_path / "uncut", say=quiet)
    per_epoch = read_lines(tmp_path / "uncut" / "evaluations.jsonl")[0]["update"]
    for updates in (7, per_epoch + 1):
        folder, lines = killed(config, updates)
        assert any(line.startswith(f"update {_resumed(folder)}: resume: from update-") for line in lines)
        assert same_run(folder, tmp_path / "uncut")


def _resumed(folder):
    return next(event["update"] for event in read_lines(folder / "events.jsonl") if event["event"] == "resume")


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_run_with_data_that_draws_random_numbers(tmp_path, tiny, killed, workers):
    """A transform that uses random, NumPy and torch: draws belong to seed, epoch and row, not to the process."""
    config = tiny(save_every=5, epochs=2, workers=workers)
    train(config, tmp_path / "uncut", transform=jitter, say=quiet)
    folder, _ = killed(config, 8, transform=jitter)
    assert same_run(folder, tmp_path / "uncut")
    train(config, tmp_path / "plain", say=quiet)
    assert [line["batch"] for line in records_of(tmp_path / "plain")] == [line["batch"] for line in records_of(folder)]
    assert records_of(tmp_path / "plain") != records_of(folder)
    with pytest.raises(preheat.ConfigError, match=r"transform: saved '[\w.]*test_resume\.jitter', now ''"):
        train(config, folder, resume=True, say=quiet)


def test_transform_is_the_same_in_workers_and_without(tmp_path, tiny):
    """And does not touch what dropout draws."""
    for workers in (0, 2):
        train(tiny(epochs=1, workers=workers), tmp_path / str(workers), transform=jitter, say=quiet)
    assert same_run(tmp_path / "0", tmp_path / "2")


def test_run_killed_before_its_first_checkpoint_starts_over(tmp_path, tiny, killed):
    """Nothing saved, nothing lost: the same command brings it to the same end."""
    config = tiny(epochs=1)
    train(config, tmp_path / "uncut", say=quiet)
    folder, lines = killed(config, 3)
    assert "no checkpoint yet: the run starts over" in lines
    assert same_run(folder, tmp_path / "uncut")


def test_killed_runs_checkpoint_can_be_used(tmp_path, tiny):
    """Its best model classifies while the run is unfinished."""
    folder = tmp_path / "run"
    child = child_train(tmp_path, tiny(save_every=5), folder)
    child.wait_for(lambda: len(checkpoints_of(folder)) >= 1)
    child.send(signal.SIGKILL)
    assert Classifier(folder, "last").classify(["goal match cup"])[0].label in ("sport", "tech", "trade")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_saves_at_an_update_and_ends_with_its_own_code(tmp_path, tiny, number):
    """75, with everything saved; the resumed run is the uncut one."""
    config = tiny(epochs=2)
    train(config, tmp_path / "uncut", say=quiet)
    folder = tmp_path / "stopped"
    child = child_train(tmp_path, config, folder)
    child.wait_for(lambda: lines_of(folder) >= 6)
    assert child.send(number) == 75
    done = lines_of(folder)
    assert f"stopped by {number.name} after update {done} of 34, saved; go on with: preheat train --resume" in (
        child.log.read_text()
    )
    assert checkpoints_of(folder)[-1] == f"update-{done:06d}"
    train(config, folder, resume=True, say=quiet)
    assert same_run(folder, tmp_path / "uncut")
    assert [event["event"] for event in read_lines(folder / "events.jsonl")] == ["stop", "resume"]


def hang(say):
    """Listens, hears, and does not come to an update."""
    with StopRequest() as stop:
        say("listening")
        while stop.reason is None:
            time.sleep(0.01)
        say("heard")
        time.sleep(600)


def test_second_signal_ends_at_once(tmp_path):
    """By the system's own way: no update, no checkpoint is waited for."""
    child = Child(tmp_path / "log", hang)
    child.wait_for(lambda: (tmp_path / "log").exists() and "listening" in (tmp_path / "log").read_text())
    os.kill(child.process.pid, signal.SIGTERM)
    child.wait_for(lambda: "heard" in (tmp_path / "log").read_text())
    assert child.process.is_alive()
    assert child.send(signal.SIGTERM) == -signal.SIGTERM


def test_stop_during_an_evaluation_loses_nothing(tmp_path, tiny, monkeypatch):
    """The epoch was saved before it is scored; the resumed run scores it."""
    from preheat.lab.training import loop

    config = tiny(epochs=2)
    train(config, tmp_path / "uncut", say=quiet)
    real = loop.run_over

    def ask_then_run(model, batches, device, between):
        signal.raise_signal(signal.SIGTERM)
        return real(model, batches, device, between)

    monkeypatch.setattr(loop, "run_over", ask_then_run)
    with pytest.raises(preheat.RunError, match="stopped by SIGTERM after update 17 of 34"):
        train(config, tmp_path / "run", say=quiet)
    monkeypatch.undo()
    assert checkpoints_of(tmp_path / "run") == ["update-000017"]
    assert read_lines(tmp_path / "run" / "evaluations.jsonl") == []
    train(config, tmp_path / "run", resume=True, say=quiet)
    assert same_run(tmp_path / "run", tmp_path / "uncut")


# --- something is another now ---------------------------------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path, tiny):
    """A run stopped after 20 of 51 updates, in the second of three epochs."""
    folder = tmp_path / "run"

    def stop_at_20(line):
        if line.startswith("update 20: average"):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(preheat.RunError, match="stopped"):
        train(tiny(log_every=20), folder, say=stop_at_20)
    assert checkpoints_of(folder)[-1] == "update-000020"
    return folder


def resume(folder, on_conflict=None, lines=None, **changes):
    config = read_config(flags=changes)
    say = quiet if lines is None else lines.append
    return train(config, folder, resume=True, given=set(changes), on_conflict=on_conflict, say=say)


CHANGED = {
    "lr": 1e-3,
    "schedule": "warmupcosine",
    "warmup": 2,
    "epochs": 2,
    "max_updates": 40,
    "batch_size": 4,
    "accumulation": 2,
    "seed": 1,
    "clip": 1.0,
    "weight_decay": 0.1,
    "beta2": 0.95,
    "precision": "fp32",
}


def test_changed_settings_are_refused_all_together(stopped):
    """Saved against now, and how to say which side wins; nothing was touched."""
    before = records_of(stopped)
    with pytest.raises(preheat.ConfigError) as caught:
        resume(stopped, **CHANGED)
    for key, value in CHANGED.items():
        assert f"\n  {key}: saved " in str(caught.value)
        assert f", now {value!r}" in str(caught.value)
    assert "--on-conflict saved goes on as before, --on-conflict new changes the run" in str(caught.value)
    assert records_of(stopped) == before


def test_changed_rows_are_refused(stopped, news):
    """By their fingerprint: the same rows elsewhere are the same rows."""
    moved = news.with_name("moved.csv")
    moved.write_text(news.read_text() + "goal match more,sport\n")
    with pytest.raises(preheat.ConfigError, match=r"data: saved \w{12}\.\.\., now \w{12}\.\.\."):
        resume(stopped, data=str(moved))
    with pytest.raises(preheat.ConfigError, match="data must be the saved one, which is to be taken"):
        resume(stopped, on_conflict="saved", data=str(moved))
    moved.write_text(news.read_text())
    assert resume(stopped, data=str(moved))["updates"] == 51


def test_changed_labels_are_refused_whoever_wins(stopped, news):
    """The head scores the classes it was made for."""
    news.write_text(news.read_text().replace(",tech", ",technology"))
    with pytest.raises(preheat.ConfigError, match="classes must be sport, tech, trade; got 'sport, technology, trade'"):
        resume(stopped, on_conflict="new")


def test_a_models_shape_cannot_change(stopped):
    """Nor its vocabulary, whoever wins."""
    with pytest.raises(
        preheat.ConfigError, match=r"settings of the model must be the saved ones; got 'width: saved 16"
    ):
        resume(stopped, on_conflict="new", width=32)


def test_saved_side_wins(tmp_path, tiny, stopped):
    """As if nothing had been said."""
    train(tiny(), tmp_path / "uncut", say=quiet)
    resume(stopped, on_conflict="saved", **CHANGED)
    assert same_run(stopped, tmp_path / "uncut")


def test_new_rate_is_used_by_the_very_next_update(stopped):
    """And by the run that is killed and resumed after that, without saying it again."""
    config = TrainConfig.model_validate(RunFolder(stopped).header()["config"])
    old = config.build_schedule(51)
    resume(stopped, on_conflict="new", lr=1e-3)
    rates = [line["lr"] for line in records_of(stopped)]
    assert rates[:20] == [1e-2 * old(update) for update in range(20)]
    assert rates[20:] == [1e-3 * old(update) for update in range(20, 51)]
    assert RunFolder(stopped).config().lr == 1e-3


def test_new_beta_is_used_from_there_on(tmp_path, tiny, stopped):
    """The records before are those of the old one, and those after of the new."""
    train(tiny(), tmp_path / "uncut", say=quiet)
    resume(stopped, on_conflict="new", beta2=0.5)
    found, before = records_of(stopped), records_of(tmp_path / "uncut")
    assert found[:20] == before[:20]
    assert found[20]["loss"] == before[20]["loss"]  # of the weights before that update
    assert found[22]["loss"] != before[22]["loss"]
    saved = json.loads((stopped / checkpoints_of(stopped)[-1] / "optimizer.json").read_text())
    assert [group["betas"] for group in saved["groups"]] == [[0.9, 0.5]]


def test_new_schedule_is_used_by_the_very_next_update(stopped):
    """At the same update of the other one; a bridge comes to it."""
    resume(stopped, on_conflict="new", schedule="warmupcosine")
    new = preheat.get_schedule("warmupcosine", warmup="10%", total=51)
    assert [line["lr"] for line in records_of(stopped)][20:] == [1e-2 * new(update) for update in range(20, 51)]


def test_bridge_to_a_new_schedule(stopped):
    """No step as large as the jump it replaces."""
    old, new = (preheat.get_schedule(f"warmup{name}", warmup="10%", total=51) for name in ("linear", "cosine"))
    config = read_config(flags={"schedule": "warmupcosine"})
    train(config, stopped, resume=True, given={"schedule"}, on_conflict="new", bridge=10, say=quiet)
    rates = [line["lr"] / 1e-2 for line in records_of(stopped)]
    assert rates[19] == pytest.approx(old(19))
    assert rates[30:] == pytest.approx([new(update) for update in range(30, 51)])
    assert abs(rates[20] - rates[19]) < abs(new(20) - old(19)) / 2


@pytest.mark.parametrize(
    ("changes", "total"),
    [({"batch_size": 4}, 17 + 3 + 27 + 33), ({"accumulation": 2}, 17 + 3 + 7 + 9), ({"epochs": 4}, 68)],
)
def test_new_batches_deal_out_what_is_left(stopped, changes, total):
    """Every row of the interrupted epoch is used once; updates made count, those to come are worked out."""
    lines = []
    result = resume(stopped, on_conflict="new", lines=lines, **changes)
    assert result["updates"] == total
    assert sum(record["tokens"] for record in records_of(stopped) if record["epoch"] == 1) == (
        sum(record["tokens"] for record in records_of(stopped) if record["epoch"] == 0)
    )
    assert [record["update"] for record in records_of(stopped)] == list(range(total))


def test_new_seed_orders_the_rest_anew(tmp_path, stopped):
    """The rest of the epoch in another order, each row once."""
    tokens = sum(record["tokens"] for record in records_of(stopped) if record["epoch"] == 0)
    resume(stopped, on_conflict="new", seed=1)
    assert sum(record["tokens"] for record in records_of(stopped) if record["epoch"] == 1) == tokens


def test_new_rows_begin_the_epoch_again(stopped, news):
    """Said aloud, with the updates worked out anew."""
    news.write_text(news.read_text() + "".join(f"goal match {n},sport\n" for n in range(20)))
    lines = []
    result = resume(stopped, on_conflict="new", lines=lines)
    assert "other rows: epoch 2 begins again" in lines
    assert result["updates"] == 20 + 2 * 19
    assert any(line.startswith("update 20: resume: from update-000020; data: saved") for line in lines)


def test_resuming_a_finished_run_changes_nothing(tmp_path, tiny):
    """It scores again."""
    first = train(tiny(epochs=1), tmp_path / "run", say=quiet)
    before = weights_of(tmp_path / "run"), records_of(tmp_path / "run")
    again = resume(tmp_path / "run")
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
    assert (weights_of(tmp_path / "run"), records_of(tmp_path / "run")) == before


def test_finished_run_can_be_made_longer(tmp_path, tiny):
    """More epochs than it was planned for: new updates follow."""
    train(tiny(epochs=1), tmp_path / "run", say=quiet)
    assert resume(tmp_path / "run", on_conflict="new", epochs=2)["updates"] == 34
    assert [line["epoch"] for line in read_lines(tmp_path / "run" / "evaluations.jsonl")] == [0, 1]
