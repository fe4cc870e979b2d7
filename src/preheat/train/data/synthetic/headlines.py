"""Headlines of the synthetic model, each by its number, and the exact posterior of their class.

Draws   Row k of a split is a function of SHAKE-256 of the seed, the split, k and the number of the attempt, in whole
        numbers only: the same on every machine and Python, and no row needs those before it.
Splits  A text belongs to the split that its SHA-256 names; an attempt that falls into another is made again. So no
        text stands in two splits, whatever the seeds.
Repeats A text may come twice in a split, as independent draws may; among the first million training rows of seed 0
        none does.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import struct
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

from preheat.errors import DataError, refusal
from preheat.train.data.synthetic import model
from preheat.train.data.synthetic.words import NEUTRAL_WORDS, TOPIC_WORDS, TOPICS

NOTICE = "Data: synthetic headlines, made by a generator. None of them is news, and what they say is not so."

_VERSION = 1  # of words and model: another number makes other rows
_SHARES = (("train", 14), ("validation", 1), ("test", 1))  # sixteenths of all texts
_DRAWS = struct.Struct(">40Q")  # the longest headline takes 33

_Choice = TypeVar("_Choice")


@dataclass(frozen=True, slots=True)
class Headlines:
    """A source of labelled headlines: as many as one likes.

    Attributes:
        topics: classes, from 2 to 8: the first of :data:`TOPICS`.
        noise: probability that a topic word is drawn from a topic drawn at random, in [0, 1).
        seed: which rows, >= 0; two seeds share none but by chance.

    Raises:
        DataError: for values outside these ranges.

    >>> source = Headlines(topics=6, noise=0.25, seed=0)
    >>> text, label = source.row(4)
    >>> print(label, "|", text)
    sport | Rower Farah Fenwell loses race in Madrid on 28 October as mayor signs season
    >>> round(source.posterior(text)[label], 3)
    0.999
    """

    topics: int = 6
    noise: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        if type(self.topics) is not int or not 2 <= self.topics <= len(TOPICS):
            raise DataError(refusal("topics", f"a whole number from 2 to {len(TOPICS)}", self.topics, "Change it."))
        if type(self.noise) not in (int, float) or not 0 <= self.noise < 1:
            raise DataError(refusal("noise", "a number from 0 to below 1", self.noise, "0 draws no stray word."))
        if type(self.seed) is not int or self.seed < 0:
            raise DataError(refusal("seed", "a whole number, 0 or more", self.seed, "Change it."))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of the posterior."""
        return TOPICS[: self.topics]

    def row(self, number: int, split: str = "train") -> tuple[str, str]:
        """Text and label of a row.

        Args:
            number: of the row in its split, >= 0.
            split: ``"train"``, ``"validation"`` or ``"test"``.

        Raises:
            DataError: for a negative number or another split.
        """
        if type(number) is not int or number < 0:
            raise DataError(refusal("number", "a whole number, 0 or more", number, "Rows are counted from 0."))
        if split not in dict(_SHARES):
            raise DataError(refusal("split", "train, validation or test", split, "Name one of them."))
        attempts = (self._attempt(f"{_VERSION} {self.seed} {split} {number} {at}") for at in itertools.count())
        return next((text, label) for text, label in attempts if split_of(text) == split)

    def rows(self, start: int, stop: int, split: str = "train") -> list[tuple[str, str]]:
        """Text and label of the rows from ``start`` to below ``stop``.

        >>> Headlines().rows(5, 7) == [Headlines().row(5), Headlines().row(6)]
        True
        """
        return [self.row(number, split) for number in range(start, stop)]

    def _attempt(self, key: str) -> tuple[str, str]:
        """A headline of whatever split; draws are used up in the order of the words."""
        draws = iter(_DRAWS.unpack(hashlib.shake_256(key.encode()).digest(_DRAWS.size)))
        label = self.classes[_below(next(draws), self.topics)]
        order = _weighted(next(draws), model.ORDERS)
        main = [*self._words(_weighted(next(draws), model.MAIN), label, draws)]
        words = main = [*main, *self._words(_weighted(next(draws), model.TAILS), label, draws)]
        if "side" in order:
            topic = self.classes[_below(next(draws), self.topics)]
            connective = model.CONNECTIVES[_below(next(draws), len(model.CONNECTIVES))]
            side = [connective, *self._words(_weighted(next(draws), model.SIDE), topic, draws)]
            words = [*main, *side] if order[0] == "main" else [*side[:-1], f"{side[-1]},", *main]
        text = " ".join(words)
        return text[0].upper() + text[1:], label

    def _words(self, clause: model.Clause, topic: str, draws: Iterator[int]) -> Iterator[str]:
        for kind in clause:
            if kind in TOPIC_WORDS:
                stray = next(draws) < self.noise * 2**64
                source = self.classes[_below(next(draws), self.topics)] if stray else topic
                words = TOPIC_WORDS[kind][source]
                yield words[_place(next(draws), _ends(len(words)))]
            elif kind in NEUTRAL_WORDS:
                yield NEUTRAL_WORDS[kind][_below(next(draws), len(NEUTRAL_WORDS[kind]))]
            else:
                yield kind

    def posterior(self, text: str) -> dict[str, float]:
        """The exact probability of every class given a text; together 1.

        Args:
            text: one that the model can make, with any seed; small and capital letters are the same.

        Raises:
            DataError: for any other text.

        >>> source = Headlines(topics=3)
        >>> for text in ("Court backs deal over pensions row in Oslo", "Striker signs contract over local row in Oslo"):
        ...     print({topic: round(share, 3) for topic, share in source.posterior(text).items()})
        {'business': 0.052, 'sport': 0.006, 'politics': 0.942}
        {'business': 0.01, 'sport': 0.859, 'politics': 0.13}
        """
        main, side = _clauses(text)
        joint = self._likelihood(main, [(*clause, *tail) for clause, _ in model.MAIN for tail, _ in model.TAILS])
        beside = [1.0] if side is None else self._likelihood(side, [clause for clause, _ in model.SIDE])
        if not sum(joint) * sum(beside):
            advice = "Posteriors are known for what this generator makes, with these topics and noise."
            raise DataError(refusal("text", "a headline of the generator", text, advice))
        return {label: share / sum(joint) for label, share in zip(self.classes, joint, strict=True)}

    def _likelihood(self, words: Sequence[str], clauses: Sequence[model.Clause]) -> list[float]:
        """The probability of the topic words given each class, in the one reading there is; 0 where there is none."""
        for clause in clauses:
            if len(clause) == len(words) and all(map(self._fits, clause, words)):
                columns = [
                    model.emissions(kind, self.topics, self.noise)[word]
                    for kind, word in zip(clause, words, strict=True)
                    if kind in TOPIC_WORDS
                ]
                return [math.prod(shares) for shares in zip(*columns, strict=True)]
        return [0.0]

    def _fits(self, kind: str, word: str) -> bool:
        if kind in TOPIC_WORDS:
            return word in model.emissions(kind, self.topics, self.noise)
        return word in _neutral(kind) if kind in NEUTRAL_WORDS else word == kind

    def ceiling(self) -> model.Ceiling:
        """The Bayes-optimal accuracy and cross-entropy, exact.

        They are those of the model as a whole. A split is a random part of its texts, so many that it does not matter;
        on n rows an accuracy a has the standard error sqrt(a (1 - a) / n).

        >>> print(Headlines().ceiling())
        Bayes-optimal accuracy 0.9114, cross-entropy 0.2308
        """
        return model.ceiling_of(self.topics, self.noise)


