"""Tokens and batches: texts of similar length together, in an order that the seed and the epoch alone fix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

POOL = 32  # batches whose texts are sorted by length together


class Tokenised(Dataset[tuple[list[int], int]]):
    """Token ids and class of every row of a split."""

    def __init__(self, tokens: Sequence[list[int]], labels: Sequence[int]) -> None:
        self.tokens, self.labels = tokens, labels

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> tuple[list[int], int]:
        return self.tokens[index], self.labels[index]


def bucketed(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Batches of row numbers for one epoch: shuffled, sorted by length within pools of 32 batches, shuffled again.

    Every row once; ``ceil(rows / batch_size)`` batches, all full but at most one.

    >>> sorted(sum(bucketed([3, 1, 2, 5, 4], batch_size=2, seed=0, epoch=0), []))
    [0, 1, 2, 3, 4]
    """
    generator = torch.Generator().manual_seed((seed << 20) + epoch)
    order: list[int] = torch.randperm(len(lengths), generator=generator).tolist()
    span = POOL * batch_size
    ordered = [
        row
        for start in range(0, len(order), span)
        for row in sorted(order[start : start + span], key=lambda row: lengths[row])
    ]
    batches = [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
    return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


class Buckets(Sampler[list[int]]):
    """:func:`bucketed` as a batch sampler; set ``epoch`` before iterating."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.drop_last = False
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(len(self.lengths) / self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of the current epoch."""
        return iter(bucketed(self.lengths, self.batch_size, self.seed, self.epoch))


class Collate:
    """Rows to tensors, padded on the right to the longest text of the batch."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[tuple[list[int], int]]) -> dict[str, torch.Tensor]:
        """``input_ids`` and ``attention_mask`` of shape (rows, longest), ``labels`` of shape (rows,)."""
        longest = max(len(tokens) for tokens, _ in rows)
        padding = [longest - len(tokens) for tokens, _ in rows]
        tokens = [tokens + [self.pad] * many for (tokens, _), many in zip(rows, padding, strict=True)]
        mask = [[1] * (longest - many) + [0] * many for many in padding]
        return {
            "input_ids": torch.tensor(tokens),
            "attention_mask": torch.tensor(mask),
            "labels": torch.tensor([label for _, label in rows]),
        }


def train_loader(rows: Tokenised, batch_size: int, seed: int, pad: int) -> tuple[DataLoader[Any], Buckets]:
    """The loader of the training split, and the sampler whose ``epoch`` fixes its order."""
    buckets = Buckets([len(tokens) for tokens in rows.tokens], batch_size, seed)
    # A loader draws one number each time it is iterated: from its own generator, so that dropout never depends on it.
    own = torch.Generator().manual_seed(seed)
    return DataLoader(rows, batch_sampler=buckets, collate_fn=Collate(pad), generator=own), buckets


def plain_loader(rows: Tokenised, batch_size: int, pad: int) -> DataLoader[Any]:
    """The rows in their own order, for evaluation."""
    own = torch.Generator().manual_seed(0)
    return DataLoader(rows, batch_size=batch_size, shuffle=False, collate_fn=Collate(pad), generator=own)
