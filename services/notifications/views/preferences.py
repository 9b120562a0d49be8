"""What a person asked for, and what there is to choose from."""

from uuid import UUID

from pydantic import BaseModel

from services.notifications.domain.kinds import KINDS, Channel, ToldKind
from services.notifications.store import preferences as store
from shared.database import Tx
from shared.messages import Language, language_of, text


class KindOut(BaseModel):
    """A kind of message, in the reader's words."""

    kind: ToldKind
    title: str


class PreferencesOut(BaseModel):
    """What a person asked for, and the kinds there are. `language` null: what their client asks for."""

    language: Language | None
    muted_channels: list[Channel]
    muted_kinds: list[ToldKind]
    kinds: list[KindOut]


async def shown(tx: Tx, employee_id: UUID, accept_language: str | None) -> PreferencesOut:
    """What a person asked for; the defaults if they never did."""
    asked = await store.of(tx, employee_id)
    language = asked.language or language_of(accept_language)
    kinds = [KindOut(kind=kind, title=text(f"notification.kind.{kind}", language)) for kind in KINDS]
    return PreferencesOut.model_validate({**asked.model_dump(), "kinds": kinds})
