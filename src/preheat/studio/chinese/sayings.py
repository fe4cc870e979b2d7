"""Sentences of the floors below in Chinese, by their own structure: the numbers stay as they are written.

A saying is the template of an English sentence with its Chinese one. Both have the same gaps:

``{lr}``           a number, as it is written
``{plan:text}``    anything, kept as it is: a schedule, a name, somebody else's words
``{key:word}``     the same, without a blank in it
``{part:said}``    a sentence of the same catalogue, in its Chinese form
``{line:name}``    the same where it is one, else kept
``{parts:said; }`` several, with ``"; "`` between them; likewise ``{parts:name, }``

``(s)`` in the English template stands for a plural that may be there or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

_NUMBER = r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|inf|nan)%?"
_GAP = {"": rf"{_NUMBER}(?: ± {_NUMBER})?", "text": ".+", "word": r"\S+", "said": ".+?", "name": ".+?"}
_BETWEEN = {", ": "、", "; ": "；"}  # what stands between Chinese parts; any other separator stays


@dataclass(frozen=True, slots=True)
class _Saying:
    pattern: re.Pattern[str]
    chinese: str
    gaps: dict[str, tuple[str, str]]  # by name: its kind, and what stands between several


class Sayings:
    """The sentences that one speaker can say.

    The first template that a sentence fits, with all that has to be said inside it, gives its Chinese form.

    Args:
        templates: Chinese by English; those that fit more come after those that fit less.

    >>> sayings = Sayings({"{many} update(s) {when:said}": "{when}共 {many} 步", "so far": "到目前为止"})
    >>> sayings.of("1,200 updates so far"), sayings.of("1,200 epochs so far")
    ('到目前为止共 1,200 步', None)
    """

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._sayings = [_read(english, chinese) for english, chinese in templates.items()]

    def of(self, sentence: str) -> str | None:
        """The Chinese form of a sentence; None where there is none."""
        for saying in self._sayings:
            match = saying.pattern.fullmatch(sentence)
            filled = match and self._filled(saying, match.groupdict())
            if filled is not None:
                return saying.chinese.format(**filled)
        return None

    def told(self, sentence: str, language: str) -> str:
        """The sentence in a language of the pages: as it is in English, and where there is no other form of it."""
        return sentence if language != "zh" else self.of(sentence) or sentence

    def _filled(self, saying: _Saying, found: Mapping[str, str]) -> dict[str, str] | None:
        filled = {}
        for name, words in found.items():
            kind, between = saying.gaps[name]
            parts = words.split(between) if between else [words]
            told = [part if kind in ("", "text", "word") else self.of(part) for part in parts]
            if kind == "said" and None in told:
                return None
            filled[name] = _BETWEEN.get(between, between).join(
                part if one is None else one for part, one in zip(parts, told, strict=True)
            )
        return filled


def _read(english: str, chinese: str) -> _Saying:
    pattern, gaps = "", {}
    for literal, name, spec, _ in Formatter().parse(english):
        pattern += re.escape(literal).replace(r"\(s\)", "s?")
        if name is not None:
            kind = re.match("[a-z]*", spec or "")[0]  # type: ignore[index]
            gaps[name] = kind, (spec or "")[len(kind) :]
            pattern += f"(?P<{name}>{_GAP[kind]})"
    return _Saying(re.compile(pattern), chinese, gaps)
