"""The job as Hugging Face's ``Trainer`` does it."""

import json
from pathlib import Path
from typing import Any, ClassVar

from job import CLIP, WARMUP, Files, Job, Material, Resume, Setup, Texts, make_model
from safetensors.torch import load_file
from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments
from witness import Witness


class Transformers(Job):
    """``resume_from_checkpoint=True``: the newest checkpoint of the output folder."""

    title = "transformers Trainer"
    can_insist = False
    guards: ClassVar[dict[str, str]] = {"signal": "enable_jit_checkpoint=True", "nan": "logging_nan_inf_filter=False"}

    def warm_up(self) -> None:
        """Everything is loaded with this module."""

    def run(self, setup: Setup, material: Material, folder: Path, witness: Witness, resume: Resume) -> None:
        """With a log line an update, and nothing sent to trackers."""
        arguments = TrainingArguments(
            output_dir=str(folder),
            learning_rate=setup.lr,
            lr_scheduler_type="linear",
            warmup_steps=WARMUP,
            weight_decay=0.01,
            max_grad_norm=CLIP,
            per_device_train_batch_size=setup.batch_size,
            gradient_accumulation_steps=setup.accumulation,
            dataloader_num_workers=setup.workers,
            num_train_epochs=setup.epochs,
            save_strategy="steps",
            save_steps=setup.save_every,
            logging_steps=1,
            seed=setup.seed,
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
            enable_jit_checkpoint=setup.guard == "signal",
            logging_nan_inf_filter=setup.guard != "nan",
        )
        trainer = Trainer(
            model=make_model(setup, material),
            args=arguments,
            train_dataset=Texts(setup, material),
            data_collator=DataCollatorWithPadding(material.tokenizer),
            processing_class=material.tokenizer,
            callbacks=[_Begin(witness)],
        )
        trainer.train(resume_from_checkpoint=str(resume) if isinstance(resume, Path) else resume or None)

    def checkpoints(self, folder: Path) -> list[Path]:
        """By the number in their names."""
        return sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))

    def newest(self, folder: Path) -> Files:
        """Weights and optimizer."""
        path = self.checkpoints(folder)[-1]
        return Files(path / "model.safetensors", path / "optimizer.pt")

    def weights(self, checkpoint: Path) -> dict[str, Any]:
        """From safetensors."""
        return load_file(checkpoint / "model.safetensors")

    def logged(self, folder: Path, update: int) -> str | None:
        """From the log in the last checkpoint; it counts updates from 1."""
        state = json.loads((self.checkpoints(folder)[-1] / "trainer_state.json").read_text())
        return next((str(line["loss"]) for line in state["log_history"] if line["step"] == update + 1), None)


class _Begin(TrainerCallback):
    """Tells the witness where the run begins."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness

    def on_train_begin(self, args: Any, state: Any, control: Any, **_named: Any) -> None:  # noqa: ARG002
        """After a checkpoint is loaded."""
        self.witness.begin(state.global_step)
