"""The door of ratings: what a result and a behaviour would come to. Nothing is stored, and nobody is rated."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.reporting.domain.ratings import Measured, Rating, rating
from shared.auth import Caller
from shared.messages import language_of, text

router = APIRouter(prefix="/reporting/v1", tags=["ratings"])


class RatingPreview(BaseModel):
    """A rating, and what it is called in the reader's language."""

    result: Measured
    behaviour: Measured
    rating: Rating
    name: str


@router.get("/ratings/preview")
async def preview(result: Measured, behaviour: Measured, _: Caller, request: Request) -> RatingPreview:
    """The rating that a result and a behaviour, each against expectation, come to. For everyone signed in."""
    rated = rating(result, behaviour)
    language = language_of(request.headers.get("accept-language"))
    return RatingPreview(result=result, behaviour=behaviour, rating=rated, name=text(f"rating.{rated}", language))
