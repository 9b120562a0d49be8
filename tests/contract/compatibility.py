"""What a change of a schema or of a door breaks, within one major version.

Consumers of today read records of yesterday (the log is kept for ever), and consumers of yesterday read records
of today (other systems are not deployed with us). So fields are only added, and none of them may be required. Of a
door, programs of yesterday send what they sent, and read what they read.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

ANNOTATIONS = {"title", "description", "default", "examples", "$schema", "$id", "$defs", "discriminator"}
PLACE = {
    "key": "records of one entity would lie in two partitions, in no order",
    "owner": "readers take an event from its owner alone",
    "audience": "who may read was promised, both to readers and to those of whom is told",
    "partitions": "records of one key would lie in two partitions, in no order",
    "config": "how long records are kept, and whether they are compacted, was promised",
    "tombstones": "readers would meet, or wait for, records without a value",
    "fact": "readers keep one record for each",
}
"""Of where a topic stands, each thing that may not change, and why."""

Json = dict[str, Any]


def moves(old: Json, new: Json) -> list[str]:
    """Every reason why a topic may not stand at the place `new` instead of the released one."""
    return [
        f"{name}: {old[name]!r} became {new[name]!r}: {why}"
        for name, why in PLACE.items()
        if old[name] != new[name]
    ]


def breaks(old: Json, new: Json) -> list[str]:
    """Every reason why `new` may not take the place of the released schema `old`; empty if it may."""
    reasons = _Comparison(old.get("$defs", {}), new.get("$defs", {}), "both").compare(old, new, "")
    return [f"{reason}: {_whom(reason)}" for reason in reasons]


def _whom(reason: str) -> str:
    """Which of the two directions a reason is about."""
    for ending, whom in _WHOM.items():
        if reason.endswith(ending):
            return whom
    return "readers of before and of now would differ in which records are valid"


_WHOM = {
    ": removed": "a reader of before misses it in a new record",
    ": no longer required": "a reader of before refuses a new record without it",
    ": required now": "a reader of now refuses an old record without it",
}


def closes(old: Json, new: Json) -> list[str]:
    """Every reason why the OpenAPI document `new` may not take the place of `old`; empty if it may."""
    old_schemas, new_schemas = (document["components"]["schemas"] for document in (old, new))
    takes, gives = (_Comparison(old_schemas, new_schemas, way) for way in ("taken", "given"))
    found: list[str] = []
    for path, operations in old["paths"].items():
        for method, was in operations.items():
            door, becomes = f"{method.upper()} {path}", new["paths"].get(path, {}).get(method)
            if becomes is None:
                found.append(f"{door}: removed")
                continue
            found += _parameters(was, becomes, takes, door)
            found += _bodies(was.get("requestBody"), becomes.get("requestBody"), takes, door)
            found += _answers(was["responses"], becomes["responses"], gives, door)
    return found


@dataclass(frozen=True)
class _Comparison:
    """Of two schemas, each with its own definitions: who reads them decides what may be required or not."""

    old_definitions: Json
    new_definitions: Json
    way: Literal["taken", "given", "both"]

    def compare(self, before: Any, after: Any, path: str) -> list[str]:
        old, new = _resolved(before, self.old_definitions), _resolved(after, self.new_definitions)
        if old is None or new is None:
            return [] if before == after else [f"{path or 'value'}: {old or before!r} became {new or after!r}"]
        found: list[str] = []
        for keyword in sorted((old.keys() | new.keys()) - ANNOTATIONS):
            was, becomes = old.get(keyword), new.get(keyword)
            if keyword == "properties":
                found += self._properties(was or {}, becomes or {}, path)
            elif keyword == "required":
                found += self._required(set(was or ()), set(becomes or ()), path)
            elif keyword in ("items", "additionalProperties"):
                found += self.compare(was, becomes, f"{path}[]")
            elif keyword in ("anyOf", "oneOf", "allOf") and was and becomes and len(was) == len(becomes):
                for choice_before, choice_after in zip(was, becomes, strict=True):
                    found += self.compare(choice_before, choice_after, path)
            elif keyword == "enum" and self.way == "taken" and was and becomes and set(was) <= set(becomes):
                continue
            elif keyword == "enum" and was and set(was) <= set(new.get("x-extensible-enum", ())):
                continue  # said to be open: readers were told to expect more
            elif keyword == "x-extensible-enum" and set(was or ()) <= set(becomes or ()):
                continue
            elif was != becomes:
                found.append(f"{path or 'value'}: {keyword} {was!r} became {becomes!r}")
        return found

    def _properties(self, old: Json, new: Json, path: str) -> list[str]:
        found = [f"{_join(path, name)}: removed" for name in sorted(old.keys() - new.keys())]
        for name in sorted(old.keys() & new.keys()):
            found += self.compare(old[name], new[name], _join(path, name))
        return found

    def _required(self, old: set[str], new: set[str], path: str) -> list[str]:
        fewer = sorted(old - new) if self.way != "taken" else []
        more = sorted(new - old) if self.way != "given" else []
        found = [f"{_join(path, name)}: no longer required" for name in fewer]
        return found + [f"{_join(path, name)}: required now" for name in more]


def _resolved(schema: object, definitions: Json) -> Json | None:
    """The schema that stands there, or is referred to; None where it is no object."""
    if not isinstance(schema, dict):
        return None
    whole = cast("Json", schema)
    return _resolved(definitions[whole["$ref"].rsplit("/", 1)[-1]], definitions) if "$ref" in whole else whole


def _parameters(old: Json, new: Json, takes: _Comparison, door: str) -> list[str]:
    was, becomes = (
        {f"{one['in']} {one['name']}": one for one in operation.get("parameters", ())} for operation in (old, new)
    )
    found = [f"{door}: {name}: removed" for name in sorted(was.keys() - becomes.keys())]
    for name, parameter in becomes.items():
        required = parameter.get("required", False)
        if required and not was.get(name, {}).get("required", False):
            found.append(f"{door}: {name}: required now")
        if name in was:
            found += takes.compare(was[name]["schema"], parameter["schema"], f"{door}: {name}")
    return found


def _bodies(old: Json | None, new: Json | None, takes: _Comparison, door: str) -> list[str]:
    if old is None:
        return [f"{door}: a body is required now"] if new is not None and new.get("required") else []
    if new is None:
        return [f"{door}: body: removed"]
    found = _contents(old, new, takes, f"{door}: body")
    return [*found, f"{door}: body: required now"] if new.get("required") and not old.get("required") else found


def _answers(old: Json, new: Json, gives: _Comparison, door: str) -> list[str]:
    """What a program of yesterday got when all went well; problems share one shape."""
    found: list[str] = []
    for status in sorted(status for status in old if status.startswith("2")):
        answer = f"{door}: {status}"
        found += _contents(old[status], new[status], gives, answer) if status in new else [f"{answer}: removed"]
    return found


def _contents(old: Json, new: Json, comparison: _Comparison, where: str) -> list[str]:
    found: list[str] = []
    becomes: Json = new.get("content", {})
    for media_type, content in old.get("content", {}).items():
        if media_type not in becomes:
            found.append(f"{where}: {media_type}: removed")
        else:
            found += comparison.compare(content.get("schema"), becomes[media_type].get("schema"), where)
    return found


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
