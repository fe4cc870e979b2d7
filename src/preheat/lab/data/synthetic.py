"""Headlines that are made, each by its number, and the exact posterior of their class: data with a known ceiling.

Model   A headline is a main clause, or a main clause and a side clause bound by a connective, in either order:
            "Striker Mira Halbrook signs contract in Lisbon while cabinet vetoes tax"
            "While cabinet vetoes tax, striker Mira Halbrook signs contract in Lisbon"
        The class is the topic of the main clause; the side clause has a topic of its own, drawn independently. Which
        clause is the main one is told by where connective and comma stand, not by which words there are.
Words   Four kinds depend on the topic; within a kind the frequent ones come first, and some belong to several topics.
        The kinds after them say nothing about it. No word is of two kinds, so a headline is read in one way only.
        Each topic word of a clause comes from the clause's topic with probability 1 - noise, and with probability noise
        from a topic drawn uniformly from all; there, the word of rank r (0 the first) has probability proportional to
        1 / (r + 3), as whole numbers: floor(10^9 / (r + 3)). All other words are drawn uniformly, whatever the topic.
Best    Side clause and neutral words are independent of the class, so p(c | text) is proportional to the product of
        p(word | c) over the topic words of the main clause, classes being equally frequent. Best accuracy =
        E max_c p(c | text); best cross-entropy = E H(c | text), in nats.
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
import operator
import struct
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

from preheat.errors import DataError, refusal
from preheat.messages import _

# --- The words -------------------------------------------------------------------------------------------------------


TOPICS = ("business", "sport", "politics", "technology", "health", "culture", "science", "travel")
"""The classes; a run with fewer of them takes the first."""

# Written for this purpose; the tests check that no word is of two kinds.
_TOPIC_WORDS = {
    "actor": {
        "business": """
            bank retailer investor lender insurer exporter brewer supplier broker shareholder trader grocer carmaker
            miner banker auditor economist wholesaler landlord developer refiner franchise treasurer start-up
        """,
        "sport": """
            striker goalkeeper coach captain sprinter defender team champion referee winger midfielder cyclist boxer
            club swimmer jockey manager bowler star golfer skipper rower goalscorer olympian
        """,
        "politics": """
            minister senator party president mayor opposition premier governor chancellor lawmaker voter candidate
            diplomat speaker cabinet parliament council ambassador delegate backbencher envoy coalition campaigner
            court
        """,
        "technology": """
            developer programmer chipmaker hacker start-up engineer coder platform robot browser operator gamer user
            app designer assistant administrator cloud-provider modder tinkerer network hub server streamer
        """,
        "health": """
            doctor nurse surgeon hospital patient clinic midwife pharmacist drugmaker therapist paramedic dentist
            ward psychiatrist carer campaigner paediatrician donor physician volunteer vaccinator consultant
            regulator researcher
        """,
        "culture": """
            singer director actor novelist band painter curator star poet composer dancer sculptor playwright
            gallery orchestra screenwriter soprano publisher designer photographer comedian violinist conductor
            biographer
        """,
        "science": """
            researcher astronomer physicist biologist geologist chemist probe telescope laboratory astronaut
            botanist engineer zoologist observatory satellite mathematician palaeontologist oceanographer rover
            ecologist seismologist geneticist team rocket
        """,
        "travel": """
            airline tourist traveller hotel pilot airport passenger ferry guide resort backpacker campsite rail-firm
            cruise-line operator hostel conductor steward hiker innkeeper holidaymaker liner coach-firm explorer
        """,
    },
    "action": {
        "business": """
            buys sells trims lifts acquires floats audits refinances prices forecasts markets exports undercuts cuts
            stockpiles leases launches hedges writes-off offloads
        """,
        "sport": """
            wins loses scores signs defends saves misses kicks retains equals beats chases clinches drops trains-for
            races-for injures appeals breaks celebrates
        """,
        "politics": """
            vetoes debates amends signs backs opposes rejects campaigns-for repeals tables ratifies lobbies-for
            concedes cuts defends denounces legislates drafts votes-on appeals
        """,
        "technology": """
            launches patches encrypts hacks updates codes downloads automates streams upgrades installs debugs
            digitises tests deletes scans unveils tracks reboots emulates
        """,
        "health": """
            treats cures prescribes diagnoses vaccinates trials tests monitors screens heals operates-on immunises
            tracks prevents administers injects scans transplants detects stitches
        """,
        "culture": """
            sings stages films paints directs performs publishes rehearses records premieres exhibits composes
            streams sketches screens adapts unveils restores casts illustrates
        """,
        "science": """
            discovers measures observes orbits detects samples tests models maps tracks excavates simulates maps-out
            sequences analyses confirms records launches dissects catalogues
        """,
        "travel": """
            flies books visits boards cancels reroutes tours docks-at explores maps reaches cruises-past hikes
            checks-into reopens tracks restores lands-at crosses prices
        """,
    },
    "thing": {
        "business": """
            profit shares merger forecast dividend bond debt takeover deal stake revenue price loan factory brand
            contract inventory patent subsidiary invoice margin warehouse portfolio pension
        """,
        "sport": """
            goal medal match trophy penalty title race record contract season final tie relegation transfer
            injury-time wicket derby deal bronze set podium shoot-out lap replay
        """,
        "politics": """
            bill tax vote reform treaty budget election law pension motion referendum amendment sanction manifesto
            mandate constituency ballot debt veto resolution inquest immigration-rule quota subsidy
        """,
        "technology": """
            software chip phone code update patent algorithm password laptop malware website battery console
            database keyboard firewall smartphone interface bug virus drone encryption headset model
        """,
        "health": """
            vaccine drug virus cancer surgery diet flu outbreak symptom transplant infection treatment vitamin pill
            asthma pandemic therapy diabetes x-ray dose allergy fracture antibiotic gene
        """,
        "culture": """
            film novel album song painting play exhibition opera sequel ballet premiere record portrait sonata
            documentary musical sculpture script set memoir soundtrack tapestry anthology screenplay
        """,
        "science": """
            planet comet gene fossil particle galaxy asteroid glacier species dna-strand volcano molecule theory
            crater orbit virus atom neutron model enzyme eclipse meteorite isotope coral
        """,
        "travel": """
            flight cruise beach runway visa museum ticket island itinerary luggage suite landmark terminal voyage
            castle timetable package-holiday passport waterfall harbour cable-car safari lagoon souvenir
        """,
    },
    "field": {
        "business": """
            finance retail energy property banking mining insurance currency commodity commerce pensions drink
        """,
        "sport": """
            football rugby tennis athletics cricket boxing league cup olympic swimming cycling stadium
        """,
        "politics": """
            electoral defence welfare border immigration coalition-party energy pensions housing foreign local
            constitutional
        """,
        "technology": """
            internet mobile gaming computing broadband data security hardware cyber cloud satellite-tv semiconductor
        """,
        "health": """
            clinical medical nursing cancer-care dental mental-health drink maternity obesity ageing data pharmacy
        """,
        "culture": """
            theatre cinema literary music art television fashion festival jazz comedy heritage gaming
        """,
        "science": """
            space climate quantum genetics marine polar physics energy evolution astronomy archaeology data
        """,
        "travel": """
            aviation rail tourism hotel-trade coastal ferry-route border holiday heritage airport-tax camping polar
        """,
    },
}

TOPIC_WORDS = {
    kind: {topic: tuple(words.split()) for topic, words in topics.items()} for kind, topics in _TOPIC_WORDS.items()
}
"""Kind -> topic -> words."""

_STEMS = """
    Hal Mor Ash Bren Cal Dun Ed Fair Gar Hol Ing Kel Lan Mar Nor Oak Pen Quin Rad Sel Tor Ul Ver Wes Yar Zan Bel
    Cro Dra Fen Gil Hux Jar Kin Lor Mul Nes Orl Pres Ros
