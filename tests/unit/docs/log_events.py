"""Finds the names of log events in source code, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def log_events(source: str) -> Iterator[tuple[str, str]]:
    """Event and level of every call of a logger in a module that uses `get_logger`.

    An event may be handed on: where the first argument is a parameter of the function around the call, the events are
    what other calls in the module give for it.
    """
    if "get_logger" not in source:
        return
    tree = ast.parse(source)
    yield from (
        (call.args[0].value, level) for call, level in _log_calls(tree) if isinstance(call.args[0], ast.Constant)
    )
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            parameters = [parameter.arg for parameter in function.args.args if parameter.arg != "self"]
            for call, level in _log_calls(function):
                if isinstance(call.args[0], ast.Name) and call.args[0].id in parameters:
                    place = parameters.index(call.args[0].id)
                    yield from ((event, level) for event in _given(tree, function.name, place))


def _log_calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and node.args
        ):
            yield node, node.func.attr


def _given(tree: ast.AST, function: str, place: int) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == function:
            given = node.args[place]
            assert isinstance(given, ast.Constant), f"{function} is given an event that is not written out"
            yield given.value
