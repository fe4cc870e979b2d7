"""The commands together, and what every one of them does with an error.

The group knows each command's module and one sentence about it, so that ``preheat --help`` and a shell's Tab load no
command at all, and a command loads no other one's module.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from itertools import pairwise
from typing import Any

import click

from preheat import __version__
from preheat.cli.command import COMPLETE, LANGUAGE, Group, Option, option
from preheat.errors import ConfigError, DataError, PlanError, PreheatError, ScheduleError, missing_extra, system_words
from preheat.messages import _, joined
from preheat.messages.languages import LANGUAGES, VARIABLE, known, reader, speak, tell

# Every command in the order of the help page: its module, and the first sentence of its help (a test compares them).
COMMANDS = {
    "show": ("schedules", _("Draw one schedule, or several in one picture.")),
    "check": ("schedules", _("Look for mistakes before the run does.")),
    "resume-check": ("runs", _("Say what resuming a checkpoint does to the learning rate.")),
    "diff": ("schedules", _("Compare two schedules update by update.")),
    "convert": ("schedules", _("Translate another framework's learning-rate configuration.")),
    "plan": ("schedules", _("Count the updates of a run and of its warm-up.")),
    "score": ("advice", _("Rank schedules by a bound, before any training.")),
    "transfer": ("advice", _("Carry a peak learning rate to another schedule or run length.")),
    "refine": ("advice", _("Make a schedule from the gradient norms that a run logged.")),
    "rung-check": ("advice", _("Say whether finished runs could have been stopped early.")),
    "forecast": ("advice", _("Predict the loss of a schedule from short runs.")),
    "optimize": ("advice", _("Find the best schedules under a law fitted to short runs.")),
    "surface": ("advice", _("Fit the loss over shapes and peaks to finished runs.")),
    "audit": ("runs", _("Say what a run's learning rate did, from its log.")),
    "watch": ("runs", _("Run a training script and say what its learning rate did.")),
    "find-lr": ("train", _("Try learning rates on a run, and suggest a peak.")),
    "train": ("train", _("Fine-tune or train a text classifier with a schedule.")),
    "evaluate": ("train", _("Score a trained run: loss, accuracy and macro F1.")),
    "classify": ("train", _("Classify texts from arguments, a file or standard input.")),
    "studio": ("studio", _("Open the studio, a local page, in a browser.")),
    "study": ("study", _("Compare schedules, peaks and warm-up lengths over seeds.")),
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
        return tell(COMMANDS[name][1])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, out of its module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"preheat.cli.{COMMANDS[cmd_name][0]}")
        value: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return value


def _completion(install: bool) -> Any:
    """The callback of a flag that answers about completion and stops."""

    def answer(ctx: click.Context, _flag: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            from preheat.cli import completion

            print(tell(completion.install(root) if install else completion.script(root)))
            ctx.exit()

    return answer


@click.group(cls=LazyGroup, context_settings={"show_default": True})
@option(
    LANGUAGE,
    metavar="CODE",
    expose_value=False,
    help=_(
        "Language of what is shown, {codes}; after a command's name too. Left out, {variable} says it, or the locale.",
        codes=joined(", ", LANGUAGES),
        variable=VARIABLE,
    ),
)
@option("--debug", is_flag=True, help=_("Show the traceback of an error."))
@click.version_option(__version__, cls=Option, message="preheat %(version)s", help=_("Print the version and stop."))
@option(
    "--install-completion",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_completion(install=True),
    help=_("Install completion for the current shell."),
)
@option(
    "--show-completion",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_completion(install=False),
    help=_("Print the script that completes in the current shell."),
)
def root(debug: bool) -> None:
    """Learning-rate warm-up and schedules: see them, count their updates, train with them.

    Example: preheat show warmuplinear --warmup 100 --updates 3600 --lr 1e-4
    """


def _sentence(error: Exception) -> str:
    """What went wrong, in words: ours as they are, the system's with the file, anything else with its type."""
    if isinstance(error, PreheatError):
        return error.args[0] if len(error.args) == 1 else str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return joined(": ", [system_words(error), str(error.filename)])
    if isinstance(error, ModuleNotFoundError) and error.name in TRAINING:
        return _sentence(missing_extra(error.name, "train"))
    return _("{kind}: {problem} (preheat --debug ... shows where)", kind=type(error).__name__, problem=error)


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


def _speak(words: list[str]) -> None:
    """Speak the language that ``words`` ask for, else the reader's; what is started from here speaks it too.

    It is known before any word is read: a page of help and a refusal are in it wherever ``--lang`` stands.
    """
    own = words[: words.index("--")] if "--" in words else words  # what comes after is another program's
    asked = [
        value if word == LANGUAGE else word.partition("=")[2]
        for word, value in pairwise([*own, ""])
        if word.partition("=")[0] == LANGUAGE
    ]
    usual, problem = "en", None
    try:
        usual = reader()
    except ConfigError as error:
        problem = error
    speak(_that_can_be_written(usual))
    if asked:
        os.environ[VARIABLE] = known("lang", asked[-1])
        speak(_that_can_be_written(os.environ[VARIABLE]))
    elif problem is not None:
        raise problem


def _that_can_be_written(language: str) -> str:
    """English where the terminal has no letters for the language: they would all be escapes."""
    try:
        LANGUAGES[language].encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return "en"
    return language


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
    before = os.environ.get(VARIABLE)
    try:
        code = _run(words)
    finally:  # for who calls this in a process of their own
        speak(None)
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before
    sys.exit(code)


def _run(words: list[str]) -> int:
    """Run what ``words`` say, and say what went wrong; the exit code."""
    try:
        _speak(words)
        return _answered(words)
    except Exception as error:
        if "--debug" in words:
            raise
        _complain(_sentence(error))
        return 2 if isinstance(error, _MISUSE) else 1
    except KeyboardInterrupt:
        _complain(_("interrupted"))
        return 130


def _complain(problem: str) -> None:
    print(tell(_("preheat: {problem}", problem=problem)), file=sys.stderr)
