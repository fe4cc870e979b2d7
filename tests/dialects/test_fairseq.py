"""fairseq's schedulers against rates measured with fairseq's own classes."""

import numpy as np
import pytest

from preheat.dialects import read
from preheat.errors import PreheatError

AT = (0, 1, 9, 10, 11, 52, 98, 99, 100, 101)
# What the optimizer held at these updates: the scheduler classes of fairseq 0.12.2, stepped as its trainer does
# (step_update(0) at first and after each update, step_begin_epoch and step around epochs of 20), November 2026.
# lr 0.1, max_update 100. 2,000 drawn sets of arguments agreed within 1e-9 of the peak at every update of the run.
MEASURED = [
    ("fixed", {"warmup_updates": 10}, (0.01, 0.02, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)),
    (
        "fixed",
        {"lr": [0.1, 0.05, 0.02], "force_anneal": 4, "lr_shrink": 0.5, "warmup_updates": 10},
        (0.01, 0.02, 0.1, 0.1, 0.1, 0.02, 0.005, 0.005, 0.0025, 0.0025),
    ),
    (
        "inverse_sqrt",
        {"warmup_updates": 10},
        (0, 0.01, 0.09, 0.1, 0.095346259, 0.043852901, 0.031943828, 0.031782086, 0.031622777, 0.031465839),
    ),
    (
        "inverse_sqrt",
        {"warmup_updates": 10, "warmup_init_lr": 0.01},
        (0.01, 0.019, 0.091, 0.1, 0.095346259, 0.043852901, 0.031943828, 0.031782086, 0.031622777, 0.031465839),
    ),
    (
        "polynomial_decay",
        {"warmup_updates": 10},
        (0, 0.01, 0.09, 0.1, 0.098888889, 0.053333333, 0.0022222222, 0.0011111111, 0, 0),
    ),
    (
        "polynomial_decay",
        {"warmup_updates": 10, "power": 2.0, "end_learning_rate": 0.01, "total_num_update": 90},
        (0, 0.01, 0.09, 0.1, 0.097764063, 0.03030625, 0.01, 0.01, 0.01, 0.01),
    ),
    ("polynomial_decay", {}, (0.1, 0.099, 0.091, 0.09, 0.089, 0.048, 0.002, 0.001, 0, 0)),
    (
        "cosine",
        {"warmup_updates": 10},
        (0, 0.01, 0.09, 0.1, 0.099969541, 0.055226423, 0.00012179749, 3.0458649e-05, 0.01, 0.0099969541),
    ),
    (
        "cosine",
        {"warmup_updates": 10, "min_lr": 0.01, "lr_period_updates": 30, "t_mult": 2.0, "lr_shrink": 0.5},
        (0.01, 0.019, 0.091, 0.1, 0.099753485, 0.045702882, 0.0051232574, 0.0050308355, 0.025, 0.024996145),
    ),
    (
        "triangular",
        {"max_lr": 0.5, "lr_period_updates": 20},
        (0.1, 0.14, 0.46, 0.5, 0.46, 0.024, 0.08001, 0.090005, 0.1, 0.0900005),
    ),
    (
        "triangular",
        {"max_lr": 0.5, "lr_period_updates": 20, "lr_shrink": 0.5, "shrink_min": True},
        (0.1, 0.14, 0.46, 0.5, 0.46, 0.105, 0.01125, 0.00875, 0.003125, 0.004375),
    ),
    (
        "tri_stage",
        {"phase_ratio": [0.1, 0.4, 0.5]},
        (0.001, 0.0109, 0.0901, 0.1, 0.1, 0.083176377, 0.0012022644, 0.0010964782, 0.001, 0.001),
    ),
    (
        "tri_stage",
        {"warmup_steps": 0, "hold_steps": 11, "decay_steps": 89, "final_lr_scale": 0.05},
        (0.1, 0.1, 0.1, 0.1, 0.1, 0.025156435, 0.0053481876, 0.0051711641, 0.005, 0.005),
    ),
    (
        "step",
        {"warmup_updates": 10, "lr_deacy_period": 20, "min_lr": 0.02},
        (0.02, 0.028, 0.092, 0.1, 0.1, 0.025, 0.02, 0.02, 0.02, 0.02),
    ),
    (
        "step",
        {"warmup_updates": 10, "warmup_init_lr": 0.0, "lr_deacy_period": 20, "lr_decay": 0.1},
        (0, 0.01, 0.09, 0.1, 0.1, 0.001, 1e-05, 1e-05, 1e-05, 1e-05),
    ),
    (
        "manual",
        {"update2lr": '{"0": 0.1, "11-60": 0.05, "98,100": 0.01}'},
        (0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.01, 0.01, 0.01, 0.01),
    ),
    (
        "manual",
        {"epoch2lr": '{"2-3": 0.2}', "update2lr": '{"52": 0.05}'},
        (0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05),
    ),
]


