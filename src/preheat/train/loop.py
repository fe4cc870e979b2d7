"""The training run, from configuration to result, in the order things happen."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, RunError, missing_extra, refusal
from preheat.plan import Plan
from preheat.train.checkpoints import RunFolder, refuse_other_config
from preheat.train.config import BBC, TrainConfig
from preheat.train.data import SPLITS, NewsData, load_data
from preheat.train.records import Records, write_json
from preheat.train.rows import BBC_NOTICE

if TYPE_CHECKING:
    import torch

    from preheat.schedule import Schedule

Say = Callable[[str], None]


def say_to_stderr(line: str) -> None:
    """Print a line above the progress bars."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def train(
    config: TrainConfig,
    out: str | os.PathLike[str] | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    given: set[str] | None = None,
    say: Say = say_to_stderr,
) -> dict[str, Any]:
    """Train a classifier and leave everything about it in a run folder.

    Args:
        config: the run's settings.
        out: the run folder, new or empty; None takes ``config.out``, or a new one under ``runs``.
        force: replace an earlier run in the folder.
        resume: go on from the last checkpoint in ``out`` with the settings saved there.
        given: at resume, the settings that were said again and so must equal the saved ones.
        say: receives every line for people.

    Returns:
        The result, as written to ``result.json``: run folder, updates, best checkpoint, scores on validation and test.

    Raises:
        ConfigError, DataError, RunError: before anything is written, for whatever would stop the run later.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # set by torchrun and accelerate launch
        advice = "Start it as one process: several would write one folder."
        raise RunError(refusal("WORLD_SIZE", "1", os.environ["WORLD_SIZE"], advice))
    folder = RunFolder(out or run_path(config))
    if resume:
        saved = folder.config()
        refuse_other_config(saved, config.filled(), given or set())
        config = saved
    else:
        folder.refuse_if_used(force=force)
        config = config.filled()
    started = time.monotonic()
    if config.data == BBC:
        say(BBC_NOTICE)
    data = load_data(config)
    plan = Plan(len(data.train), config.batch_size, config.epochs or 1, config.accumulation)
    planned = plan.updates
    assert planned is not None  # epochs are given, so the end is known
    total = min(planned, config.max_updates or planned)
    schedule = config.build_schedule(plan if total == planned else replace(plan, epochs=None, max_steps=total))
    say(data.summary())
    say(plan.explain() + (f"\nstopped by max_updates: {total}" if total < planned else ""))
    say(schedule.describe(config.lr or 1.0))
    header = {
        "config": config.model_dump(exclude={"out"}),
        "classes": list(data.classes),
        "data": data.fingerprint,
        "updates": total,
    }
    if resume:
        _refuse_other_data(folder.header(), data)
    run = _Run(config, folder, data, schedule, total, say)
    if resume:
        run.load()
    else:
        folder.start({**header, "schedule": schedule.to_dict()})
    run.fit()
    return run.finish(time.monotonic() - started)


def _refuse_other_data(header: dict[str, Any], data: NewsData) -> None:
    if header["data"] != data.fingerprint:
        advice = "Restore the rows the run was started with, or start a new run."
        raise ConfigError(refusal("data", "the rows of the saved run", data.summary(), advice))


class _Run:
    """The moving parts of one run: model, optimizer, scheduler, loaders."""

    def __init__(
        self, config: TrainConfig, folder: RunFolder, data: NewsData, schedule: Schedule, total: int, say: Say
    ) -> None:
        try:
            import torch
            from accelerate.utils import set_seed

            from preheat.train.model import build_model, build_tokenizer
        except ImportError as error:
            raise missing_extra(error.name or "torch", "train") from error
        self.config, self.folder, self.total, self.say = config, folder, total, say
        self.epoch = 0
        self.best: dict[str, float] | None = None
        if config.threads and not torch.cuda.is_available():
            torch.set_num_threads(config.threads)
        set_seed(config.seed)
        self.tokenizer = build_tokenizer(config, [row.text for row in data.train])
        model = build_model(config, data.classes, self.tokenizer)
        model.config.use_cache = False  # a cache for generation, built in vain at every step otherwise
        self._prepare(model, self._load_tokens(data), schedule)

    def _load_tokens(self, data: NewsData) -> Any:
        """The training loader; those for evaluation stay on this object."""
        from preheat.train.batches import Tokenised, plain_loader, train_loader
        from preheat.train.model import encode

        config, pad = self.config, int(self.tokenizer.pad_token_id or 0)
        tokenised = {}
        for name in SPLITS:
            tokens = encode(self.tokenizer, [row.text for row in data.split(name)], config.max_tokens)
            tokenised[name] = Tokenised(tokens, data.labels(name))
        self.validation = plain_loader(tokenised["validation"], config.batch_size, pad)
        self.test = plain_loader(tokenised["test"], config.batch_size, pad)
        loader, self.buckets = train_loader(tokenised["train"], config.batch_size, config.seed, pad)
        return loader

    def _prepare(self, model: Any, loader: Any, schedule: Schedule) -> None:
        """Optimizer and scheduler, and Accelerate around them."""
        import torch
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState, GradientState

        from preheat.frameworks.torch import Scheduler

        config = self.config
        # Accelerate keeps its settings for the whole process; another run may have left its own.
        AcceleratorState._reset_state()
        GradientState._reset_state()
        precision = choose_precision(config.precision)
        self.accelerator = Accelerator(
            mixed_precision="no" if precision == "fp32" else precision,
            gradient_accumulation_steps=config.accumulation,
        )
        device = self.accelerator.device
        fused = device.type in ("cpu", "cuda")
        inner = torch.optim.AdamW(
            model.parameters(), lr=config.lr or 0.0, weight_decay=config.weight_decay, fused=fused
        )
        self.scheduler = Scheduler(inner, schedule)
        self.model, self.optimizer, self.loader = self.accelerator.prepare(model, inner, loader)
        many = sum(parameter.numel() for parameter in model.parameters())
        self.say(f"model: {config.model}, {config.head} head, {many:,} parameters, {precision} on {device}")

    @property
    def bare(self) -> Any:
        """The model without what Accelerate put around it."""
        return self.accelerator.unwrap_model(self.model)

    def fit(self) -> None:
        """Train to the last update: forward, backward, clip, update, record; evaluate and save after each epoch."""
        from tqdm import tqdm

        epochs = self.config.epochs or 1
        recent: deque[float] = deque(maxlen=self.config.log_every)
        with Records(self.folder.path / "records.jsonl") as records:
            # disable=None: no bars where standard error is not a terminal, so that log files stay readable
            bar = tqdm(total=epochs, initial=self.epoch, desc="epochs", unit="epoch", disable=None)
            while self.epoch < epochs and self.scheduler.position < self.total:
                self.buckets.epoch = self.epoch
                self._one_epoch(records, recent)
                self._after_epoch(last=self.epoch + 1 == epochs or self.scheduler.position == self.total)
                self.epoch += 1
                bar.update()
            bar.close()

    def _one_epoch(self, records: Records, recent: deque[float]) -> None:
        from tqdm import tqdm

        losses: list[torch.Tensor] = []
        self.model.train()
        for batch in tqdm(self.loader, desc=f"epoch {self.epoch + 1}", unit="batch", leave=False, disable=None):
            with self.accelerator.accumulate(self.model):
                loss = self.model(**batch).loss
                self.accelerator.backward(loss)
                losses.append(loss.detach())
                norm = None
                if self.accelerator.sync_gradients and self.config.clip:
                    norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
                before = self.scheduler.position
                self.optimizer.step()
                self.scheduler.step()
                self.optimizer.zero_grad()
            if self.accelerator.sync_gradients:
                if self.scheduler.position > before:  # AMP may have skipped the update
                    self._record(records, recent, losses, norm)
                losses.clear()
                if self.scheduler.position == self.total:
                    return

    def _record(self, records: Records, recent: deque[float], losses: list[torch.Tensor], norm: Any) -> None:
        """Write down the update that was just made."""
        position = self.scheduler.position
        mean = sum(loss.item() for loss in losses) / len(losses)
        recent.append(mean)
        records.add(
            {
                "update": position - 1,
                "epoch": self.epoch,
                "lr": self.scheduler.used_lr,
                "loss": mean,
                "grad_norm": None if norm is None else float(norm),
            }
        )
        if position % self.config.log_every == 0:
            average = sum(recent) / len(recent)
            self.say(f"update {position}: average loss of the last {len(recent)}: {average:.4f}")

    def _after_epoch(self, *, last: bool) -> None:
        from preheat.train.evaluation import evaluate

        scores = evaluate(self.model, self.validation, self.accelerator.device)
        with Records(self.folder.path / "evaluations.jsonl") as evaluations:
            position = self.scheduler.position
            evaluations.add({"epoch": self.epoch, "update": position, "split": "validation", **scores.to_dict()})
        best = self.best is None or scores.accuracy > self.best["accuracy"]
        self.say(f"epoch {self.epoch + 1}/{self.config.epochs}: validation {scores}{' (best)' if best else ''}")
        if best:
            self.best = {"epoch": self.epoch, **scores.to_dict()}
        if best or last or (self.epoch + 1) % self.config.save_every == 0:
            self._save(best=best)

    def _save(self, *, best: bool) -> None:
        import torch

        from preheat.train.model import save

        state = {
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler is not None else {},
        }
        run = {
            "epoch": self.epoch,
            "position": self.scheduler.position,
            "best": self.best,
            "scheduler": self.scheduler.state_dict(),
        }
        self.folder.save(self.epoch + 1, run, lambda part: save(self.bare, self.tokenizer, part), state, best=best)

    def load(self) -> None:
        """Go on from the last checkpoint as if the run had never stopped."""
        import torch
        from safetensors.torch import load_model

        checkpoint, run, state = self.folder.load_last()
        load_model(self.bare, str(checkpoint / "model.safetensors"), device=str(self.accelerator.device))
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(run["scheduler"])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        if state["cuda_random"]:
            torch.cuda.set_rng_state_all(state["cuda_random"])
        self.epoch, self.best = run["epoch"] + 1, run["best"]
        self.say(f"resumed from {checkpoint.name}, update {self.scheduler.position} of {self.total}")

    def finish(self, seconds: float) -> dict[str, Any]:
        """Score the best checkpoint on the test split, draw the pictures and write the result."""
        from preheat.train.evaluation import evaluate
        from preheat.train.model import load_saved
        from preheat.train.pictures import draw_run

        best = self.folder.marked("best")
        model, _ = load_saved(best, self.config.head)
        scores = evaluate(model.to(self.accelerator.device), self.test, self.accelerator.device)
        result = {
            "run": str(self.folder.path),
            "updates": self.scheduler.position,
            "best": best.name,
            "validation": self.best,
            "test": scores.to_dict(),
            "seconds": round(seconds, 1),
        }
        draw_run(self.folder.path)
        write_json(self.folder.path / "result.json", result)
        self.say(f"test (best checkpoint, {best.name}): {scores}")
        return result


def choose_precision(wanted: str) -> str:
    """fp32, bf16 or fp16 for this machine.

    ``auto`` takes what the accelerator computes fast: bf16 or fp16 on CUDA; on a processor bf16 only with matrix
    units for it (AMX), because elsewhere it is emulated or slower than fp32.
    """
    import torch

    cuda = torch.cuda.is_available()
    if wanted == "fp16" and not cuda:
        raise ConfigError(refusal("precision", "fp32, bf16 or auto without a GPU", wanted, "fp16 needs CUDA."))
    if wanted != "auto":
        return wanted
    if cuda:
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # newer than torch 2.6
    return "bf16" if capabilities.get("amx_bf16") else "fp32"


def run_path(config: TrainConfig) -> Path:
    """``config.out``, or ``runs/<data>-<date>-<time>`` in the working folder."""
    return Path(config.out or f"runs/{Path(config.data).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
