"""How the source is laid out: one module a concept. ``python tests/test_structure.py`` prints every figure.

Needs the standard library and pytest alone, so that ``scripts/test core`` runs it.
"""

import ast
import io
import json
import tokenize
from collections import defaultdict
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "preheat"
FILES = sorted(SOURCE.rglob("*.py"))
# What is opened from outside, by its name, may have one importer within: frameworks, commands, pages, vocabularies, and
# what is loaded into other people's processes.
DOORS = ("cli", "studio/pages", "dialects", "watching/attach")
FRAMEWORKS = {"torch", "transformers", "lightning", "deepspeed", "optax", "keras"}
# Named after the word that is typed: `preheat audit`, `--to torch`.
NAMED_AFTER_WORDS = ("cli", "dialects", "studio/pages")


def name_of(path):
    """The dotted name of a file of the source."""
    parts = ("preheat", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def lies_in(path, folders):
    return any(path.is_relative_to(SOURCE / folder) for folder in folders)


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(name):
    """The module that an imported name is, or lies in."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


@cache
def imports():
    """Each module with those of ours that it imports anywhere, for types alone or when a function runs included."""
    taken = {}
    for own, path in MODULES.items():
        named = set()
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                named |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                named |= {f"{node.module}.{name.name}" for name in node.names}
        taken[own] = {module_of(name) for name in named if name.partition(".")[0] == "preheat"} - {own, ""}
    return taken


def circles():
    """Modules that import one another, directly or through others; the largest group first."""
    reached = {}
    for start in MODULES:
        seen, waiting = set(), [start]
        while waiting:
            new = imports()[waiting.pop()] - seen
            seen |= new
            waiting += new
        reached[start] = seen
    groups = {
        frozenset(other for other in reached[own] if own in reached[other]) for own in MODULES if own in reached[own]
    }
    return sorted((sorted(group) for group in groups), key=lambda group: (-len(group), group))


def single_importers():
    """Modules that one other module imports, packages' own files aside, with that one."""
    users = defaultdict(set)
    for own, taken in imports().items():
        if MODULES[own].name != "__init__.py":
            for name in taken:
                users[name].add(own)
    return {name: users[name].copy().pop() for name in MODULES if len(users[name]) == 1}


def is_door(name):
    """Whether people come in there: a framework, a command, a page, a vocabulary, or part of a package's face."""
    path = MODULES[name]
    if path.name == "__init__.py" or lies_in(path, DOORS) or (path.parent == SOURCE and path.stem in FRAMEWORKS):
        return True
    faces = [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(SOURCE)]
    return any(name in face_of(face) for face in faces)


@cache
def face_of(path):
    """The modules that a package's own file takes names from, at once or when they are asked for."""
    package = name_of(path)
    texts = {node.value for node in ast.walk(tree_of(path)) if isinstance(node, ast.Constant)}
    named = {text for text in texts if isinstance(text, str) and text in MODULES}
    named |= {f"{package}.{text}" for text in texts if isinstance(text, str) and f"{package}.{text}" in MODULES}
    return imports()[package] | named


def public_functions():
    """The frozen functions of every face, each with the package or module that offers it."""
    frozen = json.loads(Path(__file__).with_name("surface.json").read_text(encoding="utf-8"))["names"]
    offered = defaultdict(set)
    for name in frozen:
        face, _, own = name.rpartition(".")
        if own.islower():
            offered[own].add(f"preheat.{face}".rstrip("."))
    return offered


def namesakes():
    """Modules named as a public function, with who offers the function."""
    offered = public_functions()
    return {
        name: sorted(offered[path.stem])
        for name, path in MODULES.items()
        if path.stem in offered and not lies_in(path, NAMED_AFTER_WORDS)
    }


def comments_and_code(path):
    """Lines that are a comment alone, and lines of code: neither blank, comment nor documentation."""
    text = path.read_text(encoding="utf-8")
    alone, code = set(), set()
    passed_over = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if not token.line[: token.start[1]].strip():
                alone.add(token.start[0])
        elif token.type not in passed_over:
            code |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree_of(path)):
        first = node.body[0] if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            code -= set(range(first.lineno, first.end_lineno + 1))
    return len(alone), len(code)


def comments_by_room():
    """Own-line comments and lines of code of each room, and of the whole."""
    counted = {}
    for path in FILES:
        comments, code = comments_and_code(path)
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for name in (room, "all"):
            before = counted.get(name, (0, 0))
            counted[name] = before[0] + comments, before[1] + code
    return counted


def test_at_most_200_files():
    """A concept is not cut into slices."""
    assert len(FILES) <= 200


def test_no_circle_of_more_than_two_modules():
    """A circle means that one concept lies in several files; of the schedules none does."""
    large = [group for group in circles() if len(group) > 2]
    assert large == []
    assert [group for group in circles() if any(name.startswith("preheat.schedule") for name in group)] == []


def test_who_has_a_single_importer_is_a_door():
    """Anything else belongs into the module that imports it."""
    assert {name: user for name, user in single_importers().items() if not is_door(name)} == {}


def test_no_module_has_the_name_of_a_public_function():
    """Once both are loaded, the one shadows the other where they lie in one package; elsewhere people mix them up."""
    assert namesakes() == {}


def test_comments_say_why():
    """Four own-line comments in 100 lines of code, over the whole; a room may have fewer."""
    comments, code = comments_by_room()["all"]
    assert 100 * comments / code >= 4


def print_figures():
    """Every figure that the tests above hold against a bound."""
    print(f"files: {len(FILES)}")
    for group in circles():
        print(f"circle of {len(group)}: {', '.join(group)}")
    for name, user in single_importers().items():
        print(f"one importer: {name} <- {user}{' (a door)' if is_door(name) else ''}")
    for name, faces in namesakes().items():
        print(f"named as a function of {', '.join(faces)}: {name}")
    for room, (comments, code) in sorted(comments_by_room().items()):
        print(f"comments in 100 lines of code: {room}: {100 * comments / max(1, code):.1f} ({code} lines)")


if __name__ == "__main__":
    print_figures()
