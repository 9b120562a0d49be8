"""The door of many decisions: the reports of a team in one call, an answer for each."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ValidationError

from services.reporting.api.figures import Running
from services.reporting.commands import reports as commands
from services.reporting.commands.reports import Reviewed
from services.reporting.domain.reports import ReviewOf, ReviewsIn
from services.reporting.views import reports as views
from services.reporting.views.reports import DecisionView
from shared.access import REVIEW_REPORTS, Principal
from shared.auth import require
from shared.cursors import Page
from shared.http import RefusedItem, unreadable
from shared.messages import Language, language_of
from shared.refusals import Refused

router = APIRouter(prefix="/reporting/v1", tags=["work reports"])


class ReviewedOut(BaseModel):
    """What a decision got: the status that it would have got alone, and the decision as it stands."""

    status: int
    review: DecisionView


class NotReviewedOut(RefusedItem):
    """What a decision got: the status that it would have got alone, and the problem (RFC 9457)."""


@router.post("/reviews")
async def reviews(
    given: ReviewsIn,
    who: Annotated[Principal, Depends(require(REVIEW_REPORTS))],
    service: Running,
    request: Request,
) -> Page[ReviewedOut | NotReviewedOut]:
    """Accept or return up to 200 reports: for each, in order, {status, review} or {status, problem}.

    Each is `{report_id, revision, decision, items?, note?}`, and decided as by the door of a single report, with
    the same status. One that fails holds back no other; exactly the same decision again changes nothing.
    """
    read = [_read(item) for item in given.reviews]
    asked = [(item.report_id, item) for item in read if isinstance(item, ReviewOf)]
    decided = iter(await commands.review_each(service.db, service.clock, who, asked))
    outcomes = [next(decided) if isinstance(item, ReviewOf) else item for item in read]
    language = language_of(request.headers.get("accept-language"))
    return Page[ReviewedOut | NotReviewedOut](items=[_answer(outcome, language) for outcome in outcomes])


def _read(item: object) -> ReviewOf | Refused:
    """As the body of a single decision is read."""
    try:
        return ReviewOf.model_validate(item)
    except ValidationError as error:
        return unreadable(error.errors(include_url=False, include_input=False, include_context=False))


def _answer(outcome: Reviewed | Exception, language: Language) -> ReviewedOut | NotReviewedOut:
    if isinstance(outcome, Reviewed):
        status = 201 if outcome.decided else 200
        return ReviewedOut(status=status, review=views.decided(outcome.report, outcome.review))
    return NotReviewedOut.of(outcome, language)
