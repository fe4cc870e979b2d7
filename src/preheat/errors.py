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

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from preheat.messages import Joined, Message, _, in_context, joined, template


class PreheatError(Exception):
    """Every error preheat raises on purpose.

    Its text is English wherever Python shows it; the id and the arguments are for programs, and for showing it in the
    reader's language (:func:`preheat.tell`).

    >>> error = ScheduleError(refusal("warmup", _("below {total}", total=10), 12, _("Lower it.")))
    >>> error.id, error.arguments
    ('{name} must be below {total}; got {value!r}. Lower it.', {'total': 10, 'name': 'warmup', 'value': 12})
    """

    @property
    def id(self) -> str:
        """The sentence with its gaps, the same for every error of its kind."""
        text = self.args[0] if self.args else ""
        return text.id if isinstance(text, Message) else str(text)

    @property
    def arguments(self) -> Mapping[str, object]:
        """What stands in the gaps, by name; empty for words that came from somewhere else."""
        text = self.args[0] if self.args else ""
        return text.arguments if isinstance(text, Message) else {}


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


@contextmanager
def reading(name: str, error: type[PreheatError] = ConfigError, advice: str = "") -> Iterator[None]:
    """While something foreign is read: whatever goes wrong in it is a refusal of ``name``, by its own name.

    A reader refuses what it expects to go wrong in its own words. This is for the rest: foreign input may have any
    type in any place, and more digits or depth than Python takes.

    >>> with reading("log.json", DataError):
    ...     float("x")
    Traceback (most recent call last):
    ...
    preheat.errors.DataError: log.json must be readable; got "could not convert string to float: 'x'".
    """
    try:
        yield
    except PreheatError:
        raise
    except RecursionError:
        raise error(refusal(name, _("nested less deeply"), _("what Python's stack does not hold"), advice)) from None
    except _ODD as problem:
        raise error(refusal(name, _("readable"), str(problem) or type(problem).__name__, advice)) from problem


# What Python raises about a value of another type, size or form than was expected. No OSError: that names its file.
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Refusal(Message):
    """What :func:`refusal` makes: its id is the whole sentence, and its pieces are messages of their own."""

    __slots__ = ("pieces",)
    pieces: Mapping[str, object]

    def __new__(cls, name: str, rule: str, value: object, advice: str) -> Refusal:
        """The English form, made of the pieces."""
        pieces = {"name": name, "rule": rule, "value": value, "advice": advice}
        frame = _FRAME if advice else _SHORT_FRAME
        framed = Message(frame, pieces)
        made = str.__new__(cls, str(framed))
        ids = {piece: getattr(text, "id", _escaped(text)) for piece, text in (("rule", rule), ("advice", advice))}
        made.id = frame.replace("{rule}", ids["rule"]).replace("{advice}", ids["advice"])
        made.plural = made.context = None
        made.pieces = framed.arguments
        made.arguments = {
            **getattr(rule, "arguments", {}),
            **getattr(advice, "arguments", {}),
            "name": name,
            "value": framed.arguments["value"],
        }
        return made

    def framed(self) -> Message:
        """The frame with its pieces."""
        # A name that is a message reads as a word of the sentence, and not as a parameter's: languages may set it so.
        name = self.pieces["name"]
        last = name.items[-1] if isinstance(name, Joined) else name
        context = "a name in words" if isinstance(last, Message) else None
        return Message(_FRAME if self.pieces["advice"] else _SHORT_FRAME, self.pieces, context=context)

    def in_words(self, find: Callable[[Message], str | None], tell: Callable[[object], object]) -> str:
        """The frame of the language with each piece in it."""
        return self.framed().in_words(find, tell)


_FRAME = template("{name} must be {rule}; got {value!r}. {advice}")
_SHORT_FRAME = template("{name} must be {rule}; got {value!r}.")
in_context("a name in words", "{name} must be {rule}; got {value!r}. {advice}", name="", rule="", value="", advice="")
in_context("a name in words", "{name} must be {rule}; got {value!r}.", name="", rule="", value="")


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def refusal(name: str, rule: str, value: object, advice: str) -> str:
    """The sentence of a refusal: ``<name> must be <rule>; got <value>. <what to do>.``

    Args:
        name: what is refused, by its own name: a parameter, a key, a flag. It is not translated unless it is a message.
        rule: what it must be, a message.
        value: what was given.
        advice: what to do, a message of whole sentences; may be empty.

    >>> refusal("warmup", _("below {total}", total="total"), 12, _("Lower it."))
    'warmup must be below total; got 12. Lower it.'
    """
    return Refusal(name, rule, value, advice)


def system_words(error: OSError) -> str:
    """What the operating system says went wrong, without the file.

    >>> system_words(FileNotFoundError(2, "No such file or directory", "news.csv"))
    'No such file or directory'
    """
    import errno

    # Those that people meet; the system's own words are English.
    known = {
        errno.ENOENT: _("No such file or directory"),
        errno.EACCES: _("Permission denied"),
        errno.EEXIST: _("File exists"),
        errno.EISDIR: _("Is a directory"),
        errno.ENOTDIR: _("Not a directory"),
        errno.ENOSPC: _("No space left on device"),
        errno.EROFS: _("Read-only file system"),
        errno.ENAMETOOLONG: _("File name too long"),
        errno.EADDRINUSE: _("Address already in use"),
    }
    return known.get(error.errno or 0, error.strerror or str(error))


def near_miss(name: object, known: Iterable[str]) -> str:
    """The hint a refusal of an unknown name opens its advice with: the nearest known one, or nothing.

    Case is no difference: somebody who writes ``Cosin`` means ``cosine``.

    >>> near_miss("linaer", ["cosine", "linear"]), near_miss("zebra", ["cosine", "linear"])
    ("Did you mean 'linear'?", '')
    """
    import difflib  # dear to load, and needed only on the way to an error

    # One word, and only a near one (difflib's own cut at 0.6): a wrong guess costs more than none.
    by_case = {word.lower(): word for word in known}
    near = difflib.get_close_matches(str(name).lower(), by_case, n=1)
    return _("Did you mean {near!r}?", near=by_case[near[0]]) if near else ""


def sentences(*parts: str) -> str:
    """Whole sentences after one another; empty ones are left out.

    >>> sentences("Lower it.", "", _("Known: {names}.", names="a, b"))
    'Lower it. Known: a, b.'
    """
    return joined(" ", [part for part in parts if part])


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
    rows: str = _("none")
    if groups:
        rows = joined(
            "; ", [_("{names} ({group})", names=joined(", ", words), group=key) for key, words in groups.items()]
        )
    elif known:
        rows = joined(", ", known)
    return refusal(name, rule, value, sentences(near_miss(value, known), advice, _("Known: {names}.", names=rows)))


def missing_extra(module: str, extra: str) -> MissingExtraError:
    """The error for an optional dependency: one line with the install command.

    >>> print(missing_extra("matplotlib", "plot"))
    matplotlib is not installed: pip install 'preheat[plot]'
    """
    install = f"pip install 'preheat[{extra}]'"
    return MissingExtraError(_("{module} is not installed: {install}", module=module, install=install))
