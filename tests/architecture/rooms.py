"""The floor plan of a service, and what may be done in which of its rooms."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.architecture.source import calls, imports

MAY_USE: dict[str, frozenset[str]] = {
    "api": frozenset({"commands", "views", "domain"}),
    "handlers": frozenset({"commands", "facts"}),
    "tasks": frozenset({"commands", "channels", "views", "store", "facts", "domain"}),
    "commands": frozenset({"views", "planning", "channels", "store", "facts", "domain"}),
    "views": frozenset({"store", "facts", "domain"}),
    "planning": frozenset({"store", "domain"}),
    "channels": frozenset({"views", "store", "domain"}),
    "facts": frozenset({"store", "domain"}),
    "store": frozenset({"domain"}),
    "domain": frozenset(),
}
"""Which rooms of its own service each room may import from, besides itself. A room is a module or a package."""
OUTSIDE = frozenset({"app", "__main__", "__init__", "migrations", "messages", "rules"})
"""What composes, starts, migrates or words a service; it may use every room."""
KNOWS_NO_HTTP = frozenset({"commands", "views", "store", "domain"})
PUBLISHES = frozenset({"commands", "tasks"})


def room_of(name: str) -> str | None:
    """The room in which a file of a service stands; None outside the services and for a service's __init__."""
    top, *parts = PurePosixPath(name).parts
    return PurePosixPath(parts[1]).stem if top == "services" and len(parts) > 1 else None


def strange_rooms(name: str) -> list[str]:
    """The file itself, if it stands in no room of the plan."""
    room = room_of(name)
    return [] if room is None or room in MAY_USE or room in OUTSIDE else [name]


def crossings(name: str, tree: ast.Module) -> list[str]:
    """Imports from a room of the same service that the file's own room may not use."""
    room = room_of(name)
    if room not in MAY_USE:
        return []
    own = f"services.{PurePosixPath(name).parts[1]}"
    used = {module.split(".")[2] for module in imports(tree) if module.startswith(f"{own}.")}
    return [f"{name}: {other}" for other in sorted(used - MAY_USE[room] - {room})]


def speaking_http(name: str, tree: ast.Module) -> list[str]:
    """Imports of HTTP in rooms that a timer or an event enters as well."""
    if room_of(name) not in KNOWS_NO_HTTP:
        return []
    of_http = ("shared.http", "fastapi", "starlette")
    return [f"{name}: {module}" for module in sorted(imports(tree)) if module.startswith(of_http)]


def publishing(name: str, tree: ast.Module) -> list[str]:
    """Events put into the outbox, or entries into the audit, where no decision is taken."""
    if room_of(name) in PUBLISHES or room_of(name) is None:
        return []
    adding = ("outbox.add", "audit.add")
    by_name = [f"{name}: {module}" for module in imports(tree) if module.removeprefix("shared.") in adding]
    return by_name + [f"{name}:{call.lineno}" for _, call in calls(tree) if ast.unparse(call.func) in adding]


def without_a_transaction(name: str, tree: ast.Module) -> list[str]:
    """Functions of the store that ask the database and do not say first in which transaction."""
    if room_of(name) != "store":
        return []
    return [
        f"{name}:{function.lineno}: {function.name}" for function in _functions(tree) if not _takes_tx(function)
    ]


def _functions(tree: ast.Module) -> Iterator[ast.AsyncFunctionDef]:
    return (node for node in tree.body if isinstance(node, ast.AsyncFunctionDef))


def _takes_tx(function: ast.AsyncFunctionDef) -> bool:
    first = [*function.args.posonlyargs, *function.args.args][:1]
    return [(arg.arg, ast.unparse(arg.annotation)) for arg in first if arg.annotation] == [("tx", "Tx")]


def numbered(name: str, tree: ast.Module) -> list[str]:
    """Columns of a row and parts of a tuple by number: `plan[3]` says less than `plan.mode`.

    The first and the last of a list have no better name: `[0]` and `[-1]` are taken for those, but for `row[0]`.
    """
    if room_of(name) not in MAY_USE:
        return []
    return [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and type(number := node.slice.value) is int
        and (number > 0 or ast.unparse(node.value) in ("row", "record", "columns", "values"))
    ]
