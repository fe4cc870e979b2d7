"""The one exception tree, and the sentence every refusal is written in.

PreheatError
├── ScheduleError (ValueError)        a schedule, length or option that cannot be
├── PlanError (ValueError)            a plan that cannot be, or counts no update
├── ConfigError (ValueError)          a configuration file or flag that does not fit
├── DataError (ValueError)            a data file or row that cannot be trained on
├── RunError (RuntimeError)           a run folder that is in use, missing or of another run
│   ├── BadNumbersError               a loss or gradient that is no finite number
│   └── RunStoppedError                  a run that was asked to stop, and has saved itself
├── StateError (ValueError)           a saved state that does not belong to this schedule
└── MissingExtraError (ImportError)   an optional dependency that is not installed
"""

from __future__ import annotations


class PreheatError(Exception):
    """Every error preheat raises on purpose."""


class ScheduleError(PreheatError, ValueError):
    """A schedule, a length or an option that cannot be."""


class PlanError(PreheatError, ValueError):
    """A plan that cannot be, or does not count to at least one update."""


class ConfigError(PreheatError, ValueError):
    """A configuration file or a flag that does not fit."""


class DataError(PreheatError, ValueError):
    """A data file or a row that cannot be trained on."""


class RunError(PreheatError, RuntimeError):
    """A run folder that is in use, missing or belongs to another run."""


class BadNumbersError(RunError):
    """A loss or a gradient that is no finite number; the update was not made."""


class RunStoppedError(RunError):
    """A run that was asked to stop, by a signal or a callback, and has saved what it had."""


class StateError(PreheatError, ValueError):
    """A saved state that does not belong to this schedule."""


class MissingExtraError(PreheatError, ImportError):
    """An optional dependency that is not installed."""


def refusal(name: str, rule: str, value: object, advice: str) -> str:
    """The sentence of a refusal: ``<name> must be <rule>; got <value>. <what to do>.``

    >>> refusal("warmup", "below total", 12, "Lower it.")
    'warmup must be below total; got 12. Lower it.'
    """
    return f"{name} must be {rule}; got {value!r}. {advice}"


def missing_extra(module: str, extra: str) -> MissingExtraError:
    """The error for an optional dependency: one line with the install command.

    >>> print(missing_extra("matplotlib", "plot"))
    matplotlib is not installed: pip install 'preheat[plot]'
    """
    return MissingExtraError(f"{module} is not installed: pip install 'preheat[{extra}]'")
