"""What sharing saves: one study of cool-downs with its stages, and with every run by itself.

Four cool-downs (linear and 1-sqrt, over 10 and 20 %) at two horizons after one warm-up, two seeds, on the BBC
headlines; both ways one after the other in turns, each in a process of its own. Printed are wall and processor time
of all processes; the tables have to be equal, weights included.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DESIGN = {
    "schedule": [f"hold > {shape} {share}% to 0" for shape in ("linear", "1-sqrt") for share in (10, 20)],
    "warmup": 40,
    "horizon": [200, 400],
    "seed": [0, 1],
    "lr": 1e-3,
}


def one(folder, share, processes):
    """A study in this process and its workers: seconds, processor seconds."""
    from preheat.lab.studies import StudyDesign, run_study

    clock = time.monotonic()
    table = run_study(StudyDesign(**DESIGN), folder, processes=processes, share=share, say=lambda _line: None)
    wall = time.monotonic() - clock
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found = {"wall": wall, "processor": sum(usage.ru_utime + usage.ru_stime for usage in used)}
    print(json.dumps({**found, "rows": [row.weights for row in table.rows]}))


def main():
    """Run both ways in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.one[0], asked.one[1] == "shared", asked.processes)
        return
    figures = {"shared": [], "alone": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(asked.turns):
            for way, found in figures.items():
                words = [sys.executable, __file__, "--processes", str(asked.processes), "--one"]
                done = subprocess.run(
                    [*words, str(Path(folder) / f"{way}-{turn}"), way], check=True, stdout=subprocess.PIPE, text=True
                )
                found.append(json.loads(done.stdout))
    assert all(found["rows"] == figures["alone"][0]["rows"] for way in figures.values() for found in way)
    for unit in ("wall", "processor"):
        shared, alone = (min(found[unit] for found in figures[way]) for way in ("shared", "alone"))
        print(f"{unit} time: {shared:.1f} s of {alone:.1f} s, {shared / alone:.2f}")


if __name__ == "__main__":
    main()
