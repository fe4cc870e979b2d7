"""The commands together, and what every one of them does with an error.

The group knows each command's module and one sentence about it, so that ``preheat --help`` and a shell's Tab load no
command at all, and a command loads no other one's module.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from typing import Any

import click

from preheat import __version__
from preheat.cli.command import COMPLETE, Group
from preheat.errors import ConfigError, DataError, PlanError, PreheatError, ScheduleError, missing_extra

# Every command in the order of the help page: its module, and the first sentence of its help (a test compares them).
COMMANDS = {
    "show": ("schedules", "Draw one schedule, or several in one picture."),
    "check": ("schedules", "Look for mistakes before the run does."),
    "resume-check": ("runs", "Say what resuming a checkpoint does to the learning rate."),
    "diff": ("schedules", "Compare two schedules update by update."),
    "convert": ("schedules", "Translate another framework's learning-rate configuration."),
    "plan": ("schedules", "Count the updates of a run and of its warm-up."),
    "score": ("advice", "Rank schedules by a bound, before any training."),
    "transfer": ("advice", "Carry a peak learning rate to another schedule or run length."),
    "refine": ("advice", "Make a schedule from the gradient norms that a run logged."),
    "rung-check": ("advice", "Say whether finished runs could have been stopped early."),
    "forecast": ("advice", "Predict the loss of a schedule from short runs."),
    "optimize": ("advice", "Find the best schedules under a law fitted to short runs."),
    "surface": ("advice", "Fit the loss over shapes and peaks to finished runs."),
    "audit": ("runs", "Say what a run's learning rate did, from its log."),
    "watch": ("runs", "Run a training script and say what its learning rate did."),
    "find-lr": ("train", "Try learning rates on a run, and suggest a peak."),
    "train": ("train", "Fine-tune or train a text classifier with a schedule."),
    "evaluate": ("train", "Score a trained run: loss, accuracy and macro F1."),
    "classify": ("train", "Classify texts from arguments, a file or standard input."),
    "studio": ("studio", "Open the studio, a local page, in a browser."),
    "study": ("study", "Compare schedules, peaks and warm-up lengths over seeds."),
}
# What only the extra train brings, wherever a command comes to need it first.
TRAINING = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "tqdm", "pydantic")
_MISUSE = (ConfigError, DataError, PlanError, ScheduleError)


class LazyGroup(Group):
    """A group of :data:`COMMANDS`, each of which loads when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names."""
        return list(COMMANDS)

    def summary(self, name: str) -> str:
        """One sentence about a command."""
        return COMMANDS[name][1]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, out of its module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"preheat.cli.{COMMANDS[cmd_name][0]}")
        value: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return value


def _completion(install: bool) -> Any:
    """The callback of a flag that answers about completion and stops."""

    def answer(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            from preheat.cli import completion

            print(completion.install(root) if install else completion.script(root))
            ctx.exit()

    return answer


@click.group(cls=LazyGroup, context_settings={"show_default": True})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, message="preheat %(version)s", help="Print the version and stop.")
@click.option(
    "--install-completion",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_completion(install=True),
    help="Install completion for the current shell.",
)
@click.option(
    "--show-completion",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_completion(install=False),
    help="Print the script that completes in the current shell.",
)
def root(debug: bool) -> None:
    """Learning-rate warm-up and schedules: see them, count their updates, train with them.

    Example: preheat show warmuplinear --warmup 100 --updates 3600 --lr 1e-4
    """


def _sentence(error: Exception) -> str:
    """What went wrong, in words: ours as they are, the system's with the file, anything else with its type."""
    if isinstance(error, PreheatError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    if isinstance(error, ModuleNotFoundError) and error.name in TRAINING:
        return str(missing_extra(error.name, "train"))
    return f"{type(error).__name__}: {error} (preheat --debug ... shows where)"


class _Unread(io.FileIO):
    """A pipe whose reader may have seen enough before the end, as ``head`` has: what comes after that is dropped."""

    def write(self, data: Any, /) -> int:
        """Write what is still read."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(data)


def _never_fail_on_output() -> None:
    """Write letters that an output's encoding lacks, in a file's name say, as escapes; let a reader leave early.

    A command whose reader has left goes on to its end, so that files are whole and its exit code is what it found,
    however fast the reader was.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # Streams that others put in their place may have none of this.
        if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        if stream is not None and stream is getattr(sys, f"__{name}__") and not stream.isatty():
            stream.flush()
            raw = io.BufferedWriter(_Unread(stream.fileno(), "wb", closefd=False))
            same = ("encoding", "errors", "line_buffering", "write_through")
            setattr(sys, name, io.TextIOWrapper(raw, **{key: getattr(stream, key) for key in same}))


def _answered(words: list[str]) -> int:
    """Run what ``words`` say; the exit code."""
    # Click's own main() would say "Aborted!" and exit 1 where somebody presses Ctrl-C, and name the program by how
    # it was started: "python -m preheat".
    if instruction := os.environ.get(COMPLETE):
        from click.shell_completion import shell_complete

        return shell_complete(root, {}, "preheat", COMPLETE, instruction)
    try:
        with root.make_context("preheat", [*words]) as context:
            root.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as misuse:
        misuse.show()
        return misuse.exit_code
    return 0


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; exit 0 when done, 2 on misuse, 1 on failure, 130 when interrupted."""
    words = sys.argv[1:] if arguments is None else arguments
    _never_fail_on_output()
    try:
        code = _answered(words)
    except Exception as error:
        if "--debug" in words:
            raise
        print(f"preheat: {_sentence(error)}", file=sys.stderr)
        code = 2 if isinstance(error, _MISUSE) else 1
    except KeyboardInterrupt:
        print("preheat: interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)