def split_of(text: str) -> str:
    """The split a text belongs to, by its SHA-256: of 16 texts 14 to train, one to validation, one to test.

    >>> split_of("Striker Mira Halbrook signs contract in Lisbon")
    'train'
    """
    return _weighted(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"), _SHARES)


def _below(draw: int, many: int) -> int:
    """0 to ``many`` - 1 from 64 random bits; off from uniform by less than many / 2**64."""
    return draw * many >> 64


def _place(draw: int, ends: Sequence[int]) -> int:
    """Where a draw falls among parts that end at ``ends``."""
    return bisect(ends, _below(draw, ends[-1]))


def _weighted(draw: int, choices: Sequence[tuple[_Choice, int]]) -> _Choice:
    """One of the choices, as often as its whole number says."""
    return choices[_place(draw, [*accumulate(weight for _, weight in choices)])][0]


@lru_cache
def _ends(many: int) -> tuple[int, ...]:
    return tuple(accumulate(model.weights(many)))


@lru_cache
def _neutral(kind: str) -> frozenset[str]:
    return frozenset(word.lower() for word in NEUTRAL_WORDS[kind])


def _clauses(text: str) -> tuple[list[str], list[str] | None]:
    """The words of main and side clause, in small letters; None for a side clause that is not there.

    >>> _clauses("As cabinet vetoes tax, striker signs contract")
    (['striker', 'signs', 'contract'], ['cabinet', 'vetoes', 'tax'])
    """
    words = text.lower().split()
    at = next((place for place, word in enumerate(words) if word in model.CONNECTIVES), None)
    if at is None:
        return words, None
    if at:
        return words[:at], words[at + 1 :]
    side, _, main = " ".join(words[1:]).partition(", ")
    return main.split(), side.split()
