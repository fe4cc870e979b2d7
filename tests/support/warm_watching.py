"""Scripts watched in forks of one process that has loaded what they import, with the recorder attached to it.

``preheat watch`` starts a script in an interpreter of its own, whose ``sitecustomize`` attaches the recorder before
torch is there; most of its time goes into importing torch and what stands on it. Here one process attaches the recorder
in the same way, imports all that once, and forks for each script: the script and the recorder run as they would alone.

As a program it reads lines of JSON, ``{"script", "arguments", "folder"}``, and answers each with an exit code.
"""

import contextlib
import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path

from preheat.watching.verdict import ATTACHED


class WarmProcess:
    """The process, from the side of the tests."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run_watched(self, command, folder):
        """In place of :func:`preheat.watching.run_watched`: the exit code of ``python script arguments...``."""
        _python, script, *arguments = command
        asked = {"script": str(script), "arguments": arguments, "folder": str(folder)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


def attached_recorder():
    """Attach a recorder as a watched interpreter does when it starts."""
    sys.path.insert(0, str(ATTACHED))
    import preheat_attach

    made = []

    class Kept(preheat_attach.Recorder):
        """The same, known to this process, which tells each fork another folder."""

        def __init__(self, folder):
            super().__init__(folder)
            made.append(self)

    preheat_attach.Recorder = Kept
    preheat_attach.attach("")
    return made[0]


def run(script, arguments):
    """What ``python script arguments...`` runs, in this process; its exit code."""
    sys.path.insert(0, str(Path(script).parent))
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as stop:
        return stop.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main():
    """Answer until there is nothing more to read."""
    recorder = attached_recorder()
    import accelerate  # noqa: F401 - loaded once, for all of the forks
    import lightning  # noqa: F401
    import torch  # noqa: F401
    import transformers.optimization  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)  # standard output is for answers
            recorder.folder = asked["folder"]
            code = run(asked["script"], asked["arguments"])
            with contextlib.suppress(OSError):
                sys.stderr.flush()
            os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
