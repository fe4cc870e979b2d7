"""Rows of tokens as padded tensors, by one process or several, with or without workers that prepare them.

Order    which rows make which batch is a function of seed and epoch alone, whatever the processes, workers and
         interruptions. Texts of similar length come together, so that little is padded. A batch is sized by rows:
         shuffled, sorted by length within pools of 32 batches, cut, and the batches shuffled again; or by tokens:
         sorted by length with ties shuffled, cut where a batch's padded tokens would exceed the budget, and the batches
         shuffled again. Where it is cut depends on the lengths alone, so every epoch has as many batches. A batch is
         that of all processes together; each process takes every ``world_size``-th row of it.
Changes  of a text on its way into a batch are drawn by seed, epoch and row alone. So a row comes out the same whichever
         process or worker prepares it, before and after an interruption.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from preheat.errors import DataError, refusal
from preheat.lab.data.token_cache import Tokens
from preheat.messages import _

# --- Which rows make which batch -------------------------------------------------------------------------------------


# Batches whose texts are sorted by length together: enough that little is padded, few enough that short texts come up
# all through an epoch.
POOL = 32


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
        # Seeds are below 2^32 and so are epochs: no two pairs share a stream.
        draw = random.Random((self.seed << 32) + epoch)
        shuffled = list(range(len(lengths)) if rows is None else rows)
        draw.shuffle(shuffled)
        batches = self._by_rows(shuffled, lengths) if self.batch_size else self._by_tokens(shuffled, lengths)
        # Or every epoch would begin with short texts and end with long ones.
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
class DataPosition:
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
            # The earlier order is worked out again: a position stays small, however often a run was changed.
            used = {row for batch in past.epoch(lengths, self.epoch, rows)[:many] for row in batch}
            rows = [row for row in rows if row not in used]
        return order.epoch(lengths, self.epoch, rows)[self.batches :]

    def reordered(self, old: Order) -> DataPosition:
        """The same place in a run that goes on in another order: what is left of the epoch is dealt out anew."""
        return DataPosition(self.epoch, 0, (*self.earlier, (old, self.batches))) if self.batches else self

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint."""
        earlier = [[order.to_dict(), many] for order, many in self.earlier]
        return {"epoch": self.epoch, "batches": self.batches, "earlier": earlier}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> DataPosition:
        """What :meth:`to_dict` gave."""
        earlier = tuple((Order(**order), many) for order, many in data["earlier"])
        return DataPosition(data["epoch"], data["batches"], earlier)


# --- Changing texts on the way into a batch --------------------------------------------------------------------------


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
        # A text without a token has no last one to read the class off.
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
    # Hashed, so that neighboring keys (rows 5 and 6) do not draw alike.
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


# --- Batches ---------------------------------------------------------------------------------------------------------


Key = tuple[int, int]  # epoch and row


@dataclass(frozen=True, slots=True)
class Batch:
    """One process's share of a batch.

    Attributes:
        inputs: ``input_ids`` and ``attention_mask`` of shape (rows, longest), ``labels`` of shape (rows,).
        rows: the row numbers of the whole batch, over all processes.
        own: rows that are this process's; 0 where the last batch of an epoch has none for it and ``inputs`` is a
            stand-in.
        tokens: tokens of the whole batch, over all processes, padding not counted.
    """

    inputs: dict[str, torch.Tensor]
    rows: tuple[int, ...]
    own: int
    tokens: int

    def to(self, device: torch.device | str) -> dict[str, torch.Tensor]:
        """The inputs on a device."""
        return {name: tensor.to(device, non_blocking=True) for name, tensor in self.inputs.items()}


class Examples(Dataset[tuple[Any, int]]):
    """Token ids and class of the rows of a split, by (epoch, row).

    Args:
        tokens: the token ids of every row.
        labels: the class of every row.
        transform: changes the token ids of a row each time it is asked for.
        seed: fixes what ``transform`` draws, with the epoch and the row.
        most: tokens that a row may have after ``transform``.
    """

    def __init__(
        self,
        tokens: Tokens,
        labels: Sequence[int],
        transform: Transform | None = None,
        seed: int = 0,
        most: int | None = None,
    ) -> None:
        self.tokens, self.labels, self.transform, self.seed, self.most = tokens, labels, transform, seed, most

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: Key) -> tuple[Any, int]:
        epoch, row = key
        tokens, label = self.tokens[row], self.labels[row]
        if self.transform is None:
            return tokens, label
        with seeded_draws(self.seed, epoch, row):
            # A list, so that what a function does to it does not reach the array that all rows share.
            changed = self.transform(tokens.tolist(), label)
        if not 1 <= len(changed) <= (self.most or len(changed)):
            rule = _("a function that gives 1 to {most} tokens", most=self.most)
            if self.most is None:
                rule = _("a function that gives 1 token or more")
            raise DataError(refusal("transform", rule, len(changed), _("It was called with row {row}.", row=row)))
        return changed, label


