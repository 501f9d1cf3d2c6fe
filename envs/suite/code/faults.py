"""Faults to plant in a function: small changes of its syntax tree, of kinds that people make."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from pydantic import BaseModel, ConfigDict

Edit = Callable[[], None]
Operator = Callable[[ast.AST], Iterator[Edit]]

COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.Div: ast.FloorDiv,
}
ORDERED = ast.Sub, ast.FloorDiv, ast.Mod, ast.Div
TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Fault(BaseModel):
    """One change: the `variant`-th that an operator offers for a node of the tree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: str
    node: int
    """Place of the node in `ast.walk` over the whole function."""
    variant: int


def faults_in(function: ast.FunctionDef) -> list[Fault]:
    """Everything that could be planted, in a fixed order."""
    return [
        Fault(operator=name, node=place, variant=variant)
        for place, node in enumerate(ast.walk(function))
        for name, operator in OPERATORS.items()
        for variant, _ in enumerate(operator(node))
    ]


def plant(function: ast.FunctionDef, faults: Sequence[Fault]) -> None:
    """Change the tree; all edits are found before the first is made."""
    nodes = list(ast.walk(function))
    edits = [list(OPERATORS[f.operator](nodes[f.node]))[f.variant] for f in faults]
    for edit in edits:
        edit()
    for node in nodes:
        match node:
            case ast.For(body=[]) | ast.While(body=[]) | ast.If(body=[]):
                node.body.append(ast.Pass(lineno=1, col_offset=0))


def _off_by_one(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            yield partial(setattr, node, "value", value + 1)
            yield partial(setattr, node, "value", value - 1)


def _flipped_truth(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Constant(value=bool(value)):
            yield partial(setattr, node, "value", not value)


def _flipped_comparison(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Compare(ops=[operator]):
            for other in COMPARISONS.get(type(operator), ()):
                yield partial(setattr, node, "ops", [other()])


def _wrong_operator(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator):
            if (other := ARITHMETIC.get(type(operator))) is not None:
                yield partial(setattr, node, "op", other())


def _wrong_connective(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.BoolOp(op=ast.And()):
            yield partial(setattr, node, "op", ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield partial(setattr, node, "op", ast.And())


def _swapped_arguments(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Call(args=[first, second, *rest]):
            yield partial(setattr, node, "args", [second, first, *rest])
        case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, ORDERED):
            yield partial(_swap, node, left, right)


def _swap(node: ast.BinOp, left: ast.expr, right: ast.expr) -> None:
    node.left, node.right = right, left


def _wrong_function(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Call(func=ast.Name(id=name) as called) if name in TWINS:
            yield partial(setattr, called, "id", TWINS[name])


def _dropped_statement(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.FunctionDef(body=body) | ast.For(body=body) | ast.While(body=body):
            yield from _drops(body)
        case ast.If(body=body, orelse=other):
            yield from _drops(body)
            if other:
                yield partial(setattr, node, "orelse", [])


def _drops(body: list[ast.stmt]) -> Iterator[Edit]:
    if len(body) > 1:
        for statement in body:
            match statement:
                case ast.AugAssign() | ast.If() | ast.Expr(value=ast.Call()):
                    yield partial(body.remove, statement)


OPERATORS: Mapping[str, Operator] = {
    "off_by_one": _off_by_one,
    "flipped_truth": _flipped_truth,
    "flipped_comparison": _flipped_comparison,
    "wrong_operator": _wrong_operator,
    "wrong_connective": _wrong_connective,
    "swapped_arguments": _swapped_arguments,
    "wrong_function": _wrong_function,
    "dropped_statement": _dropped_statement,
}
