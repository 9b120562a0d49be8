"""What may be asked of other rules and policies."""

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from services.reporting.domain.whatif import Question, assumed

ASKED: dict[str, Any] = {"from": "2025-11-03", "to": "2025-11-28"}


def test_a_question_supposes_rules_a_policy_or_both() -> None:
    rules = Question.model_validate({**ASKED, "rules": {"tolerance_minutes": 0}})
    both = Question.model_validate({**ASKED, "rules": {"report_modes": []}, "policy": {"weekdays": [3]}})
    assert (rules.first, rules.last, rules.opd_codes) == (dt.date(2025, 11, 3), dt.date(2025, 11, 28), None)
    assert assumed(rules) == ["same_record"]
    assert assumed(both) == ["same_record", "nobody_back", "output_as_it_was", "turns_by_id"]
    assert both.policy is not None
    assert (both.policy.share, both.policy.turns) == (1, "daily")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"rules": {}},
        {"rules": {"tolerance_minutes": -1}},
        {"rules": {"tolerance_minutes": "5"}},
        {"rules": {"tolerance_minutes": 1441}},
        {"rules": {"report_modes": ["HOME"]}},
        {"rules": {"report_cutoff": "24:00"}},
        {"rules": {"report_cutoff": "9:00"}},
        {"rules": {"review_sla_working_days": 367}},
        {"policy": {"share": 0}},
        {"policy": {"share": 1.01}},
        {"policy": {"weekdays": []}},
        {"policy": {"weekdays": [7]}},
        {"policy": {"turns": "monthly"}},
        {"policy": {"share": 0.5}, "opd_codes": []},
        {"policy": {"share": 0.5}, "available_minutes": 0},
        {"policy": {"share": 0.5}, "publish": True},
    ],
)
def test_what_supposes_nothing_or_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Question.model_validate({**ASKED, **wrong})
