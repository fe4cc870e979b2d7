"""A run from its parts: put together, then update after update, checkpoint after checkpoint, to the result.

Measured at some updates is what an update did to the weights: how far they moved over how large they are; by which
angle every weight matrix turned, arccos of <w, w'> / (|w| |w'|) (Kosson et al. 2024, arXiv:2410.23922); and at which
learning rate the update would have raised the loss of its own batches (:mod:`preheat.lab.finding.critical`).
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import set_seed
from safetensors.torch import save_file
from tqdm import tqdm

from preheat.errors import BadNumbersError, RunError, RunStoppedError, refusal, sentences
from preheat.lab.data.batches import Batch, Batches, DataPosition, chained
from preheat.lab.finding import critical_lr_of_update
from preheat.lab.training.checkpoints import random_states, set_random_states, updates_of
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.engine import Engine, Outcome
from preheat.lab.training.evaluation import Outputs, run_over
from preheat.lab.training.model import build_model, load_model, save
from preheat.lab.training.parts import Parts
from preheat.lab.training.processes import from_main, gather_objects, sum_over, use_threads, without_denormals
from preheat.lab.training.records import read_json, read_run, write_json
from preheat.lab.training.report import loss_figure, rate_figure, write_run_report
from preheat.lab.training.run_logger import RunLogger, StopRequest
from preheat.messages import _, joined
from preheat.messages.languages import tell
from preheat.view import to_image

if TYPE_CHECKING:
    from accelerate import Accelerator

    from preheat.lab.data.batches import Transform

# --- What an update did to the weights -------------------------------------------------------------------------------


class Measuring:
    """Holds the weights from before an update and compares them with those after it.

    Args:
        engine: whose trainable weights are looked at.
        config: its ``measure_every``, ``angles`` and ``critical_every``.
    """

    def __init__(self, engine: Engine, config: TrainConfig) -> None:
        self.engine, self.config = engine, config
        self.named = [(name, weight) for name, weight in engine.bare.named_parameters() if weight.requires_grad]
        self._before: list[torch.Tensor] | None = None

    @torch.no_grad()
    def before(self, update: int) -> None:
        """Keep a copy of the weights, if this update is one to measure."""
        # A copy of every weight: only where something is due.
        due = _due(update, self.config.measure_every) or _due(update, self.config.critical_every)
        self._before = [weight.detach().clone() for _unused, weight in self.named] if due else None

    def after(self, update: int, batches: Sequence[Batch], lr: float) -> dict[str, Any]:
        """What is due after this update, which was made of these batches at this learning rate; or nothing.

        ``update_ratio``, the norm of the change over that of the weights, ``angles`` in radians, and ``critical_lr``,
        in terms of ``lr``: None where the update has none.
        """
        before, self._before = self._before, None
        measured: dict[str, Any] = {}
        if before is None:
            return measured
        if _due(update, self.config.measure_every):
            measured |= self._moves(before)
        if _due(update, self.config.critical_every):
            along = critical_lr_of_update(self.engine.bare, before, [batches], self._loss, lr=lr)
            measured["critical_lr"] = along.lr
        return measured

    @torch.no_grad()
    def _moves(self, before: list[torch.Tensor]) -> dict[str, Any]:
        after = [weight.detach() for _unused, weight in self.named]
        moved = _norm(torch._foreach_sub(after, before))
        moves: dict[str, Any] = {"update_ratio": moved / _norm(before)}
        if self.config.angles:
            pairs = zip(self.named, before, after, strict=True)
            moves["angles"] = {name: _angle(old, new) for (name, _unused), old, new in pairs if new.ndim > 1}
        return moves

    def _loss(self, _model: Any, batches: Sequence[Batch]) -> torch.Tensor:
        return self.engine.loss_of(batches)


def _due(update: int, every: int) -> bool:
    return bool(every) and update % every == 0


def _norm(tensors: Any) -> float:
    return float(torch.nn.utils.get_total_norm(tensors))


def _angle(old: torch.Tensor, new: torch.Tensor) -> float:
    """By the difference of the unit vectors: arccos of a number close to 1 would lose all digits of a small angle."""
    # In float64: at 1e-4 radians float32 has three digits left.
    old, new = old.double().flatten(), new.double().flatten()
    lengths = old.norm(), new.norm()
    if not (lengths[0] and lengths[1]):
        return 0.0
    return 2 * math.asin(min(1.0, float((new / lengths[1] - old / lengths[0]).norm()) / 2))


# --- Pictures --------------------------------------------------------------------------------------------------------


def draw_run(folder: Path) -> None:
    """``lr.png`` and ``loss.png``: the first figures of the run's report as images."""
    run = read_run(folder)
    for figure in (rate_figure(run), loss_figure(run)):
        if figure is not None:
            to_image(figure, folder / f"{figure.name}.png")


