"""The council is shown no figures of few people: not by a door, not on the board, not in the stream."""

import asyncio
import json
import re
from typing import Any

from tests.kit.reporting import OPD, OTHER_OPD, Running


async def test_an_opd_of_one_is_withheld_from_the_council_everywhere_and_from_nobody_else(
    service: Running,
) -> None:
    async with service.caller("bkpsdm") as bkpsdm:
        exact = {row["opd_code"]: row for row in (await bkpsdm.get("/reporting/v1/opds")).json()["items"]}
        assert (exact[OPD]["employees"], exact[OTHER_OPD]["employees"]) == (5, 1)
        assert exact[OTHER_OPD]["duties"]["on_time"]["not_met"] == 1
    async with service.caller("council") as council:
        listed = (await council.get("/reporting/v1/opds")).json()["items"]
        city = (await council.get("/reporting/v1/city")).json()
        told: dict[str, Any] = {}
        async with asyncio.timeout(20), council.stream("GET", "/reporting/v1/stream") as stream:
            view = ""
            async for line in stream.aiter_lines():
                view = line.removeprefix("event: ") if line.startswith("event: ") else view
                if line.startswith("data: "):
                    told[view] = json.loads(line.removeprefix("data: "))
                if {"city", "opds"} <= told.keys():
                    break
    for rows in (listed, told["opds"]["items"]):
        # The other OPD has five people, but the city less five would say what the one did.
        assert [(row["opd_code"], row["employees"]) for row in rows] == [(OTHER_OPD, None), (OPD, None)]
        assert all(row["duties"]["on_time"]["met"] is None for row in rows)
        assert all(row["coverage"]["open"] == 1 for row in rows)
    for view in (city, told["city"]):
        assert view["employees"] == 6
        assert view["modes"]["LEAVE"] is None
        assert view["duties"]["on_time"]["rate"] is None


async def test_the_board_of_the_council_is_drawn_without_them(service: Running) -> None:
    from tests.integration.reporting.test_sign_in import opened

    async with service.caller("council") as browser:
        browser.headers.pop("authorization")
        await opened(service, browser)
        page = (await browser.get("/reporting/")).text
    row = page[page.index(f'data-opd-code="{OTHER_OPD}"') :]
    cells = re.findall(r'data-cell="(?:employees|on_time)"[^>]*>(?:<span class="v">)?([^<]*)', row)
    assert cells[:2] == ["–", "–"]
