"""Work reports, the fact tables, and every view computed from them."""

from pathlib import Path

from shared import messages

_HERE = Path(__file__).parent

messages.add(_HERE / "messages.toml")
messages.add(_HERE / "views" / "packs" / "texts.toml")
for texts in sorted((_HERE / "api" / "pages" / "texts").glob("*.toml")):
    messages.add(texts)
