"""How charts write SVG: rectangles, lines and words with their colours, patterns and names. Pure."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

WIDTH = 320
"""Units across: a phone shows about one pixel for each, so that letters of 11 units can be read on it."""

INK, MUTED, LINE, CARD = "#1a2023", "#566069", "#dedbd1", "#fffefb"
MET, NOT_MET, UNKNOWN = "#1c7a5d", "#b23a2a", "#b57c12"
_TRACK, _PRESENT = "#e7e4da", "#9cc6b8"
_FONT = "Segoe UI, system-ui, Roboto, Noto Sans, DejaVu Sans, sans-serif"

_PLAIN = {
    "card": CARD,
    "track": _TRACK,
    "met": MET,
    "people": _PRESENT,
    "day-met": "#dcebe4",
    "day-none": _TRACK,
    "fallen": NOT_MET,
}
"""What is filled with one colour."""
_PATTERNED = {
    "unknown": "unknown",
    "maybe": "unknown",
    "short": "short",
    "day-unknown": "faint",
    "day-short": "fall",
}
"""What is filled with a pattern, so that it is told apart without colour."""
_STROKES = {
    "grid": f'stroke="{LINE}"',
    "axis": f'stroke="{MUTED}"',
    "tick": f'stroke="{INK}" stroke-width="3"',
    "value": f'stroke="{INK}" stroke-width="2"',
    "required": f'stroke="{INK}" stroke-width="2"',
    "usual": f'stroke="{MUTED}" stroke-width="2" stroke-dasharray="5 4"',
    "reached": f'stroke="{MET}" stroke-width="2"',
    "limit": f'stroke="{NOT_MET}" stroke-width="2" stroke-dasharray="2 3"',
}


def units(value: float) -> str:
    """A coordinate, to a tenth of a unit."""
    written = f"{value:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written


def places(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{units(x)},{units(y)}" for x, y in points)


def rect(  # noqa: PLR0917 - in the order of SVG
    x: float, y: float, width: float, height: float, name: str, kind: str, *, rx: float = 0
) -> str:
    """A rectangle of a kind: one colour, or a pattern of the chart `name`."""
    pattern = _PATTERNED.get(kind)
    fill = f"url(#{name}-{pattern})" if pattern else _PLAIN[kind]
    round_ = f' rx="{units(rx)}"' if rx else ""
    size = f'width="{units(max(width, 0))}" height="{units(max(height, 0))}"'
    return f'<rect class="c-{kind}" x="{units(x)}" y="{units(y)}" {size}{round_} fill="{fill}"/>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    ends = f'x1="{units(x1)}" y1="{units(y1)}" x2="{units(x2)}" y2="{units(y2)}"'
    return f'<line class="c-{kind}" {ends} {_STROKES[kind]}/>'


def polyline(points: Iterable[tuple[float, float]], kind: str) -> str:
    return f'<polyline class="c-{kind}" points="{places(points)}" fill="none" {_STROKES[kind]}/>'


def polygon(points: Iterable[tuple[float, float]], kind: str) -> str:
    return f'<polygon class="c-{kind}" points="{places(points)}" fill="{_PLAIN[kind]}"/>'


def dot(x: float, y: float, r: float = 2.5) -> str:
    return f'<circle class="c-dot" cx="{units(x)}" cy="{units(y)}" r="{units(r)}" fill="{INK}"/>'


def area(points: Iterable[tuple[float, float]], name: str) -> str:
    """A band of what may be, hatched."""
    return f'<polygon class="c-maybe" points="{places(points)}" fill="url(#{name}-unknown)"/>'


def words(x: float, y: float, said: str, *, anchor: str = "start", strong: bool = False, size: float = 11) -> str:
    """Words with their left, middle or right end at a point: strong ones in ink, others muted."""
    look = f'class="c-strong" fill="{INK}" font-weight="600"' if strong else f'class="c-words" fill="{MUTED}"'
    place = f'x="{units(x)}" y="{units(y)}" font-size="{units(size)}" text-anchor="{anchor}"'
    return f"<text {place} {look}>{escape(said)}</text>"


def samples(each: Sequence[tuple[str, str]], y: float) -> tuple[list[str], float]:
    """(A key in as many lines as it needs from `y` on, where the chart ends): each sample and what it means."""
    drawn: list[str] = []
    x = 2.0
    for sample, said in each:
        wide = 22 + 5.9 * len(said)
        if x > 2 and x + wide > WIDTH:
            x, y = 2.0, y + 16
        drawn += [f'<g transform="translate({units(x)} {units(y)})">{sample}</g>', words(x + 21, y, said)]
        x += wide + 12
    return drawn, y + 6


def document(name: str, height: float, title: str, said: str, body: Iterable[str]) -> Markup:
    """The whole drawing, with its name and what it says for who cannot see it."""
    drawn = "".join(body)
    size = f'width="{WIDTH}" height="{units(height)}" viewBox="0 0 {WIDTH} {units(height)}"'
    told = f'role="img" aria-labelledby="{name}-t {name}-d"'
    return Markup(  # noqa: S704 - every word of others is escaped here or by `words`
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" {size} {told} font-family="{_FONT}">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(said)}</desc>'
        f"<defs>{_patterns(name, drawn)}</defs>{drawn}</svg>"
    )


def _patterns(name: str, drawn: str) -> str:
    """Oblique lines for what is not known, a grid of them for what was short, both fainter for whole dates; those
    that are used."""
    kinds = (
        ("unknown", 5, _TRACK, UNKNOWN, "M0 5L5 0M-1 1L1 -1M4 6L6 4", 1.6),
        ("short", 5, CARD, NOT_MET, "M0 0L5 5M0 5L5 0", 1.6),
        ("faint", 7, CARD, "#e3cf9f", "M0 7L7 0M-1 1L1 -1M6 8L8 6", 1.4),
        ("fall", 7, "#faeae6", "#efc9c1", "M0 0L7 7M0 7L7 0", 1.2),
    )
    return "".join(
        f'<pattern id="{name}-{kind}" width="{size}" height="{size}" patternUnits="userSpaceOnUse">'
        f'<rect class="p-{kind}-back" width="{size}" height="{size}" fill="{back}"/>'
        f'<path class="p-{kind}" d="{path}" stroke="{colour}" stroke-width="{stroke}" fill="none"/></pattern>'
        for kind, size, back, colour, path, stroke in kinds
        if f"#{name}-{kind})" in drawn
    )
