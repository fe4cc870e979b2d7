"""What becomes of a run when something happens to it: preheat, Hugging Face's Trainer and Lightning, by trying.

    python benchmarks/survival                 # some minutes on two cores; a Markdown table on standard output
    python benchmarks/survival --only nan      # one mishap
    python benchmarks/survival --keep FOLDER   # leave run folders, and what every process saw and said

All three train the same small GPT-2 classifier on the same rows: a block, 16 wide, dropout on, 36 updates in three
epochs, a linear schedule with warm-up, a checkpoint every five updates. Every run is a process of its own, and mishaps
are real: processes are killed, files damaged, writes refused by the system. What a cell says is found by comparing
losses, rates and weights, bit for bit, with a run of the same framework that nothing happened to.

    same bits         every later loss, rate and final weight is that of the uncut run
    differs, warns    not so, and there was a warning or a message that the uncut run does not give
    differs, silently not so, and there was none
    goes on from 12   a resume takes the checkpoint of update 12 (preheat saves at the end of an epoch too)
    10 named          resumed once more, with the checkpoint of update 10 named by hand
    takes it          resumed from the damaged checkpoint; compared with the same resume from an undamaged one
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from jobs_lightning import Lightning
from jobs_preheat import Preheat
from jobs_transformers import Transformers
from measuring import circumstances, table
from mishaps import MISHAPS

from lab import Lab

JOBS = (Preheat(), Transformers(), Lightning())


def main() -> None:
    """The table, or the rows that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=list(MISHAPS), metavar="NAME", help=f"one of {', '.join(MISHAPS)}")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what the runs leave, in a new folder")
    options = parser.parse_args()

    print(circumstances(["preheat", "torch", "transformers", "accelerate", "lightning"]), flush=True)
    if options.keep:
        options.keep.mkdir(parents=True)
        rows = measured(options.keep.resolve(), options.only)
    else:
        with tempfile.TemporaryDirectory() as home:
            rows = measured(Path(home), options.only)
    print("\n" + table(["mishap", *(job.title for job in JOBS)], rows))


def measured(home: Path, only: str | None) -> list[list[str]]:
    """A row a mishap: its title, then what became of each job; how long it took goes to standard error."""
    lab = Lab(home)
    for job in JOBS:
        job.warm_up()
    rows = []
    for name in [only] if only else MISHAPS:
        mishap, start = MISHAPS[name], time.monotonic()
        rows.append([mishap.title, *(mishap.outcome(lab, job) for job in JOBS)])
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    main()
