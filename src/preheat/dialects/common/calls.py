"""Python calls as data: text is parsed, never run.

What is no data (``model.parameters()``, a name nobody assigned) stays a :class:`Name`, and is refused where a number is
needed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from preheat.dialects.common.fields import Fields
from preheat.errors import ConfigError, refusal

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
_LARGEST = 256  # base or exponent: a power of more digits is no configuration
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
            advice = f"It takes {', '.join(parameters)}."
            raise ConfigError(refusal(self.function, f"given {len(parameters)} arguments at most", self, advice))
        named = dict(zip(parameters, self.args, strict=False))
        for name in named:
            if name in self.keywords:
                raise ConfigError(refusal(f"{self.function}.{name}", "given once", self, "Take one of them out."))
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
        raise ConfigError(refusal("config", "calls and assignments in Python", text[:80], f"{error}.")) from None


def last_call(values: Sequence[Any], functions: Container[str]) -> Call | None:
    """The last call of one of ``functions``, also as an argument of another call; the outermost of nested ones.

    >>> last_call(run_of_calls("tx = optax.adam(optax.constant_schedule(0.1))"), ("constant_schedule",))
    optax.constant_schedule(0.1)
    """
    for value in reversed(values):
        if isinstance(value, Call):
            inside = value.function in functions
            found = value if inside else last_call([*value.args, *value.keywords.values()], functions)
            if found is not None:
                return found
    return None


def _values(statements: Sequence[ast.stmt]) -> tuple[list[Any], dict[str, Any]]:
    names: dict[str, Any] = {}
    found = []
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(statement, ast.Assign):
            value = _value(statement.value, names)
            names.update({target.id: value for target in statement.targets if isinstance(target, ast.Name)})
        elif isinstance(statement, ast.Expr):
            value = _value(statement.value, names)
        else:
            raise ValueError(f"{ast.unparse(statement).splitlines()[0]!r} would have to be run")
        found.append(value)
    return found, names


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
            known = {name: value for name, value in names.items() if name != argument}
            body = _WithValues(known).visit(node.body)
            return Function(argument, body, f"lambda {argument}: {ast.unparse(body)}")
    value = number_in(node, names)
    return Name(ast.unparse(node)) if value is None else value


def _call(node: ast.Call, names: Mapping[str, Any]) -> Any:
    keywords = {item.arg: _value(item.value, names) for item in node.keywords if item.arg}
    if len(keywords) < len(node.keywords) or any(isinstance(item, ast.Starred) for item in node.args):
        raise ValueError(f"{ast.unparse(node)!r} hides its arguments behind stars")
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
            if isinstance(node.op, ast.Pow) and max(abs(left), abs(right)) > _LARGEST:
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
