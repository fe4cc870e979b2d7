"""Synthetic headlines without end, with the class posterior of every text known exactly.

Model     A headline is a main clause, or a main clause and a side clause bound by a connective, in either order:
              "Striker Mira Halbrook signs contract in Lisbon while cabinet vetoes tax"
              "While cabinet vetoes tax, striker Mira Halbrook signs contract in Lisbon"
          The class is the topic of the main clause; the side clause has a topic of its own, drawn independently. Which
          clause is the main one is told by where connective and comma stand, not by which words there are.
Words     Each topic word of a clause comes from the clause's topic t with probability 1 - noise, and with probability
          noise from a topic drawn uniformly from all; there, the word of rank r (0 the first) has probability
          proportional to 1 / (r + 3). Some words belong to several topics. All other words are drawn uniformly,
          whatever the topic.
Posterior A headline can be read in one way only, and side clause and neutral words are independent of the class, so
          p(c | text) is proportional to the product of p(word | c) over the topic words of the main clause, classes
          being equally frequent. Best accuracy = E max_c p(c | text); best cross-entropy = E H(c | text), in nats.
Draws     Row k of a split and seed is a function of SHAKE-256 of both, k and the number of the attempt; integers only.
          A text belongs to the split that its SHA-256 names, and an attempt that falls into another is made again: so
          no text stands in two splits, whatever the seeds.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import operator
import struct
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

from preheat.errors import DataError, refusal
from preheat.train.data.headline_words import NEUTRAL_WORDS, TOPIC_WORDS, TOPICS

VERSION = 1  # of words and model: another number makes other rows
NOTICE = "Data: synthetic headlines, made by a generator. None of them is news, and what they say is not so."

_Choice = TypeVar("_Choice")

Clause = tuple[str, ...]  # kinds of word, and literal words

# Each with how often it comes, as whole numbers.
_MAIN: tuple[tuple[Clause, int], ...] = (
    (("actor", "given", "surname", "action", "thing"), 4),
    (("given", "surname", "action", "adjective", "thing"), 2),
    (("actor", "action", "thing", "over", "field", "affair"), 3),
    (("field", "actor", "given", "surname", "action", "thing"), 3),
)
_TAILS: tuple[tuple[Clause, int], ...] = (
    (("in", "place"), 3),
    (("on", "number", "month"), 2),
    (("in", "place", "on", "number", "month"), 5),
)
_SIDE: tuple[tuple[Clause, int], ...] = (
    (("actor", "action", "thing"), 2),
    (("field", "affair", "turn"), 1),
    (("given", "surname", "action", "thing"), 1),
)
_CONNECTIVES = ("as", "after", "while", "before", "although")
_ORDERS = (("main",), 4), (("main", "side"), 3), (("side", "main"), 3)
_SHARES = (("train", 14), ("validation", 1), ("test", 1))  # sixteenths of all texts
_DRAWS = struct.Struct(">40Q")  # the longest headline takes 33


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What no classifier exceeds on average, however much it has seen.

    Attributes:
        accuracy: of the class with the largest posterior, in [0, 1].
        cross_entropy: of the posterior itself, in nats, >= 0.
    """

    accuracy: float
    cross_entropy: float

    def __str__(self) -> str:
        return f"Bayes-optimal accuracy {self.accuracy:.4f}, cross-entropy {self.cross_entropy:.4f}"


