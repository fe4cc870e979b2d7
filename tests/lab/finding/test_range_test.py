"""The range test: what it tries, when it stops, what it records and says."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import preheat
from preheat.lab import find_lr
from preheat.lab.finding import Suggestion
from preheat.torch import Scheduler

SHORT = {"start": 1e-4, "end": 1.0, "updates": 12}


def full_batch(lr=1e-3, seed=0):
    """Least squares on one batch: a curve without noise."""
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(64, 4, generator=draw)
    batch = {"x": inputs, "y": inputs @ torch.tensor([1.0, -2.0, 0.5, 3.0])}
    torch.manual_seed(seed)
    model = nn.Linear(4, 1)
    return model, torch.optim.SGD(model.parameters(), lr=lr), batch


def squares(model, batch):
    return (model(batch["x"]).squeeze(1) - batch["y"]).square().mean()


# --- what it tries and records ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_rates_are_evenly_spaced_and_both_ends_are_tried(spacing):
    """Every step alike, the first too; and the update really runs at the rate that is reported."""
    model, optimizer, batch = full_batch()
    test = find_lr(model, optimizer, [batch], squares, start=1e-5, end=1e-2, updates=20, spacing=spacing)
    assert (test.lrs[0], test.lrs[-1], len(test.lrs)) == (1e-5, 1e-2, 20)
    steps = np.diff(np.log(test.lrs) if spacing == "log" else test.lrs)
    assert steps == pytest.approx([steps[0]] * 19, rel=1e-9)
    assert (test.spacing, test.stopped) == (spacing, "at the end of the range")


def test_losses_are_those_of_a_loop_by_hand():
    """Bit for bit: the loss of update k's batch, before it, each update at its own rate."""
    model, optimizer, batch = full_batch()
    test = find_lr(model, optimizer, [batch], squares, **SHORT)
    losses = []
    for lr in np.geomspace(1e-4, 1.0, 12):
        optimizer.param_groups[0]["lr"] = float(lr)
        optimizer.zero_grad()
        loss = squares(model, batch)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    assert list(test.losses) == losses[: len(test.losses)]


