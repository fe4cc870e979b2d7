"""Schedules out of gradient norms."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import preheat
from preheat.advice import bound, from_gradient_norms, read_run, run_log
from support.loss_curves import needs_curves, schaipp_norms


@given(st.floats(1e-3, 1e3), st.integers(50, 3000), st.sampled_from(["sgd", "adam"]))
def test_flat_norms_give_the_line(norm, updates, optimizer):
    """Whatever their size."""
    refined = from_gradient_norms([norm] * 50, updates, optimizer=optimizer)
    line = 1 - np.arange(updates) / updates
    assert np.abs(refined.schedule(np.arange(updates)) - line).max() < 1e-9
    assert (refined.warmup, refined.notes[:1] == ()) == (0, optimizer == "sgd")
    assert refined.ratio == pytest.approx(1)


@settings(max_examples=30)
@given(st.lists(st.floats(0.8, 1.25), min_size=20, max_size=60), st.floats(1e-3, 1e3))
def test_units_of_the_norms_do_not_matter(norms, scale):
    """The same schedule, and the bound is twice the closed rate for the weights of SGD."""
    one, other = from_gradient_norms(norms, 1000), from_gradient_norms(np.array(norms) * scale, 1000)
    assert one.schedule(np.arange(1000)) == pytest.approx(other.schedule(np.arange(1000)))
    assert one.over_rate == pytest.approx(2.0, rel=0.06)
    assert one.schedule(1000) == 0.0


def test_large_early_gradients_become_a_warm_up():
    """And large late ones an earlier decay."""
    norms = np.concatenate([np.full(20, 5.0), np.full(180, 1.0)])
    refined = from_gradient_norms(norms, 2000)
    assert 150 <= refined.warmup <= 250
    assert refined.schedule(0) == pytest.approx(0.04 * 2000 / 1800, rel=0.1)
    assert refined.ratio < 0.95
    assert refined.ratio == pytest.approx(
        bound(refined.schedule, grad_norms=norms).bound
        / bound("transformers: linear to 0", updates=2000, grad_norms=norms).bound,
        rel=0.01,
    )


def test_outliers_are_filtered_and_capped():
    """A spike is nothing; a long stretch of tiny norms is cut, and said."""
    spiked = np.ones(100)
    spiked[40] = 1e-4
    assert from_gradient_norms(spiked, 1000).capped == 0.0
    tiny = np.ones(100)
    tiny[38:49] = 1e-3
    refined = from_gradient_norms(tiny, 1000)
    assert 0 < refined.capped < 0.2
    assert "are cut there" in refined.notes[0]


@needs_curves
def test_warm_up_and_decay_emerge_from_public_norms():
    """124M, linear, 1e-3: begins at 0.11, peaks at 5 % of training; twice the closed rate; 8 % below linear."""
    refined = from_gradient_norms(schaipp_norms(129)[:100], 50_000)
    assert refined.schedule(0) == pytest.approx(0.11, abs=0.005)
    assert refined.warmup / 50_000 == pytest.approx(0.05, abs=0.006)
    assert refined.over_rate == pytest.approx(2.0011, rel=0.002)
    assert refined.ratio == pytest.approx(0.926, abs=0.01)  # from finer logs; these are means of 500 updates


def test_a_run_without_norms_is_refused():
    """With what to log."""
    with pytest.raises(preheat.DataError, match="run 'a' must be one with 20 gradient norms at least; got 0. Log the"):
        from_gradient_norms(run_log("a", [0, 1], [2.0, 1.0]), 100)
    with pytest.raises(preheat.ScheduleError, match="norms must be 20 or more finite numbers > 0"):
        from_gradient_norms([0.6, 0.2, 0.2], 100)
    with pytest.raises(preheat.ScheduleError, match="optimizer must be one of 'sgd', 'adam'; got 'lion'"):
        from_gradient_norms([1.0] * 20, 100, optimizer="lion")


def test_norms_of_zero_are_said(tmp_path, cli):
    """Left out where there are others, refused with their number where there are none."""
    for name, every in (("some.csv", 3), ("none.csv", 10**6)):
        rows = [f"{step},2.0,{0.0 if step % every else 1.5}" for step in range(1, 301)]
        (tmp_path / name).write_text("\n".join(["step,loss,grad_norm", *rows]) + "\n")
    note = "some.csv: 200 gradient norms that are not finite and > 0 are left out"
    assert note in from_gradient_norms(read_run(tmp_path / "some.csv"), 100).notes
    with pytest.raises(preheat.DataError, match="It has 300 that are not finite and > 0. Log the gradient norm"):
        from_gradient_norms(read_run(tmp_path / "none.csv"), 100)
    code, _, err = cli("score", "linear to 0", "--updates", 300, "--grad-norms", tmp_path / "some.csv")
    assert (code, err) == (0, f"note: {note}\n")


def test_result_is_plain_data_and_words():
    """The schedule reads back."""
    refined = from_gradient_norms(np.linspace(3, 1, 50), 500)
    data = json.loads(json.dumps(refined.to_dict()))
    assert preheat.Schedule.from_dict(data["schedule"]) == refined.schedule
    assert "cannot say: what the refined run will gain" in str(refined)
