"""What each message says, for proofreading: `docs/messages/`, a page for each language.

Run this module to write them (`make schemas` does); a test compares them. The messages are made up.
"""

from collections.abc import Iterator
from pathlib import Path

from services.notifications.channels import gateway
from services.notifications.domain.rules import shipped
from services.notifications.domain.samples import SAMPLES, Sample
from services.notifications.views.wording import Worded, worded
from shared.messages import LANGUAGES, Language, text

FOLDER = Path(__file__).parents[1] / "docs" / "messages"
BASE_URL = "https://hadir.example"


def worded_as(sample: Sample, language: Language) -> Worded:
    """A sample in words, by the rules that are shipped."""
    rule = shipped().kinds[sample.kind]
    return worded(sample, language, rule, subscribed=sample.read_by == "subscription")


def preview(sample: Sample, language: Language) -> Iterator[str]:
    """A sample as its reader gets it, in lines of Markdown."""
    words = worded_as(sample, language)
    yield f"### `{sample.kind}` {sample.name}"
    yield ""
    yield f"**{words.title}**"
    yield ""
    yield words.text
    yield ""
    yield f"_{words.why}_"
    yield ""
    yield f"Link: `{words.link}`"
    yield ""
    yield "```text"
    yield gateway.written([words], BASE_URL)
    yield "```"
    yield ""


def page(language: Language) -> str:
    """The file of a language, byte for byte."""
    rules = shipped().kinds
    lines = [
        f"# Messages, in {'Bahasa Indonesia' if language == 'id' else 'English'}",
        "",
        "Written by `make schemas`; every person, counter and figure in it is made up. For each: title, text, why",
        "it came, which page it opens, and what a telephone is sent. The words stand in",
        "`services/notifications/messages.toml`.",
        "",
    ]
    kind = None
    for sample in SAMPLES:
        if sample.kind != kind:
            kind = sample.kind
            rule = rules[kind]
            lines += [f"## {text(f'notification.kind.{kind}', language)}", ""]
            lines += [f"Shipped: to {', '.join(rule.to)}; by {', '.join(rule.channels)}.", ""]
        lines += preview(sample, language)
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for language in LANGUAGES:
        (FOLDER / f"{language}.md").write_text(page(language), encoding="utf-8")


if __name__ == "__main__":
    main()
