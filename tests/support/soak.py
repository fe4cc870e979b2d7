"""Kill training runs at random points, damage their checkpoints, resume, and compare every bit with an uncut run.

scripts/soak                            # 200 kills
scripts/soak --kills 1000 --seed 7

A life is a run brought to its end through whatever happens to it: SIGKILL at a random time, or as soon as a checkpoint
is being written; SIGTERM; now and then the newest checkpoint is damaged as well. At its end records, scores and weights
have to be those of the uncut run, to the last bit. The first life that is not ends the soak with exit code 1.
"""

import argparse
import collections
import csv
import datetime
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from preheat.lab.training import read_config
from support.runs import Child, checkpoints_of, lines_of, quiet, same_run

WORDS = ("bank", "shares", "goal", "cup", "chip", "phone", "the", "new", "after", "says", "week", "plan")
RUN = {"layers": 1, "width": 16, "heads": 2, "vocabulary": 300, "max_tokens": 16, "batch_size": 8, "save_every": 4}
KINDS = {
    "plain": {},
    "accumulation 2": {"accumulation": 2},
    "2 workers, random token dropout": {"workers": 2, "token_dropout": 0.2},
    "batches by tokens, double heads": {"batch_size": None, "batch_tokens": 96, "head": "double", "lm_weight": 0.1},
}


def main():
    """Lives of every kind in turn, until enough kills have been survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="signals to survive, at least [200]")
    parser.add_argument("--seed", type=int, default=0, help="of the random points [0]")
    options = parser.parse_args()
    draw, happened, began = random.Random(options.seed), collections.Counter(), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = scratch
        jobs = {
            name: Job(Path(scratch) / name.split(",")[0].replace(" ", "-"), changes) for name, changes in KINDS.items()
        }
        while happened["killed"] < options.kills:
            name = list(jobs)[happened["lives"] % len(jobs)]
            if not jobs[name].live(draw, happened):
                print(f"life {happened['lives']} ({name}) is not the uncut run: {jobs[name].folder}-life", flush=True)
                shutil.copytree(jobs[name].folder, f"soak-failed-{options.seed}", dirs_exist_ok=True)
                return 1
            print(summary(happened), flush=True)
    day, minutes = datetime.datetime.now(datetime.UTC).date(), (time.monotonic() - began) / 60
    print(f"{day}: {summary(happened)}; seed {options.seed}, {minutes:.0f} minutes; all ended in the same bits")
    return 0


def summary(happened):
    """What has happened so far, in a line."""
    parts = [f"{happened[key]} {key}" for key in sorted(happened) if key not in ("lives", "killed")]
    return f"{happened['lives']} lives, {happened['killed']} kills ({', '.join(parts)})"


class Job:
    """A kind of run, and what it is when nothing happens to it."""

    def __init__(self, folder, changes):
        self.folder = folder
        folder.mkdir()
        draw = random.Random(1)
        with (folder / "rows.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for number in range(160):
                writer.writerow([" ".join(draw.choices(WORDS, k=draw.randint(3, 9))) + f" {number}", f"c{number % 3}"])
        settings = {**RUN, "data": str(folder / "rows.csv"), "epochs": 3, **changes}
        self.config = read_config(None, {key: value for key, value in settings.items() if value is not None})
        began = time.monotonic()
        child = self.start(folder / "uncut")
        assert child.end(300) == 0, child.log.read_text()
        self.seconds = time.monotonic() - began

    def start(self, run, **options):
        """A child that trains in a folder."""
        from preheat.lab.training.session import train

        return Child(self.folder / "log.txt", train, self.config, run, **options)

    def live(self, draw, happened):
        """One run through all its mishaps; whether it is the uncut one at its end."""
        run = self.folder / "life"
        shutil.rmtree(run, ignore_errors=True)
        happened["lives"] += 1
        child = self.start(run)
        while True:
            how = draw.choices(["at a random time", "in a save", "by SIGTERM", "left alone"], [5, 2, 1, 1])[0]
            self.let_run(child, run, how, draw)
            if how == "left alone" or not child.process.is_alive():
                code = child.end(300)
                if code == 0:
                    return same_run(run, self.folder / "uncut")
                print(child.log.read_text())
                return False
            code = child.send(signal.SIGTERM if how == "by SIGTERM" else signal.SIGKILL)
            if code in (-signal.SIGKILL, 75):
                happened["killed"] += 1
                happened[f"{how}{'' if lines_of(run) else ', before the first update'}"] += 1
            elif code != 0:
                print(child.log.read_text())
                return False
            if code == 0:
                return same_run(run, self.folder / "uncut")
            if len(checkpoints_of(run)) > 1 and draw.random() < 0.2:
                happened[damage_newest(run, draw)] += 1
            child = self.start(run, resume=True) if (run / "config.json").exists() else self.start(run, force=True)

    def let_run(self, child, run, how, draw):
        """Until the moment that something is to happen to it."""
        if how == "in a save":
            child.wait_for(lambda: any(run.glob(".update-*.part")))
            time.sleep(draw.uniform(0, 0.02))
        elif how != "left alone":
            moment = time.monotonic() + draw.uniform(0, self.seconds)
            child.wait_for(lambda: time.monotonic() > moment)


def damage_newest(run, draw):
    """Spoil one file of the newest checkpoint; what was done."""
    newest = run / checkpoints_of(run)[-1]
    file = draw.choice(sorted(path for path in newest.iterdir() if path.is_file()))
    done = draw.choice(["halved", "removed", "one bit flipped"])
    if done == "removed":
        file.unlink()
    elif done == "halved":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        content = bytearray(file.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(bytes(content))
    return f"checkpoints with a file {done}" if done != "one bit flipped" else "checkpoints with a bit flipped"


if __name__ == "__main__":
    quiet("warm")  # runs has loaded the harness
    sys.exit(main())
