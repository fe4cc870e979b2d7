"""Tokens made once, and the order they come in: whichever processes, workers and interruptions there are."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.lab.data.batches import Batches, DataPosition, Examples, Order, Split, TokenDropout, seeded_draws
from preheat.lab.data.token_cache import TokenCache, Tokens

LENGTHS = [(number * 37) % 90 + 1 for number in range(333)]

orders = st.builds(
    Order,
    batch_size=st.integers(1, 40),
    world_size=st.integers(1, 4),
    seed=st.integers(0, 9),
) | st.builds(
    Order,
    batch_size=st.none(),
    batch_tokens=st.integers(100, 2000),
    world_size=st.integers(1, 4),
    seed=st.integers(0, 9),
)
lengths = st.lists(st.integers(1, 100), min_size=1, max_size=200)


@given(orders, lengths, st.integers(0, 5))
def test_every_row_comes_once_in_as_many_batches_every_epoch(order, lengths, epoch):
    """A budget in tokens is kept; a number of rows is, but in the last batch."""
    batches = order.epoch(lengths, epoch)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert len(batches) == len(order.epoch(lengths, 0))
    assert batches == order.epoch(lengths, epoch)
    if order.batch_size:
        size = order.batch_size * order.world_size
        assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)
    else:
        budget = order.batch_tokens * order.world_size
        assert all(len(batch) * max(lengths[row] for row in batch) <= budget for batch in batches)


@given(lengths, st.lists(st.tuples(orders, st.integers(0, 4)), min_size=1, max_size=4), st.integers(0, 3))
def test_changed_orders_deal_out_what_is_left(lengths, legs, epoch):
    """However often the order changes inside an epoch, every row comes once."""
    position, seen = DataPosition(epoch), []
    for number, (order, many) in enumerate(legs):
        if number:
            position = position.reordered(legs[number - 1][0])
        last = number == len(legs) - 1
        left = position.remaining(order, lengths)
        taken = left if last else left[:many]
        seen += [row for batch in taken for row in batch]
        position = DataPosition(epoch, position.batches + len(taken), position.earlier)
        assert DataPosition.from_dict(position.to_dict()) == position
    assert sorted(seen) == list(range(len(lengths)))


def test_order_depends_on_seed_and_epoch_and_pads_little():
    """Similar lengths come together."""
    order = Order(8, seed=3)
    assert order.epoch(LENGTHS, 1) != order.epoch(LENGTHS, 2)
    assert order.epoch(LENGTHS, 1) != Order(8, seed=4).epoch(LENGTHS, 1)
    for one in (order, Order(None, 400)):
        padded = sum(max(LENGTHS[row] for row in batch) * len(batch) for batch in one.epoch(LENGTHS, 0))
        assert padded < 1.25 * sum(LENGTHS)


def tokens_of(lengths):
    return Tokens.of([list(range(2, 2 + many)) for many in lengths])


@pytest.mark.parametrize("rows", [1, 7, 64, 65, 67])
def test_processes_share_every_batch(rows):
    """Two or three together have the rows of the one with batches as large; a stand-in is marked."""
    tokens, labels = tokens_of(LENGTHS[:rows]), [row % 3 for row in range(rows)]
    for many in (2, 3):
        shares = [
            list(Batches(Examples(tokens, labels), Order(8, world_size=many), 0, rank=rank).after(DataPosition(2)))
            for rank in range(many)
        ]
        whole = list(Batches(Examples(tokens, labels), Order(8 * many), 0).after(DataPosition(2)))
        assert [len(share) for share in shares] == [len(whole)] * many
        for parts, one in zip(zip(*shares, strict=True), whole, strict=True):
            assert all(part.rows == one.rows and part.tokens == one.tokens for part in parts)
            assert sum(part.own for part in parts) == one.own == len(one.rows)
            real = [part.inputs["labels"][: part.own] for part in parts]
            assert sorted(torch.cat(real).tolist()) == sorted(one.inputs["labels"].tolist())


@pytest.mark.parametrize("rows", [1, 5, 16, 17])
def test_processes_score_every_row_once(rows):
    """In as many batches each: sharded models have to be run together."""
    tokens, labels = tokens_of(LENGTHS[:rows]), list(range(rows))
    for many in (1, 2, 3):
        splits = [list(Split(tokens, labels, 4, 0, rank=rank, world_size=many)) for rank in range(many)]
        assert len({len(split) for split in splits}) == 1
        found = [batch.inputs["labels"][: batch.own].tolist() for split in splits for batch in split]
        assert sorted(row for part in found for row in part) == list(range(rows))


def test_draws_are_seeded_by_their_key_and_leave_no_trace():
    """For each of the three generators."""
    draw = lambda: (random.random(), np.random.rand(), torch.rand(1).item())  # noqa: E731
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = [draw(), draw()]
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    first = draw()
    with seeded_draws(3, 1, 4):
        inside = draw()
    assert [first, draw()] == expected
    with seeded_draws(3, 1, 4):
        assert draw() == inside
    with seeded_draws(3, 1, 5):
        assert all(one != other for one, other in zip(draw(), inside, strict=True))


def test_token_dropout_leaves_out_its_share():
    """Of 10,000 tokens about a fifth; of one, none."""
    with seeded_draws(0):
        assert 7_800 < len(TokenDropout(0.2)(list(range(10_000)), 0)) < 8_200
        assert TokenDropout(0.99)([5], 0) == [5]


def test_transform_that_leaves_nothing_or_too_much_is_refused():
    """With the row."""
    for changed in ([], [1] * 9):
        examples = Examples(tokens_of([3]), [0], lambda tokens, label, changed=changed: changed, most=8)
        with pytest.raises(preheat.DataError, match="transform must be a function that gives 1 to 8 tokens; got"):
            examples[0, 0]


# --- the cache ------------------------------------------------------------------------------------------------------


class CountingTokenizer:
    """Of words, that counts how often it is asked."""

    is_fast, eos_token_id, pad_token_id, calls = True, 0, 1, 0

    def __init__(self, words="abc"):
        self.words = words

    @property
    def backend_tokenizer(self):
        return self

    def to_str(self):
        return self.words

    def __call__(self, texts, truncation, max_length):
        self.calls += 1
        return {"input_ids": [[self.words.index(letter) for letter in text][:max_length] for text in texts]}


def test_texts_are_tokenized_once(tmp_path):
    """For the same texts, tokenizer and length; any other makes them anew. Empty texts become one end token."""
    cache, tokenizer = TokenCache(tmp_path), CountingTokenizer()
    first = cache.encode(tokenizer, ["abc", "", "cc"], 2)
    again = TokenCache(tmp_path).encode(tokenizer, ["abc", "", "cc"], 2)
    assert (
        [first[row].tolist() for row in range(3)] == [again[row].tolist() for row in range(3)] == [[0, 1], [0], [2, 2]]
    )
    assert tokenizer.calls == 1
    for texts, other, most in (
        (["abc", "cc", ""], "abc", 2),
        (["abc", "", "cc"], "bac", 2),
        (["abc", "", "cc"], "abc", 3),
    ):
        changed = CountingTokenizer(other)
        cache.encode(changed, texts, most)
        assert changed.calls == 1


@pytest.mark.parametrize("hurt", ["flip", "halve", "empty"])
def test_damaged_cache_is_made_again(tmp_path, hurt):
    """One flipped bit would change a text in silence."""
    cache, tokenizer = TokenCache(tmp_path), CountingTokenizer()
    cache.encode(tokenizer, ["abcabc"], 9)
    made = cache.text("words", "key", lambda: "hello")
    for path in tmp_path.iterdir():
        content = bytearray(path.read_bytes())
        content[-4] ^= 1
        path.write_bytes({"flip": content, "halve": content[: len(content) // 2], "empty": b""}[hurt])
    assert cache.encode(tokenizer, ["abcabc"], 9)[0].tolist() == [0, 1, 2, 0, 1, 2]
    assert tokenizer.calls == 2
    assert cache.text("words", "key", lambda: "made again") == "made again"
    assert made == "hello"


def test_cache_that_cannot_be_written_is_done_without(tmp_path):
    """A file where its folder should be."""
    (tmp_path / "file").write_text("")
    cache, tokenizer = TokenCache(tmp_path / "file"), CountingTokenizer()
    assert cache.encode(tokenizer, ["ab"], 9)[0].tolist() == [0, 1]
    assert cache.text("words", "key", lambda: "hello") == "hello"


def test_cache_is_in_the_users_folder_unless_told(tmp_path, monkeypatch):
    """XDG_CACHE_HOME, a folder, or none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert TokenCache.from_setting(None).folder == tmp_path / "preheat"
    assert TokenCache.from_setting("off").folder is None
    assert TokenCache.from_setting("here").folder.name == "here"