@dataclass(frozen=True, slots=True)
class Headlines:
    """A source of labelled headlines: as many as one likes, each by its number.

    Attributes:
        topics: classes, from 2 to 8: the first of :data:`TOPICS`.
        noise: probability that a topic word is drawn from a topic drawn at random, in [0, 1).
        seed: which rows; two seeds share none but by chance.

    Raises:
        DataError: for values outside these ranges.

    >>> source = Headlines(topics=6, noise=0.25, seed=0)
    >>> text, label = source.row(17)
    >>> text
    ''
    >>> source.posterior(text)[label] > 0.5
    True
    """

    topics: int = 6
    noise: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.topics, bool) or self.topics not in range(2, len(TOPICS) + 1):
            raise DataError(refusal("topics", f"a whole number from 2 to {len(TOPICS)}", self.topics, "Change it."))
        if not 0 <= self.noise < 1:
            raise DataError(refusal("noise", "a number from 0 to below 1", self.noise, "0 draws no stray word."))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
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
        if number < 0:
            raise DataError(refusal("number", "0 or more", number, "Rows are counted from 0."))
        if split not in dict(_SHARES):
            raise DataError(refusal("split", " or ".join(dict(_SHARES)), split, "Change it."))
        for attempt in itertools.count():
            text, label = self._attempt(f"{VERSION} {self.seed} {split} {number} {attempt}")
            if split_of(text) == split:
                return text, label
        raise AssertionError  # the count has no end

    def rows(self, start: int, stop: int, split: str = "train") -> list[tuple[str, str]]:
        """Text and label of the rows from ``start`` to below ``stop``.

        >>> Headlines().rows(5, 7) == [Headlines().row(5), Headlines().row(6)]
        True
        """
        return [self.row(number, split) for number in range(start, stop)]

    def _attempt(self, key: str) -> tuple[str, str]:
        """A headline of any split; draws come in the order of the words."""
        draws = iter(_DRAWS.unpack(hashlib.shake_256(key.encode()).digest(_DRAWS.size)))
        label = self.classes[_below(next(draws), self.topics)]
        order = _weighted(next(draws), _ORDERS)
        main = [*self._words(_weighted(next(draws), _MAIN), label, draws)]
        main += self._words(_weighted(next(draws), _TAILS), label, draws)
        words = main
        if len(order) > 1:
            topic = self.classes[_below(next(draws), self.topics)]
            connective = _CONNECTIVES[_below(next(draws), len(_CONNECTIVES))]
            side = [connective, *self._words(_weighted(next(draws), _SIDE), topic, draws)]
            words = [*main, *side] if order[0] == "main" else [*side[:-1], side[-1] + ",", *main]
        text = " ".join(words)
        return text[0].upper() + text[1:], label

    def _words(self, clause: Clause, topic: str, draws: Iterator[int]) -> Iterator[str]:
        for kind in clause:
            if kind in TOPIC_WORDS:
                stray = next(draws) < self.noise * 2**64
                source = self.classes[_below(next(draws), self.topics)] if stray else topic
                yield _ranked(next(draws), TOPIC_WORDS[kind][source])
            elif kind in NEUTRAL_WORDS:
                yield NEUTRAL_WORDS[kind][_below(next(draws), len(NEUTRAL_WORDS[kind]))]
            else:
                yield kind

    def posterior(self, text: str) -> dict[str, float]:
        """The exact probability of every class given a text; together 1.

        Args:
            text: one that the model can make, with any seed.

        Raises:
            DataError: for any other text.

        >>> shares = Headlines(topics=2).posterior("Striker Mira Halbrook signs contract in Lisbon")
        >>> {topic: round(share, 3) for topic, share in shares.items()}
        {}
        """
        main, side = _clauses(text)
        joint = self._likelihood(main, [(*clause, *tail) for clause, _ in _MAIN for tail, _ in _TAILS])
        beside = self._likelihood(side, [clause for clause, _ in _SIDE]) if side is not None else [1.0]
        if not sum(joint) * sum(beside):
            advice = "The posterior is known for headlines of this generator, topics and noise only."
            raise DataError(refusal("text", "a headline of this generator", text, advice))
        return {label: share / sum(joint) for label, share in zip(self.classes, joint, strict=True)}

    def _likelihood(self, words: Sequence[str], clauses: Sequence[Clause]) -> list[float]:
        """The probability of the topic words given each class, for the one reading there is; 0 where there is none."""
        for clause in clauses:
            if len(clause) == len(words) and all(map(self._fits, clause, words)):
                tables = [
                    _emissions(kind, self.topics, self.noise)[word]
                    for kind, word in zip(clause, words, strict=True)
                    if kind in TOPIC_WORDS
                ]
                return [math.prod(column) for column in zip(*tables, strict=True)]
        return [0.0]

    def _fits(self, kind: str, word: str) -> bool:
        if kind in TOPIC_WORDS:
            return word in _emissions(kind, self.topics, self.noise)
        return word in _neutral(kind) if kind in NEUTRAL_WORDS else word == kind

    def ceiling(self) -> Ceiling:
        """The Bayes-optimal accuracy and cross-entropy, by summing over all topic words of a main clause.

        They are those of the model as a whole; a split is a random part of its texts, of which there are too many for
        it to matter. The standard error of an accuracy a on n rows is sqrt(a (1 - a) / n).

        >>> print(Headlines(topics=2, noise=0.5).ceiling())
        Bayes-optimal
        """
        return _ceiling(self.topics, self.noise)


