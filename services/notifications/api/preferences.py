"""What a person wants to hear, and by which channel. Nobody reads or changes another's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, ConfigDict, Field

from services.notifications.commands import preferences
from services.notifications.domain.kinds import CHANNELS, KINDS, Channel, Kind
from services.notifications.domain.preferences import Muted
from services.notifications.views import preferences as views
from services.notifications.views.preferences import PreferencesOut
from shared.auth import Employee
from shared.messages import Language
from shared.service import Service, service_of

router = APIRouter(prefix="/notifications/v1", tags=["notifications"])

Running = Annotated[Service, Depends(service_of)]
AcceptLanguage = Annotated[str | None, Header()]


class Preferences(BaseModel):
    """What a person asks for. `language` null: what their client asks for.

    `muted_kinds` are turned off by every channel, `muted_channels` for every kind, `muted` one by one.
    """

    model_config = ConfigDict(extra="forbid")

    language: Language | None = None
    muted_channels: list[Channel] = []
    muted_kinds: list[Kind] = []
    muted: Annotated[list[Muted], Field(max_length=len(KINDS) * len(CHANNELS))] = []


@router.get("/me/preferences")
async def read_preferences(
    me: Employee, service: Running, accept_language: AcceptLanguage = None
) -> PreferencesOut:
    """What I asked for, and the kinds of message there are, each by its channels."""
    async with service.db.read() as tx:
        return await views.shown(tx, me, accept_language)


@router.put("/me/preferences")
async def set_preferences(
    wanted: Preferences, me: Employee, service: Running, accept_language: AcceptLanguage = None
) -> PreferencesOut:
    """Ask for something else, as a whole. A message that comes while muted is never shown, not even later.

    What has to be acted on cannot be turned off in the inbox: 422, and the field says which.
    """
    async with service.db.transaction() as tx:
        await preferences.ask(
            tx,
            me,
            language=wanted.language,
            muted_channels=wanted.muted_channels,
            muted_kinds=wanted.muted_kinds,
            muted=wanted.muted,
        )
        return await views.shown(tx, me, accept_language)
