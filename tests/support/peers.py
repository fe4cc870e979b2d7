"""A schedule of another library beside ours: drawn options, its values at every update, our schedule for the same."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from preheat import Schedule

DRAWS = 30
UPDATES = 150


@dataclass(frozen=True)
class Peer:
    """One row of a table of peers.

    Args:
        name: the peer's own name for it, and the test's id.
        options: a random generator to the peer's options, drawn; ``o`` below has them as attributes, and ``o.updates``,
            how many updates to compare (150 unless drawn).
        theirs: ``o`` to the peer's value at each of those updates.
        ours: ``o`` to the schedule a user of preheat would write instead; times ``base`` it is the peer's value.
        base: ``o`` to the learning rate at our factor 1.
    """

    name: str
    options: Callable[[random.Random], dict[str, Any]]
    theirs: Callable[[SimpleNamespace], Sequence[float]]
    ours: Callable[[SimpleNamespace], Schedule]
    base: Callable[[SimpleNamespace], float] = lambda o: getattr(o, "lr", 1.0)


def worst(peer: Peer, draws: int = DRAWS) -> float:
    """The largest difference to ours, in shares of the base, over every update of every draw."""
    draw = random.Random(peer.name)
    return max(_difference(peer, draw) for _ in range(draws))


def _difference(peer: Peer, draw: random.Random) -> float:
    o = SimpleNamespace(**{"updates": UPDATES, **peer.options(draw)})
    theirs = np.array(peer.theirs(o), dtype=np.float64)
    base = peer.base(o)
    difference = np.abs(theirs - base * peer.ours(o)(np.arange(len(theirs))))
    assert len(theirs) == o.updates
    assert np.isfinite(theirs).all()
    return float(difference.max() / base)


def ids(peers: Sequence[Peer]) -> list[str]:
    """The names, as ids of a parametrized test."""
    return [peer.name for peer in peers]
