"""``preheat plan`` with every kind of length and end."""

import json

import pytest

from preheat.cli.main import run


@pytest.fixture
def plan(capsys):
    """Run ``preheat plan`` in this process: (exit code, standard output, standard error)."""

    def call(words):
        code = 0
        try:
            run(["plan", *words.split()])
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--examples 10 --batch-size 1 --epochs 3 --accumulation 4", "updates: 3 updates x 3 epochs = 9"),
        ("--examples 10 --batch-size 1 --epochs 3 --accumulation 4 --tail drop", "updates: 2 updates x 3 epochs = 6"),
        (
            "--examples 10 --batch-size 1 --epochs 3 --accumulation 4 --tail carry",
            "updates: floor(10 batches x 3 epochs / 4) = 7",
        ),
        (
            "--examples 10 --batch-size 1 --epochs 1.5 --accumulation 4 --trainer hf_trainer",
            "updates: ceil(3 x 1.5 epochs) = 5",
        ),
        (
            "--examples 10 --batch-size 1 --epochs 3 --max-steps 4 --trainer lightning",
            "updates: min(30, max_steps 4) = 4",
        ),
        ("--examples 10 --batch-size 2 --world-size 2 --sharding batches --max-steps 6", "epochs: 6 updates / 3 = 2"),
        ("--batch-size 8 --max-samples 1e6", "updates: ceil(1000000 samples / 8) = 125000"),
        (
            "--batch-size 8 --max-tokens 2e9 --tokens-per-sample 1024",
            "updates: ceil(2000000000 tokens / 8192) = 244141",
        ),
        ("--batch-size 8", "updates: unknown, the run has no end yet"),
        ("--examples 10 --batch-size 1 --epochs 3 --warmup 20%", "warm-up: 20% of 30 updates = 6"),
    ],
)
def test_plan_takes_every_end(plan, words, line):
    """The last line holds the answer."""
    code, out, err = plan(words)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == line


def test_plan_takes_a_warmup_in_epochs(capsys):
    """A length of two words is one argument."""
    with pytest.raises(SystemExit) as stop:
        run(["plan", "--examples", "100", "--batch-size", "2", "--epochs", "9", "--warmup", "2 epochs"])
    assert not stop.value.code
    assert capsys.readouterr().out.splitlines()[-1] == "warm-up: 2 epochs of 450 updates = 100"


def test_plan_prints_json_of_what_is_known(plan):
    """Null for the rest; an average epoch where groups are carried over."""
    _, out, _ = plan("--batch-size 8 --tokens-per-sample 100 --json")
    assert json.loads(out) == {
        "batches_per_epoch": None,
        "updates_per_epoch": None,
        "updates": None,
        "samples_per_update": 8,
        "tokens_per_update": 800,
    }
    _, out, _ = plan("--examples 10 --batch-size 1 --epochs 3 --accumulation 4 --tail carry --json")
    assert json.loads(out)["updates_per_epoch"] == 2.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--examples 10 --batch-size 1", "epochs must be given where nothing else ends the run; got None"),
        ("--examples 10 --batch-size 1 --epochs nan", "epochs must be a finite number; got nan"),
        ("--examples 10 --batch-size 1 --epochs 1 --max-steps 3", "max_steps must be left out where epochs is given"),
        ("--examples 10 --batch-size 1 --epochs 1 --tail keep", "tail must be one of 'flush', 'drop', 'carry'"),
        ("--batch-size 1 --max-samples 1.5", "max_samples must be a whole number; got 1.5"),
        ("--batch-size 1 --warmup 10%", "warmup must be a number of updates where the run has no known end; got '10%'"),
        ("--examples 10 --batch-size 1 --epochs 1 --warmup soon", "warmup must be a length; got 'soon'"),
    ],
)
def test_plan_exits_2_on_misuse(plan, words, message):
    """One sentence on standard error."""
    code, out, err = plan(words)
    assert (code, out) == (2, "")
    assert err.startswith(f"preheat: {message}")
