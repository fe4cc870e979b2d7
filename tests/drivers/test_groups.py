"""Groups by name, other numbers on the same clock, groups that come and go, foreign writes."""

import pytest
import torch

import preheat
from preheat.torch import Scheduler, group_table, layer_groups

SHARED = preheat.parse("warmup 10 > cosine 90 to 0.1")


def named(lrs, **options):
    groups = [
        {"name": name, "params": [torch.nn.Parameter(torch.ones(1))], "lr": lr, **options} for name, lr in lrs.items()
    ]
    return torch.optim.AdamW(groups, lr=1.0)


def run(optimizer, updates):
    for _ in range(updates):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.ones_like(parameter)
        optimizer.step()


def rates(base, schedule, updates):
    return [base * schedule(update) for update in updates]


def test_groups_follow_rules_by_name():
    """A schedule of its own, a multiple of the shared one, the shared one."""
    own = preheat.parse("warmup 50 > hold forever")
    optimizer = named({"body": 0.1, "head": 0.2, "bias": 0.3})
    scheduler = Scheduler(optimizer, SHARED, groups={"head": own, "bias": 0.5})
    run(optimizer, 100)
    assert scheduler.group_history("body") == rates(0.1, SHARED, range(100))
    assert scheduler.group_history("head") == rates(0.2, own, range(100))
    assert scheduler.group_history("bias") == pytest.approx(rates(0.15, SHARED, range(100)), rel=1e-15)


def test_rules_are_refused_unless_they_fit():
    """Groups that are not there, two of one name, hyperparameters that are not there, values out of range."""
    optimizer = named({"body": 0.1, "head": 0.2})
    refused = [
        ({"groups": {"tail": 0.5}}, "groups must be named after groups; got 'tail'. Known: body, head"),
        ({"groups": {"haed": 0.5}}, "groups must be named after groups; got 'haed'. Did you mean 'head'?"),
        ({"groups": {"head": "fast"}}, r"groups\['head'\] must be a finite number"),
        ({"also": {"momentum": SHARED}}, "hyperparameter must be a number in the groups; got 'momentum'. Known: lr, "),
        ({"also": {"betas": SHARED}}, "hyperparameter must be a number in the groups; got 'betas'"),
        ({"also": {"lr": SHARED}}, "also must be about other numbers than lr"),
        ({"also": {"weight_decay": 3}}, "must be a dictionary of groups; got 3"),
        ({"also": {"betas[0]": preheat.parse("hold 9 > linear 9 to 2")}}, r"betas\[0\] of group body must be below 1"),
        ({"on_foreign": "ignore"}, "on_foreign must be one of"),
        ({"resume": "bridge"}, "bridge must be >= 1; got 0"),
    ]  # fmt: skip
    for options, message in refused:
        with pytest.raises(preheat.ScheduleError, match=message):
            Scheduler(optimizer, SHARED, **options)
    optimizer.param_groups[1]["name"] = "body"
    with pytest.raises(preheat.ScheduleError, match="group names must be different; got 'body'"):
        Scheduler(optimizer, SHARED)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.2]


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning")
def test_one_cycle_drives_momentum_as_torch_does():
    """betas[0] mirrors the rate; weight decay follows its own schedule on the same clock."""
    total = 50
    reference = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    torchs = torch.optim.lr_scheduler.OneCycleLR(reference, max_lr=0.1, total_steps=total)
    expected = []
    for _ in range(total):
        expected.append((reference.param_groups[0]["lr"], reference.param_groups[0]["betas"][0]))
        torchs.step()

    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1, betas=(0.95, 0.99), weight_decay=0.4)
    scheduler = Scheduler(
        optimizer,
        preheat.get_schedule("one_cycle", total=total),
        also={"betas[0]": preheat.get_schedule("one_cycle_momentum", total=total), "weight_decay": SHARED},
    )
    run(optimizer, total)
    ours = list(zip(scheduler.history, scheduler.group_history(0, "betas[0]"), strict=True))
    assert ours == [pytest.approx(pair, abs=1e-12) for pair in expected]
    assert optimizer.param_groups[0]["betas"][1] == 0.99
    assert scheduler.group_history(0, "weight_decay") == rates(0.4, SHARED, range(total))


