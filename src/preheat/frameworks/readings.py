"""What a scheduler tells: the learning rates that were used, the ones that come, and what trainers read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal
from preheat.frameworks.record import Chapter, Record
from preheat.frameworks.spec import Spec
from preheat.frameworks.targets import Target
from preheat.schedule import Schedule

if TYPE_CHECKING:
    import torch

COMPOSE = "The optimizer's updates move the clock: compose schedules, or load a state, to start elsewhere."


class Readings:
    """The reading half of :class:`~preheat.frameworks.torch.Scheduler`; abstract without it."""

    _spec: Spec
    _targets: list[Target]
    _rates: list[Target]
    _columns: list[int]
    _plain: bool
    _factor: float
    _factors: list[float]
    _position: int
    _previewed: int
    _chapter: Chapter
    _record: Record

    def _shown_rates(self) -> list[float]:
        return [float(target.read()) for target in self._rates]

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The learning rate shown in each group, as plain floats: the one the next update uses once ``step()`` ran."""
        factors = [self._factor if self._plain else self._factors[column] for column in self._columns]
        return [t.base * factor for t, factor in zip(self._targets, factors, strict=True) if t.key == "lr"]

    def get_lr(self) -> list[Any]:
        """The learning rate of the coming update for each group, as plain floats."""
        position = self._position + self._previewed
        return [target.base * target.effective()(position) for target in self._rates]

    @property
    def schedule(self) -> Schedule:
        """The schedule of the groups without one of their own."""
        return self._spec.shared

    @property
    def base_lrs(self) -> list[float]:
        """Each group's base learning rate."""
        return [target.base for target in self._rates]

    @property
    def position(self) -> int:
        """Completed updates."""
        return self._position

    @property
    def history(self) -> list[float]:
        """The learning rate used by every update since this object was made or loaded, in the first group."""
        return self.group_history(self._rates[0].name)

    @property
    def used_lr(self) -> float | None:
        """The learning rate the latest update used, in the first group; None before the first."""
        column = self._chapter.columns[self._columns[0]] if self._columns else None
        if column:
            return self._rates[0].base * column[-1]
        history = self.history
        return history[-1] if history else None

    @property
    def next_lr(self) -> float:
        """The learning rate the coming update will use, in the first group."""
        return float(self.get_lr()[0])

    def group_history(self, group: str | int, key: str = "lr") -> list[float]:
        """As :attr:`history`, for any group (by name or index) and any driven number, ``"weight_decay"`` say."""
        return self._record.used(str(group), key)

    @property
    def last_epoch(self) -> int:
        """torch's name for the position (while previewing: for the value shown)."""
        return self._position + self._previewed

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        raise ScheduleError(refusal("last_epoch", "left to the optimizer's updates", value, COMPOSE))
