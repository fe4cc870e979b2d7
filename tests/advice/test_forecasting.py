"""Losses of runs nobody has made: against public curves, against the lab, and every gate."""

import json

import numpy as np
import pytest

import preheat
from preheat.advice import MultiPowerLaw, ShortRun, forecast, optimize, read_run, run_log
from preheat.advice.forecasting import _choice_notes
from preheat.cli.main import run as command
from preheat.lab.quadratic import Quadratic
from support.loss_curves import needs_curves, schaipp_rates, schaipp_runs

LR = 3e-4
LAW = MultiPowerLaw(floor=3.0, scale=0.5, power=0.5, gain=400.0, speed=2.0, fade=0.6, bend=0.64)
TRUNK = "warmup 50 > hold > linear"


def made(words, updates, lr=LR, every=20, noise=1e-3, name=None):
    """A run whose losses the law makes, with a little noise."""
    rates = lr * preheat.parse(words).over(updates)(np.arange(updates + 1))
    at = np.arange(20, updates, every)
    losses = np.abs(LAW(rates, at, blocks=256) + noise * np.random.default_rng(updates).normal(size=len(at)))
    return ShortRun.from_log(run_log(name or words, at, losses), words, updates=updates, lr=lr), rates


PAIR = (f"{TRUNK} 20%", f"{TRUNK} 90%")


def pair(**how):
    return [made(words, 2000, **how)[0] for words in PAIR]


def test_third_schedule_is_predicted_within_its_interval():
    """Twice as long and of another shape; the curve ends at the final loss."""
    _, rates = made(f"{TRUNK} 50%", 4000)
    found = forecast(pair(), f"{TRUNK} 50%", updates=4000, lr=LR)
    truth = float(LAW(rates, np.array([4000]), blocks=256)[0])
    assert found.low < truth < found.high
    assert found.final == pytest.approx(truth, abs=0.005)
    assert found.curve[-1] == (4000, found.final)
    assert found.law == "multi-power"
    assert found.parameters["power"] == pytest.approx(0.5, abs=0.1)
    assert "the run asked about is 2 times as long" in str(found)
    assert "cannot say: another peak or batch" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["runs"] == [*PAIR]


def test_law_can_be_named():
    """And an unknown one is refused."""
    assert forecast(pair(), "linear to 0", updates=2000, lr=LR, law="tissue").law == "tissue"
    with pytest.raises(preheat.ScheduleError, match="law must be one of 'tissue', 'multi-power'; got 'chinchilla'"):
        forecast(pair(), "linear to 0", updates=2000, lr=LR, law="chinchilla")


@needs_curves
@pytest.mark.figure
@pytest.mark.parametrize("peak", [5e-4, 1e-3])
def test_finals_of_public_runs(peak):
    """124M: two runs of 25k updates; finals of other shapes and longer runs within 0.011 on average, 9 in 10 inside."""

    def public(run):
        log = run_log("run", [*run["updates"], run["total"]], [*run["losses"], run["last"]])
        rates = run["peak"] * schaipp_rates(run, run["total"] + 1)
        return ShortRun("run", rates, log.updates, log.losses, run["total"])

    chosen = [
        one
        for one in schaipp_runs().values()
        if one["group"] == "main" and one["peak"] == peak and one["shape"] == "linear"
    ]
    train = [one for one in chosen if one["total"] == 25_000 and one["cooldown"] in (0.2, 0.9)]
    off, inside = [], []
    for run in chosen:
        if not any(run is one for one in train) and run["total"] in (15_000, 35_000, 50_000):
            words = f"warmup 300 > hold > linear {100 * run['cooldown']:g}% to 0"
            found = forecast([public(one) for one in train], words, updates=run["total"], lr=peak)
            off.append(abs(found.final - run["last"]))
            inside.append(found.low <= run["last"] <= found.high)
    assert len(off) >= 6
    assert np.mean(off) <= 0.011
    assert np.mean(inside) >= 0.9


def test_lab_is_predicted_where_it_is_easy():
    """Exact losses of a quadratic, on top of 1: the law is another's, and within a tenth of the loss to be had."""
    lab = Quadratic(spectrum=1.5, source=1.0)
    lr, at = 0.3, np.arange(20, 3001, 20)

    def run(words, total):
        rates = lr * preheat.parse(words).over(total)(np.arange(total + 1))
        kept = at[at <= total]
        return ShortRun.from_log(
            run_log(words, kept, 1 + lab.curves(rates[None], kept)[0]), words, updates=total, lr=lr
        ), rates

    probes = [run("hold > linear 20%", 1500)[0], run("hold > linear 90%", 1500)[0]]
    _, rates = run("hold > linear 60%", 3000)
    truth = 1 + lab.losses(rates[None])[0]
    found = forecast(probes, "hold > linear 60%", updates=3000, lr=lr)
    start = probes[0].settled().losses[0]
    assert abs(found.final - truth) < 0.1 * (start - truth)
    assert found.low <= truth <= found.high


