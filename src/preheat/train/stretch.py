"""A stretch of a run: from its start, or from where another run was saved, to an update before its end or at it.

Runs that agree up to an update can share that much: a stretch that begins with another run's checkpoint makes the same
bits as the run would have made alone, if both used the same learning rates until then and agree on everything else.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import RunError, refusal
from preheat.train.config import TrainConfig
from preheat.train.data.order import Place
from preheat.train.parts import Beginning
from preheat.train.saving.checkpoints import Checkpoints
from preheat.train.saving.folder import RunFolder
from preheat.train.saving.records import read_json
from preheat.train.session import Say, _Start, say_to_stderr
from preheat.train.stopping import StopRequest

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Stretch:
    """What came of a stretch.

    Attributes:
        start: completed updates at its beginning.
        until: completed updates at its end.
        scores: on the validation split, at its end.
        weights: SHA-256 of the weights at its end (:func:`weights_digest`).
        checkpoint: the state at its end; None if it was not kept.
    """

    start: int
    until: int
    scores: dict[str, Any]
    weights: str
    checkpoint: Path | None


def train_stretch(
    config: TrainConfig,
    out: str | os.PathLike[str],
    *,
    until: int,
    start: Path | None = None,
    save: bool = False,
    say: Say = say_to_stderr,
) -> Stretch:
    """Train a run from ``start`` to ``until`` completed updates.

    Args:
        config: the settings of the whole run, whose schedule is shaped for its whole length.
        out: a new or empty folder; of the run's files it gets those that belong to the stretch.
        until: completed updates to stop at, above those of ``start`` and at most the run's.
        start: the checkpoint of another run to begin with; None begins the run.
        save: whether the state at the end is kept.
        say: receives every line for people.

    Raises:
        ConfigError: if rows, classes or processes are not those of ``start``.
        BadNumbersError: for a loss, gradients or weights that are no finite numbers.
        RunError: for a damaged ``start``, and an ``until`` out of its bounds.
    """
    folder = RunFolder(out)
    with folder.lock():
        folder.refuse_if_used(force=False)
        asked = _Start(config, folder, None, 0, None, (), say, StopRequest())
        if start is not None:
            asked.beginning = fork(start)
        run = asked.assemble()
        begun = run.position
        if not begun < until <= run.total:
            advice = "It is the number of updates completed at the end."
            raise RunError(refusal("until", f"above {begun} and at most {run.total}", until, advice))
        with run.notes:
            run.notes.begin(run.parts.header(), run.position)
            scores = run.stretch(until, save=save)
        kept = folder.path / f"update-{until:06d}" if save else None
        return Stretch(begun, run.position, scores, weights_digest(run.engine.bare), kept)


def fork(checkpoint: Path) -> Beginning:
    """The state of another run as the beginning of this one.

    Raises:
        RunError: if it is damaged, or only its model was kept.
    """
    path = Checkpoints(checkpoint.parent).named(checkpoint.name, resumable=True)
    state = read_json(path / "run.json")
    return Beginning(path, Place.from_dict(state["place"]), state["position"], state, forked=True)


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256 over names, types, shapes and bits of everything in a model's state."""
    import torch

    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
