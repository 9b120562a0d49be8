"""Work reports, the fact tables, and every view computed from them."""

from pathlib import Path

from shared import messages

messages.add(Path(__file__).with_name("messages.toml"))