@pytest.mark.parametrize(("name", "more", "rates"), MEASURED)
def test_the_rates_are_those_that_fairseq_set(name, more, rates):
    found = read({"lr_scheduler": name, "lr": [0.1], "max_update": 100, **more}, updates_per_epoch=20)
    assert (found.dialect, found.total) == ("fairseq", 100)
    last = len(AT) if name not in ("fixed", "triangular") else 8  # what is laid out for the run is held after it
    values = found.base_lr * found.schedule(np.array(AT))
    np.testing.assert_allclose(values[:last], rates[:last], rtol=1e-7, atol=1e-12)


def test_flags_and_hydra_are_two_spellings():
    """Dashes, lists in text, numbers as text; and the sections of a file."""
    flags = "fairseq-train data --arch transformer --lr 0.1 --lr-scheduler cosine --warmup-updates 10 --max-update 100"
    hydra = "optimization:\n  lr: [0.1]\n  max_update: 100\nlr_scheduler:\n  _name: cosine\n  warmup_updates: 10\n"
    plain = {"lr_scheduler": "cosine", "lr": "[0.1]", "warmup_updates": 10.0, "max_update": "100"}
    assert read(flags).schedule == read(hydra).schedule == read(plain).schedule
    assert read(flags).dialect == read(hydra).dialect == "fairseq"


def test_one_update_past_the_cosine_starts_over_at_a_tenth():
    """lr_shrink is 0.1 by itself."""
    found = read({"lr_scheduler": "cosine", "lr": [0.1], "warmup_updates": 10, "max_update": 100})
    assert found.schedule(99) < 1e-3
    assert found.schedule(100) == 0.1
    assert any("starts over, at lr_shrink=0.1" in note for note in found.notes)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lr_scheduler": "reduce_lr_on_plateau"}, "Multiply by preheat.plateau() instead"),
        ({"lr_scheduler": "pass_through"}, "lr_scheduler must be a function of the update"),
        ({"lr_scheduler": "cosin"}, "Did you mean 'cosine'"),
        ({"lr_scheduler": "cosine", "lr": [0.1, 0.2]}, "lr must be one rate for this scheduler; got [0.1, 0.2]"),
        ({"lr_scheduler": "inverse_sqrt", "warmup_updates": 0}, "warmup_updates must be >= 1; got 0"),
        ({"lr_scheduler": "polynomial_decay", "force_anneal": 3}, "force_anneal must be left out; got 3"),
        ({"lr_scheduler": "polynomial_decay", "warmup_updates": 100}, "total_num_update must be above"),
        ({"lr_scheduler": "tri_stage", "phase_ratio": [0.1, 0.5]}, "three shares that add up to 1"),
        ({"lr_scheduler": "tri_stage", "warmup_steps": 10}, "decay_steps must be a descent of one update at least"),
        ({"lr_scheduler": "triangular"}, "max_lr must be given"),
        ({"lr_scheduler": "triangular", "max_lr": 0.05}, "lr must be one rate below max_lr"),
        ({"lr_scheduler": "manual", "update2lr": "{"}, "update2lr must be a dictionary"),
        ({"lr_scheduler": "manual", "update2lr": {"x": 0.1}}, "keyed by whole numbers; got 'x'"),
        ({"lr_scheduler": "fixed", "lr": [0.1, 0.2]}, "Give updates_per_epoch= or a plan"),
        ({"lr_scheduler": {"_name": "cosine", "warmup_update": 3}}, "Did you mean 'warmup_updates'"),
    ],
)
def test_refusals_name_the_field(config, message):
    with pytest.raises(PreheatError) as caught:
        read({"lr": [0.1], "max_update": 100, **config}, "fairseq")
    assert message in str(caught.value)
