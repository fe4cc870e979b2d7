"""Flags that several commands have, and how words of the command line become values: the same way in every command."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from preheat.cli.command import PATH, Decorator, option
from preheat.errors import ConfigError, RunError, refusal
from preheat.messages import _, joined
from preheat.messages.languages import tell

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.lab.training.config import TrainConfig
    from preheat.schedule import Schedule


def flags(*options: Decorator) -> Decorator:
    """Several options as one decorator, in the order of the help page."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for one in reversed(options):
            function = one(function)
        return function

    return add


warmup_flag = option(
    "--warmup", metavar="LENGTH", help=_('Warm-up of schedules given by name: updates, a fraction or "10%" [10%].')
)
options_flag = option(
    "--schedule-options",
    multiple=True,
    metavar="NAME=VALUE",
    help=_("An option of schedules given by name; may be repeated."),
)
force_flag = option("--force", is_flag=True, help=_("Replace the file if it exists."))

# --- Schedules ------------------------------------------------------------------------------------------------------


def parse_length(word: str) -> int | float | str:
    """``100`` updates, ``0.1`` of the run or ``10%`` of it; anything else is left for the schedule to refuse.

    >>> parse_length("100"), parse_length("0.1"), parse_length("10%")
    (100, 0.1, '10%')
    """
    # In this order: 100 is a count of updates, 0.1 a share of the run.
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return word


def parse_options(pairs: Sequence[str]) -> dict[str, int | float | str]:
    """``name=value`` words as a dictionary.

    >>> parse_options(["num_cycles=3", "decay_type=linear"])
    {'num_cycles': 3, 'decay_type': 'linear'}
    """
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            advice = _("For example --schedule-options num_cycles=3.")
            raise ConfigError(refusal("schedule option", _("written name=value"), pair, advice))
        options[name.strip()] = parse_length(value.strip())
    return options


def named_schedule(words: str, updates: int, warmup: str | None, lr: float, options: Sequence[str]) -> Schedule:
    """The schedule a command line asks for: a name with its arguments (a warm-up of 10 % unless told), or words."""
    from preheat.schedule.named import is_text, read_schedule, refuse_reserved, usual_warmup

    own: dict[str, Any] = parse_options(options)
    refuse_reserved(own)
    length: Any = None if warmup is None else parse_length(warmup)
    if not is_text(words):
        length = usual_warmup(words, length)
    return read_schedule(words, warmup=length, total=updates, lr=lr, total_name="updates", **own)


def schedule_as_said(words: str, updates: int, warmup: str | None, lr: float, options: Sequence[str] = ()) -> Schedule:
    """As :func:`named_schedule` where one set of flags serves several: they are for names, words say their own."""
    from preheat.schedule.named import is_text

    return named_schedule(words, updates, *(None, lr, ()) if is_text(words) else (warmup, lr, options))


# --- Files and answers ----------------------------------------------------------------------------------------------


def new_file(path: Path, force: bool) -> None:
    """Refuse to write over a file that is there, unless told to."""
    if path.exists() and not force:
        raise RunError(refusal("save", _("a new file"), str(path), _("Name another one, or add --force.")))


def write_text(text: str, path: Path) -> None:
    """Write a file whole, and say so on standard error: standard output may be read by a program."""
    from preheat.files import replacing

    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")
    say_written(path)


def say_written(path: Path) -> None:
    """Where a file or folder is."""
    say(_("wrote {path}", path=path))


def say(line: str) -> None:
    """A line on standard error, in the reader's language."""
    print(tell(line), file=sys.stderr)


def print_json(data: Any) -> None:
    """One report on standard output, as JSON: in English, whoever reads it."""
    import json

    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    # A terminal of another encoding would end the program at the first letter it lacks.
    every_letter = codecs.lookup(encoding).name.startswith("utf")
    print(json.dumps(data, indent=2, ensure_ascii=not every_letter))


def print_answer(answer: Any, *, as_json: bool) -> None:
    """An answer on standard output: its words, or its numbers as JSON."""
    if as_json:
        print_json(answer.to_dict())
    else:
        print(tell(answer))


# --- The plan that a log or a checkpoint is held against, as a command line names it --------------------------------

