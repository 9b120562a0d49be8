"""Calls for help and their answers, as the walk of all doors asks for them (see tests/kit/walk.py)."""

from collections.abc import Mapping
from uuid import uuid4

from tests.kit.walk import Body, told

CALLING: Mapping[str, Body] = {
    "POST /notifications/v1/me/alerts/{notification_id}/calls": told(
        lambda _, target: {"call_id": str(uuid4()), "employee_id": str(target.employee)}
    ),
    "POST /notifications/v1/me/inbox/{notification_id}/answer": told(lambda _, __: {"answer": "yes"}),
}
