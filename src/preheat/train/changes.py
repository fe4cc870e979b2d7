"""A resumed run whose settings, rows or processes are others now: refused, unless somebody says which side wins."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any, Literal

from preheat.errors import ConfigError, refusal
from preheat.train.config import SYNTHETIC_SETTINGS, TrainConfig

Wins = Literal["saved", "new"]

# What is shown, measured and saved; never a number of the run.
_FREE = {
    *("out", "cache", "workers", "log_every", "measure_every", "angles", "critical_every"),
    *("save_every", "keep_last", "keep_models", "trackers"),
}
# Where the rows come from: what counts is which rows they are, and that is compared by their fingerprint.
_SOURCE = {"data", "text_column", "label_column", "split_column", "id_column", "bad_rows", *SYNTHETIC_SETTINGS}
# What the weights and tokens of the checkpoint were made with.
_BUILT = {
    *("model", "head", "dropout", "layers", "width", "heads", "norm", "vocabulary", "max_tokens", "classes"),
    "layer_decay",
}
# What decides how many updates there are.
_COUNT = {"epochs", "max_updates", "batch_size", "batch_tokens", "accumulation", "data", "processes"}


@dataclass(slots=True)
class Changes:
    """What is not as it was saved.

    Attributes:
        found: by name, ``"saved X, now Y"``.
    """

    found: dict[str, str] = field(default_factory=dict)

    def settle(self, saved: TrainConfig, now: TrainConfig, given: Set[str], wins: Wins | None) -> TrainConfig:
        """The settings a resumed run goes on with; those that were said and differ are kept in ``found``.

        Args:
            saved: the settings of the checkpoint.
            now: the settings of this start, filled.
            given: the settings that were said this time; all others are the saved ones.
            wins: which side's settings are taken where they differ.

        Raises:
            ConfigError: for those that no resumed run can change.
        """
        free = {key: getattr(now, key) for key in given & (_FREE | _SOURCE)}
        if free.get("data", saved.data) != saved.data:  # made rows come with their own settings, others with none
            free |= {key: getattr(now, key) for key in SYNTHETIC_SETTINGS}
        differing = sorted(key for key in given - _FREE - _SOURCE if getattr(saved, key) != getattr(now, key))
        if wins != "saved":
            self.found = {key: _both(getattr(saved, key), getattr(now, key)) for key in differing}
            self._refuse_built()
        if wins == "new":
            free |= {key: getattr(now, key) for key in differing}
            if "batch_size" in differing:  # the one replaces the other
                free.setdefault("batch_tokens", None)
        return TrainConfig.model_validate({**saved.model_dump(), **free})

    def _refuse_built(self) -> None:
        built = [f"{key}: {words}" for key, words in self.found.items() if key in _BUILT]
        if built:
            advice = "The checkpoint's weights were made with them: leave them out, or start a new run."
            raise ConfigError(refusal("settings of the model", "the saved ones", "; ".join(built), advice))

    def add_outside(self, name: str, saved: Any, now: Any, wins: Wins | None) -> None:
        """Compare something that is no setting, and that nobody can put back: rows, processes, a function."""
        if saved == now:
            return
        words = _both(saved, now)
        if wins == "saved":
            advice = f"Give the run its own {name} again, or say --wins new."
            raise ConfigError(refusal(name, "the saved one, which is to win", words, advice))
        self.found[name] = words

    def refuse_undecided(self, wins: Wins | None) -> None:
        """Raise if anything differs and nobody has said which side wins."""
        if self.found and wins is None:
            lines = "".join(f"\n  {key}: {words}" for key, words in self.found.items())
            raise ConfigError(
                f"a resumed run must go on with what it was saved with; got{lines}\n"
                "Say which side wins: --wins saved goes on as before,"
                " --wins new changes the run from its next update on."
            )

    @property
    def touch_the_count(self) -> bool:
        """Whether the number of updates has to be worked out again."""
        return bool(self.found.keys() & _COUNT)


def _both(saved: Any, now: Any) -> str:
    saved, now = (_short(value) for value in (saved, now))
    return f"saved {saved}, now {now}"


def _short(value: Any) -> str:
    """A value as people read it: of a fingerprint, the beginning tells."""
    text = repr(value)
    return f"{value[:12]}..." if isinstance(value, str) and len(text) > 40 else text
