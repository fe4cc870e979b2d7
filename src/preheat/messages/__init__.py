"""Sentences as data: what preheat says is an id with arguments, written once where it arises.

The id is the English sentence with named gaps, as in gettext. :class:`Message` is a ``str``: its value is the English
sentence, so that programs, logs and JSON read it as they always did; what is shown to a person goes through
:func:`preheat.tell` at the edge (terminal, page, report, picture), which looks the id up in the
reader's language.

>>> from preheat.messages import _
>>> says = _("warm-up is {warmup:,} of {total:,} updates", warmup=1200, total=3600)
>>> says, says.id, says.arguments["warmup"]
('warm-up is 1,200 of 3,600 updates', 'warm-up is {warmup:,} of {total:,} updates', 1200)

``"..." + f"{...}"`` and ``"".join`` make a plain ``str`` of a message, which no language can be found for: pieces are
put together by :func:`joined`, or are arguments of another message. Numbers, paths, names and schedule words go in as
arguments and are never translated.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

# What an argument may be as it is: anything else is held as the texts it would be written as, so that a message can be
# pickled, sent to another process and kept as long as anybody likes.
_PLAIN = (str, int, float, bool, type(None))


class Shown(str):
    """A value as it is written: ``str()`` and ``repr()`` of something that a message does not hold on to."""

    __slots__ = ("_repr",)
    _repr: str

    def __new__(cls, text: str, written: str) -> Shown:
        """``text`` whose ``repr()`` is ``written``."""
        shown = super().__new__(cls, text)
        shown._repr = written
        return shown

    def __repr__(self) -> str:
        return self._repr

    def __reduce__(self) -> tuple[object, ...]:
        return Shown, (str(self), self._repr)


def _held(value: object) -> object:
    if isinstance(value, Message | Shown) or type(value) in _PLAIN:
        return value
    if isinstance(value, Exception) and len(value.args) == 1 and isinstance(value.args[0], Message):
        return value.args[0]  # an error of ours is what it says
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "ndim", None) == 0:  # a NumPy scalar: format codes need its number
        return item()
    # Subclasses of int and float (enums) keep their number for format codes, and nothing else does.
    return value if isinstance(value, int | float) else Shown(str(value), repr(value))


class Message(str):
    """One sentence of preheat's, or a piece of one; its value is the English form.

    Attributes:
        id: the English sentence with its gaps, ``{name}``, formatted as ``str.format`` does. Braces of the sentence
            itself are doubled.
        arguments: by name of the gap: text, numbers, or messages.
        plural: the id for several, where there is one; the argument ``n`` says how many.
        context: tells two sentences apart that are one in English.
    """

    __slots__ = ("arguments", "context", "id", "plural")
    id: str
    plural: str | None
    context: str | None
    arguments: Mapping[str, object]

    def __new__(
        cls, id: str, arguments: Mapping[str, object], *, plural: str | None = None, context: str | None = None
    ) -> Message:
        """The English form, with the arguments in it."""
        held = {name: _held(value) for name, value in arguments.items()}
        template = plural if plural is not None and held["n"] != 1 else id
        message = super().__new__(cls, template.format_map(held))
        message.id, message.plural, message.context, message.arguments = id, plural, context, held
        return message

    def in_words(self, find: Callable[[Message], str | None], tell: Callable[[object], object]) -> str:
        """The sentence in another language, or in English where it has none.

        Args:
            find: the template of a message in the language; None where it lacks one.
            tell: an argument in the language.
        """
        template = find(self)
        if template is None:
            return str(self)
        return template.format_map({name: tell(value) for name, value in self.arguments.items()})

    def framed(self) -> Message:
        """This message as a sentence with gaps: what it is made of, where it is made in another way."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), str(self), {name: getattr(self, name) for name in _slots(type(self))})


def _slots(cls: type) -> list[str]:
    return [name for base in cls.__mro__ for name in getattr(base, "__slots__", ())]


def _again(cls: type[Message], text: str, attributes: Mapping[str, object]) -> Message:
    message = str.__new__(cls, text)
    for name, value in attributes.items():
        setattr(message, name, value)
    return message