# --- The run ---------------------------------------------------------------------------------------------------------


# Reading a loss waits for the device. At 50 that is rare, and a loss that is not finite is still found before it has
# cost much: nothing after it is saved.
_FETCH = 50  # updates a GPU may be ahead before somebody looks at its losses, and asks the other processes
# Single bad batches pass; weights or a rate that make every batch bad do not.
_MOST_SKIPPED = 10  # bad updates in succession after which skipping them cannot help


class Run:
    """One run, in one process of it.

    Args:
        parts: what it is made of.
        engine: model, optimizer, scheduler.
        batches: the training split.
        logger: writes the run down.
        stop: whether somebody has asked to stop.
    """

    def __init__(self, parts: Parts, engine: Engine, batches: Batches, logger: RunLogger, stop: StopRequest) -> None:
        self.parts, self.engine, self.batches, self.logger, self.stop = parts, engine, batches, logger, stop
        self.config, self.folder, self.total = parts.config, parts.folder, parts.run_length.total
        self.accelerator = engine.accelerator
        self.main = bool(self.accelerator.is_main_process)
        self.last = self.total  # completed updates at which to stop: a stretch stops before the run's end
        self.data_position = parts.beginning.data_position
        self.measuring = Measuring(engine, self.config)
        # The update of the newest checkpoint on disk, so that the end of an epoch does not write it a second time; -1
        # is none.
        self._saved = parts.beginning.position if parts.beginning.checkpoint else -1
        self._pending: list[tuple[dict[str, Any], Outcome, list[int]]] = []
        self._skipped = 0  # bad updates in succession
        self._ending = False  # a callback wants the run to end in order
        self._started = time.monotonic()

    @property
    def position(self) -> int:
        """Completed updates."""
        return self.engine.scheduler.position

    # --- training --------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Train to the last update; save and evaluate after each epoch."""
        epochs = self.config.epochs or 1
        self._heed()
        with self._bar(epochs, _("epochs"), _("epoch"), self.data_position.epoch) as bar:
            while True:
                self._train_epoch()
                self._close_epoch()
                bar.update()
                if self._ending or self.position >= self.total or self.data_position.epoch + 1 >= epochs:
                    return
                self.data_position = DataPosition(self.data_position.epoch + 1)

    def stretch(self, until: int, *, save: bool) -> dict[str, Any]:
        """Train to ``until`` completed updates and stop there, wherever in an epoch that is.

        Evaluated after each epoch, as :meth:`fit` does; saved at the end or not at all. Nothing is finished: somebody
        else puts the run together.

        Returns:
            The scores on the validation split at ``until``.
        """
        self.last = until
        line: dict[str, Any] = {}
        while self.position < until:
            self._train_epoch()
            if not self.batches.remaining(self.data_position):
                line = self._evaluate()
                self.data_position = DataPosition(self.data_position.epoch + 1)
        self._refuse_bad_weights()
        if save:
            self._save()
        # The end of an epoch has just been scored: the same rows need not be gone through twice.
        if line.get("update") != until:
            line = self.score(self.engine.scored, "validation").scores().to_dict()
        return {key: value for key, value in line.items() if key not in ("epoch", "update", "split")}

    def _bar(self, total: int, title: str, unit: str, initial: int = 0, *, leave: bool = True) -> Any:
        # disable=None: no bars where standard error is not a terminal, so that log files stay readable
        disable = None if self.main else True
        return tqdm(total=total, initial=initial, desc=tell(title), unit=tell(unit), leave=leave, disable=disable)

    def _train_epoch(self) -> None:
        """The updates of this epoch that are still to come."""
        self.engine.model.train()
        left = self.batches.remaining(self.data_position)
        groups = _groups(self.batches.after(self.data_position), self.config.accumulation)
        bars = self._bar(left, _("epoch {epoch}", epoch=self.data_position.epoch + 1), _("batch"), leave=False)
        with bars as bar, without_denormals(self.engine.accelerator):
            since = time.perf_counter()
            while self.position < self.last and not self._ending:
                group = next(groups, None)
                if group is None:
                    break
                self._update(group, since)
                since = time.perf_counter()
                self.data_position = replace(self.data_position, batches=self.data_position.batches + len(group))
                left -= len(group)
                bar.update(len(group))
                if left and self.config.save_every and self.position % self.config.save_every == 0:
                    self._save()
                self._heed()
        self._fetch()

    def _update(self, group: list[Batch], since: float) -> None:
        """One update, measured and noted."""
        self.measuring.before(self.position)
        outcome = self.engine.update(group)
        rows = [row for batch in group for row in batch.rows]
        if not outcome.made:
            self._not_made(outcome, rows)
            return
        self._skipped = 0
        seconds, tokens = time.perf_counter() - since, sum(batch.tokens for batch in group)
        update, rates = self.position - 1, self.engine.named_rates(outcome.rates)
        measured = self.measuring.after(update, group, rates["lr"])
        record = {
            "update": update,
            "epoch": self.data_position.epoch,
            **rates,
            **dict.fromkeys(("loss", "grad_norm", "clipped")),  # once they are fetched
            # Which rows made the update, in eight digits: two runs that claim the same order can be compared line by
            # line.
            "batch": f"{zlib.crc32(repr(rows).encode()):08x}",
            "tokens": tokens,
            **measured,
            "seconds": round(seconds, 6),
            "tokens_per_second": round(tokens / seconds, 1),
        }
        self._pending.append((record, outcome, rows))
        # Checked means that loss and norm were looked at already: reading them costs nothing more.
        if self.engine.checked or len(self._pending) >= _FETCH or self.position % self.config.log_every == 0:
            self._fetch()

    def _fetch(self) -> None:
        """Read losses and norms off the device and note them."""
        pending, self._pending = self._pending, []
        for record, outcome, rows in pending:
            loss, norm = float(outcome.loss), float(outcome.norm)
            if not self.engine.checked and not outcome.finite:
                raise self._bad_numbers(record["update"], outcome, rows)
            clipped = bool(self.config.clip) and norm > self.config.clip
            spike = self.logger.update({**record, "loss": loss, "grad_norm": norm, "clipped": clipped})
            if spike is not None and self.config.spikes == "stop":
                advice = _("Lower the learning rate, or warm up for longer; --spikes record goes on.")
                raise RunError(
                    refusal("loss", _("near the usual {usual:.4g}", usual=spike.usual), round(loss, 4), advice)
                )

    def _not_made(self, outcome: Outcome, rows: list[int]) -> None:
        """An update whose numbers were bad: the end, or an event."""
        update = self.position
        if outcome.overflowed:
            self.logger.event("skip", update, _("the gradients overflowed in half precision; the scale was lowered"))
            return
        self._skipped += 1
        error = self._bad_numbers(update, outcome, rows)
        if self.config.bad_numbers == "stop":
            raise error
        if self._skipped >= _MOST_SKIPPED:
            many = _("So were {updates} updates in succession, all skipped.", updates=_MOST_SKIPPED)
            raise BadNumbersError(sentences(error.args[0], many))
        self.logger.event("skip", update, error.args[0], rows=rows)

    def _bad_numbers(self, update: int, outcome: Outcome, rows: list[int]) -> BadNumbersError:
        where = [self.parts.data.train[row].where for row in rows]
        shown: str = joined(", ", where[:8])
        if len(where) > 8:
            shown = _("{places} and {more} more", places=shown, more=len(where) - 8)
        advice = _("The update was not made and nothing of it is saved; lower the rate or look at the rows.")
        got = _(
            "loss {loss}, gradient norm {norm}; rows {rows} ({places})",
            loss=float(outcome.loss),
            norm=float(outcome.norm),
            rows=", ".join(map(str, rows[:8])) + ("..." if len(rows) > 8 else ""),
            places=shown,
        )
        what = _("update {update}", update=update)
        return BadNumbersError(refusal(what, _("made of finite numbers"), got, advice))

    # --- between updates -------------------------------------------------------------------------------------------

    def _heed(self) -> None:
        """What signals and callbacks ask for, in any process: all have to do the same after the same update.

        A signal saves and stops the run; a callback lets it end in order, scored as any other.
        """
        # Both are gathered together: every exchange between processes is a wait.
        mine = self.stop.reason, self.logger.wants_an_end
        if self.accelerator.num_processes > 1:
            if not self.engine.checked and self.position % _FETCH:
                return  # to ask each other is to wait for the devices
            asked = torch.tensor([float(reason is not None) for reason in mine], device=self.engine.device)
            if not sum_over(asked, self.accelerator).any():
                return
        elif mine == (None, None):
            return
        signals, ends = zip(*gather_objects(mine, self.accelerator), strict=True)
        stopped, ended = (next(filter(None, reasons), None) for reasons in (signals, ends))
        if stopped:
            self._stop(stopped)
        if ended and not self._ending:
            self._ending = True
            self._fetch()
            self.logger.event("end", self.position, ended)

    def _stop(self, asked: str) -> None:
        """Save and raise."""
        self._fetch()
        self._save()
        self.logger.event("stop", self.position, _("asked by {signal}", signal=asked))
        command = f"preheat train --resume --out {self.folder.path}"
        raise RunStoppedError(
            _(
                "stopped by {signal} after update {position} of {total}, saved; go on with: {command}",
                signal=asked,
                position=self.position,
                total=self.total,
                command=command,
            )
        )

    def _close_epoch(self) -> None:
        """Save, then evaluate what was saved, then make room: a stop in between loses nothing."""
        self._save()
        # A run that was stopped between saving and evaluating comes through here again: it is scored once.
        scored = {line["update"] for line in self.folder.evaluations()} if self.main else set()
        if self.position not in from_main(scored, self.accelerator):
            self._evaluate()
        if self.main:
            self._make_room()
        self._heed()

    def _evaluate(self) -> dict[str, Any]:
        best = self.folder.best() if self.main else None
        scores = self.score(self.engine.scored, "validation").scores()
        line = {"epoch": self.data_position.epoch, "update": self.position, "split": "validation", **scores.to_dict()}
        self.logger.evaluation(line)
        epoch = f"{self.data_position.epoch + 1}/{self.config.epochs}"
        if best is None or scores.accuracy > best["accuracy"]:
            self.logger.say(_("epoch {epoch}: validation {scores} (best)", epoch=epoch, scores=str(scores)))
        else:
            self.logger.say(_("epoch {epoch}: validation {scores}", epoch=epoch, scores=str(scores)))
        return line

    def score(self, model: Any, split: str) -> Outputs:
        """What a model makes of every row of a split, each exactly once, whichever process had it."""
        mine = self.parts.split(split, self.accelerator.process_index, self.accelerator.num_processes)
        # With several processes nobody may leave the others alone in an evaluation: they stop after it.
        between = self._heed if self.accelerator.num_processes == 1 else lambda: None
        outputs = run_over(model, mine, self.engine.device, between)
        return Outputs.joined(gather_objects(outputs, self.accelerator))

    # --- saving ----------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        """A checkpoint of this moment, unless there is one."""
        if self._saved == self.position:
            return
        self._fetch()
        self._refuse_bad_weights()
        state = self.engine.state()
        randoms = gather_objects(random_states(), self.accelerator)
        if self.main:

            def fill(folder: Any) -> None:
                save(self.engine.saved_as, state["model"], self.parts.texts.tokenizer, folder)
                save_file(state["optimizer"], folder / "optimizer.safetensors")
                write_json(folder / "optimizer.json", {"groups": state["groups"], "scaler": state["scaler"]})
                write_json(folder / "random.json", randoms)
                write_json(folder / "run.json", self._state())

            self.logger.sync()
            path = self.folder.checkpoints.write(self.position, fill)
            self.folder.write_header(self.parts.header())
            self._make_room()
            self.logger.checkpoint(path)
        self._saved = self.position

    def _refuse_bad_weights(self) -> None:
        if not self.engine.is_finite():
            advice = _("It is not saved; go on from the checkpoint before with --resume and a lower rate.")
            got = _("others at update {update}", update=self.position)
            raise BadNumbersError(refusal(_("weights"), _("finite numbers"), got, advice))

    def finish(self) -> dict[str, Any]:
        """Score the best checkpoint on the test split, draw the pictures and write result and report."""
        best = self.folder.marked("best")
        # From the disk, not from memory: what is scored is what somebody will load.
        model: Any = load_model(best, self.config)
        outputs = self.score(model.to(self.engine.device), "test")
        scores = outputs.scores()
        line = self.folder.best() or {}
        result = {
            "run": str(self.folder.path),
            "updates": self.position,
            "best": best.name,
            "validation": {key: line[key] for key in ("epoch", *scores.to_dict()) if key in line},
            "test": scores.to_dict(),
            **self.parts.ceiling(),
            "confusion": outputs.confusion(),
            "seconds": round(self._elapsed(), 1),
        }
        if self.main:
            draw_run(self.folder.path)
            write_json(self.folder.path / "result.json", result)
            write_run_report(self.folder.path)
            self.logger.end(result)
            self.logger.say(
                _("test (best checkpoint, {checkpoint}): {scores}", checkpoint=best.name, scores=str(scores))
            )
        return result

    def _elapsed(self) -> float:
        """Seconds of the run, those before its last checkpoint included where it was resumed."""
        earlier: float = self.parts.beginning.state.get("seconds", 0.0)
        return earlier + time.monotonic() - self._started

    def _state(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "seconds": self._elapsed(),
            "place": self.data_position.to_dict(),
            "scheduler": self.engine.scheduler.state_dict(),
            "losses": self.logger.losses,
            **self.parts.identity(),
        }

    def _make_room(self) -> None:
        best = self.folder.best()
        kept = {best["update"]} if best is not None else set()
        if self.config.keep_models == "epochs":
            kept |= {line["update"] for line in self.folder.evaluations()}
        checkpoints = self.folder.checkpoints
        checkpoints.rotate(
            self.config.keep_last, [path.name for path in checkpoints.all() if updates_of(path.name) in kept]
        )


