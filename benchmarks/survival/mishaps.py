"""The mishaps: what is done to a run, and how one finds out what became of it."""

import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from job import Job, Setup
from verdicts import failed, fallen_back, rates_of, refused, resumed, told
from witness import Mishap, bad_loss, digest, sent, slow, small_files

from lab import KILLED_AT, NEWEST, Ended, Lab

PLAIN = Setup()
BAD_UPDATE = 8
ONE_FILE = "no such file: a checkpoint is one file"


class Row(NamedTuple):
    """A row of the table: a mishap and what finds out what comes of it."""

    title: str
    outcome: Callable[[Lab, Job], str]


# --- ends ------------------------------------------------------------------------------------------------------------


def killed(setup: Setup, lab: Lab, job: Job) -> str:
    """SIGKILL after 18 updates; then resumed."""
    _, uncut = lab.uncut(job, setup)
    folder = lab.killed(job, setup)
    newest = NEWEST // setup.save_every * setup.save_every
    return resumed(lab.run(job, setup, folder, resume=True), uncut, newest)


def terminated(setup: Setup, lab: Lab, job: Job) -> str:
    """SIGTERM in the forward pass after 18 updates, while updates take 0.4 seconds; then resumed."""
    option = job.guards["signal"]
    _, uncut = lab.uncut(job, setup)
    folder = lab.folder(job)
    ended = lab.run(job, setup, folder, mishap=Mishap(KILLED_AT, sent(signal.SIGTERM), pace=0.4))
    last = updates_of(job, folder)[-1]
    made = max(ended.updates) + 1
    saved = f"saved after update {last}" if last != NEWEST else f"nothing saved, {made - last} updates lost"
    beyond = "" if made == last or last == NEWEST else f", makes {made - last} more"
    again = resumed(lab.run(job, setup, folder, resume=True), uncut, last)
    return (
        f"{option + ': ' if setup.guard and option else ''}exit {ended.shown_code}, {saved}{beyond}; resumed: {again}"
    )


def killed_in_a_save(part: str, lab: Lab, job: Job) -> str:
    """Ended by the system inside the write of a file of the checkpoint of update 15; then resumed."""
    limit = size_limit(part, lab, job)
    return ONE_FILE if limit is None else cut_writes(limit, lab, job, deadly=True)


def full_disk(lab: Lab, job: Job) -> str:
    """Writes past half of the weights' file are refused from update 14 on; then resumed with room again."""
    limit = size_limit("weights", lab, job)
    assert limit is not None
    return cut_writes(limit, lab, job, deadly=False)


def cut_writes(limit: int, lab: Lab, job: Job, *, deadly: bool) -> str:
    """No file longer than ``limit`` bytes from update 14 on; then resumed without a limit."""
    folder = lab.folder(job)
    ended = lab.run(job, PLAIN, folder, mishap=Mishap(NEWEST - 1, small_files(limit, deadly=deadly)))
    if deadly and ended.code != -signal.SIGXFSZ:
        raise RuntimeError(f"{job.title} was not ended inside a save: {ended}")
    again = resumed_somehow(lab, job, folder)
    return again if deadly else f"{failed(ended) if ended.code else 'goes on'}; resumed: {again}"


def size_limit(part: str, lab: Lab, job: Job) -> int | None:
    """A length that the weights' file passes, or that only the optimizer's does; None if that is no other file."""
    files = job.newest(lab.uncut(job, PLAIN)[0])
    weights = files.weights.stat().st_size
    if part == "weights":
        return weights // 2
    return None if files.optimizer is None else (weights + files.optimizer.stat().st_size) // 2


# --- damage ----------------------------------------------------------------------------------------------------------


def damaged(hurt: Callable[[Job, Path], bool], lab: Lab, job: Job) -> str:
    """Killed; the newest checkpoint damaged; resumed."""
    folder = lab.killed(job, PLAIN)
    if not hurt(job, folder):
        return ONE_FILE
    return resumed_somehow(lab, job, folder)


