"""The apps of the demonstration ask for what the doors know, and wait as long as they are asked to."""

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from demo.client import Client, Who, retry_after_s


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("120", 30.0),
        ("", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("-1", 0.0),
        ("٢", 0.0),
    ],
)
def test_retry_after_is_read_in_seconds_and_never_without_end(given: str, seconds: float) -> None:
    assert retry_after_s(given) == seconds


async def test_a_list_is_read_to_its_end_with_the_parameters_given_and_no_others() -> None:
    """Doors refuse a parameter that they do not know, and not every list has a `limit`."""
    asked: list[dict[str, str]] = []

    async def door(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        first = "cursor" not in request.query
        return web.json_response({"items": [1, 2] if first else [3], "next": "more" if first else None})

    app = web.Application()
    app.router.add_get("/list", door)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with Client(f"http://{host}:{port}", Ed25519PrivateKey.generate()) as client:
            found = await client.items(Who("bkpsdm"), "/list", {"date": "2025-11-06"})
    finally:
        await runner.cleanup()
    assert found == [1, 2, 3]
    assert asked == [{"date": "2025-11-06"}, {"date": "2025-11-06", "cursor": "more"}]
