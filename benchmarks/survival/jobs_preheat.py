"""The job as ``preheat.lab.training.train`` does it."""

import sys
from pathlib import Path
from typing import Any, ClassVar

from job import WARMUP, Files, Job, Material, Resume, Setup, jitter
from safetensors.torch import load_file
from witness import Witness

from preheat.errors import RunStoppedError
from preheat.lab.training import Callback, read_config, train
from preheat.lab.training.checkpoints import Checkpoints
from preheat.lab.training.records import read_lines
from preheat.lab.training.run_logger import STOPPED_EXIT


class Preheat(Job):
    """Settings said again at every resume, as the command line does."""

    title = "preheat"
    can_insist = True
    guards: ClassVar[dict[str, str]] = {"signal": "", "nan": ""}

    def warm_up(self) -> None:
        """Matplotlib, which draws the curves at the end of a run."""
        import matplotlib.pyplot

        matplotlib.pyplot.switch_backend("agg")

    def run(self, setup: Setup, material: Material, folder: Path, witness: Witness, resume: Resume) -> None:
        """Exits as ``preheat train`` does where a signal stopped the run."""
        shape = {key: getattr(material.config, key) for key in material.config.model_fields_set}
        flags = {
            "lr": setup.lr,
            "batch_size": setup.batch_size,
            "accumulation": setup.accumulation,
            "workers": setup.workers,
            "seed": setup.seed,
            "epochs": setup.epochs,
            "save_every": setup.save_every,
        }
        config = read_config(flags={**shape, "warmup": WARMUP, **flags})
        try:
            train(
                config,
                folder,
                resume=bool(resume),
                checkpoint=resume.name if isinstance(resume, Path) else None,
                given=set(config.model_fields_set) if resume else None,
                wins="new" if setup.insist else None,
                transform=jitter if setup.draws else None,
                callbacks=[_Begin(witness)],
                say=witness_say(witness),
            )
        except RunStoppedError as stopped:
            print(stopped, file=sys.stderr)
            sys.exit(STOPPED_EXIT)

    def checkpoints(self, folder: Path) -> list[Path]:
        """Whole or damaged."""
        return Checkpoints(folder).all()

    def newest(self, folder: Path) -> Files:
        """Weights and optimizer."""
        path = self.checkpoints(folder)[-1]
        return Files(path / "model.safetensors", path / "optimizer.safetensors")

    def weights(self, checkpoint: Path) -> dict[str, Any]:
        """From safetensors."""
        return load_file(checkpoint / "model.safetensors")

    def logged(self, folder: Path, update: int) -> str | None:
        """From ``records.jsonl``."""
        return next(
            (str(line["loss"]) for line in read_lines(folder / "records.jsonl") if line["update"] == update), None
        )


class _Begin(Callback):
    """Tells the witness where the run begins."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness

    def on_start(self, header: dict[str, Any]) -> None:
        """Before the first update."""
        self.witness.begin(header["position"])


def witness_say(witness: Witness) -> Any:
    """What a run says, of which the checkpoints it leaves out count as warnings."""

    def say(line: str) -> None:
        print(line, file=sys.stderr)
        if line.startswith("skipped "):
            witness.hear(line)

    return say