def split_of(text: str) -> str:
    """The split a text belongs to, by its SHA-256: 14 of 16 train, 1 validation, 1 test.

    >>> split_of("Striker Mira Halbrook signs contract in Lisbon")
    'train'
    """
    return _weighted(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"), _SHARES)


def _below(draw: int, many: int) -> int:
    """0 to ``many`` - 1 from 64 random bits; off from uniform by less than many / 2**64."""
    return draw * many >> 64


def _weighted(draw: int, choices: Sequence[tuple[_Choice, int]]) -> _Choice:
    """One of the choices, as often as its whole number says."""
    ends = list(accumulate(weight for _, weight in choices))
    return choices[bisect(ends, _below(draw, ends[-1]))][0]


@lru_cache
def _weights(many: int) -> tuple[int, ...]:
    """How often each of ``many`` words comes; whole numbers, so that draw and posterior hold the very same."""
    return tuple(10**9 // (rank + 3) for rank in range(many))


@lru_cache
def _ends(many: int) -> tuple[int, ...]:
    return tuple(accumulate(_weights(many)))


def _ranked(draw: int, words: Sequence[str]) -> str:
    ends = _ends(len(words))
    return words[bisect(ends, _below(draw, ends[-1]))]


@lru_cache
def _emissions(kind: str, topics: int, noise: float) -> dict[str, tuple[float, ...]]:
    """The probability of each word of a kind given each class, by the word in small letters."""
    own: dict[str, list[float]] = {}
    for place, topic in enumerate(TOPICS[:topics]):
        words = TOPIC_WORDS[kind][topic]
        total = sum(_weights(len(words)))
        for word, weight in zip(words, _weights(len(words)), strict=True):
            own.setdefault(word.lower(), [0.0] * topics)[place] = weight / total
    mixed = {}
    for word, shares in own.items():
        stray = noise * math.fsum(shares) / topics
        mixed[word] = tuple((1 - noise) * share + stray for share in shares)
    return mixed


@lru_cache
def _neutral(kind: str) -> frozenset[str]:
    return frozenset(word.lower() for word in NEUTRAL_WORDS[kind])


def _clauses(text: str) -> tuple[list[str], list[str] | None]:
    """The words of main and side clause, in small letters; None for a side clause that is not there.

    >>> _clauses("As cabinet vetoes tax, striker signs contract")
    (['striker', 'signs', 'contract'], ['cabinet', 'vetoes', 'tax'])
    """
    words = text.lower().split()
    at = next((place for place, word in enumerate(words) if word in _CONNECTIVES), None)
    if at is None:
        return words, None
    if at:
        return words[:at], words[at + 1 :]
    side, _, main = " ".join(words[1:]).partition(", ")
    return main.split(), side.split()


@lru_cache
def _ceiling(topics: int, noise: float) -> Ceiling:
    """Sums over words of proportional likelihood taken together: both figures are homogeneous in it."""
    accuracy = entropy = 0.0
    for clause, weight in _MAIN:
        joint = [(1 / topics,) * topics]
        for kind in clause:
            if kind in TOPIC_WORDS:
                words = _merged(_emissions(kind, topics, noise).values())
                pairs = itertools.product(joint, words)
                joint = _merged(tuple(map(operator.mul, one, word)) for one, word in pairs)
        share = weight / sum(other for _, other in _MAIN)
        accuracy += share * math.fsum(map(max, joint))
        entropy += share * math.fsum(-part * math.log(part / sum(one)) for one in joint for part in one if part)
    return Ceiling(accuracy, entropy)


def _merged(vectors: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Proportional vectors added up."""
    sums: dict[tuple[float, ...], tuple[float, ...]] = {}
    for vector in vectors:
        total = sum(vector)
        key = tuple(round(part / total, 12) for part in vector) if total else ()
        sums[key] = tuple(map(operator.add, sums[key], vector)) if key in sums else vector
    return list(sums.values())
