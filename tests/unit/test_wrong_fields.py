"""What is wrong with a field is said in the reader's language, and with its bounds."""

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.http import field_errors
from shared.messages import LANGUAGES, text
from shared.personal import NamesNobody
from shared.refusals import wrong


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = 1


def refuse(value: int) -> int:
    raise wrong("validation.less_than_equal", le=value)


CASES: list[tuple[Any, Any, str]] = [
    (Body, {"other": 1}, "validation.extra_forbidden"),
    (Body, [], "validation.model_type"),
    (dict[str, Body], {"a": {"number": "x"}}, "validation.int_parsing"),
    (Annotated[int, Field(strict=True)], "5", "validation.int_type"),
    (int, 1.5, "validation.int_from_float"),
    (Annotated[float, Field(strict=True)], "5", "validation.float_type"),
    (Annotated[float, Field(allow_inf_nan=False)], float("inf"), "validation.finite_number"),
    (Annotated[bool, Field(strict=True)], 1, "validation.bool_type"),
    (str, 5, "validation.string_type"),
    (list[int], 5, "validation.list_type"),
    (dict[str, int], 5, "validation.dict_type"),
    (UUID, "x", "validation.uuid_parsing"),
    (dt.date, "2025-13-01", "validation.date_from_datetime_parsing"),
    (AwareDatetime, "2025-11-06T07:30:00", "validation.timezone_aware"),
    (AwareDatetime, "noon", "validation.datetime_from_date_parsing"),
    (Annotated[str, Field(min_length=2)], "a", "validation.string_too_short"),
    (Annotated[str, Field(max_length=2)], "abc", "validation.string_too_long"),
    (Annotated[str, Field(pattern="^a$")], "b", "validation.string_pattern_mismatch"),
    (Annotated[list[int], Field(min_length=1)], [], "validation.too_short"),
    (Annotated[list[int], Field(max_length=1)], [1, 2], "validation.too_long"),
    (Annotated[float, Field(gt=0)], 0, "validation.greater_than"),
    (Annotated[float, Field(ge=0)], -1, "validation.greater_than_equal"),
    (Annotated[float, Field(lt=1)], 1, "validation.less_than"),
    (Annotated[float, Field(le=1)], 2, "validation.less_than_equal"),
    (Literal["in", "out"], "up", "validation.literal_error"),
    (Annotated[str, NamesNobody], "surel a@b.id", "wrong.email"),
    (Annotated[int, AfterValidator(refuse)], 7, "validation.less_than_equal"),
]


@pytest.mark.parametrize(("kind", "value", "code"), CASES, ids=[code for *_, code in CASES])
def test_a_wrong_field_is_named_with_a_message_of_ours(kind: Any, value: Any, code: str) -> None:
    adapter = TypeAdapter[Any](kind)
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(value)
    [found] = field_errors(refused.value.errors())
    assert found.code == code
    said = {language: text(found.code, language, **found.params) for language in LANGUAGES}
    assert "{" not in said["id"] + said["en"]
    assert said["id"] != said["en"]


def test_what_we_have_no_words_for_is_said_as_it_is() -> None:
    [found] = field_errors([{"loc": ("body", "a"), "type": "never_heard_of", "msg": "Input is odd"}])
    assert (found.field, text(found.code, **found.params)) == ("a", "Isian ini salah: Input is odd")


def test_a_validator_that_refuses_reads_in_english_where_there_is_no_door() -> None:
    with pytest.raises(ValidationError, match=r"This has to be 7 or less\."):
        TypeAdapter(Annotated[int, AfterValidator(refuse)]).validate_python(7)
