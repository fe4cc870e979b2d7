"""Compiled optimizer steps, counted by the graphs that reach the compiler; tensor learning rates, filled in place."""

import pytest
import torch
from torch._dynamo import lookup_backend

import preheat
from preheat.torch import Scheduler

SCHEDULE = preheat.parse("warmup 10 > cosine 80 to 0.1 > hold 10")
UPDATES = 100

# The compiler's own; and eager runs of an optimizer that is meant to be captured.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def adam(tensor, **options):
    """Two groups, the second at a tenth of the first's rate."""
    torch.manual_seed(0)
    groups = [
        {"params": [torch.nn.Parameter(torch.randn(3))], "lr": torch.tensor(rate) if tensor else rate}
        for rate in (0.1, 0.01)
    ]
    return torch.optim.AdamW(groups, lr=0.1, weight_decay=0.1, **options)


def run(optimizer, step, updates=UPDATES):
    for _ in range(updates):
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = torch.cos(weight.detach())
        step()


def weights(optimizer):
    return [weight.detach() for group in optimizer.param_groups for weight in group["params"]]


def graphs_by_update(optimizer):
    """How many graphs had reached the compiler after each update.

    ``aot_eager`` traces as the real compiler does and then runs the graphs as they are: no C++ is built.
    """
    compiled, counts = [], []

    def counting(graph, inputs):
        compiled.append(graph)
        return lookup_backend("aot_eager")(graph, inputs)

    step = torch.compile(optimizer.step, backend=counting)
    for _ in range(UPDATES):
        run(optimizer, step, 1)
        counts.append(len(compiled))
    return counts


@pytest.mark.parametrize("options", [{}, {"foreach": True, "capturable": True}], ids=["plain", "capturable"])
def test_a_tensor_rate_is_compiled_once_and_used_exactly(options):
    """One graph in a hundred updates; tensors and bases stay, the weights are those of an uncompiled run."""
    optimizer = adam(tensor=True, **options)
    tensors = [group["lr"] for group in optimizer.param_groups]
    scheduler = Scheduler(optimizer, SCHEDULE)
    bases = scheduler.base_lrs
    assert graphs_by_update(optimizer) == [1] * UPDATES
    assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, tensors, strict=True))
    assert scheduler.base_lrs == bases == [float(torch.tensor(0.1)), float(torch.tensor(0.01))]
    assert scheduler.group_history(1) == [bases[1] * SCHEDULE(update) for update in range(UPDATES)]

    same = adam(tensor=True)
    Scheduler(same, SCHEDULE)
    run(same, same.step)
    torch.testing.assert_close(weights(optimizer), weights(same))


def test_a_float_rate_is_compiled_again():
    """torch makes a float that changes a variable of the graph, at one compilation more; told not to, it never ends."""
    optimizer = adam(tensor=False)
    scheduler = Scheduler(optimizer, SCHEDULE)
    counts = graphs_by_update(optimizer)
    assert (counts[0], counts[-1]) == (1, 2)
    assert scheduler.history == [0.1 * SCHEDULE(update) for update in range(UPDATES)]

    torch._dynamo.reset()
    optimizer = adam(tensor=False)
    Scheduler(optimizer, SCHEDULE)
    with torch._dynamo.config.patch(specialize_float=True):
        counts = graphs_by_update(optimizer)
    assert counts[-1] == counts[-2] == torch._dynamo.config.recompile_limit


def test_a_driven_beta_wants_to_be_a_tensor_too():
    """As floats, each new value is compiled until torch gives up at its limit; as tensors they are filled in place."""
    momentum = {"betas[0]": preheat.parse("hold 50 > linear 50 to 0.5")}
    limit = torch._dynamo.config.recompile_limit
    for betas, expected in ((0.9, 0.999), limit), ((torch.tensor(0.9), torch.tensor(0.999)), 1):
        torch._dynamo.reset()
        optimizer = adam(tensor=True, betas=betas)
        scheduler = Scheduler(optimizer, SCHEDULE, also=momentum)
        counts = graphs_by_update(optimizer)
        assert counts[49] == 1
        assert min(counts[-1], limit) == expected
        assert expected == limit or optimizer.param_groups[0]["betas"][0] is betas[0]
        assert scheduler.group_history(0, "betas[0]")[-1] == pytest.approx(0.45)


OPTIMIZERS = [
    (torch.optim.AdamW, {"fused": True}),
    (torch.optim.SGD, {"fused": True}),
    (torch.optim.SGD, {"foreach": True}),
    (torch.optim.NAdam, {"foreach": True}),
    (torch.optim.Adagrad, {"foreach": True}),
]


@pytest.mark.parametrize(
    ("kind", "options"), OPTIMIZERS, ids=[f"{kind.__name__}-{next(iter(options))}" for kind, options in OPTIMIZERS]
)
def test_fused_and_foreach_optimizers_use_the_filled_tensor(kind, options):
    """Same tensor object all the way, same rates, and the weights of the optimizer that takes floats."""
    runs = []
    for tensor in (True, False):
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(3))
        held = torch.tensor(0.1) if tensor else 0.1
        optimizer = kind([weight], lr=held, **(options if tensor else {}))
        scheduler = Scheduler(optimizer, SCHEDULE)
        run(optimizer, optimizer.step)
        assert scheduler.base_lrs == [pytest.approx(0.1)]
        assert scheduler.history == [scheduler.base_lrs[0] * SCHEDULE(update) for update in range(UPDATES)]
        assert not tensor or optimizer.param_groups[0]["lr"] is held
        runs.append(weight.detach())
    torch.testing.assert_close(*runs)


def test_groups_may_share_one_tensor():
    """The default rate of an optimizer is the same tensor in every group that has none of its own."""
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = torch.optim.AdamW([{"params": [weight]} for weight in weights], lr=torch.tensor(0.1))
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"]
    scheduler = Scheduler(optimizer, SCHEDULE)
    run(optimizer, optimizer.step)
    assert (
        scheduler.group_history(1) == scheduler.history == [float(torch.tensor(0.1)) * SCHEDULE(k) for k in range(100)]
    )
    with pytest.raises(
        preheat.ScheduleError, match="lr must be a tensor of each group's own; got 'one shared by groups"
    ):
        Scheduler(optimizer, SCHEDULE, groups={1: SCHEDULE * 0.5})
