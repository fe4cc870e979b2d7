"""A configuration from a mapping, a piece of text or a file: JSON, TOML, YAML, INI, command-line flags, Python.

Python is parsed, never run. What is no data in it (``model.parameters()``, a name nobody assigned) stays a
:class:`Name`, and is refused where a number is needed.
"""

from __future__ import annotations

import ast
import json
import operator
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preheat.dialects.fields import Fields
from preheat.errors import ConfigError, missing_extra, refusal, system_words
from preheat.messages import Message, _, joined, plural

# A name that says its kind is believed: the content is not guessed at.
_SUFFIXES = {".json": "JSON", ".toml": "TOML", ".yaml": "YAML", ".yml": "YAML", ".cfg": "INI", ".ini": "INI"}
_LARGEST = 10_000_000  # bytes; a configuration is never longer, a checkpoint given by mistake is


def load(config: Any) -> Any:
    """``config`` as plain data: a mapping, a list, or text that only its dialect can read.

    Args:
        config: data, passed on; a path of a file; or the text of one.

    Raises:
        ConfigError: for a file that is not there, is too long or does not parse.

    >>> load("--lr 1e-4 --lr-decay-style cosine")
    {'lr': '1e-4', 'lr_decay_style': 'cosine'}
    """
    if isinstance(config, os.PathLike):
        path = Path(config)
        _is_file(path)
        return _read_file(path)
    if not isinstance(config, str):
        return config
    # Longer than a path can be, of several lines, or nothing (a path to pathlib, of where one is): the text itself.
    if config and "\n" not in config and len(config) < 4096 and "\0" not in config:
        path = _expanded(config)
        if _is_file(path):
            return _read_file(path)
        # A misspelled path, not a text of the kind: no configuration is one word ending in .yaml.
        if path.suffix.lower() in _SUFFIXES and " " not in config:
            raise ConfigError(refusal("config", _("a file that exists"), config, _("Check the path.")))
    return parse_text(config)


def _because(error: object) -> str:
    """What a parser found wrong, as the advice of a refusal; mostly in its own words, which nobody here translates."""
    said = error.args[0] if isinstance(error, ValueError) and error.args else None
    return _("{problem}.", problem=said if isinstance(said, Message) else str(error))


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # "~name" of nobody who has a home here: text like any other
        return Path(text)


def _is_file(path: Path) -> bool:
    """Whether it is a file; a folder is refused, for no configuration is."""
    try:
        folder, file = path.is_dir(), path.is_file()
    except OSError:  # a text that cannot be a path
        return False
    if folder:
        advice = _("It is a folder: name the configuration file in it.")
        raise ConfigError(refusal("config", _("a file, or its text"), str(path), advice))
    return file