def resumed_somehow(lab: Lab, job: Job, folder: Path) -> str:
    """Resumed from whichever checkpoint the framework takes; if that is an error, from the one named that is before."""
    uncut = lab.uncut(job, PLAIN)[1]
    ended = lab.run(job, PLAIN, folder, resume=True)
    if not ended.code:
        if ended.start != NEWEST:
            return fallen_back(ended, uncut)
        return f"takes it: {resumed(ended, lab.undamaged(job, PLAIN), NEWEST)}"
    older = [path for path in job.checkpoints(folder) if updates_in(path) < NEWEST][-1]
    again = resumed(lab.run(job, PLAIN, folder, resume=older), uncut, updates_in(older))
    return f"{failed(ended)}; {updates_in(older)} named: {again}"


def flip_a_byte(job: Job, folder: Path) -> bool:
    """One byte in the middle of a weight."""
    file = job.newest(folder).weights
    weight = job.weights(job.checkpoints(folder)[-1])["transformer.h.0.mlp.c_fc.weight"]
    content, bits = bytearray(file.read_bytes()), weight.numpy().tobytes()
    content[content.index(bits) + len(bits) // 2] ^= 0xFF
    file.write_bytes(content)
    return True


def remove_the_optimizer(job: Job, folder: Path) -> bool:
    """Its file, if it has one."""
    file = job.newest(folder).optimizer
    if file is not None:
        file.unlink()
    return file is not None


def halve_the_weights(job: Job, folder: Path) -> bool:
    """Their file ends in the middle."""
    file = job.newest(folder).weights
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return True


# --- numbers ---------------------------------------------------------------------------------------------------------


def no_number(setup: Setup, lab: Lab, job: Job) -> str:
    """The loss of update 8 is NaN."""
    option = job.guards["nan"]
    folder = lab.folder(job)
    ended = lab.run(job, setup, folder, mishap=Mishap(BAD_UPDATE, bad_loss))
    if BAD_UPDATE not in ended.updates:
        parts = ["stops before the update" if ended.code else "skips the update"]
    else:
        parts = [f"goes on to {'an error' if ended.code else 'the end'}"]
        logged = job.logged(folder, BAD_UPDATE)
        parts.append(f"log says {logged}" if logged is not None else "log says nothing")
    parts.append(f"weights {'finite' if ended.finite else 'NaN'}")
    checkpoints = job.checkpoints(folder)
    bad = sum(not all(bool(value.isfinite().all()) for value in job.weights(path).values()) for path in checkpoints)
    parts.append(f"{bad} of {len(checkpoints)} checkpoints NaN")
    return (f"{option}: " if setup.guard and option else "") + ", ".join(parts)


def other_rate(lab: Lab, job: Job) -> str:
    """Killed at a peak of 1e-3, resumed with 1e-4; where that is refused, once more in the way it is meant."""
    before = lab.undamaged(job, PLAIN)
    folder, changed = lab.killed(job, PLAIN), replace(PLAIN, lr=PLAIN.lr / 10)
    ended = lab.run(job, changed, folder, resume=True)
    said = rates_of(ended, before, 0.1)
    if not ended.code or not job.can_insist:
        return said
    insisted = lab.run(job, replace(changed, insist=True), folder, resume=True)
    return f"{refused(ended)}; told which side wins: {rates_of(insisted, before, 0.1)}"


# --- folders ---------------------------------------------------------------------------------------------------------


def used_folder(lab: Lab, job: Job) -> str:
    """A shorter run in the folder of a longer one that is complete; killed after 13 updates and resumed."""
    folder, second = lab.folder(job), replace(PLAIN, epochs=2)
    lab.run(job, replace(PLAIN, seed=1), folder)
    _, uncut = lab.uncut(job, second)
    ended = lab.run(job, second, folder, mishap=Mishap(13, sent(signal.SIGKILL)))
    if ended.code != -signal.SIGKILL:
        return refused(ended)
    again = lab.run(job, second, folder, resume=True)
    begins = f"begins{told(ended, uncut, expected='')}"
    if again.start is not None and again.start > 13:
        return (
            f"{begins}; resumed: takes the older run's checkpoint {again.start}, {resumed(again, uncut, again.start)}"
        )
    return f"{begins}; resumed: {fallen_back(again, uncut)}"


def two_at_once(lab: Lab, job: Job) -> str:
    """A second run starts in the folder of one that has made three updates and is still going."""
    setups = PLAIN, replace(PLAIN, seed=1)
    known = [holdings(job, lab.uncut(job, setup)[0]) for setup in setups]
    folder, gentle = lab.folder(job), Mishap(2, slow, pace=0.05)
    first = lab.start(job, setups[0], folder, mishap=gentle)
    first.wait_for(3)
    start = time.monotonic()
    second = lab.run(job, setups[1], folder, mishap=gentle)
    seconds = time.monotonic() - start
    one = first.end()
    if second.code and not second.updates:
        return f"second {refused(second)}, after {seconds:.2f} s; first {state(lab, job, one)}"
    if one.code or second.code:
        return f"first: {failed(one)}; second: {failed(second)}"
    there = holdings(job, folder)
    ones, others = (len(there & mine) for mine in known)
    warned = told(second, lab.uncut(job, setups[1])[1], expected="")
    return f"both end{warned}; left are {ones} checkpoints of the first, {others} of the second"


def state(lab: Lab, job: Job, ended: Ended) -> str:
    """Whether a run came to its end undisturbed."""
    uncut = lab.uncut(job, PLAIN)[1]
    return "undisturbed" if (ended.updates, ended.weights) == (uncut.updates, uncut.weights) else "disturbed"


def holdings(job: Job, folder: Path) -> set[str]:
    """What the weights in a folder's checkpoints are."""
    return {digest(job.weights(path)) for path in job.checkpoints(folder)}


def updates_of(job: Job, folder: Path) -> list[int]:
    """Those made at each of a folder's checkpoints."""
    return [updates_in(path) for path in job.checkpoints(folder)]


def updates_in(checkpoint: Path) -> int:
    """The last number in a checkpoint's name."""
    return int(re.findall(r"\d+", checkpoint.stem)[-1])


MISHAPS = {
    "kill": Row("SIGKILL in mid-epoch", partial(killed, PLAIN)),
    "kill-epoch": Row("SIGKILL, checkpoint at an epoch's end", partial(killed, replace(PLAIN, save_every=12))),
    "kill-draws": Row("SIGKILL, rows draw random numbers", partial(killed, replace(PLAIN, draws=True))),
    "kill-accumulation": Row("SIGKILL, accumulation 2", partial(killed, replace(PLAIN, accumulation=2))),
    "kill-workers": Row("SIGKILL, 2 loader workers", partial(killed, replace(PLAIN, workers=2))),
    "sigterm": Row("SIGTERM, defaults", partial(terminated, PLAIN)),
    "sigterm-option": Row("SIGTERM, with the option for it", partial(terminated, replace(PLAIN, guard="signal"))),
    "kill-save": Row("killed while a save writes weights", partial(killed_in_a_save, "weights")),
    "kill-save-optimizer": Row("killed while a save writes the optimizer", partial(killed_in_a_save, "optimizer")),
    "disk-full": Row("disk full in a save", full_disk),
    "flip": Row("one byte of the weights flipped", partial(damaged, flip_a_byte)),
    "no-optimizer": Row("optimizer's file removed", partial(damaged, remove_the_optimizer)),
    "half": Row("weights' file cut to half", partial(damaged, halve_the_weights)),
    "nan": Row("loss of update 8 is NaN, defaults", partial(no_number, PLAIN)),
    "nan-option": Row("the same, with the option against it", partial(no_number, replace(PLAIN, guard="nan"))),
    "rate": Row("resumed with lr 1e-4 for 1e-3", other_rate),
    "used": Row("a run in an older, longer one's folder", used_folder),
    "two": Row("two runs at once in one folder", two_at_once),
}
