"""Stubs: functions as they are asked for, with a signature, a docstring and no body."""

from __future__ import annotations

import ast


def stub_of(source: str) -> str:
    """A function's head and docstring, with `...` in place of what it does."""
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    # What a docstring shows in the source as written, it shows here too.
    function.body = [function.body[0], ast.Expr(ast.Constant(...))]
    return ast.unparse(function)
