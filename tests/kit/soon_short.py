"""A counter that opens in a few minutes, and nobody is planned there: that it will fall short is said of it.

Of the played day that is luck. The forecast looks every quarter of a minute by the clock on the wall, and hours of
the day go by between two looks; so this is asked for when the day is over and the clock goes at its usual speed.
"""

import asyncio
import datetime as dt
from pathlib import Path

from demo.city import City
from demo.client import Client, Who
from demo.script import officers
from shared.auth import load_private_key
from shared.dates import WIB

SOON = dt.timedelta(minutes=10)
OPEN_FOR = dt.timedelta(hours=1)


def opens_soon(http: str, key: Path, city: City, now: dt.datetime) -> None:
    """The last counter of the city opens, every day from that of the business time `now` on, and only then."""
    opens = (now + SOON).astimezone(WIB)
    closes = opens + OPEN_FOR
    until = f"{closes:%H:%M}" if closes.date() == opens.date() else "24:00"
    unit = list(city.service_points())[-1]
    line = f"{unit.unit_id},{opens:%Y-%m-%d},0;1;2;3;4;5;6,{opens:%H:%M},{until},1,true"
    head = "unit_id,effective_from,weekdays,opens,closes,min_staff,on_holidays"

    async def send() -> None:
        async with Client(http, load_private_key(key)) as client:
            officer = Who("bkpsdm", officers(city)[0])
            await client.call(officer, "POST", "/scheduling/v1/imports/requirements", text=f"{head}\n{line}\n")

    asyncio.run(send())
