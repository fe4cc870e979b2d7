"""What is wrong with the rows of a file: collected all, then refused together or left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from preheat.errors import DataError, refusal

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that cannot be used.

    Attributes:
        where: file and line.
        kind: what is wrong, in a word or two, for counting: ``"text"``, ``"label"``, ``"columns"``, ...
        sentence: what is wrong, in full.
    """

    where: str
    kind: str
    sentence: str


def fault(where: str, kind: str, rule: str, value: object, advice: str = "Mend or remove the row.") -> Fault:
    """A fault of the thing called ``kind`` at ``where``; of the row as a whole where ``kind`` is ``"columns"``.

    >>> fault("news.csv, line 7", "label", "a name", "").sentence
    "news.csv, line 7: label must be a name; got ''. Mend or remove the row."
    """
    name = where if kind == "columns" else f"{where}: {kind}"
    return Fault(where, kind, refusal(name, rule, value, advice))


def refuse_faults(faults: Sequence[Fault]) -> None:
    """Raise the faults found, if any: the first ten, how many more, and how many of each kind."""
    if not faults:
        return
    lines = [one.sentence for one in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        lines += [f"... and {len(faults) - _SHOWN:,} more", f"bad rows: {count_faults(faults)}"]
    if len(faults) > 1:
        lines.append("--bad-rows skip leaves them out and says so.")
    raise DataError("\n".join(lines))


def count_faults(faults: Iterable[Fault]) -> str:
    """How many of each kind, the most frequent first.

    >>> count_faults([Fault("", "label", ""), Fault("", "text", ""), Fault("", "label", "")])
    '3 (2 label, 1 text)'
    """
    many = Counter(one.kind for one in faults)
    return f"{many.total():,} ({', '.join(f'{count:,} {kind}' for kind, count in many.most_common())})"
