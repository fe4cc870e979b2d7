"""Rows of tokens as padded tensors, by one process or several, with or without workers that prepare them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from preheat.errors import DataError, refusal
from preheat.train.data.augment import Transform, seeded_draws
from preheat.train.data.order import Order, Place
from preheat.train.data.tokens import Tokens

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
            changed = self.transform(tokens.tolist(), label)
        if not 1 <= len(changed) <= (self.most or len(changed)):
            rule = f"a function that gives 1 to {self.most or 'any number of'} tokens"
            raise DataError(refusal("transform", rule, len(changed), f"It was called with row {row}."))
        return changed, label


class Collate:
    """Rows to tensors, padded on the right to the longest text of the batch."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[tuple[Sequence[int], int]]) -> dict[str, torch.Tensor]:
        """``input_ids`` and ``attention_mask`` of shape (rows, longest), ``labels`` of shape (rows,)."""
        longest = max(len(tokens) for tokens, _ in rows)
        ids = np.full((len(rows), longest), self.pad, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for place, (tokens, _) in enumerate(rows):
            ids[place, : len(tokens)] = tokens
            mask[place, : len(tokens)] = 1
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
            "labels": torch.tensor([label for _, label in rows]),
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
        self._begin: Place | None = None
        self._epoch: list[list[int]] = []

    def remaining(self, place: Place) -> int:
        """Batches of the epoch that are still to come."""
        return len(self._rows_after(place))

    def after(self, place: Place) -> Iterator[Batch]:
        """The batches of an epoch that follow ``place``."""
        whole = self._rows_after(place)
        shares = [rows[self.rank :: self.order.world_size] for rows in whole]
        # A process that the last batch has no row for runs its first one: all have to take part in every update.
        keys = [[(place.epoch, row) for row in share or rows[:1]] for share, rows in zip(shares, whole, strict=True)]
        loader = _loader(self.examples, keys, self.collate, self.workers)
        for rows, share, inputs in zip(whole, shares, loader, strict=True):
            yield Batch(inputs, tuple(rows), len(share), sum(map(self.lengths.__getitem__, rows)))

    def _rows_after(self, place: Place) -> list[list[int]]:
        """The rows of every batch to come; an epoch is put in order once, however often it is asked about."""
        begin = replace(place, batches=0)
        if begin != self._begin:
            self._begin, self._epoch = begin, begin.remaining(self.order, self.lengths)
        return self._epoch[place.batches :]


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
        mine = ordered[rank::world_size]
        self.rows = [mine[start : start + batch_size] for start in range(0, len(mine), batch_size)]
        self.rows += [[]] * (math.ceil(math.ceil(len(ordered) / world_size) / batch_size) - len(self.rows))

    def __iter__(self) -> Iterator[Batch]:
        """The batches of this process."""
        keys = [[(0, row) for row in rows or [0]] for rows in self.rows]
        for rows, inputs in zip(self.rows, _loader(self.examples, keys, self.collate, 0), strict=True):
            yield Batch(inputs, tuple(rows), len(rows), int(inputs["attention_mask"].sum()))


def _loader(examples: Examples, keys: list[list[Key]], collate: Collate, workers: int) -> Iterable[Any]:
    if not workers:  # a loader would add a tenth of a millisecond to every batch
        return (collate([examples[key] for key in batch]) for batch in keys)
    # A loader draws one number each time it is iterated: from its own generator, so that dropout never depends on it.
    own = torch.Generator().manual_seed(0)
    return DataLoader(examples, batch_sampler=keys, collate_fn=collate, num_workers=workers, generator=own)
