"""What people read: every code that is used exists, in both languages, with the same places."""

import ast
import string
from typing import NamedTuple

import pytest

from services import attendance, notifications, reporting, scheduling
from shared.messages import LANGUAGES, catalogue, text, title
from tests.architecture.source import calls, imports, python

assert all((attendance, notifications, reporting, scheduling))  # each brings its messages

# Which argument of a call is a message code, and which keyword brings its parameters.
REFUSALS = ("Forbidden", "Missing", "Conflict", "Invalid")
USES = {
    "Problem": (1, "params"),
    "FieldError": (1, "params"),
    "text": (0, None),
    "wrong": (0, None),
    **dict.fromkeys(REFUSALS, (0, "params")),
}
# Names that other modules may use for something else.
OF_MODULE = {"text": "shared.messages", "wrong": "shared.refusals", **dict.fromkeys(REFUSALS, "shared.refusals")}


class Use(NamedTuple):
    """One call that names a code; `parameters` is None where they are not plain."""

    where: str
    called: str
    code: str
    parameters: set[str] | None


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


PROBLEMS = ("Problem", *REFUSALS)
"""The calls whose code becomes the type of a problem."""


def uses() -> list[Use]:
    """Each call that names a code."""
    found: list[Use] = []
    for name, tree in python("shared", "services", "demo", "deploy"):
        imported = imports(tree)
        known = {*USES} - {one for one, module in OF_MODULE.items() if f"{module}.{one}" not in imported}
        for called, call in calls(tree):
            if called not in known:
                continue
            position, keyword = USES[called]
            argument = call.args[position] if len(call.args) > position else None
            for one in call.keywords:
                argument = one.value if one.arg == "code" else argument
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                parameters = given(called, call, keyword)
                found.append(Use(f"{name}:{call.lineno}", called, argument.value, parameters))
    return found


def given(called: str, call: ast.Call, keyword: str | None) -> set[str] | None:
    if keyword is None:
        names = {one.arg for one in call.keywords}
        return None if None in names else {str(name) for name in names}
    value: ast.expr | None = call.args[2] if called == "FieldError" and len(call.args) > 2 else None
    for one in call.keywords:
        if one.arg is None:
            return None
        value = one.value if one.arg == keyword else value
    if value is None:
        return set()
    if isinstance(value, ast.Dict) and all(isinstance(key, ast.Constant) for key in value.keys):
        return {str(key.value) for key in value.keys if isinstance(key, ast.Constant)}
    return None


@pytest.mark.parametrize("code", catalogue())
def test_every_message_is_in_both_languages_with_the_same_places(code: str) -> None:
    message = catalogue()[code]
    assert set(message) == set(LANGUAGES)
    assert all(message[language].strip() == message[language] != "" for language in LANGUAGES)
    assert places(message["id"]) == places(message["en"])


@pytest.mark.parametrize("code", catalogue())
def test_every_message_can_be_said_whatever_its_places_are_called(code: str) -> None:
    for language in LANGUAGES:
        words = text(code, language, **dict.fromkeys(places(catalogue()[code][language]), "x"))
        assert not places(words), words


def test_the_check_sees_the_calls() -> None:
    codes = {use.code for use in uses()}
    assert {"auth.missing", "cursor.invalid", "notification.unknown", "body_too_large"} <= codes


def test_every_code_that_is_used_exists() -> None:
    assert [use for use in uses() if use.code not in catalogue()] == []


def test_every_place_of_a_message_is_filled() -> None:
    missing = [
        (use, places(catalogue()[use.code]["id"]) - use.parameters)
        for use in uses()
        if use.code in catalogue() and use.parameters is not None
    ]
    assert [(use, unfilled) for use, unfilled in missing if unfilled] == []


def test_the_title_of_a_problem_is_the_same_in_every_case() -> None:
    """RFC 9457, section 3.1.3: the case stands in `detail`; so the first sentence of the message has no place."""
    problems = {use.code for use in uses() if use.called in PROBLEMS}
    varying = {
        (code, language): title(code, language)
        for code in problems
        for language in LANGUAGES
        if code in catalogue() and (not title(code, language) or places(title(code, language)))
    }
    assert len(problems) > 50
    assert varying == {}


def by_name(tree: ast.Module) -> list[int]:
    """Lines on which `text` is given its language by name, which it takes for a place of the message."""
    return [
        call.lineno
        for called, call in calls(tree)
        if called == "text" or (called == "partial" and call.args and ast.unparse(call.args[0]) == "text")
        if any(one.arg == "language" for one in call.keywords)
    ]


def test_nobody_names_the_language_of_a_text() -> None:
    assert by_name(ast.parse("partial(text, language=x)\ntext('a', language=x)\ntext('a', x)")) == [1, 2]
    of_ours = ((name, tree) for name, tree in python("shared", "services", "demo", "deploy"))
    with_text = ((name, tree) for name, tree in of_ours if "shared.messages.text" in imports(tree))
    assert [(name, lines) for name, tree in with_text if (lines := by_name(tree))] == []
