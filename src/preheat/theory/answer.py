"""What all answers have in common."""

from __future__ import annotations


class Answer:
    """Printed, an answer is its explanation."""

    __slots__ = ()

    def explain(self) -> str:
        """The answer in words, with what it assumes and cannot say."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.explain()