def test_absolute_floors_are_exact_in_every_group():
    """Three groups, one floor given as a learning rate: the last update of each is at it."""
    optimizer = named({"a": 1e-2, "b": 1e-3, "c": 1e-5})
    scheduler = Scheduler(optimizer, preheat.parse("warmup 10 > cosine 90 to lr 1e-6"))
    run(optimizer, 100)
    assert [scheduler.group_history(name)[-1] for name in "abc"] == [1e-6] * 3


def test_joining_groups_follow_the_rule():
    """At the present position, from their own beginning, or through a climb of their own."""
    for join, expected in (
        ("current", [0.5 * SHARED(50 + k) for k in range(20)]),
        ("fresh", [0.5 * SHARED(k) for k in range(20)]),
        (preheat.warmup(3), [0.5 * (SHARED(50 + k) * min(1.0, (k + 1) / 3)) for k in range(20)]),
    ):
        optimizer = named({"body": 0.1})
        scheduler = Scheduler(optimizer, SHARED, join=join)
        run(optimizer, 50)
        head = {"name": "head", "params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5}
        optimizer.add_param_group(head)
        run(optimizer, 10)
        state = scheduler.state_dict()
        run(optimizer, 10)
        assert scheduler.group_history("head") == pytest.approx(expected, rel=1e-15)
        assert scheduler.group_history("body") == rates(0.1, SHARED, range(70))

        again = named({"body": 0.1, "head": 0.5})
        second = Scheduler(again, SHARED, join=join)
        second.load_state_dict(state)
        run(again, 10)
        assert second.group_history("head") == pytest.approx(expected[10:], rel=1e-15)


def test_foreign_writes_are_noticed_before_the_update():
    """An error by default; written over with a line in the log; or the base that leads through the value."""
    for tensor in (False, True):
        for mode in ("error", "warn", "adopt"):
            lr = torch.tensor(0.25) if tensor else 0.25
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)
            scheduler = Scheduler(optimizer, SHARED, on_foreign=mode)
            run(optimizer, 19)
            scheduler.step()
            if tensor:
                optimizer.param_groups[0]["lr"].fill_(0.125)
            else:
                optimizer.param_groups[0]["lr"] = 0.125
            if mode == "error":
                with pytest.raises(
                    preheat.ScheduleError, match=r"lr of group 0 must be left to the scheduler.*got 0\.125"
                ):
                    run(optimizer, 1)
                assert scheduler.position == 19
                continue
            run(optimizer, 2)
            base = 0.25 if mode == "warn" else 0.125 / SHARED(19)
            assert scheduler.history[19:] == pytest.approx(rates(base, SHARED, (19, 20)))
            assert scheduler.history[:19] == pytest.approx(rates(0.25, SHARED, range(19)))


ASKED = []


def falling(update):
    """A function that notes what it is asked for."""
    ASKED.append(update)
    return 1 - update / 1000


def test_a_schedule_is_checked_once_however_many_groups_follow_it():
    """Every update is looked at, for twenty groups as often as for one."""

    def counted(groups):
        ASKED.clear()
        optimizer = named({f"group {index}": 0.1 for index in range(groups)})
        Scheduler(optimizer, SHARED, also={"weight_decay": preheat.from_function(falling, 1000)})
        return [*ASKED]

    one, twenty = counted(1), counted(20)
    assert len(twenty) == len(one)
    assert set(one) >= set(range(1001))


def test_a_value_out_of_range_is_noticed_in_a_run_of_millions():
    """Every group of those that leave the range at their base is named; where it happens is off by a few updates."""
    optimizer = named({"body": 0.1, "head": 0.1})
    rise = preheat.parse("warmup 2000000 > cosine 1000000 to 0.9")
    Scheduler(optimizer, SHARED, also={"betas[0]": rise})
    message = r"betas\[0\] of group body must be below 1; got 1.0\d*. It gets there at update (1999999|200000\d)"
    with pytest.raises(preheat.ScheduleError, match=message):
        Scheduler(optimizer, SHARED, also={"betas[0]": 1.2 * rise})


