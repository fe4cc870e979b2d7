"""Programs run in forks of one process that has loaded what they import: importing torch is most of what they take.

Each fork runs its program as ``python`` would, from its own folder, with its own arguments and output. The process may
have the recorder of ``preheat watch`` attached, by the very files that attach it to a watched interpreter when it
starts: before torch is there. Run as a program, this reads a line of JSON for each program and answers with the
number of the fork, or a line that asks for the exit code of one.
"""

import json
import os
import runpy
import subprocess
import sys
import traceback
from importlib import import_module
from pathlib import Path

from preheat.watching.verdict import _ATTACH


class WarmProcess:
    """The process, from the side of the tests.

    Args:
        modules: what it imports before the first program.
        watched: whether the recorder is attached to it.
        environment: what is added to ours.
    """

    def __init__(self, *modules, watched=False, environment=None):
        words = [sys.executable, __file__, *(["--watched"] if watched else []), *modules]
        environment = {**os.environ, **(environment or {})}
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
        )

    def _ask(self, **question):
        self.process.stdin.write(json.dumps(question, default=str) + "\n")
        return int(self.process.stdout.readline())

    def start(self, program, arguments, *, folder=".", output=os.devnull, errors=None, record="", session=False):
        """Start a script, or a module as ``python -m`` does; the number of its process.

        Args:
            program: the path of the script, or the module's name.
            arguments: words for it.
            folder: where it runs.
            output: the file for its standard output.
            errors: the file for its standard error; None leaves that to be ours.
            record: the folder of the recorder.
            session: whether it and what it starts are a group of processes of their own.
        """
        asked = {"program": program, "arguments": arguments, "folder": folder, "output": output, "errors": errors}
        return self._ask(**asked, record=record, session=session)

    def wait(self, number):
        """The exit code of one that was started, once it has ended."""
        return self._ask(wait_for=number)

    def run(self, program, arguments, **how):
        """Start a program and wait for its end; its exit code."""
        return self.wait(self.start(program, arguments, **how))

    def run_watched(self, command, folder, **how):
        """In place of :func:`preheat.watching.run_watched`: the exit code of ``python script arguments...``."""
        _python, script, *arguments = command
        code = self.run(script, arguments, record=folder, **how)
        return code if code >= 0 else 128 - code

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


def attached_recorder():
    """Attach a recorder as a watched interpreter does when it starts."""
    sys.path.insert(0, str(_ATTACH))
    import preheat_attach

    made = []

    class Kept(preheat_attach.Recorder):
        """The same, known to this process, which gives each fork another folder."""

        def __init__(self, folder):
            super().__init__(folder)
            made.append(self)

    preheat_attach.Recorder = Kept
    preheat_attach.attach("")
    return made[0]


def run(program, arguments):
    """What ``python program arguments...`` runs, in this process; its exit code."""
    sys.argv = [program, *arguments]
    try:
        if program.endswith(".py"):
            sys.path.insert(0, str(Path(program).parent))
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def fork(asked, recorder):
    """Run one program in a fork; its number."""
    child = os.fork()
    if child == 0:
        if asked["session"]:
            os.setsid()
        os.dup2(os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 1)
        if asked["errors"] is not None:
            os.dup2(os.open(asked["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 2)
        os.chdir(asked["folder"])
        os.environ["COLUMNS"] = "80"  # of pages and of files, whatever the terminal of who runs the tests
        if recorder is not None:
            recorder.folder = asked["record"]
        code = run(asked["program"], asked["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return child


def answer(asked, recorder):
    """The exit code that is asked for, or the number of a new fork."""
    if "wait_for" in asked:
        return os.waitstatus_to_exitcode(os.waitpid(asked["wait_for"], 0)[1])
    return fork(asked, recorder)


def main():
    """Load what is named, then answer until there is nothing more to read."""
    modules = sys.argv[1:]
    recorder = None
    if modules[:1] == ["--watched"]:
        recorder = attached_recorder()
        del modules[0]
    for module in modules:
        import_module(module)
    for line in sys.stdin:
        print(answer(json.loads(line), recorder), flush=True)


if __name__ == "__main__":
    main()
