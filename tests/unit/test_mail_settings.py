"""A mail server is set wholly, or the service says at start what is missing."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.kit.mailing import settings_of

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"mail_from": None}, "smtp_host", "set HADIR_MAIL_FROM too"),
    ({"message_key_file": None}, "smtp_host", "set HADIR_MESSAGE_KEY_FILE too"),
    ({"public_url": None, "mail_from": None}, "smtp_host", "set HADIR_MAIL_FROM and HADIR_PUBLIC_URL too"),
    ({"smtp_user": "hadir"}, "smtp_host", "set HADIR_SMTP_PASSWORD_FILE too"),
    ({"smtp_host": "mail.b.example:25"}, "smtp_host", "pattern"),
    ({"mail_from": "Hadir <hadir@b.example>\nBcc: a@b.example"}, "mail_from", "write it as Name <name@domain>"),
    ({"mail_reply_to": "a@b.example, c@b.example"}, "mail_reply_to", "write it as Name <name@domain>"),
    ({"smtp_tls": "maybe"}, "smtp_tls", "starttls"),
]


@pytest.mark.parametrize(("changes", "field", "told"), WRONG)
def test_what_is_missing_or_wrong_is_named(tmp_path: Path, changes: dict[str, Any], field: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_of(tmp_path, 25, **changes)
    errors = {str(error["loc"][0]): error["msg"] for error in refused.value.errors()}
    assert list(errors) == [field]
    assert told in errors[field]


def test_a_password_goes_in_the_clear_to_this_machine_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("rahasia\n")
    known: dict[str, Any] = {"smtp_user": "hadir", "smtp_password_file": secret}
    assert settings_of(tmp_path, 25, **known).smtp_password == "rahasia"
    with pytest.raises(ValidationError, match="readable on the way"):
        settings_of(tmp_path, 25, smtp_host="mail.b.example", **known)
    assert (
        settings_of(tmp_path, 25, smtp_host="mail.b.example", smtp_tls="starttls", **known).smtp_tls == "starttls"
    )
