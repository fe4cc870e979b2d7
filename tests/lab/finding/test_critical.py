"""The critical learning rate of known problems, and nothing moved by measuring it."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

import preheat
from preheat.lab import critical_lr
from preheat.lab.finding import critical_lr_of_update
from preheat.torch import Scheduler

EXACT = {"bisections": 30}


def quadratic(weight, curvatures):
    """A module of one weight, and the loss 0.5 * sum(curvature * weight**2)."""
    model = nn.ParameterList([nn.Parameter(torch.tensor(weight, dtype=torch.float64))])
    matrix = torch.tensor(curvatures, dtype=torch.float64)
    return model, lambda model, batch: batch * 0.5 * (matrix * model[0].square()).sum()


@pytest.mark.parametrize("curvature", [0.01, 1.0, 250.0])
@pytest.mark.parametrize("lr", [1e-6, 0.1, 30.0])
def test_gradient_descent_on_a_quadratic_gives_two_over_lambda(curvature, lr):
    """In closed form, wherever the search starts."""
    model, loss = quadratic([0.7], [curvature])
    found = critical_lr(model, torch.optim.SGD(model.parameters(), lr=lr), [1.0], loss, **EXACT)
    assert found.lr == pytest.approx(2 / curvature, rel=1e-6)
    assert found.sharpness == pytest.approx(curvature, rel=1e-6)
    assert found.loss == pytest.approx(0.5 * curvature * 0.49)


def test_gradient_descent_in_two_dimensions():
    """Along g = A x the loss returns at s = 2 g.g / g.A g."""
    curvatures, start = np.array([1.0, 9.0]), np.array([3.0, 0.5])
    gradient = curvatures * start
    expected = 2 * gradient @ gradient / (gradient @ (curvatures * gradient))
    model, loss = quadratic(start.tolist(), curvatures.tolist())
    found = critical_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), [1.0], loss, **EXACT)
    assert found.lr == pytest.approx(expected, rel=1e-6)


def test_the_preconditioner_of_the_optimizer_counts():
    """Adam's first update is the sign of the gradient: along it the loss returns at s = 2 sum|g| / sum(curvature)."""
    model, loss = quadratic([3.0, -0.5], [1.0, 9.0])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, eps=1e-300)
    found = critical_lr(model, optimizer, [1.0], loss, **EXACT)
    assert found.lr == pytest.approx(2 * (3.0 + 4.5) / 10.0, rel=1e-6)


def test_decoupled_weight_decay_is_part_of_the_update():
    """SGD-like: AdamW moves by sign(g) + wd * x, both times the rate."""
    start, wd = 3.0, 0.5
    model, loss = quadratic([start], [1.0])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, eps=1e-300, weight_decay=wd)
    found = critical_lr(model, optimizer, [1.0], loss, **EXACT)
    assert found.lr == pytest.approx(2 * start / (1 + wd * start), rel=1e-6)


