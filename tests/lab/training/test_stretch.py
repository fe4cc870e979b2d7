"""Stretches of runs: begun with another run's checkpoint, under a schedule of their own, they make the same bits."""

import pytest

import preheat
from preheat.lab.training.model import load_model
from preheat.lab.training.records import read_lines
from preheat.lab.training.session import train, train_stretch, weights_digest
from support.runs import checkpoints_of, quiet, records_of

# What is compared is what the run computed; its pictures are test_run's and test_report's.
pytestmark = pytest.mark.usefixtures("without_pictures")

TRUNK, COOLED = "warmup 4 > hold", "warmup 4 > hold 20 > linear rest to 0"


def of_run(folder, config):
    """Records, evaluations and final weights of a run that was trained alone."""
    weights = weights_digest(load_model(folder / checkpoints_of(folder)[-1], config))
    return records_of(folder), read_lines(folder / "evaluations.jsonl"), weights


@pytest.mark.parametrize("until", [17, 20, 24], ids=["end of an epoch", "inside of it", "at the branch"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accumulation": 2},
        {"batch_tokens": 96, "batch_size": None},
        {"token_dropout": 0.2, "layer_decay": 0.8, "head": "double", "lm_weight": 0.1},
    ],
    ids=lambda changes: ",".join(changes) or "plain",
)
def test_stretches_make_the_run(tmp_path, tiny, until, changes):
    """A trunk of another schedule and length, then the run's own: every record, evaluation and weight as alone."""
    alone = tiny(schedule=COOLED, max_updates=40, epochs=6, measure_every=7, **changes)
    trunk = tiny(schedule=TRUNK, max_updates=99, epochs=14, measure_every=7, **changes)
    train(alone, tmp_path / "alone", say=quiet)
    first = train_stretch(trunk, tmp_path / "a", until=until, save=True, say=quiet)
    second = train_stretch(alone, tmp_path / "b", until=40, start=first.checkpoint, say=quiet)
    records, evaluations, weights = of_run(tmp_path / "alone", alone)
    assert records_of(tmp_path / "a") + records_of(tmp_path / "b") == records
    lines = [*read_lines(tmp_path / "a" / "evaluations.jsonl"), *read_lines(tmp_path / "b" / "evaluations.jsonl")]
    assert [line for line in evaluations if line["update"] < 40] == [line for line in lines if line["update"] < 40]
    assert second.scores.items() <= evaluations[-1].items()
    assert second.weights == weights
    assert (first.start, first.until, second.start, second.until) == (0, until, until, 40)
    assert checkpoints_of(tmp_path / "a") == [f"update-{until:06d}"]
    assert checkpoints_of(tmp_path / "b") == []


def test_spikes_are_judged_by_the_losses_of_the_run_before(tmp_path, tiny):
    """What is usual is not forgotten at a fork."""
    config = tiny(schedule="constantlr", max_updates=30)
    first = train_stretch(config, tmp_path / "a", until=20, save=True, say=quiet)
    from preheat.lab.training.records import read_json

    losses = [record["loss"] for record in records_of(tmp_path / "a")]
    assert read_json(first.checkpoint / "run.json")["losses"] == losses
    train_stretch(config, tmp_path / "b", until=22, start=first.checkpoint, save=True, say=quiet)
    losses += [record["loss"] for record in records_of(tmp_path / "b")]
    assert read_json(tmp_path / "b" / "update-000022" / "run.json")["losses"] == losses


def test_stretch_that_cannot_be_is_refused(tmp_path, tiny, news):
    """Bounds, damage, other rows."""
    config = tiny(max_updates=20)
    first = train_stretch(config, tmp_path / "a", until=10, save=True, say=quiet)
    for until in (10, 21):
        with pytest.raises(preheat.RunError, match=f"until must be above 10 and at most 20; got {until}"):
            train_stretch(config, tmp_path / f"b{until}", until=until, start=first.checkpoint, say=quiet)
    with pytest.raises(preheat.RunError, match="out must be a new or empty folder"):
        train_stretch(config, tmp_path / "a", until=20, start=first.checkpoint, say=quiet)
    rows = news.read_text()
    news.write_text(rows.replace("goal", "aim", 1))
    with pytest.raises(preheat.ConfigError, match="data: saved"):
        train_stretch(config, tmp_path / "c", until=20, start=first.checkpoint, say=quiet)
    news.write_text(rows)
    (first.checkpoint / "random.json").unlink()
    with pytest.raises(preheat.RunError, match="checkpoint must be complete and undamaged.*random.json is missing"):
        train_stretch(config, tmp_path / "d", until=20, start=first.checkpoint, say=quiet)
