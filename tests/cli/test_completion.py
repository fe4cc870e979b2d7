"""Tab in a real bash, and what is loaded to answer it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import preheat
from preheat.cli.completion import SHELLS, script
from preheat.cli.main import COMMANDS, root

SCRIPTS = Path(sys.executable).parent


def bash(script, home):
    """What bash prints, with ``preheat`` on its path and a home of its own."""
    environment = {**os.environ, "HOME": str(home), "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=home, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def tab(home, *words, cursor=None, before=""):
    """What Tab offers at the last word, or at another, where the script is installed for this shell only."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"""
eval "$(preheat --show-completion)"
{before}
COMP_WORDS=(preheat {quoted}) COMP_CWORD={cursor or len(words)}
_preheat_completion preheat
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return bash(script, home).split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("s",), ["show", "score", "surface", "studio", "study"]),
        (("",), [*COMMANDS]),
        (("--v",), ["--version"]),
        (("show", "--s"), ["--schedule-options", "--save"]),
        (("show", "linear", "--lr", "1e-4", "--up"), ["--updates"]),
        (("show", '"warmup 10% > cosine"', "--up"), ["--updates"]),
        (("diff", "linear", "warmupcosinewith"), ["warmupcosinewithhardrestarts"]),
        (("convert", "ds.json", "--from", "deep"), ["deepspeed"]),
        (("study", "re"), ["resume", "report"]),
        (("study", "run", "--horiz"), ["--horizon"]),
        (("resume-check", "--wi"), ["--with"]),
        (("train", "--find"), []),
        (("train", "--token-d"), ["--token-dropout"]),
    ],
    ids=" ".join,
)
def test_tab_offers_commands_flags_and_names(tmp_path, words, offered):
    """Commands in the order of the help page; flags of the command that is meant, and names where one is due."""
    assert tab(tmp_path, *words) == offered


def test_tab_in_the_middle_of_a_line(tmp_path):
    """What stands after the cursor says nothing about the command."""
    assert tab(tmp_path, "tr", "--lr", "1e-4", cursor=1) == ["transfer", "train"]


def test_files_are_left_to_the_shell(tmp_path):
    """Nothing of ours is offered where a file is due, and bash is told to offer its own."""
    (tmp_path / "curves.png").touch()
    said = tab(tmp_path, "show", "linear", "--save", "cur", before="compopt() { echo compopt $*; }")
    assert said == ["compopt", "-o", "default"]


def test_completion_is_installed_for_the_shell_it_is_called_from(tmp_path):
    """A file of its own, and one line in .bashrc that reads it."""
    said = bash("preheat --install-completion; true", tmp_path)
    assert f"bash completion installed in {tmp_path}/.bash_completions/preheat.sh" in said
    assert bash("source ~/.bashrc; complete -p preheat", tmp_path).endswith("-F _preheat_completion preheat\n")


def loaded(shell, words):
    """Modules of ours that are there after an answer to a shell, and the answer."""
    code = """
import sys
from preheat.cli.main import run
try:
    run([])
except SystemExit as stop:
    assert not stop.code
print("loaded", *(name for name in sys.modules if name.startswith("preheat")))
"""
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1)}
    environment = {**os.environ, "_PREHEAT_COMPLETE": f"{shell}_complete", **asked}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    answer, _, modules = done.stdout.rpartition("loaded")
    return answer, set(modules.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_names_of_commands_load_none_of_them(shell):
    """In every shell: an answer before a command is imported, with what it does where the shell shows that."""
    answer, modules = loaded(shell, ["preheat", "trai"])
    assert "train" in answer
    assert ("Fine-tune or train" in answer) == (shell != "bash")
    assert modules == {
        "preheat",
        "preheat.cli",
        "preheat.cli.main",
        "preheat.cli.command",
        "preheat.errors",
        "preheat.messages",
        "preheat.messages.languages",
        "preheat._faces",
    }


@pytest.mark.parametrize("shell", SHELLS)
def test_flags_load_their_own_command_only(shell):
    """The flags of plan need plan's module, and no other command's."""
    answer, modules = loaded(shell, ["preheat", "plan", "--ex"])
    assert "--examples" in answer
    every = {f"preheat.cli.{module}" for module, _ in COMMANDS.values()}
    assert modules & every == {"preheat.cli.schedules"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_every_shell_has_a_script(shell):
    """Printed for the shell that is named where none is running."""
    assert f"_PREHEAT_COMPLETE={shell}_complete" in script(root, shell)


def test_version_is_the_packages(cli):
    """For bug reports and scripts: the name and the version, before any command is asked for."""
    assert cli("--version") == (0, f"preheat {preheat.__version__}\n", "")
    assert cli("--version", "show") == (0, f"preheat {preheat.__version__}\n", "")
