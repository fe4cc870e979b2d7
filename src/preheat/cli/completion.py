"""What a shell asks when somebody presses Tab: which words stand before the one that is to be completed.

Typer answers the shell, from the environment variables that its scripts set. What is read here is only which command is
meant, so that no other has to be loaded.
"""

from __future__ import annotations

import os


def words_before() -> list[str] | None:
    """The words between ``preheat`` and the one being completed; None where no shell asks."""
    if not os.environ.get("_PREHEAT_COMPLETE", "").startswith("complete_"):
        return None
    if "COMP_WORDS" in os.environ:  # bash: all words of the line, and which of them the cursor is in
        return os.environ["COMP_WORDS"].split()[1 : int(os.environ["COMP_CWORD"])]
    line = os.environ.get("_TYPER_COMPLETE_ARGS", "")  # the others: the line up to the cursor
    words = line.split()[1:]
    return words if not line or line[-1].isspace() else words[:-1]


def name_only() -> None:
    """Stands for a command of which no more than the name is asked."""


def schedule_names(incomplete: str) -> list[str]:
    """The named schedules that begin so; words of a schedule are nobody's to guess."""
    from preheat.schedule.named import SCHEDULE_NAMES

    return [name for name in SCHEDULE_NAMES if name.startswith(incomplete)]


def what_is_checked(incomplete: str) -> list[str]:
    """The named schedules that begin so, and ``resume``: it stands where a schedule does."""
    return [name for name in ("resume",) if name.startswith(incomplete)] + schedule_names(incomplete)


def dialect_names(incomplete: str) -> list[str]:
    """The frameworks with configurations of their own that begin so."""
    from preheat.dialects import DIALECTS

    return [name for name in DIALECTS if name.startswith(incomplete)]