class Joined(Message):
    """Messages and plain texts in a row; see :func:`joined`."""

    __slots__ = ("items", "separator")
    items: tuple[str, ...]
    separator: str

    def __new__(cls, separator: str, items: Iterable[object]) -> Joined:
        """The English form: the parts with the separator between them."""
        parts = tuple(one if isinstance(one, str) else str(one) for one in items)
        message = str.__new__(cls, separator.join(parts))
        message.id = separator.join(getattr(one, "id", _escaped(one)) for one in parts)
        message.arguments = {
            name: value for one in parts for name, value in (getattr(one, "arguments", None) or {}).items()
        }
        message.plural = message.context = None
        message.items, message.separator = parts, separator
        return message

    def in_words(self, find: Callable[[Message], str | None], tell: Callable[[object], object]) -> str:
        """Each of its parts in the language, with what the language puts between them."""
        known = _BETWEEN.get(self.separator)
        pair = find(known) if isinstance(known, Message) else None
        between = self.separator if pair is None else pair.removeprefix("{left}").removesuffix("{right}")
        return between.join(str(tell(one)) for one in self.items)


def _(id: str, /, **arguments: object) -> str:
    """A message: the English sentence with named gaps, and what stands in them.

    Args:
        id: a literal, so that translators find it.
        arguments: by name of the gap. What is not text, a number or a message is held as it is written.

    Raises:
        KeyError: a gap has no argument.

    >>> _("{rows:,} of {file} were left out", rows=1234, file="news.csv")
    '1,234 of news.csv were left out'
    """
    return Message(id, arguments)


def plural(one: str, many: str, n: int, /, **arguments: object) -> str:
    """A message that depends on how many there are.

    Args:
        one: the sentence for 1.
        many: the sentence for any other number.
        n: how many; both sentences know it as ``{n}``.
        arguments: the other gaps.

    >>> [plural("{n} update was skipped", "{n} updates were skipped", n) for n in (1, 3)]
    ['1 update was skipped', '3 updates were skipped']
    """
    return Message(one, {**arguments, "n": n}, plural=many)


def in_context(context: str, id: str, /, **arguments: object) -> str:
    """A message whose English stands for two things, with which of them it is.

    >>> in_context("of a file", "read")
    'read'
    """
    return Message(id, arguments, context=context)


# What languages have signs of their own for. The blank is the one between sentences: Chinese has none there.
_PAIR = {"left": "", "right": ""}
_BETWEEN: Mapping[str, str] = {
    ", ": in_context("between words", "{left}, {right}", **_PAIR),
    "; ": in_context("between clauses", "{left}; {right}", **_PAIR),
    ": ": in_context("after a heading", "{left}: {right}", **_PAIR),
    " ": in_context("between sentences", "{left} {right}", **_PAIR),
}


def template(id: str, /) -> str:
    """A literal that translators shall find, for a message that is made of it later.

    >>> template("{n} updates")
    '{n} updates'
    """
    return id


def joined(separator: str, items: Iterable[object]) -> str:
    r"""Messages and plain texts put together, which stay messages.

    Args:
        separator: what stands between them in English; languages have their own for ``", "``, ``"; "``, ``": "`` and
            ``" "``, which is the one between sentences.
        items: the parts, in order.

    >>> joined("\n", [_("{n} updates", n=3), "    a = b"])
    '3 updates\n    a = b'
    """
    return Joined(separator, items)


class Columns(Message):
    """Rows of cells below each other; see :func:`columns`."""

    __slots__ = ("right", "rows")
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int]

    def __new__(cls, rows: Iterable[Iterable[str]], right: Iterable[int] = ()) -> Columns:
        """The English form."""
        cells, numbers = tuple(tuple(row) for row in rows), frozenset(right)
        message = str.__new__(cls, _laid_out(cells, numbers))
        message.rows, message.right = cells, numbers
        message.id = "\n".join("  ".join(getattr(cell, "id", _escaped(cell)) for cell in row) for row in cells)
        message.arguments, message.plural, message.context = {}, None, None
        return message

    def in_words(self, _find: Callable[[Message], str | None], tell: Callable[[object], object]) -> str:
        """Each cell in the language, below each other again."""
        return _laid_out([[str(tell(cell)) for cell in row] for row in self.rows], self.right)


