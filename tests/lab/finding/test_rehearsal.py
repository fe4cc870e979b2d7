"""The range test of a run: what the run would start with, and nothing written."""

import json

import pytest

import preheat
from preheat.lab.finding.rehearsal import find_lr_of_run
from preheat.lab.training.session import train
from support.runs import quiet, records_of


@pytest.mark.parametrize("accumulation", [1, 2])
def test_test_begins_where_the_run_begins(tmp_path, tiny, accumulation):
    """The same weights, batches, dropout and precision: the run's own first loss.

    To rounding; with accumulation, but for the batch of two rows that the test counts like any other.
    """
    config = tiny(accumulation=accumulation, epochs=1)
    train(config, tmp_path / "run", say=quiet)
    found = find_lr_of_run(config, updates=10)
    assert found.losses[0] == pytest.approx(
        records_of(tmp_path / "run")[0]["loss"], rel=1e-6 if accumulation == 1 else 0.02
    )
    assert found.accumulation == accumulation
    assert f"this schedule is {config.build_schedule(17 // accumulation + accumulation - 1)}" in found.holds_for[0]


def test_critical_rate_is_that_of_the_first_update(tmp_path, tiny):
    """Measured before the run and by the run itself: near each other, on four batches and on one."""
    config = tiny(epochs=1, critical_every=1, warmup=0, dropout=0, max_updates=2)
    train(config, tmp_path / "run", say=quiet)
    measured = records_of(tmp_path / "run")[0]["critical_lr"]
    assert measured / 4 < find_lr_of_run(config, updates=10).critical.lr < measured * 4


def test_groups_keep_their_ratios(tiny):
    """Layer-wise rates are the run's."""
    found = find_lr_of_run(tiny(layer_decay=0.5), updates=10)
    assert max(found.ratios) / min(found.ratios) > 2


def test_command_prints_draws_and_writes_nothing_else(tmp_path, cli, settings):
    """Words or JSON on standard output; a picture where it is asked for, never over another file."""
    flags = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = ["find-lr", *flags, "--start", "1e-5", "--end", "10", "--updates", "60", "--save", "test.png"]
    before = set(tmp_path.iterdir())

    def run(*more):
        return cli(*words, *more)

    code, out, err = run()
    assert code == 0, err
    assert out.startswith("range test: 1e-05 to 10 in 60 updates, log spacing, smoothing 0.8")
    assert "this schedule is transformers: warmup 6 > linear 45 to 0" in out
    assert set(tmp_path.iterdir()) - before == {tmp_path / "test.png"}
    code, _, err = run()
    assert (code, err) == (1, "preheat: save must be a new file; got 'test.png'. Name another one, or add --force.\n")
    code, out, _ = run("--force", "--json")
    assert code == 0
    found = json.loads(out)
    assert [one["name"] for one in found["suggestions"]] == ["steepest", "minimum / 10", "valley", "slide", "critical"]
    code, _, err = run("--force", "--start", "20")
    assert (code, err) == (2, "preheat: end must be above start=20; got 10.0. The rate climbs from start to end.\n")


def test_several_processes_are_refused(tiny, monkeypatch):
    """One process's batches are tested."""
    from preheat.lab.training import processes

    start = processes.start_accelerator

    def two(config):
        accelerator = start(config)
        monkeypatch.setattr(type(accelerator), "num_processes", 2)
        return accelerator

    monkeypatch.setattr(processes, "start_accelerator", two)
    with pytest.raises(preheat.ConfigError, match="processes must be 1 for a measurement before a run; got 2"):
        find_lr_of_run(tiny())
