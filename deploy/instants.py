"""Instants as a person types them."""

import datetime as dt

import typer


def instant(text: str | None, option: str) -> dt.datetime | None:
    """What an option says; None where it was not given. Raises BadParameter for what has no offset, or is none."""
    if text is None:
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter(f"{text} is no time: write 2026-01-31T07:30+07:00", param_hint=option)
    return found
