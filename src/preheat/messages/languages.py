"""The reader's language: which one it is, and any text in it.

A language is a file ``<code>.po`` beside this one, which any translation tool opens; the build compiles it
(``scripts/messages compile`` in a checkout). Where a sentence lacks a translation, or the catalogue cannot be read, the
text is English.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from preheat.errors import ConfigError, unknown_name
from preheat.messages import Message, _

TYPE_CHECKING = False  # as in preheat.messages: every command loads this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Each language in its own words, for whoever looks for it.
LANGUAGES = {"en": "English", "zh": "中文"}
VARIABLE = "PREHEAT_LANG"
_spoken: str | None = None
_within: ContextVar[str | None] = ContextVar("preheat_language", default=None)


def known(name: str, value: str) -> str:
    """The code of a language as people write it (``zh``, ``zh-CN``, ``zh_CN.UTF-8``).

    Raises:
        ConfigError: preheat does not speak it; ``name`` is who asked for it.

    >>> known("language", "zh_CN.UTF-8")
    'zh'
    """
    code = _code(value)
    if code not in LANGUAGES:
        raise ConfigError(unknown_name(name, _("a language that preheat speaks"), value, LANGUAGES))
    return code


def _code(value: str) -> str:
    return value.strip().replace("-", "_").partition(".")[0].partition("_")[0].lower()


def speak(language: str | None) -> None:
    """Speak a language from now on in this process; None leaves it to the surroundings again.

    Raises:
        ConfigError: preheat does not speak it.
    """
    global _spoken
    _spoken = None if language is None else known("language", language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language inside, in this thread or task alone: a server has readers of several at a time.

    Raises:
        ConfigError: preheat does not speak it.

    >>> with speaking("zh"):
    ...     tell(_("none"))
    '无'
    """
    before = _within.set(known("language", language))
    try:
        yield
    finally:
        _within.reset(before)


def reader() -> str:
    """The reader's language: that of :func:`speaking`, else of :func:`speak`, else ``PREHEAT_LANG``, else the locale's.

    It is English where none of them says another.

    Raises:
        ConfigError: ``PREHEAT_LANG`` names a language that preheat does not speak. A locale of another language is
            no mistake: it means English here.
    """
    if (language := _within.get() or _spoken) is not None:
        return language
    if asked := os.environ.get(VARIABLE):
        return known(VARIABLE, asked)
    # As gettext looks for it. Python's own locale is "C" until somebody sets it, which a library must not do.
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if setting := os.environ.get(variable):
            return _code(setting) if _code(setting) in LANGUAGES else "en"
    return _of_the_system()


@cache
def _of_the_system() -> str:
    """Where no variable is set: what Windows was set up in; elsewhere that means no language at all."""
    if os.name != "nt":
        return "en"
    import locale

    code = _code(locale.getlocale()[0] or "")
    # Windows names languages in English.
    return {"chinese": "zh"}.get(code.split(" ")[0], code if code in LANGUAGES else "en")


def tell(text: object, language: str | None = None) -> str:
    """A message in a language; anything else as it is written.

    Args:
        text: a message, an error (its message), or any value.
        language: a code of :data:`LANGUAGES`; without it the reader's.

    >>> tell(_("none"), "zh"), tell(_("none"), "en"), tell("warmup 100 > linear", "zh")
    ('无', 'none', 'warmup 100 > linear')
    """
    if isinstance(text, BaseException) and len(text.args) == 1:
        text = text.args[0]
    if not isinstance(text, str):
        text = str(text)  # of many an answer that is a message
    if not isinstance(text, Message):
        return text
    language = reader() if language is None else language
    find = None if language == "en" else _templates(language)
    if find is None:
        return str(text)

    def inside(value: object) -> object:
        return value.in_words(find, inside) if isinstance(value, Message) else value

    return text.in_words(find, inside)


def logged(text: str) -> str:
    """A warning for the log, in the reader's language; in English where ``PREHEAT_LANG`` names none.

    A wrong variable is refused where a command begins, and must not stop a training in its third hour.

    >>> logged(_("none"))
    'none'
    """
    try:
        return tell(text)
    except ConfigError:
        return tell(text, "en")


def look_up(text: str, language: str | None = None) -> str:
    """A sentence without gaps whose literal is written somewhere else: a help text, a docstring's paragraph."""
    return tell(Message(text.replace("{", "{{").replace("}", "}}"), {}), language)


class _Lacking:
    """What gettext asks for a sentence that a catalogue lacks: nothing, rather than the sentence itself."""

    def gettext(self, *_sentence: object) -> None:
        """None; likewise for the other two forms."""

    ngettext = pgettext = gettext


@cache
def _templates(language: str) -> Callable[[Message], str | None] | None:
    """How to find a message's template in a language; None, with one note, where the catalogue cannot be read."""
    from gettext import GNUTranslations
    from pathlib import Path

    path = Path(__file__).with_name(f"{language}.mo")
    try:
        with path.open("rb") as file:
            catalogue = GNUTranslations(file)
    # A damaged catalogue fails in whatever its reader happens to try; English is the answer to each.
    except Exception as error:
        import logging

        logging.getLogger("preheat").warning(
            "%s cannot be read (%s): preheat speaks English. In a checkout, scripts/messages compile writes it.",
            path, error,
        )  # fmt: skip
        return None
    # typeshed asks for all of NullTranslations; gettext asks for these three.
    catalogue.add_fallback(_Lacking())  # type: ignore[arg-type]

    def find(message: Message) -> str | None:
        if message.plural is not None:
            n = message.arguments["n"]
            return catalogue.ngettext(message.id, message.plural, n)  # type: ignore[arg-type]
        if message.context is not None:
            return catalogue.pgettext(message.context, message.id)
        return catalogue.gettext(message.id)

    return find
