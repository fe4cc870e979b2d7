"""Texts as token ids, made once: kept in one array, and in a file named by all that went into them.

The cache is never asked whether it is up to date: tokenizer, length and texts are in the name of a file, and the file
holds the sum of its own content. What is not as it was written is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from preheat.files import replacing

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Goes into every key: raised when files of earlier releases are not to be found any more.
_FORMAT = "preheat-tokens-1"


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The token ids of many texts.

    Attributes:
        ids: all of them, one text after the other, int32.
        ends: where each text ends in ``ids``, int64.

    >>> tokens = Tokens.of([[5, 6], [7]])
    >>> len(tokens), tokens[1].tolist(), tokens.lengths.tolist()
    (2, [7], [2, 1])
    """

    ids: NDArray[np.int32]
    ends: NDArray[np.int64]

    @staticmethod
    def of(texts: Sequence[Sequence[int]]) -> Tokens:
        """From a list for each text."""
        # One array of 4 bytes a token: lists of lists take ten times as much, and are copied into every worker.
        ids = np.fromiter((token for text in texts for token in text), np.int32)
        return Tokens(ids, np.cumsum([len(text) for text in texts], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, text: int) -> NDArray[np.int32]:
        return self.ids[self.ends[text - 1] if text else 0 : self.ends[text]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every text."""
        return np.diff(self.ends, prepend=0)


class TokenCache:
    """A folder of token files; what is not in it, or not as it was written, is made again.

    Args:
        folder: the folder; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @staticmethod
    def from_setting(setting: str | None) -> TokenCache:
        """``"off"``, a folder, or None for the user's cache folder."""
        if setting == "off":
            return TokenCache(None)
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return TokenCache(Path(setting) if setting is not None else Path(base) / "preheat")

    def encode(self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_tokens: int) -> Tokens:
        """Token ids of each text, cut to ``max_tokens``; a text with no token becomes one end token."""

        def make() -> Tokens:
            ids = tokenizer(list(texts), truncation=True, max_length=max_tokens)["input_ids"]
            end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.pad_token_id
            return Tokens.of([tokens or [end] for tokens in ids])

        # Only the fast ones can be written down whole, and so be told apart.
        if not tokenizer.is_fast:
            return make()
        key = content_key(tokenizer.backend_tokenizer.to_str(), str(tokenizer.eos_token_id), max_tokens, *texts)
        return self._kept(key, make)

    def _kept(self, key: str, make: Callable[[], Tokens]) -> Tokens:
        if self.folder is None:
            return make()
        path = self.folder / f"{key}.tokens.safetensors"
        cached = _read(path, key)
        if cached is None:
            cached = make()
            _write(path, key, cached)
        return cached

    def text(self, kind: str, key: str, make: Callable[[], str]) -> str:
        """A text of some kind (a tokenizer's file), made once for each key."""
        if self.folder is None:
            return make()
        path = self.folder / f"{key}.{kind}"
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            if saved["sha256"] == content_key(saved["text"]):
                return str(saved["text"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        text = make()
        _keep(path, lambda beside: beside.write_text(json.dumps({"sha256": content_key(text), "text": text})))
        return text


def content_key(*parts: object) -> str:
    """SHA-256 of the parts, each told apart from its neighbors."""
    digest = hashlib.sha256(_FORMAT.encode())
    for part in parts:
        # Texts may hold lone surrogates, which UTF-8 has no bytes for.
        content = str(part).encode("utf-8", "surrogatepass")
        # Lengths in between: ("ab", "c") and ("a", "bc") are other contents.
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def _read(path: Path, key: str) -> Tokens | None:
    """What a file holds; None if there is none, or it is not what was written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            said = file.metadata() or {}
            tokens = Tokens(file.get_tensor("ids"), file.get_tensor("ends"))
    except (OSError, SafetensorError, ValueError):
        return None
    return tokens if said.get("key") == key and said.get("sha256") == _checksum(tokens) else None


def _write(path: Path, key: str, tokens: Tokens) -> None:
    from safetensors.numpy import save_file

    said = {"key": key, "sha256": _checksum(tokens)}
    _keep(path, lambda beside: save_file({"ids": tokens.ids, "ends": tokens.ends}, beside, said))


def _keep(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file if that is possible: a cache that cannot be written is done without."""
    from safetensors import SafetensorError

    # A full disk or a read-only home costs time, not the run.
    with suppress(OSError, SafetensorError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            write(beside)


def _checksum(tokens: Tokens) -> str:
    return hashlib.sha256(tokens.ids.tobytes() + tokens.ends.tobytes()).hexdigest()
