"""How long a study will take, before it begins: a few updates of its first stage, timed on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from preheat.errors import RunError, refusal
from preheat.study.executors import LocalProcesses
from preheat.study.runs import digest_of
from preheat.study.stage import Task
from preheat.study.tree import StageTree
from preheat.train.saving.records import RECORDS, read_json, read_lines

_UPDATES = 12  # the first, which sets things up, is not counted


def time_updates(tree: StageTree) -> tuple[float, float]:
    """Seconds of an update, and of all that a stage does besides: reading rows, building the model, evaluating.

    Trained in a process of its own, as a stage is, and in a temporary folder: nothing of it stays.

    Raises:
        RunError: if these updates cannot be trained.
    """
    first = next(iter(tree.stages.values()))
    until = min(_UPDATES, first.until)
    spec = {**first.spec, "until": until}
    with tempfile.TemporaryDirectory(prefix="preheat-") as place:
        stage = Path(place) / "stages" / "timed"
        executor = LocalProcesses(1)
        try:
            config = first.lead.config.model_dump()
            executor.submit(Task(digest_of(spec), spec, config, until, None, keep=False, folder=str(stage)))
            (done,) = executor.ready()
        finally:
            executor.close()
        if done.error is not None:
            advice = "Leave --measure out for the rest of the plan."
            raise RunError(refusal("updates", "trained to be timed", done.error, advice))
        each = [line["seconds"] for line in read_lines(stage / RECORDS)]
        whole = read_json(stage / "result.json")["seconds"]
    if not each:  # its numbers went bad at once
        return 0.0, whole
    return median(each[1:] or each), max(whole - sum(each), 0.0)
