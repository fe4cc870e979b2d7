"""Runs the examples in the Markdown files: Python blocks, and the ``$ preheat`` lines of console blocks."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser


def run_console(example):
    """Each ``$ preheat ...`` has to succeed; output shown under a command has to be its own."""
    for command in example.parsed.split("$ ")[1:]:
        line, _, shown = command.partition("\n")
        words = shlex.split(line)
        assert words[0] == "preheat", f"only preheat commands are run: {line}"
        done = subprocess.run(
            [sys.executable, "-m", *words],
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"},
        )
        assert done.returncode == 0, done.stderr
        if shown.strip():
            assert done.stdout.rstrip() == shown.rstrip()


@pytest.fixture
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="console", evaluator=run_console)],
    patterns=["*.md"],
    path=str(Path(__file__).parent),
    fixtures=["_empty_folder"],
).pytest()
