"""Which dates may still be written to: those of which reports are kept."""

import datetime as dt
from typing import Annotated

from fastapi import Depends

from services.reporting.api.figures import Running
from services.reporting.domain.kept import check_kept
from shared.dates import local_date
from shared.events.base import Date


def written_date(work_date: Date, service: Running) -> dt.date:
    """FastAPI dependency: the work date of a door that stores what somebody wrote about it.

    Raises Missing for a date of which nothing is kept: it would be deleted within the hour.
    """
    check_kept(work_date, local_date(service.clock.now()), service.settings.keep_reports_months)
    return work_date


WrittenDate = Annotated[dt.date, Depends(written_date)]