def _read_file(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            advice = _("{path} has {size:,} bytes.", path=path, size=path.stat().st_size)
            raise ConfigError(refusal("config", _("a file below {most:,} bytes", most=_LARGEST), str(path), advice))
        # Editors of Windows put a mark before the text.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            refusal("config", _("a file that can be read"), str(path), _("{problem}.", problem=system_words(error)))
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(refusal("config", _("a text file"), str(path), _("It is not UTF-8."))) from error
    return parse_text(text, _SUFFIXES.get(path.suffix.lower()))


def parse_text(text: str, kind: str | None = None) -> Any:
    """The data that ``text`` spells; ``kind`` where a file name says it."""
    if kind is not None:
        return _READERS[kind](text)
    stripped = text.strip()
    if re.match(r"--?\w|(?:[\w./=-]+\s+)+--[A-Za-z]", stripped):  # a launch line too
        return flags(stripped)
    # A bracket opens JSON, or a Python list; or, with a plain name in it, a section of TOML or INI.
    if stripped.startswith(("{", "[")) and not re.match(r"\[[\w.]+\]", stripped):
        return _data(stripped)
    if re.search(r"^\s*\[[\w.]+\]\s*$", text, re.MULTILINE):
        return _toml_or_ini(text)
    # Tried before YAML, to which nearly every text is a string.
    if re.match(r"[\w.]+\s*\(|[\w.]+\s*=\s*[\[{d]", stripped) or ("\n" not in stripped and ":" not in stripped):
        return stripped  # an expression: its dialect reads it
    return stripped if _is_code(stripped) else _yaml(text)


def _is_code(text: str) -> bool:
    """Whether ``text`` is Python that calls something: assignments, imports and expressions, a call among them."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    plain = all(isinstance(item, (ast.Assign, ast.Expr, ast.Import, ast.ImportFrom)) for item in body)
    return plain and any(isinstance(node, ast.Call) for item in body for node in ast.walk(item))


def flags(text: str) -> dict[str, Any]:
    """Command-line flags as a mapping: ``--name value``, ``--name=value``, ``--name a b``, ``--switch``.

    >>> flags("python train.py --lr 1e-4 --betas 0.9 0.95 --use-x")
    {'lr': '1e-4', 'betas': ['0.9', '0.95'], 'use_x': True}
    """
    try:
        words = shlex.split(text.replace("\\\n", " "), comments=True)
    except ValueError as error:
        raise ConfigError(refusal("config", _("flags with closed quotes"), text[:80], _because(error))) from error
    named: dict[str, Any] = {}
    for name, values in _groups(words):
        named[name.replace("-", "_")] = True if not values else values[0] if len(values) == 1 else values
    return named


def _groups(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with the words that follow it."""
    name, values = None, []
    for word in words:
        # A minus before a digit is a number: --beta -1.
        if re.match(r"--?[A-Za-z]", word):
            if name is not None:
                yield name, values
            name, equals, value = word.lstrip("-").partition("=")
            values = [value] if equals else []
        else:
            values.append(word)
    if name is not None:
        yield name, values


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        try:
            return literal(text)
        except ConfigError:
            raise ConfigError(refusal("config", _("JSON"), text[:80], _because(error))) from error


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(refusal("config", _("TOML"), text[:80], _because(error))) from error


def _ini(text: str) -> dict[str, Any]:
    """Sections of ``name = JSON value``, as thinc and spaCy write them; dots in a section's name nest."""
    from configparser import ConfigParser, Error

    # As thinc reads its own: no interpolation, so that a % in a value is a %.
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
    # ConfigParser lowers the case of names unless told otherwise.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except Error as error:
        raise ConfigError(refusal("config", _("INI"), text[:80], _because(error.message))) from error
    sections: dict[str, Any] = {}
    for section in parser.sections():
        inner = sections
        for part in section.split("."):
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(refusal(section, _("a section"), inner, _("It is a field already.")))
        inner.update({name: _json_or_text(value) for name, value in parser[section].items()})
    return sections


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _toml_or_ini(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return _ini(text)


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise missing_extra("PyYAML", "cli") from error
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(refusal("config", _("YAML"), text[:80], _because(" ".join(str(error).split())))) from error
    # A plain scalar is no configuration: a dialect may know the text.
    return data if isinstance(data, (Mapping, list)) else text.strip()


_READERS = {"JSON": _data, "TOML": _toml, "YAML": _yaml, "INI": _ini}


# Python calls as data.


# What people compute lengths and rates with: 10 * 100, 1e-3 / 2, 2 ** 16.
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
_LARGEST_POWER = 256  # base or exponent: a power of more digits is no configuration
# What ast and the arithmetic below raise for a stranger's text, deep nesting among it.
_DAMAGED = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Name:
    """Code that is not data."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Function:
    """A ``lambda`` of one argument, with the names it uses replaced by their values."""

    argument: str
    body: ast.expr
    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Call:
    """A call: its dotted name and its arguments."""

    name: str
    args: tuple[Any, ...]
    keywords: Mapping[str, Any]

    def __repr__(self) -> str:
        inside = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.keywords.items())]
        return f"{self.name}({', '.join(inside)})"

    @property
    def function(self) -> str:
        """The name without its module."""
        return self.name.rpartition(".")[2]

    def fields(self, parameters: Sequence[str]) -> Fields:
        """The arguments by name, the positional ones named by ``parameters``."""
        if len(self.args) > len(parameters):
            advice = _("It takes {parameters}.", parameters=joined(", ", parameters))
            raise ConfigError(
                refusal(
                    self.function,
                    plural("given {n} argument at most", "given {n} arguments at most", len(parameters)),
                    self,
                    advice,
                )
            )
        named = dict(zip(parameters, self.args, strict=False))
        for name in named:
            if name in self.keywords:
                raise ConfigError(refusal(f"{self.function}.{name}", _("given once"), self, _("Take one of them out.")))
        return Fields({**named, **self.keywords}, self.function)


def run_of_calls(text: str) -> list[Any]:
    """The values of the statements in ``text``, in order: assignments and expressions; imports say nothing.

    Raises:
        ConfigError: for other statements, and for what does not parse.

    >>> run_of_calls("steps = 10 * 100; schedule = optax.linear_schedule(0.0, 1e-3, steps)")
    [1000, optax.linear_schedule(0.0, 0.001, 1000)]
    """
    return _run(text)[0]


def assigned_in(text: str) -> dict[str, Any]:
    """The values of the names that ``text`` assigns, read as :func:`run_of_calls` does.

    >>> assigned_in("lr = 0.1; schedulers = [dict(type='LinearLR', end=10)]")
    {'lr': 0.1, 'schedulers': [{'type': 'LinearLR', 'end': 10}]}
    """
    return _run(text)[1]


def _run(text: str) -> tuple[list[Any], dict[str, Any]]:
    try:
        return _values(ast.parse(text.strip()).body)
    except _DAMAGED as error:
        raise ConfigError(refusal("config", _("calls and assignments in Python"), text[:80], _because(error))) from None


def last_call(values: Sequence[Any], functions: Container[str]) -> Call | None:
    """The last call of one of ``functions``, also as an argument of another call; the outermost of nested ones.

    >>> last_call(run_of_calls("tx = optax.adam(optax.constant_schedule(0.1))"), ("constant_schedule",))
    optax.constant_schedule(0.1)
    """
    # Scripts make the parts first and the whole last.
    for value in reversed(values):
        if isinstance(value, Call):
            inside = value.function in functions
            made = value if inside else last_call([*value.args, *value.keywords.values()], functions)
            if made is not None:
                return made
    return None


def _values(statements: Sequence[ast.stmt]) -> tuple[list[Any], dict[str, Any]]:
    names: dict[str, Any] = {}
    values = []
    for statement in statements:
        # They only name modules, and nothing is imported here.
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(statement, ast.Assign):
            value = _value(statement.value, names)
            names.update({target.id: value for target in statement.targets if isinstance(target, ast.Name)})
        elif isinstance(statement, ast.Expr):
            value = _value(statement.value, names)
        else:
            raise ValueError(_("{code!r} would have to be run", code=ast.unparse(statement).splitlines()[0]))
        values.append(value)
    return values, names


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() | ast.Attribute():
            text = ast.unparse(node)
            return names.get(text, Name(text))
        case ast.List() | ast.Tuple():
            return [_value(item, names) for item in node.elts]
        case ast.Dict() if None not in node.keys:
            keys = [_value(key, names) for key in node.keys if key]
            return dict(zip(keys, (_value(item, names) for item in node.values), strict=True))
        case ast.Call():
            return _call(node, names)
        case ast.Lambda() if len(node.args.args) == 1 and not node.args.defaults:
            argument = node.args.args[0].arg
            # Inside, the argument is not the name outside that is spelled alike.
            known = {name: value for name, value in names.items() if name != argument}
            body = _WithValues(known).visit(node.body)
            return Function(argument, body, f"lambda {argument}: {ast.unparse(body)}")
    value = number_in(node, names)
    return Name(ast.unparse(node)) if value is None else value


def _call(node: ast.Call, names: Mapping[str, Any]) -> Any:
    keywords = {item.arg: _value(item.value, names) for item in node.keywords if item.arg}
    # What stars stand for is known to the program alone.
    if len(keywords) < len(node.keywords) or any(isinstance(item, ast.Starred) for item in node.args):
        raise ValueError(_("{code!r} hides its arguments behind stars", code=ast.unparse(node)))
    name = ast.unparse(node.func)
    if name == "dict" and not node.args:
        return keywords
    return Call(name, tuple(_value(item, names) for item in node.args), keywords)


def number_in(node: ast.expr, names: Mapping[str, Any] | None = None) -> int | float | None:
    """The number an expression of numbers (and of ``names`` that have one) amounts to; None if it is none."""
    match node:
        case ast.Constant() if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            return node.value
        case ast.Name():
            value = (names or {}).get(node.id)
            return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            inside = number_in(node.operand, names)
            return inside if inside is None or isinstance(node.op, ast.UAdd) else -inside
        case ast.BinOp() if type(node.op) in _OPERATORS:
            left, right = number_in(node.left, names), number_in(node.right, names)
            if left is None or right is None:
                return None
            # 9 ** 9 ** 9 would be computed for hours.
            if isinstance(node.op, ast.Pow) and max(abs(left), abs(right)) > _LARGEST_POWER:
                return None
            value = _OPERATORS[type(node.op)](left, right)
            return value if isinstance(value, (int, float)) else None
    return None


class _WithValues(ast.NodeTransformer):
    """Names of numbers replaced by the numbers."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = number_in(node, self.names)
        return node if value is None else ast.Constant(value)


def literal(text: str) -> Any:
    """A Python literal, where ``dict(a=1)`` is one too.

    >>> literal("[dict(type='LinearLR', begin=0)]")
    [{'type': 'LinearLR', 'begin': 0}]
    """
    try:
        return _plain(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError) as error:
        raise ConfigError(refusal("config", _("data, not code to run"), text[:80], _because(error))) from error


def _plain(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return {str(item.arg): _plain(item.value) for item in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_plain(item) for item in node.elts]
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {ast.literal_eval(key): _plain(item) for key, item in zip(node.keys, node.values, strict=True) if key}
    return ast.literal_eval(node)


def call(text: str) -> tuple[str, dict[str, Any]] | None:
    """A constructor call as its name and its arguments by name: literals, and calls as mappings of theirs.

    Arguments that are neither are left out; None for text that is no call. Nothing is executed.

    >>> call("optim.Cosine(t_max='1dur', alpha_f=0.1, state=now)")
    ('optim.Cosine', {'t_max': '1dur', 'alpha_f': 0.1})
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
        return (ast.unparse(node.func), _keywords(node)) if isinstance(node, ast.Call) else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _keywords(node: ast.Call) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for item in node.keywords:
        try:
            named[str(item.arg)] = (
                _keywords(item.value) if isinstance(item.value, ast.Call) else ast.literal_eval(item.value)
            )
        except (ValueError, TypeError, RecursionError, MemoryError):
            continue
    return named
