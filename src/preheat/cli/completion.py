"""What a shell is told when somebody presses Tab, and how it comes to ask.

Click answers the shell, from a script of its own for bash, zsh and fish. Here stand the names that arguments offer, and
where that script goes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from preheat.cli.command import COMPLETE
from preheat.errors import ConfigError, refusal
from preheat.messages import _, joined

if TYPE_CHECKING:
    from pathlib import Path

    import click

SHELLS = ("bash", "zsh", "fish")


def schedule_names(ctx: Any, parameter: Any, incomplete: str) -> list[str]:
    """The named schedules that begin so; words of a schedule are nobody's to guess."""
    from preheat.schedule.named import SCHEDULE_NAMES

    return [name for name in SCHEDULE_NAMES if name.startswith(incomplete)]


def dialect_names(ctx: Any, parameter: Any, incomplete: str) -> list[str]:
    """The frameworks with configurations of their own that begin so."""
    from preheat.dialects import DIALECTS

    return [name for name in DIALECTS if name.startswith(incomplete)]


def script(root: click.Command, shell: str | None = None) -> str:
    """The script that makes a shell ask; None takes the shell that preheat was called from."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell or calling_shell())
    assert kind is not None
    return kind(root, {}, "preheat", COMPLETE).source()


def install(root: click.Command) -> str:
    """Write the script to where the shell reads it, and say where that is."""
    from pathlib import Path

    shell, home = calling_shell(), Path.home()
    path = {
        "bash": home / ".bash_completions" / "preheat.sh",
        "zsh": home / ".zfunc" / "_preheat",
        "fish": home / ".config" / "fish" / "completions" / "preheat.fish",
    }[shell]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script(root, shell) + "\n", encoding="utf-8")
    if shell == "bash":
        _add_to(home / ".bashrc", f"source '{path}'")
    elif shell == "zsh":
        _add_to(home / ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit")
    # fish reads its folder by itself.
    return joined(
        "\n",
        [
            _("{shell} completion installed in {path}", shell=shell, path=path),
            _("A shell started from now on completes."),
        ],
    )


def _add_to(path: Path, line: str) -> None:
    """Add a line to a shell's settings, once."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if line not in before.splitlines():
        path.write_text(before + ("" if before.endswith("\n") or not before else "\n") + line + "\n", encoding="utf-8")


def calling_shell() -> str:
    """The shell that preheat was called from: the nearest one among the processes above, else that of ``SHELL``."""
    import subprocess
    from pathlib import Path

    process = os.getppid()
    while process > 1:
        # Of every Unix; /proc would be of Linux alone.
        asked = ["ps", "-o", "ppid=,comm=", "-p", str(process)]
        try:
            told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split(None, 1)
        except (OSError, subprocess.CalledProcessError):
            break
        # A login shell is called -bash, and some systems give the whole path.
        name = Path(told[1].strip().lstrip("-")).name
        if name in SHELLS:
            return name
        process = int(told[0])
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise ConfigError(refusal("shell", _("bash, zsh or fish"), name, _("Call preheat from one of them.")))
    return name
