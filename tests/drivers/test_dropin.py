"""A script written for transformers runs after changing its import line."""

import inspect
import random
import tempfile
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2ForSequenceClassification, SchedulerType, optimization

import preheat
from support.nonsense import NAMES, NEEDED, NONSENSE

FUNCTIONS = [
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_linear_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_inverse_sqrt_schedule",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_wsd_schedule",
    "get_scheduler",
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signatures_are_those_of_transformers(name):
    """Names, order and defaults of every argument."""
    theirs = inspect.signature(getattr(optimization, name)).parameters.values()
    ours = inspect.signature(getattr(preheat, name)).parameters.values()
    assert [(item.name, item.default) for item in ours] == [(item.name, item.default) for item in theirs]


def float_counts(draw):
    """Totals, and warm-ups as scripts compute them: a share of the total."""
    total = draw.randint(2, 4000)
    warmup = draw.choice([0.1, 0.03, 0.06, draw.uniform(0, 0.9)]) * total
    return min(warmup, total - 1), total


@pytest.mark.parametrize(
    "name",
    [
        "get_linear_schedule_with_warmup",
        "get_cosine_schedule_with_warmup",
        "get_cosine_with_hard_restarts_schedule_with_warmup",
    ],
)
def test_float_warmups_give_transformers_values_bit_for_bit(make_optimizer, name):
    """The article computes 0.1 * total_steps, such as 382.1."""
    draw = random.Random(name)
    for _ in range(100):
        warmup, total = float_counts(draw)
        theirs = getattr(optimization, name)(make_optimizer(), warmup, total).lr_lambdas[0]
        ours = getattr(preheat, name)(make_optimizer(), warmup, total).schedule
        positions = {0, 1, total - 1, total, int(warmup), int(warmup) + 1, *draw.sample(range(total), min(total, 50))}
        assert [ours(k) for k in sorted(positions)] == [theirs(k) for k in sorted(positions)], (warmup, total)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("get_constant_schedule_with_warmup", None),
        ("get_inverse_sqrt_schedule", None),
        ("get_polynomial_decay_schedule_with_warmup", {"power": 2.0}),
        ("get_cosine_with_min_lr_schedule_with_warmup", {"min_lr": 0.01}),
        ("get_cosine_with_min_lr_schedule_with_warmup_lr_rate", {"min_lr_rate": 0.1}),
        ("get_cosine_with_min_lr_schedule_with_warmup_lr_rate", {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2}),
    ],
)
def test_float_warmups_give_transformers_values(make_optimizer, name, options):
    """The rest within 1e-15 of the peak, past the peak too where transformers climbs over it."""
    draw = random.Random(name)
    for _ in range(100):
        warmup, total = float_counts(draw)
        counts = (warmup,) if options is None else (warmup, total)
        theirs = getattr(optimization, name)(make_optimizer(), *counts, **options or {}).lr_lambdas[0]
        ours = getattr(preheat, name)(make_optimizer(), *counts, **options or {}).schedule
        assert max(abs(ours(k) - theirs(k)) for k in range(min(total, 500))) <= 2e-15


@pytest.mark.parametrize(
    "name", [member for member in SchedulerType if member.value not in ("greedy", "reduce_lr_on_plateau")]
)
def test_get_scheduler_takes_members_of_scheduler_type(make_optimizer, name):
    """The enum, its value, and the positional call."""
    options = {"warmup_stable_decay": {"num_decay_steps": 4}}.get(name.value, {})
    options |= {"min_lr_rate": 0.1} if "min_lr" in name.value else {}
    theirs = optimization.get_scheduler(name, make_optimizer(), 3, 20, options).lr_lambdas[0]
    for spelled in (name, name.value):
        ours = preheat.get_scheduler(spelled, make_optimizer(), 3, 20, options)
        assert max(abs(ours.schedule(k) - theirs(k)) for k in range(20)) <= 1e-15


def test_constant_ignores_counts_as_transformers_does(make_optimizer):
    """A script that passes them for every name keeps running."""
    assert preheat.get_scheduler("constant", make_optimizer(), 20, 100).schedule(0) == 1.0


def test_unknown_option_is_refused(make_optimizer):
    """transformers raises a TypeError; the sentence names the options there are."""
    with pytest.raises(preheat.ScheduleError, match="option must be one that 'linear' takes; got 'num_cycles'"):
        preheat.get_scheduler("linear", make_optimizer(), 1, 10, {"num_cycles": 2})


