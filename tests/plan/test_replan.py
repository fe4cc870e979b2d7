"""A change of batch on the way keeps the samples, the tokens and the learning rate as a function of them."""

import random
from fractions import Fraction

import pytest

import preheat
from preheat.plan import Replanned
from preheat.schedule.lengths import as_length


@pytest.mark.parametrize("name", ["linear", "cosine", "polynomial", "warmup_stable_decay"])
def test_halving_the_batch_at_half_keeps_the_rate_of_every_sample(name):
    """The schedule written in samples gives each sample the rate it would have had."""
    plan = preheat.Plan(4000, 8, 2, accumulation=2)
    later = plan.replan(at=plan.updates // 2, batch_size=4)
    assert (plan.updates, later.updates) == (500, 750)
    options = {"num_decay_steps": 100} if name == "warmup_stable_decay" else {}
    in_updates = preheat.get_schedule(name, warmup=40, total=plan.updates, **options)
    options = {key: value * plan.samples_per_update for key, value in options.items()}
    in_samples = preheat.get_schedule(name, warmup=plan.samples_at(40), total=plan.samples_at(plan.updates), **options)
    for position in range(plan.updates):
        assert in_samples(plan.samples_at(position)) == pytest.approx(in_updates(position), rel=1e-12, abs=1e-15)
    for position in range(later.updates):
        seen = later.samples_at(position)
        place = later.original_position(position)
        assert place == Fraction(seen, plan.samples_per_update)
        if place.denominator == 1:
            assert in_samples(seen) == pytest.approx(in_updates(int(place)), rel=1e-12, abs=1e-15)
        else:  # between two of the old updates: so is the rate
            low, high = sorted((in_updates(int(place)), in_updates(int(place) + 1)))
            assert low - 1e-15 <= in_samples(seen) <= high + 1e-15
    assert later.samples_at(later.updates) == plan.samples_at(plan.updates) == 8000


def test_a_replanned_run_agrees_with_a_loop():
    """1,000 runs with up to four changes: updates are taken until all samples of the old run were seen."""
    draw = random.Random(0)
    for _ in range(1000):
        plan = preheat.Plan(None, draw.randint(1, 9), max_steps=draw.randint(2, 60), world_size=draw.randint(1, 3))
        changes, later = {}, plan
        for _change in range(draw.randint(1, 4)):
            begin = max(changes, default=0) + draw.randint(0, 9)
            if begin >= later.updates:
                break
            new = {name: draw.randint(1, 5) for name in ("batch_size", "accumulation", "world_size")}
            later, changes[begin] = (
                later.replan(begin, **new),
                new["batch_size"] * new["accumulation"] * new["world_size"],
            )
        if not changes:
            continue
        seen = [0]
        size = plan.samples_per_update
        while seen[-1] < plan.samples_at(plan.updates):
            size = changes.get(len(seen) - 1, size)
            seen.append(seen[-1] + size)
        assert later.updates == len(seen) - 1
        assert [later.samples_at(position) for position in range(len(seen))] == seen
        assert [later.position_of_samples(samples) for samples in seen] == list(range(len(seen)))
        assert later.position_of_samples(seen[1] - 1 or 1) == 1
        assert later.original_position(later.updates) >= plan.updates
        assert later.original_position(later.updates - 1) < plan.updates


def test_tokens_are_kept_when_the_rows_grow():
    """Rows of 512 tokens, then of 1024: half the updates for the rest of the tokens."""
    plan = preheat.Plan(None, 8, max_tokens=4096 * 100, tokens_per_sample=512)
    later = plan.replan(at=60, tokens_per_sample=1024, clock="tokens")
    assert (plan.updates, later.updates) == (100, 80)
    assert (later.tokens_at(60), later.tokens_at(80)) == (4096 * 60, 4096 * 100)
    assert later.original_position(61) == 62
    assert [
        later.in_updates(as_length("at", text)) for text in ("4096 tokens", "253952 tokens", "480 samples", "50%")
    ] == [
        1,
        61,
        60,
        50,
    ]
    assert later.explain().splitlines() == [
        "updates 0 to 59: 4096 tokens each, 245760 tokens",
        "updates 60 to 79: 8192 tokens each, 163840 tokens",
        "updates: 80, instead of 100 for 409600 tokens",
    ]
    odd = preheat.Plan(None, 1, max_steps=4, tokens_per_sample=0.5).replan(at=0, clock="tokens")
    assert odd.tokens_at(1) == Fraction(1, 2)


def test_a_replanned_run_is_a_timeline():
    """Lengths count from the start; epochs are those of the data."""
    plan = preheat.Plan(1000, 8, 4)
    later = plan.replan(at=250, batch_size=4)
    assert isinstance(later, Replanned)
    assert [later.in_updates(as_length("decay", text)) for text in ("1 epochs", "3 epochs", "2004 samples")] == [
        125,
        500,
        251,
    ]
    assert later.samples_per_update == 4
    assert plan.replan(at=0).updates == plan.updates == plan.replan(at=250).updates


def test_a_run_without_an_end_can_change_too():
    """Nothing is known of its updates, everything of its samples."""
    later = preheat.Plan(None, 8).replan(at=10, batch_size=16)
    assert (later.updates, later.samples_at(12)) == (None, 112)
    assert later.explain().splitlines() == [
        "updates 0 to 9: 8 samples each, 80 samples",
        "updates 10 on: 16 samples each",
        "updates: unknown, the run has no end yet",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"at": 500}, "at must be below the 500 updates of the run; got 500. Change the batch before the end."),
        ({"at": -1}, "at must be >= 0; got -1"),
        ({"at": 1.5}, "at must be a whole number; got 1.5"),
        ({"at": True}, "at must be a finite number; got True"),
        ({"at": 1, "batch_size": 0}, "batch_size must be >= 1; got 0"),
        ({"at": 1, "accumulation": float("nan")}, "accumulation must be a finite number; got nan"),
        ({"at": 1, "world_size": "2"}, "world_size must be a finite number; got '2'"),
        ({"at": 1, "tokens_per_sample": -1}, "tokens_per_sample must be > 0; got -1"),
        ({"at": 1, "clock": "updates"}, "clock must be one of 'samples', 'tokens'; got 'updates'"),
        ({"at": 1, "clock": "tokens"}, "tokens_per_sample must be given to count in tokens; got None"),
    ],
)
def test_replan_refuses(change, message):
    """By name and value."""
    with pytest.raises(preheat.PlanError) as caught:
        preheat.Plan(1000, 8, 4).replan(**change)
    assert str(caught.value).startswith(message)


def test_a_later_change_cannot_come_before_an_earlier_one():
    """What was trained stays; positions are counts."""
    later = preheat.Plan(1000, 8, 4).replan(at=250, batch_size=4)
    with pytest.raises(preheat.PlanError, match="at must be >= 250; got 249. Updates already planned stay"):
        later.replan(249, batch_size=2)
    with pytest.raises(preheat.PlanError, match="at must be below the 750 updates of the run; got 750"):
        later.replan(750, batch_size=2)
    with pytest.raises(preheat.PlanError, match="position must be >= 0; got -1"):
        later.samples_at(-1)
    with pytest.raises(preheat.PlanError, match="samples must be a whole number; got 0.5"):
        later.position_of_samples(0.5)
