"""A link that signs a browser in to the board of a running system."""

from urllib.parse import urljoin

import httpx


class LinkFailed(Exception):
    """The system did not make a link. The text says what to do."""


def sign_in_link(http: str, token: str) -> str:
    """A link for whom `token` stands, good once and for ten minutes. Raises LinkFailed."""
    try:
        answer = httpx.post(
            f"{http}/reporting/v1/sign-in-links",
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
            trust_env=False,
        )
        answer.raise_for_status()
        return urljoin(http, str(answer.json()["url"]))
    except (httpx.HTTPError, ValueError, KeyError) as error:
        hint = "See that the system runs, then try again"
        raise LinkFailed(f"{http} makes no sign-in link: {error}. {hint}") from error
