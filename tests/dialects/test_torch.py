"""torch's schedulers: code and states against the real ones, and the code that is written, run."""

import json
import random
import warnings

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

import preheat
from preheat.dialects import read, write
from preheat.dialects.loading import run_of_calls
from preheat.dialects.torch import saved
from preheat.errors import ConfigError
from support.named_schedules import named

UPDATES = 100
CODE = [
    "CosineAnnealingLR(optimizer, 99)",
    "CosineAnnealingLR(optimizer, T_max=99, eta_min=1e-3)",
    "LinearLR(optimizer)",
    "LinearLR(optimizer, 0.2, 0.9, total_iters=30)",
    "LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=1)",
    "ConstantLR(optimizer)",
    "ConstantLR(optimizer, 0.25, 40)",
    "PolynomialLR(optimizer)",
    "PolynomialLR(optimizer, 90, 2.5)",
    "ExponentialLR(optimizer, gamma=0.97)",
    "StepLR(optimizer, 30)",
    "StepLR(optimizer, step_size=7, gamma=0.5)",
    "MultiStepLR(optimizer, [40, 10, 40, 70], gamma=0.5)",
    "CosineAnnealingWarmRestarts(optimizer, 20)",
    "CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=3, eta_min=0.01)",
    "CyclicLR(optimizer, 0.01, 0.4, 10)",
    "CyclicLR(optimizer, base_lr=0.01, max_lr=0.4, step_size_up=10, step_size_down=5, mode='triangular2')",
    "CyclicLR(optimizer, base_lr=0.01, max_lr=0.4, step_size_up=10, mode='exp_range', gamma=0.98)",
    "OneCycleLR(optimizer, 0.4, total_steps=100)",
    "OneCycleLR(optimizer, max_lr=0.4, epochs=4, steps_per_epoch=25, pct_start=0.25, anneal_strategy='linear')",
    "OneCycleLR(optimizer, max_lr=0.4, total_steps=100, three_phase=True, div_factor=5, final_div_factor=10)",
    "SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=10), CosineAnnealingLR(optimizer, 90)], [10])",
    "SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=10), StepLR(optimizer, 5)], milestones=[20])",
    "SequentialLR(optimizer, [ConstantLR(optimizer, 0.1, 50), StepLR(optimizer, 3), LinearLR(optimizer)], [5, 5])",
    "ChainedScheduler([ConstantLR(optimizer, 0.1, 50), ExponentialLR(optimizer, 0.9), PolynomialLR(optimizer, 80)])",
    "ChainedScheduler([LinearLR(optimizer, 0.1, total_iters=10), CosineAnnealingLR(optimizer, 99)])",
    "LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100))",
    "LambdaLR(optimizer, lambda n: 0.1 + 0.9 * (1 - n / 120) ** 2)",
    "LambdaLR(optimizer, lr_lambda=[lambda n: 0.95 ** (n // 7)])",
    "SequentialLR(optimizer, [LambdaLR(optimizer, lambda n: n / 10), ConstantLR(optimizer, 1.0)], [10])",
]


