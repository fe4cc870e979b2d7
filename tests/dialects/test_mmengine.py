"""mmengine's param_scheduler lists against rates measured with mmengine's own classes."""

import numpy as np
import pytest

from preheat.dialects import read
from preheat.errors import PreheatError

AT = (0, 1, 8, 9, 10, 11, 19, 20, 55, 98, 99)
# What the optimizer held at these updates: the classes of mmengine 0.10.7 (converted where asked), stepped as its
# ParamSchedulerHook does, 10 updates an epoch, lr 0.1, torch 2.13, November 2026. Of 6,000 drawn lists of one to three
# schedulers all that are not refused agreed within 1e-9 of the peak at every update of the run.
MEASURED = [
    (
        [
            {"type": "LinearLR", "start_factor": 0.001, "by_epoch": False, "begin": 0, "end": 10},
            {"type": "CosineAnnealingLR", "T_max": 90, "by_epoch": False, "begin": 10, "end": 100},
        ],
        (0.0001, 0.0112, 0.0889, 0.1, 0.1, 0.099969541, 0.097552826, 0.096984631, 0.05, 0.00012179749, 3.0458649e-05),
    ),
    (
        [
            {"type": "LinearLR", "start_factor": 0.001, "by_epoch": False, "begin": 0, "end": 10},
            {"type": "MultiStepLR", "by_epoch": True, "begin": 0, "end": 10, "milestones": [6, 8, 8], "gamma": 0.5},
        ],
        (0.0001, 0.0112, 0.0889, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0125, 0.0125),
    ),
    (
        [
            {"type": "LinearLR", "start_factor": 0.1, "begin": 0, "end": 2, "convert_to_iter_based": True},
            {"type": "CosineAnnealingLR", "eta_min_ratio": 0.1, "begin": 2, "end": 10, "convert_to_iter_based": True},
        ],
        (
            0.01,
            0.014736842,
            0.047894737,
            0.052631579,
            0.057368421,
            0.062105263,
            0.1,
            0.1,
            0.063779064,
            0.01013872,
            0.010034693,
        ),
    ),
    (
        [{"type": "LinearLR", "end": 5}, {"type": "CosineAnnealingLR", "begin": 5, "end": 10, "eta_min": 0.01}],
        (
            0.033333333,
            0.033333333,
            0.033333333,
            0.033333333,
            0.05,
            0.05,
            0.05,
            0.066666667,
            0.1,
            0.018594235,
            0.018594235,
        ),
    ),
    (
        [{"type": "ConstantLR", "by_epoch": False, "begin": 0, "end": 20}],
        (0.033333333, 0.033333333, 0.033333333, 0.033333333, 0.033333333, 0.033333333, 0.1, 0.1, 0.1, 0.1, 0.1),
    ),
    (
        [{"type": "ExponentialLR", "gamma": 0.98, "by_epoch": False, "begin": 0, "end": 100}],
        (
            0.1,
            0.098,
            0.085076302,
            0.083374776,
            0.081707281,
            0.080073135,
            0.068123262,
            0.066760797,
            0.032918055,
            0.013808783,
            0.013532608,
        ),
    ),
    (
        [{"type": "StepLR", "step_size": 30, "by_epoch": False, "begin": 0, "end": 100}],
        (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.0001, 0.0001),
    ),
    (
        [{"type": "PolyLR", "eta_min": 0.01, "power": 0.9, "by_epoch": False, "begin": 0, "end": 100}],
        (
            0.1,
            0.099181403,
            0.093427281,
            0.09260172,
            0.091775242,
            0.090947835,
            0.084293672,
            0.083457343,
            0.053378871,
            0.011439365,
            0.01,
        ),
    ),
    (
        [
            {
                "type": "CosineRestartLR",
                "periods": [40, 55],
                "restart_weights": [1, 0.5],
                "eta_min": 0.01,
                "by_epoch": False,
                "begin": 0,
                "end": 100,
            }
        ],
        (
            0.1,
            0.09986128,
            0.091405765,
            0.089218268,
            0.086819805,
            0.084225162,
            0.058530659,
            0.055,
            0.043097215,
            0.010032618,
            0.010032618,
        ),
    ),
    (
        [{"type": "OneCycleLR", "eta_max": 0.1, "by_epoch": False, "begin": 0, "end": 100}],
        (
            0.004,
            0.0042813781,
            0.020925458,
            0.025063021,
            0.029516395,
            0.034233369,
            0.074483605,
            0.078936979,
            0.069651373,
            5.0746472e-05,
            4e-07,
        ),
    ),
]


