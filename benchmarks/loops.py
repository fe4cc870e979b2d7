"""One job, trained by several loops: the same model, rows, batch size, optimizer settings and schedule in each.

Every loop calls ``clock.tick()`` after each update; the clock ends it when it has seen enough.
"""

import contextlib
import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from torch.utils.data import DataLoader
from transformers import (
    DataCollatorWithPadding,
    GPT2ForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers import get_linear_schedule_with_warmup as linear_schedule

from preheat.errors import RunError
from preheat.lab.data import NewsData, load_data
from preheat.lab.data.batches import Batches, DataPosition, Examples, Order
from preheat.lab.training import TrainConfig, train
from preheat.lab.training.model import build_model
from preheat.lab.training.parts import Texts, tokenize

BATCH = 32
PADDED_TO = 128


class EnoughError(Exception):
    """The clock has seen what it wanted to."""


class Clock:
    """Processor seconds an update, over the updates after the first few.

    Args:
        updates: how many end the loop; None lets it end by itself.
        skipped: updates at the beginning that do not count.
    """

    def __init__(self, updates: int | None, skipped: int = 6) -> None:
        self.updates, self.skipped, self.seen = updates, skipped, 0
        self.seconds = float("nan")
        self._start = 0.0

    def tick(self) -> None:
        """An update is over."""
        self.seen += 1
        if self.seen == self.skipped:
            self._start = time.process_time()
        if self.seen == self.updates:
            self.seconds = (time.process_time() - self._start) / (self.updates - self.skipped)
            raise EnoughError


@dataclass(frozen=True)
class Job:
    """What is trained: settings of ``preheat train``, rows, tokens."""

    config: TrainConfig
    data: NewsData
    texts: Texts

    @staticmethod
    def of(rows: list[tuple[str, str, str]], folder: Path, **settings: Any) -> "Job":
        """Rows of (text, class, split) and settings; the training rows are cut to whole batches."""
        training = [row for row in rows if row[2] == "train"]
        kept = training[: len(training) // BATCH * BATCH] + [row for row in rows if row[2] != "train"]
        path = folder / "rows.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerows([("text", "label", "split"), *kept])
        config = TrainConfig(data=str(path), split_column="split", **settings).filled()
        data = load_data(config)
        return Job(config, data, tokenize(config, data))

    @property
    def updates(self) -> int:
        """Of one epoch."""
        return len(self.data.train) // BATCH

    def our_model(self) -> Any:
        """The weights a run of this seed begins with, in preheat's model."""
        set_seed(self.config.seed)
        return build_model(self.config, self.data.classes, self.texts.tokenizer).train()

    def model(self) -> Any:
        """The same weights in transformers' own model."""
        ours = self.our_model()
        model = GPT2ForSequenceClassification(ours.config)
        model.load_state_dict(ours.state_dict())
        set_seed(self.config.seed)
        return model.train()

    def rows(self, split: str = "train") -> list[dict[str, Any]]:
        """As transformers' collators want them."""
        pairs = zip(self.texts.tokens[split], self.data.labels(split), strict=True)
        return [{"input_ids": ids.tolist(), "attention_mask": [1] * len(ids), "labels": label} for ids, label in pairs]

    def bucketed(self, epoch: int = 0) -> Iterator[dict[str, torch.Tensor]]:
        """preheat's batches of an epoch."""
        examples = Examples(self.texts.tokens["train"], self.data.labels("train"))
        order = Order(BATCH, seed=self.config.seed)
        return (batch.inputs for batch in Batches(examples, order, self.texts.pad).after(DataPosition(epoch)))

    def schedule(self, optimizer: torch.optim.Optimizer) -> Any:
        """A warm-up of a tenth, then linear to 0."""
        total = self.updates * (self.config.epochs or 1)
        return linear_schedule(optimizer, round(0.1 * total), total)


Loop = Callable[[Job, Clock], Any]  # trains, and returns the model if it came to the end


def article(job: Job, clock: Clock) -> Any:
    """Padding to 128, AdamW as it comes, the loss fetched at every update."""
    model = job.model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=job.config.lr, weight_decay=job.config.weight_decay)
    collate = DataCollatorWithPadding(job.texts.tokenizer, padding="max_length", max_length=PADDED_TO)
    loader = DataLoader(job.rows(), batch_size=BATCH, shuffle=True, collate_fn=collate)  # type: ignore[arg-type]
    scheduler = job.schedule(optimizer)
    losses = []
    for _ in range(job.config.epochs or 1):
        for batch in loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), job.config.clip)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            clock.tick()
    return model


