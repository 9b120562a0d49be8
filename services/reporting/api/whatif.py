"""The door of questions: what other rules, or another policy, would have made of past dates."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from services.reporting.api.figures import Running
from services.reporting.api.periods import checked
from services.reporting.domain.periods import Period
from services.reporting.domain.whatif import LONGEST_DAYS, Question
from services.reporting.views import whatif as views
from services.reporting.views.whatif import WhatIf
from shared.access import ASK_WHAT_IF, Principal
from shared.auth import require
from shared.messages import language_of

router = APIRouter(prefix="/reporting/v1", tags=["what-if"])


@router.post("/what-if")
async def ask(
    question: Question,
    _: Annotated[Principal, Depends(require(ASK_WHAT_IF))],
    service: Running,
    request: Request,
) -> WhatIf:
    """What past dates would have come to, beside what they came to: duties, counters and output, with bounds.

    For BKPSDM and auditors, at most 31 days. A question: nothing is stored, and nobody is told. Other `rules`
    judge the same records; a `policy` sends people home who were at the office, and the counters lose them. 409
    while another question is being worked out.
    """
    span = await checked(service, Period(question.first, question.last), question.as_of, LONGEST_DAYS)
    language = language_of(request.headers.get("accept-language"))
    return await views.answer(service.db, question, span.period, span.as_of, language)
