"""GPT-NeoX by hand: W = warmup D; n / W up to and with n = W; then k = min(n, D - W) - W.

linear (D - k) / D, cosine (1 + cos(pi k / D)) / 2, exponential exp(-0.693 k / D), none below min_lr. With D = 100 and
W = 10, update 55 has k = 45, and k stays at 80 from update 90 on.
"""

import pytest

from preheat.dialects import read
from preheat.errors import ConfigError
from support.recorded_rates import assert_runs_at

BASE = {"train_iters": 100, "warmup": 0.1, "optimizer": {"type": "Adam", "params": {"lr": 1.0}}}
BY_HAND = [
    ({"lr_decay_style": "constant"}, (0, 0.1, 0.9, 1, 1, 1, 1, 1, 1, 1)),
    ({"lr_decay_style": "linear"}, (0, 0.1, 0.9, 1, 0.99, 0.55, 0.2, 0.2, 0.2, 0.2)),
    (
        {"lr_decay_style": "cosine"},
        (0, 0.1, 0.9, 1, 0.99975328, 0.57821723, 0.0954915, 0.0954915, 0.0954915, 0.0954915),
    ),
    (  # W = 5; the floor cuts off, it does not rescale
        {"lr_decay_style": "cosine", "lr_decay_iters": 50, "min_lr": 0.2},
        (0, 0.2, 0.98429158, 0.97552826, 0.96488824, 0.2, 0.2, 0.2, 0.2, 0.2),
    ),
    (
        {"lr_decay_style": "exponential"},
        (0, 0.1, 0.9, 1, 0.99309396, 0.73209133, 0.57441681, 0.57441681, 0.57441681, 0.57441681),
    ),
    ({"warmup": 0.095}, (0, 0.10526316, 0.94736842, 0.995, 0.985, 0.545, 0.19, 0.19, 0.19, 0.19)),  # W = 9.5
    ({"warmup": 0}, (1, 0.99, 0.91, 0.9, 0.89, 0.45, 0.02, 0.01, 0, 0)),
    (  # D = floor(55.5), W = 5.5
        {"lr_decay_fraction": 0.555},
        (0, 0.18181818, 0.93636364, 0.91818182, 0.9, 0.2, 0.2, 0.2, 0.2, 0.2),
    ),
]


@pytest.mark.parametrize(("fields", "rates"), BY_HAND)
def test_the_rates_follow_the_formulas(fields, rates):
    assert_runs_at(read({**BASE, **fields}), rates)


def test_its_own_yaml_is_read(tmp_path):
    """A flow mapping with comments, trailing commas and dashes."""
    path = tmp_path / "125M.yml"
    lines = ("# pretraining", "{", '"optimizer": {"type": "Adam", "params": {"lr": 6e-4,}},  # comment')
    lines += ('"min-lr": 6e-5, "train-iters": 1000,', '"lr-decay-style": "cosine", "warmup": 0.01,', "}")
    path.write_text("\n".join(lines))
    found = read(path)
    assert (found.dialect, found.base_lr, found.total, found.schedule.warmup_updates) == ("gpt-neox", 6e-4, 1000, 10)


def test_a_saved_state_is_read():
    """What AnnealingLR keeps; it does not know the run's length."""
    state = {"start_lr": 1.0, "min_lr": 0.1, "warmup_iter": 10.0, "end_iter": 100, "num_iters": 50}
    found = read({**state, "decay_style": "cosine"})
    assert found.schedule == read({**BASE, "lr_decay_style": "cosine", "min_lr": 0.1}).schedule
    assert (found.total, found.notes[0]) == (None, "a state after 50 updates")


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"lr_decay_style": "cosine"}, "the cosine decay does not arrive: it stops 2 x 10 updates early"),
        ({"lr_decay_iters": 90, "lr_decay_fraction": 0.5}, "lr_decay_iters=90 wins over lr_decay_fraction=0.5"),
        ({"use_mup": True}, "width_mult"),
    ],
)
def test_notes_say_what_it_does_in_silence(fields, note):
    assert any(note in found for found in read({**BASE, "lr_decay_style": "linear", **fields}).notes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"warmup": 0.6}, r"warmup must be in \[0, 0.5\]; got 0.6. It is a share of the decay length"),
        ({"min_lr": 2}, "min_lr must be at most the peak, 1.0; got 2"),
        ({"lr_decay_style": "cosin"}, "lr_decay_style must be one .*Did you mean 'cosine'"),
        ({"lr_decay_iter": 50}, "lr_decay_iter must be a field.*Did you mean 'lr_decay_iters'"),
        ({"train_iters": None}, "train_iters must be in the file, or the run's updates given"),
    ],
)
def test_refusals_name_the_field(fields, message):
    with pytest.raises(ConfigError, match=message):
        read({**BASE, "lr_decay_style": "linear", **fields}, "gpt-neox")
