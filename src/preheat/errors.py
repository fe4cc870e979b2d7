"""The one exception tree, and the sentence every refusal is written in.

PreheatError
├── ScheduleError (ValueError)        a schedule, length or option that is not valid
├── PlanError (ValueError)            a plan that is not valid, or counts no update
├── ConfigError (ValueError)          a configuration file or flag that does not fit
├── DataError (ValueError)            a data file or row that cannot be trained on
├── RunError (RuntimeError)           a run folder that is in use, missing or of another run
│   ├── BadNumbersError               a loss or gradient that is NaN or infinite
│   └── RunStoppedError               a run that was asked to stop, and has saved itself
├── StateError (ValueError)           a saved state that does not belong to this schedule
└── MissingExtraError (ImportError)   an optional dependency that is not installed
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class PreheatError(Exception):
    """Every error preheat raises on purpose."""


class ScheduleError(PreheatError, ValueError):
    """A schedule, a length or an option that is not valid."""


class PlanError(PreheatError, ValueError):
    """A plan that is not valid, or does not count to at least one update."""


class ConfigError(PreheatError, ValueError):
    """A configuration file or a flag that does not fit."""


class DataError(PreheatError, ValueError):
    """A data file or a row that cannot be trained on."""


class RunError(PreheatError, RuntimeError):
    """A run folder that is in use, missing or belongs to another run."""


class BadNumbersError(RunError):
    """A loss or a gradient that is NaN or infinite; the update was not made."""


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


def near_miss(name: object, known: Iterable[str]) -> str:
    """The hint a refusal of an unknown name opens its advice with: the nearest known one, or nothing.

    Case is no difference: somebody who writes ``Cosin`` means ``cosine``.

    >>> near_miss("linaer", ["cosine", "linear"]), near_miss("zebra", ["cosine", "linear"])
    ("Did you mean 'linear'? ", '')
    """
    import difflib  # dear to load, and needed only on the way to an error

    # One word, and only a near one (difflib's own cut at 0.6): a wrong guess costs more than none.
    by_case = {word.lower(): word for word in known}
    near = difflib.get_close_matches(str(name).lower(), by_case, n=1)
    return f"Did you mean {by_case[near[0]]!r}? " if near else ""


def unknown_name(
    name: str,
    rule: str,
    value: object,
    known: Iterable[str],
    advice: str = "",
    *,
    groups: Mapping[str, Iterable[str]] | None = None,
) -> str:
    """The refusal of a name that is not known: the nearest one first, then all there are.

    Args:
        name: what is named: ``"curve"``, ``"dialect"``.
        rule: what it must be.
        value: the unknown name.
        known: the known ones.
        advice: what else can be done, said between the hint and the list.
        groups: the known ones by what they have in common, where one row of them would be too long to read.

    >>> unknown_name("curve", "the name of a curve", "cosin", ["linear", "cosine"])
    "curve must be the name of a curve; got 'cosin'. Did you mean 'cosine'? Known: linear, cosine."
    >>> unknown_name("sum", "a known sum", "x", "aBC", "Leave it out.", groups={"small": "a", "large": "BC"})
    "sum must be a known sum; got 'x'. Leave it out. Known: a (small); B, C (large)."
    """
    known = tuple(known)  # read twice, and callers hand over generators
    hint = near_miss(value, known)
    rows = [f"{', '.join(words)} ({key})" for key, words in groups.items()] if groups else [", ".join(known) or "none"]
    return refusal(name, rule, value, f"{hint}{f'{advice} ' if advice else ''}Known: {'; '.join(rows)}.")


def missing_extra(module: str, extra: str) -> MissingExtraError:
    """The error for an optional dependency: one line with the install command.

    >>> print(missing_extra("matplotlib", "plot"))
    matplotlib is not installed: pip install 'preheat[plot]'
    """
    return MissingExtraError(f"{module} is not installed: pip install 'preheat[{extra}]'")