def columns(rows: Iterable[Iterable[str]], *, right: Iterable[int] = ()) -> Columns:
    r"""A table for a terminal, which stays a message: each cell is told, and the columns are as wide as that needs.

    Args:
        rows: cells, as many in each row; Chinese signs are as wide as two letters.
        right: the columns, counted from 0, whose cells end below each other, as numbers do.

    >>> columns([["schedule", "lr"], ["cosine", "0.1"]])
    'schedule  lr\ncosine    0.1'
    """
    return Columns(rows, right)


def _laid_out(rows: Iterable[Iterable[str]], right: frozenset[int]) -> str:
    table = [[*row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        blanks = [" " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)]
        pairs = enumerate(zip(row, blanks, strict=True))
        lines.append("  ".join(blank + cell if at in right else cell + blank for at, (cell, blank) in pairs).rstrip())
    return "\n".join(lines)


def cells(text: str) -> int:
    """How many cells of a terminal a text takes: a Chinese sign takes two, one that stands on another none.

    >>> cells("warm-up"), cells("预热")
    (7, 4)
    """
    import unicodedata  # a table of its own, needed only where a text is laid out

    if text.isascii():
        return len(text)
    wide = unicodedata.east_asian_width
    return sum(0 if unicodedata.combining(sign) else 1 + (wide(sign) in "WF") for sign in text)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _finite(number: float) -> bool:
    return number - number == 0


def packed(text: object) -> object:
    """A message as plain data that :func:`unpacked` makes it of again, for files that people read in any language.

    >>> packed(_("{n} updates", n=3))
    {'id': '{n} updates', 'arguments': {'n': 3}}
    """
    if isinstance(text, Joined):
        return {"between": text.separator, "parts": [packed(part) for part in text.items]}
    if isinstance(text, float) and not _finite(text):
        return {"number": str(text)}  # JSON has none
    if not isinstance(text, Message):
        return [str(text), repr(text)] if isinstance(text, Shown) else text
    framed = text.framed()
    kinds = {"plural": framed.plural, "context": framed.context}
    return {
        "id": framed.id,
        **{name: value for name, value in kinds.items() if value is not None},
        "arguments": {name: packed(value) for name, value in framed.arguments.items()},
    }


def unpacked(saved: Any) -> Any:
    """What :func:`packed` was given.

    Raises:
        ValueError, KeyError, TypeError: for data of any other form.

    >>> unpacked({"id": "{n} updates", "arguments": {"n": 3}})
    '3 updates'
    """
    if isinstance(saved, list):
        return Shown(*saved)
    if not isinstance(saved, dict):
        return saved
    if "parts" in saved:
        return joined(saved["between"], [unpacked(part) for part in saved["parts"]])
    if "number" in saved:
        return float(saved["number"])
    for template in (saved["id"], saved.get("plural") or ""):
        _refuse_odd_gaps(template)
    arguments = {name: unpacked(value) for name, value in saved["arguments"].items()}
    return Message(saved["id"], arguments, plural=saved.get("plural"), context=saved.get("context"))


def _refuse_odd_gaps(template: str) -> None:
    """Only gaps as preheat's sentences have them: a file's could reach into objects, or ask for endless blanks."""
    import re
    from string import Formatter

    for _text, name, spec, _how in Formatter().parse(template):
        if name is not None and not (name.isidentifier() and re.fullmatch(r"\d?,?(\.\d\d?)?[a-z%]?", spec or "")):
            raise ValueError(f"{template!r} is no sentence of preheat's")


def data(text: str) -> dict[str, object]:
    """What a JSON document says about a message beside its English form: ``id`` and ``arguments``.

    >>> data(_("{n} updates", n=3))
    {'id': '{n} updates', 'arguments': {'n': 3}}
    """
    arguments = getattr(text, "arguments", {})
    plain = {
        name: str(value) if isinstance(value, str) or (isinstance(value, float) and not _finite(value)) else value
        for name, value in arguments.items()
    }
    return {"id": getattr(text, "id", text), "arguments": plain}