def test_momentum_that_has_built_up_counts():
    """A second update with gradient g and momentum m moves by g + m g0."""
    model, loss = quadratic([1.0], [4.0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loss(model, 1.0).backward()
    optimizer.step()
    weight = 1 - 0.05 * 4.0
    found = critical_lr(model, optimizer, [1.0], loss, **EXACT)
    assert found.lr == pytest.approx(2 * weight / (4.0 * weight + 0.9 * 4.0), rel=1e-6)


@pytest.mark.parametrize("first", [0.1, 0.0])
def test_groups_keep_their_ratios(first):
    """The rate is that of the first group with one above 0."""
    one, two, three = (nn.Parameter(torch.tensor([1.0], dtype=torch.float64)) for _ in range(3))
    model = nn.ParameterList([one, two, three])
    rates = [first, 0.1, 0.02]
    groups = [{"params": [weight], "lr": rate} for weight, rate in zip(model, rates, strict=True)]
    optimizer = torch.optim.SGD(groups, lr=1.0)

    def loss(model, batch):
        return 0.5 * sum(weight.square().sum() for weight in model)

    ratios = np.array(rates) / 0.1
    found = critical_lr(model, optimizer, [None], loss, **EXACT)
    assert found.lr == pytest.approx(2 * ratios.sum() / (ratios**2).sum(), rel=1e-6)


def test_clipping_shortens_the_direction():
    """A gradient of norm 8 clipped to 2 moves a quarter as far: the rate is four times as high."""
    model, loss = quadratic([2.0], [4.0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    found = critical_lr(model, optimizer, [1.0], loss, clip=2.0, **EXACT)
    assert found.lr == pytest.approx(4 * 2 / 4.0, rel=1e-5)  # torch's clipping adds 1e-6 to the norm


def test_several_batches_are_one_update_of_their_mean():
    """Curvatures 1 and 3 are a mean of 2."""
    model, loss = quadratic([1.0], [1.0])
    found = critical_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), [1.0, 3.0], loss, **EXACT)
    assert found.lr == pytest.approx(2 / 2.0, rel=1e-6)


def test_tiny_updates_are_not_lost_in_rounding():
    """A gradient 1e-9 times the weight vanishes in float32 at a rate of 1; the trial update is larger."""
    weight = nn.Parameter(torch.tensor([1.0, 1.0]))
    model = nn.ParameterList([weight])

    def loss(model, batch):
        return 0.5e-9 * (weight.double() - 3).square().sum()

    found = critical_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), [None], loss, at=1e6)
    assert found.bracket[0] <= 2e9 <= found.bracket[1]


@pytest.mark.parametrize("base", [0.3, None])
def test_a_rate_of_zero_is_measured_from_the_base_value(base):
    """A warm-up from 0: groups keep the ratios of their base values where there are some."""
    model, loss = quadratic([1.0], [4.0])
    optimizer = torch.optim.SGD(model.parameters(), lr=base or 0.1)
    if base:
        Scheduler(optimizer, preheat.get_schedule("warmuplinear", warmup=10, total=100))
    else:
        optimizer.param_groups[0]["lr"] = 0.0
    assert optimizer.param_groups[0]["lr"] == 0.0
    found = critical_lr(model, optimizer, [1.0], loss, **EXACT)
    assert found.lr == pytest.approx(0.5, rel=1e-6)
    assert found.tried[0][0] == (base or 1e-3)
    assert optimizer.param_groups[0]["lr"] == 0.0


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        ("stationary", "the update moves no weight"),
        ("ascent", "the direction raises the loss at every size"),
        ("nan", "the loss is nan before any step"),
        ("infinite gradient", "the update is not finite"),
        ("linear", "the loss never rises above"),
    ],
)
def test_none_says_why(problem, reason):
    """No rate where there is none."""
    weight = nn.Parameter(torch.tensor([4.0]))
    model = nn.ParameterList([weight])
    losses = {
        "stationary": lambda: (weight - 4.0).square().sum(),
        "ascent": lambda: weight.square().sum(),
        "nan": lambda: weight.sum() * math.nan,
        "infinite gradient": lambda: (weight - 4.0).abs().sqrt().sum(),
        "linear": lambda: weight.sum(),
    }
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=problem == "ascent")
    found = critical_lr(model, optimizer, [None], lambda model, batch: losses[problem]())
    assert found.lr is None
    assert found.reason.startswith(reason)


OPTIMIZERS = {
    "SGD": lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9, nesterov=True),
    "AdamW": lambda weights: torch.optim.AdamW(weights, lr=1e-2),
    "fused AdamW": lambda weights: torch.optim.AdamW(weights, lr=1e-2, fused=True),
    "AdamW with a tensor rate": lambda weights: torch.optim.AdamW(weights, lr=torch.tensor(1e-2), foreach=False),
    "Adagrad": lambda weights: torch.optim.Adagrad(weights, lr=1e-2),
    "RMSprop": lambda weights: torch.optim.RMSprop(weights, lr=1e-3),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("trained", [0, 3], ids=["fresh", "trained"])
