"""The tests that need little: ``scripts/test core`` and ``scripts/package`` run them where little is installed.

python tests/support/light.py core                  # files that need NumPy, pytest and hypothesis, as pytest takes them
python tests/support/light.py cli tests/dialects    # also what preheat[cli,plot] brings; those of a folder

A file needs what it imports anywhere, what the helpers and the parts of preheat that it imports need, and what its
fixtures do.
"""

import ast
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
CORE = {"numpy", "pytest", "hypothesis", "preheat", "support"}
BROUGHT = {
    "core": CORE,
    "cli": CORE | {"cli", "click", "yaml", "matplotlib", "jinja2", "PIL"},
    "studio": CORE | {"cli", "click", "yaml", "studio", "nicegui", "httpx"},
}
# What modules of preheat need to be imported or used; the others need NumPy at most.
PARTS = {
    "preheat.cli": "cli",
    "preheat.deepspeed": "torch",
    "preheat.keras": "keras",
    "preheat.lab": "torch",
    "preheat.lightning": "torch",
    "preheat.optax": "jax",
    "preheat.studio": "studio",
    "preheat.torch": "torch",
    "preheat.transformers": "torch",
    "preheat.view": "matplotlib",
}
# Tests of files that are light otherwise: they read a text as YAML.
YAML = (
    "tests/dialects/test_dialects.py::test_what_a_dialect_reads_it_writes[composer",
    "tests/dialects/test_dialects.py::test_what_a_yaml_parser_says",
    "tests/dialects/test_fairseq.py::test_flags_and_hydra_are_two_spellings",
)
FIXTURES = {"cli": "cli", "make_optimizer": "torch", "update": "torch", "warm_watched": "torch"}


def needs(path):
    """Top-level names of what a file imports outside the standard library, and ``cli`` or ``studio``."""
    source = path.read_text(encoding="utf-8")
    wanted = {"yaml"} if "yaml" in source else set()  # which is read where a configuration is a file
    if "_extensions" in source:  # those of the documentation, which load what it is built with
        wanted.add("sphinx")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{name.name}" for name in node.names]
        else:
            modules = []
        for module in modules:
            wanted.add(module.partition(".")[0])
            wanted |= {need for part, need in PARTS.items() if f"{module}.".startswith(f"{part}.")}
            if module.startswith("support."):
                wanted |= needs_of_helper(module)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            wanted |= {FIXTURES[argument.arg] for argument in node.args.args if argument.arg in FIXTURES}
    return wanted - sys.stdlib_module_names


def needs_of_helper(module):
    """What a module of tests/support needs; ``module`` may end in a name that it holds."""
    parts = module.split(".")
    while len(parts) > 1:
        path = TESTS.joinpath(*parts).with_suffix(".py")
        if path.is_file():
            return needs(path)
        parts.pop()
    return set()


def light(brought, folders):
    """Test files in these folders that need nothing but what is brought; a file is taken as it is named."""
    for folder in folders:
        for path in [folder] if folder.is_file() else sorted(folder.rglob("test_*.py")):
            if needs(path) <= BROUGHT[brought]:
                yield path


if __name__ == "__main__":
    kind, *named = sys.argv[1:]
    words = [str(path) for path in light(kind, [Path(name) for name in named] or [TESTS])]
    words += [f"--deselect={test}" for test in YAML if "yaml" not in BROUGHT[kind]]
    print("\n".join(words))