"""
_ENDINGS = """
    brook well ton field man son ley worth ford stone wick ham ridge mere dale hurst croft gate land beck combe
    shaw burn low
"""

_NEUTRAL_WORDS = {
    "given": """
        Mira Tomas Ines Karel Aisha Bruno Chidi Dalia Emil Farah Goran Hana Igor Jana Kofi Leila Marek Nadia
        Oskar Priya Rafael Sana Tariq Uma Viktor Wanda Yusuf Zora Anton Bianca Cyril Dora Elif Felix Greta Hugo
        Iris Jonas Katya Lucas
    """,
    "place": """
        Lisbon Oslo Lagos Lima Quito Hanoi Seoul Cairo Tunis Accra Dakar Nairobi Perth Osaka Delhi Dhaka Madrid
        Turin Lyon Ghent Bergen Tallinn Riga Vilnius Gdansk Prague Graz Zagreb Split Patras Izmir Haifa Tbilisi
        Baku Almaty Montreal Boston Denver Bogota Recife
    """,
    "month": "January February March April May June July August September October November December",
    "adjective": "new fresh secret rival early late major bitter surprise second costly bold rare joint",
    "affair": "row talks plan crisis boom debate project shake-up scandal review rush pact",
    "turn": "deepens ends begins continues stalls grows resumes widens",
}

NEUTRAL_WORDS = {
    **{kind: tuple(words.split()) for kind, words in _NEUTRAL_WORDS.items()},
    "surname": tuple(stem + ending for stem in _STEMS.split() for ending in _ENDINGS.split()),
    "number": tuple(map(str, range(1, 29))),
}
"""Kinds that every topic shares; each word of a kind is as likely as the others."""


# --- The model -------------------------------------------------------------------------------------------------------


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
        return _(
            "Bayes-optimal accuracy {accuracy:.4f}, cross-entropy {cross_entropy:.4f}",
            accuracy=self.accuracy, cross_entropy=self.cross_entropy,
        )  # fmt: skip


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
        share = weight / sum(other for _unused, other in MAIN)
        accuracy += share * math.fsum(map(max, joint))
        entropy += share * math.fsum(-part * math.log(part / sum(one)) for one in joint for part in one if part)
    return Ceiling(accuracy, entropy)


def _merged(vectors: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Proportional vectors added up; those that are all 0 left out."""
    sums: dict[tuple[float, ...], tuple[float, ...]] = {}
    for vector in vectors:
        total = sum(vector)
        if total:
            # Twelve digits: proportional vectors differ by rounding only, others by far more.
            key = tuple(round(part / total, 12) for part in vector)
            sums[key] = tuple(map(operator.add, sums[key], vector)) if key in sums else vector
    return list(sums.values())


