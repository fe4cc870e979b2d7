"""What a command loads before it does anything. What that costs is printed by benchmarks/startup.py."""

import subprocess
import sys

import click
import pytest

from preheat.cli.command import first_sentence
from preheat.cli.main import COMMANDS, root

HEAVY = {"typer", "pydantic", "plotext", "numpy", "matplotlib", "jinja2", "yaml", "torch", "transformers", "accelerate"}


def loaded_by(*words):
    """All modules that a process has after a command."""
    code = """
import sys
from preheat.cli.main import run
try:
    run(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code
print("loaded", *sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("loaded ")[2].split())


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "show linear cosine --updates 3600 --lr 1e-4",
        "show linear --log --json",
        "plan --examples 9 --batch-size 2 --epochs 1",
        *(f"{name} --help" for name in COMMANDS),
        "study plan --help",
        "study warmup --help",
    ],
)
def test_help_show_and_plan_load_nothing_heavy(words):
    """No parser of files, no arrays, no framework: all of them answer at once."""
    loaded = loaded_by(*words.split())
    assert not loaded & HEAVY
    # Nor the modules of any other command.
    own = {f"preheat.cli.{COMMANDS[name][0]}" for name in COMMANDS if name == words.split()[0]}
    every = {f"preheat.cli.{module}" for module, _ in COMMANDS.values()}
    assert loaded & every == own


@pytest.mark.parametrize(("language", "read"), [("en", 0), ("zh", 1)])
def test_english_reads_no_catalogue(language, read):
    """Its sentences are the ids; another language's are read once."""
    code = """
import sys
from preheat.cli.main import run
from preheat.messages import languages
try:
    run(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code
print(languages._templates.cache_info().currsize)
"""
    for words in (["--help"], ["plan", "--examples", "9", "--batch-size", "2", "--epochs", "1"]):
        asked = [sys.executable, "-c", code, "--lang", language, *words]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == str(read)


def test_a_plan_loads_no_curve():
    """Counting needs lengths alone."""
    assert "preheat.schedule.curves" not in loaded_by("plan", "--examples", "9", "--batch-size", "2", "--epochs", "1")


def test_every_summary_is_the_commands_own():
    """The table that the help page shows, against the help of every command; none is too long for one line."""
    for name, (_, summary) in COMMANDS.items():
        command = root.get_command(click.Context(root), name)
        assert command.name == name
        assert first_sentence(command.help) == summary
        assert len(summary) <= 62  # beside the names, in 80 columns
