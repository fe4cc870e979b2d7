"""The job as Lightning's ``Trainer`` does it."""

import csv
import re
from pathlib import Path
from typing import Any, ClassVar

import lightning
import torch
from job import CLIP, WARMUP, Files, Job, Material, Resume, Setup, Texts, make_model
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding, get_linear_schedule_with_warmup
from witness import Witness


class Lightning(Job):
    """``ckpt_path="last"``, for which ``save_last=True`` keeps a file."""

    title = "Lightning"
    can_insist = False
    guards: ClassVar[dict[str, str]] = {"signal": "save_on_exception=True", "nan": "detect_anomaly=True"}

    def warm_up(self) -> None:
        """Everything is loaded with this module."""

    def run(self, setup: Setup, material: Material, folder: Path, witness: Witness, resume: Resume) -> None:
        """With a log line an update, and every checkpoint kept."""
        lightning.seed_everything(setup.seed, workers=True, verbose=False)
        loader = DataLoader(
            Texts(setup, material),
            batch_size=setup.batch_size,
            shuffle=True,
            num_workers=setup.workers,
            collate_fn=DataCollatorWithPadding(material.tokenizer),
        )
        keeper = ModelCheckpoint(
            dirpath=folder,
            every_n_train_steps=setup.save_every,
            save_top_k=-1,
            save_last=True,
            save_on_exception=setup.guard == "signal",
        )
        trainer = lightning.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=setup.epochs,
            accumulate_grad_batches=setup.accumulation,
            gradient_clip_val=CLIP,
            callbacks=[keeper],
            logger=CSVLogger(folder.with_name(f"{folder.name}-log"), name=None, version=0, flush_logs_every_n_steps=1),
            log_every_n_steps=1,
            deterministic=True,
            detect_anomaly=setup.guard == "nan",
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        path = resume if isinstance(resume, Path) else "last" if resume else None
        trainer.fit(_Module(setup, material, witness), loader, ckpt_path=path)

    def checkpoints(self, folder: Path) -> list[Path]:
        """By the number in their names, without the copies called last."""
        found = [path for path in folder.glob("*.ckpt") if not path.name.startswith("last")]
        return sorted(found, key=lambda path: int(re.findall(r"step=(\d+)", path.name)[0]))

    def newest(self, folder: Path) -> Files:
        """One file has all."""
        return Files(folder / "last.ckpt", None)

    def weights(self, checkpoint: Path) -> dict[str, Any]:
        """From the pickled checkpoint, which this benchmark has written itself."""
        weights: dict[str, Any] = torch.load(checkpoint, weights_only=False)["state_dict"]
        return {name.removeprefix("model."): value for name, value in weights.items()}

    def logged(self, folder: Path, update: int) -> str | None:
        """From the CSV file, which counts steps from 0."""
        with (folder.with_name(f"{folder.name}-log") / "version_0" / "metrics.csv").open() as file:
            return next((line["loss"] for line in csv.DictReader(file) if int(line["step"]) == update), None)


class _Module(lightning.LightningModule):
    """The classifier, its optimizer and its schedule."""

    def __init__(self, setup: Setup, material: Material, witness: Witness) -> None:
        super().__init__()
        self.setup_of_run, self.witness = setup, witness
        self.model = make_model(setup, material)

    def on_train_start(self) -> None:
        """After a checkpoint is loaded."""
        self.witness.begin(self.trainer.global_step)

    def training_step(self, batch: Any, _index: int) -> torch.Tensor:
        """The loss, logged."""
        loss: torch.Tensor = self.model(**batch).loss
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW with a linear schedule, stepped after every update."""
        setup = self.setup_of_run
        optimizer = torch.optim.AdamW(self.parameters(), lr=setup.lr, weight_decay=0.01)
        schedule = get_linear_schedule_with_warmup(optimizer, WARMUP, setup.updates)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