@pytest.mark.parametrize("many", [2, 3])
def test_accumulated_batches_are_one_update_of_all_of_them(finding, many):
    """Parts of a batch give the whole batch's curve, to rounding."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)).double()
    wholes = [(inputs.double(), classes) for inputs, classes in finding.batches(12, rows=12)]
    parts = [
        (part, own)
        for inputs, classes in wholes
        for part, own in zip(inputs.chunk(many), classes.chunk(many), strict=True)
    ]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    whole = find_lr(model, optimizer, wholes, finding.loss, **SHORT)
    accumulated = find_lr(model, optimizer, parts, finding.loss, accumulation=many, **SHORT)
    assert accumulated.losses == pytest.approx(whole.losses, rel=1e-9)
    assert accumulated.lrs == whole.lrs
    assert accumulated.accumulation == many
    assert f"12 updates of {many} batches" in accumulated.explain()


@pytest.mark.parametrize("as_rate", [float, torch.tensor])
def test_groups_keep_their_ratios(as_rate):
    """All groups climb together; the first one with a rate above 0 is the reference, and a group at 0 stays there."""
    weights = [nn.Parameter(torch.ones(2)) for _ in range(3)]
    model = nn.ParameterList(weights)
    groups = [{"params": [weight], "lr": as_rate(lr)} for weight, lr in zip(weights, [0.0, 1e-2, 1e-3], strict=True)]
    optimizer = torch.optim.SGD(groups)
    seen = []

    def loss(model, batch):
        seen.append([weight[0].item() for weight in weights])
        return sum(weight.sum() for weight in weights)

    test = find_lr(model, optimizer, [None], loss, start=1e-3, end=1e-2, updates=10)
    assert test.ratios == pytest.approx((0.0, 1.0, 0.1))
    moved = -np.diff(np.array(seen[:10]), axis=0)
    assert moved[:, 0].tolist() == [0.0] * 9
    assert moved[:, 1] == pytest.approx(test.lrs[:9], rel=1e-3)
    assert moved[:, 2] == pytest.approx([0.1 * lr for lr in test.lrs[:9]], rel=1e-2)
    assert "learning rates are the first group's; the groups' are 0, 1, 0.1 times that" in test.explain()


def test_ratios_are_those_of_the_peaks():
    """Groups on schedules of their own are at other ratios now than at their peaks, which are what is looked for."""
    weights = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    groups = [{"params": [weight], "lr": lr} for weight, lr in zip(weights, [1e-2, 1e-3], strict=True)]
    optimizer = torch.optim.SGD(groups)
    late = preheat.get_schedule("warmupconstant", warmup=5)
    Scheduler(optimizer, preheat.get_schedule("constantlr"), groups={"1": late})
    assert [group["lr"] for group in optimizer.param_groups] == [1e-2, 0.0]
    test = find_lr(nn.ParameterList(weights), optimizer, [None], lambda m, b: sum(w.sum() for w in weights), **SHORT)
    assert test.ratios == pytest.approx((1.0, 0.1))


def test_clipping_is_the_training_loops():
    """A huge gradient clipped to 1 moves the weight by the rate; the critical rate is of a clipped update too."""
    weight = nn.Parameter(torch.tensor([0.0]))
    seen = []

    def loss(model, batch):
        seen.append(weight.item())
        return 1e6 * weight.sum()

    test = find_lr(nn.ParameterList([weight]), torch.optim.SGD([weight], lr=1.0), [None], loss, clip=1.0, **SHORT)
    assert -np.diff(seen[:12]) == pytest.approx(test.lrs[:11], rel=1e-4)
    model, optimizer, batch = full_batch()
    clipped = find_lr(model, optimizer, [batch], squares, clip=0.01, **SHORT)
    assert clipped.critical.lr > 10 * find_lr(model, optimizer, [batch], squares, **SHORT).critical.lr


def test_it_runs_in_training_mode_whatever_mode_the_model_is_in(finding):
    """Pretrained models arrive in evaluation mode."""
    model = finding.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    training = find_lr(model, optimizer, finding.batches(), finding.loss, **SHORT)
    model.eval()
    assert find_lr(model, optimizer, finding.batches(), finding.loss, **SHORT) == training
    assert not any(module.training for module in model.modules())


def test_default_loss_is_that_of_hugging_face_models():
    """``model(**batch).loss``."""

    class Output(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 1)

        def forward(self, x, y):
            return type("Result", (), {"loss": squares(self.linear, {"x": x, "y": y})})

    _, _, batch = full_batch()
    torch.manual_seed(0)
    model = Output()
    test = find_lr(model, torch.optim.SGD(model.parameters(), lr=1e-3), [batch], **SHORT)
    other, optimizer, _ = full_batch()
    assert test.losses == find_lr(other, optimizer, [batch], squares, **SHORT).losses


def test_state_of_the_optimizer_counts(finding):
    """The test begins from the momentum that is there."""
    model, optimizer, batch = full_batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    fresh = find_lr(model, optimizer, [batch], squares, **SHORT)
    assert any("a momentum of 0.9 makes later updates up to 10 times as long" in note for note in fresh.notes)
    squares(model, batch).backward()
    optimizer.step()
    warm = find_lr(model, optimizer, [batch], squares, **SHORT)
    assert not any("momentum" in note for note in warm.notes)
    assert warm.losses[1] < fresh.losses[1]


# --- when it stops ---------------------------------------------------------------------------------------------------


def test_stops_where_the_average_is_above_so_many_times_its_best():
    """And not before."""
    model, optimizer, batch = full_batch()
    test = find_lr(model, optimizer, [batch], squares, start=1e-3, end=100, updates=60, smoothing=0.0, stop_at=3.0)
    losses = np.array(test.losses)
    assert len(losses) < 60
    assert losses[-1] > 3 * losses.min()
    assert all(loss <= 3 * losses[: at + 1].min() for at, loss in enumerate(losses[:-1]))
    words = f"after {len(losses) - 1} updates, the average loss is above 3 times its best at {test.lrs[-1]:.3g}"
    assert test.stopped == words


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_stops_where_the_loss_is_not_finite(bad):
    """The point is recorded and read by no rule; JSON has null for it."""
    model, optimizer, batch = full_batch()
    calls = itertools.count()

    def loss(model, batch):
        return squares(model, batch) * (bad if next(calls) == 30 else 1.0)

    test = find_lr(model, optimizer, [batch], loss, start=1e-3, end=0.1, updates=60)
    assert len(test.losses) == 31
    assert not math.isfinite(test.losses[-1])
    assert math.isnan(test.smoothed[-1])
    assert test.stopped == f"after 30 updates, the loss is {bad} at {test.lrs[-1]:.3g}"
    assert json.loads(json.dumps(test.to_dict(), allow_nan=False))["losses"][-1] is None
    assert test.suggestion("minimum / 10").lr <= test.lrs[29] / 10


def test_a_loss_that_is_never_finite_gives_no_suggestion():
    """Each rule says so."""
    model, optimizer, batch = full_batch()
    test = find_lr(model, optimizer, [batch], lambda model, batch: squares(model, batch) * math.nan)
    assert len(test.losses) == 1
    assert all(one.lr is None and one.reason for one in test.suggestions)
    assert "needed and 0 can be read: the loss rises at once, so start lower" in test.suggestion("valley").reason
    assert test.suggestion("critical").reason == "the loss is nan before any step"
    json.dumps(test.to_dict(), allow_nan=False)
    assert "none, because" in test.explain()
    assert test.plot() is not None


def test_losses_below_zero_stop_as_far_above_the_best():
    """Four times -10 is below it."""
    weight = nn.Parameter(torch.tensor([3.0]))
    model = nn.ParameterList([weight])
    optimizer = torch.optim.SGD([weight], lr=0.1)
    test = find_lr(model, optimizer, [None], lambda m, b: weight.square().sum() - 10, start=1e-3, end=50)
    assert min(test.losses) < -9
    assert "above 4 times its best" in test.stopped
    assert test.losses[-1] > 0


# --- what it says ----------------------------------------------------------------------------------------------------


def test_a_trained_model_is_noticed():
    """The loss never falls below where it starts, and then rises."""
    model, optimizer, batch = full_batch()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -2.0, 0.5, 3.0]]))
        model.bias.fill_(0.05)
    test = find_lr(model, optimizer, [batch], squares, start=1.5, end=30, updates=60)
    assert any("the model is trained already" in note for note in test.notes)
    assert {one.lr for one in test.suggestions[:4]} == {None}


def test_a_level_curve_is_noticed(finding):
    """No rate in the range does anything."""
    torch.manual_seed(0)
    model = finding.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    test = find_lr(model, optimizer, finding.batches(100), finding.loss, start=1e-9, end=1e-8)
    assert any(note.startswith("the loss stays level") for note in test.notes)
    reasons = {one.reason for one in test.suggestions[:4]}
    assert len(reasons) == 1
    assert "noise" in reasons.pop() or "never falls" in test.suggestion("steepest").reason


def test_few_points_and_data_seen_again_are_noted():
    """Twelve updates of one batch."""
    model, optimizer, batch = full_batch()
    test = find_lr(model, optimizer, [batch], squares, start=1e-3, end=1e-1, updates=12)
    assert "12 points are few: plan more updates, in a range where the loss falls" in test.notes
    assert "the batches were gone through 12 times: the loss of data seen before is lower" in test.notes


def test_noise_as_large_as_the_fall_is_noted(finding):
    """One row a batch."""
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    test = find_lr(model, optimizer, finding.batches(100, rows=1), finding.loss, start=1e-4, end=1, smoothing=0.5)
    assert any("the noise of its average is" in note or "noise of the batches" in note for note in
               [*test.notes, *(one.reason for one in test.suggestions)])  # fmt: skip


def test_it_never_sets_the_rate():
    """Suggestions only."""
    model, optimizer, batch = full_batch(lr=0.123)
    find_lr(model, optimizer, [batch], squares)
    assert optimizer.param_groups[0]["lr"] == 0.123


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (None, ["name a schedule to read what that means for it"]),
        ("warmup 10% > linear", ["its lengths are not known: it waits for a plan"]),
        (
            preheat.parse("warmup 10% > linear").over(4800),
            [
                "it warms up for 480 updates: a warm-up tolerates a higher peak",
                "it is 4800 updates long",
                "here by a factor of 20",
                "it decays: linear and cosine decay to 0 take about 1.9 times",
            ],
        ),
        (preheat.get_schedule("constantlr"), ["this schedule is"]),
    ],
    ids=["none", "waiting", "long", "constant"],
)
def test_it_says_for_which_schedule_it_holds(schedule, words):
    """Without warm-up, without decay, and as short as it is."""
    model, optimizer, batch = full_batch()
    test = find_lr(model, optimizer, [batch], squares, schedule=schedule, **SHORT)
    text = test.explain()
    assert "hold for a constant learning rate without warm-up and decay, over 12 updates" in text
    assert all(word in text for word in words)
    assert ("decays" in text) == ("decays" in " ".join(words))


def test_explain_to_dict_and_plot(tmp_path):
    """All three are complete; the picture marks every suggestion inside the range."""
    model, optimizer, batch = full_batch()
    test = find_lr(model, optimizer, [batch], squares, start=1e-4, end=10)
    assert str(test) == test.explain()
    first = "range test: 0.0001 to 10 in 200 updates, log spacing, smoothing 0.8"
    assert test.explain().splitlines()[0] == first
    assert all(f"  {one}" in test.explain().splitlines() for one in test.suggestions)
    data = json.loads(json.dumps(test.to_dict(), allow_nan=False))
    assert data["lrs"] == list(test.lrs)
    assert set(data) == set(test.__slots__)
    figure = test.plot(tmp_path / "test.png")
    assert (tmp_path / "test.png").stat().st_size > 1000
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_xlabel(), axes.get_ylabel()) == ("log", "learning rate", "loss")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:2] == ["loss of each update", "smoothed"]
    assert labels[2:] == [f"{one.name}: {one.lr:.2g}" for one in test.suggestions if one.lr]
    marked = {line.get_label(): line.get_xdata()[0] for line in axes.lines}
    assert all(marked[f"{one.name}: {one.lr:.2g}"] == one.lr for one in test.suggestions if one.lr)
    linear = find_lr(model, optimizer, [batch], squares, start=1e-4, end=0.1, spacing="linear")
    assert linear.plot().axes[0].get_xscale() == "linear"


def test_the_critical_rate_of_a_quadratic_is_in_the_suggestions():
    """2 / lambda along the gradient, and the curve turns where it should: below it."""
    model, optimizer, batch = full_batch()
    inputs = torch.cat([batch["x"], torch.ones(64, 1)], dim=1).double()
    hessian = 2 * inputs.T @ inputs / 64
    squares(model, batch).backward()
    gradient = torch.cat([model.weight.grad.flatten(), model.bias.grad]).double()
    expected = float(2 * gradient @ gradient / (gradient @ hessian @ gradient))
    optimizer.zero_grad()
    test = find_lr(model, optimizer, [batch], squares, start=1e-4, end=10)
    assert test.suggestion("critical") == Suggestion("critical", test.critical.lr, test.suggestion("critical").reason)
    low, high = test.critical.bracket
    assert low * 0.999 <= expected <= high * 1.001


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"start": 0}, "start must be > 0; got 0"),
        ({"start": 1.0, "end": 0.1}, "end must be above start=1; got 0.1"),
        ({"end": math.inf}, "end must be a finite number"),
        ({"updates": 9}, "updates must be >= 10; got 9"),
        ({"updates": 10.5}, "updates must be a whole number"),
        ({"spacing": "even"}, "spacing must be one of 'log', 'linear'; got 'even'"),
        ({"accumulation": 0}, "accumulation must be >= 1; got 0"),
        ({"smoothing": 1.0}, r"smoothing must be in \[0, 1\); got 1.0"),
        ({"stop_at": 1.0}, "stop_at must be > 1; got 1.0"),
        ({"clip": 0.0}, "clip must be > 0; got 0.0"),
        ({"schedule": "warmup warmup"}, "warmup"),
    ],
)
def test_refuses_settings_that_cannot_be(finding, options, match):
    """Before anything runs."""
    model, optimizer, batch = full_batch()
    before = finding.world(model, optimizer)
    with pytest.raises(preheat.ScheduleError, match=match):
        find_lr(model, optimizer, [batch], squares, **options)
    assert finding.world(model, optimizer) == before


@pytest.mark.parametrize(
    ("batches", "match"),
    [
        ((batch for batch in [1]), "batches must be something that can be iterated anew; got 'generator'"),
        ({"x": torch.ones(1, 4)}, "batches must be a loader or a list of batches; got 'dict'"),
        (torch.ones(1, 4), "batches must be a loader or a list of batches; got 'Tensor'"),
        (7, "batches must be a loader or a list of batches; got 'int'"),
        ([], "batches must be at least one batch; got 'none'"),
    ],
    ids=["generator", "one batch", "tensor", "number", "empty"],
)
def test_refuses_batches_that_cannot_be_taken(finding, batches, match):
    """An iterator is not used up: it is refused untouched."""
    model, optimizer, _ = full_batch()
    before = finding.world(model, optimizer)
    with pytest.raises(preheat.DataError, match=match):
        find_lr(model, optimizer, batches, squares)
    assert finding.world(model, optimizer) == before


def test_refuses_rules_that_do_not_exist():
    """With those that do."""
    model, optimizer, batch = full_batch()
    test = find_lr(model, optimizer, [batch], squares, **SHORT)
    with pytest.raises(preheat.ScheduleError, match="name must be one of 'steepest', 'minimum / 10', 'valley'"):
        test.suggestion("best")
