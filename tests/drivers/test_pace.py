"""Other libraries' schedulers, stepped rightly and wrongly: what is said, and what is not."""

import logging

import pytest
import torch
from accelerate import Accelerator
from accelerate.scheduler import AcceleratedScheduler
from accelerate.state import AcceleratorState, PartialState
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
)
from transformers import get_cosine_schedule_with_warmup, get_inverse_sqrt_schedule

import preheat
from preheat.torch import Pace

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")


def sequence(optimizer, length):
    parts = [LinearLR(optimizer, total_iters=10), CosineAnnealingLR(optimizer, T_max=length - 10)]
    return SequentialLR(optimizer, parts, milestones=[10])


SHAPES = {
    "OneCycleLR": lambda optimizer, length: OneCycleLR(optimizer, max_lr=1.0, total_steps=length),
    "CosineAnnealingLR": lambda optimizer, length: CosineAnnealingLR(optimizer, T_max=length),
    "PolynomialLR": lambda optimizer, length: PolynomialLR(optimizer, total_iters=length),
    "SequentialLR": sequence,
    "LambdaLR": lambda optimizer, length: get_cosine_schedule_with_warmup(optimizer, 10, length),
}


def said(caplog, make, updates, steps_at, run=None, **options):
    """The warnings of a run in which the scheduler is stepped ``steps_at(update)`` times after each update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
    scheduler = make(optimizer)
    pace = Pace(scheduler, run, **options)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="preheat"):
        for update in range(updates):
            optimizer.step()
            for _ in range(steps_at(update)):
                scheduler.step()
    return pace, [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("kind", SHAPES)
def test_a_pace_that_fits_is_not_worth_a_word(caplog, kind):
    """Once an update over the run; once an epoch, with epochs for a length; four times as long, stepped four times."""
    for length, steps in ((1000, lambda _: 1), (100, lambda update: update % 10 == 9), (4000, lambda _: 4)):
        pace, found = said(caplog, lambda one, length=length: SHAPES[kind](one, length), 1000, steps, run=1000)
        assert found == []
        assert (pace.updates, pace.verdict()) == (1000, "")


@pytest.mark.parametrize("kind", SHAPES)
def test_stepped_once_an_epoch_and_shaped_for_updates(caplog, kind):
    """Half a run is not waited for: fifty updates tell."""
    _, found = said(caplog, lambda one: SHAPES[kind](one, 1000), 60, lambda update: update % 10 == 9, run=1000)
    assert found == [
        f"{kind} moved 4 times in 50 updates: shaped for 1000 of them, it makes about 80 in a run of 1000 updates."
        " Step it once an update, or count its length in the steps it makes."
    ]


@pytest.mark.parametrize("kind", [kind for kind in SHAPES if kind != "OneCycleLR"])  # which raises by itself
def test_stepped_on_every_micro_batch(caplog, kind):
    """Four moves an update are said with both rates, and once only."""
    pace, found = said(caplog, lambda one: SHAPES[kind](one, 1000), 1000, lambda _: 4, run=1000)
    assert found == [
        f"{kind} moved 196 times in 50 updates: shaped for 1000 of them, it makes about 3920 in a run of 1000 updates."
        " Step it once an update, or count its length in the steps it makes."
    ]
    assert pace.moves == 4000


def test_accelerates_wrapper_is_looked_into(caplog, monkeypatch):
    """Four processes: four moves an update, unless batches are split."""
    AcceleratorState._reset_state()
    Accelerator(cpu=True)
    monkeypatch.setitem(PartialState._shared_state, "num_processes", 4)

    def wrapped(optimizer, split):
        optimizer.step_was_skipped = False
        return AcceleratedScheduler(SHAPES["LambdaLR"](optimizer, 1000), optimizer, split_batches=split)

    for split, moves in ((False, 4), (True, 1)):
        pace, found = said(caplog, lambda one, split=split: wrapped(one, split), 100, lambda _: 1, run=1000)
        assert pace.moves == 100 * moves
        assert len(found) == (moves == 4)


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: MultiStepLR(optimizer, [30, 60]),
        lambda optimizer: LinearLR(optimizer, total_iters=20),
        lambda optimizer: LambdaLR(optimizer, lambda step: 1.0),
        lambda optimizer: get_inverse_sqrt_schedule(optimizer, 10),
    ],
    ids=["MultiStepLR", "LinearLR", "LambdaLR", "inverse_sqrt"],
)
def test_shapes_without_a_length(caplog, make):
    """Slow moves may be meant; several an update are said all the same."""
    for run in (None, 1000):
        _, found = said(caplog, make, 100, lambda update: update % 10 == 9, run)
        assert found == []
        _, found = said(caplog, make, 100, lambda _: 4, run)
        assert len(found) == 1
        assert "moved 196 times in 50 updates: one move an update was expected." in found[0]


def test_short_runs_are_judged_at_their_half(caplog):
    """20 updates: after 10 of them."""
    _, found = said(caplog, lambda one: CosineAnnealingLR(one, T_max=20), 11, lambda _: 0, run=20)
    assert found[0].startswith("CosineAnnealingLR moved 0 times in 10 updates: shaped for 20")


def test_a_length_that_is_barely_off_is_found_later(caplog):
    """Steps are seen one by one: what fifty updates leave open, eight hundred tell."""
    _, found = said(caplog, lambda one: CosineAnnealingLR(one, T_max=48), 1000, lambda at: at % 10 == 9, run=1000)
    assert [message.split(":")[0] for message in found] == ["CosineAnnealingLR moved 79 times in 800 updates"]


def test_watching_ends_when_it_is_told_to():
    """And does not keep a hook on the optimizer."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    pace = Pace(CosineAnnealingLR(optimizer, T_max=10))
    assert pace.verdict() == ""
    pace.remove()
    optimizer.step()
    assert pace.updates == 0
    assert not optimizer._optimizer_step_post_hooks


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scheduler": 3}, "scheduler must be a torch scheduler; got 3"),
        ({"run": 0}, "run must be >= 1; got 0"),
        ({"after": 0}, "after must be >= 1; got 0"),
    ],
)
def test_refusals(arguments, message):
    """By name."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with pytest.raises(preheat.ScheduleError, match=message):
        Pace(**{"scheduler": CosineAnnealingLR(optimizer, T_max=10), **arguments})