class Collate:
    """Rows to tensors, padded on the right to the longest text of the batch."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[tuple[Sequence[int], int]]) -> dict[str, torch.Tensor]:
        """``input_ids`` and ``attention_mask`` of shape (rows, longest), ``labels`` of shape (rows,)."""
        longest = max(len(tokens) for tokens, _unused in rows)
        ids = np.full((len(rows), longest), self.pad, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for row, (tokens, _unused) in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
            "labels": torch.tensor([label for _unused, label in rows]),
        }


class Batches:
    """The training split, epoch by epoch.

    Args:
        examples: the rows.
        order: how they come in batches.
        pad: token id that fills up.
        rank: which of ``order.world_size`` processes this one is.
        workers: processes that prepare batches ahead; 0 prepares them in this one.
    """

    def __init__(self, examples: Examples, order: Order, pad: int, *, rank: int = 0, workers: int = 0) -> None:
        self.examples, self.order, self.collate, self.rank, self.workers = examples, order, Collate(pad), rank, workers
        self.lengths = examples.tokens.lengths.tolist()
        self._begin: DataPosition | None = None
        self._epoch: list[list[int]] = []

    def remaining(self, position: DataPosition) -> int:
        """Batches of the epoch that are still to come."""
        return len(self._rows_after(position))

    def after(self, position: DataPosition) -> Iterator[Batch]:
        """The batches of an epoch that follow ``position``."""
        whole = self._rows_after(position)
        shares = [rows[self.rank :: self.order.world_size] for rows in whole]
        # A process that the last batch has no row for runs its first one: all have to take part in every update.
        keys = [[(position.epoch, row) for row in share or rows[:1]] for share, rows in zip(shares, whole, strict=True)]
        loader = _loader(self.examples, keys, self.collate, self.workers)
        for rows, share, inputs in zip(whole, shares, loader, strict=True):
            yield Batch(inputs, tuple(rows), len(share), sum(map(self.lengths.__getitem__, rows)))

    def _rows_after(self, position: DataPosition) -> list[list[int]]:
        """The rows of every batch to come; an epoch is put in order once, however often it is asked about."""
        begin = replace(position, batches=0)
        if begin != self._begin:
            self._begin, self._epoch = begin, begin.remaining(self.order, self.lengths)
        return self._epoch[position.batches :]


class Split:
    """A split to score, in batches of texts of similar length: every row once over all processes.

    Args:
        tokens: the token ids of every row.
        labels: the class of every row.
        batch_size: rows of a batch.
        pad: token id that fills up.
        rank: which of ``world_size`` processes this one is.
        world_size: processes that share the rows; each gets as many batches, the last of which may be a stand-in.
    """

    def __init__(
        self, tokens: Tokens, labels: Sequence[int], batch_size: int, pad: int, *, rank: int = 0, world_size: int = 1
    ) -> None:
        self.examples, self.collate = Examples(tokens, labels), Collate(pad)
        ordered = sorted(range(len(labels)), key=tokens.lengths.tolist().__getitem__)
        # Every world_size-th of the sorted rows: processes get texts of the same lengths, and wait little for each
        # other.
        mine = ordered[rank::world_size]
        self.rows = [mine[start : start + batch_size] for start in range(0, len(mine), batch_size)]
        # Sharded weights are gathered by all processes at every batch: each needs as many.
        self.rows += [[]] * (math.ceil(math.ceil(len(ordered) / world_size) / batch_size) - len(self.rows))

    def __iter__(self) -> Iterator[Batch]:
        """The batches of this process."""
        keys = [[(0, row) for row in rows or [0]] for rows in self.rows]
        for rows, inputs in zip(self.rows, _loader(self.examples, keys, self.collate, 0), strict=True):
            yield Batch(inputs, tuple(rows), len(rows), int(inputs["attention_mask"].sum()))


def _loader(examples: Examples, keys: list[list[Key]], collate: Collate, workers: int) -> Iterable[Any]:
    # Without workers no loader either: it would add a tenth of a millisecond to every batch.
    if not workers:
        return (collate([examples[key] for key in batch]) for batch in keys)
    # A loader draws one number each time it is iterated: from its own generator, so that dropout never depends on it.
    own = torch.Generator().manual_seed(0)
    return DataLoader(examples, batch_sampler=keys, collate_fn=collate, num_workers=workers, generator=own)
