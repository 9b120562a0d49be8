"""By what a receipt is verified, by anyone and without us."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.attendance.api import PREFIX
from shared.receipts import ReceiptKeys
from shared.signing import KeyOut

router = APIRouter(prefix=PREFIX)


class KeysOut(BaseModel):
    """The keys that receipts are or were signed with, the present one first."""

    keys: list[KeyOut]


@router.get("/receipt-keys")
async def keys(request: Request) -> KeysOut:
    """The public keys of receipts, without sign-in: what they prove is for everybody to see."""
    held: ReceiptKeys | None = request.app.state.receipts
    return KeysOut(keys=[KeyOut.model_validate(key) for key in (held.jwks() if held else [])])
