"""Warm-up advice: the rule on functions whose critical rates are known, pilots of real runs, the command."""

import json

import pytest
import torch

import preheat
from preheat.lab.finding import advise_warmup
from preheat.lab.finding.warmup_advice import ramp


def problem(*weights, power=4, lr=0.1):
    """The sum of weights ** power / power under SGD: critical at 2 / weight ** (power - 2), if there is one weight."""
    model = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(list(weights)))])
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return model, optimizer, [1.0], lambda model, scale: scale * model[0].pow(power).sum() / power


@pytest.mark.parametrize(("lr", "warmup"), [(0.1, 0), (0.19, 0), (0.3, None)])
def test_quadratic_has_one_bound_for_ever(lr, warmup):
    """Curvature 8: 2 / 8 is critical at all times, so no warm-up helps a peak above it."""
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    model = torch.nn.ParameterList([weight])
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    found = advise_warmup(model, optimizer, [8.0], lambda _, curve: curve * weight.square() / 2, updates=16)
    assert found.first.critical == pytest.approx(0.25, rel=0.1)
    assert found.warmup == warmup
    assert [pilot.warmup for pilot in found.pilots] == ([0] if warmup == 0 else [2, 4, 8])
    assert str(found).startswith("no warm-up needed for" if warmup == 0 else "no warm-up found for a peak of 0.3")


def test_sharp_beginning_needs_a_warmup():
    """Where the curvature falls on the way, a peak above the first critical rate is reached by a climb."""
    found = advise_warmup(*problem(2.0, 1.5), lr=2.0, updates=32)
    assert 0.4 < found.first.critical < 0.6
    assert found.warmup in (4, 8, 16)
    assert found.start == pytest.approx(max(0.5 * found.first.critical / 2.0, 1 / found.warmup), rel=0.01)
    rejected, accepted = found.pilots[:-1], found.pilots[-1]
    assert all(pilot.worst.ratio > 1 for pilot in rejected)
    assert accepted.worst.ratio <= 1
    assert [probe.update for probe in accepted.probes] == [0, 1, 2, 4, 8, 16]
    assert found.updates == sum(len(pilot.losses) for pilot in found.pilots)
    assert found.passes > 0
    assert f'--schedule "{found.schedule} > linear to 0"' in str(found)
    assert preheat.parse(f"{found.schedule} > linear to 0").over(100)(0) == pytest.approx(found.start)
    assert json.loads(json.dumps(found.to_dict()))["warmup"] == found.warmup


@pytest.mark.parametrize("kind", ["AdamW", "SGD"])
def test_same_answer_twice_and_no_trace(finding, kind):
    """Dropout, batch norm, a shuffled loader's generator: all as before."""
    model = finding.model()
    options = {"betas": (0.9, 0.95)} if kind == "AdamW" else {"momentum": 0.9}
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = getattr(torch.optim, kind)(weights, lr=1e-2, **options)
    before = finding.world(model, optimizer)
    first = advise_warmup(model, optimizer, finding.batches(), finding.loss, updates=16, sets=3, probed=2)
    assert finding.world(model, optimizer) == before
    assert advise_warmup(
        model, optimizer, finding.batches(), finding.loss, updates=16, sets=3, probed=2
    ) == first  # fmt: skip
    assert first.untuned == (40 if kind == "AdamW" else None)
    assert ("2 / (1 - beta2): 40 updates" in str(first)) == (kind == "AdamW")


def test_probes_leave_the_pilot_alone(finding):
    """The losses of a pilot are those of plain training under its schedule."""
    model = finding.model()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-3)
    torch.manual_seed(3)
    found = advise_warmup(model, optimizer, finding.batches(), finding.loss, updates=12, sets=2, probed=2)
    assert found.warmup == 0
    torch.manual_seed(3)
    model.train()
    losses = []
    for batch in finding.batches():
        optimizer.zero_grad()
        loss = finding.loss(model, batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert list(found.pilots[-1].losses) == pytest.approx(losses, rel=1e-6)


def test_ramp_begins_where_it_is_to(finding):
    """The first update's share, or the plain climb's where that is more; the last update of the climb is the peak."""
    assert ramp(16, 0.3)(0) == pytest.approx(0.3, abs=0.001)
    assert ramp(16, 0.3)(15) == ramp(16, 0.01)(15) == 1
    assert ramp(16, 0.01)(0) == 1 / 16
    assert ramp(0)(0) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"updates": 3}, "updates must be"),
        ({"sets": 0}, "sets must be"),
        ({"probed": True}, "probed must be"),
        ({"lr": -1.0}, "lr must be"),
        ({"accumulation": 0}, "accumulation must be"),
        ({"clip": 0.0}, "clip must be"),
    ],
    ids=["updates", "sets", "probed", "lr", "accumulation", "clip"],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    """Before anything is computed."""
    with pytest.raises(preheat.ScheduleError, match=message):
        advise_warmup(*problem(1.0), **settings)


def test_peak_is_asked_for_where_the_optimizer_has_none():
    """A rate of 0 is no target."""
    with pytest.raises(preheat.ScheduleError, match="lr must be a target peak above 0"):
        advise_warmup(*problem(1.0, lr=0.0))


def test_command_advises_and_writes_nothing(tmp_path, cli, settings):
    """Words or JSON on standard output, from a run's own settings."""
    flags = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = ["study", "warmup", *flags, "--pilot-updates", "8", "--sets", "2", "--probed", "2"]
    before = set(tmp_path.iterdir())
    code, out, err = cli(*words, "--lr", "1e-6")
    assert code == 0, err
    assert out.startswith("no warm-up needed for a peak of 1e-06, by this rule\nuse: preheat train --lr 1e-06 --warmup")
    assert "2 / (1 - beta2): 2000 updates" in out
    code, out, _ = cli(*words, "--lr", "3", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["warmup"] != 0
    assert found["first"]["critical_lr"] < 3
    assert set(tmp_path.iterdir()) == before
    assert cli(*words, "--sets", "0")[0] == 2
