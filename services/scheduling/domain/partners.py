"""Colleagues to swap with, shown by mode and date alone. Pure."""

import datetime as dt
import hashlib
import hmac
from uuid import UUID


def handle(key: bytes, asker: UUID, partner: UUID, my_date: dt.date, their_date: dt.date) -> str:
    """What stands for a colleague in the list of one asker, for one pair of dates.

    It tells who it is to nobody who has not the key, and of two handles nobody can tell whether they are the same
    person's: asker and dates are part of it.
    """
    message = f"{asker} {partner} {my_date} {their_date}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:32]


def is_handle(given: str, right: str) -> bool:
    """Whether both are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode(), right.encode())