# --- The moving parts, new or as they were at a checkpoint: the same bits either way ---------------------------------


def build_run(
    parts: Parts,
    accelerator: Accelerator,
    transform: Transform | None,
    say: Callable[[str], None],
    stop: StopRequest,
    policy: str,
    bridge: int,
    callbacks: Iterable[object] = (),
) -> Run:
    """The run, ready for its next update; in the main process the folder is, too.

    Args:
        parts: what it is made of.
        accelerator: set up for this process.
        transform: changes the token ids of a training row.
        say: receives every line for people.
        stop: whether somebody has asked to stop.
        policy: what the scheduler does where the saved schedule or peak is another one (``resume`` of
            :class:`preheat.torch.Scheduler`).
        bridge: updates a bridge takes.
        callbacks: are told everything that is written.
    """
    config, checkpoint = parts.config, parts.beginning.checkpoint
    use_threads(config, accelerator)
    set_seed(config.seed)
    model = load_model(checkpoint, config) if checkpoint else build_model(config, parts.data.classes, parts.tokenizer)
    # On the CPU looking at a loss costs nothing. Elsewhere only skipping needs it before the update: stopping may
    # come some updates late, since nothing is saved in between without a look.
    checked = accelerator.device.type == "cpu" or config.bad_numbers == "skip"
    engine = Engine(config, model, parts.run_length.schedule, accelerator, checked=checked)
    many = sum(weight.numel() for weight in model.parameters())
    about = parts.environment
    say(
        _(
            "model: {model}, {head} head, {parameters:,} parameters, {precision} on {device}",
            model=config.model,
            head=config.head,
            parameters=many,
            precision=about["precision"],
            device=about["device"],
        )
    )
    # After the model is made from the common seed: the same weights in every process, but dropout of its own.
    if accelerator.process_index:
        set_seed(config.seed, device_specific=True)
    if checkpoint:
        _restore(engine, parts, policy, bridge)
    if accelerator.is_main_process:
        _prepare_folder(parts)
    # A barrier: the others read the records only when they are cut back.
    from_main(None, accelerator)
    batches = Batches(
        parts.examples("train", chained(config.token_dropout, transform)),
        parts.order,
        parts.texts.pad,
        rank=accelerator.process_index,
        workers=config.workers,
    )
    main = accelerator.is_main_process
    # A fork has no records of its own past: the losses that tell what is usual come with the state.
    earlier = parts.beginning.state.get("losses", ()) if parts.beginning.forked else ()
    told = {"main": main, "callbacks": callbacks, "earlier": earlier}
    logger = RunLogger(parts.folder, parts.run_length.schedule, config.log_every, say, **told)
    return Run(parts, engine, batches, logger, stop)


