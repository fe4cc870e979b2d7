"""Which rows make which batch: a function of seed and epoch alone, whatever the processes, workers and interruptions.

Texts of similar length come together, so that little is padded. Two ways to size a batch:

* by rows: shuffled, sorted by length within pools of 32 batches, cut, and the batches shuffled again;
* by tokens: sorted by length with ties shuffled, cut where a batch's padded tokens would exceed the budget, and the
  batches shuffled again. Where it is cut depends on the lengths alone, so every epoch has as many batches.

A batch here is the one of all processes together; each process takes every ``world_size``-th row of it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

POOL = 32  # batches whose texts are sorted by length together


@dataclass(frozen=True, slots=True)
class Order:
    """How the rows of an epoch come in batches.

    Attributes:
        batch_size: rows of a batch in one process, >= 1; None sizes batches by tokens.
        batch_tokens: padded tokens of a batch in one process, at most.
        world_size: processes.
        seed: of the run.

    >>> order = Order(batch_size=2)
    >>> sorted(sum(order.epoch([3, 1, 2, 5, 4], 0), []))
    [0, 1, 2, 3, 4]
    """

    batch_size: int | None = 32
    batch_tokens: int | None = None
    world_size: int = 1
    seed: int = 0

    def epoch(self, lengths: Sequence[int], epoch: int, rows: Sequence[int] | None = None) -> list[list[int]]:
        """The batches of an epoch, as row numbers; each of ``rows`` (all, by default) exactly once.

        Args:
            lengths: tokens of every row.
            epoch: number of the epoch, from 0.
            rows: the rows to be dealt out, where some have been trained on already.
        """
        draw = random.Random((self.seed << 32) + epoch)
        shuffled = list(range(len(lengths)) if rows is None else rows)
        draw.shuffle(shuffled)
        batches = self._by_rows(shuffled, lengths) if self.batch_size else self._by_tokens(shuffled, lengths)
        draw.shuffle(batches)
        return batches

    def _by_rows(self, shuffled: list[int], lengths: Sequence[int]) -> list[list[int]]:
        size = (self.batch_size or 1) * self.world_size
        span = POOL * size
        ordered = [
            row
            for start in range(0, len(shuffled), span)
            for row in sorted(shuffled[start : start + span], key=lengths.__getitem__)
        ]
        return [ordered[start : start + size] for start in range(0, len(ordered), size)]

    def _by_tokens(self, shuffled: list[int], lengths: Sequence[int]) -> list[list[int]]:
        budget = (self.batch_tokens or 1) * self.world_size
        batches: list[list[int]] = [[]]
        for row in sorted(shuffled, key=lengths.__getitem__):  # the last one in is the longest
            if batches[-1] and (len(batches[-1]) + 1) * lengths[row] > budget:
                batches.append([])
            batches[-1].append(row)
        return batches

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint."""
        return {name: getattr(self, name) for name in ("batch_size", "batch_tokens", "world_size", "seed")}


@dataclass(frozen=True, slots=True)
class Place:
    """How far into the data a run is, in whole batches.

    Attributes:
        epoch: the epoch the run is in, from 0.
        batches: batches of it that have been trained on, in the present order.
        earlier: what was trained on in this epoch before the order was changed at a resume: (order, batches) each.
    """

    epoch: int = 0
    batches: int = 0
    earlier: tuple[tuple[Order, int], ...] = ()

    def remaining(self, order: Order, lengths: Sequence[int]) -> list[list[int]]:
        """The batches of this epoch that are still to come."""
        rows: Sequence[int] = range(len(lengths))
        for past, many in self.earlier:
            used = {row for batch in past.epoch(lengths, self.epoch, rows)[:many] for row in batch}
            rows = [row for row in rows if row not in used]
        return order.epoch(lengths, self.epoch, rows)[self.batches :]

    def reordered(self, old: Order) -> Place:
        """The same place in a run that goes on in another order: what is left of the epoch is dealt out anew."""
        return Place(self.epoch, 0, (*self.earlier, (old, self.batches))) if self.batches else self

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint."""
        earlier = [[order.to_dict(), many] for order, many in self.earlier]
        return {"epoch": self.epoch, "batches": self.batches, "earlier": earlier}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Place:
        """What :meth:`to_dict` gave."""
        earlier = tuple((Order(**order), many) for order, many in data["earlier"])
        return Place(data["epoch"], data["batches"], earlier)