def test_the_end_of_the_schedule_is_in_the_log_where_other_numbers_are_driven(caplog):
    """As for learning rates alone: one line, at the first update past the end, with step() and without."""
    for stepped in (False, True):
        caplog.clear()
        optimizer = named({"body": 0.1})
        scheduler = Scheduler(optimizer, preheat.parse("linear 3"), also={"weight_decay": preheat.parse("linear 2")})
        for _ in range(6):
            run(optimizer, 1)
            if stepped:
                scheduler.step()
        assert [record.getMessage()[:48] for record in caplog.records] == [
            "update 3 is past the schedule's horizon of 3 upd"
        ]


def test_detaching_puts_everything_back():
    """The numbers the optimizer came with, and no initial_lr."""
    optimizer = named({"body": 0.1, "head": 0.2}, weight_decay=0.3)
    scheduler = Scheduler(
        optimizer, SHARED, also={"weight_decay": SHARED, "betas[1]": preheat.parse("linear 100 to 0.9")}
    )
    run(optimizer, 20)
    scheduler.detach()
    for group, lr in zip(optimizer.param_groups, (0.1, 0.2), strict=True):
        assert (group["lr"], group["weight_decay"], group["betas"]) == (lr, 0.3, (0.9, 0.999))
        assert "initial_lr" not in group


def small_model():
    return torch.nn.ModuleDict(
        {
            "embed": torch.nn.Linear(3, 4),
            "blocks": torch.nn.ModuleList([torch.nn.Linear(4, 4) for _ in range(4)]),
            "head": torch.nn.Linear(4, 2),
        }
    )


def test_layer_groups_are_real_rates_and_each_parameter_once():
    """Four blocks, one frozen: plain AdamW sees the rates; the frozen layer counts and is left out."""
    model = small_model()
    for parameter in model["blocks"][1].parameters():
        parameter.requires_grad = False
    groups = layer_groups(model, 1e-3, decay=0.75, weight_decay=0.1)
    by_layer = {group["name"].split(" without")[0]: group["lr"] for group in groups}
    assert by_layer == {f"layer {layer}": 1e-3 * 0.75 ** (5 - layer) for layer in (0, 1, 3, 4, 5)}
    held = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in model.parameters() if parameter.requires_grad)
    assert {group["weight_decay"] for group in groups if "without" in group["name"]} == {0.0}

    optimizer = torch.optim.AdamW([{**group, "weight_decay": 0.0} for group in groups])
    before = [group["params"][0].detach().clone() for group in optimizer.param_groups]
    run(optimizer, 1)  # Adam's first update is lr times the sign of the gradient
    for group, old in zip(optimizer.param_groups, before, strict=True):
        assert (old - group["params"][0]).mean().item() == pytest.approx(group["lr"], rel=1e-3)


def test_group_table_shows_first_peak_and_last():
    """One line a group, aligned."""
    table = group_table(layer_groups(small_model(), 1e-3, decay=0.5), SHARED).splitlines()
    assert table[0].split() == ["group", "parameters", "first", "peak", "last"]
    assert table[-2].split() == ["layer", "5", "8", "0.0001", "0.001", "0.0001"]
    assert len({len(line) for line in table}) == 1
    with pytest.raises(preheat.ScheduleError, match="model must be one with numbered blocks"):
        layer_groups(torch.nn.Linear(2, 2), 1e-3)


def test_tensor_rates_keep_their_identity_for_a_hundred_updates():
    """Several groups with tensors of their own; the bases are not aliased."""
    tensors = [torch.tensor(0.5), torch.tensor(0.25)]
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in tensors], lr=1.0)
    scheduler = Scheduler(optimizer, SHARED)
    for _ in range(100):
        run(optimizer, 1)
        scheduler.step()
    assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, tensors, strict=True))
    assert scheduler.base_lrs == [0.5, 0.25]
    assert scheduler.group_history(1) == rates(0.25, SHARED, range(100))
