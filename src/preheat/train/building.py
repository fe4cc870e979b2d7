"""The moving parts of a run, new or as they were at a checkpoint: the same bits either way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from accelerate.utils import set_seed

from preheat.train.data.augment import chained
from preheat.train.data.batches import Batches
from preheat.train.engine import Engine
from preheat.train.loop import Run
from preheat.train.model import build_model, load_model
from preheat.train.notes import Notes
from preheat.train.parts import Parts
from preheat.train.processes import from_main, use_threads
from preheat.train.saving.randomness import set_random_states
from preheat.train.saving.records import read_json
from preheat.train.stopping import StopRequest

if TYPE_CHECKING:
    from accelerate import Accelerator

    from preheat.train.data.augment import Transform


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
    checked = accelerator.device.type == "cpu" or config.bad_numbers == "skip"
    engine = Engine(config, model, parts.course.schedule, accelerator, checked=checked)
    many = sum(weight.numel() for weight in model.parameters())
    about = parts.environment
    say(f"model: {config.model}, {config.head} head, {many:,} parameters, {about['precision']} on {about['device']}")
    if accelerator.process_index:  # the same weights in every process, but each with dropout of its own
        set_seed(config.seed, device_specific=True)
    if checkpoint:
        _restore(engine, parts, policy, bridge)
    if accelerator.is_main_process:
        _prepare_folder(parts)
    from_main(None, accelerator)  # the others read the records only when they are cut back
    batches = Batches(
        parts.examples("train", chained(config.token_dropout, transform)),
        parts.order,
        parts.texts.pad,
        rank=accelerator.process_index,
        workers=config.workers,
    )
    main = accelerator.is_main_process
    earlier = parts.beginning.state.get("losses", ()) if parts.beginning.forked else ()
    told = {"main": main, "callbacks": callbacks, "earlier": earlier}
    notes = Notes(parts.folder, parts.course.schedule, config.log_every, say, **told)
    return Run(parts, engine, batches, notes, stop)


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
    if engine.accelerator.process_index < len(randoms):
        set_random_states(randoms[engine.accelerator.process_index])


def _prepare_folder(parts: Parts) -> None:
    if parts.beginning.checkpoint and not parts.beginning.forked:
        parts.folder.keep_until(parts.beginning.position)
        parts.folder.clear()
    else:
        parts.folder.start()
        parts.folder.write_header(parts.header())
