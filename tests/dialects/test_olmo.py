"""OLMo's schedulers: rates of ai2-olmo 0.6.0's own classes at the count the trainer asks them for, n + 1.

Taken in November 2026: ``get_lr(1.0, n + 1, 100)`` of each, in tokens ``get_lr(1.0, 100 (n + 1), 9990)``.
"""

import pytest

from preheat.dialects import detect, read
from preheat.errors import PreheatError
from support.recorded_rates import assert_runs_at

UPDATES = (0, 1, 8, 9, 10, 54, 97, 98, 99)
CLIMB = (0.19, 0.28, 0.91, 1)  # from 10 % of the peak, where nothing else is said
MEASURED = [
    ({"name": "cosine_with_warmup"}, (*CLIMB, 0.99972587, 0.55, 0.10109618, 0.10027413, 0.1)),
    ({}, (*CLIMB, 0.99972587, 0.55, 0.10109618, 0.10027413, 0.1)),
    ({"name": "linear_with_warmup"}, (*CLIMB, 0.99, 0.55, 0.12, 0.11, 0.1)),
    ({"name": "inverse_sqrt_with_warmup"}, (*CLIMB, 0.95346259, 0.42640143, 0.31943828, 0.31782086, 0.31622777)),
    ({"name": "max_scheduler"}, (*CLIMB, 0.99972587, 0.55, 0.31943828, 0.31782086, 0.31622777)),
    ({"name": "constant"}, (1, 1, 1, 1, 1, 1, 1, 1, 1)),
    ({"name": "cosine_linear_envelope"}, (*CLIMB, 0.98972892, 0.325, 0.10002436, 0.10000305, 0.1)),
    ({"name": "constant_with_warmup"}, (*CLIMB, 1, 1, 1, 1, 1)),
    (
        {"name": "cosine_with_warmup", "warmup_min_lr": 0.0, "alpha_f": 0.0},
        (0.1, 0.2, 0.9, 1, 0.99969541, 0.5, 0.00121797, 0.00030459, 0),
    ),
    (
        {"name": "linear_with_warmup", "t_max": 200},
        (*CLIMB, 0.99526316, 0.78684211, 0.58315789, 0.57842105, 0.57368421),
    ),
    ({"name": "linear_with_warmup", "t_warmup": 0}, (0.991, 0.982, 0.919, 0.91, 0.901, 0.505, 0.118, 0.109, 0.1)),
]
TOKENS = {"name": "linear_with_warmup", "units": "tokens", "t_warmup": "1.05e3", "alpha_f": 0.0}


def config(own, **run):
    return {"optimizer": {"learning_rate": 1.0}, "max_duration": 100, **run, "scheduler": {"t_warmup": 10, **own}}


@pytest.mark.parametrize(("own", "rates"), MEASURED)
def test_the_rates_are_those_of_its_classes(own, rates):
    found = read(config(own))
    assert found.total == 100
    assert_runs_at(found, rates, UPDATES)


def test_tokens_are_updates_with_a_part():
    """10.5 of 99.9 updates of 25 rows of 4 tokens; the last update lies past the budget, at the floor."""
    batch = {"global_train_batch_size": 25, "model": {"max_sequence_length": 4}}
    found = read(config(TOKENS, max_duration="9.99e3T", **batch))
    rates = (0.18571429, 0.27142857, 0.87142857, 0.95714286, 0.99440716, 0.50223714, 0.0212528, 0.01006711, 0)
    assert found.total == 100
    assert_runs_at(found, rates, UPDATES)
    assert read(config(TOKENS, max_duration="9990T"), tokens_per_update=100).schedule == found.schedule


@pytest.mark.parametrize(
    ("duration", "context"),
    [
        ("100", {}),
        ("1e2", {}),
        ("2ep", {"updates_per_epoch": 50}),
        ("9950T", {"tokens_per_update": 100}),  # rounded up where the scheduler counts steps
        (None, {"total": 100}),
    ],
)
def test_every_duration_is_updates(duration, context):
    expected = read(config({})).schedule
    found = read(config({}, max_duration=duration), **context)
    assert (found.total, found.schedule) == (100, expected)


def test_a_section_alone_is_enough():
    """Recognized by a field of OLMo's, since composer has the name too."""
    section = {"name": "cosine_with_warmup", "t_warmup": 10, "alpha_f": 0.1}
    assert detect(section) == "olmo"
    assert read(section, total=100).schedule == read(config({})).schedule
    assert read({**section, "warmup_min_lr": 0.1}, total=100, peak=1.0).schedule == read(config({})).schedule


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"optimizer": {}}, "optimizer.learning_rate is left at OLMo's own 1e-4"),
        ({"max_duration": None}, "max_duration is left at OLMo's own 10000"),
        ({"scheduler": {"t_warmup": 10, "t_max": 50}}, "t_max shapes the schedule for 50 updates, the run takes 100"),
    ],
)
def test_notes_say_what_olmo_does_in_silence(changed, note):
    assert any(note in found for found in read({**config({}), **changed}, "olmo").notes)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"t_warmup": 100}, "t_warmup must be below the schedule's 100 updates; got 100"),
        ({"name": "inverse_sqrt_with_warmup", "t_warmup": 0}, "t_warmup must be above 0 for the inverse square root"),
        ({"warmup_min_lr": 2}, "warmup_min_lr must be at most the peak, 1.0; got 2"),
        ({"name": "cosine_with_warmups"}, "name must be one .*Did you mean 'cosine_with_warmup'"),
        ({"warmup_steps": 10}, "scheduler.warmup_steps must be a field known here"),
        (TOKENS, "scheduler.units must be countable in tokens"),
    ],
)
def test_refusals_name_the_field(own, message):
    with pytest.raises(PreheatError, match=message):
        read(config(own), "olmo")


@pytest.mark.parametrize("duration", ["2ba", "0", -3, True, "1e99T", "nan"])
def test_other_durations_are_refused(duration):
    with pytest.raises(PreheatError, match='max_duration must be steps, "2e12T" tokens or "2ep"'):
        read(config({}, max_duration=duration), tokens_per_update=100)
