"""The model behind the synthetic headlines: how a headline is built, which words it holds, and what is best possible.

Model     A headline is a main clause, or a main clause and a side clause bound by a connective, in either order:
              "Striker Mira Halbrook signs contract in Lisbon while cabinet vetoes tax"
              "While cabinet vetoes tax, striker Mira Halbrook signs contract in Lisbon"
          The class is the topic of the main clause; the side clause has a topic of its own, drawn independently. Which
          clause is the main one is told by where connective and comma stand, not by which words there are.
Words     Each topic word of a clause comes from the clause's topic with probability 1 - noise, and with probability
          noise from a topic drawn uniformly from all; there, the word of rank r (0 the first) has probability
          proportional to 1 / (r + 3), as whole numbers: floor(10^9 / (r + 3)). Some words belong to several topics.
          All other words are drawn uniformly, whatever the topic.
Best      A headline can be read in one way only, and side clause and neutral words are independent of the class, so
          p(c | text) is proportional to the product of p(word | c) over the topic words of the main clause, classes
          being equally frequent. Best accuracy = E max_c p(c | text); best cross-entropy = E H(c | text), in nats.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache

from preheat.train.data.synthetic.words import TOPIC_WORDS, TOPICS

Clause = tuple[str, ...]  # kinds of word, and words that always stand there

# Each with how often it comes, as whole numbers.
MAIN: tuple[tuple[Clause, int], ...] = (
    (("actor", "given", "surname", "action", "thing"), 4),
    (("given", "surname", "action", "adjective", "thing"), 2),
    (("actor", "action", "thing", "over", "field", "affair"), 3),
    (("field", "actor", "given", "surname", "action", "thing"), 3),
)
TAILS: tuple[tuple[Clause, int], ...] = (
    (("in", "place"), 3),
    (("on", "number", "month"), 2),
    (("in", "place", "on", "number", "month"), 5),
)
SIDE: tuple[tuple[Clause, int], ...] = (
    (("actor", "action", "thing"), 2),
    (("field", "affair", "turn"), 1),
    (("given", "surname", "action", "thing"), 1),
)
ORDERS = ((("main",), 4), (("main", "side"), 3), (("side", "main"), 3))
CONNECTIVES = ("as", "after", "while", "before", "although")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What no classifier exceeds on average, however much it has seen.

    Attributes:
        accuracy: of the class with the largest posterior, in [0, 1].
        cross_entropy: of the posterior itself, in nats, >= 0.
    """

    accuracy: float
    cross_entropy: float

    def to_dict(self) -> dict[str, float]:
        """Both by name."""
        return asdict(self)

    def __str__(self) -> str:
        return f"Bayes-optimal accuracy {self.accuracy:.4f}, cross-entropy {self.cross_entropy:.4f}"


@lru_cache
def weights(many: int) -> tuple[int, ...]:
    """How often each of ``many`` words comes; whole numbers, so that draw and posterior hold the very same."""
    return tuple(10**9 // (rank + 3) for rank in range(many))


@lru_cache
def emissions(kind: str, topics: int, noise: float) -> dict[str, tuple[float, ...]]:
    """The probability of each word of a kind given each class, by the word in small letters."""
    own: dict[str, list[float]] = {}
    for place, topic in enumerate(TOPICS[:topics]):
        words = TOPIC_WORDS[kind][topic]
        total = sum(weights(len(words)))
        for word, weight in zip(words, weights(len(words)), strict=True):
            own.setdefault(word.lower(), [0.0] * topics)[place] = weight / total
    mixed = {}
    for word, shares in own.items():
        stray = noise * math.fsum(shares) / topics
        mixed[word] = tuple((1 - noise) * share + stray for share in shares)
    return mixed


@lru_cache
def ceiling_of(topics: int, noise: float) -> Ceiling:
    """The exact ceiling, by a sum over all topic words that main clauses can have.

    Words of proportional likelihood are taken together, which changes neither figure: both are homogeneous in it.
    """
    accuracy = entropy = 0.0
    for clause, weight in MAIN:
        joint = [(1 / topics,) * topics]
        for kind in clause:
            if kind in TOPIC_WORDS:
                words = _merged(emissions(kind, topics, noise).values())
                pairs = itertools.product(joint, words)
                joint = _merged(tuple(map(operator.mul, one, word)) for one, word in pairs)
        share = weight / sum(other for _, other in MAIN)
        accuracy += share * math.fsum(map(max, joint))
        entropy += share * math.fsum(-part * math.log(part / sum(one)) for one in joint for part in one if part)
    return Ceiling(accuracy, entropy)


def _merged(vectors: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Proportional vectors added up; those that are all 0 left out."""
    sums: dict[tuple[float, ...], tuple[float, ...]] = {}
    for vector in vectors:
        total = sum(vector)
        if total:
            key = tuple(round(part / total, 12) for part in vector)
            sums[key] = tuple(map(operator.add, sums[key], vector)) if key in sums else vector
    return list(sums.values())
