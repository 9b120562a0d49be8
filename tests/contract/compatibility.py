"""What a change of a schema breaks, within one major version.

Consumers of today read records of yesterday (the log is kept for ever), and consumers of yesterday read records
of today (other systems are not deployed with us). So fields are only added, and none of them may be required.
"""

from typing import Any

ANNOTATIONS = {"title", "description", "default", "examples", "$schema", "$id", "$defs"}
PLACE = ("key", "owner", "audience", "partitions", "config")


def moves(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every reason why a topic may not stand at the place `new` instead of the released one."""
    return [f"{name} changed" for name in PLACE if old.get(name) != new.get(name)]


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every reason why `new` may not take the place of the released schema `old`; empty if it may."""
    return _compare(old, new, old.get("$defs", {}), new.get("$defs", {}), "")


def _resolved(schema: Any, definitions: dict[str, Any]) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def _compare(old: Any, new: Any, old_defs: dict[str, Any], new_defs: dict[str, Any], path: str) -> list[str]:
    old, new = _resolved(old, old_defs), _resolved(new, new_defs)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"{path or 'value'}: {old!r} became {new!r}"]
    found: list[str] = []
    for keyword in sorted((old.keys() | new.keys()) - ANNOTATIONS):
        before, after = old.get(keyword), new.get(keyword)
        if keyword == "properties":
            found += _properties(before or {}, after or {}, old_defs, new_defs, path)
        elif keyword == "required":
            gone, came = set(before or []) - set(after or []), set(after or []) - set(before or [])
            found += [f"{_join(path, name)}: no longer required" for name in sorted(gone)]
            found += [f"{_join(path, name)}: required now" for name in sorted(came)]
        elif keyword == "items":
            found += _compare(before, after, old_defs, new_defs, f"{path}[]")
        elif keyword in ("anyOf", "oneOf", "allOf") and before and after and len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                found += _compare(one, other, old_defs, new_defs, path)
        elif before != after:
            found.append(f"{path or 'value'}: {keyword} {before!r} became {after!r}")
    return found


def _properties(
    old: dict[str, Any], new: dict[str, Any], old_defs: dict[str, Any], new_defs: dict[str, Any], path: str
) -> list[str]:
    found = [f"{_join(path, name)}: removed" for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        found += _compare(old[name], new[name], old_defs, new_defs, _join(path, name))
    return found


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