def read_with_a_round_trip(scheduler, steps):
    """How transformers' own tests read a schedule: step it, with a save and a load in the middle."""
    rates = []
    for step in range(steps):
        rates.append(scheduler.get_lr()[0])
        scheduler.step()
        if step == steps // 2:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "schedule.bin"
                torch.save(scheduler.state_dict(), file)
                scheduler.load_state_dict(torch.load(file))
    return rates


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("get_constant_schedule", {}, [10.0] * 10),
        ("get_constant_schedule_with_warmup", {"num_warmup_steps": 4}, [0.0, 2.5, 5.0, 7.5, *[10.0] * 6]),
        (
            "get_linear_schedule_with_warmup",
            {"num_warmup_steps": 2, "num_training_steps": 10},
            [0.0, 5.0, 10.0, 8.75, 7.5, 6.25, 5.0, 3.75, 2.5, 1.25],
        ),
        (
            "get_cosine_schedule_with_warmup",
            {"num_warmup_steps": 2, "num_training_steps": 10},
            [0.0, 5.0, 10.0, 9.619398, 8.535534, 6.913417, 5.0, 3.086583, 1.464466, 0.380602],
        ),
        (
            "get_cosine_with_hard_restarts_schedule_with_warmup",
            {"num_warmup_steps": 2, "num_training_steps": 10, "num_cycles": 2},
            [0.0, 5.0, 10.0, 8.535534, 5.0, 1.464466, 10.0, 8.535534, 5.0, 1.464466],
        ),
        (
            "get_polynomial_decay_schedule_with_warmup",
            {"num_warmup_steps": 2, "num_training_steps": 10, "power": 2.0, "lr_end": 1e-7},
            [0.0, 5.0, 10.0, 7.65625, 5.625, 3.90625, 2.5, 1.40625, 0.625, 0.15625],
        ),
        (
            "get_inverse_sqrt_schedule",
            {"num_warmup_steps": 2},
            [0.0, 5.0, 10.0, 8.164966, 7.071068, 6.324555, 5.773503, 5.345225, 5.0, 4.714045],
        ),
        (
            "get_wsd_schedule",
            {"num_warmup_steps": 2, "num_decay_steps": 2, "num_training_steps": 10},
            [0.0, 5.0, *[10.0] * 7, 5.0],
        ),
    ],
)
def test_values_of_transformers_own_test_tables(make_optimizer, name, options, expected):
    """On one optimizer with a rate of 10, read twice as transformers' tests do."""
    optimizer = make_optimizer(lr=10.0)
    for _ in range(2):
        scheduler = getattr(preheat, name)(optimizer, **options)
        assert read_with_a_round_trip(scheduler, 10) == pytest.approx(expected, abs=1e-5)


def run_the_article(get_schedule, seed=0):
    """The article's loop: AdamW, clipping at 5, a step of the scheduler after every update."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=60,
        n_positions=16,
        n_embd=16,
        n_layer=2,
        n_head=2,
        num_labels=3,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
    )
    model = GPT2ForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    data = [(torch.randint(2, 60, (8, 12)), torch.randint(0, 3, (8,))) for _ in range(10)]
    total_steps = len(data) * 3
    scheduler = get_schedule(optimizer, num_warmup_steps=0.11 * total_steps, num_training_steps=total_steps)
    lr_history, losses = [], []
    for _ in range(3):
        for tokens, labels in data:
            lr_history.append(optimizer.param_groups[0]["lr"])
            loss = model(input_ids=tokens, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    return lr_history, losses


@pytest.mark.parametrize("name", ["get_linear_schedule_with_warmup", "get_cosine_schedule_with_warmup"])
def test_the_articles_loop_gives_the_same_rates_and_losses(name):
    """transformers' scheduler and ours in the literal loop, to the last bit."""
    assert run_the_article(getattr(preheat, name)) == run_the_article(getattr(optimization, name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("warmup", "total", "message"), NONSENSE)
def test_drop_in_refuses_nonsense(make_optimizer, name, warmup, total, message):
    """The same through transformers' signature, with its argument names."""
    expected = message.format(warmup="num_warmup_steps", total="num_training_steps")
    with pytest.raises(preheat.ScheduleError) as caught:
        preheat.get_scheduler(name, make_optimizer(), warmup, total, NEEDED.get(name, {}))
    assert str(caught.value).startswith(f"{expected}.")
