"""Changing texts on the way into a batch, by draws that depend on seed, epoch and row alone.

So a row comes out the same whichever process or worker prepares it, before and after an interruption.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

Transform = Callable[[Sequence[int], int], Sequence[int]]
"""Token ids and class of a row -> token ids, at least one. It may draw from ``random``, NumPy and torch."""


class TokenDropout:
    """Leaves tokens out, each with the same probability; at least one stays.

    Iyyer et al. 2015 (Deep Unordered Composition, section 2.2) call it word dropout.

    Args:
        share: probability, in [0, 1).

    >>> len(TokenDropout(0.5)([4, 5, 6, 7], 0)) <= 4
    True
    """

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, tokens: Sequence[int], _label: int) -> Sequence[int]:
        """The tokens that stay, in order."""
        kept = [token for token in tokens if random.random() >= self.share]
        return kept or [random.choice(tokens)]


def chained(share: float, transform: Transform | None) -> Transform | None:
    """Token dropout, where a share is left out, and then ``transform``, if there is one."""
    if not share:
        return transform
    dropout = TokenDropout(share)
    if transform is None:
        return dropout
    return lambda tokens, label: transform(dropout(tokens, label), label)


@contextmanager
def seeded_draws(*key: int) -> Iterator[None]:
    """``random``, NumPy and torch draw by ``key`` inside, and go on as if nothing had been drawn after it.

    >>> with seeded_draws(0, 1, 2):
    ...     first = random.random()
    >>> with seeded_draws(0, 1, 2):
    ...     first == random.random()
    True
    """
    plain, array, tensor = random.getstate(), np.random.get_state(), torch.get_rng_state()
    words = np.random.SeedSequence(key).generate_state(4)
    try:
        random.seed(int(words[0]))
        np.random.seed(int(words[1]))
        torch.default_generator.manual_seed(int(words[2]) << 32 | int(words[3]))  # the CPU's: no device is woken
        yield
    finally:
        random.setstate(plain)
        np.random.set_state(array)
        torch.set_rng_state(tensor)