def _restore(engine: Engine, parts: Parts, policy: str, bridge: int) -> None:
    """Optimizer, scheduler and random generators as the checkpoint has them; its weights are in the model already."""
    folder, state = parts.beginning.checkpoint, parts.beginning.state
    assert folder is not None
    optimizer = read_json(folder / "optimizer.json")
    engine.load(folder, optimizer["groups"], optimizer["scaler"])
    saved = state["scheduler"]
    if parts.beginning.forked:  # the same updates so far, as this run's own schedule makes them
        saved = {**engine.scheduler.state_dict(), "position": saved["position"], "skipped": saved["skipped"]}
    engine.scheduler.load_state_dict(saved, resume=policy, bridge=bridge or 1)
    randoms: list[dict[str, Any]] = read_json(folder / "random.json")
    # With more processes than were saved, the new ones keep what their seed gave them.
    if engine.accelerator.process_index < len(randoms):
        set_random_states(randoms[engine.accelerator.process_index])


def _prepare_folder(parts: Parts) -> None:
    """An empty folder with its header; or, at a resume, one cut back to its checkpoint."""
    if parts.beginning.checkpoint and not parts.beginning.forked:
        parts.folder.keep_until(parts.beginning.position)
        parts.folder.clear()
    else:
        parts.folder.start()
        parts.folder.write_header(parts.header())


def _groups(batches: Iterable[Batch], many: int) -> Iterator[list[Batch]]:
    """So many batches at a time, the last time what is left."""
    rest = iter(batches)
    while group := list(islice(rest, many)):
        yield group