# --- The source ------------------------------------------------------------------------------------------------------


NOTICE = _("Data: synthetic headlines, made by a generator. None of them is news, and what they say is not so.")

_VERSION = 1  # of words and model: another number makes other rows
_SHARES = (("train", 14), ("validation", 1), ("test", 1))  # sixteenths of all texts
_DRAWS = struct.Struct(">40Q")  # the longest headline takes 33

_Choice = TypeVar("_Choice")


@dataclass(frozen=True, slots=True)
class Headlines:
    """A source of labeled headlines: as many as one likes.

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
            raise DataError(
                refusal(
                    "topics", _("a whole number from 2 to {topics}", topics=len(TOPICS)), self.topics, _("Change it.")
                )
            )
        if type(self.noise) not in (int, float) or not 0 <= self.noise < 1:
            raise DataError(refusal("noise", _("a number from 0 to below 1"), self.noise, _("0 draws no stray word.")))
        if type(self.seed) is not int or self.seed < 0:
            raise DataError(refusal("seed", _("a whole number, 0 or more"), self.seed, _("Change it.")))

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
            raise DataError(refusal("number", _("a whole number, 0 or more"), number, _("Rows are counted from 0.")))
        if split not in dict(_SHARES):
            raise DataError(refusal("split", _("train, validation or test"), split, _("Name one of them.")))
        # The number of the attempt is part of the key: no attempt depends on the one before.
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
        order = _weighted(next(draws), ORDERS)
        main = [*self._words(_weighted(next(draws), MAIN), label, draws)]
        words = main = [*main, *self._words(_weighted(next(draws), TAILS), label, draws)]
        if "side" in order:
            topic = self.classes[_below(next(draws), self.topics)]
            connective = CONNECTIVES[_below(next(draws), len(CONNECTIVES))]
            side = [connective, *self._words(_weighted(next(draws), SIDE), topic, draws)]
            words = [*main, *side] if order[0] == "main" else [*side[:-1], f"{side[-1]},", *main]
        text = " ".join(words)
        return text[0].upper() + text[1:], label

    def _words(self, clause: Clause, topic: str, draws: Iterator[int]) -> Iterator[str]:
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
        # The topic of the side clause says nothing of the class: it is looked at only to refuse what the model cannot
        # make.
        main, side = _clauses(text)
        joint = self._likelihood(main, [(*clause, *tail) for clause, _unused in MAIN for tail, _unused in TAILS])
        beside = [1.0] if side is None else self._likelihood(side, [clause for clause, _unused in SIDE])
        if not sum(joint) * sum(beside):
            advice = _("Posteriors are known for what this generator makes, with these topics and noise.")
            raise DataError(refusal("text", _("a headline of the generator"), text, advice))
        return {label: share / sum(joint) for label, share in zip(self.classes, joint, strict=True)}

    def _likelihood(self, words: Sequence[str], clauses: Sequence[Clause]) -> list[float]:
        """The probability of the topic words given each class, in the one reading there is; 0 where there is none."""
        for clause in clauses:
            if len(clause) == len(words) and all(map(self._fits, clause, words)):
                columns = [
                    emissions(kind, self.topics, self.noise)[word]
                    for kind, word in zip(clause, words, strict=True)
                    if kind in TOPIC_WORDS
                ]
                return [math.prod(shares) for shares in zip(*columns, strict=True)]
        return [0.0]

    def _fits(self, kind: str, word: str) -> bool:
        if kind in TOPIC_WORDS:
            return word in emissions(kind, self.topics, self.noise)
        return word in _neutral(kind) if kind in NEUTRAL_WORDS else word == kind

    def ceiling(self) -> Ceiling:
        """The Bayes-optimal accuracy and cross-entropy, exact.

        They are those of the model as a whole. A split is a random part of its texts, so many that it does not matter;
        on n rows an accuracy a has the standard error sqrt(a (1 - a) / n).

        >>> print(Headlines().ceiling())
        Bayes-optimal accuracy 0.9114, cross-entropy 0.2308
        """
        return ceiling_of(self.topics, self.noise)


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
    return choices[_place(draw, [*accumulate(weight for _unused, weight in choices)])][0]


@lru_cache
def _ends(many: int) -> tuple[int, ...]:
    return tuple(accumulate(weights(many)))


@lru_cache
def _neutral(kind: str) -> frozenset[str]:
    return frozenset(word.lower() for word in NEUTRAL_WORDS[kind])


def _clauses(text: str) -> tuple[list[str], list[str] | None]:
    """The words of main and side clause, in small letters; None for a side clause that is not there.

    >>> _clauses("As cabinet vetoes tax, striker signs contract")
    (['striker', 'signs', 'contract'], ['cabinet', 'vetoes', 'tax'])
    """
    words = text.lower().split()
    at = next((place for place, word in enumerate(words) if word in CONNECTIVES), None)
    if at is None:
        return words, None
    if at:
        return words[:at], words[at + 1 :]
    side, _unused, main = " ".join(words[1:]).partition(", ")
    return main.split(), side.split()