def test_nothing_moves(finding, kind, trained):
    """Weights, buffers, optimizer, gradients, modes and random numbers, of a model with batch norm and dropout."""
    model, batches = finding.model(), finding.batches()
    optimizer = OPTIMIZERS[kind](model.parameters())
    for batch in batches[:trained]:
        finding.loss(model, batch).backward()
        optimizer.step()
    before = finding.world(model, optimizer)
    found = critical_lr(model, optimizer, batches[:3], finding.loss)
    assert finding.world(model, optimizer) == before
    assert found.lr is not None
    assert critical_lr(model, optimizer, batches[:3], finding.loss) == found


def test_dropout_masks_are_the_same_at_every_size(finding):
    """Else the loss of no step would differ from the one the gradient is of, and the search would read noise."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 64), nn.Dropout(0.5), nn.Linear(64, 4))
    batch = finding.batches(1)[0]
    seen = []

    def loss(model, batch):
        value = finding.loss(model, batch)
        seen.append(value.item())
        return value

    found = critical_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), [batch], loss)
    assert seen[0] == seen[1] == found.loss


def test_batch_norm_is_measured_on_the_batch_not_on_statistics_it_lacks(finding):
    """At the start evaluation mode would be another function."""
    model, batch = finding.model(), finding.batches(1)[0]
    found = critical_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), [batch], finding.loss)
    with torch.no_grad():
        evaluated = finding.loss(copy.deepcopy(model).eval(), batch).item()
    assert abs(found.loss - evaluated) > 1e-3


def test_the_mode_of_the_model_does_not_matter(finding):
    """It is measured in training mode."""
    model, batches = finding.model(), finding.batches(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    training = critical_lr(model, optimizer, batches, finding.loss)
    model.eval()
    assert critical_lr(model, optimizer, batches, finding.loss) == training
    assert not model.training


def test_a_scheduler_on_the_optimizer_sees_nothing(finding):
    """Position, history, shown rate and hooks; afterwards it goes on without a complaint about foreign writes."""
    model, batches = finding.model(), finding.batches()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = Scheduler(optimizer, preheat.get_schedule("warmuplinear", warmup=4, total=12))
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    for update, batch in enumerate(batches):
        before = finding.world(model, optimizer), scheduler.position, list(scheduler.history), scheduler.next_lr
        critical_lr(model, optimizer, [batch], finding.loss)
        after = finding.world(model, optimizer), scheduler.position, list(scheduler.history), scheduler.next_lr
        assert after == before
        optimizer.zero_grad()
        finding.loss(model, batch).backward()
        optimizer.step()
        assert len(calls) == update + 1
    planned = preheat.get_schedule("warmuplinear", warmup=4, total=12)
    assert scheduler.history == [1e-2 * planned(update) for update in range(12)]


# --- along an update that was made -----------------------------------------------------------------------------------


def trained_once(finding, lr=0.05):
    model, batch = finding.model(), finding.batches(1)[0]
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    finding.loss(model, batch).backward()
    before = [weight.detach().clone() for weight in model.parameters() if weight.requires_grad]
    optimizer.step()
    return model, optimizer, before, batch


def test_along_a_made_update_of_a_quadratic():
    """The direction is the difference over the rate: 2 / lambda again, whatever the rate."""
    for lr in (1e-3, 0.4, 2.0):
        model, loss = quadratic([1.0], [4.0])
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        loss(model, 1.0).backward()
        before = [model[0].detach().clone()]
        optimizer.step()
        found = critical_lr_of_update(model, before, [1.0], loss, lr=lr, **EXACT)
        assert found.lr == pytest.approx(0.5, rel=1e-6)
        assert found.loss == pytest.approx(2.0)


def test_along_a_made_update_is_what_the_trial_update_found(finding):
    """Without dropout both follow the same line."""
    torch.manual_seed(0)
    model, batch = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)), finding.batches(1)[0]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    tried = critical_lr(model, optimizer, [batch], finding.loss, **EXACT)
    finding.loss(model, batch).backward()
    before = [weight.detach().clone() for weight in model.parameters()]
    optimizer.step()
    made = critical_lr_of_update(model, before, [batch], finding.loss, lr=0.01, **EXACT)
    assert made.lr == pytest.approx(tried.lr, rel=1e-3)
    assert made.loss == pytest.approx(tried.loss, rel=1e-6)


def test_the_made_update_stays_made(finding):
    """Weights after it, gradients, optimizer, random numbers: bit for bit, after an error too."""
    model, optimizer, before, batch = trained_once(finding)
    seen = finding.world(model, optimizer)
    critical_lr_of_update(model, before, [batch], finding.loss, lr=0.05)
    assert finding.world(model, optimizer) == seen
    calls = []

    def breaks(model, batch):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return finding.loss(model, batch)

    with pytest.raises(KeyboardInterrupt):
        critical_lr_of_update(model, before, [batch], breaks, lr=0.05)
    assert finding.world(model, optimizer) == seen


def test_an_update_at_zero_has_no_direction(finding):
    """The first one of a warm-up from 0."""
    model, _, before, batch = trained_once(finding, lr=0.0)
    found = critical_lr_of_update(model, before, [batch], finding.loss, lr=0.0)
    assert found.reason == "the update ran at a learning rate of 0, which has no direction"


def test_an_update_lost_in_rounding_has_no_direction(finding):
    """What float32 weights keep of an update at 1e-9 is rounding."""
    model, _, before, batch = trained_once(finding, lr=1e-9)
    found = critical_lr_of_update(model, before, [batch], finding.loss, lr=1e-9)
    assert found.lr is None
    assert found.reason in ("the update is lost in the rounding of the weights", "the update moves no weight")


def test_refuses_copies_that_do_not_fit(finding):
    """One tensor is missing."""
    model, _, before, batch = trained_once(finding)
    with pytest.raises(preheat.ScheduleError, match="before must be a copy of every trainable weight; got '8 tensors'"):
        critical_lr_of_update(model, before[:-1], [batch], finding.loss, lr=0.1)


# --- refusals --------------------------------------------------------------------------------------------------------


def refused(finding, match, *, error=preheat.ScheduleError, make=None, batches=None, loss=None, **options):
    model = finding.model()
    optimizer = make(model) if make else torch.optim.SGD(model.parameters(), lr=0.1)
    before = finding.world(model)
    with pytest.raises(error, match=match):
        critical_lr(model, optimizer, finding.batches(2) if batches is None else batches, loss, **options)
    assert finding.world(model) == before


def test_refuses_what_cannot_be_measured(finding):
    """Each by its name, and nothing has moved."""
    loss = finding.loss
    data = preheat.DataError
    refused(finding, "optimizer must be a torch optimizer; got 3", make=lambda _: 3, loss=loss)
    refused(
        finding,
        "optimizer must be one that steps without a closure; got 'LBFGS'",
        make=lambda model: torch.optim.LBFGS([w for w in model.parameters() if w.requires_grad]),
        loss=loss,
    )
    other = nn.Linear(2, 2)
    refused(
        finding,
        "optimizer must be one of weights that the loss depends on",
        make=lambda _: torch.optim.SGD(other.parameters(), lr=0.1),
        loss=loss,
    )
    refused(finding, "batches must be a list of at least one batch; got 'list'", error=data, batches=[], loss=loss)
    refused(finding, "batches must be a list", error=data, batches=iter(finding.batches(1)), loss=loss)
    refused(finding, "batch must be a mapping where no loss is given; got 'tuple'", error=data)
    refused(finding, r"loss must be a tensor of one number; got \(16, 4\)", loss=lambda m, batch: m(batch[0]))
    refused(finding, "loss must be a tensor of one number; got 0.5", loss=lambda m, batch: 0.5)
    refused(finding, "loss must be made from the model's trainable", loss=lambda m, batch: batch[0].sum())
    refused(finding, "at must be > 0; got 0", loss=loss, at=0)


def test_refuses_an_optimizer_that_cannot_be_copied(finding):
    """With the attribute that stands in the way."""
    model = finding.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.stream = (number for number in range(3))
    with pytest.raises(preheat.ScheduleError, match=r"optimizer must be one whose state can be copied; got '.stream'"):
        critical_lr(model, optimizer, finding.batches(1), finding.loss)