def bare(job: Job, clock: Clock) -> Any:
    """preheat's model and batches, made beforehand, and nothing but what an update needs."""
    model = job.our_model()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=job.config.lr, weight_decay=job.config.weight_decay, fused=True
    )
    scheduler = job.schedule(optimizer)
    parameters = list(model.parameters())
    for batch in list(job.bucketed()):
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, job.config.clip)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        clock.tick()
    return model


def preheat_loop(job: Job, clock: Clock, **changes: Any) -> Any:
    """``preheat train``: records, measurements, checks, events."""

    class Ticks:
        def on_update(self, record: dict[str, Any]) -> None:
            del record
            clock.tick()

    config = job.config.model_copy(update={"precision": "fp32", **changes})
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(RunError):
        train(config, Path(folder) / "run", callbacks=[Ticks()], say=lambda _line: None)
        return _last_model(Path(folder) / "run", config)
    raise EnoughError


def _last_model(run: Path, config: TrainConfig) -> Any:
    from preheat.lab.training.model import load_model

    return load_model(max(run.glob("update-*")), config)


def trainer(job: Job, clock: Clock, **arguments: Any) -> Any:
    """Hugging Face's Trainer with its defaults (dynamic padding, fused AdamW); saving and progress bars off."""

    class Ticks(TrainerCallback):
        def on_step_end(self, *_args: Any, **_kwargs: Any) -> None:
            clock.tick()

    class ListOfRows(torch.utils.data.Dataset[dict[str, Any]]):
        def __init__(self, rows: list[dict[str, Any]]) -> None:
            self.rows = rows

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, index: int) -> dict[str, Any]:
            return dict(self.rows[index])

    model, config = job.model(), job.config
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, num_train_epochs=config.epochs or 1, learning_rate=config.lr,
            weight_decay=config.weight_decay, max_grad_norm=config.clip, warmup_steps=0.1, seed=config.seed,
            save_strategy="no", disable_tqdm=True, use_cpu=True, **arguments,
        )  # fmt: skip
        collate = DataCollatorWithPadding(job.texts.tokenizer)
        rows = ListOfRows(job.rows())
        Trainer(model, settings, data_collator=collate, train_dataset=rows, callbacks=[Ticks()]).train()
    return model


def trainer_by_length(job: Job, clock: Clock) -> Any:
    """The same told to group texts by length."""
    return trainer(job, clock, train_sampling_strategy="group_by_length", optim="adamw_torch_fused")


def lightning_loop(job: Job, clock: Clock) -> Any:
    """Lightning with dynamic padding and fused AdamW; logger, bar and checkpoints off."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = job.model()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            del index
            loss: torch.Tensor = self.model(**batch).loss
            return loss

        def on_train_batch_end(self, *_args: Any) -> None:
            clock.tick()

        def configure_optimizers(self) -> Any:
            config = job.config
            optimizer = torch.optim.AdamW(self.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
            return [optimizer], [{"scheduler": job.schedule(optimizer), "interval": "step"}]

    module = Module()
    collate = DataCollatorWithPadding(job.texts.tokenizer)
    loader = DataLoader(job.rows(), batch_size=BATCH, shuffle=True, collate_fn=collate)  # type: ignore[arg-type]
    lightning.Trainer(
        max_epochs=job.config.epochs, accelerator="cpu", devices=1, gradient_clip_val=job.config.clip, logger=False,
        enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
    ).fit(module, loader)  # fmt: skip
    return module.model
