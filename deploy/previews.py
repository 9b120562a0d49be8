"""What each message says, for proofreading: `docs/messages/`, a page and a letter for each language.

Run this module to write them (`make schemas` does); a test compares them. The messages are made up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from services.notifications.channels import gateway
from services.notifications.domain.rules import shipped
from services.notifications.domain.samples import SAMPLES, Sample
from services.notifications.views import push
from services.notifications.views.letters import Letter, letter
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
    if "email" in shipped().kinds[sample.kind].channels:
        mail = letter_of([sample], language)
        yield "```text"
        yield f"Subject: {mail.subject}"
        yield ""
        yield mail.text.rstrip()
        yield "```"
        yield ""
    yield "```json"
    yield push.payload([words]).decode()
    yield "```"
    yield ""


@dataclass(frozen=True)
class _Bundle:
    """What a reader gets at once."""

    messages: Sequence[Worded]
    recipient: UUID


def letter_of(samples: Sequence[Sample], language: Language) -> Letter:
    """Samples as one e-mail; its links stand for those that only their reader gets."""
    bundle = _Bundle([worded_as(sample, language) for sample in samples], UUID(int=1))
    subscribed = any(sample.read_by == "subscription" for sample in samples)
    return letter(
        bundle, BASE_URL, lambda said: f"{BASE_URL}/{type(said).__name__.lower()}", fixed=(), subscribed=subscribed
    )


def files(language: Language) -> dict[Path, str]:
    """The files of a language: the page of all messages, and two of them as the letter that a reader draws."""
    first = [
        next(sample for sample in SAMPLES if sample.kind == kind) for kind in ("schedule.changed", "counter.short")
    ]
    return {
        FOLDER / f"{language}.md": page(language),
        FOLDER / f"letter.{language}.html": letter_of(first, language).html,
    }


def page(language: Language) -> str:
    """The file of a language, byte for byte."""
    rules = shipped().kinds
    lines = [
        f"# Messages, in {'Bahasa Indonesia' if language == 'id' else 'English'}",
        "",
        "Written by `make schemas`; every person, counter and figure in it is made up. For each: title, text, why",
        "it came, which page it opens, and what a telephone, a mailbox and a browser are sent. The words stand in",
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
        for path, written in files(language).items():
            path.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
