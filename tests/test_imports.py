"""What an import loads, and which floor may import which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import preheat

SOURCE = Path(preheat.__file__).parent
DRIVERS = ("torch", "transformers", "lightning", "deepspeed", "optax", "keras")
# Each room with its row (docs/architecture.md): it may import from its own row and from those below.
ROWS = {
    **dict.fromkeys(("_faces", "errors", "files", "limits", "messages"), 0),
    **dict.fromkeys(("schedule", "plan"), 1),
    **dict.fromkeys(("_driver", *DRIVERS), 2),
    **dict.fromkeys(("auditing", "watching", "checkpoints", "checking", "advice", "dialects", "view"), 3),
    "lab": 4,
    **dict.fromkeys(("cli", "studio"), 5),
}
FACE = {"__init__", "__main__"}


def loaded_by(statement):
    """Top-level modules a fresh interpreter has after ``statement``."""
    code = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "statement",
    [
        "import preheat",
        "from preheat import get_schedule, Plan, Schedule; get_schedule('warmuplinear', warmup='10%', total=100)(7)",
        "import preheat; preheat.get_schedule('cosine', total=9).fingerprint; preheat.Plan(10, 2, 1).explain()",
    ],
)
def test_core_loads_the_standard_library_only(statement):
    """No NumPy until an array comes in."""
    before = loaded_by("")
    assert loaded_by(statement) - before - {"preheat"} <= set(sys.stdlib_module_names)


def test_import_preheat_loads_next_to_nothing():
    """Beside the face itself only importlib and what it needs."""
    assert loaded_by("import preheat") - loaded_by("") <= {"preheat", "__future__", "importlib", "warnings"}


def imports_of(path):
    """(module, line) of every import of ours in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{name.name}", node.lineno) for name in node.names)


def room_of(module):
    """The room of a dotted module name of ours; None for the face and for other packages."""
    parts = module.split(".")
    return parts[1] if parts[0] == "preheat" and len(parts) > 1 and parts[1] in ROWS else None


def test_no_room_imports_an_upper_one():
    """The import contract."""
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if own in FACE:
            continue
        for module, line in imports_of(path):
            target = room_of(module)
            if target is not None and ROWS[target] > ROWS[own]:
                wrong.append(f"{path}:{line}: {own} (row {ROWS[own]}) imports {module} (row {ROWS[target]})")
    assert wrong == []


def test_the_one_door_upstairs_is_the_plot_method():
    """Nothing but Schedule.plot opens a module of ours by name below the face."""
    doors = [
        path.relative_to(SOURCE).as_posix()
        for path in sorted(SOURCE.rglob("*.py"))
        if path.name != "__init__.py" and 'import_module("preheat' in path.read_text(encoding="utf-8")
    ]
    assert doors == ["schedule/base.py"]


def test_every_public_name_exists_is_listed_and_documented():
    """``__all__``, ``dir`` and the docs agree."""
    docs = (SOURCE.parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
    for name in preheat.__all__:
        value = getattr(preheat, name)
        assert name in dir(preheat)
        assert f"`{name}`" in docs or f"preheat.{name}" in docs, f"{name} is not in docs/api.md"
        assert value.__doc__ or name == "SCHEDULE_NAMES"
    with pytest.raises(AttributeError, match="module 'preheat' has no attribute 'nothing'"):
        preheat.nothing  # noqa: B018 - the access is the test


def test_type_checkers_see_the_same_names():
    """The names under TYPE_CHECKING are those that load at run time."""
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {name.asname or name.name for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert seen == set(preheat.__all__)


@pytest.mark.parametrize("module", ["base", "sequence", "combine", "text", "named"])
def test_every_kind_of_schedule_is_known_whichever_module_loads_first(module):
    """Names of the package load when first used, and what a file holds may be of any kind."""
    data = preheat.maximum(preheat.linear(9), preheat.plateau()).to_dict()
    code = f"import preheat.schedule.{module}; from preheat import Schedule; print(Schedule.from_dict({data!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{preheat.Schedule.from_dict(data)}\n"


def test_missing_torch_is_one_line():
    """The driver says what to install."""
    code = "import sys; sys.modules['torch'] = None\nimport preheat\npreheat.torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "preheat.errors.MissingExtraError: torch is not installed: pip install 'preheat[train]'"
    )


def test_script_without_the_cli_extra_is_one_line():
    """The installed script, where Click is not."""
    code = "import sys; sys.modules['click'] = None\nfrom preheat.cli.launch import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (1, "click is not installed: pip install 'preheat[cli]'")
