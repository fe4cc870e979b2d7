"""preheat: learning-rate warm-up and schedules, as values one can read, prove and carry between frameworks.

``import preheat`` loads the standard library only; NumPy, torch, matplotlib and the rest load when first needed.

>>> import preheat
>>> schedule = preheat.get_schedule("warmuplinear", warmup=100, total=3600)
>>> schedule(50)
0.5
"""

from __future__ import annotations

from preheat._faces import face

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat import advice as advice
    from preheat import deepspeed as deepspeed
    from preheat import dialects as dialects
    from preheat import keras as keras
    from preheat import lab as lab
    from preheat import lightning as lightning
    from preheat import optax as optax
    from preheat import torch as torch
    from preheat import transformers as transformers
    from preheat._driver.dropin import get_constant_schedule as get_constant_schedule
    from preheat._driver.dropin import get_constant_schedule_with_warmup as get_constant_schedule_with_warmup
    from preheat._driver.dropin import get_cosine_schedule_with_warmup as get_cosine_schedule_with_warmup
    from preheat._driver.dropin import (
        get_cosine_with_hard_restarts_schedule_with_warmup as get_cosine_with_hard_restarts_schedule_with_warmup,
    )
    from preheat._driver.dropin import (
        get_cosine_with_min_lr_schedule_with_warmup as get_cosine_with_min_lr_schedule_with_warmup,
    )
    from preheat._driver.dropin import (
        get_cosine_with_min_lr_schedule_with_warmup_lr_rate as get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    )
    from preheat._driver.dropin import get_inverse_sqrt_schedule as get_inverse_sqrt_schedule
    from preheat._driver.dropin import get_linear_schedule_with_warmup as get_linear_schedule_with_warmup
    from preheat._driver.dropin import (
        get_polynomial_decay_schedule_with_warmup as get_polynomial_decay_schedule_with_warmup,
    )
    from preheat._driver.dropin import get_scheduler as get_scheduler
    from preheat._driver.dropin import get_wsd_schedule as get_wsd_schedule
    from preheat.auditing import audit as audit
    from preheat.auditing import read_log as read_log
    from preheat.auditing import recognise_log as recognise_log
    from preheat.checking import check as check
    from preheat.checking import diff as diff
    from preheat.checkpoints import check_resume as check_resume
    from preheat.errors import ConfigError as ConfigError
    from preheat.errors import DataError as DataError
    from preheat.errors import MissingExtraError as MissingExtraError
    from preheat.errors import PlanError as PlanError
    from preheat.errors import PreheatError as PreheatError
    from preheat.errors import RunError as RunError
    from preheat.errors import ScheduleError as ScheduleError
    from preheat.errors import StateError as StateError
    from preheat.messages.languages import speak as speak
    from preheat.messages.languages import tell as tell
    from preheat.plan import Plan as Plan
    from preheat.plan import scale_lr as scale_lr
    from preheat.schedule import SCHEDULE_NAMES as SCHEDULE_NAMES
    from preheat.schedule import Length as Length
    from preheat.schedule import Phase as Phase
    from preheat.schedule import PhaseSchedule as PhaseSchedule
    from preheat.schedule import Schedule as Schedule
    from preheat.schedule import cooldown as cooldown
    from preheat.schedule import cosine as cosine
    from preheat.schedule import decay as decay
    from preheat.schedule import epochs as epochs
    from preheat.schedule import extend as extend
    from preheat.schedule import fraction as fraction
    from preheat.schedule import from_function as from_function
    from preheat.schedule import get_schedule as get_schedule
    from preheat.schedule import greedy as greedy
    from preheat.schedule import hold as hold
    from preheat.schedule import linear as linear
    from preheat.schedule import load_schedule as load_schedule
    from preheat.schedule import lr as lr
    from preheat.schedule import maximum as maximum
    from preheat.schedule import minimum as minimum
    from preheat.schedule import parse as parse
    from preheat.schedule import plateau as plateau
    from preheat.schedule import resume as resume
    from preheat.schedule import samples as samples
    from preheat.schedule import save_schedule as save_schedule
    from preheat.schedule import tokens as tokens
    from preheat.schedule import untuned_warmup as untuned_warmup
    from preheat.schedule import updates as updates
    from preheat.schedule import warmup as warmup
    from preheat.view import plot as plot

__version__ = "0.2.0"

# Where each public name lives; modules load when a name of theirs is first used.
_HOMES: dict[str, str] = {
    **dict.fromkeys(
        (
            *("Schedule", "PhaseSchedule", "Phase", "get_schedule", "SCHEDULE_NAMES", "Length", "parse"),
            *("warmup", "hold", "decay", "linear", "cosine", "minimum", "maximum", "plateau", "greedy"),
            *("updates", "epochs", "samples", "tokens", "fraction", "lr", "untuned_warmup"),
            *("from_function", "load_schedule", "save_schedule", "cooldown", "extend", "resume"),
        ),
        "preheat.schedule",
    ),
    "Plan": "preheat.plan",
    "plot": "preheat.view",
    **dict.fromkeys(("check", "diff"), "preheat.checking"),
    **dict.fromkeys(("audit", "recognise_log", "read_log"), "preheat.auditing"),
    "check_resume": "preheat.checkpoints",
    "scale_lr": "preheat.plan",
    **dict.fromkeys(
        (
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
        ),
        "preheat._driver.dropin",
    ),
    **dict.fromkeys(
        (
            "PreheatError",
            "ScheduleError",
            "PlanError",
            "ConfigError",
            "DataError",
            "RunError",
            "StateError",
            "MissingExtraError",
        ),
        "preheat.errors",
    ),
    **dict.fromkeys(("speak", "tell"), "preheat.messages.languages"),
}

# Drivers: modules that load their framework.
_DRIVERS = ("torch", "transformers", "lightning", "deepspeed", "optax", "keras")

# Packages with a face of their own: answers about schedules, other vocabularies, and all that trains something.
_PACKAGES = ("advice", "dialects", "lab")

__all__ = [*_HOMES, *_DRIVERS, *_PACKAGES]  # noqa: PLE0604 - names, every one

__getattr__, __dir__ = face(__name__, _HOMES, (*_DRIVERS, *_PACKAGES))