def make(code, lr=0.5):
    """The real scheduler that a line of code makes, and its optimizer."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    names = {name: getattr(lr_scheduler, name) for name in dir(lr_scheduler) if name.endswith(("LR", "Restarts", "er"))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return eval(code, {**names, "optimizer": optimizer}), optimizer


def walk(scheduler, optimizer, updates=UPDATES):
    """Rate and first beta at every update."""
    rates, momenta = [], []
    for _ in range(updates):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["betas"][0])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            scheduler.step()
    return np.array(rates), np.array(momenta)


@pytest.mark.parametrize("code", CODE)
def test_code_is_read_as_torch_runs_it(code):
    """The rates at every update, and the momentum that OneCycleLR and CyclicLR move."""
    rates, momenta = walk(*make(code))
    found = read(f"optimizer = torch.optim.AdamW(model.parameters(), lr=0.5)\nscheduler = {code}")
    assert found.dialect == "torch"
    np.testing.assert_allclose(found.base_lr * found.schedule(np.arange(UPDATES)), rates, rtol=1e-9, atol=1e-13)
    for key, schedule in found.also.items():
        assert key == "betas[0]"
        np.testing.assert_allclose(momenta.max() * schedule(np.arange(UPDATES)), momenta, rtol=1e-9)
    assert bool(found.also) == (momenta.max() != momenta.min() and "exp_range" not in code)


@pytest.mark.parametrize("code", [line for line in CODE if "LambdaLR" not in line])
@pytest.mark.parametrize("position", [0, 37, 99])
def test_states_are_read_as_torch_goes_on(code, position):
    """A state saved in the middle, through JSON, gives the rates from update 0 and the place in them."""
    expected, _ = walk(*make(code))
    scheduler, optimizer = make(code)
    walk(scheduler, optimizer, position)
    checkpoint = {"scheduler": scheduler.state_dict(), "optimizer": {"param_groups": optimizer.param_groups}}
    checkpoint["optimizer"]["param_groups"] = [{**optimizer.param_groups[0], "params": [0]}]
    checkpoint = json.loads(json.dumps(checkpoint))
    found = read(checkpoint)
    assert found.dialect == "torch"
    np.testing.assert_allclose(found.base_lr * found.schedule(np.arange(UPDATES)), expected, rtol=1e-9, atol=1e-13)
    assert f"saved after {position} updates" in found.notes
    assert not any("somebody else" in note for note in found.notes)
    state = saved(checkpoint["scheduler"], checkpoint["optimizer"]["param_groups"])
    assert state.position == position
    assert state.bases[0] * state.schedules[0](position) == pytest.approx(expected[position], rel=1e-9, abs=1e-13)


def test_checkpoints_and_spellings_of_others():
    """Lightning's checkpoint and class_path, hydra's _target_, and the plain class: the same schedule."""
    scheduler, optimizer = make("OneCycleLR(optimizer, 0.4, total_steps=100)")
    checkpoint = {"lr_schedulers": [scheduler.state_dict()], "optimizer_states": [optimizer.state_dict()]}
    assert read(checkpoint).base_lr == 0.4
    arguments = {"T_max": 100, "eta_min": 1e-3}
    name = "torch.optim.lr_scheduler.CosineAnnealingLR"
    spelled = [{"class_path": name, "init_args": arguments}, {"_target_": name, **arguments}]
    plain = read({"class": "CosineAnnealingLR", **arguments}, peak=0.1)
    assert all(read(one, peak=0.1) == plain for one in spelled)
    nested = {"class": "SequentialLR", "schedulers": [{"class": "LinearLR", "total_iters": 10}, *spelled[1:]]}
    assert read({**nested, "milestones": [10]}, peak=0.1).schedule.warmup_updates == 10


def test_every_group_has_its_own_share_of_an_absolute_floor():
    """eta_min is one rate for all groups: 1e-3 is 1 % of the first base and 10 % of the second."""
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": [weights[0]], "lr": 0.1}, {"params": [weights[1]], "lr": 0.01}]
    scheduler = lr_scheduler.CosineAnnealingLR(torch.optim.AdamW(groups), 50, 1e-3)
    found = saved(scheduler.state_dict())
    assert found.bases == (0.1, 0.01)
    assert [round(base * schedule(50), 12) for base, schedule in zip(found.bases, found.schedules, strict=True)] == [
        1e-3,
        1e-3,
    ]
    assert "the groups have base rates 0.1, 0.01: this is the schedule of the first" in found.notes


def test_onwards_does_what_torch_does_past_the_end():
    """CosineAnnealingLR climbs again past T_max: for a resumed run that is what happens."""
    scheduler, optimizer = make("CosineAnnealingLR(optimizer, 40, eta_min=0.1)")
    expected, _ = walk(scheduler, optimizer, 150)
    found = saved(scheduler.state_dict(), onwards=True)
    np.testing.assert_allclose(0.5 * found.schedules[0](np.arange(150)), expected, rtol=1e-9)
    held = saved(scheduler.state_dict())
    assert 0.5 * held.schedules[0](80) == pytest.approx(0.1)
    assert not any("somebody else" in note for note in held.notes)
    assert any("rises again" in note for note in held.notes)


def test_a_rate_that_somebody_else_wrote_is_noted():
    scheduler, optimizer = make("CosineAnnealingLR(optimizer, 40)")
    walk(scheduler, optimizer, 10)
    state = {**scheduler.state_dict(), "_last_lr": [0.123]}
    assert any("the saved rate at update 10 is 0.123" in note for note in saved(state).notes)


def test_one_cycle_needs_its_peak():
    """Its state holds the start rate only: the groups say the others, or the caller the peak."""
    scheduler, _ = make("OneCycleLR(optimizer, 0.4, total_steps=100)")
    with pytest.raises(ConfigError, match="keeps its peak in the optimizer's groups"):
        saved(scheduler.state_dict())
    found = saved(scheduler.state_dict(), peak=0.4)
    assert found.bases == (0.4,)
    assert found.schedules[0](29) == 1.0
    assert any("final_div_factor is taken as torch's own 1e4" in note for note in found.notes)


def test_the_state_of_our_own_scheduler_gives_its_schedule_back():
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = preheat.parse("warmup 5 > cosine 20 to lr 0.05")
    scheduler = preheat.torch.Scheduler(optimizer, schedule)
    for _ in range(3):
        optimizer.step()
    found = read(json.loads(json.dumps(scheduler.state_dict())))
    assert (found.dialect, found.base_lr) == ("torch", 0.5)
    assert found.schedule == schedule.for_base(0.5)
    assert saved(scheduler.state_dict()).position == 3


@pytest.mark.parametrize("name", preheat.SCHEDULE_NAMES)
@pytest.mark.parametrize("convention", [None, "native"])
def test_written_code_runs_in_torch_and_keeps_its_word(name, convention):
    """Every named schedule: the real rates are as near as the writer says."""
    schedule = named(name, UPDATES, convention)
    written = write(schedule, "torch", total=UPDATES, base_lr=0.01)
    model = torch.nn.Linear(1, 1)
    scope = {"model": model}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        exec(written.text, scope)
    rates, _ = walk(scope["scheduler"], scope["optimizer"])
    apart = np.abs(rates - 0.01 * schedule(np.arange(UPDATES)))
    assert apart.max() == pytest.approx(written.error, abs=1e-10)
    assert written.exact or name in INEXACT


# What torch has no class for and the table of formulas no entry.
INEXACT = {
    *("max_cosine_inverse_sqrt", "jagged_cosine", "cosine_envelope", "logarithmic", "rectification"),
    *("exp_range", "step"),  # in the native convention
}


def test_plain_schedules_are_written_as_people_write_them():
    text = write(preheat.parse("warmup 10 > cosine 90 to 0.1"), "torch", base_lr=1e-3).text
    assert "LinearLR(optimizer, start_factor=0.1, end_factor=1.0, total_iters=9)" in text
    text = write(preheat.get_schedule("cosine", total=100), "torch", base_lr=1e-3).text
    assert "CosineAnnealingLR(optimizer, T_max=100, eta_min=0.0)" in text
    text = write(preheat.get_schedule("one_cycle", total=100), "torch", base_lr=1e-3).text
    assert "OneCycleLR(optimizer, max_lr=0.001, total_steps=100, pct_start=0.3" in text


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lr_lambdas": [None], "base_lrs": [0.1], "last_epoch": 3}, "Say which schedule it was: its name, warm-up"),
        ({"patience": 3, "num_bad_epochs": 0, "factor": 0.1}, "multiply a schedule by preheat.plateau()"),
        ("ReduceLROnPlateau(optimizer, patience=3)", "multiply a schedule by preheat.plateau()"),
        ("MultiplicativeLR(optimizer, lambda n: 0.9)", "MultiplicativeLR multiplies up"),
        (
            "LambdaLR(optimizer, lambda n: math.exp(n))",
            "lr_lambda must be a formula known here; got lambda n: math.exp",
        ),
        ("LambdaLR(optimizer, my_function)", "lr_lambda must be a formula known here; got my_function"),
        ("CosineAnnealingLR(optimizer, T_max=steps)", "T_max must be a finite number; got steps"),
        ("CosineAnnealingLR(optimizer, T_max=10, eta_min=1e-6)", "eta_min must be a share of a known rate"),
        ("CosineAnnealingLR(optimizer, T_max=10, eta_mni=1e-6)", "Did you mean 'eta_min'"),
        ("CosineAnnealingLR(optimizer, T_max=10, last_epoch=5)", "Read the state to go on from it"),
        ("CosineAnealingLR(optimizer, T_max=10)", "config must be"),
        ({"class": "CosineAnnealingRL", "T_max": 3}, "Did you mean 'CosineAnnealingLR'"),
        ("LinearLR(optimizer, 0.0)", "start_factor must be in (0, 1]; got 0.0"),
        ("ExponentialLR(optimizer, 1.1)", "gamma must be in (0, 1]; got 1.1"),
        ("SequentialLR(optimizer, [StepLR(optimizer, 3)], milestones=[3])", "There is 1 scheduler"),
        ("ChainedScheduler([CyclicLR(optimizer, 0.1, 0.2), StepLR(optimizer, 3)])", "overwrite it"),
        ("ChainedScheduler([CosineAnnealingLR(optimizer, 9, 0.1), StepLR(optimizer, 3)])", "Those with a floor"),
        ("CyclicLR(optimizer, 0.1, 0.2, scale_fn=f)", "Take one of the three modes"),
        ("OneCycleLR(optimizer, 0.1)", "total_steps must be given, or epochs and steps_per_epoch"),
        ("StepLR(*arguments)", "hides its arguments behind stars"),
        ("StepLR(optimizer, 3, 0.1, -1, 5, 6)", "arguments at most"),
        ("StepLR(optimizer, 3, step_size=4)", "step_size must be given once"),
        ({"unknown": 3, "base_lrs": [1.0]}, "class must be a scheduler class known here"),
        ({"T_max": 5, "base_lrs": [], "last_epoch": 0}, "base_lrs must be one rate at least"),
    ],
)
def test_refusals_name_the_field(config, message):
    """What cannot be a function of the update, or is wrong, with what to do."""
    peak = None if "eta_min=1e-6" in str(config) else 1.0
    with pytest.raises(ConfigError) as caught:
        read(config, "torch", peak=peak, total=100)
    assert message in str(caught.value)


def test_numbers_are_calculated_and_nothing_is_run():
    """Arithmetic and names assigned before are followed; anything else stays text."""
    assert run_of_calls("steps = 2 * 50\nStepLR(opt(x), steps // 3, gamma=-0.5 + 1)")[-1].args[1] == 33
    assert repr(run_of_calls("a = __import__('os').system('x')")[0]) == "__import__('os').system('x')"
    assert repr(run_of_calls("9 ** 9 ** 9")[0]) == "9 ** 9 ** 9"
    with pytest.raises(ConfigError, match="'for i in x:' would have to be run"):
        run_of_calls("for i in x:\n    StepLR(optimizer, i)")
    with pytest.raises(ConfigError, match="calls and assignments"):
        run_of_calls("(" * 500)


def test_lambdas_of_drawn_numbers_are_the_lambdas():
    """What the table reads of a formula has the formula's values."""
    draw = random.Random(0)
    for _ in range(50):
        form = draw.choice(["{f} + {h} * (1 - n / 90) ** {p}", "{h} * (1 + n / 30) ** -{p}", "{f} + {h} * n / 100"])
        text = form.format(f=draw.random(), h=draw.random(), p=draw.uniform(0.3, 3))
        found = read(f"LambdaLR(optimizer, lambda n: {text})", peak=1.0)
        expected = [eval(text, {"n": n}) for n in range(90)]
        np.testing.assert_allclose(found.schedule(np.arange(90)), expected, rtol=1e-12)