def config(entries, **optimizer):
    return {"param_scheduler": entries, "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1, **optimizer}}}


@pytest.mark.parametrize(("entries", "rates"), MEASURED)
def test_the_rates_are_those_that_mmengine_set(entries, rates):
    found = read(config(entries), updates_per_epoch=10, total=100)
    assert (found.dialect, found.base_lr) == ("mmengine", 0.1)
    np.testing.assert_allclose(0.1 * found.schedule(np.array(AT)), rates, rtol=2e-7, atol=1e-12)


def test_other_numbers_come_beside_the_rate():
    """Measured as above: AdamW's first beta and weight decay, by a LinearMomentum and a general scheduler."""
    span = {"by_epoch": False, "begin": 0, "end": 100}
    entries = [
        {"type": "CosineAnnealingLR", "T_max": 100, **span},
        {"type": "LinearMomentum", "start_factor": 0.5, **span, "end": 21},
        {"type": "CosineAnnealingParamScheduler", "param_name": "weight_decay", "T_max": 100, **span},
    ]
    found = read(config(entries, type="AdamW", weight_decay=0.01), total=100)
    at = np.array([0, 10, 20, 50, 99])
    np.testing.assert_allclose(0.9 * found.also["betas[0]"](at), [0.45, 0.675, 0.9, 0.9, 0.9])
    np.testing.assert_allclose(
        0.01 * found.also["weight_decay"](at), [0.01, 0.00975528, 0.00904508, 0.005, 2.47e-06], atol=5e-9
    )
    momentum = {"type": "CosineAnnealingMomentum", "eta_min": 0.85, "T_max": 100, **span}
    found = read(config([entries[0], momentum], momentum=0.9), total=100)
    np.testing.assert_allclose(0.9 * found.also["momentum"](at), [0.9, 0.89877641, 0.89522542, 0.875, 0.85001234])


def test_a_configuration_file_in_python():
    """The names it assigns are followed; the run's end is that of the train loop."""
    text = (
        "max_epochs = 12\n"
        "train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)\n"
        "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.02, momentum=0.9))\n"
        "param_scheduler = [\n"
        "    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),\n"
        "    dict(type='MultiStepLR', begin=0, by_epoch=True, milestones=[8, 11], gamma=0.1),\n"
        "]\n"
    )
    found = read(text, updates_per_epoch=1000)
    assert (found.dialect, found.base_lr, found.total) == ("mmengine", 0.02, 12_000)
    assert [found.schedule(at) for at in (0, 499, 7999, 8000, 11_000)] == pytest.approx([1e-3, 1, 1, 0.1, 0.01])


def test_linear_arrives_at_its_last_step_and_cosine_after_it():
    """The peak is update 9 of a warm-up of 10; the cosine's floor would be update 100 of a run of 100."""
    found = read(config(MEASURED[0][0]), total=100)
    assert found.schedule(9) == found.schedule(10) == 1.0
    assert found.schedule(99) == pytest.approx(np.cos(np.pi / 180 * 89) ** 2)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "ReduceOnPlateauLR"}, "param_scheduler[0].type must be a function of the update"),
        ({"type": "CosineAnealingLR"}, "Did you mean 'CosineAnnealingLR'"),
        ({"type": "LinearLR", "end": 10, "by_epoch": False, "start": 1}, "start must be a field known here"),
        ({"type": "LinearLR", "end": 10, "by_epoch": False, "start_factor": 0}, "divides by 0 at the second step"),
        ({"type": "LinearLR", "by_epoch": False, "begin": 10, "end": 10}, "end must be above begin=10; got 10"),
        ({"type": "StepLR", "step_size": 3}, "Give updates_per_epoch= or a plan"),
        ({"type": "StepLR", "step_size": 3, "by_epoch": False, "convert_to_iter_based": True}, "without by_epoch"),
        ({"type": "CosineRestartLR", "periods": [5], "by_epoch": False}, "eta_min must be given, or eta_min_ratio"),
        ({"type": "PolyLR", "by_epoch": False, "end": 9, "last_step": 4}, "It is for going on from a state"),
        ({"type": "LinearMomentum", "by_epoch": False, "end": 9}, "a list with one for the rate"),
    ],
)
def test_refusals_name_the_field(entry, message):
    with pytest.raises(PreheatError) as caught:
        read(config([entry]), total=100)
    assert message in str(caught.value)


def test_what_depends_on_the_way_of_another_is_refused():
    """A floor while the other climbs; a OneCycleLR beside another; nothing left to decay."""
    span = {"by_epoch": False, "begin": 0, "end": 100}
    climb = {"type": "LinearLR", "by_epoch": False, "begin": 0, "end": 50}
    with pytest.raises(PreheatError, match="let one end before the other begins"):
        read(config([climb, {"type": "CosineAnnealingLR", "eta_min": 0.01, **span}]), total=100)
    with pytest.raises(PreheatError, match="OneCycleLR writes rates of its own"):
        read(config([climb, {"type": "OneCycleLR", "eta_max": 0.1, **span}]), total=100)
    gone = {**climb, "start_factor": 1.0, "end_factor": 0.0}
    after = {"type": "PolyLR", "eta_min": 0.01, "by_epoch": False, "begin": 50, "end": 100}
    with pytest.raises(PreheatError, match="The others have brought it to 0"):
        read(config([gone, after]), total=100)
    assert read(config([climb, {"type": "CosineAnnealingLR", **span}]), total=100).schedule(49) < 1  # a product