@pytest.mark.parametrize(
    ("runs", "asked", "message"),
    [
        (lambda: pair()[:1], {}, "runs must be 2 or more; got 1. Two short runs with different cool-downs"),
        (
            lambda: [made(PAIR[0], 2000)[0], made(PAIR[0], 1500)[0]],
            {},
            "decays of the runs must be of different shapes; got 'one shape'",
        ),
        (lambda: pair(), {"updates": 6001}, "updates must be at most 3 times the longest run's; got 6001"),
        (lambda: pair(), {"lr": 6e-4}, "peak of run 'warmup 50 > hold > linear 20%' must be 0.0006, as asked about"),
        (lambda: pair(every=100), {}, "losses of all runs must be 50 or more; got"),
        (lambda: pair(every=400), {}, "losses of run 'warmup 50 > hold > linear 20%' must be 10 or more; got"),
        (lambda: pair(noise=3.0), {}, "error on a run left out must be below their spread; got"),
    ],
    ids=["one run", "one shape", "too far", "another peak", "few losses", "few in a run", "noise"],
)
def test_gates(runs, asked, message):
    """Each with its reason."""
    options = {"updates": 4000, "lr": LR} | asked
    with pytest.raises(preheat.DataError, match=message):
        forecast(runs(), f"{TRUNK} 50%", **options)


def test_a_run_that_ends_before_the_losses_begin_is_refused():
    """Those of the warm-up and of the first 4 % are not fitted."""
    with pytest.raises(
        preheat.DataError, match="updates must be at least 80; got 60. The losses that the law is fitted"
    ):
        forecast(pair(), "hold > linear 50%", updates=60, lr=LR)


def test_a_loss_below_zero_is_refused():
    """A law of small losses that falls through 0; the interval stops there."""
    rates = [LR * preheat.parse(words).over(2000)(np.arange(2001)) for words in PAIR]
    at = np.arange(20, 2000, 20)
    steep = [ShortRun.from_log(run_log("a", at, LAW(one, at, blocks=256) - 3.5), words, updates=2000, lr=LR)
             for one, words in zip(rates, PAIR, strict=True)]  # fmt: skip
    with pytest.raises(preheat.DataError, match=r"predicted loss must be > 0; got -0\..*goes below what a loss can be"):
        forecast(steep, f"{TRUNK} 20%", updates=6000, lr=LR)
    with pytest.raises(preheat.DataError, match="predicted loss must be > 0"):
        optimize(steep, f"{TRUNK} 20%", updates=6000, lr=LR)
    assert forecast(steep, f"{TRUNK} 90%", updates=1200, lr=LR).low >= 0.0


def test_shapes_no_law_was_held_to_are_noted():
    """A second rise, a warm-up over most of the run; and why the law with the larger left-out error was taken."""
    again = forecast(
        pair(), "warmup 50 > hold 500 at 1 > hold 500 at 0 > hold 500 at 1 > linear to 0", updates=2000, lr=LR
    )
    assert any("its rate rises again after the warm-up" in note for note in again.notes)
    late = forecast(pair(), "warmup 1500 > linear to 0", updates=2000, lr=LR)
    assert any("its warm-up takes 75% of the run" in note for note in late.notes)
    plain = forecast(pair(), f"{TRUNK} 50%", updates=2000, lr=LR)
    assert [note for note in plain.notes if "warm-up" in note or "is taken where" in note] == []
    assert "mean error on half a run left out: " in str(plain)
    (note,) = _choice_notes("multi-power", {"tissue": 0.008, "multi-power": 0.015})
    assert note.startswith("the tissue law is taken where its error on what is left out is below 1 / 2 of the multi-")


def test_rising_losses_are_noted():
    """Over-fitting is nothing these laws know."""
    runs = pair()
    turned = runs[0].losses + 3.0 * np.clip(runs[0].updates / 2000 - 0.6, 0, None)
    bent = ShortRun.from_log(run_log("bent", runs[0].updates, turned), PAIR[0], updates=2000, lr=LR)
    found = forecast([bent, runs[1]], f"{TRUNK} 50%", updates=2000, lr=LR)
    assert any("bent: the loss rises at the end" in note for note in found.notes)


def test_probe_takes_logged_rates_or_a_schedule():
    """Rates between logged ones on straight lines, and said so."""
    words = f"{TRUNK} 50%"
    rates = LR * preheat.parse(words).over(1000)(np.arange(1000))
    at = np.arange(0, 1000, 10)
    found = ShortRun.from_log(run_log("a", at, np.full(100, 3.0), rates[at]), updates=1000)
    assert np.abs(found.rates[:991] - rates[:991]).max() < 0.1 * LR
    assert found.note == "a: rates between logged ones are on straight lines"
    every = ShortRun.from_log(run_log("b", range(1000), [3.0] * 1000, rates))
    assert (every.note, every.total) == ("", 1000)
    assert len(every.settled().losses) == 400
    with pytest.raises(preheat.DataError, match="run must be one with learning rates; got 'c'"):
        ShortRun.from_log(run_log("c", [1], [2.0]))
    with pytest.raises(preheat.DataError, match="updates of run 'd' must be at most 10; got 20"):
        ShortRun.from_log(run_log("d", [5, 20], [2.0, 1.0]), "linear to 0", updates=10, lr=0.1)
    with pytest.raises(preheat.ScheduleError, match="lr must be a finite number; got None"):
        ShortRun.from_log(run_log("d", [5], [2.0]), "linear to 0", updates=10)
    with pytest.raises(preheat.DataError, match="losses of run 'e' must be > 0; got 0"):
        ShortRun.from_log(run_log("e", [5, 9], [2.0, 0.0]), "linear to 0", updates=10, lr=0.1)


