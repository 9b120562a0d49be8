"""What ajv, Python's jsonschema and our own reader make of the same values: they agree on each."""

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import FormatChecker, validators
from jsonschema.protocols import Validator

from shared.events import TOPICS, InvalidEvent, decode, schemas
from tests.contract.spoilt import drawn, every_extreme
from tests.contract.test_exactness import headers
from tests.kit.npm import npm_home

HOME = Path(__file__).with_name("ajv")


def ajv(given: dict[str, Any], cases: list[tuple[str, Any]]) -> list[bool]:
    """What ajv in strict mode says of each case; AssertionError if it does not take a schema."""
    asked = json.dumps({"schemas": given, "cases": cases})
    answer = subprocess.run(
        ["node", "-e", (HOME / "check.js").read_text(encoding="utf-8")],
        cwd=npm_home(HOME),
        input=asked,
        check=False,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def _as_ecma(_: Validator, pattern: str, value: object, __: Any) -> Any:
    """Python's `$` also matches before a last newline; JSON Schema's, which is ECMA's, does not."""
    if isinstance(value, str) and not re.search(pattern.removesuffix("$") + r"\Z", value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


_untyped: Any = validators
_Validator = _untyped.extend(jsonschema.Draft202012Validator, {"pattern": _as_ecma})


def python(topic: str, value: Any) -> bool:
    return _Validator(schemas.schema(topic), format_checker=FormatChecker(["date", "uuid"])).is_valid(value)


def refused_by_us(topic: str, value: Any) -> str | None:
    """Why the value is not read, None if it is; under the key that it names, so that only the value decides."""
    try:
        decode(topic, b"", json.dumps(value).encode(), headers(topic))
    except InvalidEvent as error:
        return None if error.reason == "wrong_key" else error.detail
    raise AssertionError("an event under no key was taken")


def _beyond_json_schema(why: str, value: Any) -> bool:
    """What is said in words only: spans and hours, instants of another year in UTC, and what is no Unicode."""
    text = json.dumps(value)
    return (
        any(word in why for word in ("a plan ", "an outage ", "starts_at and ends_at are null"))
        or ("must be a time" in why and "1900-01-01T00:00:00+07:00" in text)
        or "\\ud800" in text
    )


def _with_codes_as_text(topic: str, value: Any) -> Any:
    """`value` with the whole numbers that stand for a code written as text."""
    mended = copy.deepcopy(value)
    for error in _Validator(schemas.schema(topic)).iter_errors(value):
        if type(error.instance) is int:
            *steps, last = error.absolute_path
            place = mended
            for step in steps:
                place = place[step]
            place[last] = str(error.instance)
    return mended


def test_ajv_takes_every_schema_in_strict_mode() -> None:
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in schemas.FOLDER.glob("*.v*.json")}
    assert files.keys() == TOPICS.keys()
    assert ajv(files, []) == []


def test_ajv_refuses_a_schema_that_is_not_clean() -> None:
    """The check itself: a word that strict mode does not know is an error."""
    schema = schemas.schema("outage.declared.v1")
    with pytest.raises(AssertionError, match="unknown keyword"):
        ajv({"a": {**schema, "x-key": "outage_id"}}, [])


def test_every_integer_of_the_contract_is_exact_in_javascript() -> None:
    found = re.findall(r'"(?:maximum|minimum)": (-?\d+)\b', "".join(schemas.text(topic) for topic in TOPICS))
    assert found
    assert max(abs(int(one)) for one in found) <= 2**53 - 1


def test_ajv_jsonschema_and_our_reader_agree_on_every_value() -> None:
    cases = [(topic, value) for topic in TOPICS for value in (*every_extreme(topic), *drawn(topic, 15))]
    said = ajv({topic: schemas.schema(topic) for topic in TOPICS}, cases)
    assert 0.15 < sum(said) / len(said) < 0.85
    apart: list[str] = []
    for (topic, value), by_ajv in zip(cases, said, strict=True):
        by_python, why = python(topic, value), refused_by_us(topic, value)
        agreed = by_python == by_ajv
        if by_ajv and why is not None:
            agreed = agreed and _beyond_json_schema(why, value)
        elif not by_ajv and why is None:
            agreed = agreed and python(topic, _with_codes_as_text(topic, value))
        if not agreed:
            apart.append(f"{topic} {json.dumps(value)[:300]}: ajv {by_ajv}, jsonschema {by_python}, ours: {why}")
    assert apart == [], "\n".join(apart[:20])
