"""Running a command with the recorder attached to every Python process in it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

ATTACHED = Path(__file__).parent / "attach"


def run_watched(command: Sequence[str], folder: Path) -> int:
    """Run ``command`` to its end, recording into ``folder``; its exit code, or 128 + n where signal n ended it.

    Standard input, output and error are the command's own. Signals that stop this process are passed on.

    Raises:
        FileNotFoundError: if there is no such command.
    """
    paths = [str(ATTACHED), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PREHEAT_WATCH": str(folder), "PYTHONPATH": os.pathsep.join(paths)}
    child = subprocess.Popen(command, env=environment)

    def pass_on(number: int, _frame: object) -> None:
        child.send_signal(number)

    # The terminal's Ctrl-C reaches the child by itself: here it must only not end the waiting.
    earlier = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, pass_on),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
    }
    try:
        code = child.wait()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