_FILES = (".json", ".toml", ".yaml", ".yml", ".cfg", ".ini")


def plan_flags(lr: str = _("The plan's peak; left out, only shapes are compared.")) -> Decorator:
    """The flags of every command that takes a plan; ``lr`` says what its peak is to the command."""
    return flags(
        option("--updates", type=int, metavar="UPDATES", help=_("Updates of the run, for plans in shares of it.")),
        warmup_flag,
        option("--lr", type=float, metavar="RATE", help=lr),
        options_flag,
    )


def read_plan(
    spec: str, updates: int | None, warmup: str | None, lr: float | None, options: Sequence[str], asked: str
) -> tuple[Schedule, float | None]:
    """The schedule that ``spec`` names, and its peak if that is known.

    Args:
        spec: the name of a schedule, one in words, a file of one, or another framework's configuration.
        updates: updates of the run, if known.
        warmup: the warm-up of a named one.
        lr: its peak, if known.
        options: ``name=value`` words of a named one.
        asked: what does not say how long the run is, a message: ``_("the log")``.
    """
    from pathlib import Path

    path = Path(spec)
    # By its ending too: a mistyped file should be refused as a file, and not read as words.
    if path.suffix.lower() in _FILES or path.is_file():
        return _from_file(path, updates, lr)
    from preheat.schedule import parse
    from preheat.schedule.named import is_text

    if is_text(spec):
        return parse(spec), lr
    if updates is None:
        advice = _("Give --updates, or words that need no total.")
        raise ConfigError(
            refusal(
                "updates",
                _("given for {spec!r}, whose length {asked} does not say", spec=spec, asked=asked),
                None,
                advice,
            )
        )
    return named_schedule(spec, updates, warmup, 1.0 if lr is None else lr, options), lr


def _from_file(path: Path, updates: int | None, lr: float | None) -> tuple[Schedule, float | None]:
    from preheat.dialects import read
    from preheat.dialects.loading import load
    from preheat.schedule.text import schedule_from_file

    data = load(path)
    if isinstance(data, Mapping) and "version" in data and {"kind", "schedule"} & {*data}:
        return schedule_from_file(data), lr
    imported = read(data, total=updates, peak=lr)
    return imported.schedule, imported.base_lr


# --- The settings of a run, for the commands that take one: a file and flags say the same ---------------------------

config_flag = option(
    "--config",
    type=PATH,
    metavar="FILE",
    help=_("TOML or JSON file whose keys are the flags; flags win."),
)


def setting_flags(without: Collection[str] = ()) -> Decorator:
    """A flag for every setting of a run but those named; the function takes them as ``**settings``, None if not given.

    They are made from :mod:`preheat.lab.training.settings`, which needs no pydantic: help has to answer at once.
    """
    from preheat.lab.training.settings import SETTINGS

    return flags(*(_setting_flag(name, SETTINGS[name]) for name in SETTINGS if name not in without))


def _setting_flag(name: str, setting: Any) -> Decorator:
    words = f"--{name.replace('_', '-')}"
    if setting.kind is bool:
        return option(words, is_flag=True, default=None, help=setting.help)
    default = setting.default
    says = setting.help
    if default not in (None, {}, [], ""):
        says = joined(" ", [says, _("Default: {value}.", value=_shown(default))])
    return option(
        words,
        type=setting.kind,
        multiple=setting.many,
        metavar=setting.metavar,
        help=says,
    )


def _shown(default: Any) -> str:
    return ", ".join(default) if isinstance(default, list) else f"{default}"


def given_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given as flags, in the types that a file's keys have."""
    # Click gives a tuple for what may be repeated, empty where it was not said; TOML and JSON have lists.
    given: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
        if value not in (None, ())
    }
    if "warmup" in given:
        given["warmup"] = parse_length(given["warmup"])
    if "schedule" in given:
        from preheat.schedule.text import vouch_for

        vouch_for(given["schedule"])
    if "schedule_options" in given:
        given["schedule_options"] = parse_options(given["schedule_options"])
    return given


def read_settings(file: Path | None, settings: Mapping[str, Any]) -> TrainConfig:
    """The configuration that a file and the flags that were given make."""
    from preheat.lab.training.config import read_config

    return read_config(file, given_settings(settings))
