"""What makes the pages of staff an app: its manifest, its worker, and the page that it shows without a network."""

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from services.reporting.api.pages.app.reader import SCRIPT_WORDS, pages
from services.reporting.api.pages.page import APP, HEADERS, HOME, VERSION, reader_language, script_words, show
from shared.messages import text

router = pages()

FILES = f"{HOME}static/{VERSION}/"
COLOUR = "#0b5d57"
BACKGROUND = "#f5f4ef"


@router.get("/manifest.webmanifest")
async def manifest(request: Request) -> JSONResponse:
    """What a phone needs to install the app (W3C, Web Application Manifest)."""
    language = reader_language(request)
    icons = [
        {"src": f"{FILES}app/icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for size in (192, 512)
        for purpose in ("any", "maskable")
    ]
    shortcuts = [
        {"name": text(f"app.nav.{place}", language), "url": f"{APP}{place}/"} for place in ("report", "days")
    ]
    return JSONResponse(
        {
            "id": APP,
            "start_url": APP,
            "scope": APP,
            "name": text("app.install.name", language),
            "short_name": "Hadir",
            "lang": language,
            "display": "standalone",
            "background_color": BACKGROUND,
            "theme_color": COLOUR,
            "icons": icons,
            "shortcuts": shortcuts,
        },
        media_type="application/manifest+json",
        headers={"Cache-Control": "no-cache"},
    )


@router.get("/sw.js")
async def worker() -> Response:
    """The worker. Its text changes with every file of the pages, so that browsers take the new one."""
    script = "".join(f'import "{FILES}app/{name}.js";\n' for name in ("offline", "sync", "push-worker"))
    headers = {**HEADERS, "Cache-Control": "no-cache"}
    return Response(script, media_type="text/javascript", headers=headers)


@router.get("/offline", response_class=HTMLResponse)
async def offline(request: Request) -> HTMLResponse:
    """The page without a network: the same for everybody, so that a phone may keep it."""
    words = script_words(reader_language(request), "app", SCRIPT_WORDS)
    return show(request, "app/offline.html", area="app", words=words, app=APP)
