"""What a change of a schema breaks, within one major version.

Consumers of today read records of yesterday (the log is kept for ever), and consumers of yesterday read records
of today (other systems are not deployed with us). So fields are only added, and none of them may be required.
"""

from typing import Any, cast

ANNOTATIONS = {"title", "description", "default", "examples", "$schema", "$id", "$defs"}
PLACE = ("key", "owner", "audience", "partitions", "config")


def moves(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every reason why a topic may not stand at the place `new` instead of the released one."""
    return [f"{name} changed" for name in PLACE if old.get(name) != new.get(name)]


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every reason why `new` may not take the place of the released schema `old`; empty if it may."""
    return _compare(old, new, old.get("$defs", {}), new.get("$defs", {}), "")


def _resolved(schema: object, definitions: dict[str, Any]) -> dict[str, Any] | None:
    """The schema that stands there, or is referred to; None where it is no object."""
    if not isinstance(schema, dict):
        return None
    whole = cast("dict[str, Any]", schema)
    return _resolved(definitions[whole["$ref"].rsplit("/", 1)[-1]], definitions) if "$ref" in whole else whole


def _compare(before: Any, after: Any, old_defs: dict[str, Any], new_defs: dict[str, Any], path: str) -> list[str]:
    old, new = _resolved(before, old_defs), _resolved(after, new_defs)
    if old is None or new is None:
        return [] if before == after else [f"{path or 'value'}: {old or before!r} became {new or after!r}"]
    found: list[str] = []
    for keyword in sorted((old.keys() | new.keys()) - ANNOTATIONS):
        was, becomes = old.get(keyword), new.get(keyword)
        if keyword == "properties":
            found += _properties(was or {}, becomes or {}, old_defs, new_defs, path)
        elif keyword == "required":
            required: set[str] = set(was or [])
            now_required: set[str] = set(becomes or [])
            found += [f"{_join(path, name)}: no longer required" for name in sorted(required - now_required)]
            found += [f"{_join(path, name)}: required now" for name in sorted(now_required - required)]
        elif keyword == "items":
            found += _compare(was, becomes, old_defs, new_defs, f"{path}[]")
        elif keyword in ("anyOf", "oneOf", "allOf") and was and becomes and len(was) == len(becomes):
            for choice_before, choice_after in zip(was, becomes, strict=True):
                found += _compare(choice_before, choice_after, old_defs, new_defs, path)
        elif was != becomes:
            found.append(f"{path or 'value'}: {keyword} {was!r} became {becomes!r}")
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