def test_logged_rates_have_to_be_those_of_the_schedule_named():
    """Another peak or shape is refused; a log that counts an update later is not."""
    at = np.arange(0, 1000, 10)
    words = f"{TRUNK} 50%"
    rates = LR * preheat.parse(words).over(1000)(np.arange(1000))
    log = run_log("a", at + 1, np.full(100, 3.0), rates[at])
    assert ShortRun.from_log(log, words, updates=1000, lr=LR).peak == LR
    with pytest.raises(preheat.DataError, match=r"logged learning rates of run 'a' must be those of .*; got 0\.0003\."):
        ShortRun.from_log(log, words, updates=1000, lr=2 * LR)
    with pytest.raises(preheat.DataError, match=r"got 5.4e-06. At update 991 that would be 0.0003."):
        ShortRun.from_log(log, "warmup 50 > hold forever", updates=1000, lr=LR)


def test_rates_logged_apart_from_the_losses_are_used(tmp_path):
    """A Trainer's evaluations at the ends of epochs, its learning rates every ten updates."""
    words = f"{TRUNK} 50%"
    rates = LR * preheat.parse(words).over(1000)(np.arange(1000))
    history = [{"step": step, "loss": 3.0, "learning_rate": float(rates[step - 1])} for step in range(10, 1001, 10)]
    history += [{"step": step, "eval_loss": 3.1} for step in range(117, 1001, 117)]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    found = ShortRun.from_log(read_run(tmp_path, loss="eval_loss"))
    assert found.updates.tolist() == [*range(117, 1001, 117)]
    assert found.peak == pytest.approx(LR)
    assert np.abs(found.rates[10:1000] - rates[9:999]).max() < 0.01 * LR


def test_lost_losses_are_said_and_a_diverged_run_is_refused(tmp_path):
    """A gap in the middle is left out, with a note; a run that ends in NaN has no end."""
    words = PAIR[0]
    one, rates = made(words, 2000)
    for name, gap in (("gap.csv", range(40, 45)), ("end.csv", range(60, 99))):
        lines = [
            f"{at},{'nan' if index in gap else loss},{rates[at]}"
            for index, (at, loss) in enumerate(zip(one.updates, one.losses, strict=True))
        ]
        (tmp_path / name).write_text("\n".join(["step,loss,lr", *lines]) + "\n")
    found = ShortRun.from_log(read_run(tmp_path / "gap.csv"))
    assert found.note.startswith("gap.csv: 5 losses that are not finite are left out; gap.csv: rates between")
    with pytest.raises(
        preheat.DataError, match=r"run 'end.csv' must be one that ends with a finite loss; got '39 that"
    ):
        ShortRun.from_log(read_run(tmp_path / "end.csv"), words, updates=2000, lr=LR)
    own = [{"update": at, "loss": 2.0 if at < 9 else None, "lr": 0.1} for at in range(12)]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in own))
    assert read_run(tmp_path).lost == (9, 10, 11)


def test_command_predicts_from_logs(tmp_path, monkeypatch, capsys):
    """Rates from the log in one run, from words in the other."""
    monkeypatch.chdir(tmp_path)
    for name, words in zip("ab", PAIR, strict=True):
        one, rates = made(words, 2000)
        lines = [f"{at},{loss},{rates[at]}" for at, loss in zip(one.updates, one.losses, strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["step,loss,lr", *lines]) + "\n")
    call = ["forecast", f"{TRUNK} 50%", "--updates", "4000", "--lr", "3e-4"]

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            command([*call, *words])
        return stop.value.code or 0, capsys.readouterr()

    code, shown = run("--run", "a.csv", "--run", f"b.csv={PAIR[1]}@2000")
    assert code == 0
    assert "final loss 3.4" in shown.out
    (tmp_path / "lr=3e-4").mkdir()
    (tmp_path / "lr=3e-4" / "b.csv").write_text((tmp_path / "b.csv").read_text())
    for followed in ("", f"={PAIR[1]}@2000"):  # a name with = in it
        assert run("--run", "a.csv", "--run", f"lr=3e-4/b.csv{followed}")[0] == 0
    assert "run must be a file that can be read; got 'c'" in run("--run", "a.csv", "--run", "c=linear@9")[1].err
    code, shown = run("--run", "a.csv", "--run", "b.csv", "--json")
    assert json.loads(shown.out)["updates"] == 4000
    assert run("--run", "a.csv")[0] == 2
    code, shown = run("--run", "a.csv", "--run", "b.csv=linear")
    assert (code, "run must be written LOG=SCHEDULE@UPDATES" in shown.err) == (2, True)
