"""Loss over shape and peak from four runs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.advice import FinishedRun, Surface, fit_surface, transfer
from preheat.lab.quadratic import Quadratic
from support.loss_curves import needs_curves, schaipp_runs

WSD, LATE, LINE = "hold 80% > linear to 0", "hold 20% > linear to 0", "linear to 0"


def words(run):
    """A public run's schedule in words; its warmup begins at 1 % of the peak."""
    warmup = "linear 300 from 0.01 to 1"
    if run["schedule"] == "cos":
        return f"{warmup} > cosine to {run['floor']:g}"
    shape = "1-sqrt" if run["shape"] == "sqrt" else "linear"
    return f"transformers: {warmup} > hold > {shape} {100 * run['cooldown']:g}% to 0"


@needs_curves
def test_four_public_runs_predict_the_others():
    """124M, 50k updates: mean error below 0.010 on the twelve others that are public here."""
    kept = {
        number: run
        for number, run in schaipp_runs().items()
        if run["total"] == 50_000 and run["group"] != "horizon" and (run["cooldown"] or run["schedule"] == "cos")
    }
    outcomes = {number: FinishedRun(words(run), run["peak"], run["final"]) for number, run in kept.items()}
    four = (114, 27, 122, 73)
    found = fit_surface([outcomes[number] for number in four], updates=50_000)
    off = [abs(found.loss(one.schedule, one.peak) - one.loss) for number, one in outcomes.items() if number not in four]
    assert len(off) == 12
    assert np.mean(off) < 0.010
    assert found.best(words(kept[27]))[0] == pytest.approx(8e-4, rel=0.1)


@given(st.floats(1, 4), st.floats(0.1, 10), st.floats(0.1, 10))
def test_numbers_that_made_the_runs_are_found(floor, far, noise):
    """And the best peaks are in the ratio of the bound's."""
    peaks = (0.003 * np.sqrt(far / noise), 0.03 * np.sqrt(far / noise), 0.3 * np.sqrt(far / noise))
    made = Surface(1000, floor, far, noise, 0.0, None, ())
    runs = [FinishedRun(WSD, peak, made.loss(WSD, peak)) for peak in peaks]
    runs += [
        FinishedRun(LATE, peaks[1], made.loss(LATE, peaks[1])),
        FinishedRun(LINE, peaks[0], made.loss(LINE, peaks[0])),
    ]
    found = fit_surface(runs, updates=1000)
    assert (found.floor, found.far, found.noise) == pytest.approx((floor, far, noise), rel=1e-4)
    assert found.left_out == pytest.approx(0.0, abs=1e-6 * floor)
    ratio = found.best(LINE)[0] / found.best(WSD)[0]
    assert ratio == pytest.approx(transfer(1.0, WSD, LINE, updates=1000).ratio)


def test_lab_is_predicted_on_the_easy_problem():
    """Four exact runs; the best peak of linear within a third."""
    lab = Quadratic(spectrum=1.5, source=1.0)

    def outcome(shape, peak):
        return FinishedRun(shape, peak, lab.tune({"one": shape}, 3000, [peak])[0].loss)

    found = fit_surface([outcome(WSD, 0.1), outcome(WSD, 0.25), outcome(WSD, 0.7), outcome(LATE, 0.25)], updates=3000)
    (truth,) = lab.tune({"one": LINE}, 3000, np.geomspace(0.05, 1.5, 30))
    assert found.best(LINE)[0] == pytest.approx(truth.peak, rel=0.34)


def test_next_run_is_the_far_one():
    """An extreme peak tells most."""
    runs = [FinishedRun(WSD, peak, 3 + 1e-4 / peak + 30 * peak) for peak in (1e-4, 1e-3, 1e-2)]
    found = fit_surface([*runs, FinishedRun(LATE, 1e-3, 3.1)], updates=1000)
    assert found.next_run([WSD], [1e-3, 3e-3, 3e-2])[1] == 3e-2
    assert found.next_run([WSD], [1e-4, 1e-3, 3e-3])[1] == 3e-3  # the others are made
    assert found.next_run([preheat.parse(WSD).over(1000)], [1e-4, 1e-3])[1] == 1e-4  # nothing else is left
    assert json.loads(json.dumps(found.to_dict()))["runs"][0]["schedule"] == WSD
    assert "cannot say: another horizon" in str(found)


def test_a_diverged_run_among_others_is_refused():
    """Its loss of 9 would bend all that is said of runs between 2.9 and 3.2."""
    runs = [FinishedRun(WSD, peak, loss) for peak, loss in ((1e-4, 3.2), (1e-3, 2.966), (3e-3, 9.03))]
    with pytest.raises(preheat.DataError, match=r"error of the fit must be below what the losses differ by; got 0\.35"):
        fit_surface([*runs, FinishedRun(LINE, 1e-3, 2.955)], updates=1000)


@pytest.mark.parametrize(
    ("peaks", "message"),
    [
        ((1e-3, 2e-3), "runs must be 4 or more; got 2"),
        ((1e-3, 1e-3, 1e-3, 1e-3), "runs must be different enough to tell three numbers apart; got 1"),
        ((1e-4, 2e-4, 3e-4, 4e-4), r"peaks must be on both sides of the best; got \[0\.0001"),
    ],
)
def test_refusals(peaks, message):
    """Too few, all alike, one side."""
    runs = [FinishedRun(WSD, peak, 3 + 1e-4 / peak) for peak in peaks]
    with pytest.raises(preheat.DataError, match=message):
        fit_surface(runs, updates=1000)
