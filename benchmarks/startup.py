"""What a command costs before it does anything: processor time against a bare interpreter.

Every row starts fresh processes, turn about with ``python -c pass``, and keeps the least of each: what the machine does
beside them only ever adds. Processor time, user and system, since nobody's start should be judged by a busy disk. The
ratio is to the bare interpreter; beside it stands what is aimed at.

    python benchmarks/startup.py             # half a minute
    python benchmarks/startup.py --times 30  # on a busy machine
"""

import argparse
import os
import resource
import subprocess
import sys

BARE = ["-c", "pass"]
PLAN = ["plan", "--examples", "3821", "--batch-size", "32", "--epochs", "30"]
SHOW = ["show", "warmuplinear", "--warmup", "100", "--updates", "3600", "--lr", "1e-4"]
SCRIPT = ["-c", "import sys; from preheat.cli.launch import main; sys.exit(main())"]  # as pip writes it
# What is started, and how many times a bare interpreter's time it may take.
ROWS = {
    "import preheat": (["-c", "import preheat"], 1.5),
    "preheat --help": ([*SCRIPT, "--help"], 6),
    "preheat plan": ([*SCRIPT, *PLAN], 5),
    "preheat show": ([*SCRIPT, *SHOW], 8),
    "preheat train --help": ([*SCRIPT, "train", "--help"], 8),
    "--help in Chinese": ([*SCRIPT, "--lang", "zh", "--help"], 7),
    "plan in Chinese": ([*SCRIPT, "--lang", "zh", *PLAN], 7),
    "train --help in Chinese": ([*SCRIPT, "--lang", "zh", "train", "--help"], 9),
}


def spent(words):
    """Seconds of processor time of one run, which must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


# As an installed package starts: with its compiled files there. In English, whatever is spoken here.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["PREHEAT_LANG"] = "en"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="processes a row")
    times = parser.parse_args().times
    print(f"{'':24}{'ms':>6}{'bare':>6}{'ratio':>7}{'aim':>6}")
    for name, (words, aim) in ROWS.items():
        spent(words)  # compiles what is not compiled yet
        pairs = [(spent(BARE), spent(words)) for _ in range(times)]
        bare, taken = (1000 * min(column) for column in zip(*pairs, strict=True))
        print(f"{name:24}{taken:6.0f}{bare:6.0f}{taken / bare:7.1f}{aim:6}")
