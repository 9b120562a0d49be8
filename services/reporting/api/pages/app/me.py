"""The account: language, what one wants to be told, the calendar, installing, signing out."""

from fastapi.responses import HTMLResponse

from services.reporting.api.pages.app.reader import Staff, pages
from services.reporting.views import own_days

router = pages()

WORDS = (
    *("calendar.copied", "preferences.here", "push.is_on", "push.system_off", "push.unsupported"),
    *("push.install_first", "push.denied", "push.failed", "push.this", "push.remove_named"),
)


@router.get("/me/", response_class=HTMLResponse)
async def me(reader: Staff) -> HTMLResponse:
    async with reader.service.db.read() as tx:
        name = await own_days.name_of(tx, reader.me)
    return reader.show("me.html", "me", words=WORDS, name=name)
